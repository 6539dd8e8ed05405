//! What was heard, coarsely: enough to draw it beside a verdict, too little to understand a word.

use super::Sight;
use super::spectrum::HOP_MS;

/// Length of one moment, ms.
pub const MOMENT_MS: u64 = 100;
/// Moments that are kept: the longest detection has 30 s.
const MOMENTS_MAX: usize = 300;
/// What is weaker is drawn as nothing, dBFS.
const NOTHING_DBFS: f32 = -70.0;

/// A tenth of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Level of its loudest 10 ms, dBFS, −70 to 0.
    pub dbfs: i8,
    /// Voice was counted in it.
    pub voice: bool,
    /// A steady tone sounded in it.
    pub tone: bool,
}

/// Collects moments.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    moments: Vec<Moment>,
    /// Hops in the last moment.
    hops: u64,
}

impl Sketch {
    /// Takes what was seen in one hop.
    pub(super) fn add(&mut self, sight: &Sight) {
        if self.hops == 0 {
            if self.moments.len() >= MOMENTS_MAX {
                return;
            }
            self.moments.push(Moment {
                dbfs: -70,
                voice: false,
                tone: false,
            });
        }
        self.hops = (self.hops + 1) % (MOMENT_MS / HOP_MS);
        let Some(last) = self.moments.last_mut() else {
            return;
        };
        last.dbfs = last.dbfs.max(rounded(sight.dbfs));
        last.voice |= sight.voice;
        last.tone |= sight.tone_hz.is_some();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.moments.clear();
        self.hops = 0;
    }

    /// All moments so far.
    pub(super) fn moments(&self) -> Vec<Moment> {
        self.moments.clone()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the level is between -70 and 0"
)]
fn rounded(dbfs: f32) -> i8 {
    // A level that is no number is drawn as nothing.
    let level = if dbfs.is_nan() { NOTHING_DBFS } else { dbfs };
    level.clamp(NOTHING_DBFS, 0.0).round() as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_hops_are_one_moment_and_their_number_is_bounded() {
        let mut sketch = Sketch::default();
        let mut sight = Sight {
            dbfs: -90.0,
            ..Sight::default()
        };
        for n in 0..15 {
            sight.voice = n == 3;
            sight.dbfs = if n == 12 { -20.4 } else { f32::NEG_INFINITY };
            sketch.add(&sight);
        }
        let of = |dbfs, voice| Moment {
            dbfs,
            voice,
            tone: false,
        };
        assert_eq!(sketch.moments(), [of(-70, true), of(-20, false)]);
        for _ in 0..100_000 {
            sketch.add(&sight);
        }
        assert_eq!(sketch.moments().len(), MOMENTS_MAX);
        assert_eq!(rounded(f32::NAN), -70);
        assert_eq!(rounded(7.0), 0);
    }
}
