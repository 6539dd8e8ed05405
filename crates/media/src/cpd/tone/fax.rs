//! Fax machines: the tone of one that answers and the tone of one that calls.

use super::{Found, Heard, Outcome, Reason, Segment, Tracker};
use crate::cpd::spectrum::HOP_MS;

/// What is this much weaker than a calling tone is behind it, dB.
const QUIETER_DB: f32 = 9.0;
/// Hops after a tone that its end may reach into.
const EDGE_HOPS: usize = 4;

impl Tracker {
    pub(super) fn fax(&self, at_ms: u64, heard: Heard) -> Option<Found> {
        let ced = |rule, value: f64, limit| {
            let reasons = vec![Reason {
                rule,
                value,
                limit,
                unit: "ms",
            }];
            Some(Found {
                outcome: Outcome::Fax,
                detail: "ced",
                reasons,
            })
        };
        if let Some(run) = &self.run {
            let segment = run.segment();
            let near = (segment.hz - 2_100.0).abs() <= 25.0 && segment.second_hz.is_none();
            if near && segment.ms() >= 600 && run.purity() > 0.85 {
                return ced("ced", segment.ms() as f64, 600.0);
            }
        }
        if self.near_2100.count_ones() >= 75 {
            return ced(
                "ansam",
                f64::from(self.near_2100.count_ones()) * 10.0,
                750.0,
            );
        }
        let last = self.loud_last()?;
        let quiet_ms = at_ms - last.end_ms;
        // What was said before was neither much weaker than the tone nor only a word.
        let spoken =
            heard.voiced_ms >= 300 && heard.first_voice_ms.is_some_and(|v| v < last.start_ms);
        let cng = (last.hz - 1_100.0).abs() <= 38.0
            && last.second_hz.is_none()
            && (360..=660).contains(&last.ms())
            && (350..=700).contains(&quiet_ms)
            && !spoken
            && self.is_quiet_after(last, at_ms, heard);
        cng.then(|| Found {
            outcome: Outcome::Fax,
            detail: "cng",
            reasons: vec![
                Reason {
                    rule: "cng",
                    value: last.ms() as f64,
                    limit: 360.0,
                    unit: "ms",
                },
                Reason {
                    rule: "hz",
                    value: last.hz.into(),
                    limit: 1_100.0,
                    unit: "Hz",
                },
            ],
        })
    }

    /// The last tone but for those that are background to it.
    fn loud_last(&self) -> Option<&Segment> {
        let last = self.last()?;
        let louder = |s: &&Segment| s.dbfs > last.dbfs + QUIETER_DB;
        self.segments.iter().rev().find(louder).or(Some(last))
    }

    /// Whether nothing follows a tone, or only what was behind it: music or voices in a room.
    fn is_quiet_after(&self, tone: &Segment, at_ms: u64, heard: Heard) -> bool {
        let silent =
            self.run.is_none() && heard.last_voice_ms.is_none_or(|v| v <= tone.start_ms + 60);
        let hops = usize::try_from((at_ms - tone.end_ms) / HOP_MS).unwrap_or(0);
        // The windows that see the end of the tone are left out.
        let mut after: Vec<f32> = self
            .recent
            .iter()
            .rev()
            .take(hops.saturating_sub(EDGE_HOPS))
            .copied()
            .collect();
        after.sort_by(f32::total_cmp);
        let loud = after.get(after.len() * 4 / 5);
        silent || loud.is_some_and(|l| *l < tone.dbfs - QUIETER_DB)
    }
}
