//! The on-dial plugin's contract: what it is asked, what it may answer, what is checked
//! (play-treatments §3–5).
//!
//! Everything here is pure. How a question travels, and who asks, is the engine's; what follows
//! from an answer is [`crate::lifecycle`]'s.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::{PLUGIN_DELAY_MAX_S, PLUGIN_TOKENS_MAX};
use crate::number::{self, Dialplan};
use crate::record::Phase;
use crate::service::parameter_text;
use crate::{Callback, CallbackId, Error, ErrorCode, LegKey};

mod queue;
#[cfg(test)]
mod tests;

pub use queue::{QueueTold, QueueWait};

/// What the plugin of a service is (`rb.plugin_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// An SCXML document that runs as a session of this server.
    Scxml,
    /// A program that takes the question as JSON over HTTP.
    Http,
    /// A `VoiceXML` application that talks to the customer.
    VoiceXml,
}

impl PluginKind {
    /// The name in the option and in the history.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scxml => "scxml",
            Self::Http => "http",
            Self::VoiceXml => "vxml",
        }
    }
}

/// Frozen settings of the plugin of one callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginSettings {
    /// `_plugin_on_dial_url`.
    pub url: String,
    /// `rb.plugin_type`.
    pub kind: PluginKind,
    /// `rb.scxml_dialect`; empty = the document says it by its looks.
    #[serde(default)]
    pub dialect: String,
    /// `_plugin_on_dial_invoke_on_call_failed`.
    pub on_failure: bool,
    /// `_plugin_on_dial_associate_ixn`.
    pub associate: bool,
    /// `_plugin_on_dial_timeout`, s.
    pub timeout_s: i64,
    /// `plugin.exit_is_cancel`.
    pub exit_is_cancel: bool,
    /// `plugin.compat_reason`.
    pub compat_reason: bool,
    /// `route_to_rp.age = epoch`.
    pub age_is_epoch: bool,
    /// `route_to_rp.header_prefix`.
    pub header_prefix: String,
    /// `route_to_rp.method = refer`.
    #[serde(default)]
    pub refer: bool,
}

/// What a callback remembers about its plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PluginRecord {
    /// Tokens of the reply URLs, the latest last; older ones are known to say that they are over.
    pub tokens: Vec<String>,
    /// The latest question has its answer.
    pub answered: bool,
    /// `customer_number` of an answer, cleaned.
    pub number: Option<String>,
    /// `customer_number_prefix` of an answer.
    pub prefix: Option<String>,
    /// Its session has brought customer and agent together, and waits for the end.
    pub connected: bool,
    /// The destination that its page called for the customer.
    pub other: Option<OtherLeg>,
    /// Data of its page for the destination (`aai` of `<transfer>`).
    pub aai: Option<String>,
}

/// A destination that a page called for its customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherLeg {
    /// Number of its leg.
    pub leg: u32,
    /// Customer and destination talk.
    pub talks: bool,
    /// What is left of the page's time after that, s.
    pub left_s: i64,
}

impl PluginRecord {
    /// Notes the token of a new question.
    pub(crate) fn ask(&mut self, token: String) {
        if self.tokens.len() >= PLUGIN_TOKENS_MAX {
            self.tokens.remove(0);
        }
        self.tokens.push(token);
        self.answered = false;
    }

    /// The token of the latest question.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.tokens.last().map(String::as_str)
    }
}

/// Where the customer's call is while the plugin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginCall {
    /// There never was one.
    None,
    /// Up; the callback controls it.
    Ours,
    /// Up; the plugin controls it.
    Plugins,
    /// The customer hung up.
    Gone,
}

impl PluginCall {
    /// The customer is on the line.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Ours | Self::Plugins)
    }
}

/// A question to the plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Token of the reply URL.
    pub token: String,
    /// `_plugin_on_dial_url`.
    pub url: String,
    /// What answers there.
    pub kind: PluginKind,
    /// `rb.scxml_dialect`; empty = the document says it by its looks.
    pub dialect: String,
    /// The customer's leg, when it is up.
    pub call: Option<LegKey>,
    /// The plugin gets control of the call.
    pub attached: bool,
    /// `_call_state`.
    pub call_state: u8,
    /// `_customer_number`: without prefix, as last used.
    pub customer_number: String,
    /// `_gms_service_id`.
    pub callback: CallbackId,
    /// `_user_data`.
    pub user_data: Map<String, Value>,
    /// `_dial_attempt`.
    pub dial_attempt: u32,
    /// `_ttl`, s.
    pub ttl_s: i64,
}

