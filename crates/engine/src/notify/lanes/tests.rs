//! Order, places, circuits.

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn row(callback: &str, seq: u64, target: &str) -> DeliveryRow {
    DeliveryRow {
        id: format!("{callback}.{seq}.{target}"),
        callback: CallbackId::new(callback),
        seq,
        notification_seq: seq,
        event_id: String::new(),
        at: Timestamp(i64::try_from(seq).unwrap()),
        channel: "httpcb".to_owned(),
        target: target.to_owned(),
        guarded: false,
        language: String::new(),
        body: String::new(),
        attempts: 0,
        base: 0,
        next_at: Some(NOW),
        state: DeliveryState::Pending,
        extra: store::DeliveryExtra::default(),
    }
}

fn attempt(state: DeliveryState, next_at: Option<Timestamp>) -> DeliveryAttempt {
    DeliveryAttempt {
        delivery: String::new(),
        at: NOW,
        status: 0,
        error: String::new(),
        ms: 0,
        state,
        next_at,
        trace: None,
    }
}

/// What is started now, as ids.
fn started(lanes: &mut Lanes, now: Timestamp) -> Vec<(LaneKey, String)> {
    lanes.wake(now);
    let next = |lanes: &mut Lanes| match lanes.next(now)? {
        Next::Send(key, row) => Some((key, row.id.clone())),
        Next::Refuse(key, row) => Some((key, format!("refused {}", row.id))),
    };
    std::iter::from_fn(|| next(lanes)).collect()
}

fn ids(lanes: &mut Lanes, now: Timestamp) -> Vec<String> {
    started(lanes, now).into_iter().map(|(_, id)| id).collect()
}

fn key(callback: &str, target: &str) -> LaneKey {
    (CallbackId::new(callback), Arc::from(target))
}

fn deliver(lanes: &mut Lanes, key: LaneKey) {
    lanes.over(&key, Some(false), NOW);
    lanes.stored(key, &attempt(DeliveryState::Delivered, None), NOW);
}

#[test]
fn a_lane_goes_on_when_its_result_is_stored() {
    let mut lanes = Lanes::default();
    for seq in 1..=2 {
        lanes.take(row("a", seq, "t"), NOW);
    }
    lanes.take(row("a", 2, "t"), NOW);
    assert_eq!(lanes.held(), 2, "what is held already is left out");
    assert_eq!(ids(&mut lanes, NOW), ["a.1.t"]);
    lanes.over(&key("a", "t"), Some(false), NOW);
    assert_eq!(ids(&mut lanes, NOW), [""; 0], "answered but not stored");
    lanes.stored(key("a", "t"), &attempt(DeliveryState::Delivered, None), NOW);
    assert_eq!(ids(&mut lanes, NOW), ["a.2.t"]);
    deliver(&mut lanes, key("a", "t"));
    assert_eq!((lanes.held(), lanes.next_at()), (0, None));
}

#[test]
fn a_waiting_event_blocks_its_own_callback_only() {
    let mut lanes = Lanes::default();
    lanes.take(row("a", 1, "t"), NOW);
    lanes.take(row("a", 2, "t"), NOW);
    assert_eq!(ids(&mut lanes, NOW).len(), 1);
    lanes.over(&key("a", "t"), Some(true), NOW);
    let later = NOW.plus_seconds(2);
    lanes.stored(
        key("a", "t"),
        &attempt(DeliveryState::Pending, Some(later)),
        NOW,
    );
    lanes.take(row("b", 1, "t"), NOW);
    assert_eq!(ids(&mut lanes, NOW), ["b.1.t"]);
    assert_eq!(lanes.next_at(), Some(later));
    assert_eq!(ids(&mut lanes, later), ["a.1.t"], "the same event again");
}

