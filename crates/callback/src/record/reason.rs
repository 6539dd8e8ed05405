//! Why a callback is over.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a callback is over (callback-api §10.4).
///
/// The set is open: requests may set reasons that are not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Routed to the agent.
    AgentConnected,
    /// Cancelled.
    Cancelled,
    /// Unknown failure.
    FailError,
    /// Not handled within `_ttl`.
    FailTimeoutTtl,
    /// No submission succeeded.
    FailQueueing,
    /// No target could be reserved.
    FailTargetNotFound,
    /// The agent could not be connected.
    FailAgentConnect,
    /// The customer hung up before an agent was reached.
    FailInteractionDeleted,
    /// The customer could not be connected.
    FailCallToCustomer,
    /// A fax answered.
    FailFaxReached,
    /// Ended by a request that gave no reason.
    NotAvailable,
    /// The customer never confirmed.
    FailUserNoConfirm,
    /// The number is missing; set by requests only.
    FailNoCustomerNumber,
    /// Neither voice nor chat; set by requests only.
    FailIxnUnknownMediaType,
    /// The texts of the service could not be loaded.
    FailLoadMessageFile,
    /// A plugin sent the call somewhere else, or a request says that it went there.
    TransferredToRp,
    /// Another one; set by requests only.
    Other(OtherReason),
}

impl Reason {
    /// Every reason with a name of its own.
    pub const ALL: &[Self] = &[
        Self::AgentConnected,
        Self::Cancelled,
        Self::FailError,
        Self::FailTimeoutTtl,
        Self::FailQueueing,
        Self::FailTargetNotFound,
        Self::FailAgentConnect,
        Self::FailInteractionDeleted,
        Self::FailCallToCustomer,
        Self::FailFaxReached,
        Self::NotAvailable,
        Self::FailUserNoConfirm,
        Self::FailNoCustomerNumber,
        Self::FailIxnUnknownMediaType,
        Self::FailLoadMessageFile,
        Self::TransferredToRp,
    ];

    /// Reads the name on the wire; `None` when it has not the form of a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::ALL.iter().copied().find(|r| r.as_str() == text);
        known.or_else(|| OtherReason::parse(text).map(Self::Other))
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(other) => other.as_str(),
            known => known.label(),
        }
    }

    /// The name in metrics: one for all that are not known here.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::AgentConnected => "AGENT_CONNECTED",
            Self::Cancelled => "CANCELLED",
            Self::FailError => "FAIL_ERROR",
            Self::FailTimeoutTtl => "FAIL_TIMEOUT_TTL",
            Self::FailQueueing => "FAIL_QUEUEING",
            Self::FailTargetNotFound => "FAIL_TARGET_NOT_FOUND",
            Self::FailAgentConnect => "FAIL_AGENT_CONNECT",
            Self::FailInteractionDeleted => "FAIL_INTERACTION_DELETED",
            Self::FailCallToCustomer => "FAIL_CALL_TO_CUSTOMER",
            Self::FailFaxReached => "FAIL_FAX_REACHED",
            Self::NotAvailable => "NOT_AVAILABLE",
            Self::FailUserNoConfirm => "FAIL_USER_NO_CONFIRM",
            Self::FailNoCustomerNumber => "FAIL_NO_CUSTOMER_NUMBER",
            Self::FailIxnUnknownMediaType => "FAIL_IXN_UNKNOWN_MEDIA_TYPE",
            Self::FailLoadMessageFile => "FAIL_LOAD_MESSAGE_FILE",
            Self::TransferredToRp => "TRANSFERRED_TO_RP",
            Self::Other(_) => "OTHER",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a reason is no name"))
    }
}

/// A reason that a request has set: up to 63 letters, digits, `_`, `-` and `.`.
///
/// The text stands inside, so that a reason stays a value that is copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OtherReason {
    length: u8,
    bytes: [u8; Self::LENGTH_MAX],
}

impl OtherReason {
    /// Longest text, bytes; the longest known one has 35.
    pub const LENGTH_MAX: usize = 63;

    fn parse(text: &str) -> Option<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_name) {
            return None;
        }
        let mut bytes = [0; Self::LENGTH_MAX];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(Self {
            length: u8::try_from(text.len()).ok()?,
            bytes,
        })
    }

    fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length));
        text.and_then(|text| std::str::from_utf8(text).ok())
            .unwrap_or_default()
    }
}

impl fmt::Debug for OtherReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_reasons_keep_their_names() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
            assert_eq!(reason.as_str(), reason.label());
            let text = serde_json::to_string(reason).unwrap();
            assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), *reason);
        }
    }

    #[test]
    fn the_set_of_reasons_is_open() {
        let longest = "X".repeat(OtherReason::LENGTH_MAX);
        for text in [
            "AGENT_PREVIEW_CANCEL_AFTER_3REJECTS",
            "Own.reason-1",
            &longest,
        ] {
            let reason = Reason::parse(text).unwrap();
            assert_eq!(reason.as_str(), text);
            assert_eq!(reason.label(), "OTHER");
            assert_eq!(format!("{reason:?}"), format!("Other({text:?})"));
            let wire = serde_json::to_string(&reason).unwrap();
            assert_eq!(wire, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Reason>(&wire).unwrap(), reason);
        }
        let too_long = "X".repeat(OtherReason::LENGTH_MAX + 1);
        for text in ["", "two words", "a\nb", "\u{e4}", "a\"b", &too_long] {
            assert_eq!(Reason::parse(text), None, "{text:?}");
        }
    }
}
