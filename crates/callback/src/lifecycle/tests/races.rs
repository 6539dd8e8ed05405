//! What happens at the same time to a booked callback: every pair of due, reschedule, cancel,
//! pause, reminder and dial, in both orders.

use super::*;
use crate::settings::Events;
use crate::transaction_list::Wanted;

type Move = (&'static str, fn(&mut Walk));

const MOVES: [Move; 6] = [
    ("due", |w| timer(w, TimerKind::Due)),
    ("reschedule", |w| {
        let desired = w.now.plus_seconds(7200);
        drop(w.try_input(Input::Reschedule { desired }));
    }),
    ("cancel", |w| drop(w.try_input(Input::Cancel))),
    ("pause", |w| {
        w.paused = true;
        w.input(Input::ServicePaused);
    }),
    ("reminder", |w| timer(w, TimerKind::Reminder)),
    ("dial", Walk::turn),
];

/// Timers that ran out stay so: the shard gives them once.
fn timer(walk: &mut Walk, kind: TimerKind) {
    walk.input(Input::Timer(kind));
}

/// A callback booked for an hour ahead, at the time of its submission; its reminder falls together.
fn at_its_time() -> Walk {
    let mut settings = settings();
    settings.notification.plan.reminder_s = Some(90);
    settings.notification.plan.events = Events::List(vec![Wanted {
        event: EventId::CallbackReminder,
        params: Vec::new(),
        custom: Map::new(),
    }]);
    let mut walk = Walk::with(settings);
    walk.callback.schedule(walk.now.plus_seconds(3600));
    walk.input(Input::Create { notes: vec![] });
    walk.now = walk.callback.desired.plus_seconds(-90);
    walk.events.clear();
    walk
}

/// The same a moment later: submitted, its turn to dial is near.
fn submitted() -> Walk {
    let mut walk = at_its_time();
    timer(&mut walk, TimerKind::Due);
    walk.events.clear();
    walk
}

/// Every ordered pair and what it leads to: the phase and the events without those of each session.
fn table(start: fn() -> Walk) -> Vec<String> {
    let mut lines = Vec::new();
    for (first, one) in MOVES {
        for (second, other) in MOVES {
            if first == second {
                continue;
            }
            let mut walk = start();
            one(&mut walk);
            other(&mut walk);
            check(&walk);
            let told = [
                "callback_submitted",
                "callback_queued",
                "service_create",
                "virtual_ixn",
            ];
            let events: Vec<&str> = walk
                .events
                .iter()
                .map(|event| {
                    event
                        .split_once(' ')
                        .map_or(event.as_str(), |(name, _)| name)
                })
                .filter(|event| !told.iter().any(|t| event.starts_with(t)))
                .map(|event| event.trim_start_matches("callback_"))
                .collect();
            let phase = format!("{:?}", walk.callback.phase);
            lines.push(format!(
                "{first}, {second}: {phase} [{}]",
                events.join(", ")
            ));
        }
    }
    lines
}

/// Whatever came first: one dial, one end, a held callback does nothing but expire.
fn check(walk: &Walk) {
    let count = |name: &str| walk.events.iter().filter(|e| e.starts_with(name)).count();
    assert!(count("dial_init") <= 1, "{:?}", walk.events);
    assert!(count("callback_cancelled") <= 1, "{:?}", walk.events);
    assert!(count("callback_reminder") <= 1, "{:?}", walk.events);
    assert_eq!(walk.callback.phase == Phase::Over, !walk.callback.is_open());
    assert_eq!(
        walk.callback.phase == Phase::Paused,
        walk.callback.held.is_some()
    );
    assert_eq!(
        walk.callback.phase == Phase::Paused,
        walk.callback.state == State::Paused
    );
    let timers: Vec<_> = walk.callback.timers.keys().copied().collect();
    match walk.callback.phase {
        Phase::Paused => assert_eq!(timers, [TimerKind::RecordTtl]),
        Phase::Over => assert_eq!(timers, []),
        _ => assert!(timers.contains(&TimerKind::RecordTtl), "{timers:?}"),
    }
}

#[test]
fn every_pair_of_moves_at_the_due_time_is_decided_in_both_orders() {
    let expected = [
        "due, reschedule: Scheduled [rescheduled]",
        "due, cancel: Over [cancelled, service_exit]",
        "due, pause: Paused [status_updated]",
        "due, reminder: Waiting [reminder]",
        "due, dial: Dialing [dial_init]",
        "reschedule, due: Scheduled [rescheduled]",
        "reschedule, cancel: Over [rescheduled, cancelled]",
        "reschedule, pause: Paused [rescheduled, status_updated]",
        "reschedule, reminder: Scheduled [rescheduled]",
        "reschedule, dial: Scheduled [rescheduled]",
        "cancel, due: Over [cancelled]",
        "cancel, reschedule: Over [cancelled]",
        "cancel, pause: Over [cancelled]",
        "cancel, reminder: Over [cancelled]",
        "cancel, dial: Over [cancelled]",
        "pause, due: Paused [status_updated]",
        "pause, reschedule: Paused [status_updated, rescheduled]",
        "pause, cancel: Over [status_updated, cancelled]",
        "pause, reminder: Paused [status_updated]",
        "pause, dial: Paused [status_updated]",
        "reminder, due: Waiting [reminder]",
        "reminder, reschedule: Scheduled [reminder, rescheduled]",
        "reminder, cancel: Over [reminder, cancelled]",
        "reminder, pause: Paused [reminder, status_updated]",
        "reminder, dial: Scheduled [reminder]",
        "dial, due: Waiting []",
        "dial, reschedule: Scheduled [rescheduled]",
        "dial, cancel: Over [cancelled]",
        "dial, pause: Paused [status_updated]",
        "dial, reminder: Scheduled [reminder]",
    ];
    assert_eq!(table(at_its_time), expected);
}

#[test]
fn every_pair_of_moves_in_the_queue_is_decided_in_both_orders() {
    let expected = [
        "due, reschedule: Scheduled [rescheduled]",
        "due, cancel: Over [cancelled, service_exit]",
        "due, pause: Paused [status_updated]",
        "due, reminder: Waiting [reminder]",
        "due, dial: Dialing [dial_init]",
        "reschedule, due: Scheduled [rescheduled]",
        "reschedule, cancel: Over [rescheduled, cancelled, service_exit]",
        "reschedule, pause: Paused [rescheduled, status_updated]",
        "reschedule, reminder: Scheduled [rescheduled]",
        "reschedule, dial: Scheduled [rescheduled]",
        "cancel, due: Over [cancelled, service_exit]",
        "cancel, reschedule: Over [cancelled, service_exit]",
        "cancel, pause: Over [cancelled, service_exit]",
        "cancel, reminder: Over [cancelled, service_exit]",
        "cancel, dial: Over [cancelled, service_exit]",
        "pause, due: Paused [status_updated]",
        "pause, reschedule: Paused [status_updated, rescheduled]",
        "pause, cancel: Over [status_updated, cancelled, service_exit]",
        "pause, reminder: Paused [status_updated]",
        "pause, dial: Paused [status_updated]",
        "reminder, due: Waiting [reminder]",
        "reminder, reschedule: Scheduled [reminder, rescheduled]",
        "reminder, cancel: Over [reminder, cancelled, service_exit]",
        "reminder, pause: Paused [reminder, status_updated]",
        "reminder, dial: Dialing [reminder, dial_init]",
        "dial, due: Dialing [dial_init]",
        "dial, reschedule: Dialing [dial_init]",
        "dial, cancel: Over [dial_init, dial_done, cancelled, service_exit]",
        "dial, pause: Dialing [dial_init]",
        "dial, reminder: Dialing [dial_init]",
    ];
    assert_eq!(table(submitted), expected);
}
