//! Generators of tones and of signals that resemble noise and speech, 8 kHz PCM.
//!
//! For the simulated carrier, for in-band digits and for tests. Pure: the same arguments give the
//! same samples.

use std::f32::consts::TAU;

use crate::pcm;
use crate::telephone_event;

/// Level of a network's tones when nothing else is asked for, dBm0.
pub const LEVEL_DBM0: f32 = -15.0;
/// Peak of a sine at 0 dBm0 on the 16-bit scale: full scale is +3.14 dBm0 (G.711).
const PEAK_0_DBM0: f32 = 22_827.0;

/// A part of a cadence: frequencies that sound together, none for a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment<'a> {
    /// Frequencies, Hz.
    pub hz: &'a [f32],
    /// Length, ms.
    pub ms: u32,
}

/// The kinds of the special information tone (SIT) of North America, and that of ITU-T E.180.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sit {
    /// The number has been changed or is intercepted.
    Intercept,
    /// The number is not in service.
    VacantCode,
    /// The call cannot be completed now.
    Reorder,
    /// All circuits are busy.
    NoCircuit,
    /// 950, 1,400 and 1,800 Hz, 330 ms each: any other reason, any other country.
    Itu,
}

/// A pause.
#[must_use]
pub fn silence(ms: u32) -> Vec<i16> {
    vec![0; samples(ms)]
}

/// Sines that sound together; the level is that of the sum, dBm0.
#[must_use]
pub fn tone(hz: &[f32], ms: u32, dbm0: f32) -> Vec<i16> {
    modulated(hz, 0.0, 0.0, ms, dbm0)
}

