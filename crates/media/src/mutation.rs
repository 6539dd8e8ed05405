//! Foreign bytes, changed at random places: nothing panics.

use crate::jitter::Jitter;
use crate::rtcp::{self, Heard, Sent};
use crate::rtp::{self, Header};
use crate::telephone_event::{self, Decoder, Event};
use crate::{audio, codec, dtmf, pcm, tone};

/// A generator of numbers, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }

    /// Changes, removes, repeats or adds a few bytes.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(out.len());
            let byte = u8::try_from(self.below(256)).unwrap();
            match self.below(6) {
                0 => out.truncate(at),
                1 => out.insert(at.min(out.len()), byte),
                2 => out.extend_from_within(at.min(out.len())..),
                _ => {
                    let extreme = [0, 1, 0x7F, 0x80, 0xFF, byte][self.below(6)];
                    if let Some(place) = out.get_mut(at) {
                        *place = extreme;
                    }
                }
            }
        }
        out
    }
}

fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut out = b"RIFF".to_vec();
    out.extend(u32::try_from(36 + data.len()).unwrap().to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    out.extend([format.to_le_bytes(), channels.to_le_bytes()].concat());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(channels * bits / 8)).to_le_bytes());
    out.extend([(channels * bits / 8).to_le_bytes(), bits.to_le_bytes()].concat());
    out.extend(b"data");
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out.extend(data);
    out
}

#[test]
fn changed_audio_files_are_read_or_refused() {
    let samples: Vec<u8> = tone::busy(100)
        .iter()
        .flat_map(|s| s.to_le_bytes())
        .collect();
    let files = [
        wav(1, 1, 8_000, 16, &samples),
        wav(1, 2, 16_000, 16, &samples),
        wav(6, 1, 8_000, 8, &samples),
        wav(7, 2, 8_000, 8, &samples),
    ];
    let mut random = Random(77);
    let mut read = 0;
    for _ in 0..4_000 {
        let number = random.below(files.len());
        let file = random.mutate(&files[number]);
        if let Ok(clip) = audio::load(&file, "prompt.wav") {
            read += 1;
            assert!(pcm::rms(clip.samples()).is_finite());
        }
    }
    assert!(read > 400, "most changes leave something to read: {read}");
}

#[test]
fn changed_packets_are_read_or_refused() {
    let header = Header {
        payload_type: 8,
        marker: true,
        sequence: 65_535,
        timestamp: u32::MAX,
        ssrc: 1,
    };
    let mut packet = Vec::new();
    rtp::write(header, &[0x55; 160], &mut packet);
    let mut random = Random(78);
    let mut losses = rtp::LossCounter::default();
    let mut samples = Vec::new();
    for _ in 0..20_000 {
        let changed = random.mutate(&packet);
        if let Some((header, payload)) = rtp::parse(&changed) {
            assert!(payload.len() <= changed.len());
            losses.handle(header.sequence);
            let _event = Event::parse(payload);
            for codec in [codec::Codec::Pcmu, codec::Codec::Pcma] {
                codec.decode(payload, &mut samples);
            }
        }
    }
}

#[test]
fn changed_reports_are_read_or_refused() {
    let mut report = Vec::new();
    rtcp::write(
        7,
        Some(Sent::default()),
        Some(Heard::default()),
        "someone@example",
        &mut report,
    );
    let mut end = Vec::new();
    rtcp::write_bye(7, "someone@example", &mut end);
    let both = [report.clone(), end.clone()].concat();
    let sources = [report, end, both];
    let mut random = Random(79);
    let mut read = 0;
    for _ in 0..60_000 {
        let number = random.below(sources.len());
        let changed = random.mutate(&sources[number]);
        if let Some(compound) = rtcp::parse(&changed) {
            read += 1;
            assert!(compound.heard.len() <= changed.len() / 24);
            assert!(compound.heard.iter().all(|h| h.lost < 1 << 23));
        }
    }
    assert!(read > 5_000, "most changes leave something to read: {read}");
}

#[test]
fn changed_events_give_only_digits() {
    let packets = telephone_event::packets('9', 100, 10).unwrap();
    let mut random = Random(80);
    let (mut decoder, mut now_ms) = (Decoder::default(), 0);
    for _ in 0..60_000 {
        let number = random.below(packets.len());
        let changed = random.mutate(&packets[number].to_payload());
        let timestamp = u32::try_from(random.below(1 << 20)).unwrap();
        now_ms += u64::try_from(random.below(90)).unwrap();
        let digits: Vec<char> = decoder.handle_packet(timestamp, &changed, now_ms).collect();
        let late = decoder.handle_tick(now_ms);
        let mut all = digits.into_iter().chain(late);
        assert!(all.all(|digit| "0123456789*#ABCD".contains(digit)));
    }
}

#[test]
fn streams_in_any_disorder_are_played() {
    let mut random = Random(81);
    let (mut jitter, mut digits) = (Jitter::default(), dtmf::Detector::default());
    let mut sequence = 65_500_u16;
    for _ in 0..60_000 {
        // Mostly the next packet, sometimes a double, a late one or a leap.
        sequence = match random.below(20) {
            0 => sequence,
            1 => sequence.wrapping_sub(u16::try_from(random.below(9)).unwrap()),
            2 => u16::try_from(random.below(65_536)).unwrap(),
            _ => sequence.wrapping_add(1),
        };
        let payload = vec![u8::try_from(random.below(256)).unwrap(); random.below(400)];
        jitter.push(sequence, &payload);
        if random.below(10) > 0 {
            let _next = jitter.pull();
        }
        let mut samples = Vec::new();
        codec::Codec::Pcmu.decode(&payload, &mut samples);
        let _digits = digits.handle(&samples);
    }
}
