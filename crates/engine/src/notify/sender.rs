//! One HTTP request of a delivery: what is sent and what counts as accepted (notifications §7.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use callback::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use store::{DeliveryRow, Trace};

use super::guard;
use super::signature::Secret;
use crate::limits;

/// How notifications are sent.
#[derive(Clone, Debug, Default)]
pub struct SenderConfig {
    /// Inner hosts that guarded targets may reach.
    pub allow_hosts: Vec<String>,
    /// Every 2xx counts as accepted, not only 200.
    pub accept_2xx: bool,
    /// Signs every notification.
    pub secret: Option<Secret>,
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

/// The key of body members that debug mode shows; others may be attached data.
fn is_shown(key: &str) -> bool {
    let is_own = key.starts_with('_') || key.starts_with("c_");
    let is_envelope = matches!(
        key,
        "event_id" | "timestamp" | "deviceId" | "seq" | "time_ms"
    );
    (is_own || is_envelope) && !key.contains("number")
}

/// Sends deliveries; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    config: Arc<SenderConfig>,
    trusted: reqwest::Client,
    guarded: reqwest::Client,
}

impl Sender {
    /// Builds the two clients: one for the operator's targets, one for a stranger's.
    pub(crate) fn new(config: SenderConfig) -> Result<Self, reqwest::Error> {
        let build = |guarded: bool| {
            let resolver = GuardedResolver {
                guarded,
                allow_hosts: config.allow_hosts.clone().into(),
            };
            reqwest::Client::builder()
                .connect_timeout(limits::DELIVERY_TIMEOUT)
                .read_timeout(limits::DELIVERY_TIMEOUT)
                .timeout(limits::DELIVERY_TIMEOUT * 2)
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(limits::DELIVERIES_PER_TARGET_MAX)
                .no_proxy()
                .dns_resolver(Arc::new(resolver))
                .user_agent(concat!("ringback/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Ok(Self {
            trusted: build(false)?,
            guarded: build(true)?,
            config: Arc::new(config),
        })
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
        let Ok(url) = reqwest::Url::parse(&row.target) else {
            return failed(SendResult::Failed {
                error: "the target is no URL".to_owned(),
            });
        };
        if let Err(error) = self.check_host(&url, row.guarded) {
            return failed(SendResult::Failed { error });
        }
        let client = if row.guarded {
            &self.guarded
        } else {
            &self.trusted
        };
        let headers = self.headers(row, now);
        let request = row.extra.debug.then(|| shown_request(row, &headers));
        let mut call = client.post(url).headers(headers).body(row.body.clone());
        if row.channel == "orscb" {
            call = call.timeout(limits::SESSION_TIMEOUT);
        }
        let (result, answer) = match call.send().await {
            Ok(response) => self.judge(response, row.extra.debug).await,
            Err(error) => {
                let error = describe(&error);
                (SendResult::Failed { error }, String::new())
            }
        };
        let trace = request.map(|request| Trace { request, answer });
        Sent { result, trace }
    }

    async fn judge(&self, response: reqwest::Response, debug: bool) -> (SendResult, String) {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let head = debug.then(|| shown_head(status, response.headers()));
        let begun = drain(response).await;
        let answer = head.map_or_else(String::new, |head| format!("{head}\n{begun}"));
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
        put("ringback-sequence", &row.notification_seq.to_string());
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
    is_hex.then(|| format!("00-{trace}-{:016x}-00", row.notification_seq))
}

/// The request as debug mode keeps it; credentials, signatures and attached data are masked.
fn shown_request(row: &DeliveryRow, headers: &HeaderMap) -> String {
    let mut text = String::from("POST\n");
    for (name, value) in headers {
        let value = match name.as_str() {
            "authorization" | "webhook-signature" => "***",
            _ => value.to_str().unwrap_or("***"),
        };
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    match serde_json::from_str::<Map<String, Value>>(&row.body) {
        Ok(mut body) => {
            for (key, value) in &mut body {
                if !is_shown(key) {
                    *value = Value::from("***");
                }
            }
            text.push_str(&Value::Object(body).to_string());
        }
        Err(_) => text.push_str("***"),
    }
    text
}

fn shown_head(status: u16, headers: &HeaderMap) -> String {
    let mut text = format!("{status}\n");
    for (name, value) in headers.iter().take(limits::TRACE_HEADERS_MAX) {
        if name != "set-cookie" {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or("***")));
        }
    }
    text
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

/// Resolves names and leaves only addresses that the target may have; the connection goes to
/// exactly these, so a name that changes in between wins nothing.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    pub(crate) guarded: bool,
    pub(crate) allow_hosts: Arc<[String]>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let guarded = self.guarded
            && !self
                .allow_hosts
                .iter()
                .any(|h| h.eq_ignore_ascii_case(&host));
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found {
                match guard::check_literal(address.ip(), guarded) {
                    Ok(()) => allowed.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(why)) => Err(Box::new(why) as _),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