/// Repeats a cadence until `ms` are filled.
#[must_use]
pub fn cadence(cycle: &[Segment<'_>], ms: u32, dbm0: f32) -> Vec<i16> {
    let once: Vec<i16> = cycle.iter().flat_map(|s| tone(s.hz, s.ms, dbm0)).collect();
    once.into_iter().cycle().take(samples(ms)).collect()
}

/// Busy tone of North America: 480 + 620 Hz, 500 ms on, 500 ms off.
#[must_use]
pub fn busy(ms: u32) -> Vec<i16> {
    on_off(&[480.0, 620.0], 500, 500, ms)
}

/// Congestion (reorder) tone of North America: 480 + 620 Hz, 250 ms on, 250 ms off.
#[must_use]
pub fn congestion(ms: u32) -> Vec<i16> {
    on_off(&[480.0, 620.0], 250, 250, ms)
}

/// Ring-back tone of North America: 440 + 480 Hz, 2 s on, 4 s off.
#[must_use]
pub fn ring(ms: u32) -> Vec<i16> {
    on_off(&[440.0, 480.0], 2_000, 4_000, ms)
}

/// Answer tone of a fax machine: 2,100 Hz.
#[must_use]
pub fn ced(ms: u32) -> Vec<i16> {
    tone(&[2_100.0], ms, LEVEL_DBM0)
}

/// Answer tone of a V.8 modem: 2,100 Hz, modulated by 15 Hz, reversed every 450 ms.
#[must_use]
pub fn ansam(ms: u32) -> Vec<i16> {
    let plain = modulated(&[2_100.0], 15.0, 0.2, ms, LEVEL_DBM0);
    let reversal = samples(450);
    let reversed = |n: usize| (n / reversal) % 2 == 1;
    plain
        .into_iter()
        .enumerate()
        .map(|(n, s)| if reversed(n) { -s } else { s })
        .collect()
}

/// Tone of a calling fax machine: 1,100 Hz, 0.5 s in 3.5 s.
#[must_use]
pub fn cng(ms: u32) -> Vec<i16> {
    on_off(&[1_100.0], 500, 3_000, ms)
}

/// A special information tone, once.
#[must_use]
pub fn sit(kind: Sit) -> Vec<i16> {
    let parts = match kind {
        Sit::Intercept => [(913.8, 274), (1_370.6, 274), (1_776.7, 380)],
        Sit::VacantCode => [(985.2, 380), (1_370.6, 274), (1_776.7, 380)],
        Sit::Reorder => [(913.8, 274), (1_428.5, 380), (1_776.7, 380)],
        Sit::NoCircuit => [(985.2, 380), (1_428.5, 380), (1_776.7, 380)],
        Sit::Itu => [(950.0, 330), (1_400.0, 330), (1_800.0, 330)],
    };
    parts
        .iter()
        .flat_map(|(hz, ms)| tone(&[*hz], *ms, LEVEL_DBM0))
        .collect()
}

/// Beep of an answering machine.
#[must_use]
pub fn beep(hz: f32, ms: u32) -> Vec<i16> {
    tone(&[hz], ms, LEVEL_DBM0)
}

/// In-band digits, each `on_ms` long and followed by a pause; other characters are left out.
#[must_use]
pub fn dtmf(digits: &str, on_ms: u32, off_ms: u32) -> Vec<i16> {
    let one = |digit| {
        let mut out = tone(&dtmf_hz(digit)?, on_ms, LEVEL_DBM0);
        out.extend(silence(off_ms));
        Some(out)
    };
    digits.chars().filter_map(one).flatten().collect()
}

/// Row and column frequency of a digit, Hz.
#[must_use]
pub fn dtmf_hz(digit: char) -> Option<[f32; 2]> {
    let (row, column) = match telephone_event::code_of(digit)? {
        0 => (3, 1),
        code @ 1..=9 => ((code - 1) / 3, (code - 1) % 3),
        10 => (3, 0),
        11 => (3, 2),
        code => (code - 12, 3),
    };
    let row_hz = *[697.0, 770.0, 852.0, 941.0].get(usize::from(row))?;
    let column_hz = *[1_209.0, 1_336.0, 1_477.0, 1_633.0].get(usize::from(column))?;
    Some([row_hz, column_hz])
}

/// White noise.
#[must_use]
pub fn noise(ms: u32, dbm0: f32, seed: u64) -> Vec<i16> {
    // A uniform distribution of amplitude a has an RMS of a / √3, a sine of a / √2.
    let amplitude = peak(dbm0) * 1.5f32.sqrt();
    let mut random = Random::new(seed);
    (0..samples(ms))
        .map(|_| pcm::to_i16(random.next() * amplitude))
        .collect()
}

/// A voice-like signal: a gliding pitch with harmonics in syllables of about 200 ms.
///
/// It is no speech, but energy, rhythm and spectrum are near enough for detectors and tests.
#[must_use]
pub fn voice(ms: u32, dbm0: f32, seed: u64) -> Vec<i16> {
    let mut random = Random::new(seed);
    let mut out: Vec<f32> = Vec::with_capacity(samples(ms));
    let base_hz = 120.0 + 40.0 * random.next();
    let mut phase = 0.0f32;
    while out.len() < samples(ms) {
        let length = 1_600.0 + 500.0 * random.next();
        let formants = [
            500.0 + 250.0 * random.next(),
            1_500.0 + 500.0 * random.next(),
            2_500.0,
        ];
        let (from_hz, to_hz) = (
            base_hz * (1.0 + 0.15 * random.next()),
            base_hz * (1.0 + 0.15 * random.next()),
        );
        for n in 0..pcm::to_count(length.into()) {
            let at = n as f32 / length;
            let pitch_hz = from_hz + (to_hz - from_hz) * at;
            phase = (phase + pitch_hz / 8_000.0).fract();
            let envelope = (at * std::f32::consts::PI).sin().powf(0.4);
            let breath = random.next() * 0.03;
            out.push(envelope * (harmonics(phase, pitch_hz, &formants) + breath));
        }
    }
    out.truncate(samples(ms));
    scale(&out, dbm0)
}

fn harmonics(phase: f32, pitch_hz: f32, formants: &[f32]) -> f32 {
    let mut sum = 0.0;
    for harmonic in 1u8..=24 {
        let number = f32::from(harmonic);
        let hz = pitch_hz * number;
        if hz > 3_400.0 {
            break;
        }
        let gain: f32 = formants
            .iter()
            .map(|f| 1.0 / (1.0 + ((hz - f) / 120.0).powi(2)))
            .sum();
        sum += (TAU * (phase * number).fract()).sin() * (gain + 0.05) / number.sqrt();
    }
    sum
}

fn scale(signal: &[f32], dbm0: f32) -> Vec<i16> {
    let power: f32 = signal.iter().map(|s| s * s).sum::<f32>() / signal.len().max(1) as f32;
    let gain = peak(dbm0) / std::f32::consts::SQRT_2 / power.sqrt().max(1e-9);
    signal.iter().map(|s| pcm::to_i16(s * gain)).collect()
}

fn on_off(hz: &[f32], on_ms: u32, off_ms: u32, ms: u32) -> Vec<i16> {
    cadence(
        &[
            Segment { hz, ms: on_ms },
            Segment {
                hz: &[],
                ms: off_ms,
            },
        ],
        ms,
        LEVEL_DBM0,
    )
}

/// Sines that sound together, their amplitude varied by `depth` (0–1) at `by_hz`.
#[must_use]
pub fn modulated(hz: &[f32], by_hz: f32, depth: f32, ms: u32, dbm0: f32) -> Vec<i16> {
    let each = peak(dbm0) / (hz.len().max(1) as f32).sqrt();
    (0..samples(ms))
        .map(|n| {
            let seconds = n as f32 / 8_000.0;
            let sum: f32 = hz.iter().map(|f| (TAU * (f * seconds).fract()).sin()).sum();
            let envelope = 1.0 + depth * (TAU * (by_hz * seconds).fract()).sin();
            pcm::to_i16(sum * each * envelope)
        })
        .collect()
}

fn peak(dbm0: f32) -> f32 {
    PEAK_0_DBM0 * 10f32.powf(dbm0 / 20.0)
}

fn samples(ms: u32) -> usize {
    pcm::to_count(f64::from(ms) * 8.0)
}

/// A small generator of numbers (xorshift64*), so that signals can be repeated.
struct Random(u64);

impl Random {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number, −1 to 1.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let [high, low, ..] = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes();
        f32::from(u16::from_be_bytes([high, low])) / 32_767.5 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_level(samples: &[i16], dbm0: f32) {
        let level = pcm::dbfs(pcm::rms(samples)) + 6.15;
        assert!((level - dbm0).abs() < 0.5, "{level} dBm0 instead of {dbm0}");
    }

    #[test]
    fn levels_are_those_asked_for() {
        check_level(&tone(&[1_000.0], 1_000, -10.0), -10.0);
        check_level(&tone(&[480.0, 620.0], 1_000, -20.0), -20.0);
        check_level(&noise(1_000, -30.0, 7), -30.0);
        check_level(&voice(3_000, -20.0, 7), -20.0);
    }

    #[test]
    fn cadences_repeat() {
        let busy = busy(3_000);
        assert_eq!(busy.len(), 24_000);
        assert!(pcm::rms(&busy[..4_000]) > 1_000.0);
        assert_eq!(pcm::rms(&busy[4_000..8_000]), 0.0);
        assert!(pcm::rms(&busy[16_000..20_000]) > 1_000.0);
    }

    #[test]
    fn same_arguments_give_same_samples() {
        assert_eq!(noise(100, -20.0, 3), noise(100, -20.0, 3));
        assert_ne!(noise(100, -20.0, 3), noise(100, -20.0, 4));
        assert_eq!(voice(500, -20.0, 3), voice(500, -20.0, 3));
    }

    #[test]
    fn digits_have_their_frequencies() {
        assert_eq!(dtmf_hz('1'), Some([697.0, 1_209.0]));
        assert_eq!(dtmf_hz('0'), Some([941.0, 1_336.0]));
        assert_eq!(dtmf_hz('D'), Some([941.0, 1_633.0]));
        assert_eq!(dtmf_hz('#'), Some([941.0, 1_477.0]));
        assert_eq!(dtmf("1x2", 100, 60).len(), 2 * 1_280);
    }
}
