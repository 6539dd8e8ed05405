//! From an event to its deliveries: who gets it, and in which envelope (notifications §6.2, §7).

use std::collections::BTreeMap;
use std::sync::Arc;

use callback::confirm::Push;
use callback::events::{self, Event, EventId};
use callback::settings::NotificationMode;
use callback::{Callback, CallbackId, Timestamp};
use serde_json::{Map, Value, json};
use store::{DeliveryExtra, DeliveryRow, DeliveryState, SubscriptionRow};

use super::subscriptions::{Publication, Subscriptions, tag};

/// A named set of channel settings (notifications §7.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    /// `customhttp.url`; empty = not configured.
    pub customhttp_url: String,
    /// `debug.customhttp.url`: the receiver of debug mode; empty = the same one.
    pub debug_customhttp_url: String,
}

impl Provider {
    /// The receiver of `customhttp`.
    fn customhttp(&self, debug: bool) -> &str {
        if debug && !self.debug_customhttp_url.is_empty() {
            &self.debug_customhttp_url
        } else {
            &self.customhttp_url
        }
    }
}

/// How notifications are wrapped and where named providers stand.
#[derive(Clone, Debug, Default)]
pub struct NotifyConfig {
    /// `notifications.httpcb.envelope = wrapped`.
    pub wrapped: bool,
    /// `notifications.customhttp.message = object`.
    pub message_object: bool,
    /// `notifications.orscb.encoding = json`.
    pub orscb_json: bool,
    /// Providers by name; the default one has the empty name.
    pub providers: BTreeMap<String, Provider>,
    /// `[push] defaultSubscriptionExpiration`, s.
    pub subscription_default_s: u32,
}

/// Makes deliveries of events.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) config: NotifyConfig,
    pub(crate) subscriptions: Arc<Subscriptions>,
}

/// Pause between two attempts of a push, s.
const PUSH_PAUSE_S: u32 = 2;
/// What a target begins with when it is a session of this server.
const LOCAL_SESSION: &str = "session:";

/// What is the same for all receivers of one event.
struct Source<'a> {
    id: String,
    callback: &'a CallbackId,
    seq: u64,
    notification_seq: u64,
    event_id: &'a str,
    at: Timestamp,
    body: &'a str,
    /// Orchestration node, and whether a request had a part in it.
    node: (&'a str, bool),
    schedule_s: &'a [u32],
    trust_all: bool,
}

/// One receiver.
struct Receiver<'a> {
    channel: &'a str,
    device: &'a str,
    provider: &'a str,
    language: &'a str,
    authorization: &'a str,
    subscription: &'a str,
    debug: bool,
    guarded: bool,
}

impl Publisher {
    /// The deliveries of an event; none when nobody listens.
    pub(crate) fn of_event(&self, callback: &Callback, event: &Event) -> Vec<DeliveryRow> {
        let Some(notification) = &event.notification else {
            return Vec::new();
        };
        let n = &callback.settings.notification;
        let event_id = event.id.as_str();
        let source = Source {
            id: events::delivery_id(&callback.id, notification.seq),
            callback: &callback.id,
            seq: event.seq,
            notification_seq: notification.seq,
            event_id,
            at: event.at,
            body: &notification.body,
            node: (&n.plan.node, n.plan.node_from_request),
            schedule_s: &n.plan.schedule_s,
            trust_all: n.plan.trust_all,
        };
        let mut rows = Vec::new();
        let is_own = n.mode == NotificationMode::SubscribeNotify && !n.target.is_empty();
        if is_own {
            rows.push(self.row(
                &source,
                &Receiver {
                    channel: &n.channel,
                    device: &n.target,
                    provider: &n.provider,
                    language: &n.language,
                    authorization: "",
                    subscription: "",
                    debug: n.debug,
                    guarded: n.target_from_request,
                },
            ));
        }
        if self.subscriptions.len() == 0 {
            return rows;
        }
        let subscribed = self.subscriptions.matching(Publication {
            tag: &tag(callback, event_id),
            target: &n.target,
            now: event.at,
        });
        for row in subscribed {
            if is_own && row.channel == n.channel && row.device == n.target {
                continue;
            }
            let language = if row.language.is_empty() {
                &n.language
            } else {
                &row.language
            };
            rows.push(self.row(&source, &receiver(&row, language, n.debug)));
        }
        rows
    }

    /// The delivery of a question to the customer's device, whose provider is its receiver.
    pub(crate) fn of_push(&self, id: &CallbackId, push: &Push, now: Timestamp) -> DeliveryRow {
        // A phone in a tunnel gets a few seconds; afterwards the question is asked again.
        let pauses = (1..push.attempts).map(|_| PUSH_PAUSE_S);
        let schedule_s: Vec<u32> = std::iter::once(0)
            .chain(pauses)
            .take(callback::limits::SCHEDULE_STEPS_MAX)
            .collect();
        let source = Source {
            id: format!("{id}.push{}", push.seq),
            callback: id,
            seq: push.seq,
            notification_seq: 0,
            event_id: EventId::ConfirmationAsked.as_str(),
            at: now,
            body: &push.message,
            node: ("", false),
            schedule_s: &schedule_s,
            trust_all: false,
        };
        self.row(
            &source,
            &Receiver {
                channel: "customhttp",
                device: &push.device.id,
                provider: &push.device.provider,
                language: &push.device.language,
                authorization: "",
                subscription: "",
                debug: push.device.debug,
                guarded: false,
            },
        )
    }

