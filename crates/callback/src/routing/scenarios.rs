//! Tests of the router's rules, one situation each.

use super::{Decision, Need, Released, Router, Target, Waiting};
use crate::agent::AgentConfig;
use crate::{AgentId, CallbackId, Timestamp};

/// Seconds, as the tests count them.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp(0).plus_seconds(seconds)
}

pub(super) fn id(text: &str) -> CallbackId {
    CallbackId::new(text)
}

/// An agent `name` with extension `x-name`, at place `Desk_name`.
pub(super) fn agent(name: &str, groups: &str, skills: &str) -> AgentConfig {
    let options = [
        ("extension", format!("x-{name}")),
        ("password", String::from("p")),
        ("groups", groups.to_owned()),
        ("skills", skills.to_owned()),
        ("place", format!("Desk_{name}")),
        ("switch", String::from("North")),
    ]
    .map(|(k, v)| (k.to_owned(), v));
    AgentConfig::from_options(AgentId::new(name), &options).unwrap()
}

/// A customer on the line since second `started`, without priority, for the group `G`.
pub(super) fn waiting(callback: &str, started: i64) -> Waiting {
    Waiting {
        callback: id(callback),
        need: Need::Agent,
        queue: String::from("VQ"),
        target: Target::parse("G@S.GA").unwrap(),
        priority: 0,
        increment: 0,
        interval_s: 0,
        started: at(started),
        since: at(started),
    }
}

/// A router with these agents of group `G`; the n-th is ready and registered since second n.
fn router(names: &[&str]) -> Router {
    let mut router = Router::new();
    router.set_agents(
        names.iter().map(|name| agent(name, "G", "")).collect(),
        at(0),
    );
    for (second, name) in (1..).zip(names) {
        router.set_registered(&format!("x-{name}"), true, at(second));
        set_ready(&mut router, name, at(second));
    }
    router
}

fn set_ready(router: &mut Router, name: &str, now: Timestamp) {
    router.set_ready(&AgentId::new(name), Ok(()), now).unwrap();
}

fn set_not_ready(router: &mut Router, name: &str, now: Timestamp) {
    router
        .set_ready(&AgentId::new(name), Err(String::from("break")), now)
        .unwrap();
}

fn release(router: &mut Router, name: &str, callback: &str, released: Released, now: i64) {
    router.release(&AgentId::new(name), &id(callback), released, at(now));
}

/// Decisions as words: `c1>kim` = the agent kim for c1, `c1!` = call the customer of c1.
fn assign(router: &mut Router, now: i64) -> String {
    let decisions = router.assign(at(now));
    assert_eq!(router.assign(at(now)), [], "nothing is decided twice");
    let words: Vec<String> = decisions
        .iter()
        .map(|decision| match decision {
            Decision::Contact { callback } => format!("{callback}!"),
            Decision::Agent { callback, found } => format!("{callback}>{}", found.agent),
        })
        .collect();
    words.join(" ")
}

/// An agent as words: state, reason or callback, second since when.
fn state(router: &Router, name: &str) -> String {
    let view = router
        .agents()
        .into_iter()
        .find(|a| a.id.as_str() == name)
        .unwrap();
    let detail = view
        .callback
        .map(|c| c.to_string())
        .or(view.reason)
        .unwrap_or_default();
    format!("{} {detail} {}", view.state, view.since.as_seconds()).replace("  ", " ")
}

#[test]
fn the_first_started_gets_the_longest_idle_agent() {
    let mut router = router(&["kim", "lee", "max"]);
    for (callback, started) in [("c3", 3), ("c1", 1), ("c2", 2), ("c4", 4)] {
        router.enqueue(waiting(callback, started), at(5));
    }
    assert_eq!(assign(&mut router, 10), "c1>kim c2>lee c3>max");
    release(&mut router, "lee", "c2", Released::Done, 20);
    release(&mut router, "kim", "c1", Released::Done, 21);
    assert_eq!(assign(&mut router, 22), "c4>lee");
}

#[test]
fn with_equal_start_the_id_decides() {
    let mut router = router(&["kim", "lee"]);
    for callback in ["c9", "c2", "c5"] {
        router.enqueue(waiting(callback, 1), at(1));
    }
    assert_eq!(assign(&mut router, 2), "c2>kim c5>lee");
}

