//! The folder for treatments as operators keep it.

use std::collections::HashMap;
use std::time::SystemTime;

use callback::{Error, ErrorCode, Timestamp};
use telephony::playback::PlaybackError;

use super::Engine;
use super::publishing::played;
use crate::limits;
use crate::treatment::because;

/// A treatment file as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreatmentView {
    /// Its name as options say it.
    pub name: String,
    /// Size; 0 for one that is shipped.
    pub bytes: u64,
    /// Last change.
    pub changed: Option<Timestamp>,
    /// Length, ms; absent when it cannot be played, or with very many files.
    pub ms: Option<u64>,
    /// Why it cannot be played.
    pub problem: Option<String>,
    /// It comes with the program.
    pub shipped: bool,
    /// Services that name it.
    pub used_by: Vec<String>,
}

impl Engine {
    /// Every treatment file by name, shipped ones included.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn treatments(&self) -> Result<Vec<TreatmentView>, Error> {
        let library = self.inner.plugins.treatments.library();
        let listed = blocking(move || {
            let files = library.list()?;
            // Decoded files are kept up to a bound; beyond it each look would decode them again.
            let few = files.len() <= limits::TREATMENTS_CACHED_MAX / 2;
            let views = files.into_iter().map(|file| {
                let clip = few.then(|| library.get(&file.name));
                TreatmentView {
                    ms: clip
                        .as_ref()
                        .and_then(|clip| clip.as_ref().ok())
                        .map(telephony::media::audio::Clip::duration_ms),
                    problem: clip.and_then(Result::err).map(|error| because(&error)),
                    changed: file.changed.and_then(timestamp),
                    name: file.name,
                    bytes: file.bytes,
                    shipped: file.shipped,
                    used_by: Vec::new(),
                }
            });
            Ok(views.collect())
        });
        let mut views: Vec<TreatmentView> = listed.await?;
        let mut users = self.users_of_treatments();
        for view in &mut views {
            view.used_by = users.remove(&view.name).unwrap_or_default();
        }
        Ok(views)
    }

    /// A treatment as it is played, as a WAV file.
    ///
    /// # Errors
    /// There is no such file, or it cannot be played.
    pub async fn treatment_wav(&self, name: &str) -> Result<Vec<u8>, Error> {
        let (library, name) = (self.inner.plugins.treatments.library(), name.to_owned());
        blocking(move || library.get(&name).map(|clip| clip.to_wav())).await
    }

    /// Puts a file into the folder for treatments, or in place of one; gives its length, ms.
    ///
    /// # Errors
    /// The name, the format, or the folder takes no writes.
    pub async fn put_treatment(&self, name: &str, bytes: Vec<u8>) -> Result<u64, Error> {
        let (library, name) = (self.inner.plugins.treatments.library(), name.to_owned());
        blocking(move || library.put(&name, &bytes).map(|clip| clip.duration_ms())).await
    }

    /// Removes a file from the folder for treatments.
    ///
    /// # Errors
    /// There is no such file, or a service names it and nothing shipped has its name.
    pub async fn remove_treatment(&self, name: &str) -> Result<(), Error> {
        let users = self.users_of_treatments().remove(name).unwrap_or_default();
        let is_shipped = telephony::media::audio::SHIPPED.contains(&name);
        if !users.is_empty() && !is_shipped {
            let message = format!("It is in use by: {}", users.join(", "));
            return Err(Error::new(ErrorCode::Conflict, message));
        }
        let (library, name) = (self.inner.plugins.treatments.library(), name.to_owned());
        blocking(move || library.remove(&name)).await
    }

    /// Names of the services by the files that their options name.
    fn users_of_treatments(&self) -> HashMap<String, Vec<String>> {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        for service in self.services() {
            let name = service.name.to_string();
            for (_, file) in played(&service) {
                let users = users.entry(file).or_default();
                // It may name the file twice.
                if users.last() != Some(&name) {
                    users.push(name.clone());
                }
            }
        }
        users
    }
}

/// Works on files where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlaybackError> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| {
        tracing::error!(%error, "work on a treatment panicked");
        Error::new(ErrorCode::Internal, "The treatment cannot be read")
    })?;
    done.map_err(|error| {
        let code = match error {
            PlaybackError::Missing | PlaybackError::Outside => ErrorCode::NotFound,
            PlaybackError::Undecodable(_) | PlaybackError::BadName | PlaybackError::TooLarge(_) => {
                ErrorCode::BadParameter
            }
            PlaybackError::TooMany => ErrorCode::Conflict,
            PlaybackError::Unreadable(_) | PlaybackError::Unwritable(_) => ErrorCode::NotReady,
        };
        Error::new(code, because(&error))
    })
}

fn timestamp(at: SystemTime) -> Option<Timestamp> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Timestamp)
}
