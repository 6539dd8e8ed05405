//! The detector: feeds the parts in media time and speaks the verdict.

use super::beep;
use super::sketch::Sketch;
use super::spectrum::{Analyser, HOP_MS, Hop};
use super::tone::{Found, Heard, Segment, Tracker};
use super::voice::Voice;
use super::{Finding, Outcome, Profile, Reason, Settings, Sight, Stage, Verdict};
use crate::FRAME_MS;

/// Media time may be this far behind the clock before the gap is taken for silence, ms.
const GAP_MS: u64 = 120;
/// A level below every floor, for time without packets.
const NOTHING_DBFS: f32 = -120.0;
/// A tone this much under the voice is background, dB.
const LOUD_TONE_DB: f32 = 12.0;
/// Ring-back after the answer puts the decision off until this time, ms.
const RING_MS_MAX: u64 = 30_000;
/// Silence after ring-back: longer than its pauses, ms.
const AFTER_RING_MS: u64 = 6_500;
/// Silence after a greeting at which a message may begin, ms.
const GREETING_PAUSE_MS: u64 = 2_000;
/// Greeting of an assistant that screens calls, ms, and the silence in which it listens, ms
/// (reference: telephony 6.6).
const SCREENING_MS: std::ops::RangeInclusive<u64> = 3_000..=8_000;
const SCREENING_PAUSE_MS: u64 = 1_500;
/// Longest wait for a beep after the verdict, ms.
const BEEP_WAIT_MS: u64 = 30_000;
/// Pause after which somebody is done when the hard stop leaves no time to wait on, ms.
const STOP_PAUSE_MS: u64 = 600;

/// Limits of a profile (reference: telephony 6.3).
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Speech of a machine, the holes between its syllables included, ms.
    machine_ms: u64,
    /// Time from the first to the last voice of a machine, pauses included, ms.
    span_ms: u64,
    /// Speech from which on a beep may follow, so that the pause has to be longer, ms.
    brief_ms: u64,
    /// Pause after brief speech of a human, ms.
    brief_pause_ms: u64,
    /// Pause after longer speech of a human, ms.
    pause_ms: u64,
    /// Least voice, ms.
    voice_ms_min: u64,
}

impl Limits {
    const fn of(profile: Profile) -> Self {
        match profile {
            Profile::Human => Self {
                machine_ms: 3_900,
                span_ms: 4_400,
                brief_ms: 1_200,
                brief_pause_ms: 900,
                pause_ms: 1_150,
                voice_ms_min: 100,
            },
            Profile::Balanced => Self {
                machine_ms: 2_900,
                span_ms: 3_150,
                brief_ms: 1_200,
                brief_pause_ms: 900,
                pause_ms: 1_150,
                voice_ms_min: 100,
            },
            Profile::Machine => Self {
                machine_ms: 1_600,
                span_ms: 2_400,
                brief_ms: 1_000,
                brief_pause_ms: 800,
                pause_ms: 1_100,
                voice_ms_min: 120,
            },
        }
    }