impl Question {
    /// The parameters of play-treatments §3.2; `_interaction_id` is left out without a call.
    #[must_use]
    pub fn parameters(&self, reply_url: &str) -> Map<String, Value> {
        let text = |v: &str| Value::String(v.to_owned());
        let mut map = Map::new();
        map.insert("_call_state".to_owned(), self.call_state.into());
        if let Some(call) = &self.call {
            map.insert("_interaction_id".to_owned(), text(&call.to_string()));
        }
        for (key, value) in [
            ("_customer_number", text(&self.customer_number)),
            ("_gms_service_id", text(self.callback.as_str())),
            ("_ors_service_id", text(self.callback.as_str())),
            ("_user_data", Value::Object(self.user_data.clone())),
            ("_dial_attempt", self.dial_attempt.into()),
            ("_ttl", self.ttl_s.into()),
            ("_reply_url", text(reply_url)),
        ] {
            map.insert(key.to_owned(), value);
        }
        map
    }
}

/// What the callback shall do (play-treatments §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// End it.
    Cancel,
    /// Put the customer through to an agent.
    RouteToAgent,
    /// Send the call to the destination in `message`.
    RouteToRp,
    /// Dial again.
    Retry,
}

impl Action {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::RouteToAgent => "route_to_agent",
            Self::RouteToRp => "route_to_rp",
            Self::Retry => "retry",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Cancel,
            Self::RouteToAgent,
            Self::RouteToRp,
            Self::Retry,
        ]
        .into_iter()
        .find(|action| action.as_str() == text)
    }

    /// It needs a customer on the line.
    #[must_use]
    pub const fn needs_call(self) -> bool {
        matches!(self, Self::RouteToAgent | Self::RouteToRp)
    }
}

/// A plugin's answer in its known form (play-treatments §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What to do.
    pub action: Action,
    /// The plugin saw the customer hang up.
    pub interaction_deleted: bool,
    /// Where to, for [`Action::RouteToRp`].
    pub destination: Option<String>,
    /// Overrides the number that is dialed; cleaned.
    pub number: Option<String>,
    /// Overrides `_prefix_dial_out`.
    pub prefix: Option<String>,
    /// Overrides `_dial_retry_timeout` of the next retry, s.
    pub delay_s: Option<i64>,
}

/// The word of a plugin whose customer hung up.
const DELETED: &str = "interaction_deleted";

impl Answer {
    /// An answer without overrides.
    #[must_use]
    pub const fn new(action: Action) -> Self {
        Self {
            action,
            interaction_deleted: false,
            destination: None,
            number: None,
            prefix: None,
            delay_s: None,
        }
    }

    /// Reads an answer; keys that are not known are ignored.
    ///
    /// # Errors
    /// `BAD_PARAMETER` when `action` or `message` is missing or a value cannot be used,
    /// `BAD_NUMBER` for a number that is not dialable.
    pub fn parse(given: &Map<String, Value>) -> Result<Self, Error> {
        // One level of quotes around a name is stripped (play-treatments §4.1).
        let given: Map<String, Value> = given
            .iter()
            .map(|(key, value)| (unquoted(key).to_owned(), value.clone()))
            .collect();
        let text = |name: &str| parameter_text(&given, name);
        let word = text("action").ok_or_else(|| bad("action", "it is missing"))?;
        let action = Action::parse(word.trim()).ok_or_else(|| {
            bad(
                "action",
                "it is one of cancel, route_to_agent, route_to_rp, retry",
            )
        })?;
        let message = text("message")
            .map(|message| message.trim().to_owned())
            .filter(|message| !message.is_empty())
            .ok_or_else(|| bad("message", "it is missing; write OK"))?;
        let mut answer = Self::new(action);
        if message == DELETED {
            answer.interaction_deleted = true;
        } else if action == Action::RouteToRp {
            answer.destination = Some(message);
        }
        if let Some(number) = text("customer_number") {
            let cleaned = number::clean(&number).ok_or_else(|| {
                let message = "customer_number: digits, * and # with an optional leading + only";
                Error::new(ErrorCode::BadNumber, message).field("customer_number")
            })?;
            answer.number = Some(cleaned);
        }
        let prefix = match given.get("customer_number_prefix") {
            None | Some(Value::Null) => None,
            Some(Value::String(prefix)) => Some(prefix.trim().to_owned()),
            Some(other) => Some(other.to_string()),
        };
        if let Some(prefix) = prefix {
            if !number::is_prefix(&prefix) {
                let message = "digits, * and # with an optional leading + only";
                return Err(bad("customer_number_prefix", message));
            }
            answer.prefix = Some(prefix);
        }
        if action == Action::Retry
            && let Some(delay) = text("delay")
        {
            answer.delay_s = Some(seconds(&delay)?);
        }
        Ok(answer)
    }

