//! The two front ends of the engine and how one is chosen.

use std::fmt;
use std::str::FromStr;

use crate::xml::Element;

/// Namespace of SCXML.
pub(crate) const NAMESPACE: &str = "http://www.w3.org/2005/07/scxml";

/// Namespace of `XInclude`.
pub(crate) const XINCLUDE: &str = "http://www.w3.org/2001/XInclude";

const VENDOR: &str = "www.genesyslab.com/modules/";

/// What a document is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SCXML 1.0, the Recommendation.
    #[default]
    W3c10,
    /// The working draft of 2009 with the deviations of the original orchestration server.
    Ors2009,
}

impl Dialect {
    /// The name that parameters and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::W3c10 => "w3c10",
            Self::Ors2009 => "ors2009",
        }
    }

    /// Chooses by what the document looks like.
    pub(crate) fn of(root: &Element) -> Self {
        if root.attribute("datamodel").is_some() {
            return Self::W3c10;
        }
        if root.attribute("profile").is_some() || is_original(root) {
            return Self::Ors2009;
        }
        Self::W3c10
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A dialect that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dialect is w3c10 or ors2009")]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "w3c10" => Ok(Self::W3c10),
            "ors2009" => Ok(Self::Ors2009),
            _ => Err(UnknownDialect),
        }
    }
}

/// The module that a namespace of the original names, with or without scheme and trailing slash.
pub(crate) fn module(namespace: &str) -> Option<&str> {
    let bare = namespace
        .strip_prefix("http://")
        .or_else(|| namespace.strip_prefix("https://"));
    let name = bare.unwrap_or(namespace).strip_prefix(VENDOR)?;
    Some(name.strip_suffix('/').unwrap_or(name))
}

/// True for a vendor namespace that is declared, or a quoted event name of a `<send>`.
fn is_original(element: &Element) -> bool {
    if element.declares_vendor {
        return true;
    }
    let quoted = |event: &str| {
        let event = event.trim();
        event.len() > 1
            && (event.starts_with('\'') && event.ends_with('\'')
                || event.starts_with('"') && event.ends_with('"'))
    };
    if element.name == "send" && element.attribute("event").is_some_and(quoted) {
        return true;
    }
    element.elements().any(is_original)
}

/// True when a namespace URI belongs to a module of the original.
pub(crate) fn is_vendor(namespace: &str) -> bool {
    module(namespace).is_some()
}
