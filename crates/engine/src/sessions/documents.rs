//! SCXML documents over HTTP: fetched with all they include, compiled, kept by validator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callback::Timestamp;
use scxml::limits::DOCUMENT_BYTES_MAX;
use scxml::{Dialect, Document, Loader};

use crate::clock::Clock;
use crate::limits;
use crate::notify::{check_operators_url, describe, read_body};

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoDocument {
    /// It cannot be fetched.
    #[error("{0}")]
    Fetch(String),
    /// It cannot run.
    #[error("{0}")]
    Faulty(String),
}

/// One fetched file.
#[derive(Clone, Debug)]
struct Part {
    text: Arc<str>,
    etag: Option<String>,
    modified: Option<String>,
}

/// A compiled document with what it was made of.
#[derive(Clone, Debug)]
struct Kept {
    document: Arc<Document>,
    parts: HashMap<String, Part>,
    at: Timestamp,
}

/// How documents are fetched.
#[derive(Clone, Debug)]
pub(super) struct Fetching {
    pub(super) client: reqwest::Client,
    /// Documents are looked at again after this time, s.
    pub(super) max_age_s: i64,
    /// The longest wait for one file.
    pub(super) timeout: Duration,
}

/// Address, and the dialect when that was chosen.
type Key = (String, Option<Dialect>);

/// Fetches and keeps documents; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    fetching: Fetching,
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<HashMap<Key, Kept>>>,
}

impl Documents {
    pub(super) fn new(fetching: Fetching, clock: Arc<dyn Clock>) -> Self {
        Self {
            fetching,
            clock,
            kept: Arc::default(),
        }
    }

    /// The document at an address; without a dialect its looks decide.
    ///
    /// # Errors
    /// Says why it cannot be had: fetch or compile.
    pub(super) async fn get(
        &self,
        url: &str,
        dialect: Option<Dialect>,
    ) -> Result<Arc<Document>, NoDocument> {
        let key: Key = (url.to_owned(), dialect);
        let known = self.lock().get(&key).cloned();
        let now = self.clock.now();
        if let Some(known) = &known
            && known.at.plus_seconds(self.fetching.max_age_s) > now
        {
            return Ok(Arc::clone(&known.document));
        }
        let before = known
            .as_ref()
            .map_or_else(HashMap::new, |k| k.parts.clone());
        let mut parts = HashMap::new();
        let first = self.part(url, before.get(url)).await;
        let first = first.map_err(NoDocument::Fetch)?;
        let mut loader = Loader::new(url, Arc::clone(&first.text), dialect);
        parts.insert(url.to_owned(), first);
        while let Some(missing) = loader.poll_missing() {
            match self.part(&missing, before.get(&missing)).await {
                Ok(part) => {
                    loader.handle_file(&missing, Ok(part.text.to_string()));
                    parts.insert(missing, part);
                }
                Err(why) => loader.handle_file(&missing, Err(why)),
            }
        }
        let same = |(url, part): (&String, &Part)| {
            before.get(url).is_some_and(|known| known.text == part.text)
        };
        let unchanged = before.len() == parts.len() && parts.iter().all(same);
        let document = match known {
            Some(known) if unchanged => known.document,
            // Compiling takes milliseconds of a thread.
            _ => tokio::task::spawn_blocking(move || loader.finish())
                .await
                .map_err(|_panic| faulty("the document cannot be compiled"))?
                .map(Arc::new)
                .map_err(|problems| {
                    let first = problems.first().map(ToString::to_string);
                    faulty(first.as_deref().unwrap_or("the document is empty"))
                })?,
        };
        let mut kept = self.lock();
        if kept.len() >= limits::DOCUMENTS_MAX && !kept.contains_key(&key) {
            kept.clear();
        }
        let fresh = Kept {
            document: Arc::clone(&document),
            parts,
            at: now,
        };
        kept.insert(key, fresh);
        Ok(document)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn part(&self, url: &str, known: Option<&Part>) -> Result<Part, String> {
        let address = check_address(url)?;
        let Fetching {
            client, timeout, ..
        } = &self.fetching;
        let mut request = client.get(address).timeout(*timeout);
        if let Some(known) = known {
            if let Some(etag) = &known.etag {
                request = request.header("if-none-match", etag);
            }
            if let Some(modified) = &known.modified {
                request = request.header("if-modified-since", modified);
            }
        }
        let response = request.send().await.map_err(|error| describe(&error))?;
        if response.status().as_u16() == 304
            && let Some(known) = known
        {
            return Ok(known.clone());
        }
        if response.status().as_u16() != 200 {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.and_then(|v| v.to_str().ok()).map(str::to_owned)
        };
        let (etag, modified) = (header("etag"), header("last-modified"));
        let bytes = read_body(response, DOCUMENT_BYTES_MAX)
            .await
            .map_err(|why| why.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_bytes| "it is no UTF-8 text".to_owned())?;
        Ok(Part {
            text: text.into(),
            etag,
            modified,
        })
    }
}

/// A dialect by its name; empty or `auto` = the document says it by its looks.
pub(super) fn dialect(name: &str) -> Result<Option<Dialect>, NoDocument> {
    match name {
        "" | "auto" => Ok(None),
        name => name
            .parse()
            .map(Some)
            .map_err(|unknown: scxml::UnknownDialect| faulty(&unknown.to_string())),
    }
}

/// Why there is no document, with protocol and status in front as `error.badfetch` names them.
pub(super) fn told(url: &str, why: &NoDocument) -> String {
    let text = why.to_string();
    let status = text.strip_prefix("status ");
    match (url.split_once("://"), status) {
        (Some((scheme, _)), Some(status)) => format!("{scheme}.{status}: {text}"),
        _ => text,
    }
}

fn faulty(why: &str) -> NoDocument {
    NoDocument::Faulty(why.to_owned())
}

/// An http(s) address that is no metadata service; names are judged when they are resolved.
pub(super) fn check_address(url: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(url).map_err(|_error| "it is no absolute URL".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither http nor https".to_owned());
    }
    check_operators_url(url.as_str())?;
    Ok(url)
}

#[cfg(test)]
mod tests;