    /// The rules of the dial plan: for numbers that later attempts would dial, and for the
    /// destination of `route_to_rp` (play-treatments §4.4, §5.2).
    ///
    /// # Errors
    /// The refusals of [`number::check_dial`] with the field at fault; `BAD_PARAMETER` for a
    /// destination that is not allowed.
    pub fn check(&self, callback: &Callback, plan: &Dialplan) -> Result<(), Error> {
        let settings = &callback.settings;
        let judge = |number: &str, prefix: &str| {
            let (premium, home) = (settings.disallow_premium, &settings.default_country);
            number::check_dial(plan, number, prefix, premium, home)
        };
        if self.number.is_some() || self.prefix.is_some() {
            let number = self
                .number
                .as_deref()
                .unwrap_or_else(|| callback.number_to_dial());
            let prefix = self
                .prefix
                .as_deref()
                .unwrap_or_else(|| callback.dial_prefix());
            let field = if self.number.is_some() {
                "customer_number"
            } else {
                "customer_number_prefix"
            };
            judge(number, prefix).map_err(|error| error.field(field))?;
        }
        let Some(destination) = &self.destination else {
            return Ok(());
        };
        check_destination(destination, callback, plan)
    }
}

/// The rules for a destination that a plugin names (play-treatments §5.2).
///
/// # Errors
/// `BAD_PARAMETER` when it is not allowed; the refusals of [`number::check_dial`].
pub fn check_destination(
    destination: &str,
    callback: &Callback,
    plan: &Dialplan,
) -> Result<(), Error> {
    let number = destination_number(destination);
    if !plan.may_route_to(number) {
        let message = "message: the destination is not allowed; see [dialplan] rp_allow";
        return Err(Error::new(ErrorCode::BadParameter, message).field("message"));
    }
    let settings = &callback.settings;
    let (premium, home) = (settings.disallow_premium, &settings.default_country);
    number::check_dial(plan, number, "", premium, home).map_err(|error| error.field("message"))
}

/// The part of a destination that is dialed: `5100` of `5100@North`.
#[must_use]
pub fn destination_number(destination: &str) -> &str {
    destination.split('@').next().unwrap_or_default().trim()
}

/// Whether an answer with this token is waited for.
///
/// # Errors
/// `NOT_FOUND` for a token that no question of the callback has, `GONE` when its time is over,
/// `CONFLICT` when its answer is here already.
pub fn standing(callback: &Callback, token: &str) -> Result<(), Error> {
    let record = &callback.plugin;
    let same = |known: &String| constant_time_eq(known, token);
    let Some(at) = record.tokens.iter().position(same) else {
        return Err(Error::new(
            ErrorCode::NotFound,
            "There is no question with this token",
        ));
    };
    if at + 1 == record.tokens.len() && record.answered {
        return Err(Error::new(
            ErrorCode::Conflict,
            "The question was answered already; this answer is ignored",
        ));
    }
    match callback.phase {
        Phase::Plugin { .. } if at + 1 == record.tokens.len() => Ok(()),
        _ => Err(Error::new(
            ErrorCode::Gone,
            "The time for an answer is over, or the attempt is",
        )),
    }
}

/// Compares without telling by its time how much of a guess was right.
fn constant_time_eq(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (a, b)| d | (a ^ b)) == 0
}

fn seconds(text: &str) -> Result<i64, Error> {
    // Scripts write 180 as 180.0 now and then.
    let text = text.trim();
    let value = text.strip_suffix(".0").unwrap_or(text).parse::<i64>();
    value
        .ok()
        .filter(|delay| (0..=PLUGIN_DELAY_MAX_S).contains(delay))
        .ok_or_else(|| {
            bad(
                "delay",
                &format!("whole seconds, 0 to {PLUGIN_DELAY_MAX_S}"),
            )
        })
}

fn unquoted(name: &str) -> &str {
    for quote in ['\'', '"'] {
        let inner = name.strip_prefix(quote).and_then(|n| n.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    name
}

fn bad(name: &str, message: &str) -> Error {
    Error::new(ErrorCode::BadParameter, format!("{name}: {message}")).field(name)
}
