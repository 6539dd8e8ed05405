//! The rows of the decision table (play-treatments §2.3) that concern the plugin, each with a
//! real call.

use std::time::Duration;

use serde_json::json;
use testkit::{Behaviour, Line, PATIENCE, Ports, Reply, Sipp, audio};

use crate::common::{check, ended, logged, server, story};
use crate::plugin::{CANCEL, ROUTE_TO_AGENT, Site};

const DETECT: [&str; 2] = ["_cpd_enable = true", "_ixn_createcall_timeout = 15"];

/// `_call_state` of the first question and whether it came with a call.
async fn asked(site: &Site) -> (i64, bool) {
    let question = site.question(1).await;
    let state = question.body["_call_state"].as_i64().unwrap_or(-1);
    (state, question.body.get("_interaction_id").is_some())
}

#[tokio::test]
async fn row_1_a_human_is_asked_about_even_without_failures() {
    let line = crate::plugin::answering().await;
    let only_humans = "_plugin_on_dial_invoke_on_call_failed = false";
    let site = Site::start(line.port, &[only_humans]).await;
    site.plugin.answer(|_| Reply::Json(200, CANCEL));
    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.whole(&id, PATIENCE).await;
    assert_eq!(asked(&site).await, (0, true));
}

/// A customer whose voicemail answers.
async fn voicemail(ports: &mut Ports) -> Sipp {
    let customer = Sipp::scenario("customer_play").expect("looked for before");
    customer
        .copy_audio("voicemail.ulaw", "play.ulaw")
        .start(ports)
        .await
}

#[tokio::test]
async fn row_5_a_machine_that_is_kept_may_even_be_routed() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = voicemail(&mut ports).await;
    let site = Site::start(customer.port, &DETECT).await;
    site.plugin.answer(|_| Reply::Json(200, ROUTE_TO_AGENT));
    let id = site.server.api.call_back("desk", "5115").await;
    let within = Duration::from_secs(30);
    site.notes.wait_for(&id, "customer_queued", within).await;
    assert_eq!(asked(&site).await, (9, true));
    assert!(
        logged(&site.server, &id, "rb.machine_message")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn row_5_a_machine_that_is_dropped_comes_without_a_call() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = voicemail(&mut ports).await;
    let builder = server(customer.port).set("telephony", "am_detected = \"drop\"");
    let site = Site::with(builder, &DETECT).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let question = site.question(1).await;
    assert_eq!(asked(&site).await, (9, false));
    customer.wait_for("BYE", PATIENCE).await;
    let route = json!({"action": "route_to_agent", "message": "OK"});
    assert_eq!(site.reply(&question, &route).await, 409);
    let cancel = json!({"action": "cancel", "message": "OK"});
    assert_eq!(site.reply(&question, &cancel).await, 200);
    site.notes.whole(&id, PATIENCE).await;
}

#[tokio::test]
async fn row_8_nobody_answers_and_nothing_can_be_routed() {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let site = Site::start(line.port, &["_max_dial_attempts = 1"]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let question = site.question(1).await;
    assert_eq!(asked(&site).await, (7, false));
    let route = json!({"action": "route_to_agent", "message": "OK"});
    assert_eq!(site.reply(&question, &route).await, 409);
    let retry = json!({"action": "retry", "message": "OK"});
    assert_eq!(site.reply(&question, &retry).await, 200);
    let notes = site.notes.whole(&id, PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(7,1)",
        "service_exit",
    ];
    check(&notes, &expected, "CANCELLED");
}

#[tokio::test]
async fn row_10_busy_and_the_plugin_has_another_number() {
    let busy = Behaviour::Refuse(Duration::ZERO, 486);
    let line = Line::start(move |_, _| busy).await;
    let site = Site::start(line.port, &[]).await;
    let other = r#"{"action":"retry","message":"OK","delay":0,
        "customer_number":"555-2336","customer_number_prefix":"91"}"#;
    site.plugin.answer(move |note| {
        if note.body["_dial_attempt"] == 1 {
            Reply::Json(200, other)
        } else {
            Reply::Json(200, CANCEL)
        }
    });
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(asked(&site).await, (6, false));
    let numbers: Vec<String> = line.calls().into_iter().map(|call| call.number).collect();
    assert_eq!(numbers, ["5115", "915552336"]);
    let again = site.question(2).await;
    assert_eq!(again.get("_customer_number"), "5552336");
    let told = notes.iter().filter(|note| note.event() == "dial_init");
    let told: Vec<&str> = told.map(|note| note.get("c_dialed_number")).collect();
    assert_eq!(told, ["5115", "915552336"]);
    let record = site.server.api.record(&id).await;
    assert_eq!(record["_customer_number"], "5115");
}

