//! From a request's number to the dialed string: the rules of callback-api §13.1.
//!
//! Everything here is a pure function of the number, the dial plan and the options. No error
//! text holds the number itself.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::limits::NUMBER_MAX;
use crate::{Error, ErrorCode};

mod describe;
mod emergency;
mod parse;
#[cfg(test)]
mod tests;

pub use describe::{Described, describe};
use emergency::is_emergency;
use parse::Length;

/// `[dialplan]` of the configuration, checked.
#[derive(Clone, Debug)]
pub struct Dialplan {
    /// Country of numbers without country code, two letters.
    pub default_country: String,
    /// Numbers that match one of these skip validity, premium and country rules.
    pub internal: Vec<Regex>,
    /// Numbers and prefixes that are never dialed, cleaned.
    pub block: Vec<String>,
    /// Countries that may be dialed, two letters each; empty = all.
    pub allow_countries: Vec<String>,
    /// Destinations that `route_to_rp` may name match one of these; empty = internal numbers only.
    pub rp_allow: Vec<Regex>,
}

impl Dialplan {
    /// Checks the four values of `[dialplan]`.
    ///
    /// # Errors
    ///
    /// Names the value that is no country, no pattern or no number.
    pub fn new(
        default_country: &str,
        internal: &[String],
        block: &[String],
        allow_countries: &[String],
    ) -> Result<Self, String> {
        let internal = internal.iter().map(|pattern| {
            Regex::new(pattern).map_err(|e| format!("internal: {pattern:?} is no pattern: {e}"))
        });
        let block = block.iter().map(|entry| {
            clean(entry).ok_or_else(|| format!("block: {entry:?} is no number or prefix"))
        });
        let allow = allow_countries.iter().map(|country| {
            country_code(country).map_err(|message| format!("allow_countries: {message}"))
        });
        Ok(Self {
            default_country: country_code(default_country)
                .map_err(|message| format!("default_country: {message}"))?,
            internal: internal.collect::<Result<_, _>>()?,
            block: block.collect::<Result<_, _>>()?,
            allow_countries: allow.collect::<Result<_, _>>()?,
            rp_allow: Vec::new(),
        })
    }

    /// Adds `[dialplan] rp_allow`.
    ///
    /// # Errors
    ///
    /// Names the value that is no pattern.
    pub fn with_rp_allow(mut self, patterns: &[String]) -> Result<Self, String> {
        let compiled = patterns.iter().map(|pattern| {
            Regex::new(pattern).map_err(|e| format!("rp_allow: {pattern:?} is no pattern: {e}"))
        });
        self.rp_allow = compiled.collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// `route_to_rp` may send a call to this number (play-treatments §5.2).
    #[must_use]
    pub fn may_route_to(&self, number: &str) -> bool {
        clean(number).is_some_and(|cleaned| {
            if self.rp_allow.is_empty() {
                self.is_internal(&cleaned)
            } else {
                self.rp_allow
                    .iter()
                    .any(|pattern| pattern.is_match(&cleaned))
            }
        })
    }

    /// A cleaned number of the own house.
    #[must_use]
    pub fn is_internal(&self, cleaned: &str) -> bool {
        self.internal
            .iter()
            .any(|pattern| pattern.is_match(cleaned))
    }

    /// `country` if it is one, else the default country.
    fn home<'a>(&'a self, country: &'a str) -> &'a str {
        if parse::country(country).is_some() {
            country
        } else {
            &self.default_country
        }
    }
}

/// The options that take part in the check of a request's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `_default_country`; empty = the dial plan's.
    pub country: String,
    /// `_disallow_impossible_phone_numbers`.
    pub disallow_impossible: bool,
    /// `_disallow_premium_phone_numbers`.
    pub disallow_premium: bool,
}

/// A request's number that may be dialed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The number without blanks and `-().`.
    pub cleaned: String,
    /// `+<country code><number>`; `None` for internal, local and unparseable numbers.
    pub e164: Option<String>,
    /// It matches `[dialplan] internal`.
    pub internal: bool,
    /// Two letters, if the number tells.
    pub country: Option<String>,
}

/// `trunk.number_format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// The cleaned number.
    #[default]
    AsGiven,
    /// `+` and country code.
    Plus,
    /// Country code without `+`.
    E164,
    /// As dialed inside the number's own country, trunk prefix included.
    National,
}