    /// What counts when the time is up: nobody can be heard out any more.
    fn at_the_stop(self) -> Self {
        let balanced = Self::of(Profile::Balanced);
        Self {
            machine_ms: self.machine_ms.min(balanced.machine_ms),
            span_ms: self.span_ms.min(balanced.span_ms),
            brief_pause_ms: self.brief_pause_ms.min(STOP_PAUSE_MS),
            pause_ms: self.pause_ms.min(STOP_PAUSE_MS),
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Deciding,
    /// After a machine verdict; the clock when it was given.
    AwaitingBeep {
        since_ms: u64,
    },
    Finished,
}

/// Detects what answered one call, for one stage of it.
///
/// ```
/// use media::cpd::{Detector, Finding, Outcome, Settings, Stage};
///
/// let mut detector = Detector::new(Settings::default(), Stage::Answered, 0);
/// let busy = media::tone::busy(4_000);
/// let found = busy.chunks(160).zip(1u64..).find_map(|(f, n)| detector.handle_frame(f, n * 20));
/// assert!(matches!(found, Some(Finding::Verdict(v)) if v.outcome == Outcome::Busy));
/// ```
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    limits: Limits,
    stage: Stage,
    phase: Phase,
    start_ms: u64,
    /// End of the audio that was analysed, on the clock of the caller.
    media_ms: u64,
    analyser: Analyser,
    tracker: Tracker,
    voice: Voice,
    first_sound_ms: Option<u64>,
    /// The steady tone that was taken out of the voice last.
    steady: Option<Segment>,
    /// End of the last steady tone that was about as loud as the voice.
    loud_tone_ms: u64,
    /// The verdict was given for a beep.
    beeped: bool,
    sketch: Sketch,
}

impl Detector {
    /// Makes a detector for a stage that began at `start_ms`.
    #[must_use]
    pub fn new(settings: Settings, stage: Stage, start_ms: u64) -> Self {
        Self {
            limits: Limits::of(settings.profile),
            stage,
            phase: Phase::Deciding,
            start_ms,
            media_ms: start_ms,
            analyser: Analyser::new(),
            tracker: Tracker::new(&settings.country, start_ms),
            voice: Voice::new(),
            first_sound_ms: None,
            steady: None,
            loud_tone_ms: 0,
            beeped: false,
            sketch: Sketch::default(),
            settings,
        }
    }

    /// Goes on after the answer: the state is that of a new detector, but a tone that sounds is
    /// remembered.
    pub fn answer(&mut self, settings: Settings, now_ms: u64) {
        if self.settings.country != settings.country {
            *self = Self::new(settings, Stage::Answered, now_ms);
            return;
        }
        self.limits = Limits::of(settings.profile);
        self.settings = settings;
        (self.stage, self.phase) = (Stage::Answered, Phase::Deciding);
        (self.start_ms, self.media_ms) = (now_ms, now_ms.max(self.media_ms));
        self.tracker.restart(now_ms);
        self.voice.restart();
        (self.first_sound_ms, self.steady) = (None, None);
        (self.loud_tone_ms, self.beeped) = (0, false);
        self.sketch.clear();
    }

    /// Whether nothing more will be found.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    /// When ring-back was heard last, ms since the start of the stage; it is no verdict.
    #[must_use]
    pub fn ring_ms(&self) -> Option<u32> {
        self.tracker.ring_ms().map(|at| since(self.start_ms, at))
    }

    /// What was seen in the last 10 ms of the audio.
    #[must_use]
    pub fn sight(&self) -> Sight {
        Sight {
            dbfs: self.voice.level_dbfs(),
            threshold_dbfs: self.voice.threshold_dbfs(),
            voice: self.voice.last_ms() == Some(self.media_ms),
            tone_hz: self.tracker.steady().map(|s| s.hz),
        }
    }

    /// Takes one 20 ms frame of 8 kHz PCM that arrived at `now_ms`; other lengths are tolerated.
    pub fn handle_frame(&mut self, frame: &[i16], now_ms: u64) -> Option<Finding> {
        if self.is_finished() {
            return None;
        }
        let mut finding = self.fill_gap(now_ms);
        for (samples, hops) in self.analyser.handle(frame) {
            if self.stage == Stage::Answered {
                self.voice.handle_frame(&samples);
            }
            for hop in hops {
                finding = finding.or_else(|| self.handle_hop(&hop, now_ms));
            }
        }
        finding.or_else(|| self.check_clock(now_ms))
    }

    /// Takes the time when no packet arrived.
    pub fn handle_tick(&mut self, now_ms: u64) -> Option<Finding> {
        if self.is_finished() {
            return None;
        }
        self.fill_gap(now_ms).or_else(|| self.check_clock(now_ms))
    }

