//! The walk of a callback whose customer is not, or not for long, on the line.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, Note, PATIENCE, Ports, Receiver, Sipp, unix_seconds, until};

use crate::common::{agents, check, keys, server, service, site, story};

const START: [&str; 2] = ["service_create", "virtual_ixn_create"];

fn walk(rest: &[&'static str]) -> Vec<&'static str> {
    START.iter().chain(rest).copied().collect()
}

#[tokio::test]
async fn busy_is_retried_up_to_the_limit() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_busy")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let server = site(customer.port, &receiver, &[]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let dials = [
        "dial_init",
        "dial_done(6,1)",
        "dial_init",
        "dial_done(6,2)",
        "service_exit",
    ];
    check(&notes, &walk(&dials), "FAIL_CALL_TO_CUSTOMER");
    assert_eq!(customer.calls().len(), 2);
    let invite = &customer.received("INVITE")[0];
    assert!(
        invite.start_line().starts_with("INVITE sip:5115@127.0.0.1"),
        "{invite:?}"
    );
    let record = server.api.record(&id).await;
    assert_eq!(record["_callback_state"], "COMPLETED");
    assert_eq!(record["_callback_reason"], "FAIL_CALL_TO_CUSTOMER");
    let log = server.api.events(&id).await;
    let numbers: Vec<u64> = log
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert_eq!(numbers, (1..).take(log.len()).collect::<Vec<u64>>());
}