#[test]
fn what_was_found_is_published_in_full() {
    let mut router = router(&["kim"]);
    router.enqueue(waiting("c1", 1), at(1));
    let decisions = router.assign(at(2));
    let [Decision::Agent { found, .. }] = decisions.as_slice() else {
        panic!("one agent")
    };
    assert_eq!(
        (
            found.agent.as_str(),
            found.dn.as_str(),
            found.id.as_str(),
            found.place.as_str()
        ),
        ("kim", "x-kim", "G", "Desk_kim")
    );
    assert_eq!(
        (
            found.switch.as_str(),
            found.kind.as_str(),
            found.vq.as_str()
        ),
        ("North", "GA", "VQ")
    );
}

#[test]
fn priority_beats_waiting_and_grows_with_it() {
    let aged = |callback, started, priority, increment| Waiting {
        priority,
        increment,
        interval_s: 10,
        ..waiting(callback, started)
    };
    let order = |now: i64| {
        let mut router = router(&["kim", "lee", "max"]);
        router.enqueue(aged("high", 50, 10, 0), at(50));
        router.enqueue(aged("growing", 0, 0, 2), at(50));
        router.enqueue(aged("low", 0, 5, 0), at(50));
        assign(&mut router, now)
    };
    // At 59 s `growing` has 5 steps of 2 = 10 and the earlier start, at 49 s only 8.
    assert_eq!(order(59), "growing>kim high>lee low>max");
    assert_eq!(order(49), "high>kim growing>lee low>max");
    assert_eq!(order(20), "high>kim low>lee growing>max");
}

#[test]
fn an_agent_of_two_queues_takes_the_first_of_both() {
    let mut router = Router::new();
    router.set_agents(vec![agent("kim", "A,B", ""), agent("lee", "B", "")], at(0));
    let of = |callback, started, group: &str| Waiting {
        queue: format!("VQ_{group}"),
        target: Target::parse(&format!("{group}@S.GA")).unwrap(),
        ..waiting(callback, started)
    };
    router.enqueue(of("a2", 2, "A"), at(9));
    router.enqueue(of("b1", 1, "B"), at(9));
    router.enqueue(of("b3", 3, "B"), at(9));
    router.set_registered("x-kim", true, at(10));
    set_ready(&mut router, "kim", at(10));
    assert_eq!(assign(&mut router, 10), "b1>kim");
    release(&mut router, "kim", "b1", Released::Done, 11);
    assert_eq!(assign(&mut router, 11), "a2>kim");
    assert_eq!(router.position(&id("b3"), at(11)), Some((1, 1)));
    assert_eq!(router.position(&id("a2"), at(11)), None);
    assert_eq!(router.queue_depths().get("VQ_B"), Some(&1));
    assert_eq!(router.queue_depths().get("VQ_A"), None);
}

#[test]
fn positions_follow_the_order_of_service() {
    let mut router = router(&[]);
    for (callback, started, priority) in [("c1", 1, 0), ("c2", 2, 7), ("c3", 3, 0)] {
        router.enqueue(
            Waiting {
                priority,
                ..waiting(callback, started)
            },
            at(4),
        );
    }
    for (callback, place) in [("c2", 1), ("c1", 2), ("c3", 3)] {
        assert_eq!(
            router.position(&id(callback), at(5)),
            Some((place, 3)),
            "{callback}"
        );
    }
    router.leave(&id("c1"));
    assert_eq!(router.position(&id("c3"), at(5)), Some((2, 2)));
    assert_eq!(router.position(&id("c1"), at(5)), None);
}

#[test]
fn neither_not_ready_nor_unregistered_agents_are_chosen() {
    let mut router = router(&["kim", "lee"]);
    set_not_ready(&mut router, "kim", at(5));
    router.set_registered("x-lee", false, at(5));
    router.enqueue(waiting("c1", 1), at(6));
    assert_eq!(assign(&mut router, 7), "");
    router.set_registered("x-lee", true, at(8));
    assert_eq!(assign(&mut router, 8), "c1>lee");
}

#[test]
fn to_say_ready_again_keeps_the_rank() {
    let mut router = router(&["kim", "lee"]);
    set_ready(&mut router, "kim", at(50));
    router.set_registered("x-kim", true, at(51));
    assert_eq!(state(&router, "kim"), "ready 1");
    router.enqueue(waiting("c1", 1), at(52));
    assert_eq!(assign(&mut router, 52), "c1>kim");
}

