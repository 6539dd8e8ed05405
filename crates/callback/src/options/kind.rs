//! What the value of an option looks like, and the check of one.

use crate::number;
use crate::routing::Target;
use crate::treatment::Treatment;
use crate::{Timestamp, ini};

/// Type of an option's value (options §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true`, `false`, `1`, `0`, `yes`, `no`.
    Bool,
    /// A decimal number within bounds, both included.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Any text.
    Text,
    /// A comma list.
    Csv,
    /// One JSON value.
    Json,
    /// One of these words, in any case.
    Enum(&'static [&'static str]),
    /// Number and letter `y M w d h m`.
    Span,
    /// ISO 8601.
    Time,
    /// An `http(s)` URL.
    Url,
    /// A comma list of `http(s)` URLs.
    Urls,
    /// A form of play-treatments §1.2.
    Treatment,
    /// A target or JSON array of targets.
    Target,
    /// `+?[0-9*#]*`.
    Digits,
    /// Two letters of ISO 3166.
    Country,
}

impl Kind {
    /// The word of `ringback options`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int { .. } => "int",
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Enum(_) => "enum",
            Self::Span => "span",
            Self::Time => "time",
            Self::Url => "url",
            Self::Urls => "urls",
            Self::Treatment => "treatment",
            Self::Target => "target",
            Self::Digits => "digits",
            Self::Country => "country",
        }
    }

    /// What may be written, for people.
    #[must_use]
    pub fn allowed(self) -> String {
        match self {
            Self::Bool => String::from("true, false"),
            Self::Int { min, max } if max >= LARGEST => format!("a whole number from {min}"),
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Text => String::from("text"),
            Self::Csv => String::from("names with commas between them"),
            Self::Json => String::from("one JSON value"),
            Self::Enum(words) => words.join(", "),
            Self::Span => String::from("a number and one of y M w d h m, e.g. 1M"),
            Self::Time => String::from("a time such as 2026-10-05T13:00:00.000Z"),
            Self::Url => String::from("an http:// or https:// URL"),
            Self::Urls => String::from("http:// or https:// URLs with commas between them"),
            Self::Treatment => {
                String::from(r#"a file name, a URL, {"file":"name.wav","hints":{}} or { }"#)
            }
            Self::Target => {
                String::from("<name>@<stat server>.<type>, ?:<skills>@<stat server>.GA or an array")
            }
            Self::Digits => String::from("digits, * and #, with an optional leading +"),
            Self::Country => String::from("two letters of ISO 3166, e.g. US"),
        }
    }

    /// Checks a value; an empty one is unset and always fits.
    ///
    /// # Errors
    ///
    /// Says what is wrong.
    pub fn check(self, value: &str) -> Result<(), String> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(());
        }
        let fits = match self {
            Self::Bool => parse_bool(value).is_some(),
            Self::Int { min, max } => {
                let number: i64 = value
                    .parse()
                    .map_err(|e| format!("not a whole number without unit ({e})"))?;
                return if (min..=max).contains(&number) {
                    Ok(())
                } else {
                    Err(format!("outside the allowed range: {}", self.allowed()))
                };
            }
            Self::Text | Self::Csv => true,
            Self::Json => {
                return serde_json::from_str::<serde_json::Value>(value)
                    .map(|_| ())
                    .map_err(|e| format!("not JSON ({e})"));
            }
            Self::Enum(words) => words.iter().any(|w| w.eq_ignore_ascii_case(value)),
            Self::Span => is_span(value),
            Self::Time => Timestamp::parse_iso(value).is_some(),
            Self::Url => is_url(value),
            Self::Urls => ini::list(value).all(is_url),
            Self::Treatment => return Treatment::parse(value, None).map(|_| ()),
            Self::Target => return Target::parse(value).map(|_| ()),
            Self::Digits => number::is_prefix(value),
            Self::Country => return number::country_code(value).map(|_| ()),
        };
        if fits {
            Ok(())
        } else {
            Err(format!("not allowed; write {}", self.allowed()))
        }
    }
}

/// Bounds from here on are not printed; they only keep sums of times in range.
const LARGEST: i64 = 1_000_000;

/// Reads a bool: `true`/`false`, `1`/`0`, `yes`/`no` in any case.
#[must_use]
pub fn parse_bool(value: &str) -> Option<bool> {
    let value = value.trim();
    let is = |words: [&str; 3]| words.iter().any(|w| w.eq_ignore_ascii_case(value));
    if is(["true", "1", "yes"]) {
        Some(true)
    } else if is(["false", "0", "no"]) {
        Some(false)
    } else {
        None
    }
}

/// An `http` or `https` URL with a host and without blanks.
pub(crate) fn is_url(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else {
        return false;
    };
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    web && !host.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_span(value: &str) -> bool {
    value
        .strip_suffix(['y', 'M', 'w', 'd', 'h', 'm'])
        .is_some_and(|number| {
            !number.is_empty() && number.len() <= 6 && number.bytes().all(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_their_kind() {
        let int = Kind::Int { min: 1, max: 9 };
        let word = Kind::Enum(&["CUSTOMER", "AGENT"]);
        for (kind, good, bad) in [
            (Kind::Bool, "YES", "maybe"),
            (int, "9", "10"),
            (int, "1", "1 s"),
            (word, "agent", "both"),
            (Kind::Json, "[1]", "[1"),
            (Kind::Span, "10d", "d"),
            (Kind::Span, "1M", "1x"),
            (Kind::Time, "2026-10-05T13:00:00Z", "tomorrow"),
            (Kind::Url, "http://h/p?q", "ftp://h"),
            (Kind::Url, "https://h", "http://"),
            (Kind::Urls, "http://a, http://b", "http://a, b"),
            (Kind::Treatment, "{ }", "../x"),
            (Kind::Target, "Billing@Stats.GA", "?:"),
            (Kind::Digits, "+49#", "9a"),
            (Kind::Country, "de", "Germany"),
        ] {
            assert_eq!(kind.check(good), Ok(()), "{kind:?} {good}");
            assert!(kind.check(bad).is_err(), "{kind:?} {bad}");
            assert_eq!(kind.check(""), Ok(()), "empty is unset");
            assert!(!kind.allowed().is_empty());
        }
    }
}
