//! Treatments: the forms a `_treatment…` option may have (play-treatments §1.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// File played while the customer waits, when the option is empty.
pub const WAITING_DEFAULT: &str = "next_customer_rep.wav";
/// File played when no agent was found in time, when the option is empty.
pub const FIND_AGENT_FAIL_DEFAULT: &str = "all_agents_busy.wav";
/// File played to a machine, when the option is empty.
pub const MACHINE_DEFAULT: &str = "call_fail_ans_machine.wav";

/// What one treatment plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Nothing.
    Off,
    /// A file or URL.
    Play {
        /// Bare file name below `media.treatments_dir`, or an `http(s)` URL.
        source: String,
        /// Hints of the JSON form, e.g. `am-beep-detection`.
        hints: Map<String, Value>,
    },
}

impl Treatment {
    /// Something is played.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        matches!(self, Self::Play { .. })
    }

    /// The hint `am-beep-detection` is `on`: playing starts after the machine's beep.
    #[must_use]
    pub fn waits_for_beep(&self) -> bool {
        match self {
            Self::Off => false,
            Self::Play { hints, .. } => hints
                .get("am-beep-detection")
                .and_then(Value::as_str)
                .is_some_and(|v| v.eq_ignore_ascii_case("on")),
        }
    }
}
