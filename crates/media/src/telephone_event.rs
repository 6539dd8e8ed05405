//! DTMF digits as RTP telephone events (RFC 4733).

/// Packets of the end of a digit, sent so that a loss does not matter.
const END_PACKETS: usize = 3;
/// An event whose packets stop without an end bit is over after this time, ms. Senders repeat
/// the packet every 20 to 50 ms.
const END_LOST_MS: u64 = 200;
/// Digits whose timestamps are remembered against late repetitions.
const REMEMBERED: usize = 4;

/// The payload of an event packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Event number: 0–9, 10 `*`, 11 `#`, 12–15 `A`–`D`.
    pub code: u8,
    /// The end of the event.
    pub end: bool,
    /// Level below 0 dBm0, dB, 0–63.
    pub volume: u8,
    /// Length so far, samples.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; `None` when it is too short.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk::<4>()?;
        Some(Self {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Writes a payload.
    #[must_use]
    pub const fn to_payload(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        let end = if self.end { 0x80 } else { 0 };
        [self.code, end | (self.volume & 0x3F), high, low]
    }
}

/// The event number of a digit, `0-9*#A-D`.
#[must_use]
pub const fn code_of(digit: char) -> Option<u8> {
    Some(match digit {
        '0'..='9' => digit as u8 - b'0',
        '*' => 10,
        '#' => 11,
        'A'..='D' => digit as u8 - b'A' + 12,
        'a'..='d' => digit as u8 - b'a' + 12,
        _ => return None,
    })
}

/// The digit of an event number; `None` for events that are no digits.
#[must_use]
pub const fn digit_of(code: u8) -> Option<char> {
    Some(match code {
        0..=9 => (b'0' + code) as char,
        10 => '*',
        11 => '#',
        12..=15 => (b'A' + code - 12) as char,
        _ => return None,
    })
}

/// The packets of one digit, one per 20 ms; all carry the RTP timestamp of the first.
///
/// The first has the marker. The end comes three times, the repetitions fall into the pause after
/// the digit. `None` when `digit` is none; a length below 40 ms becomes 40 ms.
#[must_use]
pub fn packets(digit: char, on_ms: u16, volume: u8) -> Option<Vec<Event>> {
    let code = code_of(digit)?;
    let count = on_ms.div_ceil(20).clamp(2, 400);
    let steps = (1..=count).chain(std::iter::repeat_n(count, END_PACKETS - 1));
    let event = |n: u16| Event {
        code,
        end: n == count,
        volume,
        duration: n * 160,
    };
    Some(steps.map(event).collect())
}

/// Turns event packets into digits: one per RTP timestamp, at the first end bit or, when all
/// packets with it were lost, when the next digit begins or the packets stop.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    open: Option<Open>,
    done: [Option<u32>; REMEMBERED],
}

#[derive(Clone, Copy, Debug)]
struct Open {
    timestamp: u32,
    digit: char,
    last_ms: u64,
}

impl Decoder {
    /// Takes an event packet; gives the digits that are complete with it, at most two.
    pub fn handle_packet(
        &mut self,
        timestamp: u32,
        payload: &[u8],
        now_ms: u64,
    ) -> impl Iterator<Item = char> + use<> {
        let digits = match Event::parse(payload) {
            Some(event) => self.handle_event(timestamp, event, now_ms),
            None => [None, None],
        };
        digits.into_iter().flatten()
    }

    fn handle_event(&mut self, timestamp: u32, event: Event, now_ms: u64) -> [Option<char>; 2] {
        let Some(digit) = digit_of(event.code) else {
            return [None, None];
        };
        if self.done.contains(&Some(timestamp)) {
            return [None, None];
        }
        let before = match self.open {
            Some(open) if open.timestamp != timestamp => self.finish(),
            _ => None,
        };
        self.open = Some(Open {
            timestamp,
            digit,
            last_ms: now_ms,
        });
        let this = if event.end { self.finish() } else { None };
        [before, this]
    }

    /// A digit has begun and is not over.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the time; gives the digit whose packets stopped without an end.
    pub fn handle_tick(&mut self, now_ms: u64) -> Option<char> {
        let open = self.open?;
        if now_ms.saturating_sub(open.last_ms) < END_LOST_MS {
            return None;
        }
        self.finish()
    }

    fn finish(&mut self) -> Option<char> {
        let open = self.open.take()?;
        self.done.rotate_right(1);
        if let Some(newest) = self.done.first_mut() {
            *newest = Some(open.timestamp);
        }
        Some(open.digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(packets: &[(u32, Event)]) -> String {
        let mut decoder = Decoder::default();
        let mut now_ms = 0;
        let mut out = String::new();
        for (timestamp, event) in packets {
            now_ms += 20;
            out.extend(decoder.handle_packet(*timestamp, &event.to_payload(), now_ms));
            out.extend(decoder.handle_tick(now_ms));
        }
        out.extend(decoder.handle_tick(now_ms + END_LOST_MS));
        out
    }

    fn sequence(digits: &str) -> Vec<(u32, Event)> {
        let numbered = digits.chars().zip(0u32..);
        numbered
            .flat_map(|(digit, n)| {
                packets(digit, 100, 10)
                    .unwrap()
                    .into_iter()
                    .map(move |e| (n * 1_280, e))
            })
            .collect()
    }

    #[test]
    fn every_digit_comes_back_once() {
        assert_eq!(decode(&sequence("0123456789*#ABCD")), "0123456789*#ABCD");
        assert_eq!(decode(&sequence("1112")), "1112");
    }

    #[test]
    fn a_digit_is_five_packets_and_two_repetitions() {
        let events = packets('5', 100, 10).unwrap();
        assert_eq!(events.len(), 7);
        assert_eq!(events.iter().filter(|e| e.end).count(), 3);
        assert_eq!(events.last().map(|e| e.duration), Some(800));
        assert_eq!(packets('x', 100, 10), None);
    }

    #[test]
    fn any_loss_that_leaves_one_packet_keeps_the_digit() {
        let whole = sequence("73");
        for kept in 0..7 {
            let some: Vec<_> = whole[kept..=kept]
                .iter()
                .chain(&whole[7..])
                .copied()
                .collect();
            assert_eq!(decode(&some), "73", "packet {kept} of the first digit");
        }
        let without_ends: Vec<_> = whole.iter().filter(|(_, e)| !e.end).copied().collect();
        assert_eq!(decode(&without_ends), "73");
    }

    #[test]
    fn late_repetitions_and_other_events_give_nothing() {
        let mut packets = sequence("12");
        let late = packets[2];
        packets.push(late);
        packets.push((
            99_999,
            Event {
                code: 16,
                end: true,
                volume: 0,
                duration: 800,
            },
        ));
        assert_eq!(decode(&packets), "12");
        let mut decoder = Decoder::default();
        assert_eq!(decoder.handle_packet(0, &[1, 2, 3], 0).count(), 0);
    }
}
