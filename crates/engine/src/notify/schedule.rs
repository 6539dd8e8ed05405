//! When a failed delivery is tried again, and when it is given up (notifications §7.2).

use std::time::Duration;

use callback::Timestamp;
use rand::{Rng, RngExt};
use store::{DeliveryAttempt, DeliveryRow, DeliveryState};

use super::sender::SendResult;

/// Pauses before the first, second … attempt, s; eight attempts in all.
const PAUSES_S: &[u32] = &[0, 2, 10, 60, 300, 900, 1800, 3600];
/// Status that ends a subscription (notifications §7.2).
pub(super) const GONE: u16 = 410;
/// Share by which a pause is varied, so that receivers are not hit by all lanes at once.
const JITTER: f64 = 0.1;

/// A factor of 0.9–1.1.
pub(super) fn jitter(rng: &mut impl Rng) -> f64 {
    rng.random_range(1.0 - JITTER..=1.0 + JITTER)
}

/// Turns the result of an attempt into what is stored.
pub(super) fn judge(
    row: &DeliveryRow,
    began: Timestamp,
    ended: Timestamp,
    result: &SendResult,
    jitter: f64,
) -> DeliveryAttempt {
    let ms = u32::try_from(ended.millis_since(began)).unwrap_or(u32::MAX);
    let is_gone = matches!(result, SendResult::Refused { status: GONE, .. });
    let (status, error) = match result {
        _ if is_gone => (
            GONE,
            "the receiver answered 410: its subscription has ended".to_owned(),
        ),
        SendResult::Accepted { status } => (*status, String::new()),
        SendResult::Refused { status, .. } => (*status, format!("the receiver answered {status}")),
        SendResult::Failed { error } | SendResult::Fault { error } => (0, error.clone()),
    };
    let retry_after = match result {
        SendResult::Refused { retry_after, .. } => *retry_after,
        SendResult::Accepted { .. } | SendResult::Failed { .. } | SendResult::Fault { .. } => None,
    };
    let accepted = matches!(result, SendResult::Accepted { .. });
    let is_final = accepted || is_gone || matches!(result, SendResult::Fault { .. });
    let next_at = if is_final {
        None
    } else {
        let made = row.attempts.saturating_sub(row.base);
        next_pause(&row.extra.schedule_s, made, retry_after, jitter)
    };
    let state = match (accepted, next_at) {
        (true, _) => DeliveryState::Delivered,
        (false, Some(_)) => DeliveryState::Pending,
        (false, None) => DeliveryState::Failed,
    };
    DeliveryAttempt {
        delivery: row.id.clone(),
        at: began,
        status,
        error,
        ms,
        state,
        next_at: next_at.map(|pause| ended + pause),
        trace: None,
    }
}

/// What is stored for a delivery whose receiver is gone: it is not tried.
pub(super) fn refused(row: &DeliveryRow, now: Timestamp) -> DeliveryAttempt {
    DeliveryAttempt {
        delivery: row.id.clone(),
        at: now,
        status: 0,
        error: "not tried: the receiver answered 410 before".to_owned(),
        ms: 0,
        state: DeliveryState::Failed,
        next_at: None,
        trace: None,
    }
}

/// The pause after attempt number `made` (from 0), `None` after the last.
fn next_pause(
    schedule_s: &[u32],
    made: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Option<Duration> {
    let pauses = if schedule_s.is_empty() {
        PAUSES_S
    } else {
        schedule_s
    };
    let step_s = *pauses.get(usize::try_from(made).ok()?.saturating_add(1))?;
    let step = Duration::from_secs(u64::from(step_s));
    let pause = step.mul_f64(jitter);
    // `Retry-After` counts between the normal step and twice the step.
    Some(retry_after.map_or(pause, |wish| wish.clamp(step, step * 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_attempts_then_given_up() {
        let pauses: Vec<_> = (0..8)
            .map(|made| next_pause(&[], made, None, 1.0))
            .collect();
        assert_eq!(pauses[0], Some(Duration::from_secs(2)));
        assert_eq!(pauses[6], Some(Duration::from_secs(3600)));
        assert_eq!(pauses[7], None);
    }

    #[test]
    fn retry_after_counts_between_step_and_twice_the_step() {
        let wish = |s| next_pause(&[], 1, Some(Duration::from_secs(s)), 1.0);
        assert_eq!(wish(1), Some(Duration::from_secs(10)));
        assert_eq!(wish(15), Some(Duration::from_secs(15)));
        assert_eq!(wish(500), Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_service_has_its_own_schedule() {
        let pause = |made| next_pause(&[0, 1, 5], made, None, 1.0);
        let s = |s| Some(Duration::from_secs(s));
        assert_eq!((pause(0), pause(1), pause(2)), (s(1), s(5), None));
    }
}
