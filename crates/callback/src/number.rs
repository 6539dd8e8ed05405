//! From a request's number to the dialed string: the rules of callback-api §13.1.
//!
//! Everything here is a pure function of the number, the dial plan and the options. No error
//! text holds the number itself.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::limits::NUMBER_MAX;
use crate::{Error, ErrorCode};

mod emergency;
mod parse;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(country: &str, block: &[&str], allow: &[&str]) -> Dialplan {
        let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let internal = [String::from("^[0-9]{2,6}$")];
        Dialplan::new(country, &internal, &texts(block), &texts(allow)).unwrap()
    }

    fn rules() -> Rules {
        Rules {
            country: String::new(),
            disallow_impossible: true,
            disallow_premium: true,
        }
    }

    fn refusal(plan: &Dialplan, number: &str, rules: &Rules) -> &'static str {
        check_request(plan, number, rules).map_or_else(|e| e.code.phrase(), |_| "ok")
    }

    #[test]
    fn numbers_are_cleaned_and_judged_dialable() {
        for (number, expected) in [
            ("+49 (30) 555-010", Some("+4930555010")),
            ("555.23.36", Some("5552336")),
            ("*67#5115", Some("*67#5115")),
            ("5115", Some("5115")),
            ("+", None),
            ("", None),
            ("- ()", None),
            ("5+5", None),
            ("++49", None),
            ("555x", None),
            ("sip:kim@host", None),
            ("५५५", None),
            ("1\u{0}2", None),
        ] {
            assert_eq!(clean(number).as_deref(), expected, "{number:?}");
        }
        assert_eq!(
            clean(&"1".repeat(NUMBER_MAX)).map(|n| n.len()),
            Some(NUMBER_MAX)
        );
        assert_eq!(clean(&"1".repeat(NUMBER_MAX + 1)), None);
        assert_eq!(clean(&" ".repeat(1_000_000)), None);
    }

    #[test]
    fn a_four_digit_number_is_internal_and_dialed_as_it_is() {
        let plan = plan("US", &[], &["DE"]);
        let checked = check_request(&plan, "5115", &rules()).unwrap();
        assert!(checked.internal);
        assert_eq!((checked.e164, checked.country), (None, None));
        for format in [
            NumberFormat::AsGiven,
            NumberFormat::Plus,
            NumberFormat::E164,
            NumberFormat::National,
        ] {
            assert_eq!(dial_string(&plan, "5115", "", format, ""), "5115");
        }
        check_dial(&plan, "5115", "", true, "").unwrap();
        assert_eq!(country_of(&plan, "5115", ""), "US");
    }

    #[test]
    fn each_format_sends_what_the_table_says() {
        let cleaned = clean("+49 (30) 555-010").unwrap();
        for home in ["DE", "US"] {
            let plan = plan(home, &[], &[]);
            for (format, plain, behind_0) in [
                (NumberFormat::AsGiven, "+4930555010", "04930555010"),
                (NumberFormat::Plus, "+4930555010", "04930555010"),
                (NumberFormat::E164, "4930555010", "04930555010"),
                (NumberFormat::National, "030555010", "0030555010"),
            ] {
                assert_eq!(
                    dial_string(&plan, &cleaned, "", format, ""),
                    plain,
                    "{home}"
                );
                assert_eq!(
                    dial_string(&plan, &cleaned, "0", format, ""),
                    behind_0,
                    "{home}"
                );
            }
        }
    }

    #[test]
    fn local_and_unparseable_numbers_are_sent_as_given() {
        let plan = plan("US", &[], &[]);
        for number in ["5552336", "*67123456789", "+999123456789"] {
            assert_eq!(
                dial_string(&plan, number, "", NumberFormat::Plus, ""),
                number
            );
        }
        // The number and prefix of an answer.
        let cleaned = clean("555-2336").unwrap();
        assert_eq!(
            dial_string(&plan, &cleaned, "91", NumberFormat::E164, ""),
            "915552336"
        );
        check_dial(&plan, "555-2336", "91", true, "").unwrap();
    }

    #[test]
    fn emergency_numbers_are_refused_in_every_disguise() {
        let us = plan("US", &[], &[]);
        let de = plan("DE", &[], &[]);
        for number in ["112", "911", "999", "1-1-2", "+112", "+49112", "+49110"] {
            assert_eq!(
                refusal(&us, number, &rules()),
                "EMERGENCY_NUMBER",
                "{number}"
            );
        }
        assert_eq!(refusal(&de, "110", &rules()), "EMERGENCY_NUMBER");
        assert_eq!(
            refusal(&us, "110", &rules()),
            "ok",
            "an extension in the US"
        );
        let german = Rules {
            country: String::from("DE"),
            ..rules()
        };
        assert_eq!(refusal(&us, "110", &german), "EMERGENCY_NUMBER");
        let code = |number: &str, prefix: &str| {
            check_dial(&us, number, prefix, true, "").map_err(|e| e.code)
        };
        assert_eq!(code("12", "1"), Err(ErrorCode::EmergencyNumber));
        assert_eq!(code("+12", "1"), Err(ErrorCode::EmergencyNumber));
        assert_eq!(code("112", "0"), Err(ErrorCode::EmergencyNumber));
        assert_eq!(code("12", ""), Ok(()));
        assert_eq!(code("1x2", ""), Err(ErrorCode::BadNumber));
        assert_eq!(code("12", "x"), Err(ErrorCode::BadNumber));
    }

    #[test]
    fn premium_numbers_are_refused_unless_allowed() {
        let plan = plan("DE", &[], &[]);
        let lax = Rules {
            disallow_premium: false,
            ..rules()
        };
        for number in ["0900 1 234567", "+1 900 234 5678"] {
            assert_eq!(refusal(&plan, number, &rules()), "PREMIUM_NUMBER");
            assert_eq!(refusal(&plan, number, &lax), "ok");
            assert!(check_dial(&plan, number, "", true, "").is_err());
            assert!(check_dial(&plan, number, "", false, "").is_ok());
        }
        let behind_prefix = check_dial(&plan, "9001234567", "0", true, "");
        assert_eq!(
            behind_prefix.map_err(|e| e.code),
            Err(ErrorCode::PremiumNumber)
        );
    }

    #[test]
    fn impossible_numbers_are_refused_unless_allowed() {
        let plan = plan("US", &[], &[]);
        let lax = Rules {
            disallow_impossible: false,
            ..rules()
        };
        for number in ["+999123456", "1234567890123456", "*67123456", "+4912"] {
            assert_eq!(refusal(&plan, number, &rules()), "BAD_NUMBER", "{number}");
            assert_eq!(refusal(&plan, number, &lax), "ok", "{number}");
        }
        assert_eq!(refusal(&plan, "no number", &lax), "BAD_NUMBER");
        let error = check_request(&plan, "x", &rules()).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("_customer_number"));
    }

    #[test]
    fn blocked_numbers_and_prefixes_are_refused_however_written() {
        let plan = plan("DE", &["+4930555", "0180", "5116"], &[]);
        for number in [
            "+4930555010",
            "030 555 010",
            "004930555010",
            "5116",
            "+491805123456",
        ] {
            assert_eq!(
                refusal(&plan, number, &rules()),
                "NUMBER_BLOCKED",
                "{number}"
            );
        }
        for number in ["+493055010", "5115", "+390180555012"] {
            assert_ne!(
                refusal(&plan, number, &rules()),
                "NUMBER_BLOCKED",
                "{number}"
            );
        }
        assert!(check_dial(&plan, "16", "51", true, "").is_err());
    }

    #[test]
    fn only_allowed_countries_are_called() {
        let plan = plan("US", &[], &["us", "DE"]);
        assert_eq!(refusal(&plan, "202-555-0123", &rules()), "ok");
        assert_eq!(refusal(&plan, "+4930555010", &rules()), "ok");
        assert_eq!(
            refusal(&plan, "+442079460958", &rules()),
            "COUNTRY_NOT_ALLOWED"
        );
        assert_eq!(
            refusal(&plan, "+80012345678", &rules()),
            "COUNTRY_NOT_ALLOWED"
        );
        assert_eq!(refusal(&plan, "5115", &rules()), "ok", "internal");
        let checked = check_request(&plan, "+4930555010", &rules()).unwrap();
        assert_eq!(checked.country.as_deref(), Some("DE"));
        assert_eq!(checked.e164.as_deref(), Some("+4930555010"));
    }

    #[test]
    fn the_country_of_a_number_selects_its_tones() {
        let plan = plan("US", &[], &[]);
        assert_eq!(country_of(&plan, "+4930555010", ""), "DE");
        assert_eq!(country_of(&plan, "030555010", "DE"), "DE");
        assert_eq!(country_of(&plan, "2025550123", ""), "US");
        assert_eq!(country_of(&plan, "+80012345678", "FR"), "FR");
        assert_eq!(country_of(&plan, "*1", "??"), "US");
    }

    #[test]
    fn a_dial_plan_with_mistakes_names_them() {
        let bad = |country: &str, internal: &str, block: &str, allow: &str| {
            let list = |t: &str| {
                if t.is_empty() {
                    vec![]
                } else {
                    vec![t.to_owned()]
                }
            };
            Dialplan::new(country, &list(internal), &list(block), &list(allow)).unwrap_err()
        };
        assert!(bad("Germany", "", "", "").starts_with("default_country"));
        assert!(bad("US", "(", "", "").starts_with("internal"));
        assert!(bad("US", "", "abc", "").starts_with("block"));
        assert!(bad("US", "", "", "XX").starts_with("allow_countries"));
    }
}
