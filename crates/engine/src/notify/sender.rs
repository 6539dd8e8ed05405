//! One HTTP request of a delivery: what is sent and what counts as accepted (notifications §7.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use callback::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderValue};
use store::DeliveryRow;

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

    pub(super) async fn send(&self, row: &DeliveryRow, now: Timestamp) -> SendResult {
        let Ok(url) = reqwest::Url::parse(&row.target) else {
            return SendResult::Failed {
                error: "the target is no URL".to_owned(),
            };
        };
        if let Err(error) = self.check_host(&url, row.guarded) {
            return SendResult::Failed { error };
        }
        let client = if row.guarded {
            &self.guarded
        } else {
            &self.trusted
        };
        let request = client
            .post(url)
            .headers(self.headers(row, now))
            .body(row.body.clone());
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let retry_after = retry_after(response.headers());
                drain(response).await;
                if status == 200 || (self.config.accept_2xx && (200..300).contains(&status)) {
                    SendResult::Accepted { status }
                } else {
                    let retry_after = retry_after.filter(|_| matches!(status, 429 | 503));
                    SendResult::Refused {
                        status,
                        retry_after,
                    }
                }
            }
            Err(error) => SendResult::Failed {
                error: describe(&error),
            },
        }
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
        put("content-type", "application/json; charset=utf-8");
        put("ringback-sequence", &row.notification_seq.to_string());
        put("ringback-time", &row.at.0.to_string());
        if !row.language.is_empty() {
            put("content-language", &row.language);
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

/// Reads a little of the answer so that the connection can be used again; the rest is dropped.
async fn drain(mut response: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > limits::RECEIVER_ANSWER_MAX {
            break;
        }
    }
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
fn describe(error: &reqwest::Error) -> String {
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
struct GuardedResolver {
    guarded: bool,
    allow_hosts: Arc<[String]>,
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
