//! Tone plans of countries: frequencies and cadences (ITU-T E.180 supplement 2).

use super::Outcome;

/// One tone of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cadence {
    pub(super) outcome: Outcome,
    /// Frequencies that sound together, Hz; for a modulated tone the carrier.
    pub(super) hz: &'static [f32],
    /// On and off times in turn, ms; repeats.
    pub(super) times_ms: &'static [u32],
}

/// The tones of a country.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    countries: &'static [&'static str],
    pub(super) cadences: &'static [Cadence],
}

const fn busy(hz: &'static [f32], times_ms: &'static [u32]) -> Cadence {
    Cadence {
        outcome: Outcome::Busy,
        hz,
        times_ms,
    }
}

const fn congestion(hz: &'static [f32], times_ms: &'static [u32]) -> Cadence {
    Cadence {
        outcome: Outcome::Congestion,
        hz,
        times_ms,
    }
}

const fn ring(hz: &'static [f32], times_ms: &'static [u32]) -> Cadence {
    Cadence {
        outcome: Outcome::Ring,
        hz,
        times_ms,
    }
}

const fn sit(hz: &'static [f32], times_ms: &'static [u32]) -> Cadence {
    Cadence {
        outcome: Outcome::Sit,
        hz,
        times_ms,
    }
}

/// The plan of a country by its ISO 3166 code (any case; `UK` counts as `GB`).
pub(super) fn of(country: &str) -> Option<&'static Plan> {
    let wanted = |code: &&&str| code.eq_ignore_ascii_case(country);
    PLANS
        .iter()
        .find(|plan| plan.countries.iter().any(|c| wanted(&c)))
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
    matches!(
        country.to_ascii_uppercase().as_str(),
        "" | "US" | "CA" | "PR"
    )
}

/// Whether a country sends 950 Hz alone as special information tone.
pub(super) const fn has_single_sit(country: &str) -> bool {
    country.eq_ignore_ascii_case("ES")
}

const DUAL: &[f32] = &[480.0, 620.0];
const F400: &[f32] = &[400.0];
const F420: &[f32] = &[420.0];
const F425: &[f32] = &[425.0];
const F440: &[f32] = &[440.0];