#[test]
fn the_states_of_a_call_follow_each_other() {
    let mut router = router(&["kim"]);
    let kim = AgentId::new("kim");
    router.enqueue(waiting("c1", 1), at(2));
    assert_eq!(assign(&mut router, 3), "c1>kim");
    assert_eq!(state(&router, "kim"), "reserved c1 3");
    router.ringing(&kim, &id("c2"), at(4));
    assert_eq!(state(&router, "kim"), "reserved c1 3");
    router.ringing(&kim, &id("c1"), at(4));
    assert_eq!(state(&router, "kim"), "ringing c1 4");
    router.talking(&kim, &id("c1"), at(6));
    assert_eq!(state(&router, "kim"), "talking c1 6");
    release(&mut router, "kim", "c2", Released::NoAnswer, 7);
    assert_eq!(state(&router, "kim"), "talking c1 6");
    release(&mut router, "kim", "c1", Released::Done, 9);
    assert_eq!(state(&router, "kim"), "ready 9");
    router.talking(&kim, &id("c1"), at(10));
    assert_eq!(state(&router, "kim"), "ready 9");
}

#[test]
fn who_does_not_answer_is_not_ready_and_the_callback_goes_on() {
    for (released, reason) in [
        (Released::NoAnswer, "no_answer"),
        (Released::Rejected, "rejected"),
    ] {
        let mut router = router(&["kim", "lee"]);
        router.enqueue(waiting("c1", 1), at(2));
        assert_eq!(assign(&mut router, 3), "c1>kim");
        release(&mut router, "kim", "c1", released, 33);
        router.enqueue(waiting("c1", 1), at(33));
        assert_eq!(assign(&mut router, 33), "c1>lee");
        assert_eq!(state(&router, "kim"), format!("not_ready {reason} 33"));
    }
}

#[test]
fn an_unreachable_phone_is_left_alone_for_a_while() {
    let mut router = router(&["kim"]);
    router.enqueue(waiting("c1", 1), at(2));
    assert_eq!(assign(&mut router, 3), "c1>kim");
    release(&mut router, "kim", "c1", Released::Unreachable, 4);
    router.enqueue(waiting("c1", 1), at(4));
    assert_eq!(assign(&mut router, 4), "");
    let view = router.agents();
    assert!(view.iter().all(|a| !a.registered && a.state == "ready"));
    assert_eq!(router.next_deadline(at(4)), Some(at(34)));
    assert_eq!(assign(&mut router, 33), "");
    assert_eq!(assign(&mut router, 34), "c1>kim");
    release(&mut router, "kim", "c1", Released::Unreachable, 35);
    router.enqueue(waiting("c1", 1), at(35));
    router.set_registered("x-kim", true, at(36));
    assert_eq!(assign(&mut router, 36), "c1>kim");
    assert_eq!(router.next_deadline(at(36)), None);
}

#[test]
fn not_ready_while_talking_takes_effect_afterwards() {
    let mut router = router(&["kim"]);
    router.enqueue(waiting("c1", 1), at(2));
    assert_eq!(assign(&mut router, 3), "c1>kim");
    router.talking(&AgentId::new("kim"), &id("c1"), at(4));
    set_not_ready(&mut router, "kim", at(5));
    assert_eq!(state(&router, "kim"), "talking c1 4");
    release(&mut router, "kim", "c1", Released::Done, 6);
    assert_eq!(state(&router, "kim"), "not_ready break 6");
    set_ready(&mut router, "kim", at(7));
    router.enqueue(waiting("c2", 1), at(8));
    assert_eq!(assign(&mut router, 8), "c2>kim");
    set_not_ready(&mut router, "kim", at(9));
    set_ready(&mut router, "kim", at(10));
    release(&mut router, "kim", "c2", Released::Done, 11);
    assert_eq!(state(&router, "kim"), "ready 11");
}