#[test]
fn a_target_has_ten_places_and_takes_none_of_another() {
    let mut lanes = Lanes::default();
    for n in 0..30 {
        lanes.take(row(&format!("c{n}"), 1, "slow"), NOW);
    }
    lanes.take(row("x", 1, "quick"), NOW);
    let first = ids(&mut lanes, NOW);
    assert_eq!(first.iter().filter(|id| id.ends_with("slow")).count(), 10);
    assert!(
        first.iter().position(|id| id == "x.1.quick").unwrap() < 2,
        "targets take turns"
    );
    lanes.over(&key("c0", "slow"), Some(false), NOW);
    assert_eq!(
        ids(&mut lanes, NOW),
        ["c10.1.slow"],
        "free before it is stored"
    );
}

#[test]
fn a_broken_circuit_is_probed_with_the_oldest_event() {
    let mut lanes = Lanes::default();
    for n in 0..40 {
        lanes.take(row(&format!("c{n}"), 100 - n, "t"), NOW);
    }
    let mut failed = Vec::new();
    while failed.len() < 20 {
        for (key, _) in started(&mut lanes, NOW) {
            lanes.over(&key, Some(true), NOW);
            failed.push(key);
        }
    }
    let tried = failed.len();
    assert_eq!(ids(&mut lanes, NOW), [""; 0], "after {tried} failures");
    let probe = NOW.plus_seconds(30);
    assert_eq!(lanes.next_at(), Some(probe));
    assert_eq!(ids(&mut lanes, probe), ["c39.61.t"]);
    lanes.over(&key("c39", "t"), Some(false), probe);
    assert_eq!(ids(&mut lanes, probe).len(), 10, "closed again");
}

#[test]
fn a_receiver_that_is_gone_is_not_asked_again() {
    let mut lanes = Lanes::default();
    for seq in 1..=2 {
        lanes.take(row("a", seq, "t"), NOW);
    }
    lanes.take(row("b", 1, "t"), NOW);
    assert_eq!(ids(&mut lanes, NOW).len(), 2);
    lanes.over(&key("a", "t"), None, NOW);
    lanes.end(&key("a", "t"));
    lanes.stored(key("a", "t"), &attempt(DeliveryState::Failed, None), NOW);
    assert_eq!(ids(&mut lanes, NOW), ["refused a.2.t"]);
    lanes.over(&key("a", "t"), None, NOW);
    lanes.stored(key("a", "t"), &attempt(DeliveryState::Failed, None), NOW);
    lanes.revive(&row("a", 1, "t"));
    lanes.take(row("a", 1, "t"), NOW);
    assert_eq!(ids(&mut lanes, NOW), ["a.1.t"], "asked for by hand");
}

#[test]
fn targets_of_one_host_share_its_connections() {
    for (target, route) in [
        ("https://crm:8443/in?x", "https://crm:8443"),
        ("http://crm?x", "http://crm"),
        ("session-1", "session-1"),
    ] {
        assert_eq!(route_of(target), route);
    }
    let mut lanes = Lanes::default();
    for n in 0..60 {
        let target = format!("http://crm/{}", n % 3);
        lanes.take(row(&format!("c{n}"), 1, &target), NOW);
    }
    let first = started(&mut lanes, NOW);
    assert_eq!(first.len(), 15, "five each, and as many for another target");
    for (key, _) in first {
        lanes.over(&key, Some(false), NOW);
    }
    assert_eq!(ids(&mut lanes, NOW).len(), 15);
}

#[test]
fn targets_that_hang_leave_connections_to_their_neighbours() {
    let mut lanes = Lanes::default();
    for n in 0..60 {
        let target = format!("http://crm/dead/{}", n % 3);
        lanes.take(row(&format!("d{n}"), 1, &target), NOW);
        // One at a time: the first of them takes all that it can.
        started(&mut lanes, NOW);
    }
    let good = "http://crm/good";
    for n in 0..100 {
        lanes.take(row(&format!("c{n}"), 1, good), NOW);
    }
    let mut delivered = 0;
    loop {
        let started = started(&mut lanes, NOW);
        if started.is_empty() {
            break;
        }
        for (key, _) in started {
            assert_eq!(&*key.1, good);
            lanes.over(&key, Some(false), NOW);
            delivered += 1;
        }
    }
    assert_eq!(delivered, 100);
}

