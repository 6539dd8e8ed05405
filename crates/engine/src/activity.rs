//! What happened in the last hours, counted by minutes in memory: constant cost, whatever the
//! traffic and however much is stored.

use std::sync::{Mutex, PoisonError};

use callback::Timestamp;

use crate::limits::ACTIVITY_MINUTES;

const MINUTE_MS: i64 = 60_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A callback was requested.
    Requested,
    /// A callback ended with an agent.
    Connected,
    /// A callback ended in another way.
    EndedOtherwise,
    /// A receiver took a notification.
    Taken,
    /// An attempt to deliver one failed.
    NotTaken,
}

/// How often things happened in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivitySpan {
    /// Its beginning: a whole multiple of its length.
    pub at: Timestamp,
    /// Callbacks requested.
    pub requested: u64,
    /// Callbacks that ended with an agent.
    pub connected: u64,
    /// Callbacks that ended in another way.
    pub ended_otherwise: u64,
    /// Attempts of deliveries that succeeded.
    pub taken: u64,
    /// Attempts of deliveries that failed.
    pub not_taken: u64,
}

/// Counts of one minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    /// Since 1970.
    number: i64,
    counts: [u32; 5],
}

/// A ring of minutes.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<Vec<Minute>>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(vec![
            Minute::default();
            usize::from(ACTIVITY_MINUTES)
        ]))
    }

    /// Counts one; what is older than the ring is left out.
    pub(crate) fn count(&self, what: Happening, at: Timestamp) {
        let number = at.0.div_euclid(MINUTE_MS);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(minute) = minutes.get_mut(place(number)) else {
            return;
        };
        if minute.number < number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        if minute.number == number
            && let Some(count) = minute.counts.get_mut(what as usize)
        {
            *count = count.saturating_add(1);
        }
    }

    /// The last `spans` spans of so many minutes up to now, the oldest first.
    pub(crate) fn spans(&self, now: Timestamp, minutes: i64, spans: i64) -> Vec<ActivitySpan> {
        let minutes = minutes.max(1);
        let last = now.0.div_euclid(MINUTE_MS * minutes);
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |span: i64, what: Happening| -> u64 {
            (span * minutes..(span + 1) * minutes)
                .filter_map(|number| ring.get(place(number)).filter(|m| m.number == number))
                .filter_map(|minute| minute.counts.get(what as usize))
                .map(|count| u64::from(*count))
                .sum()
        };
        (last + 1 - spans..=last)
            .map(|span| ActivitySpan {
                at: Timestamp(span * minutes * MINUTE_MS),
                requested: sum(span, Happening::Requested),
                connected: sum(span, Happening::Connected),
                ended_otherwise: sum(span, Happening::EndedOtherwise),
                taken: sum(span, Happening::Taken),
                not_taken: sum(span, Happening::NotTaken),
            })
            .collect()
    }
}

/// Where a minute has its place in the ring.
fn place(number: i64) -> usize {
    usize::try_from(number.rem_euclid(i64::from(ACTIVITY_MINUTES))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_summed_into_spans_and_old_ones_are_forgotten() {
        let activity = Activity::new();
        let at = |minute: i64| Timestamp(minute * MINUTE_MS + 5);
        for minute in [1000, 1000, 1009, 1010] {
            activity.count(Happening::Requested, at(minute));
        }
        activity.count(Happening::NotTaken, at(1010));
        let spans = activity.spans(at(1012), 10, 3);
        let counts: Vec<_> = spans.iter().map(|s| (s.requested, s.not_taken)).collect();
        assert_eq!(counts, [(0, 0), (3, 0), (1, 1)]);
        assert_eq!(spans[2].at, Timestamp(1010 * MINUTE_MS));

        // A round later the same place counts the new minute only; what is late by more is lost.
        let later = 1000 + i64::from(ACTIVITY_MINUTES);
        activity.count(Happening::Requested, at(later));
        activity.count(Happening::Requested, at(1000));
        assert_eq!(activity.spans(at(later), 1, 1)[0].requested, 1);
        assert_eq!(activity.spans(at(1000), 1, 1)[0].requested, 0);
    }
}