#[test]
fn leaving_frees_a_reserved_agent_but_not_a_ringing_one() {
    let mut router = router(&["kim", "lee"]);
    router.enqueue(waiting("c1", 1), at(5));
    assert_eq!(assign(&mut router, 5), "c1>kim");
    router.leave(&id("c1"));
    assert_eq!(state(&router, "kim"), "ready 1");
    router.enqueue(waiting("c2", 1), at(6));
    assert_eq!(assign(&mut router, 6), "c2>kim", "kim kept the rank");
    router.ringing(&AgentId::new("kim"), &id("c2"), at(7));
    router.leave(&id("c2"));
    assert_eq!(state(&router, "kim"), "ringing c2 7");
    release(&mut router, "kim", "c2", Released::Done, 8);
    assert_eq!(state(&router, "kim"), "ready 8");
}

#[test]
fn a_wish_during_a_reservation_that_comes_to_nothing_holds() {
    let mut router = router(&["kim"]);
    router.enqueue(waiting("c1", 1), at(5));
    assert_eq!(assign(&mut router, 5), "c1>kim");
    set_not_ready(&mut router, "kim", at(6));
    router.leave(&id("c1"));
    assert_eq!(state(&router, "kim"), "not_ready break 6");
}

fn contact(callback: &str, started: i64) -> Waiting {
    Waiting {
        need: Need::Contact,
        ..waiting(callback, started)
    }
}

#[test]
fn only_as_many_customers_are_called_as_agents_are_free() {
    let mut router = router(&["kim", "lee"]);
    for callback in ["c1", "c2", "c3"] {
        router.enqueue(contact(callback, 1), at(5));
    }
    assert_eq!(assign(&mut router, 5), "c1! c2!");
    router.leave(&id("c1"));
    assert_eq!(assign(&mut router, 6), "c3!");
    // Called in vain, in the queue again: it is decided anew.
    router.leave(&id("c2"));
    router.enqueue(contact("c2", 1), at(7));
    assert_eq!(assign(&mut router, 7), "c2!");
}

#[test]
fn a_reached_customer_gets_the_agent_that_was_kept() {
    let mut router = router(&["kim", "lee"]);
    router.enqueue(contact("c1", 1), at(5));
    assert_eq!(assign(&mut router, 5), "c1!");
    router.enqueue(waiting("c0", 0), at(6));
    assert_eq!(assign(&mut router, 6), "c0>lee", "kim is kept for c1");
    router.enqueue(waiting("c1", 1), at(7));
    assert_eq!(assign(&mut router, 7), "c1>kim");
    assert_eq!(router.next_deadline(at(7)), None);
}

#[test]
fn a_customer_on_the_line_may_take_a_kept_agent() {
    let mut router = router(&["kim"]);
    router.enqueue(contact("c1", 1), at(5));
    assert_eq!(assign(&mut router, 5), "c1!");
    router.enqueue(waiting("c2", 2), at(6));
    assert_eq!(assign(&mut router, 6), "c2>kim");
    router.enqueue(contact("c3", 0), at(7));
    // The next free agent is kept for c1, whose customer is being called already.
    release(&mut router, "kim", "c2", Released::Done, 8);
    assert_eq!(assign(&mut router, 8), "");
    router.enqueue(waiting("c1", 1), at(9));
    assert_eq!(assign(&mut router, 9), "c1>kim");
}

#[test]
fn customers_on_the_line_come_before_those_to_be_called() {
    let mut router = router(&["kim"]);
    router.enqueue(
        Waiting {
            priority: 99,
            ..contact("c1", 1)
        },
        at(5),
    );
    router.enqueue(waiting("c2", 2), at(5));
    assert_eq!(assign(&mut router, 5), "c2>kim");
}

#[test]
fn a_kept_agent_is_free_again_after_a_minute() {
    let mut router = router(&["kim"]);
    router.enqueue(contact("c1", 1), at(5));
    router.enqueue(contact("c2", 2), at(5));
    assert_eq!(assign(&mut router, 5), "c1!");
    assert_eq!(router.next_deadline(at(5)), Some(at(65)));
    assert_eq!(assign(&mut router, 64), "");
    assert_eq!(assign(&mut router, 65), "c2!");
}

#[test]
fn contacts_at_once_need_no_agent() {
    let mut router = router(&[]);
    for (callback, started) in [("c2", 2), ("c1", 1)] {
        router.enqueue(
            Waiting {
                need: Need::ContactNow,
                ..waiting(callback, started)
            },
            at(3),
        );
    }
    assert_eq!(assign(&mut router, 3), "c1! c2!");
    assert_eq!(router.position(&id("c2"), at(3)), Some((2, 2)));
}

