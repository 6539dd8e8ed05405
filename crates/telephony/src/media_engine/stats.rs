//! Counters of the media threads and the histogram of tick lateness.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::limits::TICK_LATE_US;

/// Width of a bucket, µs.
const BUCKET_US: u64 = 250;
/// Buckets; the last takes everything from 50 ms on.
const BUCKETS: usize = 201;

/// Counters of the engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MediaStats {
    /// Open legs.
    pub legs: u64,
    /// Most legs at once since the start.
    pub legs_peak: u64,
    /// RTP packets sent.
    pub rtp_sent: u64,
    /// RTP packets received and taken.
    pub rtp_received: u64,
    /// Packets missing by sequence number; updated once per second.
    pub rtp_lost: u64,
    /// Datagrams that are no RTP or come from a source that is not taken.
    pub rtp_ignored: u64,
    /// Packets of ours that the other sides say they miss; updated once per second.
    pub rtp_lost_there: u64,
    /// RTCP reports sent.
    pub rtcp_sent: u64,
    /// RTCP reports received and understood.
    pub rtcp_received: u64,
    /// 20 ms ticks served, all threads.
    pub ticks: u64,
    /// Ticks more than 10 ms late.
    pub late_ticks: u64,
    /// 99th percentile of lateness, ms.
    pub tick_p99_ms: f64,
    /// 99.9th percentile of lateness, ms.
    pub tick_p999_ms: f64,
    /// Greatest lateness, ms.
    pub tick_max_ms: f64,
    /// 99.9th percentile of the time from the tick to the last packet that it sent, ms.
    pub served_p999_ms: f64,
    /// Commands refused because a thread did not keep up.
    pub commands_refused: u64,
    /// Events left out because the receiver did not keep up; never results.
    pub events_dropped: u64,
}

/// Counters of one thread.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) ignored: AtomicU64,
    /// Lost on legs and sources that are gone.
    pub(super) lost_before: AtomicU64,
    /// Lost on the present ones.
    pub(super) lost_now: AtomicU64,
    /// The same as the other sides see it.
    pub(super) lost_there_before: AtomicU64,
    pub(super) lost_there_now: AtomicU64,
    pub(super) rtcp_sent: AtomicU64,
    pub(super) rtcp_received: AtomicU64,
    pub(super) commands_refused: AtomicU64,
    pub(super) events_dropped: AtomicU64,
    ticks: AtomicU64,
    late_ticks: AtomicU64,
    max_us: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
    served: [AtomicU64; BUCKETS],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
            lost_before: AtomicU64::new(0),
            lost_now: AtomicU64::new(0),
            lost_there_before: AtomicU64::new(0),
            lost_there_now: AtomicU64::new(0),
            rtcp_sent: AtomicU64::new(0),
            rtcp_received: AtomicU64::new(0),
            commands_refused: AtomicU64::new(0),
            events_dropped: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            late_ticks: AtomicU64::new(0),
            max_us: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            served: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Counters {
    /// Counts a tick that was served `late_us` after its time.
    pub(super) fn tick(&self, late_us: u64) {
        self.ticks.fetch_add(1, Relaxed);
        if late_us > TICK_LATE_US {
            self.late_ticks.fetch_add(1, Relaxed);
        }
        self.max_us.fetch_max(late_us, Relaxed);
        count(&self.buckets, late_us);
    }

    /// Counts that the last leg of a tick was served `after_us` after the tick's time.
    pub(super) fn served(&self, after_us: u64) {
        count(&self.served, after_us);
    }
}

fn count(buckets: &[AtomicU64; BUCKETS], us: u64) {
    let bucket = usize::try_from(us / BUCKET_US)
        .unwrap_or(BUCKETS)
        .min(BUCKETS - 1);
    if let Some(count) = buckets.get(bucket) {
        count.fetch_add(1, Relaxed);
    }
}

/// Adds up the threads.
pub(super) fn total<'a>(threads: impl Iterator<Item = &'a Counters>) -> MediaStats {
    let mut stats = MediaStats::default();
    let mut buckets = [0u64; BUCKETS];
    let mut served = [0u64; BUCKETS];
    let mut max_us = 0;
    for counters in threads {
        stats.rtp_sent += counters.sent.load(Relaxed);
        stats.rtp_received += counters.received.load(Relaxed);
        stats.rtp_ignored += counters.ignored.load(Relaxed);
        stats.rtp_lost += counters.lost_before.load(Relaxed) + counters.lost_now.load(Relaxed);
        stats.rtp_lost_there +=
            counters.lost_there_before.load(Relaxed) + counters.lost_there_now.load(Relaxed);
        stats.rtcp_sent += counters.rtcp_sent.load(Relaxed);
        stats.rtcp_received += counters.rtcp_received.load(Relaxed);
        stats.commands_refused += counters.commands_refused.load(Relaxed);
        stats.events_dropped += counters.events_dropped.load(Relaxed);
        stats.ticks += counters.ticks.load(Relaxed);
        stats.late_ticks += counters.late_ticks.load(Relaxed);
        max_us = max_us.max(counters.max_us.load(Relaxed));
        for (sum, count) in buckets.iter_mut().zip(&counters.buckets) {
            *sum += count.load(Relaxed);
        }
        for (sum, count) in served.iter_mut().zip(&counters.served) {
            *sum += count.load(Relaxed);
        }
    }
    stats.tick_max_ms = max_us as f64 / 1_000.0;
    stats.tick_p99_ms = percentile_ms(&buckets, 0.99).min(stats.tick_max_ms);
    stats.tick_p999_ms = percentile_ms(&buckets, 0.999).min(stats.tick_max_ms);
    stats.served_p999_ms = percentile_ms(&served, 0.999);
    stats
}

/// The upper edge of the bucket in which the percentile lies, ms.
fn percentile_ms(buckets: &[u64; BUCKETS], share: f64) -> f64 {
    let all: u64 = buckets.iter().sum();
    let wanted = all as f64 * share;
    let mut seen = 0;
    for (index, count) in buckets.iter().enumerate() {
        seen += count;
        if all > 0 && seen as f64 >= wanted {
            return (index + 1) as f64 * BUCKET_US as f64 / 1_000.0;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_from_the_buckets() {
        let counters = Counters::default();
        for _ in 0..990 {
            counters.tick(300);
        }
        for _ in 0..10 {
            counters.tick(12_100);
        }
        counters.served(6_100);
        let stats = total(std::iter::once(&counters));
        assert_eq!(stats.served_p999_ms, 6.25);
        assert_eq!((stats.ticks, stats.late_ticks), (1_000, 10));
        assert_eq!(stats.tick_p99_ms, 0.5);
        assert_eq!(stats.tick_p999_ms, 12.1);
        assert_eq!(stats.tick_max_ms, 12.1);
        assert_eq!(total(std::iter::empty()).tick_p99_ms, 0.0);
    }
}
