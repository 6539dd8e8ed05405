//! The circuit breaker of one target (notifications §7.2).

use std::collections::VecDeque;
use std::time::Duration;

use callback::Timestamp;

/// Failures in a row that open the circuit.
const CONSECUTIVE_MAX: u32 = 20;
/// Results that are looked back at, and how many of them may be failures.
const WINDOW: usize = 100;
const WINDOW_FAILURES: usize = WINDOW / 2;
/// Pause between two probes of an open circuit.
const PROBE_EVERY: Duration = Duration::from_secs(30);

/// What may be sent to the target now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Everything.
    Open,
    /// One delivery, the oldest.
    Probe,
    /// Nothing before this time.
    Later(Timestamp),
    /// Nothing before the running probe has a result.
    Probing,
}

/// Counts results and decides.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    consecutive: u32,
    /// `true` = failed, the newest at the end.
    window: VecDeque<bool>,
    failures: usize,
    /// The circuit is broken; the next probe is due then.
    probe_at: Option<Timestamp>,
    probing: bool,
}

impl Breaker {
    /// What may be sent at `now`.
    pub(super) fn gate(&self, now: Timestamp) -> Gate {
        match self.probe_at {
            None => Gate::Open,
            Some(_) if self.probing => Gate::Probing,
            Some(at) if at <= now => Gate::Probe,
            Some(at) => Gate::Later(at),
        }
    }

    /// A probe is under way.
    pub(super) fn begin_probe(&mut self) {
        self.probing = true;
    }

    /// A delivery said nothing about the target: the next one may be the probe.
    pub(super) fn pass(&mut self) {
        self.probing = false;
    }

    /// Takes the result of a delivery; `true` when the circuit changed.
    pub(super) fn record(&mut self, failed: bool, now: Timestamp) -> bool {
        if self.probe_at.is_some() {
            self.probing = false;
            if failed {
                self.probe_at = Some(now + PROBE_EVERY);
                return false;
            }
            *self = Self::default();
            return true;
        }
        self.consecutive = if failed { self.consecutive + 1 } else { 0 };
        self.window.push_back(failed);
        self.failures += usize::from(failed);
        if self.window.len() > WINDOW && self.window.pop_front() == Some(true) {
            self.failures -= 1;
        }
        let half = self.window.len() >= WINDOW && self.failures >= WINDOW_FAILURES;
        if failed && (self.consecutive >= CONSECUTIVE_MAX || half) {
            self.probe_at = Some(now + PROBE_EVERY);
            return true;
        }
        false
    }

    /// Nothing speaks against forgetting the target while nothing waits for it.
    pub(super) fn is_clean(&self) -> bool {
        self.probe_at.is_none() && self.consecutive == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn later(seconds: i64) -> Timestamp {
        NOW.plus_seconds(seconds)
    }

    #[test]
    fn twenty_failures_in_a_row_break_the_circuit() {
        let mut breaker = Breaker::default();
        for _ in 0..19 {
            assert!(!breaker.record(true, NOW));
        }
        assert_eq!(breaker.gate(NOW), Gate::Open);
        assert!(breaker.record(true, NOW));
        assert_eq!(breaker.gate(NOW), Gate::Later(later(30)));
        assert!(!breaker.is_clean());
    }

    #[test]
    fn half_of_the_last_hundred_break_the_circuit() {
        let mut breaker = Breaker::default();
        let broke = (0..200).find(|n| breaker.record(n % 2 == 1, NOW));
        assert_eq!(broke, Some(99));
        let mut breaker = Breaker::default();
        assert!(
            (0..1000).all(|n| !breaker.record(n % 3 == 0, NOW)),
            "a third does not"
        );
    }

    #[test]
    fn one_probe_at_a_time_closes_the_circuit_or_waits_again() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.record(true, NOW);
        }
        assert_eq!(breaker.gate(later(30)), Gate::Probe);
        breaker.begin_probe();
        assert_eq!(breaker.gate(later(31)), Gate::Probing);
        assert!(!breaker.record(true, later(40)));
        assert_eq!(breaker.gate(later(41)), Gate::Later(later(70)));
        breaker.begin_probe();
        assert!(breaker.record(false, later(71)));
        assert_eq!(breaker.gate(later(71)), Gate::Open);
    }
}
