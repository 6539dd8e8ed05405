//! Keeps what the caller says for as long as a page wants it.

use media::audio::Clip;
use media::tone;

use super::{Context, Leg, Player};
use crate::media_engine::MediaEvent;
use crate::port::{RecordOrder, Repeat};

/// Samples of a millisecond.
const SAMPLES_PER_MS: u64 = 8;
/// The tone before a recording.
const BEEP_HZ: f32 = 1_000.0;
const BEEP_MS: u32 = 250;
const BEEP_DBM0: f32 = -12.0;
/// Loudest silence, as mean amplitude of 16-bit samples (about −40 dBFS).
const SILENCE: u64 = 330;
/// Sound shorter than this is a click, ms.
const SOUND_MIN_MS: u64 = 60;
/// Time after which missing audio is filled with silence, ms: packets come in bursts.
const GAP_MS: u64 = 200;

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recorder {
    order: RecordOrder,
    begins_ms: u64,
    samples: Vec<i16>,
    /// Sound so far, ms.
    sound_ms: u64,
    /// Silence at the end so far, ms.
    silence_ms: u64,
    /// Length with the last sound, samples.
    last_sound: usize,
}

impl Recorder {
    const fn new(order: RecordOrder, begins_ms: u64) -> Self {
        Self {
            order,
            begins_ms,
            samples: Vec::new(),
            sound_ms: 0,
            silence_ms: 0,
            last_sound: 0,
        }
    }

    const fn has_sound(&self) -> bool {
        self.sound_ms >= SOUND_MIN_MS
    }

    const fn length_ms(&self) -> u64 {
        self.samples.len() as u64 / SAMPLES_PER_MS
    }

    /// Samples of the longest duration.
    fn most(&self) -> usize {
        usize::try_from(self.order.max_ms * SAMPLES_PER_MS).unwrap_or(usize::MAX)
    }

    /// Takes a frame that was heard now; what goes beyond the longest duration is left out, however
    /// fast the frames come.
    fn hear(&mut self, frame: &[i16], now_ms: u64) {
        if now_ms < self.begins_ms {
            return;
        }
        self.fill(now_ms);
        let room = self.most().saturating_sub(self.samples.len());
        let frame = frame.get(..room).unwrap_or(frame);
        self.samples.extend_from_slice(frame);
        let ms = frame.len() as u64 / SAMPLES_PER_MS;
        let sum: u64 = frame.iter().map(|s| u64::from(s.unsigned_abs())).sum();
        if sum > SILENCE * frame.len() as u64 {
            self.sound_ms += ms;
            self.silence_ms = 0;
            self.last_sound = self.samples.len();
        } else {
            if !self.has_sound() {
                self.sound_ms = 0;
            }
            self.silence_ms += ms;
        }
    }

    /// Fills what did not arrive: phones that suppress silence send nothing.
    fn fill(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.begins_ms);
        let missing_ms = passed_ms.saturating_sub(self.length_ms());
        if missing_ms > GAP_MS {
            let missing = usize::try_from(missing_ms * SAMPLES_PER_MS).unwrap_or(usize::MAX);
            let length = self.samples.len().saturating_add(missing);
            self.samples.resize(length.min(self.most()), 0);
            self.silence_ms += missing_ms;
        }
    }

    /// Whether it is over by itself.
    fn is_over(&mut self, now_ms: u64) -> bool {
        self.fill(now_ms);
        let passed_ms = now_ms.saturating_sub(self.begins_ms);
        let at_end = passed_ms >= self.order.max_ms;
        let silent = (self.order.final_silence_ms)
            .is_some_and(|limit| self.has_sound() && self.silence_ms >= limit);
        let nothing = !self.has_sound() && passed_ms >= self.order.timeout_ms;
        at_end || silent || nothing
    }

    /// What was recorded; nothing when there was no sound.
    fn finish(mut self) -> (Option<Clip>, bool) {
        if !self.has_sound() {
            return (None, false);
        }
        let at_max = self.samples.len() >= self.most();
        if self
            .order
            .final_silence_ms
            .is_some_and(|limit| self.silence_ms >= limit)
        {
            // The silence that ended it says nothing.
            self.samples.truncate(self.last_sound);
        }
        (Some(Clip::from_samples(self.samples)), at_max)
    }
}

