//! Agents' phones: registration, routing, and two people who hear each other.

use std::time::Duration;

use serde_json::json;
use testkit::{Baresip, PATIENCE, Phone, Receiver, Server, Sipp, audio};

use crate::common::{agents, check, keys, server, service, story};

/// Time from the request to two people talking.
const TALKING: Duration = Duration::from_secs(40);

/// A phone of the agent that registers with the right password and is waited for.
async fn phone(server: &mut Server, id: &str, extension: &str, say: &[i16]) -> Baresip {
    let (registrar, password) = (server.sip(), format!("secret-{id}"));
    let phone = Phone {
        say,
        ..Phone::agent(extension, &registrar, &password)
    };
    let phone = Baresip::start(phone, &mut server.ports).await;
    server.api.registered(id).await;
    phone
}

/// A server whose trunk leads to the port, with the service `desk` and the agents kim and lee.
async fn desk(trunk: u16, receiver: &Receiver, extra: &[&str]) -> Server {
    let server = server(trunk).start().await;
    server
        .api
        .import_agents(&agents(&[("kim", "7001"), ("lee", "7002")]))
        .await;
    server
        .api
        .import_services(&service("desk", receiver, extra))
        .await;
    server
}

const RING: &str = "_ixn_createcall_timeout = 10";
const SUCCESS: [&str; 8] = [
    "service_create",
    "virtual_ixn_create",
    "dial_init",
    "dial_done(0,1)",
    "customer_queued",
    "target_found",
    "route_to_agent",
    "service_exit",
];

#[tokio::test]
async fn a_callback_reaches_an_agent_who_hangs_up() {
    testkit::require!(testkit::sipp(), testkit::baresip());
    let mut ports = testkit::Ports::block();
    let customer = Sipp::scenario("customer_human")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let mut server = desk(customer.port, &receiver, &[RING]).await;
    let say = audio::tone(1000.0, 60_000, 8000);
    let kim = phone(&mut server, "kim", "7001", &say).await;
    server.api.set_agent("kim", "ready").await;

    let id = server.api.call_back("desk", "5115").await;
    server.api.state(&id, "PROCESSING", TALKING).await;
    server.api.agent_state("kim", "talking").await;
    let refused = server.api.cancel("desk", &id).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let refused = server.api.delete("/api/v1/agents/kim").await;
    assert_eq!(refused.status, 409, "who talks stays: {refused:?}");
    kim.hang_up().await;
    let notes = receiver.whole(&id, PATIENCE).await;

    check(&notes, &SUCCESS, "AGENT_CONNECTED");
    let states: Vec<&str> = notes
        .iter()
        .map(|note| note.get("_callback_state"))
        .collect();
    let queued = ["QUEUED"; 4].into_iter();
    let expected: Vec<&str> = queued.chain(["ROUTING"; 3]).chain(["COMPLETED"]).collect();
    assert_eq!(states, expected);
    let found = &notes[5].body;
    let target = json!({
        "agent": "kim", "dn": "7001", "id": "Billing", "place": "Desk_7001", "resource": "7001",
        "return": "target", "stat_value": "0", "switch": "North", "type": "GA", "vq": "VQ_Billing",
    });
    assert_eq!(found["c_target"], target);
    let attributes = [
        "_service_name",
        "c_target",
        "c_agent_id",
        "c_agent_extension",
    ];
    assert_eq!(
        keys(found)[4..],
        [&attributes[..], &["_urs_virtual_queue"]].concat()
    );
    assert_eq!(notes[6].get("c_agent_id"), "kim");
    assert_eq!(notes[6].get("c_agent_extension"), "7001");
    customer.wait_for("BYE", PATIENCE).await;
}

#[tokio::test]
async fn a_customer_who_hangs_up_frees_the_agent() {
    testkit::require!(testkit::sipp(), testkit::baresip());
    let mut ports = testkit::Ports::block();
    let scenario = Sipp::scenario("agent_auto").unwrap();
    let scenario = scenario.replace(r#"timeout="20000""#, r#"timeout="4000""#);
    let customer = scenario.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let mut server = desk(customer.port, &receiver, &[RING]).await;
    let _kim = phone(&mut server, "kim", "7001", &audio::silence(60_000)).await;
    server.api.set_agent("kim", "ready").await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, TALKING).await;

    check(&notes, &SUCCESS, "AGENT_CONNECTED");
    server.api.agent_state("kim", "ready").await;
}

#[tokio::test]
async fn an_agent_who_does_not_answer_is_set_not_ready_and_the_next_one_gets_the_call() {
    testkit::require!(testkit::sipp(), testkit::baresip());
    let mut ports = testkit::Ports::block();
    let customer = Sipp::scenario("customer_human")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let mut server = desk(
        customer.port,
        &receiver,
        &[RING, "_agent_reserve_timeout = 2"],
    )
    .await;
    let registrar = server.sip();
    let silent = Phone {
        answers: false,
        ..Phone::agent("7001", &registrar, "secret-kim")
    };
    let _kim = Baresip::start(silent, &mut server.ports).await;
    server.api.registered("kim").await;
    let _lee = phone(&mut server, "lee", "7002", &audio::silence(60_000)).await;
    // Kim is ready first, so she is idle longest.
    server.api.set_agent("kim", "ready").await;
    server.api.set_agent("lee", "ready").await;

    let id = server.api.call_back("desk", "5115").await;
    server.api.state(&id, "PROCESSING", TALKING).await;

    let agents: Vec<String> = receiver
        .of(&id)
        .iter()
        .filter(|note| note.event() == "route_to_agent")
        .map(|note| note.get("c_agent_id").to_owned())
        .collect();
    assert_eq!(agents, ["kim", "lee"]);
    assert_eq!(server.api.agent("kim").await["state"], "not_ready");
    assert_eq!(server.api.agent("lee").await["state"], "talking");
    assert_eq!(customer.calls().len(), 1);
}

