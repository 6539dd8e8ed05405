//! RTCP of a leg: a report every five seconds, and what the other side reports.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering::Relaxed;

use media::rtcp::{self, Heard, Sent};
use media::rtp::LossCounter;

use super::limits::{RTCP_EVERY_TICKS, RTCP_READ_TICKS, RTCP_READS_MAX};
use super::stats::Counters;

/// Largest report that is read, bytes.
const REPORT_BYTES_MAX: usize = 1_024;
/// Timestamp units of a millisecond at 8 kHz.
const UNITS_PER_MS: u64 = 8;

/// Counts what a leg sends and hears, and exchanges it with the other side.
#[derive(Debug)]
pub(super) struct Reports {
    socket: UdpSocket,
    name: String,
    /// Ticks so far; legs begin at different ones, so that they do not report all at once.
    ticks: u32,
    packets: u32,
    octets: u32,
    /// Packets at the last report: without new ones it is that of a listener.
    reported: u32,
    /// The other side's last report: the middle of its time, and when it came, ms.
    theirs: Option<(u32, u64)>,
    /// Expected and received at our last report.
    before: (u64, u64),
    transit: Option<u32>,
    /// Sixteen times the mean difference, as RFC 3550 A.8 counts it.
    jitter: u32,
    /// Packets of ours that the other side misses.
    lost_there: u32,
    out: Vec<u8>,
}

/// The stream that a report is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) loss: LossCounter,
}

/// Where the report of this tick goes and what it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Where RTP goes to.
    pub(super) target: SocketAddr,
    /// Our source and the timestamp of its next packet.
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    pub(super) incoming: Option<Stream>,
    pub(super) now_ms: u64,
}

impl Reports {
    /// Takes over the socket; `random` spreads the legs and names the source.
    pub(super) fn new(socket: UdpSocket, random: u64) -> Self {
        let spread = random % u64::from(RTCP_EVERY_TICKS);
        Self {
            socket,
            name: format!("{random:016x}"),
            ticks: u32::try_from(spread).unwrap_or(0),
            packets: 0,
            octets: 0,
            reported: 0,
            theirs: None,
            before: (0, 0),
            transit: None,
            jitter: 0,
            lost_there: 0,
            out: Vec::new(),
        }
    }

    /// Packets of ours that the other side misses, as it said last.
    pub(super) const fn lost_there(&self) -> u32 {
        self.lost_there
    }

    /// An RTP packet with so many bytes of payload was sent.
    pub(super) fn sent(&mut self, packet_bytes: usize) {
        let payload = packet_bytes.saturating_sub(media::rtp::HEADER_BYTES);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self
            .octets
            .wrapping_add(u32::try_from(payload).unwrap_or(0));
    }

    /// An RTP packet arrived; `first` begins another stream.
    pub(super) fn arrived(&mut self, timestamp: u32, first: bool, now_ms: u64) {
        if first {
            (self.transit, self.jitter, self.before) = (None, 0, (0, 0));
        }
        let transit = units(now_ms).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let apart = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump is another clock, not jitter.
            if apart < units(1_000) {
                self.jitter = self.jitter + apart - (self.jitter + 8) / 16;
            }
        }
    }

    /// Serves a tick: reads and writes reports when it is time. True when the other side said
    /// something.
    pub(super) fn tick(&mut self, now: &Situation, counters: &Counters) -> bool {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(RTCP_EVERY_TICKS) {
            self.report(now, counters);
        }
        self.ticks.is_multiple_of(RTCP_READ_TICKS) && self.read(now, counters)
    }

    /// Says that the stream has ended.
    pub(super) fn bye(&mut self, target: SocketAddr, ssrc: u32) {
        if self.packets > 0 {
            rtcp::write_bye(ssrc, &self.name, &mut self.out);
            // It is a courtesy; nobody waits for it.
            let _gone = self.socket.send_to(&self.out, beside(target));
        }
    }

    fn report(&mut self, now: &Situation, counters: &Counters) {
        let sent = (self.packets != self.reported).then(|| Sent {
            ntp: ntp(now.now_ms),
            timestamp: now.timestamp,
            packets: self.packets,
            octets: self.octets,
        });
        self.reported = self.packets;
        let heard = now.incoming.map(|stream| self.heard(stream, now.now_ms));
        if sent.is_none() && heard.is_none() {
            return;
        }
        rtcp::write(now.ssrc, sent, heard, &self.name, &mut self.out);
        if self.socket.send_to(&self.out, beside(now.target)).is_ok() {
            counters.rtcp_sent.fetch_add(1, Relaxed);
        }
    }

    fn heard(&mut self, stream: Stream, now_ms: u64) -> Heard {
        let (expected, received) = (stream.loss.expected(), stream.loss.received());
        let (expected_before, received_before) =
            std::mem::replace(&mut self.before, (expected, received));
        let due = expected.saturating_sub(expected_before);
        let lost = due.saturating_sub(received.saturating_sub(received_before));
        let (last_report, delay) = match self.theirs {
            Some((middle, at_ms)) => (middle, now_ms.saturating_sub(at_ms) * 65_536 / 1_000),
            None => (0, 0),
        };
        Heard {
            ssrc: stream.ssrc,
            fraction_lost: u8::try_from(lost * 256 / due.max(1)).unwrap_or(u8::MAX),
            lost: u32::try_from(stream.loss.lost()).unwrap_or(u32::MAX),
            sequence: stream.loss.extended(),
            jitter: self.jitter / 16,
            last_report,
            delay: u32::try_from(delay).unwrap_or(u32::MAX),
        }
    }

    fn read(&mut self, now: &Situation, counters: &Counters) -> bool {
        let mut buffer = [0; REPORT_BYTES_MAX];
        let mut said = false;
        for _ in 0..RTCP_READS_MAX {
            let (length, source) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let report = buffer.get(..length).and_then(rtcp::parse);
            let Some(report) = report.filter(|_| source.ip() == now.target.ip()) else {
                counters.ignored.fetch_add(1, Relaxed);
                continue;
            };
            counters.rtcp_received.fetch_add(1, Relaxed);
            said |= !report.bye;
            if let Some(sent) = report.sent {
                let middle = u32::try_from((sent.ntp >> 16) & 0xFFFF_FFFF).unwrap_or(0);
                self.theirs = Some((middle, now.now_ms));
            }
            if let Some(heard) = report.heard.iter().find(|h| h.ssrc == now.ssrc) {
                self.lost_there = heard.lost;
            }
        }
        said
    }
}