/// Reads a country: two letters of ISO 3166 that libphonenumber knows, in any case.
///
/// # Errors
///
/// Says that the text is no such country.
pub fn country_code(text: &str) -> Result<String, String> {
    let country = text.trim().to_ascii_uppercase();
    if parse::country(&country).is_some() {
        return Ok(country);
    }
    Err(format!(
        "{text:?} is no country; write two letters of ISO 3166, e.g. US"
    ))
}

/// Removes blanks and `-().`; `None` when the rest is not dialable, that is not `+?[0-9*#]+`, or
/// too long.
#[must_use]
pub fn clean(number: &str) -> Option<String> {
    // Bytes, before anything is copied: a number of any length may come in.
    if number.len() > NUMBER_MAX * 4 {
        return None;
    }
    let cleaned: String = number
        .chars()
        .filter(|c| !c.is_whitespace() && !"-().".contains(*c))
        .collect();
    let digits = cleaned.strip_prefix('+').unwrap_or(&cleaned);
    let dialable = !digits.is_empty()
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
        && cleaned.len() <= NUMBER_MAX;
    dialable.then_some(cleaned)
}

/// A dial prefix: nothing, or `+?[0-9*#]*`.
#[must_use]
pub fn is_prefix(prefix: &str) -> bool {
    let digits = prefix.strip_prefix('+').unwrap_or(prefix);
    prefix.len() <= NUMBER_MAX
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

/// Checks the number of a request.
///
/// # Errors
///
/// `BAD_NUMBER`, `EMERGENCY_NUMBER`, `NUMBER_BLOCKED`, `PREMIUM_NUMBER` or
/// `COUNTRY_NOT_ALLOWED`, with the field `_customer_number`.
pub fn check_request(plan: &Dialplan, number: &str, rules: &Rules) -> Result<Checked, Error> {
    check_request_number(plan, number, rules).map_err(|e| e.field("_customer_number"))
}

fn check_request_number(plan: &Dialplan, number: &str, rules: &Rules) -> Result<Checked, Error> {
    let cleaned = clean(number).ok_or_else(not_dialable)?;
    let home = plan.home(&rules.country);
    check_never(plan, &cleaned, home)?;
    if plan.is_internal(&cleaned) {
        return Ok(Checked {
            cleaned,
            e164: None,
            internal: true,
            country: None,
        });
    }
    let parsed = parse::parse(&cleaned, home);
    // Without area code a number is possible from the neighbourhood, not behind a +.
    let possible = parsed.as_ref().is_some_and(|p| match p.length {
        Length::Possible => true,
        Length::LocalOnly => !cleaned.starts_with('+'),
        Length::Impossible => false,
    });
    if rules.disallow_impossible && !possible {
        return Err(refuse(
            ErrorCode::BadNumber,
            "The number is not possible in its country",
        ));
    }
    if rules.disallow_premium && parsed.as_ref().is_some_and(parse::Parsed::is_premium) {
        return Err(premium());
    }
    let country = parsed
        .as_ref()
        .and_then(parse::Parsed::country)
        .map(str::to_owned);
    let allowed = plan.allow_countries.is_empty()
        || country
            .as_ref()
            .is_some_and(|c| plan.allow_countries.contains(c));
    if !allowed {
        let message = "The country of the number is not in [dialplan] allow_countries";
        return Err(refuse(ErrorCode::CountryNotAllowed, message));
    }
    let e164 = parsed.as_ref().and_then(parse::Parsed::e164);
    Ok(Checked {
        cleaned,
        e164,
        internal: false,
        country,
    })
}

/// Checks again right before a dial: block list, emergency and premium rules on the number and
/// on prefix + number; also the whole check of a number that an answer supplies.
///
/// # Errors
///
/// `BAD_NUMBER` (not dialable), `EMERGENCY_NUMBER`, `NUMBER_BLOCKED` or `PREMIUM_NUMBER`.
pub fn check_dial(
    plan: &Dialplan,
    number: &str,
    prefix: &str,
    disallow_premium: bool,
    country: &str,
) -> Result<(), Error> {
    let cleaned = clean(number).ok_or_else(not_dialable)?;
    if !is_prefix(prefix) {
        return Err(not_dialable());
    }
    let home = plan.home(country);
    let prefixed = prefixed(prefix, &cleaned);
    for candidate in [&cleaned, &prefixed] {
        check_never(plan, candidate, home)?;
        let parsed = parse::parse(candidate, home);
        let judged = disallow_premium && !plan.is_internal(candidate);
        if judged && parsed.is_some_and(|p| p.is_premium()) {
            return Err(premium());
        }
    }
    Ok(())
}

/// The string that is dialed: the number in the trunk's format behind the prefix. Internal,
/// local and unparseable numbers stay as given; a `+` behind a prefix is dropped.
#[must_use]
pub fn dial_string(
    plan: &Dialplan,
    cleaned: &str,
    prefix: &str,
    format: NumberFormat,
    country: &str,
) -> String {
    let as_given = || cleaned.to_owned();
    let parsed = match format {
        NumberFormat::AsGiven => None,
        _ if plan.is_internal(cleaned) => None,
        _ => parse::parse(cleaned, plan.home(country)).filter(|p| p.length == Length::Possible),
    };
    let number = parsed.map_or_else(as_given, |parsed| match format {
        NumberFormat::AsGiven => as_given(),
        NumberFormat::Plus => format!("+{}{}", parsed.code, parsed.national),
        NumberFormat::E164 => format!("{}{}", parsed.code, parsed.national),
        NumberFormat::National => parsed.national_dialed(),
    });
    prefixed(prefix, &number)
}

/// Country of a cleaned number for its tones: the number's own if it tells, else `default`.
#[must_use]
pub fn country_of(plan: &Dialplan, cleaned: &str, default: &str) -> String {
    let home = plan.home(default);
    let parsed = if plan.is_internal(cleaned) {
        None
    } else {
        parse::parse(cleaned, home)
    };
    parsed.and_then(|p| p.country()).unwrap_or(home).to_owned()
}

fn prefixed(prefix: &str, number: &str) -> String {
    if prefix.is_empty() {
        return number.to_owned();
    }
    format!("{prefix}{}", number.strip_prefix('+').unwrap_or(number))
}

/// The rules that hold for every number, internal or not.
fn check_never(plan: &Dialplan, cleaned: &str, home: &str) -> Result<(), Error> {
    let digits = cleaned.strip_prefix('+').unwrap_or(cleaned);
    let parsed = parse::parse(cleaned, home);
    // Some carriers take +49112 for 112: the national part counts in its own country, too.
    let abroad = parsed
        .as_ref()
        .filter(|_| cleaned.starts_with('+'))
        .is_some_and(|p| is_emergency(&p.national, p.country().unwrap_or(home)));
    if is_emergency(digits, home) || abroad {
        return Err(refuse(
            ErrorCode::EmergencyNumber,
            "Emergency numbers are never dialed",
        ));
    }
    if is_blocked(plan, cleaned, parsed.as_ref(), home) {
        let message = "The number is in [dialplan] block";
        return Err(refuse(ErrorCode::NumberBlocked, message));
    }
    Ok(())
}

/// An entry of the list blocks numbers that begin with it, however the number was written.
fn is_blocked(plan: &Dialplan, cleaned: &str, parsed: Option<&parse::Parsed>, home: &str) -> bool {
    if plan.block.is_empty() {
        return false;
    }
    let mut spellings = vec![cleaned.to_owned()];
    if let Some(parsed) = parsed {
        spellings.extend(parsed.e164());
        // The national spelling means this number only at home.
        if parse::country(home).is_some_and(|meta| meta.country_code() == parsed.code) {
            spellings.push(parsed.national_dialed());
        }
    }
    plan.block.iter().any(|entry| {
        spellings
            .iter()
            .any(|number| match entry.strip_prefix('+') {
                Some(_) => number.starts_with(entry),
                None => number
                    .strip_prefix('+')
                    .unwrap_or(number)
                    .starts_with(entry),
            })
    })
}

fn refuse(code: ErrorCode, message: &str) -> Error {
    Error::new(code, message)
}

fn not_dialable() -> Error {
    let message = "The number is not dialable: digits, * and # with an optional leading +, at \
                   most 40, are; blanks and -(). are removed";
    refuse(ErrorCode::BadNumber, message)
}

fn premium() -> Error {
    refuse(
        ErrorCode::PremiumNumber,
        "Premium numbers are not dialed for this service",
    )
}
