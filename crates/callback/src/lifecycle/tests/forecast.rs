//! The reminder of a callback that waits for an agent (notifications §8).

use super::*;
use crate::events::Family;
use crate::settings::Events;
use crate::transaction_list::Wanted;

/// A callback with a reminder 300 s before, whose list names every event.
fn waiting(change: impl FnOnce(&mut Settings)) -> Walk {
    let mut s = settings();
    s.wait_for_agent = true;
    s.notification.plan.reminder_s = Some(300);
    let wanted = EventId::ALL
        .iter()
        .filter(|event| event.family() != Family::Native)
        .map(|event| Wanted {
            event: *event,
            params: Vec::new(),
            custom: Map::new(),
        });
    s.notification.plan.events = Events::List(wanted.collect());
    change(&mut s);
    Walk::created(s)
}

fn reminders(walk: &Walk) -> usize {
    walk.told().matches("callback_reminder").count()
}

#[test]
fn the_reminder_comes_once_when_the_forecast_falls_under_the_buffer() {
    let mut walk = waiting(|_| {});
    walk.input(Input::Forecast { wait_s: 301 });
    assert_eq!(reminders(&walk), 0);
    walk.input(Input::Forecast { wait_s: 300 });
    assert_eq!(reminders(&walk), 1);
    walk.input(Input::Forecast { wait_s: 10 });
    walk.turn();
    assert_eq!(reminders(&walk), 1, "{}", walk.told());
}

#[test]
fn a_turn_without_a_forecast_brings_the_reminder_and_a_retry_none() {
    let mut walk = waiting(|_| {});
    walk.turn();
    let told = walk.told();
    let at = |event: &str| told.find(event);
    assert!(at("callback_reminder") < at("dial_init"), "{told}");
    walk.ended(6);
    walk.input(Input::Forecast { wait_s: 0 });
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    assert_eq!(reminders(&walk), 1);
}

#[test]
fn immediate_callbacks_and_those_without_the_switch_have_no_reminder() {
    let mut at_once = waiting(|s| s.wait_for_agent = false);
    let mut without = waiting(|s| s.notification.plan.reminder_s = None);
    for walk in [&mut at_once, &mut without] {
        walk.input(Input::Forecast { wait_s: 0 });
        walk.turn();
        assert_eq!(reminders(walk), 0);
    }
}
