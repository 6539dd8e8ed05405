//! Values of the configuration that are more than a text.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// A secret: readable through [`Secret::expose`] only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "\"***\"" })
    }
}

/// An address to listen on, e.g. `127.0.0.1:8080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_text| {
            "must be address:port with a numeric address, e.g. 127.0.0.1:8080 or [::1]:8080"
                .to_owned()
        })
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.0.to_string()
    }
}

/// An address that others are told; empty = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        match text.parse::<IpAddr>() {
            Ok(address) if !address.is_unspecified() => Ok(Self(Some(address))),
            Ok(_) | Err(_) => {
                Err("must be an IP address that others can reach, e.g. 203.0.113.7".to_owned())
            }
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address
            .0
            .map(|address| address.to_string())
            .unwrap_or_default()
    }
}

/// A range of ports, e.g. `20000-29999`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Ports(pub(crate) RangeInclusive<u16>);

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ports = text.split_once('-').and_then(|(from, to)| {
            let (from, to): (u16, u16) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            // One call leg takes two ports: RTP and RTCP (RFC 3550 §11).
            (from >= 1024 && to > from).then_some(from..=to)
        });
        ports.map(Self).ok_or_else(|| {
            "must be from-to with ports of 1024 to 65535, at least two, e.g. 20000-29999".to_owned()
        })
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        format!("{}-{}", ports.0.start(), ports.0.end())
    }
}

/// A network from which calls may come, e.g. `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Source(pub(crate) sip::network::Network);

impl TryFrom<String> for Source {
    type Error = sip::network::NoNetwork;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.0.to_string()
    }
}

/// A word that may be written as a truth value, e.g. `true` or `"strict"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "String")]
pub(crate) struct Word(pub(crate) String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Truth(bool),
    Text(String),
}

impl From<Written> for Word {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Truth(truth) => truth.to_string(),
            Written::Text(text) => text,
        })
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0
    }
}
