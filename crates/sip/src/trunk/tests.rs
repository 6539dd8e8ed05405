//! Tests of the choice of trunks, their limits and their health.

use super::*;

fn settings(name: &str) -> Settings {
    Settings {
        name: name.to_owned(),
        priority: 0,
        weight: 0,
        max_calls: 0,
        cps: 0,
        ping_every_ms: 0,
        registers: false,
    }
}

fn two(change: impl Fn(&mut Settings)) -> Trunks {
    let mut all = vec![settings("a"), settings("b")];
    all.iter_mut().for_each(change);
    Trunks::new(all, 0)
}

const BOTH: &[&str] = &["a", "b"];

fn taken(name: &str) -> Room {
    Room::Taken(name.to_owned())
}

#[test]
fn calls_go_over_the_first_trunk_with_room() {
    let mut trunks = two(|t| t.max_calls = 1);
    assert_eq!(trunks.reserve("1", BOTH, 0), taken("a"));
    assert_eq!(trunks.reserve("1", BOTH, 0), taken("a"), "once per call");
    assert_eq!(trunks.reserve("2", BOTH, 0), taken("b"));
    assert_eq!(trunks.reserve("3", BOTH, 0), Room::Full);
    trunks.release("1");
    trunks.release("1");
    assert_eq!(trunks.reserve("3", BOTH, 0), taken("a"));
    assert_eq!(trunks.reserve("4", &["c"], 0), Room::Unknown);
}

#[test]
fn dials_are_spaced_on_every_trunk() {
    let mut trunks = two(|t| t.cps = 3);
    assert_eq!(trunks.reserve("1", BOTH, 1000), taken("a"));
    assert_eq!(trunks.reserve("2", BOTH, 1000), taken("b"));
    assert_eq!(trunks.reserve("3", BOTH, 1000), Room::Later(1334));
    assert_eq!(trunks.reserve("3", BOTH, 1334), taken("a"));
}

#[test]
fn moving_on_obeys_the_limits_of_the_next_trunk() {
    let mut trunks = two(|t| t.max_calls = 1);
    assert_eq!(trunks.reserve("1", BOTH, 0), taken("a"));
    assert_eq!(trunks.reserve("2", BOTH, 0), taken("b"));
    trunks.release("1");
    assert_eq!(trunks.reserve("1", &["b"], 0), Room::Full);
    assert_eq!(
        trunks.reserve("3", BOTH, 0),
        taken("a"),
        "its place is free"
    );
    trunks.release("2");
    assert_eq!(trunks.reserve("1", &["b"], 0), taken("b"));
}

#[test]
fn silence_or_503_takes_a_trunk_down_and_any_other_final_brings_it_back() {
    let mut trunks = two(|t| t.ping_every_ms = 30_000);
    assert_eq!(trunks.due(0).0, BOTH);
    assert_eq!(trunks.due(0).0, Vec::<String>::new(), "under way already");
    let down = trunks.pinged("a", Ping::of_status(None), 100, 0).unwrap();
    assert_eq!((down.up, down.reason), (false, "no_answer"));
    assert_eq!(trunks.pinged("b", Ping::of_status(Some(404)), 100, 0), None);
    assert_eq!(trunks.reserve("1", BOTH, 200), taken("b"));
    // The wait doubles: 5 s, 10 s.
    assert_eq!(trunks.next_due_ms(), Some(5_100));
    assert_eq!(trunks.due(5_100).0, ["a"]);
    assert_eq!(
        trunks.pinged("a", Ping::of_status(Some(503)), 5_200, 0),
        None
    );
    assert_eq!(trunks.next_due_ms(), Some(15_200));
    assert_eq!(trunks.due(15_200).0, ["a"]);
    let up = trunks.pinged("a", Ping::of_status(Some(200)), 15_300, 0);
    assert!(up.unwrap().up);
    assert_eq!(trunks.reserve("2", BOTH, 15_300), taken("a"));
}

#[test]
fn a_dial_waits_for_a_trunk_that_just_went_down_but_not_for_long() {
    let mut trunks = Trunks::new(
        vec![Settings {
            ping_every_ms: 1000,
            ..settings("a")
        }],
        0,
    );
    trunks.due(0);
    trunks.pinged("a", Ping::Silence, 1000, 0);
    assert_eq!(trunks.reserve("1", &["a"], 2000), Room::Later(6000));
    assert_eq!(trunks.reserve("1", &["a"], 6000), Room::Down);
}

#[test]
fn a_call_that_fails_has_its_trunk_pinged_at_once() {
    let mut trunks = two(|t| t.ping_every_ms = 30_000);
    trunks.due(0);
    trunks.pinged("a", Ping::Alive, 0, 0);
    trunks.pinged("b", Ping::Alive, 0, 0);
    assert_eq!(trunks.next_due_ms(), Some(30_000));
    assert_eq!(trunks.failed("a", 500, 0), None);
    assert_eq!(trunks.due(500).0, ["a"]);
}