#[tokio::test]
async fn rows_9_and_11_the_plugin_is_not_asked_about_failures_when_it_does_not_want_to_be() {
    let line = Line::start(|number, _| match number {
        "5116" => Behaviour::Refuse(Duration::ZERO, 486),
        _ => Behaviour::NoAnswer,
    })
    .await;
    let only_humans = [
        "_plugin_on_dial_invoke_on_call_failed = false",
        "_max_dial_attempts = 1",
    ];
    let site = Site::start(line.port, &only_humans).await;
    for (number, state) in [("5115", 7), ("5116", 6)] {
        let id = site.server.api.call_back("desk", number).await;
        let notes = site.notes.whole(&id, PATIENCE).await;
        let done = format!("dial_done({state},1)");
        let expected = [
            "service_create",
            "virtual_ixn_create",
            "dial_init",
            done.as_str(),
            "service_exit",
        ];
        check(&notes, &expected, "FAIL_CALL_TO_CUSTOMER");
    }
    assert!(site.plugin.notes().is_empty());
}

/// A customer whose fax answers.
async fn fax(ports: &mut Ports) -> Sipp {
    let ced = [audio::silence(200), audio::tone(2100.0, 3300, 8000)].concat();
    let customer = Sipp::scenario("customer_play").expect("looked for before");
    customer.audio("play.ulaw", &ced).start(ports).await
}

#[tokio::test]
async fn row_12_a_fax_is_asked_about_with_or_without_its_call() {
    testkit::require!(testkit::sipp());
    for kept in [false, true] {
        let mut ports = Ports::block();
        let customer = fax(&mut ports).await;
        let word = if kept { "connect" } else { "drop" };
        let builder = server(customer.port).set("telephony", &format!("fax_detected = \"{word}\""));
        let site = Site::with(builder, &DETECT).await;
        site.plugin.answer(|_| Reply::Json(200, CANCEL));
        let id = site.server.api.call_back("desk", "5115").await;
        let notes = site.notes.whole(&id, PATIENCE).await;
        assert_eq!(story(&notes)[3], "dial_done(17,1)");
        assert_eq!(asked(&site).await, (17, kept));
        customer.wait_for("BYE", PATIENCE).await;
    }
}

#[tokio::test]
async fn row_13_a_fax_the_plugin_does_not_want_ends_the_callback() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = fax(&mut ports).await;
    let only_humans = "_plugin_on_dial_invoke_on_call_failed = false";
    let site = Site::start(customer.port, &[&DETECT[..], &[only_humans]].concat()).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_FAX_REACHED");
    assert!(site.plugin.notes().is_empty());
}

#[tokio::test]
async fn row_14_silence_is_asked_about_with_or_without_its_call() {
    for kept in [true, false] {
        let line = crate::plugin::answering().await;
        let word = if kept { "connect" } else { "drop" };
        let setting = format!("silence_detected = \"{word}\"");
        let builder = server(line.port).set("telephony", &setting);
        let extra = [&DETECT[..], &["rb.cpd_silence_ms = 1000"]].concat();
        let site = Site::with(builder, &extra).await;
        site.plugin.answer(|_| Reply::Json(200, CANCEL));
        let id = site.server.api.call_back("desk", "5115").await;
        site.notes.whole(&id, PATIENCE).await;
        assert_eq!(asked(&site).await, (8, kept));
    }
}

#[tokio::test]
async fn rows_15_and_16_silence_without_the_plugin_goes_the_built_in_way() {
    for kept in [true, false] {
        let line = crate::plugin::answering().await;
        let word = if kept { "connect" } else { "drop" };
        let setting = format!("silence_detected = \"{word}\"");
        let builder = server(line.port).set("telephony", &setting);
        let only_humans = [
            "rb.cpd_silence_ms = 1000",
            "_plugin_on_dial_invoke_on_call_failed = false",
            "_max_dial_attempts = 1",
        ];
        let site = Site::with(builder, &[&DETECT[..], &only_humans].concat()).await;
        let id = site.server.api.call_back("desk", "5115").await;
        if kept {
            site.notes.wait_for(&id, "customer_queued", PATIENCE).await;
        } else {
            let notes = site.notes.whole(&id, PATIENCE).await;
            assert_eq!(story(&notes)[3], "dial_done(8,1)");
        }
        assert!(site.plugin.notes().is_empty());
    }
}

