//! Pages, scripts, grammars and data over HTTP: guarded, bounded, kept as their servers say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callback::Timestamp;
use vxml::limits::{DATA_BYTES_MAX, DOCUMENT_BYTES_MAX, GRAMMAR_BYTES_MAX, SCRIPT_BYTES_MAX};
use vxml::{Answer, Body, FetchError, FetchKind, FetchRequest};

use crate::clock::Clock;
use crate::freshness::freshness;
use crate::limits;
use crate::notify;

/// An answer that may be used again.
#[derive(Clone, Debug)]
struct Kept {
    answer: Answer,
    etag: Option<String>,
    modified: Option<String>,
    /// When it was new.
    at: Timestamp,
    /// How long it is used without asking, s.
    fresh_s: i64,
    used: u64,
}

impl Kept {
    /// Whether it may be used without asking.
    fn serves(&self, request: &FetchRequest, now: Timestamp) -> bool {
        let age_s = (now.0 - self.at.0).max(0) / 1_000;
        let signed = |s: u64| i64::try_from(s).unwrap_or(i64::MAX);
        let stale_s = request.max_stale_s.map_or(0, signed);
        let young = request.max_age_s.is_none_or(|max| age_s < signed(max));
        young && age_s < self.fresh_s.saturating_add(stale_s)
    }
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<String, Kept>,
    bytes: usize,
    turn: u64,
}

impl Shelf {
    fn get(&mut self, url: &str) -> Option<Kept> {
        self.turn += 1;
        let kept = self.kept.get_mut(url)?;
        kept.used = self.turn;
        Some(kept.clone())
    }

    fn put(&mut self, url: &str, mut kept: Kept) {
        self.remove(url);
        let bytes = kept.answer.body.len();
        while !self.kept.is_empty()
            && (self.kept.len() >= limits::PAGES_KEPT_MAX
                || self.bytes + bytes > limits::PAGES_KEPT_BYTES_MAX)
        {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(url, _)| url.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        kept.used = self.turn;
        self.bytes += bytes;
        self.kept.insert(url.to_owned(), kept);
    }

    fn remove(&mut self, url: &str) {
        if let Some(kept) = self.kept.remove(url) {
            self.bytes -= kept.answer.body.len();
        }
    }
}

/// Fetches what applications ask for; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    /// For answers whose server says nothing, s.
    max_age_s: i64,
    shelf: Arc<Mutex<Shelf>>,
}

