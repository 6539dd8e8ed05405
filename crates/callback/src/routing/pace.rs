//! How fast virtual queues move, for a forecast of when somebody's turn comes (notifications §8).

use std::collections::{HashMap, VecDeque};

use crate::Timestamp;

/// Turns that are remembered of a queue.
const TURNS_MAX: usize = 20;
/// Older turns say nothing about now, s.
const AGE_MAX_S: i64 = 3_600;
/// Queues that are remembered; there are as many as services name.
const QUEUES_MAX: usize = 10_000;

/// When the last callbacks of each virtual queue got their turn.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    queues: HashMap<String, VecDeque<Timestamp>>,
}

impl Pace {
    /// A callback of the queue got its turn.
    pub fn turn(&mut self, queue: &str, now: Timestamp) {
        if !self.queues.contains_key(queue) {
            if self.queues.len() >= QUEUES_MAX {
                self.queues.clear();
            }
            self.queues.insert(queue.to_owned(), VecDeque::new());
        }
        if let Some(turns) = self.queues.get_mut(queue) {
            if turns.len() == TURNS_MAX {
                turns.pop_front();
            }
            turns.push_back(now);
        }
    }

    /// Time from one turn to the next, ms; `None` when fewer than two are known of the last hour.
    /// A queue that has not moved for longer than before slows down.
    #[must_use]
    pub fn interval_ms(&self, queue: &str, now: Timestamp) -> Option<u64> {
        let turns = self.queues.get(queue)?;
        let since = now.plus_seconds(-AGE_MAX_S);
        let fresh: Vec<Timestamp> = turns.iter().copied().filter(|at| *at >= since).collect();
        let (first, last) = (fresh.first()?, fresh.last()?);
        let gaps = u64::try_from(fresh.len()).ok()?.checked_sub(1)?;
        let between = last.millis_since(*first).checked_div(gaps)?;
        // The turn that is awaited now counts as one that is late.
        Some(between.max(now.millis_since(*last) / 2))
    }

    /// When the turn of the one at this place (from 1) comes, s from now.
    #[must_use]
    pub fn forecast_s(&self, queue: &str, place: usize, now: Timestamp) -> Option<i64> {
        let interval_ms = self.interval_ms(queue, now)?;
        let ms = interval_ms.saturating_mul(u64::try_from(place).ok()?);
        i64::try_from(ms / 1_000).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp(1_800_000_000_000 + seconds * 1_000)
    }

    #[test]
    fn the_forecast_is_the_place_times_the_time_between_turns() {
        let mut pace = Pace::default();
        assert_eq!(pace.forecast_s("a", 1, at(0)), None);
        pace.turn("a", at(0));
        assert_eq!(pace.forecast_s("a", 1, at(0)), None, "one turn is no pace");
        for minute in 1..=30 {
            pace.turn("a", at(minute * 60));
        }
        assert_eq!(pace.forecast_s("a", 1, at(1800)), Some(60));
        assert_eq!(pace.forecast_s("a", 7, at(1800)), Some(420));
        assert_eq!(pace.forecast_s("b", 1, at(1800)), None, "each queue alone");
    }

    #[test]
    fn a_queue_that_stands_still_slows_down_and_is_forgotten() {
        let mut pace = Pace::default();
        pace.turn("a", at(0));
        pace.turn("a", at(10));
        assert_eq!(pace.forecast_s("a", 2, at(12)), Some(20));
        assert_eq!(pace.forecast_s("a", 2, at(610)), Some(600));
        assert_eq!(pace.forecast_s("a", 2, at(4_000)), None);
    }
}