#[test]
fn many_targets_that_hang_leave_places_to_others() {
    let mut lanes = Lanes::default();
    for n in 0..2_000 {
        let target = format!("http://dead-{}/", n % 30);
        lanes.take(row(&format!("d{n}"), 1, &target), NOW);
    }
    let hanging = started(&mut lanes, NOW).len();
    assert!((60..limits::CONNECTIONS_TOTAL_MAX).contains(&hanging));
    lanes.take(row("c", 1, "http://good/"), NOW);
    assert_eq!(ids(&mut lanes, NOW), ["c.1.http://good/"]);
}

#[test]
fn a_broken_circuit_does_not_keep_the_connection_it_waited_for() {
    let mut lanes = Lanes::default();
    let (broken, busy, other) = ("http://crm/broken", "http://crm/busy", "http://crm/other");
    for n in 0..40 {
        lanes.take(row(&format!("b{n}"), 1, broken), NOW);
    }
    let first = started(&mut lanes, NOW);
    for n in 0..20 {
        lanes.take(row(&format!("x{n}"), 1, busy), NOW);
        lanes.take(row(&format!("y{n}"), 1, other), NOW);
    }
    // All have as much as they may: each waits for a connection.
    let second = started(&mut lanes, NOW);
    assert!(first.len() + second.len() < limits::CONNECTIONS_PER_ROUTE_MAX);
    assert!(second.len() > 2, "{second:?}");
    for _ in 0..2 {
        for (key, _) in &first {
            lanes.over(key, Some(true), NOW);
        }
    }
    let third = started(&mut lanes, NOW);
    assert!(third.iter().all(|(key, _)| &*key.1 != broken), "{third:?}");
    assert!(third.iter().any(|(key, _)| &*key.1 == other), "{third:?}");
}

#[test]
fn connections_in_all_are_bounded_and_some_are_left_for_hosts_without_any() {
    let bounds = Bounds {
        per_route: 8,
        total: 10,
    };
    let mut lanes = Lanes::new(bounds);
    for n in 0..9 {
        lanes.take(row(&format!("a{n}"), 1, "http://slow/in"), NOW);
    }
    assert_eq!(
        ids(&mut lanes, NOW).len(),
        4,
        "half of its host's connections"
    );
    for host in ["b", "c", "d"] {
        for n in 1..=2 {
            let target = format!("http://{host}/in");
            lanes.take(row(&format!("{host}{n}"), 1, &target), NOW);
        }
    }
    let others = ids(&mut lanes, NOW);
    assert_eq!(others.len(), 5, "one connection is left: {others:?}");
    lanes.take(row("e", 1, "http://e/in"), NOW);
    lanes.take(row("f", 1, "http://f/in"), NOW);
    assert_eq!(
        ids(&mut lanes, NOW),
        ["e.1.http://e/in"],
        "for a host without any, then all are taken"
    );
    deliver(&mut lanes, key("a0", "http://slow/in"));
    assert_eq!(
        ids(&mut lanes, NOW),
        ["f.1.http://f/in"],
        "not the slow one again"
    );
}

/// Plays the deliveries of one receiver by an injected clock; `answers` says its status at a
/// time. Tells when which attempt was made and with what result.
fn played(lanes: &mut Lanes, answers: impl Fn(i64) -> u16) -> Vec<(i64, String, u16)> {
    use super::super::schedule::judge;
    use super::super::sender::SendResult;

    let mut story = Vec::new();
    let mut now = NOW;
    loop {
        let mut begun = started(lanes, now);
        while let Some((key, id)) = begun.pop() {
            let at_s = (now.0 - NOW.0) / 1000;
            let status = answers(at_s);
            let result = match status {
                200 => SendResult::Accepted { status },
                _ => SendResult::Refused {
                    status,
                    retry_after: None,
                },
            };
            story.push((at_s, id, status));
            let head = lanes.lanes[&key].waiting[0].clone();
            let attempt = judge(&head, now, now, &result, 1.0);
            lanes.over(&key, result.failed(), now);
            lanes.stored(key, &attempt, now);
            if begun.is_empty() {
                begun = started(lanes, now);
            }
        }
        match lanes.next_at() {
            Some(at) if at > now => now = at,
            _ => return story,
        }
    }
}

