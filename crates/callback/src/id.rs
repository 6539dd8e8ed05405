//! Identifiers of the domain as distinct types.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_id! {
    /// Id of a callback, `<number>-<uuid>` (callback-api §1), opaque to clients.
    CallbackId
}
text_id! {
    /// Execution name of a service: the `<name>` of `[service.<name>]`.
    ServiceName
}
text_id! {
    /// Id of an agent: the `<id>` of `[agent.<id>]`.
    AgentId
}

impl CallbackId {
    /// Builds an id from a number (the node's, three digits), the time and random bytes (UUID
    /// version 7, RFC 9562 §5.7).
    ///
    /// Ids that are made one after the other are neighbours, and so are their rows in the store:
    /// a commit of many new callbacks touches few pages.
    #[must_use]
    pub fn at_time(node: u16, now: Timestamp, random: [u8; 10]) -> Self {
        let [.., t0, t1, t2, t3, t4, t5] = now.0.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
        Self::from_bytes(
            node,
            [
                t0,
                t1,
                t2,
                t3,
                t4,
                t5,
                (r0 & 0x0f) | 0x70,
                r1,
                (r2 & 0x3f) | 0x80,
                r3,
                r4,
                r5,
                r6,
                r7,
                r8,
                r9,
            ],
        )
    }

    /// Builds an id from a number (the node's, three digits) and 16 random bytes (UUID version 4).
    #[must_use]
    pub fn from_random(node: u16, random: [u8; 16]) -> Self {
        let mut b = random;
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        Self::from_bytes(node, b)
    }

    fn from_bytes(node: u16, b: [u8; 16]) -> Self {
        let n = u128::from_be_bytes(b);
        let hex = format!("{n:032x}");
        // The five groups of RFC 9562 §4.
        let mut text = format!("{node:03}");
        let mut rest = hex.as_str();
        for len in [8, 4, 4, 4, 12] {
            let (group, tail) = rest.split_at(len);
            text.push('-');
            text.push_str(group);
            rest = tail;
        }
        Self::new(text)
    }
}

/// Key of one call leg of a callback.
///
/// As text: `<callback id>.<attempt>` for the customer's leg, `<callback id>.<attempt>.a<n>` for
/// the n-th agent offered during that attempt. The text is the telephony call id and the SIP
/// Call-ID, so a leg can be found again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegKey {
    /// The callback.
    pub callback: CallbackId,
    /// Number of the dial, from 1.
    pub attempt: u32,
    /// `None` = the customer's leg; else the number of the agent's leg, from 1.
    pub agent: Option<u32>,
}

impl LegKey {
    /// Reads a key from its text, `None` when it is no leg of a callback.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let callback = CallbackId::new(parts.next()?);
        let attempt = parts.next()?.parse().ok()?;
        let agent = match parts.next() {
            None => None,
            Some(part) => Some(part.strip_prefix('a')?.parse().ok()?),
        };
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            callback,
            attempt,
            agent,
        })
    }
}

impl fmt::Display for LegKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.callback, self.attempt)?;
        match self.agent {
            Some(n) => write!(f, ".a{n}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_a_number_and_a_uuid() {
        let id = CallbackId::from_random(112, [0xff; 16]);
        assert_eq!(id.as_str(), "112-ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn leg_keys_survive_text() {
        let id = CallbackId::from_random(1, [7; 16]);
        for agent in [None, Some(3)] {
            let key = LegKey {
                callback: id.clone(),
                attempt: 2,
                agent,
            };
            assert_eq!(LegKey::parse(&key.to_string()), Some(key));
        }
        assert_eq!(LegKey::parse("in-4"), None);
        assert_eq!(LegKey::parse("a.1.b2"), None);
    }
}
