//! Resampling of whole files to 8 kHz with a windowed sinc.

use std::f64::consts::PI;

use crate::SAMPLE_RATE_HZ;

/// Zero crossings of the sinc on either side.
const ZERO_CROSSINGS: f64 = 16.0;
/// Cut-off as a share of the lower Nyquist frequency.
const CUT_OFF: f64 = 0.94;

/// Resamples from `rate_hz` (above 0) to 8 kHz.
pub(super) fn to_8_khz(input: &[f32], rate_hz: u32) -> Vec<f32> {
    if rate_hz == SAMPLE_RATE_HZ {
        return input.to_vec();
    }
    let step = f64::from(rate_hz) / f64::from(SAMPLE_RATE_HZ);
    let cut_off = CUT_OFF * (1.0 / step).min(1.0);
    let half_width = ZERO_CROSSINGS / cut_off;
    let count = crate::pcm::to_count(input.len() as f64 / step);
    (0..count)
        .map(|n| interpolate(input, n as f64 * step, cut_off, half_width))
        .collect()
}

fn interpolate(input: &[f32], at: f64, cut_off: f64, half_width: f64) -> f32 {
    let first = crate::pcm::to_count((at - half_width).ceil().max(0.0));
    let last = crate::pcm::to_count((at + half_width).floor());
    let taps = input
        .iter()
        .enumerate()
        .take(last.saturating_add(1))
        .skip(first);
    let sum: f64 = taps
        .map(|(index, sample)| {
            let distance = index as f64 - at;
            let window = 0.5 + 0.5 * (PI * distance / half_width).cos();
            f64::from(*sample) * cut_off * sinc(distance * cut_off) * window
        })
        .sum();
    narrow(sum)
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "audio needs no more than f32"
)]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32) -> Vec<f32> {
        (0..rate_hz)
            .map(|n| narrow((f64::from(n) * hz * 2.0 * PI / f64::from(rate_hz)).sin()))
            .collect()
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn pass_band_stays_and_what_would_fold_back_goes() {
        for rate_hz in [16_000, 44_100] {
            let pass = to_8_khz(&tone(1_000.0, rate_hz), rate_hz);
            assert!((rms(&pass[400..7_600]) - 0.707).abs() < 0.01);
            let stop = to_8_khz(&tone(5_500.0, rate_hz), rate_hz);
            assert!(rms(&stop[400..7_600]) < 0.005);
        }
    }
}