#[test]
fn a_receiver_that_answers_500_for_an_hour_gets_everything_in_order() {
    let mut lanes = Lanes::default();
    for seq in 1..=3 {
        lanes.take(row("a", seq, "http://crm/in"), NOW);
    }
    let story = played(&mut lanes, |at_s| if at_s < 3600 { 500 } else { 200 });
    let tried: Vec<i64> = story.iter().map(|(at, ..)| *at).collect();
    assert_eq!(tried, [0, 2, 12, 72, 372, 1272, 3072, 6672, 6672, 6672]);
    let accepted = story.iter().filter(|(.., status)| *status == 200);
    let accepted: Vec<&str> = accepted.map(|(_, id, _)| id.as_str()).collect();
    let all = [
        "a.1.http://crm/in",
        "a.2.http://crm/in",
        "a.3.http://crm/in",
    ];
    assert_eq!(accepted, all);
    assert_eq!(lanes.held(), 0);
}

#[test]
fn a_receiver_that_never_works_fails_event_by_event_and_holds_up_nobody() {
    let mut lanes = Lanes::default();
    for seq in 1..=2 {
        lanes.take(row("a", seq, "http://dead/in"), NOW);
    }
    let story = played(&mut lanes, |_| 500);
    let ids: Vec<&str> = story.iter().map(|(_, id, _)| id.as_str()).collect();
    let expected = [["a.1.http://dead/in"; 8], ["a.2.http://dead/in"; 8]].concat();
    assert_eq!(
        ids, expected,
        "given up after eight attempts, then the next"
    );
    assert_eq!((lanes.held(), lanes.next_at()), (0, None));
}

#[test]
fn events_of_a_session_keep_their_order_although_each_has_its_own_address() {
    let mut lanes = Lanes::default();
    for (seq, event) in [(1, "_cbe_on_dial_init"), (2, "_cbe_on_dial_done")] {
        let mut row = row(
            "a",
            seq,
            &format!("http://node/scxml/session/S/event/{event}"),
        );
        row.channel = "orscb".to_owned();
        lanes.take(row, NOW);
    }
    let first = started(&mut lanes, NOW);
    assert_eq!(first.len(), 1, "{first:?}");
    deliver(&mut lanes, key("a", "http://node/scxml/session/S"));
    assert_eq!(started(&mut lanes, NOW).len(), 1);
}

#[test]
fn a_receiver_down_for_ten_minutes_then_gets_everything_in_order_per_callback() {
    const EVENTS: u64 = 4;
    let mut lanes = Lanes::default();
    let names: Vec<String> = (0..1000).map(|n| format!("a{n}")).collect();
    for seq in 1..=EVENTS {
        for name in &names {
            lanes.take(row(name, seq, "http://crm/in"), NOW);
        }
    }
    let story = played(&mut lanes, |at_s| if at_s < 600 { 500 } else { 200 });
    assert_eq!(lanes.held(), 0);
    // The circuit keeps a receiver that is down from a thousand vain attempts.
    let vain = story.iter().filter(|(.., status)| *status == 500).count();
    assert!(vain < 100, "{vain} attempts in vain");
    let last = story.last().map(|(at, ..)| *at);
    assert!(last < Some(3600), "{last:?}");
    for name in &names {
        let prefix = format!("{name}.");
        let accepted =
            |(_, id, status): &&(i64, String, u16)| *status == 200 && id.starts_with(&prefix);
        let got: Vec<_> = story
            .iter()
            .filter(accepted)
            .map(|(_, id, _)| id.clone())
            .collect();
        let wanted: Vec<_> = (1..=EVENTS)
            .map(|n| format!("{name}.{n}.http://crm/in"))
            .collect();
        assert_eq!(got, wanted);
    }
}
