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
    assert_eq!(first.len(), limits::CONNECTIONS_PER_ROUTE_MAX);
    for (key, _) in first {
        lanes.over(&key, Some(false), NOW);
    }
    assert_eq!(
        ids(&mut lanes, NOW).len(),
        limits::CONNECTIONS_PER_ROUTE_MAX
    );
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
    // The route is full: the broken target and the other one wait for a connection.
    let second = started(&mut lanes, NOW);
    assert_eq!(
        first.len() + second.len(),
        limits::CONNECTIONS_PER_ROUTE_MAX
    );
    for _ in 0..2 {
        for (key, _) in &first {
            lanes.over(key, Some(true), NOW);
        }
    }
    let third = started(&mut lanes, NOW);
    assert!(third.iter().all(|(key, _)| &*key.1 != broken), "{third:?}");
    assert!(third.iter().any(|(key, _)| &*key.1 == other), "{third:?}");
}
