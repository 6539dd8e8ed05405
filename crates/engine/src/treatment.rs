//! Finds the audio of a treatment: files from the library, URLs over HTTP with revalidation.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callback::CallbackId;
use telephony::media::audio::{self, Clip};
use telephony::playback::{Library, PlaybackError};

use crate::freshness::freshness;
use crate::{limits, notify};

/// A fetched clip with what revalidates it.
#[derive(Clone, Debug)]
struct Fetched {
    etag: Option<String>,
    modified: Option<String>,
    clip: Clip,
    /// When it came, ms, and how long it is fresh then, s; none when nobody looked.
    since: Option<(i64, i64)>,
}

/// Which kept copy may be used without asking.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copies {
    /// ms.
    pub(crate) now_ms: i64,
    /// Not older, s.
    pub(crate) max_age_s: Option<u64>,
    /// Beyond its time at most so long, s.
    pub(crate) max_stale_s: Option<u64>,
}

impl Copies {
    fn take(self, fetched: &Fetched) -> bool {
        let Some((at_ms, fresh_s)) = fetched.since else {
            return false;
        };
        let age_s = (self.now_ms - at_ms).max(0) / 1_000;
        let signed = |s: u64| i64::try_from(s).unwrap_or(i64::MAX);
        let stale_s = self.max_stale_s.map_or(0, signed);
        let young = self.max_age_s.is_none_or(|max| age_s < signed(max));
        young && age_s < fresh_s.saturating_add(stale_s)
    }
}

/// It is an address on the web and no file.
pub(crate) fn is_remote(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// For whom a treatment is looked for; the log names them.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) callback: CallbackId,
    /// Name of the service; empty where it is not known.
    pub(crate) service: String,
}

/// An error with its cause.
pub(crate) fn because(error: &PlaybackError) -> String {
    std::error::Error::source(error)
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Source of all treatments.
#[derive(Clone, Debug)]
pub(crate) struct Treatments {
    library: Arc<Library>,
    client: reqwest::Client,
    fetched: Arc<Mutex<HashMap<String, Fetched>>>,
}

impl Treatments {
    /// Treatments below `dir` and over HTTP.
    pub(crate) fn new(dir: PathBuf) -> Result<Self, reqwest::Error> {
        Self::with_timeout(dir, limits::TREATMENT_TIMEOUT)
    }

    fn with_timeout(dir: PathBuf, timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::custom(redirect))
            .no_proxy()
            .dns_resolver(notify::operators_resolver())
            .build()?;
        Ok(Self {
            library: Arc::new(Library::new(dir)),
            client,
            fetched: Arc::default(),
        })
    }

    /// The folder of files.
    pub(crate) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.library)
    }

    /// The clip of a file or URL for a callback of a service.
    ///
    /// # Errors
    /// Why it cannot be had, after a warning; it counts as played then.
    pub(crate) async fn find(&self, source: &str, asks: &Asks) -> Result<Clip, String> {
        if is_remote(source) {
            self.remote(source, asks, None).await
        } else {
            self.local(source, asks).await
        }
    }

    /// The clip of a URL; one that is kept and fresh as its server says is not asked for.
    pub(crate) async fn find_kept(
        &self,
        source: &str,
        asks: &Asks,
        copies: Copies,
    ) -> Result<Clip, String> {
        let kept = self.lock().get(source).cloned();
        match kept.filter(|kept| copies.take(kept)) {
            Some(kept) => Ok(kept.clip),
            None => self.remote(source, asks, Some(copies.now_ms)).await,
        }
    }

    /// A text file beside the treatments, at most `max` bytes.
    pub(crate) async fn text(&self, name: &str, max: u64) -> Result<String, String> {
        let (library, file) = (Arc::clone(&self.library), name.to_owned());
        let read = tokio::task::spawn_blocking(move || library.text(&file, max)).await;
        let read = read.map_err(|_panic| "reading it panicked".to_owned())?;
        read.map_err(|error| because(&error))
    }

    /// What is wrong with a file of the folder; `None` when it can be played, and for URLs.
    pub(crate) fn wrong_with(&self, source: &str) -> Option<String> {
        if is_remote(source) {
            return None;
        }
        self.library.get(source).err().map(|error| because(&error))
    }

    /// A local file's clip; read and decoded on a thread that may block.
    async fn local(&self, source: &str, asks: &Asks) -> Result<Clip, String> {
        let (library, name) = (Arc::clone(&self.library), source.to_owned());
        let read = tokio::task::spawn_blocking(move || library.get(&name)).await;
        let found = read.map_err(|error| {
            tracing::error!(treatment = source, %error, "reading a treatment panicked");
            "reading it failed".to_owned()
        })?;
        found.map_err(|error| {
            let error = because(&error);
            let Asks { callback, service } = asks;
            tracing::warn!(
                callback.id = %callback,
                service,
                treatment = source,
                error,
                "a treatment is skipped"
            );
            error
        })
    }

    /// A remote file's clip; the kept one when it cannot be fetched now.
    async fn remote(&self, source: &str, asks: &Asks, now_ms: Option<i64>) -> Result<Clip, String> {
        match self.fetch(source, now_ms).await {
            Ok(clip) => Ok(clip),
            Err(error) => {
                let kept = self.lock().get(source).map(|fetched| fetched.clip.clone());
                let Asks { callback, service } = asks;
                tracing::warn!(
                    callback.id = %callback,
                    service,
                    treatment = callback::mask::url(source),
                    error,
                    kept = kept.is_some(),
                    "a treatment cannot be fetched"
                );
                kept.ok_or(error)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Fetched>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self, source: &str, now_ms: Option<i64>) -> Result<Clip, String> {
        notify::check_operators_url(source)?;
        let known = self.lock().get(source).cloned();
        let mut request = self.client.get(source);
        if let Some(known) = &known {
            if let Some(etag) = &known.etag {
                request = request.header("if-none-match", etag);
            }
            if let Some(modified) = &known.modified {
                request = request.header("if-modified-since", modified);
            }
        }
        let response = request
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        let fresh_s = freshness(response.headers(), 0).unwrap_or(0);
        let since = now_ms.map(|now_ms| (now_ms, fresh_s));
        if response.status().as_u16() == 304
            && let Some(known) = known
        {
            if let Some(kept) = self.lock().get_mut(source) {
                kept.since = since;
            }
            return Ok(known.clip);
        }
        if response.status().as_u16() != 200 {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(ToOwned::to_owned)
        };
        let (etag, modified) = (header("etag"), header("last-modified"));
        let bytes = notify::read_body(response, limits::TREATMENT_MAX);
        let bytes = bytes.await.map_err(|error| error.to_string())?;
        let path = source.split(['?', '#']).next().unwrap_or(source);
        let clip = audio::load(&bytes, path).map_err(|error| error.to_string())?;
        let mut fetched = self.lock();
        if fetched.len() >= limits::TREATMENTS_CACHED_MAX {
            fetched.clear();
        }
        fetched.insert(
            source.to_owned(),
            Fetched {
                etag,
                modified,
                clip: clip.clone(),
                since,
            },
        );
        Ok(clip)
    }
}

/// Follows a few redirects, to metadata services none.
fn redirect(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > limits::TREATMENT_REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    match notify::check_operators_url(attempt.url().as_str()) {
        Ok(()) => attempt.follow(),
        Err(why) => attempt.error(why),
    }
}

#[cfg(test)]
mod tests;
