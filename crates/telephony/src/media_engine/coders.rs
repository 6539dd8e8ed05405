//! The coders of a leg: what it says, what it hears, and what it says for the leg it is bridged
//! with when the two have different codecs.

use std::fmt;

use media::FRAME_SAMPLES;
use media::codec::{Codec, Decoder, Encoder};
use media::jitter::{Jitter, Pull};
use media::rtp::Header;

/// Frames in a row that are concealed by repeating the last one, each at half the level.
const CONCEALED_MAX: u32 = 3;
/// Packets looked at in one tick; packets of 5 ms need four.
const PULLS_MAX: usize = 4;

/// The encoder of what a leg sends.
#[derive(Default)]
pub(super) struct Sender(Option<(Codec, Encoder)>);

impl Sender {
    /// Encodes samples; another codec than before begins anew.
    pub(super) fn encode(&mut self, codec: Codec, samples: &[i16], out: &mut Vec<u8>) {
        match &mut self.0 {
            Some((known, encoder)) if *known == codec => encoder.encode(samples, out),
            slot => {
                let (_, encoder) = slot.insert((codec, codec.encoder()));
                encoder.encode(samples, out);
            }
        }
    }

    /// Encodes a silent frame.
    pub(super) fn silence(&mut self, codec: Codec, out: &mut Vec<u8>) {
        self.encode(codec, &[0; FRAME_SAMPLES], out);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender")
            .field(&self.0.as_ref().map(|(codec, _)| codec))
            .finish()
    }
}

/// The decoder of what a leg hears.
#[derive(Default)]
pub(super) struct Receiver(Option<(Codec, Decoder)>);

impl Receiver {
    /// Decodes a payload; another codec than before begins anew.
    pub(super) fn decode(&mut self, codec: Codec, payload: &[u8], out: &mut Vec<i16>) {
        match &mut self.0 {
            Some((known, decoder)) if *known == codec => decoder.decode(payload, out),
            slot => {
                let (_, decoder) = slot.insert((codec, codec.decoder()));
                decoder.decode(payload, out);
            }
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver")
            .field(&self.0.as_ref().map(|(codec, _)| codec))
            .finish()
    }
}

/// Turns the stream of the bridged leg into frames for our own clock.
#[derive(Debug)]
pub(super) struct Transcoder {
    codec: Codec,
    ssrc: Option<u32>,
    jitter: Jitter,
    receiver: Receiver,
    /// Decoded samples that do not fill a frame yet.
    samples: Vec<i16>,
    last: Vec<i16>,
    concealed: u32,
    event_timestamp: Option<u32>,
}

impl Transcoder {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            ssrc: None,
            jitter: Jitter::default(),
            receiver: Receiver::default(),
            samples: Vec::new(),
            last: Vec::new(),
            concealed: 0,
            event_timestamp: None,
        }
    }

    /// Takes a packet; another source or codec is another stream.
    pub(super) fn push(&mut self, codec: Codec, header: Header, payload: &[u8]) {
        if self.codec != codec || self.ssrc != Some(header.ssrc) {
            *self = Self {
                ssrc: Some(header.ssrc),
                ..Self::new(codec)
            };
        }
        self.jitter.push(header.sequence, payload);
    }

    /// Whether an event packet begins another digit.
    pub(super) fn is_new_event(&mut self, timestamp: u32) -> bool {
        self.event_timestamp.replace(timestamp) != Some(timestamp)
    }

    /// Writes the frame of this tick into `out`; false when there is nothing to play.
    pub(super) fn next_frame(&mut self, out: &mut Vec<i16>) -> bool {
        for _ in 0..PULLS_MAX {
            if self.samples.len() >= FRAME_SAMPLES {
                break;
            }
            match self.jitter.pull() {
                Pull::Packet(payload) => {
                    self.receiver.decode(self.codec, &payload, &mut self.last);
                    self.concealed = 0;
                    self.samples.extend(&self.last);
                }
                Pull::Lost => {
                    self.concealed += 1;
                    let gain = if self.concealed > CONCEALED_MAX { 0 } else { 1 };
                    for sample in &mut self.last {
                        *sample = *sample / 2 * gain;
                    }
                    self.samples.extend(&self.last);
                }
                Pull::Empty => break,
            }
        }
        if self.samples.is_empty() {
            return false;
        }
        self.samples
            .resize(self.samples.len().max(FRAME_SAMPLES), 0);
        let rest = self.samples.split_off(FRAME_SAMPLES);
        out.clear();
        out.append(&mut self.samples);
        self.samples = rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 7,
        }
    }

    fn loud(frame: &[i16]) -> bool {
        frame.iter().any(|s| s.abs() > 4_000)
    }

    #[test]
    fn packets_of_any_length_become_frames_of_20_ms() {
        for bytes in [40_usize, 80, 160, 240, 480] {
            let mut transcoder = Transcoder::new(Codec::Pcmu);
            let mut coded = Vec::new();
            Codec::Pcmu.encode(&vec![8_000; bytes], &mut coded);
            for sequence in 0..u16::try_from(1_600 / bytes).unwrap() {
                transcoder.push(Codec::Pcmu, header(sequence), &coded);
            }
            let mut frame = Vec::new();
            let mut frames = 0;
            while transcoder.next_frame(&mut frame) {
                assert_eq!(frame.len(), FRAME_SAMPLES);
                assert!(loud(&frame), "{bytes}, frame {frames}");
                frames += 1;
            }
            assert!((9..=10).contains(&frames), "{bytes}: {frames}");
        }
    }

    #[test]
    fn a_lost_packet_is_filled_with_the_one_before() {
        let mut transcoder = Transcoder::new(Codec::Pcma);
        let mut coded = Vec::new();
        Codec::Pcma.encode(&[16_000; 160], &mut coded);
        for sequence in [1, 2, 4, 5] {
            transcoder.push(Codec::Pcma, header(sequence), &coded);
        }
        let mut frame = Vec::new();
        for n in 1..=5 {
            assert!(transcoder.next_frame(&mut frame));
            assert!(loud(&frame), "frame {n}");
        }
        assert!(!transcoder.next_frame(&mut frame));
    }

    #[test]
    fn another_source_begins_anew() {
        let mut transcoder = Transcoder::new(Codec::Pcmu);
        for sequence in 0..3 {
            transcoder.push(Codec::Pcmu, header(sequence), &[0; 160]);
        }
        let other = Header {
            ssrc: 8,
            ..header(900)
        };
        transcoder.push(Codec::Pcmu, other, &[0; 160]);
        assert!(!transcoder.next_frame(&mut Vec::new()), "it fills again");
        assert!(transcoder.is_new_event(5));
        assert!(!transcoder.is_new_event(5));
    }
}
