//! Voice: energy above a sliding floor, confirmed by `earshot`, without steady tones.

use std::collections::VecDeque;
use std::fmt;

use super::spectrum::{HOP_MS, Hop};

/// Hops of the sliding floor, 1.5 s.
const FLOOR_HOPS: usize = 150;
/// Noise of a usual line, dBFS.
const USUAL_FLOOR_DBFS: f32 = -45.0;
/// Voice is this much above the floor, dB.
const ABOVE_FLOOR_DB: f32 = 6.0;
/// Voice is at most this much under the speech peak, dB: what is weaker is somebody else.
const BELOW_PEAK_DB: f32 = 19.0;
/// The loudest part of a burst is at most this much under the speech peak, dB.
const BURST_BELOW_PEAK_DB: f32 = 12.0;
/// The loudest part of a burst is at least this much above the floor, dB.
const BURST_ABOVE_FLOOR_DB: f32 = 10.0;
/// With speech in it the floor is at most this much under the speech peak, dB.
const FLOOR_BELOW_PEAK_DB: f32 = 18.0;
/// A tone this much above the voice before it shows that the voice was background, dB.
const TONE_LOUDER_DB: f32 = 6.0;
/// The levels of speech spread over at least this much, dB.
const SPEECH_SPREAD_DB: f32 = 6.0;
/// Voice this much louder than all before shows that what came before was background, dB.
const LOUDER_DB: f32 = 13.0;
/// What is weaker is no voice, dBFS.
const VOICE_DBFS_MIN: f32 = -50.0;
/// Score of the voice detector that confirms a burst.
const SCORE_MIN: f32 = 0.5;
/// Shortest burst that counts, ms.
const BURST_MS_MIN: u64 = 50;
/// A hole in a burst, ms.
const HOLE_MS: u64 = 60;
/// A pause between two segments, ms; shorter ones belong to the speech.
const SEGMENT_GAP_MS: u64 = 200;
/// A tone is known as one a little after it began, ms.
const ONSET_MS: u64 = 30;
/// How long counted hops can be taken back, ms.
const TAKE_BACK_MS: u64 = 600;

/// Measures the voice of a call.
#[derive(Debug)]
pub(super) struct Voice {
    floor: Floor,
    vad: Vad,
    level_dbfs: f32,
    peak_dbfs: f32,
    /// Active hops that have not become voice yet.
    burst: Option<Burst>,
    counted: VecDeque<Counted>,
    speech_ms: u64,
    segments: u32,
    first_ms: Option<u64>,
    last_ms: Option<u64>,
    /// A tone was taken out: what comes and goes with it is not speech.
    toned: bool,
}

/// Voice that may turn out to be a tone.
#[derive(Clone, Copy, Debug)]
struct Counted {
    at_ms: u64,
    ms: u64,
    /// The speech peak before it, dBFS.
    peak_dbfs: f32,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    start_ms: u64,
    last_ms: u64,
    score: f32,
    max_dbfs: f32,
    voice: bool,
}

impl Burst {
    const fn ms(&self) -> u64 {
        self.last_ms - self.start_ms
    }
}

impl Voice {
    pub(super) fn new() -> Self {
        Self {
            floor: Floor::default(),
            vad: Vad::new(),
            level_dbfs: -120.0,
            peak_dbfs: -120.0,
            burst: None,
            counted: VecDeque::new(),
            speech_ms: 0,
            segments: 0,
            first_ms: None,
            last_ms: None,
            toned: false,
        }
    }

    /// Speech so far, the holes between its syllables included, ms.
    pub(super) const fn speech_ms(&self) -> u64 {
        self.speech_ms
    }

    /// Segments of voice so far.
    pub(super) const fn segments(&self) -> u32 {
        self.segments
    }

    /// When voice began.
    pub(super) const fn first_ms(&self) -> Option<u64> {
        self.first_ms
    }

    /// When voice was heard last.
    pub(super) const fn last_ms(&self) -> Option<u64> {
        self.last_ms
    }

    /// Level of the loudest voice, dBFS.
    pub(super) const fn peak_dbfs(&self) -> f32 {
        self.peak_dbfs
    }

    /// Level of the last hop, dBFS.
    pub(super) const fn level_dbfs(&self) -> f32 {
        self.level_dbfs
    }

    /// What is louder may be voice, dBFS.
    pub(super) fn threshold_dbfs(&self) -> f32 {
        (self.floor_dbfs() + ABOVE_FLOOR_DB)
            .max(self.peak_dbfs - BELOW_PEAK_DB)
            .max(VOICE_DBFS_MIN)
    }