#[tokio::test]
async fn rows_17_and_18_a_number_that_does_not_exist() {
    let line = Line::start(|_, _| Behaviour::Fail(604)).await;
    let site = Site::start(line.port, &[]).await;
    site.plugin.answer(|_| Reply::Json(200, CANCEL));
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "CANCELLED", "row 17");
    assert_eq!(asked(&site).await, (11, false));

    let only_humans = "_plugin_on_dial_invoke_on_call_failed = false";
    let site = Site::start(line.port, &[only_humans]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_CALL_TO_CUSTOMER", "row 18");
    assert!(site.plugin.notes().is_empty());
}

#[tokio::test]
async fn row_19_other_failures_are_dialed_again() {
    let ring = Duration::from_millis(200);
    for (status, state) in [(603, 5), (302, 22)] {
        let line = Line::start(move |_, _| Behaviour::Refuse(ring, status)).await;
        // A plugin that does not want to hear of failures, as if there were none.
        let only_humans = "_plugin_on_dial_invoke_on_call_failed = false";
        let site = Site::start(line.port, &[only_humans]).await;
        let id = site.server.api.call_back("desk", "5115").await;
        let notes = site.notes.whole(&id, PATIENCE).await;
        let dials = [
            format!("dial_done({state},1)"),
            format!("dial_done({state},2)"),
        ];
        let expected = [
            "service_create",
            "virtual_ixn_create",
            "dial_init",
            &dials[0],
            "dial_init",
            &dials[1],
            "service_exit",
        ];
        check(&notes, &expected, "FAIL_CALL_TO_CUSTOMER");
        assert!(site.plugin.notes().is_empty());
        assert_eq!(line.calls().len(), 2, "dialed once more");
    }
}

#[tokio::test]
async fn row_17_other_failures_are_asked_about() {
    let ring = Duration::from_millis(200);
    let line = Line::start(move |_, _| Behaviour::Refuse(ring, 603)).await;
    let site = Site::start(line.port, &[]).await;
    site.plugin.answer(|_| Reply::Json(200, CANCEL));
    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.whole(&id, PATIENCE).await;
    assert_eq!(asked(&site).await, (5, false));
}

/// No plugin at all.
const NONE: &str = "_plugin_on_dial_url =";

#[tokio::test]
async fn row_3_a_human_hears_the_greeting_and_then_queues() {
    let line = crate::plugin::answering().await;
    let greeted = [NONE, "_treatment_customer_connect = greeting.wav"];
    let site = Site::start(line.port, &greeted).await;
    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;
    let told = story(&site.notes.of(&id));
    let rest = ["connect_treatment_start", "customer_queued"];
    assert_eq!(told[told.len() - 2..], rest);
    assert!(site.plugin.notes().is_empty());
}

#[tokio::test]
async fn rows_6_and_7_a_machine_the_plugin_does_not_want() {
    testkit::require!(testkit::sipp());
    for (message, played) in [("message.wav", 1), ("{}", 0)] {
        let mut ports = Ports::block();
        let customer = voicemail(&mut ports).await;
        let message = format!("_treatment_call_failure_answering_machine = {message}");
        let only_humans = [
            message.as_str(),
            "_plugin_on_dial_invoke_on_call_failed = false",
            "_max_dial_attempts = 1",
        ];
        let site = Site::start(customer.port, &[&DETECT[..], &only_humans].concat()).await;
        let id = site.server.api.call_back("desk", "5115").await;
        let within = Duration::from_secs(45);
        let notes = site.notes.whole(&id, within).await;
        assert_eq!(story(&notes)[3], "dial_done(9,1)");
        let log = logged(&site.server, &id, "rb.machine_message").await;
        assert_eq!(log.len(), played, "{message}");
        customer.wait_for("BYE", PATIENCE).await;
        assert!(site.plugin.notes().is_empty());
    }
}
