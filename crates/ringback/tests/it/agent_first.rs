//! Agent first with real phones: the agent is called, then the customer, then both talk.

use std::time::Duration;

use testkit::{Baresip, Behaviour, Line, PATIENCE, Phone, Ports, Receiver, Server, audio, until};

use crate::common::{agents, check, ended, phone, server, service, story};

/// Time from the request to the end of a short conversation.
const WHOLE: Duration = Duration::from_secs(40);

const START: [&str; 2] = ["service_create", "virtual_ixn_create"];
/// An agent is found and called.
const CALLED: [&str; 2] = ["target_found", "route_to_agent"];

fn walk(parts: &[&[&'static str]]) -> Vec<&'static str> {
    START.iter().chain(parts.concat().iter()).copied().collect()
}

/// A service `desk` that calls agents first, with the agents kim and lee.
async fn desk(trunk: u16, receiver: &Receiver, extra: &[&str]) -> Server {
    let server = server(trunk).start().await;
    server
        .api
        .import_agents(&agents(&[("kim", "7001"), ("lee", "7002")]))
        .await;
    let first = [
        "_userterminated_first_connect_party = AGENT",
        "_wait_for_agent = true",
        "_ixn_createcall_timeout = 10",
    ];
    let ini = service("desk", receiver, &[&first, extra].concat());
    let report = server.api.import_services(&ini).await;
    assert!(
        !report.to_string().contains("NOT_BUILT_YET"),
        "the option works: {report}"
    );
    server
}

/// A customer who rings for a second and hangs up after two seconds of talk.
const SHORT: Behaviour = Behaviour::AnswerAndLeave(Duration::from_secs(1), Duration::from_secs(2));

#[tokio::test]
async fn the_agent_hears_music_while_the_customer_rings_and_then_both_hear_each_other() {
    testkit::require!(testkit::baresip());
    let line = Line::start(|_, _| {
        Behaviour::AnswerAndLeave(Duration::from_secs(3), Duration::from_secs(3))
    })
    .await;
    let receiver = Receiver::start().await;
    let mut server = desk(line.port, &receiver, &[]).await;
    let kim = phone(&mut server, "kim", "7001", true).await;

    let id = server.api.call_back("desk", "5115").await;
    kim.wait_for_tone(440.0, 1500, PATIENCE).await;
    assert_eq!(server.api.record(&id).await["_callback_state"], "QUEUED");
    assert_eq!(server.api.agent("kim").await["state"], "talking");
    assert_eq!(line.audio_packets(), 0, "the customer's phone only rings");
    server.api.state(&id, "PROCESSING", PATIENCE).await;
    let refused = server.api.cancel("desk", &id).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let notes = receiver.whole(&id, WHOLE).await;

    let dial = ["dial_init", "dial_done(0,1)", "service_exit"];
    check(&notes, &walk(&[&CALLED, &dial]), "AGENT_CONNECTED");
    let states: Vec<&str> = notes
        .iter()
        .map(|note| note.get("_callback_state"))
        .collect();
    let queued = ["QUEUED"; 6].into_iter();
    assert_eq!(states, queued.chain(["COMPLETED"]).collect::<Vec<_>>());
    assert_eq!(notes[2].get("c_agent_id"), "kim");
    assert_eq!(notes[3].get("c_agent_extension"), "7001");
    assert!(
        line.audio_packets() > 80,
        "only {} packets from the agent",
        line.audio_packets()
    );
    server.api.agent_state("kim", "ready").await;
}

#[tokio::test]
async fn customer_and_the_agent_who_was_called_first_hear_each_other() {
    testkit::require!(testkit::baresip());
    let mut ports = Ports::block();
    let say = audio::tone(600.0, 90_000, 8000);
    let customer = Baresip::start(Phone::customer("8001", &say), &mut ports).await;
    let receiver = Receiver::start().await;
    let mut server = desk(customer.port, &receiver, &[]).await;
    let kim = phone(&mut server, "kim", "7001", true).await;

    let id = server.api.call_back("desk", "8001").await;
    server.api.state(&id, "PROCESSING", WHOLE).await;
    customer.wait_for_tone(1000.0, 2000, PATIENCE).await;
    kim.wait_for_tone(600.0, 2000, PATIENCE).await;
    kim.hang_up().await;

    let notes = receiver.whole(&id, PATIENCE).await;
    let dial = ["dial_init", "dial_done(0,1)", "service_exit"];
    check(&notes, &walk(&[&CALLED, &dial]), "AGENT_CONNECTED");
    let music = audio::tone_ms(&customer.heard(), 440.0);
    assert!(music < 200, "the customer heard {music} ms of music");
}

#[tokio::test]
async fn the_next_agent_is_called_before_the_customer_notices_anything() {
    testkit::require!(testkit::baresip());
    let line = Line::start(|_, _| SHORT).await;
    let receiver = Receiver::start().await;
    let extra = ["_agent_reserve_timeout = 2"];
    let mut server = desk(line.port, &receiver, &extra).await;
    // Kim is ready first, so she is idle longest.
    let _kim = phone(&mut server, "kim", "7001", false).await;
    let _lee = phone(&mut server, "lee", "7002", true).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "dial_init", WHOLE).await;
    assert_eq!(server.api.agent("kim").await["state"], "not_ready");
    let notes = receiver.whole(&id, WHOLE).await;

    let dial = ["dial_init", "dial_done(0,1)", "service_exit"];
    check(&notes, &walk(&[&CALLED, &CALLED, &dial]), "AGENT_CONNECTED");
    let called = notes.iter().filter(|note| note.event() == "route_to_agent");
    let called: Vec<&str> = called.map(|note| note.get("c_agent_id")).collect();
    assert_eq!(called, ["kim", "lee"]);
    assert_eq!(line.calls().len(), 1);
}

#[tokio::test]
async fn the_agent_is_free_while_a_busy_customer_waits_for_the_next_dial() {
    testkit::require!(testkit::baresip());
    let mut dials = 0;
    let line = Line::start(move |_, _| {
        dials += 1;
        match dials {
            1 => Behaviour::Refuse(Duration::from_millis(300), 486),
            _ => SHORT,
        }
    })
    .await;
    let receiver = Receiver::start().await;
    let extra = ["_dial_retry_timeout = 3"];
    let mut server = desk(line.port, &receiver, &extra).await;
    let _kim = phone(&mut server, "kim", "7001", true).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "dial_done", WHOLE).await;
    server.api.agent_state("kim", "ready").await;
    let notes = receiver.whole(&id, WHOLE).await;

    let one = ["dial_init", "dial_done(6,1)"];
    let two = ["dial_init", "dial_done(0,2)", "service_exit"];
    check(
        &notes,
        &walk(&[&CALLED, &one, &CALLED, &two]),
        "AGENT_CONNECTED",
    );
    assert_eq!(line.calls().len(), 2);
    server.api.agent_state("kim", "ready").await;
}

#[tokio::test]
async fn an_agent_who_leaves_while_the_customer_rings_cancels_that_call() {
    testkit::require!(testkit::baresip());
    let mut dials = 0;
    let line = Line::start(move |_, _| {
        dials += 1;
        match dials {
            1 => Behaviour::NoAnswer,
            _ => SHORT,
        }
    })
    .await;
    let receiver = Receiver::start().await;
    let mut server = desk(line.port, &receiver, &[]).await;
    let kim = phone(&mut server, "kim", "7001", true).await;

    let id = server.api.call_back("desk", "5115").await;
    until("the customer's phone rings", WHOLE, async || {
        (line.calls().len() == 1).then_some(())
    })
    .await;
    kim.hang_up().await;
    let notes = receiver.whole(&id, WHOLE).await;

    let one = ["dial_init", "dial_done(26,1)"];
    let two = ["dial_init", "dial_done(0,2)", "service_exit"];
    check(
        &notes,
        &walk(&[&CALLED, &one, &CALLED, &two]),
        "AGENT_CONNECTED",
    );
    let calls = line.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls.iter().filter(|call| call.cancelled).count(), 1);
}

