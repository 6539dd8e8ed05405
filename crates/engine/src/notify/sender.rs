//! One HTTP request of a delivery: what is sent and what counts as accepted (notifications §7.1).

use std::sync::Arc;
use std::time::Duration;

use callback::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use store::{DeliveryRow, Trace};

use super::guard;
use super::lanes::Bounds;
use super::resolver::{GuardedResolver, Lookup, SystemLookup};
use super::rows::of_local_session;
use super::signature::Secret;
use super::trace;
use crate::limits;
use crate::sessions::Sessions;

/// How notifications are sent.
#[derive(Clone, Debug, Default)]
pub struct SenderConfig {
    /// Inner hosts that guarded targets may reach.
    pub allow_hosts: Vec<String>,
    /// Every 2xx counts as accepted, not only 200.
    pub accept_2xx: bool,
    /// Signs every notification.
    pub secret: Option<Secret>,
    /// Times and numbers of connections.
    pub http: OutgoingHttp,
}

/// Bounds of outgoing HTTP: `http.*` of `[gms]` (options §12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingHttp {
    /// Longest wait for a connection.
    pub connection_timeout: Duration,
    /// Longest wait for the next bytes of an answer.
    pub socket_timeout: Duration,
    /// Connections to one host and port; at least 1.
    pub per_route: usize,
    /// Connections in all; at least 1.
    pub total: usize,
}

impl Default for OutgoingHttp {
    fn default() -> Self {
        Self {
            connection_timeout: limits::DELIVERY_TIMEOUT,
            socket_timeout: limits::DELIVERY_TIMEOUT,
            per_route: limits::CONNECTIONS_PER_ROUTE_MAX,
            total: limits::CONNECTIONS_TOTAL_MAX,
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SendResult {
    /// Accepted.
    Accepted { status: u16 },
    /// Another status.
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
    /// No answer.
    Failed { error: String },
    /// It cannot be sent and trying again would not help.
    Fault { error: String },
}

impl SendResult {
    /// Whether the target failed; `None` when it says nothing about the target as such.
    pub(super) const fn failed(&self) -> Option<bool> {
        match self {
            Self::Accepted { .. } => Some(false),
            Self::Refused {
                status: super::schedule::GONE,
                ..
            }
            | Self::Fault { .. } => None,
            Self::Refused { .. } | Self::Failed { .. } => Some(true),
        }
    }
}

/// The result of an attempt with what debug mode keeps of it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) result: SendResult,
    pub(super) trace: Option<Trace>,
}

/// Sends deliveries; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    config: Arc<SenderConfig>,
    /// For the operator's targets and for a stranger's.
    checked: [reqwest::Client; 2],
    /// The same for services that take any certificate.
    trusting: [reqwest::Client; 2],
    /// Sessions of this server; none before they are hosted.
    sessions: Option<Sessions>,
}

impl Sender {
    /// Builds the clients: for the operator's targets and for a stranger's, both with and without
    /// a check of certificates.
    pub(crate) fn new(config: SenderConfig) -> Result<Self, reqwest::Error> {
        Self::with_lookup(config, Arc::new(SystemLookup))
    }