    /// Lets media time follow the clock when packets stay away.
    fn fill_gap(&mut self, now_ms: u64) -> Option<Finding> {
        let nothing = Hop {
            dbfs: NOTHING_DBFS,
            ..Hop::default()
        };
        while now_ms > self.media_ms + GAP_MS && !self.is_finished() {
            for _ in 0..FRAME_MS / HOP_MS {
                let finding = self.handle_hop(&nothing, now_ms);
                if finding.is_some() {
                    return finding;
                }
            }
        }
        None
    }

    fn handle_hop(&mut self, hop: &Hop, now_ms: u64) -> Option<Finding> {
        self.media_ms += HOP_MS;
        let at_ms = self.media_ms;
        let heard = Heard {
            voiced_ms: self.voice.speech_ms(),
            first_voice_ms: self.voice.first_ms(),
            last_voice_ms: self.voice.last_ms(),
        };
        let found = self.tracker.handle(hop, at_ms, heard);
        let tone = self.steady_tone();
        if self.stage == Stage::Answered {
            self.voice.handle_hop(hop, at_ms, tone.is_some());
        }
        if self.phase == Phase::Deciding {
            let sight = Sight {
                dbfs: hop.dbfs,
                ..self.sight()
            };
            self.sketch.add(&sight);
        }
        if self.first_sound_ms.is_none() {
            let tone_ms = tone.map(|t| t.start_ms.max(self.start_ms));
            self.first_sound_ms = self.voice.first_ms().or(tone_ms);
        }
        match self.phase {
            Phase::Deciding => {
                let verdict = match found {
                    Some(found) => Some(self.verdict_of(found, now_ms)),
                    None => self.speech(at_ms, now_ms),
                };
                verdict.map(Finding::Verdict)
            }
            Phase::AwaitingBeep { since_ms } => self.beep_end(at_ms, since_ms, now_ms),
            Phase::Finished => None,
        }
    }

    /// The steady tone that sounds; takes it out of the voice when it begins to be one.
    fn steady_tone(&mut self) -> Option<Segment> {
        let tone = self.tracker.steady()?;
        if self.steady.is_none_or(|s| s.start_ms != tone.start_ms) {
            self.voice
                .take_back(tone.start_ms, self.tracker.level_dbfs());
        }
        self.steady = Some(tone);
        if self.is_loud() {
            self.loud_tone_ms = tone.end_ms;
        }
        Some(tone)
    }

    /// Whether the tone that sounds is not just music behind the voice.
    fn is_loud(&self) -> bool {
        self.tracker.level_dbfs() > self.voice.peak_dbfs() - LOUD_TONE_DB
    }

    /// Beep, then the timing of voice and pauses.
    fn speech(&mut self, at_ms: u64, now_ms: u64) -> Option<Verdict> {
        if self.stage == Stage::Early {
            return None;
        }
        if let Some(reasons) = self.beep_after_voice(at_ms) {
            self.beeped = true;
            return Some(self.verdict(Outcome::Machine, "beep", now_ms, reasons));
        }
        if let Some(reason) = self.long_speech(&self.limits) {
            return Some(self.verdict(Outcome::Machine, "machine", now_ms, vec![reason]));
        }
        let reason = self.pause_after_voice(&self.limits, at_ms)?;
        Some(self.verdict(Outcome::Human, "human", now_ms, vec![reason]))
    }

    fn beep_after_voice(&self, at_ms: u64) -> Option<Vec<Reason>> {
        let beep = beep::decisive(&self.tracker, at_ms)?;
        let hz = Reason {
            rule: "hz",
            value: beep.hz.into(),
            limit: 0.0,
            unit: "Hz",
        };
        let spoken = self.voice.speech_ms() >= beep::VOICE_BEFORE_MS;
        let fits =
            self.is_loud() && self.tracker.level_dbfs() < self.voice.peak_dbfs() + LOUD_TONE_DB;
        (spoken && fits).then(|| vec![ms("beep", beep.ms(), beep::BEEP_MS_MIN), hz])
    }