#[tokio::test]
async fn a_cancel_while_the_customer_rings_ends_both_calls() {
    testkit::require!(testkit::baresip());
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let mut server = desk(line.port, &receiver, &[]).await;
    let _kim = phone(&mut server, "kim", "7001", true).await;

    let id = server.api.call_back("desk", "5115").await;
    until("the customer's phone rings", WHOLE, async || {
        (line.calls().len() == 1).then_some(())
    })
    .await;
    assert_eq!(server.api.cancel("desk", &id).await.status, 200);
    let notes = receiver.whole(&id, PATIENCE).await;

    let rest = [
        &CALLED[..],
        &["dial_init", "dial_done(26,1)", "service_exit"],
    ];
    check(&notes, &walk(&rest), "CANCELLED");
    until("the customer's phone is idle", PATIENCE, async || {
        line.calls()
            .iter()
            .all(|call| call.over.is_some() && call.cancelled)
            .then_some(())
    })
    .await;
    server.api.agent_state("kim", "ready").await;
    assert_eq!(story(&receiver.of(&id)).len(), notes.len());
}

#[tokio::test]
async fn after_a_crash_the_next_agent_is_called_and_then_the_customer() {
    testkit::require!(testkit::baresip());
    let mut dials = 0;
    let line = Line::start(move |_, _| {
        dials += 1;
        match dials {
            1 => Behaviour::Answer(Duration::ZERO),
            _ => Behaviour::AnswerAndLeave(Duration::ZERO, Duration::from_secs(8)),
        }
    })
    .await;
    let receiver = Receiver::start().await;
    let mut server = desk(line.port, &receiver, &["_cpd_enable = true"]).await;
    let kim = phone(&mut server, "kim", "7001", true).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "dial_init", WHOLE).await;
    // Nobody speaks, so the detector listens for a while.
    until("the customer has answered", WHOLE, async || {
        line.calls().iter().any(|call| call.answered).then_some(())
    })
    .await;
    server.kill_hard().await;
    drop(kim);
    server.restart().await;
    let _lee = phone(&mut server, "lee", "7002", true).await;
    let notes = receiver.whole(&id, WHOLE).await;

    assert_eq!(ended(&notes), "AGENT_CONNECTED", "{:?}", story(&notes));
    let called = notes.iter().filter(|note| note.event() == "route_to_agent");
    let called: Vec<&str> = called.map(|note| note.get("c_agent_id")).collect();
    assert_eq!(called, ["kim", "lee"]);
}