#[test]
fn elements_of_a_list_join_and_replace_in_time() {
    let mut router = Router::new();
    router.set_agents(
        vec![
            agent("kim", "A", ""),
            agent("lee", "", "German=5"),
            agent("max", "C", ""),
        ],
        at(0),
    );
    for name in ["kim", "lee", "max"] {
        router.set_registered(&format!("x-{name}"), true, at(0));
    }
    let target = Target::parse(
        r#"[{"target":"A@S.GA","timeout":10},{"target":"?:German>4@S.GA","timeout":10},
            {"target":"C@S.GP","clear":true}]"#,
    )
    .unwrap();
    for callback in ["c1", "c2", "c3", "c4"] {
        router.enqueue(
            Waiting {
                target: target.clone(),
                ..waiting(callback, 0)
            },
            at(0),
        );
    }
    set_ready(&mut router, "lee", at(0));
    assert_eq!(assign(&mut router, 9), "");
    assert_eq!(router.next_deadline(at(9)), Some(at(10)));
    set_ready(&mut router, "kim", at(9));
    assert_eq!(assign(&mut router, 9), "c1>kim");
    let decisions = router.assign(at(10));
    let [Decision::Agent { callback, found }] = decisions.as_slice() else {
        panic!("one agent")
    };
    assert_eq!(
        (callback.as_str(), found.id.as_str(), found.kind.as_str()),
        ("c2", "?:German>4", "GA")
    );
    release(&mut router, "lee", "c2", Released::Done, 20);
    set_ready(&mut router, "max", at(20));
    assert_eq!(assign(&mut router, 20), "c3>max");
    assert_eq!(router.next_deadline(at(20)), None);
}

#[test]
fn unknown_targets_are_named() {
    let router = router(&["kim"]);
    let check = |text: &str| router.known_target(&Target::parse(text).unwrap());
    for known in [
        "G@S.GA",
        "G@S.GP",
        "G@S.GC",
        "kim@S.A",
        "Desk_kim@S.AP",
        "?:a>1@S.GA",
    ] {
        assert_eq!(check(known), Ok(()), "{known}");
    }
    for (unknown, part) in [
        ("H@S.GA", "group `H`"),
        ("g@S.GA", "group `g`"),
        ("lee@S.A", "agent `lee`"),
        ("Desk@S.AP", "place `Desk`"),
        (r#"["G@S.GA","H@S.GP"]"#, "group `H`"),
        ("", "`_target` is not set"),
    ] {
        let error = check(unknown).unwrap_err();
        assert!(error.contains(part), "{unknown}: {error}");
    }
}

#[test]
fn agents_are_added_changed_and_removed_while_callbacks_wait() {
    let mut router = router(&["kim", "lee"]);
    let target = Target::parse("H@S.GA").unwrap();
    router.enqueue(
        Waiting {
            target,
            ..contact("c1", 1)
        },
        at(5),
    );
    router.enqueue(contact("c2", 2), at(5));
    assert_eq!(assign(&mut router, 5), "c2!");
    // kim is kept for c2 and moves to H; lee goes; max registers before being configured.
    router.set_registered("x-max", true, at(6));
    router.set_agents(vec![agent("kim", "H", ""), agent("max", "G", "")], at(6));
    assert_eq!(assign(&mut router, 6), "c1!");
    assert_eq!(state(&router, "max"), "not_ready new 6");
    set_ready(&mut router, "max", at(7));
    router.enqueue(waiting("c2", 2), at(7));
    assert_eq!(assign(&mut router, 7), "c2>max");
    router.set_agents(vec![], at(8));
    assert_eq!(router.agents(), []);
    release(&mut router, "max", "c2", Released::Done, 9);
    let unknown = router
        .set_ready(&AgentId::new("kim"), Ok(()), at(9))
        .unwrap_err();
    assert_eq!(unknown.to_string(), "agent kim is unknown");
}

#[test]
fn a_new_extension_has_to_register_first() {
    let mut router = router(&["kim"]);
    let moved = AgentConfig {
        extension: String::from("9"),
        ..agent("kim", "G", "")
    };
    router.set_agents(vec![moved], at(5));
    router.enqueue(waiting("c1", 1), at(5));
    assert_eq!(assign(&mut router, 5), "");
    router.set_registered("9", true, at(6));
    assert_eq!(assign(&mut router, 6), "c1>kim");
}