    /// Whether something may be voice, but is too short to tell.
    pub(super) fn is_starting(&self) -> bool {
        self.burst.is_some_and(|b| {
            !b.voice && b.ms() >= 30 && b.score >= 0.3 && b.max_dbfs >= self.burst_dbfs_min()
        })
    }

    /// Speech peak above the floor, dB; 0 before any voice.
    pub(super) fn snr_db(&self) -> f32 {
        if self.first_ms.is_some() {
            self.peak_dbfs - self.floor.dbfs()
        } else {
            0.0
        }
    }

    /// Begins again with the same line: its noise is known, what was said is forgotten.
    pub(super) fn restart(&mut self) {
        self.forget();
        (self.burst, self.peak_dbfs, self.toned) = (None, -120.0, false);
    }

    /// Takes a whole frame for the voice detector, before its hops.
    pub(super) fn handle_frame(&mut self, frame: &[i16]) {
        self.vad.handle(frame);
    }

    /// Takes a hop that ended at `at_ms`; `tone` says that a steady tone sounds.
    pub(super) fn handle_hop(&mut self, hop: &Hop, at_ms: u64, tone: bool) {
        self.floor.add(hop.dbfs);
        self.level_dbfs = hop.dbfs;
        let active = hop.dbfs > self.threshold_dbfs() && !tone;
        if let Some(burst) = self.burst
            && at_ms - burst.last_ms > HOLE_MS
        {
            self.burst = None;
        }
        if !active {
            return;
        }
        let mut burst = self.burst.unwrap_or(Burst {
            start_ms: at_ms - HOP_MS,
            last_ms: at_ms,
            score: 0.0,
            max_dbfs: hop.dbfs,
            voice: false,
        });
        burst.last_ms = at_ms;
        burst.score = burst.score.max(self.vad.score);
        burst.max_dbfs = burst.max_dbfs.max(hop.dbfs);
        if burst.voice {
            self.count(at_ms - HOP_MS, at_ms);
            self.peak_dbfs = self.peak_dbfs.max(hop.dbfs);
        } else if burst.ms() >= BURST_MS_MIN
            && burst.score >= SCORE_MIN
            && burst.max_dbfs >= self.burst_dbfs_min()
        {
            burst.voice = true;
            if burst.max_dbfs > self.peak_dbfs + LOUDER_DB {
                self.forget();
            }
            self.count(burst.start_ms, at_ms);
            self.peak_dbfs = self.peak_dbfs.max(burst.max_dbfs);
        }
        self.burst = Some(burst);
    }

    /// The loudest part of a burst of voice reaches this, dBFS.
    fn burst_dbfs_min(&self) -> f32 {
        (self.peak_dbfs - BURST_BELOW_PEAK_DB).max(self.floor_dbfs() + BURST_ABOVE_FLOOR_DB)
    }

    /// The floor; speech without a pause does not lift it, dBFS.
    fn floor_dbfs(&self) -> f32 {
        let floor_dbfs = self.floor.dbfs();
        let speech = self.first_ms.is_some() && !self.toned;
        if speech && self.floor.spread_db() >= SPEECH_SPREAD_DB {
            floor_dbfs.min(self.peak_dbfs - FLOOR_BELOW_PEAK_DB)
        } else {
            floor_dbfs
        }
    }

    /// What was counted was only the background.
    fn forget(&mut self) {
        (self.first_ms, self.last_ms) = (None, None);
        (self.segments, self.speech_ms) = (0, 0);
        self.counted.clear();
    }

    /// Takes back what was counted since `since_ms`: it was a tone. What is much weaker than the
    /// tone between its repetitions is no voice either.
    pub(super) fn take_back(&mut self, since_ms: u64, tone_dbfs: f32) {
        while let Some(counted) = self.counted.back().copied() {
            if counted.at_ms + ONSET_MS <= since_ms {
                break;
            }
            self.speech_ms -= counted.ms;
            self.peak_dbfs = counted.peak_dbfs;
            self.counted.pop_back();
        }
        (self.burst, self.toned) = (None, true);
        if self.speech_ms == 0 || tone_dbfs > self.peak_dbfs + TONE_LOUDER_DB {
            self.forget();
            self.peak_dbfs = tone_dbfs;
        } else {
            self.last_ms = self.last_ms.map(|l| l.min(since_ms));
        }
    }

