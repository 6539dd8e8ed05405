//! Call progress detection: who or what answered, from 8 kHz frames and the wall clock.
//!
//! A [`Detector`] lives for one stage of one call. It is fed with the frames that arrive and with
//! the time; it answers with at most one [`Verdict`] and, when asked to wait for it, with the end
//! of a machine's beep. It has no clock and no I/O: a corpus runs much faster than real time.

mod beep;
mod cadence;
mod plan;
mod sit;
mod sketch;
mod spectrum;
mod tone;
mod verdict;
mod voice;

pub use plan::tells_apart;
pub use sketch::{MOMENT_MS, Moment};
pub use verdict::Detector;

/// How much of a greeting is still taken for a person (reference: telephony 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Requested callbacks: a lost human costs more than a machine in the queue.
    #[default]
    Human,
    /// Mixed traffic.
    Balanced,
    /// Messages for machines.
    Machine,
}

/// The part of the call that is analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the answer: tones of the network only.
    Early,
    /// From the answer on: everything.
    Answered,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A person speaks.
    Human,
    /// An answering machine or announcement.
    Machine,
    /// A fax machine, calling or called.
    Fax,
    /// Busy tone.
    Busy,
    /// Congestion (reorder) tone.
    Congestion,
    /// Ring-back tone; never a verdict of its own, see the reasons.
    Ring,
    /// Special information tone.
    Sit,
    /// Nothing was heard.
    Silence,
    /// Something was heard, but the hard stop came first.
    Undecided,
}

/// Parameters of a detection.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Balance between lost humans and machines in the queue; default `Human`.
    pub profile: Profile,
    /// ISO 3166 code of the called number's country, selects the tone plan; empty or unknown =
    /// the generic rule. Default empty.
    pub country: String,
    /// Silence from the answer until the verdict `Silence`, wall clock, 1,000–15,000 ms;
    /// default 5,000.
    pub silence_ms: u32,
    /// Time from the answer until a verdict is given in any case, wall clock, 2,000–30,000 ms;
    /// default 8,000. Then what was heard so far is judged by the limits of `Balanced` at most.
    pub hard_stop_ms: u32,
    /// After a machine verdict go on to the end of the beep (`am-beep-detection`); default false.
    pub wait_for_beep: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            country: String::new(),
            silence_ms: 5_000,
            hard_stop_ms: 8_000,
            wait_for_beep: false,
        }
    }
}

/// One measured value behind a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Fixed word of what was measured, e.g. `voiced`, `pause`, `segments`.
    pub rule: &'static str,
    /// What was measured.
    pub value: f64,
    /// What it was compared with; 0 when it is for information only.
    pub limit: f64,
    /// Unit of both: `ms`, `Hz`, `dB` or empty for a count.
    pub unit: &'static str,
}

/// The result of a detection.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Part of the call it is about.
    pub stage: Stage,
    /// What was found.
    pub outcome: Outcome,
    /// Call state number: 0 human or undecided, 9 machine, 17 fax, 6 busy, 10 congestion,
    /// 8 special information tone or silence.
    pub call_state: u8,
    /// Fixed word: `human`, `machine`, `beep`, `ced`, `cng`, `busy`, `congestion`, `silence`,
    /// `sit_intercept`, `sit_vacant`, `sit_reorder`, `sit_no_circuit`, `sit`, `undecided`, `off`.
    pub detail: &'static str,
    /// Since the start of the stage, ms.
    pub decided_after_ms: u32,
    /// Since the first sound, ms; `None` when nothing was heard.
    pub decided_after_first_sound_ms: Option<u32>,
    /// The measured values behind it, the deciding one first.
    pub reasons: Vec<Reason>,
    /// What was heard since the start of the stage, by [`MOMENT_MS`].
    pub picture: Vec<Moment>,
}

/// What a detector reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The result; at most one per detector.
    Verdict(Verdict),
    /// It is time to speak to the machine; at most one per detector, after its verdict.
    BeepEnd {
        /// Frequency of the beep, Hz; 0 when none was heard and the greeting just ended.
        hz: f32,
        /// When the beep (or the wait for it) ended, ms since the start of the stage.
        at_ms: u32,
        /// Nobody beeped: the greeting was as long as that of an assistant that asks who is
        /// calling, and it listens now.
        screening: bool,
    },
}

/// What a detector sees at one moment, for drawings and traces.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sight {
    /// Level of the last 10 ms, dBFS.
    pub dbfs: f32,
    /// What was louder counted as voice, dBFS.
    pub threshold_dbfs: f32,
    /// Whether voice was counted.
    pub voice: bool,
    /// Frequency of a steady tone, Hz.
    pub tone_hz: Option<f32>,
}

impl Outcome {
    /// Fixed word of the outcome, as the command line prints it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Fax => "fax",
            Self::Busy => "busy",
            Self::Congestion => "congestion",
            Self::Ring => "ring",
            Self::Sit => "sit",
            Self::Silence => "silence",
            Self::Undecided => "none",
        }
    }

    /// The call state number of an outcome.
    #[must_use]
    pub const fn call_state(self) -> u8 {
        match self {
            Self::Human | Self::Undecided | Self::Ring => 0,
            Self::Machine => 9,
            Self::Fax => 17,
            Self::Busy => 6,
            Self::Congestion => 10,
            Self::Sit | Self::Silence => 8,
        }
    }
}