    /// Whether pushes to devices of this provider can be sent.
    ///
    /// # Errors
    /// What is missing in the configuration.
    pub(crate) fn check_provider(&self, name: &str, debug: bool) -> Result<(), String> {
        self.providers_url(name, debug).map(drop)
    }

    /// The deliveries of a message that is published by hand, under an id of its own.
    pub(crate) fn of_message(
        &self,
        tag: &str,
        message: &str,
        id: &CallbackId,
        now: Timestamp,
    ) -> Vec<DeliveryRow> {
        let source = Source {
            id: id.to_string(),
            callback: id,
            seq: 1,
            notification_seq: 1,
            event_id: tag,
            at: now,
            body: message,
            node: ("", false),
            schedule_s: &[],
            trust_all: false,
        };
        let target = "";
        self.subscriptions
            .matching(Publication { tag, target, now })
            .iter()
            .map(|row| self.row(&source, &receiver(row, &row.language, false)))
            .collect()
    }

    fn row(&self, source: &Source<'_>, to: &Receiver<'_>) -> DeliveryRow {
        let mut extra = DeliveryExtra {
            authorization: to.authorization.to_owned(),
            debug: to.debug,
            subscription: to.subscription.to_owned(),
            schedule_s: source.schedule_s.to_vec(),
            trust_all: source.trust_all,
            ..DeliveryExtra::default()
        };
        let (mut target, mut guarded) = (to.device.to_owned(), to.guarded);
        let body = match to.channel {
            "customhttp" => {
                match self.providers_url(to.provider, to.debug) {
                    Ok(url) => (target, guarded) = (url.to_owned(), false),
                    Err(fault) => extra.fault = fault,
                }
                self.wrapped(to.device, source.body)
            }
            "orscb" => {
                let (node, from_request) = source.node;
                if node.is_empty() {
                    // It runs here and gets the event as an object.
                    target = local_session(to.device, source.event_id);
                } else {
                    target = session_url(node, to.device, source.event_id);
                    guarded = from_request;
                }
                extra.is_form = !node.is_empty() && !self.config.orscb_json;
                // A session waits for nobody: three more tries, a second apart (§7.3).
                extra.schedule_s = vec![0, 1, 1, 1];
                if extra.is_form {
                    form(source.body)
                } else {
                    source.body.to_owned()
                }
            }
            _ => {
                if !to.provider.is_empty() && !self.config.providers.contains_key(to.provider) {
                    extra.fault = no_provider(to.provider);
                }
                if self.config.wrapped {
                    self.wrapped(to.device, source.body)
                } else {
                    source.body.to_owned()
                }
            }
        };
        let first_s = extra.schedule_s.first().copied().unwrap_or(0);
        DeliveryRow {
            id: if to.subscription.is_empty() {
                source.id.clone()
            } else {
                format!("{}.{}", source.id, to.subscription)
            },
            callback: source.callback.clone(),
            seq: source.seq,
            notification_seq: source.notification_seq,
            event_id: source.event_id.to_owned(),
            at: source.at,
            channel: to.channel.to_owned(),
            target,
            guarded,
            language: to.language.to_owned(),
            body,
            attempts: 0,
            base: 0,
            next_at: Some(source.at.plus_seconds(i64::from(first_s))),
            state: DeliveryState::Pending,
            extra,
        }
    }

    fn providers_url(&self, name: &str, debug: bool) -> Result<&str, String> {
        let provider = self.config.providers.get(name);
        match provider.map(|p| p.customhttp(debug)) {
            None if !name.is_empty() => Err(no_provider(name)),
            None | Some("") => Err("customhttp.url is not configured for the provider".to_owned()),
            Some(url) => Ok(url),
        }
    }

    fn wrapped(&self, device: &str, body: &str) -> String {
        let message = if self.config.message_object {
            serde_json::from_str(body).unwrap_or_else(|_| Value::from(body))
        } else {
            Value::from(body)
        };
        json!({"deviceId": device, "message": message}).to_string()
    }
}

fn receiver<'a>(row: &'a SubscriptionRow, language: &'a str, debug: bool) -> Receiver<'a> {
    Receiver {
        channel: &row.channel,
        device: &row.device,
        provider: &row.provider,
        language,
        authorization: &row.authorization,
        subscription: &row.id,
        debug: row.debug || debug,
        guarded: row.guarded,
    }
}

fn no_provider(name: &str) -> String {
    format!("there is no provider {name}")
}

/// The documented operation of the orchestration server that sends an event to a session.
fn session_url(node: &str, session: &str, event: &str) -> String {
    let node = node.trim_end_matches('/');
    format!(
        "{node}/scxml/session/{}/event/{}",
        percent_encoded(session),
        percent_encoded(event)
    )
}

/// A session of this server has a target of its own kind.
fn local_session(session: &str, event: &str) -> String {
    format!("{LOCAL_SESSION}{session}/event/{event}")
}

/// Session and event of a target that [`local_session`] made.
pub(super) fn of_local_session(target: &str) -> Option<(&str, &str)> {
    // No event has a slash in its name.
    target.strip_prefix(LOCAL_SESSION)?.rsplit_once("/event/")
}

/// One field per top-level key, objects as JSON text.
fn form(body: &str) -> String {
    let map: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
    let field = |(key, value): (&String, &Value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", percent_encoded(key), percent_encoded(&text))
    };
    map.iter().map(field).collect::<Vec<_>>().join("&")
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