const PLANS: &[Plan] = &[
    Plan {
        countries: &["US", "CA", "PR"],
        cadences: &[
            busy(DUAL, &[500, 500]),
            congestion(DUAL, &[250, 250]),
            ring(&[440.0, 480.0], &[2_000, 4_000]),
            busy(&[500.0], &[500, 500]),
            congestion(&[500.0], &[250, 250]),
            ring(F420, &[2_000, 4_000]),
        ],
    },
    Plan {
        countries: &["GB", "UK"],
        cadences: &[
            busy(F400, &[375, 375]),
            congestion(F400, &[400, 350, 225, 525]),
            ring(&[400.0, 450.0], &[400, 200, 400, 2_000]),
        ],
    },
    Plan {
        countries: &["DE"],
        cadences: &[
            busy(F425, &[480, 480]),
            congestion(F425, &[240, 240]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["FR"],
        cadences: &[
            busy(F440, &[500, 500]),
            congestion(F440, &[250, 250]),
            ring(F440, &[1_500, 3_500]),
        ],
    },
    Plan {
        countries: &["ES"],
        cadences: &[
            busy(F425, &[200, 200]),
            congestion(F425, &[200, 200, 200, 200, 200, 600]),
            ring(F425, &[1_500, 3_000]),
        ],
    },
    Plan {
        countries: &["IT"],
        cadences: &[
            busy(F425, &[500, 500]),
            congestion(F425, &[200, 200]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["AT"],
        cadences: &[
            busy(F420, &[400, 400]),
            congestion(F420, &[200, 200]),
            ring(F420, &[1_000, 5_000]),
        ],
    },
    Plan {
        countries: &["BE"],
        cadences: &[
            busy(F425, &[500, 500]),
            congestion(F425, &[167, 167]),
            ring(F425, &[1_000, 3_000]),
        ],
    },
    Plan {
        countries: &["CH"],
        cadences: &[
            busy(F425, &[500, 500]),
            congestion(F425, &[200, 200]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["NL"],
        cadences: &[
            busy(F425, &[500, 500]),
            congestion(F425, &[250, 250]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["PL", "LV", "SK"],
        cadences: &[
            busy(F425, &[500, 500]),
            congestion(F425, &[500, 500]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["SE"],
        cadences: &[
            busy(F425, &[250, 250]),
            congestion(F425, &[250, 750]),
            ring(F425, &[1_000, 5_000]),
        ],
    },
    Plan {
        countries: &["DK", "NO", "PT"],
        cadences: &[
            busy(F425, &[500, 500]),
            congestion(F425, &[200, 200]),
            ring(F425, &[1_000, 4_000]),
            ring(F425, &[1_000, 5_000]),
        ],
    },
    Plan {
        countries: &["JP"],
        cadences: &[busy(F400, &[500, 500]), ring(F400, &[1_000, 2_000])],
    },
    Plan {
        countries: &["AU"],
        cadences: &[
            busy(F425, &[375, 375]),
            sit(F425, &[2_500, 500]),
            ring(&[413.0, 438.0], &[400, 200, 400, 2_000]),
            ring(&[400.0, 425.0, 450.0], &[400, 200, 400, 2_000]),
        ],
    },
    Plan {
        countries: &["NZ"],
        cadences: &[
            busy(F400, &[500, 500]),
            congestion(F400, &[250, 250]),
            sit(F400, &[750, 100, 750, 100, 750, 100, 750, 400]),
            ring(&[400.0, 450.0], &[400, 200, 400, 2_000]),
        ],
    },
    Plan {
        countries: &["BR"],
        cadences: &[
            busy(F425, &[250, 250]),
            congestion(F425, &[250, 250, 750, 250]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["ZA"],
        cadences: &[
            busy(F400, &[500, 500]),
            congestion(F400, &[250, 250]),
            ring(F400, &[400, 200, 400, 2_000]),
        ],
    },
    Plan {
        countries: &["CL"],
        cadences: &[
            busy(F400, &[500, 500]),
            congestion(F400, &[200, 200]),
            ring(F400, &[1_000, 3_000]),
        ],
    },
    Plan {
        countries: &["CZ"],
        cadences: &[
            busy(F425, &[330, 330]),
            congestion(F425, &[165, 165]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["HU"],
        cadences: &[
            busy(F425, &[300, 300]),
            congestion(F425, &[300, 300]),
            ring(F425, &[1_250, 3_750]),
        ],
    },
    Plan {
        countries: &["IL"],
        cadences: &[
            busy(&[414.0], &[500, 500]),
            congestion(&[414.0], &[250, 250]),
            ring(&[414.0], &[1_000, 3_000]),
        ],
    },
    Plan {
        countries: &["LT"],
        cadences: &[
            busy(F425, &[350, 350]),
            congestion(F425, &[200, 200]),
            ring(F425, &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["MY"],
        cadences: &[busy(F425, &[500, 500]), ring(F425, &[400, 200, 400, 2_000])],
    },
    Plan {
        countries: &["PH"],
        cadences: &[
            busy(DUAL, &[500, 500]),
            congestion(DUAL, &[250, 250]),
            ring(&[425.0, 480.0], &[1_000, 4_000]),
        ],
    },
    Plan {
        countries: &["TH"],
        cadences: &[
            busy(F400, &[500, 500]),
            congestion(F400, &[300, 300]),
            ring(F420, &[1_000, 5_000]),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_country_has_busy_and_ring() {
        let listed = [
            "US", "CA", "UK", "gb", "DE", "FR", "ES", "IT", "AT", "BE", "NL", "CH", "PL", "SE",
            "DK", "NO", "JP", "AU", "BR", "ZA", "PT",
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
    fn cadences_have_on_and_off_times() {
        for cadence in PLANS.iter().flat_map(|p| p.cadences) {
            assert!(cadence.times_ms.len() % 2 == 0 && !cadence.hz.is_empty());
        }
    }
}
