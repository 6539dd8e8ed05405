//! Digits as tones, for lines where telephone events were not agreed (ITU-T Q.24).

use std::f32::consts::TAU;

/// Samples of a block, 12.75 ms: the eight frequencies lie apart from each other in it.
const BLOCK: usize = 102;
/// The frequencies of the rows and of the columns, Hz.
const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// The digits, row by row.
const DIGITS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];
/// Weakest tone, as amplitude of 16-bit samples (−36 dBFS).
const AMPLITUDE_MIN: f32 = 500.0;
/// Share of the energy that the two tones need together: speech never holds it for two blocks.
const SHARE_MIN: f32 = 0.82;
/// The row may be this much weaker than the column and the column than the row, as power: 8 dB
/// and 4 dB with some play.
const ROW_WEAKER_MAX: f32 = 8.0;
const COLUMN_WEAKER_MAX: f32 = 3.2;
/// A tone is this much stronger than its neighbours in the row or column, as power (6 dB).
const APART: f32 = 4.0;
/// Blocks of a digit before it counts, and without it before it is over.
const BLOCKS_ON: u8 = 2;
const BLOCKS_OFF: u8 = 2;

/// Finds digits in 8 kHz audio.
///
/// ```
/// let mut detector = media::dtmf::Detector::default();
/// let audio = media::tone::dtmf("12#", 60, 60);
/// assert_eq!(detector.handle(&audio), ['1', '2', '#']);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Detector {
    partial: Vec<f32>,
    candidate: Option<char>,
    seen: u8,
    missing: u8,
    sounding: Option<char>,
}

impl Detector {
    /// Takes samples of any number; gives the digits that were recognised, each once.
    pub fn handle(&mut self, samples: &[i16]) -> Vec<char> {
        self.partial.extend(samples.iter().map(|s| f32::from(*s)));
        let mut digits = Vec::new();
        let whole = self.partial.len() / BLOCK * BLOCK;
        let rest = self.partial.split_off(whole);
        let blocks = std::mem::replace(&mut self.partial, rest);
        for block in blocks.chunks_exact(BLOCK) {
            digits.extend(self.block(digit_of(block)));
        }
        digits
    }

    fn block(&mut self, heard: Option<char>) -> Option<char> {
        if heard.is_some() && heard == self.sounding {
            self.missing = 0;
            return None;
        }
        if self.sounding.is_some() {
            self.missing += 1;
            if self.missing >= BLOCKS_OFF {
                self.sounding = None;
            }
        }
        if heard.is_none() || heard != self.candidate {
            (self.candidate, self.seen) = (heard, 0);
        }
        self.seen = self.seen.saturating_add(1);
        let digit = heard.filter(|_| self.seen >= BLOCKS_ON)?;
        (self.sounding, self.missing) = (Some(digit), 0);
        (self.candidate, self.seen) = (None, 0);
        Some(digit)
    }
}

/// The digit of a block that holds one and nothing else.
fn digit_of(block: &[f32]) -> Option<char> {
    let energy: f32 = block.iter().map(|s| s * s).sum::<f32>() / BLOCK as f32;
    let least = AMPLITUDE_MIN * AMPLITUDE_MIN;
    if energy < least {
        return None;
    }
    let (row, row_power) = strongest(block, &ROWS_HZ)?;
    let (column, column_power) = strongest(block, &COLUMNS_HZ)?;
    let clean = (row_power + column_power) / 2.0 > SHARE_MIN * energy;
    let loud = row_power.min(column_power) > least;
    let even =
        column_power < row_power * ROW_WEAKER_MAX && row_power < column_power * COLUMN_WEAKER_MAX;
    if !(clean && loud && even) {
        return None;
    }
    DIGITS.get(row)?.get(column).copied()
}

/// The strongest of four frequencies and its squared amplitude, when it stands out.
fn strongest(block: &[f32], all_hz: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = all_hz.map(|hz| goertzel(block, hz));
    let (place, power) = powers
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let apart = powers
        .iter()
        .enumerate()
        .all(|(n, p)| n == place || p * APART < power);
    apart.then_some((place, power))
}

/// Squared amplitude of one frequency in a block.
fn goertzel(block: &[f32], hz: f32) -> f32 {
    let turn = 2.0 * (TAU * hz / 8_000.0).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in block {
        let now = sample + turn * last - before;
        before = last;
        last = now;
    }
    let power = last * last + before * before - turn * last * before;
    let half = block.len() as f32 / 2.0;
    power / (half * half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    fn heard(samples: &[i16]) -> String {
        let mut detector = Detector::default();
        samples
            .chunks(160)
            .flat_map(|frame| detector.handle(frame))
            .collect()
    }

    #[test]
    fn every_digit_is_found_once_however_it_lies() {
        let all = "1234567890*#ABCD";
        for offset_ms in 0..13 {
            for (on_ms, off_ms) in [(45, 45), (60, 40), (100, 60), (2_000, 100)] {
                let mut samples = tone::silence(offset_ms);
                samples.extend(tone::dtmf(all, on_ms, off_ms));
                samples.extend(tone::silence(100));
                assert_eq!(heard(&samples), all, "{offset_ms} ms, {on_ms}/{off_ms}");
            }
        }
    }

    #[test]
    fn the_same_digit_twice_is_two_digits() {
        assert_eq!(heard(&tone::dtmf("5500", 50, 50)), "5500");
    }

    #[test]
    fn frequencies_may_be_off_by_one_and_a_half_percent() {
        for share in [0.985_f32, 1.015] {
            let samples = tone::tone(&[770.0 * share, 1_336.0 * share], 60, -12.0);
            assert_eq!(heard(&samples), "5", "{share}");
        }
        for share in [0.93_f32, 1.07] {
            let samples = tone::tone(&[770.0 * share, 1_336.0 * share], 60, -12.0);
            assert_eq!(heard(&samples), "", "{share}");
        }
    }

    #[test]
    fn noise_below_a_digit_does_no_harm() {
        let mut samples = tone::dtmf("159#", 70, 60);
        let noise = tone::noise(4 * 130, -32.0, 3);
        for (sample, noise) in samples.iter_mut().zip(noise) {
            *sample = sample.saturating_add(noise);
        }
        assert_eq!(heard(&samples), "159#");
    }

    #[test]
    fn speech_noise_and_other_tones_are_no_digits() {
        for seed in 0..20 {
            assert_eq!(heard(&tone::voice(10_000, -12.0, seed)), "", "voice {seed}");
        }
        assert_eq!(heard(&tone::noise(10_000, -12.0, 1)), "");
        for sound in [
            tone::busy(3_000),
            tone::ring(3_000),
            tone::ced(3_000),
            tone::cng(3_000),
            tone::tone(&[697.0], 1_000, -10.0),
            tone::sit(tone::Sit::Intercept),
        ] {
            assert_eq!(heard(&sound), "");
        }
    }
}