#[tokio::test]
async fn the_agent_who_is_idle_longest_is_chosen() {
    testkit::require!(testkit::sipp(), testkit::baresip());
    let mut ports = testkit::Ports::block();
    let scenario = Sipp::scenario("agent_auto").unwrap();
    let scenario = scenario.replace(r#"timeout="20000""#, r#"timeout="2500""#);
    let customer = scenario.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let mut server = desk(customer.port, &receiver, &[RING]).await;
    let _kim = phone(&mut server, "kim", "7001", &audio::silence(60_000)).await;
    let _lee = phone(&mut server, "lee", "7002", &audio::silence(60_000)).await;
    // Alphabet and extension would say kim; lee was ready earlier.
    server.api.set_agent("lee", "ready").await;
    server.api.set_agent("kim", "ready").await;

    let mut chosen = Vec::new();
    for number in ["5101", "5102", "5103"] {
        let id = server.api.call_back("desk", number).await;
        let notes = receiver.whole(&id, TALKING).await;
        check(&notes, &SUCCESS, "AGENT_CONNECTED");
        chosen.push(notes[6].get("c_agent_id").to_owned());
    }

    assert_eq!(chosen, ["lee", "kim", "lee"]);
}

#[tokio::test]
async fn a_wrong_password_does_not_register() {
    testkit::require!(testkit::baresip());
    let receiver = Receiver::start().await;
    let mut server = desk(9, &receiver, &[]).await;
    let (registrar, say) = (server.sip(), audio::silence(1000));
    let wrong = Phone {
        say: &say,
        ..Phone::agent("7001", &registrar, "secret-lee")
    };
    let phone = Baresip::start(wrong, &mut server.ports).await;
    let stranger = Phone {
        say: &say,
        ..Phone::agent("7999", &registrar, "secret-kim")
    };
    let other = Baresip::start(stranger, &mut server.ports).await;

    for phone in [&phone, &other] {
        testkit::until("the registration is refused", PATIENCE, async || {
            let output = phone.output();
            ["401", "403", "404"]
                .iter()
                .any(|status| output.contains(status))
                .then_some(())
        })
        .await;
    }

    assert_eq!(server.api.agent("kim").await["registered"], false);
    assert!(
        server.log().lines().all(|line| !line.contains("secret-")),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn music_is_heard_in_the_queue_and_then_both_hear_each_other() {
    testkit::require!(testkit::baresip());
    let mut ports = testkit::Ports::block();
    let say = audio::tone(600.0, 90_000, 8000);
    let customer = Baresip::start(Phone::customer("8001", &say), &mut ports).await;
    let receiver = Receiver::start().await;
    let mut server = desk(customer.port, &receiver, &[RING]).await;
    let say = audio::tone(1000.0, 90_000, 8000);
    let kim = phone(&mut server, "kim", "7001", &say).await;

    let id = server.api.call_back("desk", "8001").await;
    // Longer than the file of 4 s: the music goes on in a loop.
    customer.wait_for_tone(440.0, 5000, PATIENCE).await;
    assert_eq!(server.api.record(&id).await["_callback_state"], "ROUTING");
    server.api.set_agent("kim", "ready").await;
    server.api.state(&id, "PROCESSING", TALKING).await;
    customer.wait_for_tone(1000.0, 2000, PATIENCE).await;
    kim.wait_for_tone(600.0, 2000, PATIENCE).await;
    customer.hang_up().await;

    let notes = receiver.whole(&id, PATIENCE).await;
    assert_eq!(story(&notes), SUCCESS);
    assert_eq!(
        notes[7].get("c_termination_type"),
        "COMPLETED.AGENT_CONNECTED"
    );
    let music_at_the_agent = audio::tone_ms(&kim.heard(), 440.0);
    assert!(
        music_at_the_agent < 200,
        "the agent heard {music_at_the_agent} ms of music"
    );
}

#[tokio::test]
async fn an_agent_holds_the_customer_and_comes_back() {
    testkit::require!(testkit::baresip());
    let mut ports = testkit::Ports::block();
    let say = audio::tone(600.0, 90_000, 8000);
    let customer = Baresip::start(Phone::customer("8001", &say), &mut ports).await;
    let receiver = Receiver::start().await;
    let mut server = desk(customer.port, &receiver, &[RING]).await;
    let say = audio::tone(1000.0, 90_000, 8000);
    let kim = phone(&mut server, "kim", "7001", &say).await;
    server.api.set_agent("kim", "ready").await;

    let id = server.api.call_back("desk", "8001").await;
    server.api.state(&id, "PROCESSING", TALKING).await;
    customer.wait_for_tone(1000.0, 1000, PATIENCE).await;
    kim.hold().await;
    let heard = customer.heard();
    let before = audio::tone_ms(&heard, 1000.0);
    // The customer's line stays alive: 3 s of silence.
    testkit::until("silence while on hold", PATIENCE, async || {
        (customer.heard().len() >= heard.len() + 24_000).then_some(())
    })
    .await;
    let during = audio::tone_ms(&customer.heard(), 1000.0);
    assert!(
        during < before + 1_000,
        "{before} ms, then {during} ms on hold"
    );
    kim.resume().await;
    customer
        .wait_for_tone(1000.0, during + 1_500, PATIENCE)
        .await;
    kim.hang_up().await;

    let notes = receiver.whole(&id, PATIENCE).await;
    assert_eq!(story(&notes), SUCCESS);
}