    fn long_speech(&self, limits: &Limits) -> Option<Reason> {
        let voiced_ms = self.voice.speech_ms();
        if voiced_ms >= limits.machine_ms {
            return Some(ms("voiced", voiced_ms, limits.machine_ms));
        }
        let span_ms = self.voice.last_ms()?.saturating_sub(self.voice.first_ms()?);
        // Scattered bits over a long time are noise, not a greeting.
        let dense = voiced_ms * 5 >= span_ms * 2;
        (dense && span_ms >= limits.span_ms).then(|| ms("span", span_ms, limits.span_ms))
    }

    fn pause_after_voice(&self, limits: &Limits, at_ms: u64) -> Option<Reason> {
        let quiet_since_ms = self.voice.last_ms()?.max(self.loud_tone_ms);
        let pause_ms = at_ms.saturating_sub(quiet_since_ms);
        let brief = self.voice.speech_ms() < limits.brief_ms;
        let limit_ms = if brief {
            limits.brief_pause_ms
        } else {
            limits.pause_ms
        };
        let sounding = self.tracker.is_sounding() && self.is_loud();
        let over = pause_ms >= limit_ms && !sounding && !self.voice.is_starting();
        let spoken = self.voice.speech_ms() >= limits.voice_ms_min;
        (over && spoken).then(|| ms("pause", pause_ms, limit_ms))
    }

    /// Silence and the hard stop, by the clock.
    fn check_clock(&mut self, now_ms: u64) -> Option<Finding> {
        if self.stage == Stage::Early || self.phase != Phase::Deciding {
            return None;
        }
        let ring_ms = self
            .tracker
            .ring_ms()
            .filter(|_| now_ms < self.start_ms + RING_MS_MAX);
        let after_ms = |limit_ms: u32| {
            let limit_ms = u64::from(limit_ms);
            match ring_ms {
                // Ring-back after the answer: the analysis begins again when it stops.
                Some(ring_ms) => ring_ms + limit_ms.max(AFTER_RING_MS),
                None => self.start_ms + limit_ms,
            }
        };
        let rang = self.tracker.ring_ms().is_some() && ring_ms.is_none();
        let silent = !rang
            && self.voice.speech_ms() < self.limits.voice_ms_min
            && !self.voice.is_starting()
            && !self.tracker.is_sounding();
        if silent && now_ms >= after_ms(self.settings.silence_ms) {
            let reasons = vec![ms(
                "silence",
                now_ms - self.start_ms,
                self.settings.silence_ms.into(),
            )];
            let verdict = self.verdict(Outcome::Silence, "silence", now_ms, reasons);
            return Some(Finding::Verdict(verdict));
        }
        if now_ms >= after_ms(self.settings.hard_stop_ms) {
            let verdict = self.stopped(rang, now_ms);
            return Some(Finding::Verdict(verdict));
        }
        None
    }

    /// The verdict when the time is up; endless ring-back says nothing about who answers.
    fn stopped(&mut self, rang: bool, now_ms: u64) -> Verdict {
        let (outcome, detail, reason) = match self.heard_so_far() {
            Some((outcome, reason)) if !rang => (outcome, outcome.word(), Some(reason)),
            _ => (Outcome::Undecided, "undecided", None),
        };
        let stop_ms = self.settings.hard_stop_ms.into();
        let mut reasons = Vec::from_iter(reason);
        reasons.push(ms("hard_stop", now_ms - self.start_ms, stop_ms));
        if let Some(ring_ms) = self.tracker.ring_ms() {
            reasons.push(ms("ring", ring_ms.saturating_sub(self.start_ms), 0));
        }
        self.verdict(outcome, detail, now_ms, reasons)
    }

    /// What the voice so far makes likely: who just fell silent waits for an answer, who has
    /// talked for seconds and goes on is a machine.
    fn heard_so_far(&self) -> Option<(Outcome, Reason)> {
        let limits = self.limits.at_the_stop();
        let human = self.pause_after_voice(&limits, self.media_ms);
        let human = human.map(|reason| (Outcome::Human, reason));
        human.or_else(|| {
            let reason = self.long_speech(&limits)?;
            Some((Outcome::Machine, reason))
        })
    }