impl Leg {
    pub(in crate::media_engine) fn record(&mut self, order: RecordOrder, ctx: &mut Context<'_>) {
        self.stop_record(ctx);
        let mut begins_ms = ctx.now_ms;
        if order.beep {
            self.stop(ctx);
            let beep = Clip::from_samples(tone::tone(&[BEEP_HZ], BEEP_MS, BEEP_DBM0));
            self.player = Some(Player::new(order.token, beep, Repeat::Unreported));
            begins_ms += u64::from(BEEP_MS);
        }
        self.recorder = Some(Box::new(Recorder::new(order, begins_ms)));
    }

    pub(in crate::media_engine) fn stop_record(&mut self, ctx: &mut Context<'_>) {
        if let Some(mut recorder) = self.recorder.take() {
            recorder.fill(ctx.now_ms);
            let token = recorder.order.token;
            let (clip, at_max) = recorder.finish();
            ctx.report(MediaEvent::Recorded {
                call: self.call.clone(),
                token,
                clip,
                at_max,
            });
        }
    }

    /// Takes what is in `ctx.scratch.pcm`.
    pub(super) fn record_heard(&mut self, ctx: &Context<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.hear(&ctx.scratch.pcm, ctx.now_ms);
        }
    }

    pub(super) fn record_tick(&mut self, ctx: &mut Context<'_>) {
        if self
            .recorder
            .as_mut()
            .is_some_and(|r| r.is_over(ctx.now_ms))
        {
            self.stop_record(ctx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: RecordOrder = RecordOrder {
        token: 1,
        beep: false,
        max_ms: 5_000,
        final_silence_ms: Some(400),
        timeout_ms: 1_000,
    };

    /// Records frames of 20 ms: `x` sound, `.` silence, `-` nothing arrives. Gives when it was
    /// over and what there is, ms.
    fn record(order: RecordOrder, heard: &str) -> (Option<u64>, Option<u64>) {
        let sound = tone::tone(&[400.0], 20, -20.0);
        let silence = vec![0; sound.len()];
        let mut recorder = Recorder::new(order, 0);
        let mut over = None;
        for (n, frame) in (1..).zip(heard.chars()) {
            match frame {
                'x' => recorder.hear(&sound, n * 20),
                '.' => recorder.hear(&silence, n * 20),
                _ => {}
            }
            if recorder.is_over(n * 20) {
                over = Some(n * 20);
                break;
            }
        }
        (over, recorder.finish().0.map(|clip| clip.duration_ms()))
    }

    #[test]
    fn silence_after_sound_ends_it_and_is_left_out() {
        let heard = format!("{}{}{}", ".".repeat(10), "x".repeat(20), ".".repeat(40));
        let (over, length) = record(ORDER, &heard);
        assert_eq!((over, length), (Some(1_000), Some(600)));
    }

    #[test]
    fn nothing_but_silence_is_no_recording() {
        assert_eq!(record(ORDER, &".".repeat(100)), (Some(1_000), None));
        assert_eq!(record(ORDER, &"-".repeat(100)), (Some(1_000), None));
        let clicks = "x.........".repeat(10);
        assert_eq!(record(ORDER, &clicks), (Some(1_000), None));
    }

    #[test]
    fn the_longest_duration_ends_it() {
        let order = RecordOrder {
            max_ms: 500,
            final_silence_ms: None,
            ..ORDER
        };
        assert_eq!(record(order, &"x".repeat(100)), (Some(500), Some(500)));
    }

    #[test]
    fn a_flood_takes_no_more_memory_than_the_longest_duration() {
        let sound = tone::tone(&[400.0], 30, -20.0);
        let mut recorder = Recorder::new(ORDER, 0);
        for _ in 0..10_000 {
            recorder.hear(&sound, 20);
        }
        assert_eq!(recorder.samples.len(), recorder.most());
        assert!(!recorder.is_over(20));
        let (clip, at_max) = recorder.finish();
        assert_eq!(clip.map(|clip| clip.duration_ms()), Some(ORDER.max_ms));
        assert!(at_max);
    }

    #[test]
    fn what_is_not_sent_counts_as_silence() {
        let heard = format!("{}{}", "x".repeat(20), "-".repeat(100));
        let (over, length) = record(ORDER, &heard);
        assert!(
            over.is_some_and(|at| (800..=1_300).contains(&at)),
            "{over:?}"
        );
        assert_eq!(length, Some(400));
    }
}