#[tokio::test]
async fn bodies_of_the_default_set_have_their_keys_in_order() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;
    let before = unix_seconds();

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    check(
        &notes,
        &walk(&["dial_init", "dial_done(6,1)", "service_exit"]),
        "FAIL_CALL_TO_CUSTOMER",
    );
    for note in &notes {
        base(note, &id, before);
    }
    let rest = |at: usize| {
        let body: &Value = &notes[at].body;
        let mut body = body.as_object().unwrap().clone();
        for key in ["event_id", "timestamp", "_service_id", "_callback_state"] {
            body.shift_remove(key);
        }
        Value::Object(body).to_string()
    };
    let number = r#""_service_name":"desk","_customer_number":"5115""#;
    assert_eq!(
        rest(0),
        format!(r#"{{{number},"_urs_virtual_queue":"VQ_Billing"}}"#)
    );
    assert_eq!(rest(1), r#"{"_service_name":"desk"}"#);
    assert_eq!(rest(2), format!(r#"{{{number},"c_dialed_number":"5115"}}"#));
    let result = r#""c_call_result":6,"c_call_num_attempt":1"#;
    assert_eq!(
        rest(3),
        format!(r#"{{{number},"c_dialed_number":"5115",{result}}}"#)
    );
    let end = r#""c_termination_type":"COMPLETED.FAIL_CALL_TO_CUSTOMER""#;
    assert_eq!(
        rest(4),
        format!(r#"{{"_service_name":"desk","c_dialed_number":"5115",{end}}}"#)
    );
    let states: Vec<&str> = notes
        .iter()
        .map(|note| note.get("_callback_state"))
        .collect();
    assert_eq!(
        states,
        ["QUEUED", "QUEUED", "QUEUED", "QUEUED", "COMPLETED"]
    );
}

fn base(note: &Note, id: &str, before: u64) {
    let first: Vec<&str> = keys(&note.body).into_iter().take(4).collect();
    assert_eq!(
        first,
        ["event_id", "timestamp", "_service_id", "_callback_state"]
    );
    assert!(note.get("event_id").starts_with("_cbe_on_"), "{note:?}");
    let seconds: u64 = note
        .get("timestamp")
        .parse()
        .expect("a text of whole seconds");
    assert!((before..=unix_seconds()).contains(&seconds), "{note:?}");
    assert_eq!(note.get("_service_id"), id);
    assert_eq!(note.request, "POST /in");
    assert_eq!(
        note.header("content-type"),
        "application/json; charset=utf-8"
    );
    let millis: u64 = note.header("ringback-time").parse().expect("milliseconds");
    assert_eq!(millis / 1000, seconds);
}

#[tokio::test]
async fn no_answer_is_cancelled_after_the_ring_time() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_noanswer")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let server = site(customer.port, &receiver, &["_max_dial_attempts = 1"]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    check(
        &notes,
        &walk(&["dial_init", "dial_done(7,1)", "service_exit"]),
        "FAIL_CALL_TO_CUSTOMER",
    );
    assert!(!customer.received("CANCEL").is_empty());
    let rang = notes[3].at - notes[2].at;
    assert!(rang >= Duration::from_millis(1500), "rang {rang:?} only");
}

#[tokio::test]
async fn declined_is_call_state_5() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_decline")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 1", "_ixn_createcall_timeout = 10"];
    let server = site(customer.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    check(
        &notes,
        &walk(&["dial_init", "dial_done(5,1)", "service_exit"]),
        "FAIL_CALL_TO_CUSTOMER",
    );
}

#[tokio::test]
async fn customer_who_leaves_the_queue_ends_the_callback() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let scenario = Sipp::scenario("agent_auto").unwrap();
    // A customer who talks for a second and a half and hangs up.
    let scenario = scenario.replace(r#"timeout="20000""#, r#"timeout="1500""#);
    let customer = scenario.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let extra = [
        "_ixn_createcall_timeout = 10",
        "_treatment_customer_connect = greeting.wav",
    ];
    let server = site(customer.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let rest = [
        "dial_init",
        "dial_done(0,1)",
        "connect_treatment_start",
        "customer_queued",
    ];
    let mut rest = walk(&rest);
    rest.push("service_exit");
    check(&notes, &rest, "FAIL_INTERACTION_DELETED");
    assert_eq!(notes[4].get("_callback_state"), "QUEUED");
    assert_eq!(notes[5].get("_callback_state"), "ROUTING");
    assert_eq!(notes[5].get("_vq_for_outbound_calls"), "VQ_Billing");
    assert_eq!(customer.calls().len(), 1);
}

#[tokio::test]
async fn customer_reached_at_the_second_attempt_hears_the_queue() {
    let mut dials = 0;
    let line = Line::start(move |_, _| {
        dials += 1;
        match dials {
            1 => Behaviour::Refuse(Duration::from_millis(100), 486),
            _ => Behaviour::AnswerAndLeave(Duration::from_millis(100), Duration::from_secs(2)),
        }
    })
    .await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &[]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let rest = [
        "dial_init",
        "dial_done(6,1)",
        "dial_init",
        "dial_done(0,2)",
        "customer_queued",
    ];
    let mut rest = walk(&rest);
    rest.push("service_exit");
    check(&notes, &rest, "FAIL_INTERACTION_DELETED");
    // 2 s of music are 100 packets of 20 ms.
    assert!(
        line.audio_packets() > 60,
        "only {} packets of music",
        line.audio_packets()
    );
}

#[tokio::test]
async fn cancelled_in_the_queue_nobody_is_dialed() {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_wait_for_agent = true"]).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "virtual_ixn_create", PATIENCE).await;
    let answer = server.api.cancel("desk", &id).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let notes = receiver.whole(&id, PATIENCE).await;

    check(&notes, &walk(&["service_exit"]), "CANCELLED");
    assert_eq!(
        server.api.record(&id).await["_callback_reason"],
        "CANCELLED"
    );
    assert!(line.calls().is_empty());
    let again = server.api.cancel("desk", &id).await;
    assert_eq!(
        (again.status, &again.body["phrase"]),
        (400, &json!("ALREADY_COMPLETED"))
    );
}

#[tokio::test]
async fn cancelled_while_ringing_the_phone_stops() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_noanswer")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let server = site(customer.port, &receiver, &["_ixn_createcall_timeout = 60"]).await;

    let id = server.api.call_back("desk", "5115").await;
    until("the phone rings", PATIENCE, async || {
        let messages = customer.messages();
        messages
            .iter()
            .any(|m| m.start_line().contains(" 180 "))
            .then_some(())
    })
    .await;
    assert_eq!(server.api.cancel("desk", &id).await.status, 200);
    let notes = receiver.whole(&id, PATIENCE).await;

    check(
        &notes,
        &walk(&["dial_init", "dial_done(26,1)", "service_exit"]),
        "CANCELLED",
    );
    customer.wait_for("CANCEL", PATIENCE).await;
    assert_eq!(customer.calls().len(), 1);
}

#[tokio::test]
async fn greeted_customer_waits_in_vain_and_is_told_so() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let extra = [
        "_treatment_customer_connect = greeting.wav",
        "_max_time_to_wait_for_agent_on_the_call = 2",
    ];
    let server = site(line.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let rest = [
        "dial_init",
        "dial_done(0,1)",
        "connect_treatment_start",
        "customer_queued",
    ];
    let mut rest = walk(&rest);
    rest.push("service_exit");
    check(&notes, &rest, "FAIL_TARGET_NOT_FOUND");
    until("the call is released", PATIENCE, async || {
        line.calls()
            .iter()
            .all(|call| call.over.is_some())
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn records_are_found_by_id_and_by_number() {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_wait_for_agent = true"]).await;
    let api = &server.api;

    let body = json!({"_customer_number": "5115", "topic": "invoice"});
    let created = api.create("desk", &body).await;
    assert_eq!(created.status, 200, "{created:?}");
    assert_eq!(created.content_type, "application/json;charset=utf-8");
    let id = created.body["_id"].as_str().expect("an id").to_owned();
    let other = api.call_back("desk", "5116").await;

    let record = api.record(&id).await;
    assert_eq!(record["_id"], json!(id));
    assert_eq!(record["_service_name"], "desk");
    assert_eq!(record["_callback_state"], "QUEUED");
    assert_eq!(record["_customer_number"], "5115");
    let own = format!("{}/genesys/1/service/callback/desk/{id}", server.url());
    assert_eq!(
        (&record["_url"], &record["url"]),
        (&json!(own), &json!(own))
    );
    for key in ["_desired_time", "_expiration_time"] {
        let time = record[key].as_str().expect("a time");
        assert!(time.len() == 24 && time.ends_with('Z'), "{key} is {time}");
    }
    let ids = async |query: &str| {
        let answer = api
            .get(&format!("/genesys/1/service/callback/desk?{query}"))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let found = answer.body.as_array().expect("an array").clone();
        found
            .iter()
            .map(|r| r["_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids("operand=AND&_customer_number=51-15").await,
        std::slice::from_ref(&id)
    );
    assert_eq!(
        ids("operand=AND&_customer_number=5117").await,
        Vec::<String>::new()
    );
    assert_eq!(
        ids("operand=AND&_customer_number=5115&_callback_state=COMPLETED")
            .await
            .len(),
        0
    );
    let mut both = ids("operand=OR&_customer_number=5115&_customer_number=5116").await;
    both.sort();
    let mut wanted = vec![id, other];
    wanted.sort();
    assert_eq!(both, wanted);
    let answer = api
        .get("/genesys/1/service/callback/desk?shoe_size=44")
        .await;
    assert_eq!(
        (answer.status, &answer.body["phrase"]),
        (400, &json!("BAD_PARAMETER"))
    );
}

#[tokio::test]
async fn a_scheduled_callback_is_moved_and_then_dialed() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = server(line.port).start().await;
    let api = &server.api;
    api.import_agents(&agents(&[("kim", "7001")])).await;
    let extra = [
        "_max_dial_attempts = 1",
        "_request_execution_time_buffer = 0",
        "_desired_connect_time_threshold = 0",
    ];
    api.import_services(&service("desk", &receiver, &extra))
        .await;

    let body = json!({"_customer_number": "5115", "_desired_time": iso(3600)});
    let created = api.create("desk", &body).await;
    assert_eq!(created.status, 200, "{created:?}");
    assert_eq!(created.body["_callback_state"], "SCHEDULED");
    let id = created.body["_id"].as_str().expect("an id").to_owned();
    assert!(receiver.of(&id).is_empty());
    let path = format!("/genesys/1/service/callback/desk/{id}");
    let moved = api.put(&path, &json!({"_new_desired_time": iso(2)})).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    let notes = receiver.whole(&id, PATIENCE).await;

    let expected = walk(&["dial_init", "dial_done(6,1)", "service_exit"]);
    assert_eq!(story(&notes), expected);
    assert_eq!(line.calls().len(), 1);
}

/// ISO time so many seconds from now (days since 1970 by the civil calendar).
fn iso(seconds: u64) -> String {
    let at = unix_seconds() + seconds;
    let (days, rest) = (at / 86_400, at % 86_400);
    // Algorithm of the proleptic Gregorian calendar with years that begin in March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year_of_era + era * 400 + carry;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}
