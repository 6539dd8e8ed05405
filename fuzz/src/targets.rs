//! What is done with bytes from outside, and what must hold whatever they are.
//!
//! The fuzz targets call these functions, and so does the test of the gate that replays the corpus.

use std::net::SocketAddr;

use media::codec::Codec;
use media::cpd::{Detector, Finding, Profile, Settings, Stage};
use media::jitter::Jitter;
use media::rtp::LossCounter;
use media::telephone_event::{Decoder, Event};
use media::{audio, dtmf, rtcp, rtp, tone};
use sip::sdp::{self, Session};
use sip::{digest, header, session_timer};

/// Datagrams of one stream; each has its length in two bytes before it.
pub(crate) fn rtp(data: &[u8]) {
    let mut jitter = Jitter::default();
    let (mut losses, mut events) = (LossCounter::default(), Decoder::default());
    let mut tones = dtmf::Detector::default();
    let mut coders: Vec<_> = [Codec::Pcmu, Codec::Pcma, Codec::G722]
        .map(|codec| (codec, codec.decoder()))
        .into();
    let (mut rest, mut now_ms, mut samples) = (data, 0, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (datagram, after) = after.split_at(length);
        rest = after;
        now_ms += 20;
        if rtcp::is_rtcp(datagram) {
            if let Some(compound) = rtcp::parse(datagram) {
                assert!(compound.heard.len() <= datagram.len() / 24);
            }
            continue;
        }
        let Some((head, payload)) = rtp::parse(datagram) else {
            continue;
        };
        assert!(payload.len() + 12 <= datagram.len());
        losses.handle(head.sequence);
        assert!(losses.received() <= losses.expected() + losses.lost() + u64::from(u16::MAX) * 4);
        let digits = events.handle_packet(head.timestamp, payload, now_ms);
        assert!(digits.into_iter().all(|d| "0123456789*#ABCD".contains(d)));
        let _late = events.handle_tick(now_ms);
        let _event = Event::parse(payload);
        jitter.push(head.sequence, payload);
        let _next = jitter.pull();
        for (codec, decoder) in &mut coders {
            if codec.payload_type() == head.payload_type {
                decoder.decode(payload, &mut samples);
                let _digits = tones.handle(&samples);
            }
        }
    }
}

/// A session description as offer and as answer, and as text of the headers that are parsed.
pub(crate) fn sdp(data: &[u8]) {
    let local = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let mut session = Session::new(local, 7);
    let _fax = sdp::is_fax_offer(data);
    if let Ok((answer, remote)) = session.answer(data) {
        // Peers of the old kind say 0.0.0.0 to hold us.
        assert!(remote.address.port() != 0);
        assert!(!remote.send || !remote.address.ip().is_unspecified());
        // What we say has to be a description that we can read ourselves.
        let _ours = Session::new(local, 8).read_answer(answer.as_bytes());
        assert!(answer.starts_with("v=0\r\n"), "{answer}");
    }
    let mut session = Session::new(local, 9);
    let _offer = session.offer();
    let _remote = session.read_answer(data);
    let text = String::from_utf8_lossy(data);
    for element in header::elements(&text) {
        if let Some(address) = header::Address::parse(element) {
            let _tag = address.parameter("tag");
        }
    }
    let _tag = header::tag(&text);
    let user = header::user(&text);
    assert_eq!(header::decode(&header::encode_user(&user)), user);
    let _line = header::single_line(&text);
    let _credentials = digest::Credentials::parse(&text);
    let _stale = digest::is_stale(&text);
    let _expires = session_timer::SessionExpires::parse(&text);
}

/// The content of an audio file; the first byte chooses its name.
pub(crate) fn audio(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    let name = ["a.wav", "a.ulaw", "a.alaw", "a"][usize::from(kind % 4)];
    if let Ok(clip) = audio::load(content, name) {
        let longest_ms = u64::from(audio::CLIP_SECONDS_MAX) * 1_000;
        assert!(clip.duration_ms() <= longest_ms + 1_000);
    }
}

