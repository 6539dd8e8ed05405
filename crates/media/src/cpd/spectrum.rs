//! From samples to hops: every 10 ms a level and the tones in the last 32 ms.

use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;

use crate::{FRAME_SAMPLES, pcm};

/// Length of a hop, ms.
pub(super) const HOP_MS: u64 = 10;
/// Samples of a hop.
const HOP: usize = FRAME_SAMPLES / 2;
/// Samples of a window, 32 ms.
const WINDOW: usize = 256;
/// Width of a bin, Hz.
const BIN_HZ: f32 = 8_000.0 / WINDOW as f32;
/// Bins of 180–3,500 Hz.
const BINS: std::ops::RangeInclusive<usize> = 6..=112;
/// Bins on either side that belong to a peak (main lobe of the window).
const LOBE: usize = 2;
/// A hop below this level has no tone, dBFS.
const TONE_DBFS_MIN: f32 = -52.0;
/// Share of the energy that one peak needs to be a tone.
const SHARE_ONE: f32 = 0.80;
/// Share of the energy that two peaks need together.
const SHARE_TWO: f32 = 0.86;
/// Tones nearer than this are one that beats: a window shows now one peak, now two.
const BEATING_HZ: f32 = 100.0;
/// Greatest difference of two tones, as power (9 dB: 6 dB of twist and the noise).
const TWIST_MAX: f32 = 8.0;

/// What 10 ms of signal hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hop {
    /// Level, dBFS.
    pub(super) dbfs: f32,
    /// The tone or two, when nearly all energy is theirs.
    pub(super) tones: Option<Tones>,
    /// The strongest peak whatever its share, Hz, and that share.
    pub(super) peak: Option<(f32, f32)>,
}

/// One tone or two that sound together, Hz; the stronger one first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tones {
    pub(super) hz: f32,
    pub(super) second_hz: Option<f32>,
}

/// Cuts a stream of samples into hops.
#[derive(Clone, Debug)]
pub(super) struct Analyser {
    /// The part of the last window that the next one needs.
    history: Vec<f32>,
    partial: Vec<i16>,
}

impl Analyser {
    pub(super) fn new() -> Self {
        Self {
            history: vec![0.0; WINDOW - HOP],
            partial: Vec::with_capacity(2 * FRAME_SAMPLES),
        }
    }

    /// Takes samples; gives whole 20 ms frames, each with its two hops.
    pub(super) fn handle(&mut self, samples: &[i16]) -> Vec<(Vec<i16>, [Hop; 2])> {
        self.partial.extend(samples);
        let mut out = Vec::new();
        while self.partial.len() >= FRAME_SAMPLES {
            let rest = self.partial.split_off(FRAME_SAMPLES);
            let frame = std::mem::replace(&mut self.partial, rest);
            let hops = self.frame(&frame);
            out.push((frame, hops));
        }
        out
    }

    fn frame(&mut self, frame: &[i16]) -> [Hop; 2] {
        self.history.extend(frame.iter().map(|s| f32::from(*s)));
        let (first, second) = frame.split_at_checked(HOP).unwrap_or_default();
        let levels = [pcm::dbfs(pcm::rms(first)), pcm::dbfs(pcm::rms(second))];
        let mut hops = levels.map(|dbfs| Hop {
            dbfs,
            ..Hop::default()
        });
        if levels.iter().any(|l| *l > TONE_DBFS_MIN) {
            let windows = (
                self.history.get(..WINDOW),
                self.history.get(HOP..HOP + WINDOW),
            );
            if let (Some(one), Some(two)) = windows {
                for (hop, power) in hops.iter_mut().zip(power_of_two(one, two)) {
                    if hop.dbfs > TONE_DBFS_MIN {
                        (hop.tones, hop.peak) = peaks(&power);
                    }
                }
            }
        }
        self.history.drain(..FRAME_SAMPLES.min(self.history.len()));
        hops
    }
}

/// Finds the tones in a power spectrum.
fn peaks(power: &[f32]) -> (Option<Tones>, Option<(f32, f32)>) {
    let band = |skip: Option<usize>| {
        power.iter().enumerate().filter(move |(bin, _)| {
            BINS.contains(bin) && skip.is_none_or(|s| bin.abs_diff(s) > LOBE)
        })
    };
    let total: f32 = band(None).map(|(_, p)| p).sum();
    let strongest = |skip| {
        band(skip)
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(bin, _)| bin)
    };
    let lobe = |bin: usize| -> f32 {
        band(None)
            .filter(|(b, _)| b.abs_diff(bin) <= LOBE)
            .map(|(_, p)| p)
            .sum()
    };
    let Some(first) = strongest(None) else {
        return (None, None);
    };
    if total <= 0.0 {
        return (None, None);
    }
    let (hz, one) = (frequency(power, first), lobe(first));
    let peak = Some((hz, one / total));
    if let Some(second) = strongest(Some(first)) {
        let two = band(Some(first))
            .filter(|(b, _)| b.abs_diff(second) <= LOBE)
            .map(|(_, p)| p);
        let two: f32 = two.sum();
        if one + two > SHARE_TWO * total && two * TWIST_MAX > one {
            let second_hz = frequency(power, second);
            if (hz - second_hz).abs() < BEATING_HZ {
                let hz = (hz * one + second_hz * two) / (one + two);
                return (
                    Some(Tones {
                        hz,
                        second_hz: None,
                    }),
                    Some((hz, (one + two) / total)),
                );
            }
            return (
                Some(Tones {
                    hz,
                    second_hz: Some(second_hz),
                }),
                peak,
            );
        }
    }
    let tones = (one > SHARE_ONE * total).then_some(Tones {
        hz,
        second_hz: None,
    });
    (tones, peak)
}