    /// Counts voice, and the hole before it when it is no pause.
    fn count(&mut self, since_ms: u64, at_ms: u64) {
        let since_ms = match self.last_ms {
            Some(last_ms) if since_ms.saturating_sub(last_ms) <= SEGMENT_GAP_MS => last_ms,
            _ => {
                self.segments += 1;
                since_ms
            }
        };
        self.first_ms.get_or_insert(since_ms);
        let ms = at_ms.saturating_sub(since_ms);
        self.speech_ms += ms;
        self.last_ms = Some(at_ms);
        let peak_dbfs = self.peak_dbfs;
        self.counted.push_back(Counted {
            at_ms,
            ms,
            peak_dbfs,
        });
        while self
            .counted
            .front()
            .is_some_and(|old| old.at_ms + TAKE_BACK_MS < at_ms)
        {
            self.counted.pop_front();
        }
    }
}

/// Tenth percentile of the level of the last 1.5 s, in steps of 1 dB.
#[derive(Clone, Debug)]
struct Floor {
    recent: VecDeque<u8>,
    counts: [u16; 100],
}

impl Default for Floor {
    fn default() -> Self {
        let mut floor = Self {
            recent: VecDeque::with_capacity(FLOOR_HOPS),
            counts: [0; 100],
        };
        // Speech may begin at once: for the first 0.6 s the floor is that of a usual line.
        for _ in 0..FLOOR_HOPS / 30 + 1 {
            floor.add(USUAL_FLOOR_DBFS);
        }
        floor
    }
}

impl Floor {
    fn add(&mut self, dbfs: f32) {
        if self.recent.len() == FLOOR_HOPS
            && let Some(old) = self.recent.pop_front()
            && let Some(count) = self.counts.get_mut(usize::from(old))
        {
            *count -= 1;
        }
        let step = u8::try_from(crate::pcm::to_count(f64::from(99.0 + dbfs)))
            .unwrap_or(99)
            .min(99);
        self.recent.push_back(step);
        if let Some(count) = self.counts.get_mut(usize::from(step)) {
            *count += 1;
        }
    }

    fn dbfs(&self) -> f32 {
        self.percentile(self.recent.len() / 10)
    }

    /// Distance from the tenth to the ninetieth percentile, dB: great in speech, small in noise.
    fn spread_db(&self) -> f32 {
        self.percentile(self.recent.len() * 9 / 10) - self.dbfs()
    }

    /// The level that so many hops do not exceed, dBFS.
    fn percentile(&self, wanted: usize) -> f32 {
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += usize::from(*count);
            if seen > wanted {
                return step as f32 - 99.0;
            }
        }
        -99.0
    }
}

/// The voice activity detector at 16 kHz.
struct Vad {
    inner: Box<earshot::Detector>,
    /// The last samples of the frame before, for the interpolation.
    tail: Vec<f32>,
    pending: Vec<i16>,
    score: f32,
}

/// Samples that the interpolation looks at.
const TAPS: usize = 8;
/// Samples that the detector takes at once, 16 ms at 16 kHz.
const VAD_SAMPLES: usize = 256;
/// The value between two samples from four on either side: sinc in a cosine window.
const HALF_WAY: [f32; TAPS] = [
    -0.0106, 0.0526, -0.1592, 0.6175, 0.6175, -0.1592, 0.0526, -0.0106,
];

impl Vad {
    fn new() -> Self {
        Self {
            inner: Box::default(),
            tail: vec![0.0; TAPS - 1],
            pending: Vec::new(),
            score: 0.0,
        }
    }

    fn handle(&mut self, frame: &[i16]) {
        self.tail.extend(frame.iter().map(|s| f32::from(*s)));
        for around in self.tail.windows(TAPS) {
            let between: f32 = around.iter().zip(HALF_WAY).map(|(s, h)| s * h).sum();
            let at = around.get(TAPS / 2 - 1).copied().unwrap_or_default();
            self.pending.push(crate::pcm::to_i16(at));
            self.pending.push(crate::pcm::to_i16(between));
        }
        self.tail.drain(..frame.len().min(self.tail.len()));
        while self.pending.len() >= VAD_SAMPLES {
            let rest = self.pending.split_off(VAD_SAMPLES);
            self.score = self.inner.predict_i16(&self.pending);
            self.pending = rest;
        }
    }
}

impl fmt::Debug for Vad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vad")
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}