impl Pages {
    /// `max_age_s`: how long an answer is used whose server does not say.
    pub(super) fn new(clock: Arc<dyn Clock>, max_age_s: u32) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::custom(redirect))
            .no_proxy()
            .dns_resolver(notify::operators_resolver())
            .user_agent(concat!("ringback/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            clock,
            max_age_s: i64::from(max_age_s),
            shelf: Arc::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer when it is kept and may be used without asking.
    pub(super) fn kept(&self, request: &FetchRequest) -> Option<Answer> {
        if request.body.is_some() {
            return None;
        }
        let kept = self.lock().get(&request.url)?;
        kept.serves(request, self.clock.now())
            .then_some(kept.answer)
    }

    /// Gets what is asked for, from the shelf or by HTTP. `recording` gives the bytes of a
    /// recording by its handle.
    pub(super) async fn fetch(
        &self,
        request: &FetchRequest,
        recording: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Answer, FetchError> {
        if let Some(answer) = self.kept(request) {
            return Ok(answer);
        }
        let within = Duration::from_millis(request.timeout_ms).min(limits::PAGE_TIMEOUT);
        let known = match request.body {
            None => self.lock().get(&request.url),
            Some(_) => None,
        };
        let call = self.call(request, known.as_ref(), recording)?;
        let answered = tokio::time::timeout(within, self.exchange(request, known, call));
        answered
            .await
            .unwrap_or_else(|_late| Err(failed("no answer in time")))
    }

    fn call(
        &self,
        request: &FetchRequest,
        known: Option<&Kept>,
        recording: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<reqwest::RequestBuilder, FetchError> {
        let url = reqwest::Url::parse(&request.url).map_err(|_url| failed("no absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(failed("it is neither http nor https"));
        }
        notify::check_operators_url(url.as_str()).map_err(failed)?;
        let mut call = match &request.body {
            None => self.client.get(url),
            Some(Body::Form(form)) => self
                .client
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.clone()),
            Some(Body::Multipart(parts)) => {
                let (kind, body) = multipart(parts, recording)?;
                self.client
                    .post(url)
                    .header("content-type", kind)
                    .body(body)
            }
        };
        if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
            call = call.header("if-none-match", etag);
        }
        if let Some(modified) = known.and_then(|known| known.modified.as_ref()) {
            call = call.header("if-modified-since", modified);
        }
        Ok(call)
    }

    async fn exchange(
        &self,
        request: &FetchRequest,
        known: Option<Kept>,
        call: reqwest::RequestBuilder,
    ) -> Result<Answer, FetchError> {
        let describe = |error: reqwest::Error| failed(notify::describe(&error));
        let response = call.send().await.map_err(describe)?;
        let (status, now) = (response.status(), self.clock.now());
        let fresh_s = freshness(response.headers(), self.max_age_s);
        if status.as_u16() == 304
            && let Some(mut known) = known
        {
            let answer = known.answer.clone();
            (known.at, known.fresh_s) = (now, fresh_s.unwrap_or(0));
            self.lock().put(&request.url, known);
            return Ok(answer);
        }
        if !status.is_success() {
            return Err(FetchError {
                status: Some(status.as_u16()),
                ..failed(format!("status {}", status.as_u16()))
            });
        }
        let header = |name: &str| {
            let value = response.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let (etag, modified) = (header("etag"), header("last-modified"));
        let (url, content_type) = (response.url().to_string(), header("content-type"));
        let body = notify::read_body(response, bytes_max(request.kind)).await;
        let answer = Answer {
            url,
            content_type,
            body: body.map_err(|error| failed(error.to_string()))?,
        };
        if request.body.is_none()
            && let Some(fresh_s) = fresh_s
        {
            let kept = Kept {
                answer: answer.clone(),
                etag,
                modified,
                at: now,
                fresh_s,
                used: 0,
            };
            self.lock().put(&request.url, kept);
        } else {
            self.lock().remove(&request.url);
        }
        Ok(answer)
    }
}

const fn bytes_max(kind: FetchKind) -> usize {
    match kind {
        FetchKind::Document => DOCUMENT_BYTES_MAX,
        FetchKind::Script => SCRIPT_BYTES_MAX,
        FetchKind::Grammar => GRAMMAR_BYTES_MAX,
        FetchKind::Data => DATA_BYTES_MAX,
    }
}

/// `multipart/form-data` (RFC 7578): type and body.
fn multipart(
    parts: &[vxml::Part],
    recording: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<(String, Vec<u8>), FetchError> {
    let boundary = format!("ringback-{:032x}", rand::random::<u128>());
    let mut body = Vec::new();
    for part in parts {
        let name = part.name.replace('"', "%22").replace(['\r', '\n'], " ");
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        body.extend_from_slice(head.as_bytes());
        match &part.value {
            vxml::PartValue::Text(text) => {
                body.extend_from_slice(b"\r\n\r\n");
                body.extend_from_slice(text.as_bytes());
            }
            vxml::PartValue::Recording(handle) => {
                let audio = recording(handle)
                    .ok_or_else(|| failed("the recording is not there any more"))?;
                let head = "; filename=\"recording.wav\"\r\nContent-Type: audio/x-wav\r\n\r\n";
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(&audio);
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), body))
}

fn failed(message: impl Into<String>) -> FetchError {
    FetchError {
        status: None,
        forbidden: false,
        message: message.into(),
    }
}

/// Follows a few redirects, to metadata services none.
fn redirect(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > limits::PAGE_REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    match notify::check_operators_url(attempt.url().as_str()) {
        Ok(()) => attempt.follow(),
        Err(why) => attempt.error(why),
    }
}

#[cfg(test)]
mod tests;
