//! Tone plans of countries: frequencies and cadences, read from a data file of this package.

use std::sync::LazyLock;

use super::Outcome;

/// The plans as text; its head says how it is written.
const TEXT: &str = include_str!("plans.txt");

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| parse(TEXT));

/// One tone of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cadence {
    pub(super) outcome: Outcome,
    /// Frequencies that sound together, Hz; for a modulated tone the carrier.
    pub(super) hz: Vec<f32>,
    /// On and off times in turn, ms; repeats.
    pub(super) times_ms: Vec<u32>,
}

/// The tones of a country.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    countries: Vec<String>,
    pub(super) cadences: Vec<Cadence>,
    /// The lengths of the special information tone tell its reason.
    coded_sit: bool,
    /// The special information tone may be its first part alone.
    single_sit: bool,
}

/// The plan of a country by its ISO 3166 code (any case; `UK` counts as `GB`).
pub(super) fn of(country: &str) -> Option<&'static Plan> {
    let wanted = |code: &String| code.eq_ignore_ascii_case(country);
    PLANS.iter().find(|plan| plan.countries.iter().any(wanted))
}

/// Whether busy and congestion sound different in a country, as far as its plan is known.
#[must_use]
pub fn tells_apart(country: &str) -> bool {
    let Some(plan) = of(country) else { return true };
    let of_outcome = |outcome| plan.cadences.iter().filter(move |c| c.outcome == outcome);
    of_outcome(Outcome::Congestion)
        .any(|c| of_outcome(Outcome::Busy).all(|b| b.times_ms != c.times_ms))
}

/// Whether a country has the coded special information tones of North America. Without a
/// country the frequencies alone have to tell.
pub(super) fn has_coded_sit(country: &str) -> bool {
    country.is_empty() || of(country).is_some_and(|plan| plan.coded_sit)
}

/// Whether a country sends 950 Hz alone as special information tone.
pub(super) fn has_single_sit(country: &str) -> bool {
    of(country).is_some_and(|plan| plan.single_sit)
}

/// Reads plans; a line that is none is left out (the tests know of none).
fn parse(text: &str) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    for line in text.lines().map(str::trim) {
        let codes = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
        if let Some(codes) = codes {
            plans.push(Plan {
                countries: codes.split_whitespace().map(str::to_owned).collect(),
                ..Plan::default()
            });
        } else if let Some(plan) = plans.last_mut() {
            match line {
                "sit-coded" => plan.coded_sit = true,
                "sit-single" => plan.single_sit = true,
                line => plan.cadences.extend(cadence(line)),
            }
        }
    }
    plans
}

fn cadence(line: &str) -> Option<Cadence> {
    let mut words = line.split_whitespace();
    let outcome = match words.next()? {
        "busy" => Outcome::Busy,
        "congestion" => Outcome::Congestion,
        "ring" => Outcome::Ring,
        "sit" => Outcome::Sit,
        _ => return None,
    };
    let hz = words.next()?.split('+').map(|hz| hz.parse().ok());
    Some(Cadence {
        outcome,
        hz: hz.collect::<Option<_>>()?,
        times_ms: words.map(|ms| ms.parse().ok()).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_country_has_busy_and_ring() {
        let listed = [
            "US", "CA", "UK", "gb", "DE", "FR", "ES", "IT", "AT", "BE", "NL", "CH", "PL", "SE",
            "DK", "NO", "JP", "AU", "BR", "ZA", "PT", "BG", "CL", "CN", "CZ", "EE", "FI", "GR",
            "HU", "IL", "IN", "LT", "MX", "MY", "NZ", "PH", "RU", "SG", "TH", "TW", "VE", "us-old",
        ];
        for country in listed {
            let plan = of(country).unwrap_or_else(|| panic!("{country} has no plan"));
            for outcome in [Outcome::Busy, Outcome::Ring] {
                assert!(
                    plan.cadences.iter().any(|c| c.outcome == outcome),
                    "{country}"
                );
            }
        }
        assert!(of("").is_none() && of("XX").is_none());
    }

    #[test]
    fn every_line_of_the_data_file_is_understood() {
        let lines = TEXT
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with(['#', '[']) && !l.starts_with("sit-"));
        for line in lines {
            let cadence = cadence(line).unwrap_or_else(|| panic!("{line}"));
            assert!(
                cadence.times_ms.len() >= 2 && cadence.times_ms.len().is_multiple_of(2),
                "{line}"
            );
        }
        let mut codes: Vec<&String> = PLANS.iter().flat_map(|p| &p.countries).collect();
        let count = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), count, "no country has two plans");
    }

    #[test]
    fn same_tones_are_known_as_such() {
        assert!(!tells_apart("JP") && !tells_apart("hu") && !tells_apart("MY"));
        assert!(tells_apart("US") && tells_apart("ES") && tells_apart(""));
    }
}