/// The RTCP address beside an RTP address.
const fn beside(mut rtp: SocketAddr) -> SocketAddr {
    rtp.set_port(rtp.port() | 1);
    rtp
}

fn ntp(now_ms: u64) -> u64 {
    let fraction = ((now_ms % 1_000) << 32) / 1_000;
    ((now_ms / 1_000) << 32) | fraction
}

/// Time on the clock of the timestamps, which wraps.
fn units(now_ms: u64) -> u32 {
    u32::try_from((now_ms * UNITS_PER_MS) & 0xFFFF_FFFF).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        reports: Reports,
        other: UdpSocket,
        counters: Counters,
        loss: LossCounter,
    }

    impl Pair {
        fn new() -> Self {
            let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
            // The other side's RTCP port has to be an odd one.
            let other = (0..100)
                .map(|_| bind())
                .find(|s| s.local_addr().unwrap().port() % 2 == 1)
                .unwrap();
            let socket = bind();
            socket.set_nonblocking(true).unwrap();
            let patience = std::time::Duration::from_secs(10);
            other.set_read_timeout(Some(patience)).unwrap();
            Self {
                reports: Reports::new(socket, 0),
                other,
                counters: Counters::default(),
                loss: LossCounter::default(),
            }
        }

        fn situation(&self, now_ms: u64) -> Situation {
            let mut target = self.other.local_addr().unwrap();
            target.set_port(target.port() - 1);
            Situation {
                target,
                ssrc: 7,
                timestamp: 1_600,
                incoming: Some(Stream {
                    ssrc: 9,
                    loss: self.loss,
                }),
                now_ms,
            }
        }

        fn report_at(&mut self, now_ms: u64) -> rtcp::Compound {
            let now = self.situation(now_ms);
            for _ in 0..RTCP_EVERY_TICKS {
                self.reports.tick(&now, &self.counters);
            }
            let mut buffer = [0; 1_500];
            let length = self.other.recv(&mut buffer).unwrap();
            rtcp::parse(&buffer[..length]).unwrap()
        }
    }

    #[test]
    fn a_report_tells_what_was_sent_lost_and_how_late() {
        let mut pair = Pair::new();
        for sequence in (0..100_u16).filter(|n| n % 10 != 0 || *n == 0) {
            pair.loss.handle(sequence);
            pair.reports.arrived(
                u32::from(sequence) * 160,
                sequence == 0,
                20 * u64::from(sequence) + 7,
            );
        }
        for _ in 0..50 {
            pair.reports.sent(172);
        }
        let mut theirs = Vec::new();
        let sent = Sent {
            ntp: 0x1_8000_0000,
            ..Sent::default()
        };
        let missing = Heard {
            ssrc: 7,
            lost: 3,
            ..Heard::default()
        };
        rtcp::write(9, Some(sent), Some(missing), "x", &mut theirs);
        let to = pair.reports.socket.local_addr().unwrap();
        pair.other.send_to(&theirs, to).unwrap();
        let now = pair.situation(2_000);
        let said = (0..1_000_000).any(|_| pair.reports.read(&now, &pair.counters));
        assert!(said && pair.reports.lost_there() == 3);

        let report = pair.report_at(3_500);
        let own = report.sent.unwrap();
        assert_eq!((own.packets, own.octets), (50, 8_000));
        assert_eq!(own.ntp, 0x3_8000_0000, "3.5 s");
        let heard = report.heard[0];
        assert_eq!((heard.ssrc, heard.lost, heard.sequence), (9, 9, 99));
        assert_eq!(heard.fraction_lost, 23, "9 of 100, in 1/256");
        assert_eq!((heard.last_report, heard.delay), (0x1_8000, 98_304));
        assert_eq!(heard.jitter, 0, "they came as evenly as they were sent");
        assert!(
            pair.report_at(8_000).sent.is_none(),
            "nothing was sent since"
        );
    }

    #[test]
    fn reports_of_strangers_and_garbage_are_ignored() {
        let mut pair = Pair::new();
        let to = pair.reports.socket.local_addr().unwrap();
        pair.other.send_to(&[1, 2, 3], to).unwrap();
        let now = pair.situation(0);
        let ignored = || pair.counters.ignored.load(Relaxed) == 1;
        let done = (0..1_000_000).any(|_| {
            assert!(!pair.reports.read(&now, &pair.counters));
            ignored()
        });
        assert!(done);
    }
}