/// A call: settings in four bytes, then steps of three bytes each.
pub(crate) fn detector(data: &[u8]) {
    let Some((head, steps)) = data.split_first_chunk::<4>() else {
        return;
    };
    let [profile, country, clocks, flags] = *head;
    let settings = Settings {
        profile: [Profile::Human, Profile::Balanced, Profile::Machine][usize::from(profile % 3)],
        country: ["", "US", "UK", "DE", "ES", "CN", "IN", "JP", "xx"][usize::from(country % 9)]
            .to_owned(),
        silence_ms: 1_000 + 1_000 * u32::from(clocks % 15),
        hard_stop_ms: 2_000 + 2_000 * u32::from(clocks / 15 % 15),
        wait_for_beep: flags & 1 == 1,
    };
    let stage = if flags & 2 == 2 {
        Stage::Early
    } else {
        Stage::Answered
    };
    let mut call = Watched::new(settings, stage);
    for step in steps.chunks_exact(3).take(400) {
        let (what, much, how) = (step[0] % 10, u32::from(step[1]), step[2]);
        let ms = 20 * (much % 64 + 1);
        let dbm0 = -(f32::from(how % 5)) * 12.0;
        match what {
            0 => call.hear(&tone::silence(ms)),
            1 => call.hear(&tone::noise(ms, dbm0 - 6.0, u64::from(how) + 1)),
            2 => call.hear(&tone::voice(ms, dbm0 - 6.0, u64::from(how) + 1)),
            3 => call.hear(&tone::tone(&[f32::from(how) * 15.7], ms, -12.0)),
            4 => {
                let hz = f32::from(how) * 4.0 + 200.0;
                call.hear(&tone::tone(&[hz, hz * 1.3], ms, -15.0));
            }
            5 => {
                let extreme = [[i16::MAX, i16::MIN], [0, 1]][usize::from(how % 2)];
                call.hear(&extreme.repeat(usize::from(step[1])));
            }
            // A frame of an odd length.
            6 => call.hear(&tone::noise(1, -10.0, 3)[..usize::from(how % 9).min(8)]),
            7 => call.wait(u64::from(ms) * u64::from(how % 8 + 1)),
            8 => call.now_ms += u64::from(ms),
            _ => call.answer(),
        }
    }
}

/// A detector and what has been found so far.
struct Watched {
    detector: Detector,
    settings: Settings,
    stage: Stage,
    start_ms: u64,
    now_ms: u64,
    verdicts: u32,
    ends: u32,
}

impl Watched {
    fn new(settings: Settings, stage: Stage) -> Self {
        Self {
            detector: Detector::new(settings.clone(), stage, 0),
            settings,
            stage,
            start_ms: 0,
            now_ms: 0,
            verdicts: 0,
            ends: 0,
        }
    }

    fn hear(&mut self, samples: &[i16]) {
        for frame in samples.chunks(160) {
            self.now_ms += 20;
            let finding = self.detector.handle_frame(frame, self.now_ms);
            self.check(finding);
        }
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.now_ms += 20;
            let finding = self.detector.handle_tick(self.now_ms);
            self.check(finding);
        }
    }

    fn answer(&mut self) {
        self.detector.answer(self.settings.clone(), self.now_ms);
        self.stage = Stage::Answered;
        (self.start_ms, self.verdicts, self.ends) = (self.now_ms, 0, 0);
    }

    /// What holds for every call.
    fn check(&mut self, finding: Option<Finding>) {
        let _sight = self.detector.sight();
        match finding {
            Some(Finding::Verdict(verdict)) => {
                self.verdicts += 1;
                assert_eq!(verdict.stage, self.stage);
                assert_eq!(verdict.call_state, verdict.outcome.call_state());
                assert_eq!(
                    u64::from(verdict.decided_after_ms),
                    self.now_ms - self.start_ms
                );
                assert!(!verdict.reasons.is_empty());
                assert!(
                    verdict.reasons.iter().all(|r| r.value.is_finite()),
                    "{verdict:?}"
                );
            }
            Some(Finding::BeepEnd { hz, .. }) => {
                self.ends += 1;
                assert!(self.verdicts == 1 && hz.is_finite() && self.detector.is_finished());
            }
            None => {}
        }
        assert!(self.verdicts <= 1 && self.ends <= 1);
    }
}