/// The frequency of a peak between the bins: for a Hann window the ratio of the two greatest
/// neighbours gives it exactly.
fn frequency(power: &[f32], bin: usize) -> f32 {
    let at = |b: usize| power.get(b).copied().unwrap_or_default().sqrt();
    let (left, centre, right) = (at(bin.saturating_sub(1)), at(bin), at(bin + 1));
    let (side, sign) = if right > left {
        (right, 1.0)
    } else {
        (left, -1.0)
    };
    let ratio = side / centre.max(1e-9);
    let offset = ((2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(-0.5, 0.6);
    (bin as f32 + sign * offset) * BIN_HZ
}

#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f32,
    im: f32,
}

struct Tables {
    hann: Vec<f32>,
    twiddles: Vec<Complex>,
    /// Where the bins end up after the transform.
    order: Vec<usize>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let hann = |n: usize| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / WINDOW as f32).cos();
    let twiddle = |n: usize| {
        let angle = -2.0 * PI * n as f32 / WINDOW as f32;
        Complex {
            re: angle.cos(),
            im: angle.sin(),
        }
    };
    let bits = WINDOW.ilog2();
    Tables {
        hann: (0..WINDOW).map(hann).collect(),
        twiddles: (0..WINDOW / 2).map(twiddle).collect(),
        order: (0..WINDOW)
            .map(|n| n.reverse_bits() >> (usize::BITS - bits))
            .collect(),
    }
});

/// Power spectra of two real windows with one complex transform: one window is the real part,
/// the other the imaginary part.
fn power_of_two(one: &[f32], two: &[f32]) -> [Vec<f32>; 2] {
    let tables = &*TABLES;
    let mut data: Vec<Complex> = one
        .iter()
        .zip(two)
        .zip(&tables.hann)
        .map(|((a, b), w)| Complex {
            re: a * w,
            im: b * w,
        })
        .collect();
    transform(&mut data, &tables.twiddles);
    let at = |bin: usize| {
        let place = tables.order.get(bin % WINDOW).copied().unwrap_or_default();
        data.get(place).copied().unwrap_or_default()
    };
    let mut powers = [
        Vec::with_capacity(WINDOW / 2),
        Vec::with_capacity(WINDOW / 2),
    ];
    let [first, second] = &mut powers;
    for bin in 0..WINDOW / 2 {
        let (z, mirror) = (at(bin), at(WINDOW - bin));
        let (even_re, even_im) = (z.re + mirror.re, z.im - mirror.im);
        let (odd_re, odd_im) = (z.im + mirror.im, mirror.re - z.re);
        first.push((even_re * even_re + even_im * even_im) / 4.0);
        second.push((odd_re * odd_re + odd_im * odd_im) / 4.0);
    }
    powers
}

/// Transforms in place (decimation in frequency); the result is in bit-reversed order.
fn transform(data: &mut [Complex], twiddles: &[Complex]) {
    let mut size = WINDOW;
    while size >= 2 {
        for block in data.chunks_exact_mut(size) {
            let (low, high) = block.split_at_mut(size / 2);
            let factors = twiddles.iter().step_by(WINDOW / size);
            for ((a, b), w) in low.iter_mut().zip(high).zip(factors) {
                let difference = Complex {
                    re: a.re - b.re,
                    im: a.im - b.im,
                };
                *a = Complex {
                    re: a.re + b.re,
                    im: a.im + b.im,
                };
                *b = Complex {
                    re: difference.re * w.re - difference.im * w.im,
                    im: difference.re * w.im + difference.im * w.re,
                };
            }
        }
        size /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    fn last_hop(samples: &[i16]) -> Hop {
        Analyser::new().handle(samples).last().unwrap().1[1]
    }

    #[test]
    fn a_single_tone_is_measured_to_a_few_hertz() {
        for hz in [400.0, 425.0, 440.0, 950.0, 1_100.0, 1_776.7, 2_100.0] {
            let tones = last_hop(&tone::tone(&[hz], 100, -20.0)).tones.unwrap();
            assert!((tones.hz - hz).abs() < 3.0, "{hz} measured as {}", tones.hz);
            assert_eq!(tones.second_hz, None);
        }
    }

    #[test]
    fn two_tones_are_told_apart() {
        let tones = last_hop(&tone::busy(100)).tones.unwrap();
        let mut pair = [tones.hz, tones.second_hz.unwrap()];
        pair.sort_by(f32::total_cmp);
        assert!(
            (pair[0] - 480.0).abs() < 6.0 && (pair[1] - 620.0).abs() < 6.0,
            "{pair:?}"
        );
    }

    #[test]
    fn noise_and_silence_are_no_tones() {
        assert_eq!(last_hop(&tone::noise(100, -20.0, 1)).tones, None);
        assert_eq!(last_hop(&tone::silence(100)).tones, None);
        let mut both = tone::tone(&[425.0], 100, -20.0);
        for (sample, noise) in both.iter_mut().zip(tone::noise(100, -32.0, 5)) {
            *sample += noise;
        }
        assert!(
            last_hop(&both).tones.is_some(),
            "12 dB above white noise is enough"
        );
    }

    #[test]
    fn levels_are_those_of_the_hop() {
        let hop = last_hop(&tone::tone(&[1_000.0], 100, -10.0));
        assert!((hop.dbfs + 16.15).abs() < 0.3, "{}", hop.dbfs);
    }

    #[test]
    fn frames_of_any_length_are_cut_to_20_ms() {
        let mut analyser = Analyser::new();
        let count: usize = [1, 159, 500, 0, 140]
            .iter()
            .map(|n| analyser.handle(&vec![0; *n]).len())
            .sum();
        assert_eq!(count, 5);
    }
}
