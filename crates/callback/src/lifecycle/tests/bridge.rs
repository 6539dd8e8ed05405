//! Transfers of a page that keeps its customer: vxml.md §5.2.

use super::*;
use crate::plugin::{PluginCall, PluginKind};

/// A page has the customer.
fn page() -> Walk {
    let mut s = settings();
    s.plugin = Some(plugin::plugin(PluginKind::VoiceXml));
    let mut walk = Walk::created(s);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Human, 0);
    walk.plugin(PluginEvent::Started);
    walk
}

fn call(walk: &mut Walk, aai: Option<&str>) {
    walk.plugin(PluginEvent::CallOut(Box::new(CallOut {
        destination: "5100".into(),
        kind: "bridge",
        ring_timeout_s: Some(7),
        aai: aai.map(ToOwned::to_owned),
    })));
}

fn hung_up(walk: &Walk) -> Vec<Option<u32>> {
    let leg = |effect: &Effect| match effect {
        Effect::HangUp { leg, .. } => Some(leg.agent),
        _ => None,
    };
    walk.effects.iter().filter_map(leg).collect()
}

fn plugin_time_left(walk: &Walk) -> Option<i64> {
    let due = walk.callback.timers.get(&TimerKind::PluginAnswer)?;
    Some(due.as_seconds() - walk.now.as_seconds())
}

#[test]
fn a_destination_is_called_as_the_service_and_the_page_say() {
    let mut walk = page();
    call(&mut walk, Some("order 4711"));
    let route = walk.effects.iter().find_map(|effect| match effect {
        Effect::RouteOut(route) => Some(route.clone()),
        _ => None,
    });
    let route = route.unwrap();
    assert_eq!((route.number.as_str(), route.ring_timeout_s), ("5100", 7));
    assert_eq!(route.leg, walk.callback.agent_leg());
    let aai = ("X-Genesys-AAI".to_owned(), "order 4711".to_owned());
    assert!(route.headers.contains(&aai), "{:?}", route.headers);
    call(&mut walk, None);
    assert!(walk.effects.is_empty(), "one destination at a time");
}

#[test]
fn the_time_of_the_page_stands_still_while_they_talk() {
    let mut walk = page();
    walk.now = walk.now.plus_seconds(30);
    call(&mut walk, None);
    walk.agent(LegEvent::Answered);
    assert!(walk.effects.is_empty(), "the page decides");
    walk.plugin(PluginEvent::Join);
    assert!(matches!(walk.effects[..], [Effect::Bridge { .. }]));
    assert_eq!(plugin_time_left(&walk), Some(14_400));
    walk.after(3_600, TimerKind::QueuedTtl);
    assert!(
        matches!(
            walk.callback.phase,
            Phase::Plugin {
                call: PluginCall::Plugins,
                ..
            }
        ),
        "a conversation goes on"
    );
    walk.agent(LegEvent::Ended {
        call_state: 0,
        detail: "hangup".into(),
    });
    assert_eq!(plugin_time_left(&walk), Some(60));
    assert_eq!(walk.callback.plugin.other, None);
    call(&mut walk, None);
    assert_eq!(walk.callback.agent_legs, 2, "and once more");
}

#[test]
fn nobody_stays_on_a_line_that_no_page_holds() {
    let other = Some(1);
    for talks in [false, true] {
        let begin = || {
            let mut walk = page();
            call(&mut walk, None);
            if talks {
                walk.agent(LegEvent::Answered);
                walk.plugin(PluginEvent::Join);
            }
            walk
        };
        let mut gone = begin();
        gone.ended(0);
        assert_eq!(hung_up(&gone), [other]);
        let mut late = begin();
        late.after(14_400, TimerKind::PluginAnswer);
        assert_eq!(hung_up(&late), [None, other]);
        let mut cancelled = begin();
        cancelled.input(Input::Cancel);
        assert_eq!(hung_up(&cancelled), [None, other]);
        let mut let_go = begin();
        let_go.plugin(PluginEvent::LetGo);
        assert_eq!(hung_up(&let_go), [other]);
        let mut over = begin();
        over.plugin(PluginEvent::Ended);
        assert_eq!(hung_up(&over), [other]);
    }
}

#[test]
fn a_customer_who_is_passed_on_leaves_the_callback() {
    let mut walk = page();
    call(&mut walk, None);
    walk.agent(LegEvent::Answered);
    walk.plugin(PluginEvent::PassOn);
    assert_eq!(walk.reason(), Some(Reason::TransferredToRp));
    assert!(hung_up(&walk).is_empty());
    let handed = |effect: &Effect| matches!(effect, Effect::HandOver { .. });
    assert!(walk.effects.iter().any(handed));
}

#[test]
fn a_page_whose_destination_left_keeps_its_time() {
    let mut walk = page();
    call(&mut walk, None);
    walk.agent(LegEvent::Answered);
    walk.agent(LegEvent::Ended {
        call_state: 0,
        detail: "hangup".into(),
    });
    walk.plugin(PluginEvent::PassOn);
    assert!(walk.callback.is_open());
    assert_eq!(plugin_time_left(&walk), Some(90));
}
