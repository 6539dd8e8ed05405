//! Treatment files: looked up in the folder for treatments, else among the shipped ones.

mod files;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use media::audio::{self, Clip};

pub use files::{FILES_MAX, TreatmentFile};

/// Decoded files kept in memory; the least useful one goes when a new one comes.
const CACHED_MAX: usize = 256;

/// Why a treatment cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// The name leaves the folder for treatments.
    #[error("a treatment must be a file below the folder for treatments")]
    Outside,
    /// No such file.
    #[error("there is no such treatment file")]
    Missing,
    /// The file is larger than so many bytes.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// The file cannot be read.
    #[error("the treatment file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The name is none that a file of ours may have.
    #[error("a name has letters, digits, spaces, - _ . and /, no part of it begins with a dot")]
    BadName,
    /// The folder holds as many files as it may.
    #[error("the folder for treatments holds {FILES_MAX} files already")]
    TooMany,
    /// The file cannot be written or removed.
    #[error("the folder for treatments cannot be written")]
    Unwritable(#[source] std::io::Error),
    /// The file is no audio that we know.
    #[error("the treatment file cannot be decoded")]
    Undecodable(#[source] audio::LoadError),
}

fn unreadable(error: std::io::Error) -> PlaybackError {
    match error.kind() {
        std::io::ErrorKind::NotFound => PlaybackError::Missing,
        _ => PlaybackError::Unreadable(error),
    }
}

/// Loads and keeps treatment files.
#[derive(Debug)]
pub struct Library {
    dir: PathBuf,
    cache: Mutex<HashMap<String, (Option<SystemTime>, Clip)>>,
}

impl Library {
    /// A library over the folder `media.treatments_dir`.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            cache: Mutex::new(HashMap::new()),
        }
    }

    /// The clip of a bare file name; a changed file is read again. Reads from disk: call it where
    /// blocking for a few milliseconds is allowed.
    ///
    /// # Errors
    /// [`PlaybackError`] when there is no such file or it is no audio.
    pub fn get(&self, name: &str) -> Result<Clip, PlaybackError> {
        let path = self.path(name)?;
        let changed = std::fs::metadata(&path)
            .and_then(|meta| meta.modified())
            .ok();
        {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((stamp, clip)) = cache.get(name)
                && *stamp == changed
            {
                return Ok(clip.clone());
            }
        }
        let clip = match std::fs::read(&path) {
            Ok(bytes) => audio::load(&bytes, name).map_err(PlaybackError::Undecodable)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                audio::shipped(name).ok_or(PlaybackError::Missing)?
            }
            Err(error) => return Err(PlaybackError::Unreadable(error)),
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        cache.insert(name.to_owned(), (changed, clip.clone()));
        Ok(clip)
    }

    /// A text file of the folder, at most `max` bytes. Reads from disk like [`Library::get`].
    ///
    /// # Errors
    /// [`PlaybackError`] when there is no such file or it is no text of that size.
    pub fn text(&self, name: &str, max: u64) -> Result<String, PlaybackError> {
        let file = std::fs::File::open(self.path(name)?).map_err(unreadable)?;
        let mut text = String::new();
        let length = file.take(max + 1).read_to_string(&mut text);
        match length.map_err(unreadable)? as u64 {
            length if length > max => Err(PlaybackError::TooLarge(max)),
            _ => Ok(text),
        }
    }

    /// Where a file of this name lies.
    fn path(&self, name: &str) -> Result<PathBuf, PlaybackError> {
        let relative = Path::new(name);
        let mut parts = relative.components();
        if parts.any(|part| !matches!(part, Component::Normal(_))) {
            return Err(PlaybackError::Outside);
        }
        Ok(self.dir.join(relative))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_files_play_without_a_folder() {
        let library = Library::new(PathBuf::from("does-not-exist"));
        assert!(library.get("next_customer_rep.wav").unwrap().duration_ms() > 1000);
        assert!(matches!(
            library.get("other.wav"),
            Err(PlaybackError::Missing)
        ));
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let library = Library::new(PathBuf::from("does-not-exist"));
        for name in ["../secret.wav", "/etc/passwd", "a/../../b.wav"] {
            assert!(
                matches!(library.get(name), Err(PlaybackError::Outside)),
                "{name}"
            );
        }
    }
}