#[test]
fn without_pings_three_failed_calls_in_a_row_take_a_trunk_down() {
    let mut trunks = two(|_| {});
    for _ in 0..2 {
        assert_eq!(trunks.failed("a", 0, 0), None);
    }
    assert_eq!(trunks.reached("a", 0), None);
    for _ in 0..2 {
        assert_eq!(trunks.failed("a", 0, 0), None);
    }
    assert!(!trunks.failed("a", 0, 0).unwrap().up);
    assert_eq!(trunks.reserve("1", BOTH, 0), taken("b"));
    let (_, changes) = trunks.due(5_000);
    assert!(changes[0].up && changes[0].reason == "retry");
    // The next failure counts at once, and its wait is longer.
    assert!(!trunks.failed("a", 5_000, 0).unwrap().up);
    assert_eq!(trunks.next_due_ms(), Some(15_000));
}

#[test]
fn a_trunk_that_registers_is_down_until_it_is_registered() {
    let mut trunks = two(|t| t.registers = t.name == "a");
    assert_eq!(trunks.views()[0].registered, Some(false));
    assert_eq!(trunks.reserve("1", BOTH, 0), taken("b"));
    assert!(trunks.registered("a", true, 10).unwrap().up);
    assert_eq!(trunks.registered("a", true, 20), None);
    assert_eq!(trunks.reserve("2", BOTH, 20), taken("a"));
    let down = trunks.registered("a", false, 30).unwrap();
    assert_eq!((down.up, down.reason), (false, "not_registered"));
    let view = &trunks.views()[0];
    assert_eq!((view.up, view.calls, view.since_ms), (false, 1, 30));
}

#[test]
fn the_back_off_doubles_to_five_minutes_with_jitter() {
    let waits: Vec<u64> = (1..=9).map(|n| back_off_ms(n, 0)).collect();
    assert_eq!(
        waits,
        [
            5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000
        ]
    );
    assert_eq!(back_off_ms(1, 255), 4_000);
    assert_eq!(back_off_ms(u32::MAX, 255), 240_000);
    assert!((0..=255).all(|r| (4_000..=5_000).contains(&back_off_ms(0, r))));
}

/// The trunks that a row of calls gets; each call is over at once.
fn row(trunks: &mut Trunks, calls: usize, now_ms: u64) -> String {
    (0..calls)
        .map(|n| {
            let call = format!("row{n}");
            let room = trunks.reserve(&call, &["a", "b", "c", "d"], now_ms);
            trunks.release(&call);
            match room {
                Room::Taken(name) => name,
                other => format!("{other:?}"),
            }
        })
        .collect()
}

fn weighted(trunks: &[(&str, u16, u16)]) -> Trunks {
    let all = trunks.iter().map(|(name, priority, weight)| Settings {
        priority: *priority,
        weight: *weight,
        ping_every_ms: 30_000,
        ..settings(name)
    });
    Trunks::new(all.collect(), 0)
}

#[test]
fn trunks_with_weights_share_the_calls_and_the_rest_waits_behind() {
    let mut trunks = weighted(&[("a", 1, 0), ("b", 0, 3), ("c", 0, 1), ("d", 0, 0)]);
    assert_eq!(row(&mut trunks, 8, 0), "bbcbbbcb");
    // The part of one that is down goes to the others, and comes back with it.
    trunks.pinged("b", Ping::Silence, 0, 0);
    assert_eq!(row(&mut trunks, 4, 10_000), "cccc");
    trunks.pinged("c", Ping::Silence, 0, 0);
    assert_eq!(row(&mut trunks, 2, 10_000), "dd");
    trunks.pinged("d", Ping::Silence, 0, 0);
    assert_eq!(row(&mut trunks, 2, 10_000), "aa");
    trunks.pinged("b", Ping::Alive, 10_000, 0);
    trunks.pinged("c", Ping::Alive, 10_000, 0);
    let shared = row(&mut trunks, 400, 10_000);
    assert_eq!(shared.matches('b').count(), 300);
}

#[test]
fn a_full_or_paced_trunk_leaves_its_part_to_the_others() {
    let mut all = weighted(&[("a", 0, 1), ("b", 0, 1)]);
    all.trunks[0].settings.max_calls = 1;
    all.trunks[1].settings.cps = 1;
    assert_eq!(all.reserve("1", BOTH, 0), taken("a"));
    assert_eq!(all.reserve("2", BOTH, 0), taken("b"));
    assert_eq!(all.reserve("3", BOTH, 0), Room::Later(1_000));
    all.release("1");
    assert_eq!(all.reserve("3", BOTH, 0), taken("a"));
    assert_eq!(all.reserve("4", BOTH, 1_000), taken("b"));
}
