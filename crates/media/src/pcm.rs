//! Conversions between 16-bit samples and floating point, saturating at the ends.

/// Full scale of a 16-bit sample.
pub(crate) const FULL_SCALE: f32 = 32_768.0;

/// Rounds and saturates a value on the 16-bit scale.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates"
)]
pub(crate) const fn to_i16(value: f32) -> i16 {
    // As `round`, which is a call where the processor has no instruction for it.
    (value + 0.5f32.copysign(value)) as i16
}

/// Rounds a value that is not negative to a count; negative and NaN become 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
pub(crate) const fn to_count(value: f64) -> usize {
    (value + 0.5) as usize
}

/// Root mean square of samples on the 16-bit scale; 0 for no samples.
pub(crate) fn rms(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: f32 = samples.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
    (sum / samples.len() as f32).sqrt()
}

/// Level of an RMS on the 16-bit scale relative to full scale, dB; at least −120.
pub(crate) fn dbfs(rms: f32) -> f32 {
    20.0 * (rms / FULL_SCALE).max(1e-6).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_saturates_instead_of_wrapping() {
        assert_eq!(to_i16(40_000.0), i16::MAX);
        assert_eq!(to_i16(-40_000.0), i16::MIN);
        assert_eq!(to_i16(1.6), 2);
        assert_eq!((to_i16(-2.5), to_i16(2.5), to_i16(-0.4)), (-3, 3, 0));
        assert_eq!(to_count(-3.0), 0);
    }

    #[test]
    fn level_of_full_scale_is_zero() {
        assert!((dbfs(FULL_SCALE)).abs() < 1e-3);
        assert!((dbfs(rms(&[3_277; 160])) + 20.0).abs() < 0.1);
        assert_eq!(rms(&[]), 0.0);
    }
}
