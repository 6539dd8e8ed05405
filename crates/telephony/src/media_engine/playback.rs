//! What a leg sends by its own clock: clips, digits, silence.

use std::collections::VecDeque;

use media::FRAME_SAMPLES;
use media::audio::Clip;
use media::telephone_event::{self, Event};
use media::tone;

use super::limits::{DIGIT_OFF_MS, DIGIT_ON_MS, DIGIT_VOLUME, DIGITS_MAX};
use crate::port::Repeat;

/// A clip that is being played.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) token: u64,
    clip: Clip,
    repeat: Repeat,
    at: usize,
}

impl Player {
    pub(super) const fn new(token: u64, clip: Clip, repeat: Repeat) -> Self {
        Self {
            token,
            clip,
            repeat,
            at: 0,
        }
    }

    /// Whether its end is told.
    pub(super) fn is_reported(&self) -> bool {
        self.repeat != Repeat::Unreported
    }

    /// A digit of the other side ends it.
    pub(super) fn yields(&self) -> bool {
        self.repeat == Repeat::UntilDigit
    }

    /// Writes the next frame into `out`; false when the clip was over before it.
    pub(super) fn next_frame(&mut self, out: &mut Vec<i16>) -> bool {
        out.clear();
        let samples = self.clip.samples();
        while out.len() < FRAME_SAMPLES && !samples.is_empty() {
            let rest = samples.get(self.at..).unwrap_or_default();
            let take = rest.len().min(FRAME_SAMPLES - out.len());
            out.extend(rest.iter().take(take));
            self.at += take;
            if self.at < samples.len() {
                continue;
            }
            match self.repeat {
                Repeat::Forever => self.at = 0,
                Repeat::Once | Repeat::UntilDigit | Repeat::Unreported => break,
            }
        }
        let any = !out.is_empty();
        out.resize(FRAME_SAMPLES, 0);
        any
    }
}

impl Player {
    /// Whether the last frame has been taken, so that what comes next can follow without a gap.
    pub(super) fn is_over(&self) -> bool {
        self.at >= self.clip.samples().len()
    }
}

/// One tick of a digit that is being sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// An event packet; the first of a digit begins a new RTP timestamp.
    Event { event: Event, first: bool },
    /// A frame with the tone in the audio.
    InBand(Vec<i16>),
    /// Nothing but silence.
    Pause,
}

/// Digits that are being sent.
#[derive(Debug, Default)]
pub(super) struct Digits {
    waiting: VecDeque<char>,
    steps: VecDeque<Step>,
}

impl Digits {
    /// Adds digits; what is no digit or beyond [`DIGITS_MAX`] is left out.
    pub(super) fn add(&mut self, digits: &str) {
        let valid = digits
            .chars()
            .filter(|d| telephone_event::code_of(*d).is_some());
        self.waiting
            .extend(valid.take(DIGITS_MAX.saturating_sub(self.waiting.len())));
    }

    pub(super) fn is_active(&self) -> bool {
        !self.waiting.is_empty() || !self.steps.is_empty()
    }

    /// The next tick; `events` says whether telephone-event was agreed.
    pub(super) fn next_step(&mut self, events: bool) -> Option<Step> {
        if self.steps.is_empty() {
            let digit = self.waiting.pop_front()?;
            self.steps = if events {
                as_events(digit)
            } else {
                in_band(digit)
            };
        }
        self.steps.pop_front()
    }
}

fn as_events(digit: char) -> VecDeque<Step> {
    let events = telephone_event::packets(digit, DIGIT_ON_MS, DIGIT_VOLUME).unwrap_or_default();
    let ticks = usize::from((DIGIT_ON_MS + DIGIT_OFF_MS) / 20);
    let steps = events.into_iter().enumerate();
    let mut steps: VecDeque<Step> = steps
        .map(|(n, event)| Step::Event {
            event,
            first: n == 0,
        })
        .collect();
    steps.resize(ticks.max(steps.len()), Step::Pause);
    steps
}

fn in_band(digit: char) -> VecDeque<Step> {
    let tone = tone::dtmf(
        digit.encode_utf8(&mut [0; 4]),
        DIGIT_ON_MS.into(),
        DIGIT_OFF_MS.into(),
    );
    tone.chunks(FRAME_SAMPLES)
        .map(|frame| Step::InBand(frame.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(player: &mut Player, count: usize) -> Vec<i16> {
        let (mut all, mut frame) = (Vec::new(), Vec::new());
        for _ in 0..count {
            if !player.next_frame(&mut frame) {
                break;
            }
            all.extend(&frame);
        }
        all
    }

    #[test]
    fn once_plays_every_sample_and_fills_the_last_frame() {
        let clip: Vec<i16> = (1..=400).collect();
        let mut player = Player::new(1, Clip::from_samples(clip.clone()), Repeat::Once);
        let all = frames(&mut player, 10);
        assert_eq!(all.len(), 480);
        assert_eq!(all[..400], clip);
        assert!(all[400..].iter().all(|s| *s == 0));
        let mut player = Player::new(1, Clip::from_samples(vec![1; 320]), Repeat::Once);
        frames(&mut player, 1);
        assert!(!player.is_over());
        frames(&mut player, 1);
        assert!(player.is_over(), "known with the last frame, not after it");
        let mut empty = Player::new(1, Clip::from_samples(Vec::new()), Repeat::Forever);
        assert!(
            !empty.next_frame(&mut Vec::new()),
            "an empty clip is over at once"
        );
    }

    #[test]
    fn a_loop_has_no_gap() {
        let mut player = Player::new(1, Clip::from_samples((1..=50).collect()), Repeat::Forever);
        let all = frames(&mut player, 5);
        assert_eq!(all.len(), 800);
        assert!(all.iter().zip((1..=50).cycle()).all(|(s, n)| *s == n));
    }

    #[test]
    fn a_digit_takes_eight_ticks_either_way() {
        for events in [true, false] {
            let mut digits = Digits::default();
            digits.add("1x#");
            let steps: Vec<Step> = std::iter::from_fn(|| digits.next_step(events)).collect();
            assert_eq!(steps.len(), 16);
            assert!(!digits.is_active());
            let firsts = steps
                .iter()
                .filter(|s| matches!(s, Step::Event { first: true, .. }));
            assert_eq!(firsts.count(), if events { 2 } else { 0 });
        }
        let mut digits = Digits::default();
        digits.add(&"1".repeat(1_000));
        let count = std::iter::from_fn(|| digits.next_step(true)).count();
        assert_eq!(count, DIGITS_MAX * 8);
    }
}
