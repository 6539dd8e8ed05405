//! The detector: puts the parts together and speaks the verdict.

use super::{Finding, Outcome, Reason, Settings, Stage, Verdict};
use crate::pcm;

/// A frame above this level is a sound, dBFS.
const SOUND_DBFS: f32 = -45.0;

/// Detects what answered one call, for one stage of it.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    stage: Stage,
    start_ms: u64,
    first_sound_ms: Option<u64>,
    decided: bool,
}

impl Detector {
    /// Makes a detector for a stage that began at `start_ms`.
    #[must_use]
    pub const fn new(settings: Settings, stage: Stage, start_ms: u64) -> Self {
        Self {
            settings,
            stage,
            start_ms,
            first_sound_ms: None,
            decided: false,
        }
    }

    /// Whether nothing more will be found.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.decided
    }

    /// Takes one 20 ms frame of 8 kHz PCM that arrived at `now_ms`.
    pub fn handle_frame(&mut self, frame: &[i16], now_ms: u64) -> Option<Finding> {
        if self.first_sound_ms.is_none() && pcm::dbfs(pcm::rms(frame)) > SOUND_DBFS {
            self.first_sound_ms = Some(now_ms);
        }
        self.handle_tick(now_ms)
    }

    /// Takes the time when no packet arrived.
    pub fn handle_tick(&mut self, now_ms: u64) -> Option<Finding> {
        if self.decided || self.stage == Stage::Early {
            return None;
        }
        let passed_ms = now_ms.saturating_sub(self.start_ms);
        if self.first_sound_ms.is_none() && passed_ms >= u64::from(self.settings.silence_ms) {
            let limit = self.settings.silence_ms;
            return Some(self.verdict(Outcome::Silence, "silence", now_ms, limit));
        }
        if passed_ms >= u64::from(self.settings.hard_stop_ms) {
            let limit = self.settings.hard_stop_ms;
            return Some(self.verdict(Outcome::Undecided, "undecided", now_ms, limit));
        }
        None
    }

    fn verdict(
        &mut self,
        outcome: Outcome,
        detail: &'static str,
        now_ms: u64,
        limit_ms: u32,
    ) -> Finding {
        self.decided = true;
        let after_ms = since(self.start_ms, now_ms);
        Finding::Verdict(Verdict {
            stage: self.stage,
            outcome,
            call_state: outcome.call_state(),
            detail,
            decided_after_ms: after_ms,
            decided_after_first_sound_ms: self.first_sound_ms.map(|at| since(at, now_ms)),
            reasons: vec![Reason {
                rule: detail,
                value: f64::from(after_ms),
                limit: f64::from(limit_ms),
                unit: "ms",
            }],
        })
    }
}

fn since(start_ms: u64, now_ms: u64) -> u32 {
    u32::try_from(now_ms.saturating_sub(start_ms)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_decided_by_the_clock_alone() {
        let mut detector = Detector::new(Settings::default(), Stage::Answered, 1_000);
        assert_eq!(detector.handle_tick(5_999), None);
        let Some(Finding::Verdict(verdict)) = detector.handle_tick(6_000) else {
            panic!("a verdict was due")
        };
        assert_eq!(verdict.outcome, Outcome::Silence);
        assert_eq!(verdict.call_state, 8);
        assert_eq!(verdict.decided_after_ms, 5_000);
        assert_eq!(detector.handle_tick(60_000), None);
    }
}