    /// Whether a beep is about as loud as the voice before it and not a part of it.
    fn is_apart(&self, beep: &Segment) -> bool {
        let (peak_dbfs, dbfs) = (self.voice.peak_dbfs(), beep.dbfs);
        (peak_dbfs - LOUD_TONE_DB..peak_dbfs + LOUD_TONE_DB).contains(&dbfs)
    }

    fn beep_end(&mut self, at_ms: u64, since_ms: u64, now_ms: u64) -> Option<Finding> {
        if beep::sounding(&self.tracker).is_some() && now_ms < since_ms + BEEP_WAIT_MS {
            return None;
        }
        let beep = beep::ended(&self.tracker, since_ms).filter(|b| self.is_apart(b));
        let quiet_ms = at_ms.saturating_sub(self.voice.last_ms().unwrap_or(since_ms));
        let greeting_ms = self.greeting_ms();
        let asks = SCREENING_MS.contains(&greeting_ms);
        let pause_ms = if asks {
            SCREENING_PAUSE_MS
        } else {
            GREETING_PAUSE_MS
        };
        let over = quiet_ms >= pause_ms && !self.tracker.is_sounding();
        if beep.is_none() && !over && now_ms < since_ms + BEEP_WAIT_MS {
            return None;
        }
        self.phase = Phase::Finished;
        let hz = beep.map_or(0.0, |b| b.hz);
        Some(Finding::BeepEnd {
            hz,
            at_ms: since(self.start_ms, now_ms),
            screening: asks && over && beep.is_none() && !self.beeped,
        })
    }

    /// From the first to the last voice, ms.
    fn greeting_ms(&self) -> u64 {
        let ends = self.voice.first_ms().zip(self.voice.last_ms());
        ends.map_or(0, |(first, last)| last.saturating_sub(first))
    }

    fn verdict_of(&mut self, found: Found, now_ms: u64) -> Verdict {
        self.verdict(found.outcome, found.detail, now_ms, found.reasons)
    }

    fn verdict(
        &mut self,
        outcome: Outcome,
        detail: &'static str,
        now_ms: u64,
        mut reasons: Vec<Reason>,
    ) -> Verdict {
        let goes_on = outcome == Outcome::Machine && self.settings.wait_for_beep;
        self.phase = if goes_on {
            Phase::AwaitingBeep { since_ms: now_ms }
        } else {
            Phase::Finished
        };
        self.explain(&mut reasons);
        let first_sound_ms = self.first_sound_ms.map(|at| since(at, now_ms));
        Verdict {
            stage: self.stage,
            outcome,
            call_state: outcome.call_state(),
            detail,
            decided_after_ms: since(self.start_ms, now_ms),
            decided_after_first_sound_ms: first_sound_ms,
            reasons,
            picture: self.sketch.moments(),
        }
    }

    /// Adds what was heard, whatever decided.
    fn explain(&self, reasons: &mut Vec<Reason>) {
        let count = |rule, value| Reason {
            rule,
            value,
            limit: 0.0,
            unit: "",
        };
        if self.stage == Stage::Answered {
            if !reasons.iter().any(|r| r.rule == "voiced") {
                reasons.push(ms("voiced", self.voice.speech_ms(), self.limits.machine_ms));
            }
            reasons.push(count("segments", f64::from(self.voice.segments())));
            let snr = f64::from(self.voice.snr_db());
            reasons.push(Reason {
                rule: "snr",
                value: snr,
                limit: 0.0,
                unit: "dB",
            });
        }
        reasons.push(count("tones", self.tracker.count() as f64));
    }
}

fn ms(rule: &'static str, value: u64, limit: u64) -> Reason {
    Reason {
        rule,
        value: value as f64,
        limit: limit as f64,
        unit: "ms",
    }
}

fn since(start_ms: u64, now_ms: u64) -> u32 {
    u32::try_from(now_ms.saturating_sub(start_ms)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
