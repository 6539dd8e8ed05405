//! Whom to ask before the first dial: the customer's device (callback-api §3, §9.2).

mod texts;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::Callback;
use crate::service::parameter_text;
use crate::settings::Settings;
use crate::{Error, ErrorCode};

pub use self::texts::Texts;

/// Step of the dialog that a push leads to: the app asks for it and gets the menu.
pub const MENU: &str = "menu";

/// How far a callback is with asking its customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Whom to ask.
    pub device: Device,
    /// Pushes since the customer answered last.
    pub asked: u32,
    /// Opens the choices of the open question; empty = no question is open.
    pub token: String,
    /// The customer may be called.
    pub done: bool,
    /// Texts of `rb.message_file` as they were when the question was asked; `None` = the built-in
    /// ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Box<Texts>>,
}

/// The customer's device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `push_notification_deviceid`.
    pub id: String,
    /// `push_notification_provider`, else `_provider_name`; empty = the default one.
    pub provider: String,
    /// `push_notification_language`.
    pub language: String,
    /// `push_notification_debug`.
    pub debug: bool,
}

/// A push to the customer's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// To whom.
    pub device: Device,
    /// Number of the event in the callback's log.
    pub seq: u64,
    /// JSON text of the message.
    pub message: String,
    /// Attempts to deliver it.
    pub attempts: u32,
}

/// What the customer chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Call now.
    Confirm,
    /// Call after `rb.later_delay`.
    Later,
    /// Do not call.
    Cancel,
}

impl Choice {
    /// Every choice in the order of the menu.
    pub const ALL: &[Self] = &[Self::Confirm, Self::Later, Self::Cancel];

    /// Its path segment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Later => "later",
            Self::Cancel => "cancel",
        }
    }

    /// Reads a path segment.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|choice| choice.as_str() == text)
    }
}

/// The confirmation that a request asks for; `None` when its service does not ask or the request
/// names no device.
///
/// # Errors
/// `NOT_AVAILABLE` for a kind of push that is not sent.
pub fn requested(
    settings: &Settings,
    parameters: &Map<String, Value>,
    user_data: &Map<String, Value>,
) -> Result<Option<Box<Confirmation>>, Error> {
    let Some(confirm) = &settings.contact.confirm else {
        return Ok(None);
    };
    // The newer name goes before the older one.
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let given =
                parameter_text(user_data, name).or_else(|| parameter_text(parameters, name));
            given.map(|text| (name, text))
        })
    };
    let Some((_, id)) = first(["push_notification_deviceid", "_device_notification_id"]) else {
        return Ok(None);
    };
    if let Some((name, kind)) = first(["push_notification_type", "_device_os"])
        && !kind.eq_ignore_ascii_case("customhttp")
    {
        let shown: String = kind.chars().filter(|c| !c.is_control()).take(64).collect();
        let message = format!("Pushes of the kind {shown} are not sent ({name}); customhttp is");
        return Err(Error::new(ErrorCode::NotAvailable, message).field(name));
    }
    let text = |name: &str| parameter_text(user_data, name);
    let device = Device {
        id,
        provider: text("push_notification_provider").unwrap_or_else(|| confirm.provider.clone()),
        language: text("push_notification_language").unwrap_or_default(),
        debug: text("push_notification_debug").is_some_and(|text| text == "true"),
    };
    Ok(Some(Box::new(Confirmation {
        device,
        asked: 0,
        token: String::new(),
        done: false,
        texts: None,
    })))
}

impl Callback {
    /// The texts of the dialog with the customer's app.
    #[must_use]
    pub fn texts(&self) -> Texts {
        let own = self.confirmation.as_ref().and_then(|c| c.texts.as_deref());
        own.cloned().unwrap_or_default()
    }

    /// The customer has to be asked before the dial that is due.
    #[must_use]
    pub fn asks_first(&self) -> bool {
        self.attempts == 0
            && self.settings.contact.confirm.is_some()
            && self.confirmation.as_ref().is_some_and(|c| !c.done)
    }
}
