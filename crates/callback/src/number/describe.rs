//! What is known about a number (callback-api §13).

use super::parse::{self, Length};
use super::{clean, country_code};

/// What is known about a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// A plan claims it.
    pub valid: bool,
    /// Its length fits its country.
    pub possible: bool,
    /// A premium-rate number.
    pub premium: bool,
    /// `fixed_line`, `mobile` …; empty when no plan claims it.
    pub kind: &'static str,
    /// `+…`; empty when it is incomplete.
    pub e164: String,
    /// In groups, with the country code.
    pub international: String,
    /// In groups, as it is dialed at home.
    pub national: String,
    /// Two letters of its country; empty for codes without one.
    pub country: &'static str,
}

/// Describes a number as it was dialed or written; `None` when it is none.
#[must_use]
pub fn describe(number: &str, default_country: &str) -> Option<Described> {
    let home = country_code(default_country).ok()?;
    let parsed = parse::parse(&clean(number)?, &home)?;
    let kind = parsed.kind();
    let groups = |with_prefix| {
        parsed
            .formatted(with_prefix)
            .unwrap_or_else(|| parsed.national.clone())
    };
    Some(Described {
        valid: !kind.is_empty(),
        possible: parsed.length == Length::Possible,
        premium: parsed.is_premium(),
        kind,
        e164: parsed.e164().unwrap_or_default(),
        international: format!("+{} {}", parsed.code, groups(false)),
        national: groups(true),
        country: parsed.country().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_described_with_its_writings_and_its_kind() {
        let told = |number: &str, country: &str| {
            let d = describe(number, country).unwrap();
            (
                d.e164,
                d.international,
                d.national,
                d.kind,
                d.country,
                d.valid,
            )
        };
        let us = (
            "+12025550123".to_owned(),
            "+1 (202) 555-0123".to_owned(),
            "(202) 555-0123".to_owned(),
        );
        assert_eq!(
            told("202-555-0123", "us"),
            (us.0, us.1, us.2, "fixed_line_or_mobile", "US", true)
        );
        let (e164, international, national, kind, country, valid) = told("+49 (30) 555 0100", "US");
        assert_eq!(
            (e164.as_str(), country, kind, valid),
            ("+49305550100", "DE", "fixed_line", true)
        );
        assert!(international.starts_with("+49 30"), "{international}");
        assert!(national.starts_with("030"), "{national}");
        assert_eq!(told("09001234567", "DE").3, "premium_rate");
        assert!(describe("09001234567", "DE").unwrap().premium);
    }

    #[test]
    fn what_is_no_number_is_not_described() {
        for number in ["", "call me", "*31#", "+999123", "+"] {
            assert_eq!(describe(number, "US"), None, "{number}");
        }
        assert_eq!(describe("2025550123", "Germany"), None);
        let short = describe("5115", "US").unwrap();
        assert!(!short.valid && !short.possible);
    }
}