    /// The same with a name service of one's own.
    fn with_lookup(config: SenderConfig, lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        let http = config.http;
        let build = |guarded: bool, trust_all: bool| {
            let resolver = GuardedResolver {
                guarded,
                allow_hosts: config.allow_hosts.clone().into(),
                lookup: Arc::clone(&lookup),
            };
            reqwest::Client::builder()
                .connect_timeout(http.connection_timeout)
                .read_timeout(http.socket_timeout)
                .timeout(http.connection_timeout + http.socket_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(http.per_route)
                .tls_danger_accept_invalid_certs(trust_all)
                .no_proxy()
                .dns_resolver(Arc::new(resolver))
                .user_agent(concat!("ringback/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Ok(Self {
            checked: [build(false, false)?, build(true, false)?],
            trusting: [build(false, true)?, build(true, true)?],
            config: Arc::new(config),
            sessions: None,
        })
    }

    /// Reaches sessions of this server, too.
    pub(crate) fn with_sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Gives a session of this server an event (notifications §9.1).
    fn to_session(&self, session: &str, event: &str, body: &str) -> SendResult {
        let data = serde_json::from_str(body).unwrap_or(serde_json::Value::Null);
        match &self.sessions {
            Some(sessions) if sessions.event(session, event, data) => {
                SendResult::Accepted { status: 200 }
            }
            _ => SendResult::Failed {
                error: "this server has no such session, or its queue is full".to_owned(),
            },
        }
    }

    /// How many connections there may be.
    pub(super) fn bounds(&self) -> Bounds {
        let http = self.config.http;
        Bounds {
            per_route: http.per_route.max(1),
            total: http.total.max(1),
        }
    }

    /// One attempt.
    pub(super) async fn send(&self, row: &DeliveryRow, now: Timestamp) -> Sent {
        let failed = |result| Sent {
            result,
            trace: None,
        };
        if !row.extra.fault.is_empty() {
            let error = row.extra.fault.clone();
            return failed(SendResult::Fault { error });
        }
        if let Some((session, event)) = of_local_session(&row.target) {
            return failed(self.to_session(session, event, &row.body));
        }
        let Ok(url) = reqwest::Url::parse(&row.target) else {
            return failed(SendResult::Failed {
                error: "the target is no URL".to_owned(),
            });
        };
        if let Err(error) = self.check_host(&url, row.guarded) {
            return failed(SendResult::Failed { error });
        }
        let [trusted, guarded] = if row.extra.trust_all {
            &self.trusting
        } else {
            &self.checked
        };
        let client = if row.guarded { guarded } else { trusted };
        let headers = self.headers(row, now);
        let request = row.extra.debug.then(|| trace::request(row, &headers));
        let mut call = client.post(url).headers(headers).body(row.body.clone());
        if row.channel == "orscb" {
            call = call.timeout(limits::SESSION_TIMEOUT);
        }
        let (result, answer) = match call.send().await {
            Ok(response) => self.judge(response, row).await,
            Err(error) => {
                let error = describe(&error);
                (SendResult::Failed { error }, String::new())
            }
        };
        let trace = request.map(|request| Trace { request, answer });
        Sent { result, trace }
    }

    async fn judge(&self, response: reqwest::Response, row: &DeliveryRow) -> (SendResult, String) {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let head = row
            .extra
            .debug
            .then(|| trace::head(status, response.headers()));
        let begun = drain(response).await;
        let answer = head.map_or_else(String::new, |head| trace::answer(row, &head, &begun));
        let accepted = status == 200 || (self.config.accept_2xx && (200..300).contains(&status));
        let result = if accepted {
            SendResult::Accepted { status }
        } else {
            SendResult::Refused {
                status,
                retry_after: retry_after.filter(|_| matches!(status, 429 | 503)),
            }
        };
        (result, answer)
    }

    /// Literal addresses never reach the resolver, so they are judged here.
    fn check_host(&self, url: &reqwest::Url, guarded: bool) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the target is neither http nor https".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse() {
            let guarded = guarded && !self.config.allow_hosts.iter().any(|h| h == literal);
            guard::check_literal(address, guarded).map_err(|refused| refused.to_string())?;
        }
        Ok(())
    }

    fn headers(&self, row: &DeliveryRow, now: Timestamp) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        let is_form = row.extra.is_form;
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let json = "application/json; charset=utf-8";
        put("content-type", if is_form { form } else { json });
        // A question to a device is none of the counted notifications.
        if row.notification_seq > 0 {
            put("ringback-sequence", &row.notification_seq.to_string());
        }
        put("ringback-time", &row.at.0.to_string());
        if !row.language.is_empty() {
            put("content-language", &row.language);
        }
        if let Some(context) = trace_context(row) {
            put("traceparent", &context);
        }
        if row.extra.debug {
            put("ringback-debug", "true");
        }
        if row.channel == "customhttp" && !row.extra.authorization.is_empty() {
            put(
                "authorization",
                &format!("Basic {}", row.extra.authorization),
            );
        }
        if let Some(secret) = &self.config.secret {
            let timestamp_s = now.as_seconds();
            put("webhook-id", &row.id);
            put("webhook-timestamp", &timestamp_s.to_string());
            put(
                "webhook-signature",
                &secret.sign(&row.id, timestamp_s, &row.body),
            );
        }
        headers
    }
}

/// The trace context of a delivery (W3C Trace Context): the trace is the callback, whose id ends
/// with a UUID, the span its notification.
fn trace_context(row: &DeliveryRow) -> Option<String> {
    let (_, uuid) = row.callback.as_str().split_once('-')?;
    let trace: String = uuid.chars().filter(|c| *c != '-').collect();
    let is_hex = trace.len() == 32
        && trace
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| format!("00-{trace}-{:016x}-00", row.notification_seq.max(1)))
}

/// Reads a little of the answer so that the connection can be used again; the rest is dropped.
/// Gives its beginning, for debug mode.
async fn drain(mut response: reqwest::Response) -> String {
    let mut read = 0;
    let mut begun = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        let room = limits::TRACE_ANSWER_MAX.saturating_sub(begun.len());
        begun.extend(chunk.iter().take(room));
        if read > limits::RECEIVER_ANSWER_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&begun).into_owned()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get("retry-after")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// A short text without the URL: it may hold credentials.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    let mut deepest = None;
    while let Some(inner) = source {
        deepest = Some(inner.to_string());
        source = inner.source();
    }
    if let Some(deepest) = deepest {
        text.push_str(": ");
        text.extend(deepest.chars().take(160));
    }
    text
}

#[cfg(test)]
mod tests;
