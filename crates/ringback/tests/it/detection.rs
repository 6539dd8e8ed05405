//! What answered: tones before the answer, a fax, a machine, silence, a person.

use std::time::Duration;

use serde_json::Value;
use testkit::{Behaviour, Line, PATIENCE, Ports, Receiver, Server, Sipp, audio};

use crate::common::{PROGRAM, agents, check, logged, server, service, site, story};

const ON: [&str; 2] = ["_cpd_enable = true", "_ixn_createcall_timeout = 15"];

async fn detecting(trunk: u16, receiver: &Receiver, extra: &[&str]) -> Server {
    site(trunk, receiver, &[&ON[..], extra].concat()).await
}

/// The event log's entries with this id.
#[tokio::test]
async fn a_busy_tone_before_the_answer_ends_the_attempt() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_early")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let server = detecting(customer.port, &receiver, &["_max_dial_attempts = 1"]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(6,1)",
        "service_exit",
    ];
    check(&notes, &expected, "FAIL_CALL_TO_CUSTOMER");
    // By sound, not by the 486 that would come after 8 s.
    assert!(notes[3].at - notes[2].at < Duration::from_secs(7));
    customer.wait_for("CANCEL", PATIENCE).await;
}

#[tokio::test]
async fn a_fax_ends_the_callback_at_the_first_attempt() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let ced = [audio::silence(200), audio::tone(2100.0, 3300, 8000)].concat();
    let customer = Sipp::scenario("customer_play")
        .unwrap()
        .audio("play.ulaw", &ced);
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let server = detecting(customer.port, &receiver, &["_max_dial_attempts = 3"]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(17,1)",
        "service_exit",
    ];
    check(&notes, &expected, "FAIL_FAX_REACHED");
    customer.wait_for("BYE", PATIENCE).await;
    assert_eq!(customer.calls().len(), 1);
}

#[tokio::test]
async fn a_machine_gets_its_message_and_is_called_again() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_play")
        .unwrap()
        .copy_audio("voicemail.ulaw", "play.ulaw");
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let server = detecting(customer.port, &receiver, &["_max_dial_attempts = 2"]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, Duration::from_secs(45)).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(9,1)",
        "dial_init",
        "dial_done(9,2)",
        "service_exit",
    ];
    check(&notes, &expected, "FAIL_CALL_TO_CUSTOMER");
    assert_eq!(logged(&server, &id, "rb.machine_message").await.len(), 2);
    assert_eq!(customer.calls().len(), 2);
    // The message of 1.5 s was played to its end before the call was released.
    let gap = notes[4].at - notes[3].at;
    assert!(
        gap >= Duration::from_millis(2400),
        "called again after {gap:?}"
    );
}

#[tokio::test]
async fn a_person_who_says_hello_is_a_human() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_human")
        .unwrap()
        .start(&mut ports)
        .await;
    let receiver = Receiver::start().await;
    let server = detecting(customer.port, &receiver, &[]).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "customer_queued", PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "customer_queued",
    ];
    assert_eq!(story(&receiver.of(&id)), expected);
    let verdicts = logged(&server, &id, "rb.verdict").await;
    assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    // What was heard is kept as levels by tenths of a second, with the voice in it.
    let picture = &verdicts[0]["data"]["verdict"]["picture"];
    let marks = picture["marks"].as_str().unwrap_or_default();
    assert!(marks.contains('v'), "{verdicts:?}");
    let levels = picture["dbfs"].as_array().map_or(0, Vec::len);
    assert_eq!(levels, marks.len(), "{verdicts:?}");
}

#[tokio::test]
async fn silence_after_the_answer_goes_on_as_a_human() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let server = detecting(line.port, &receiver, &["rb.cpd_silence_ms = 1000"]).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "customer_queued", PATIENCE).await;

    let notes = receiver.of(&id);
    assert_eq!(story(&notes)[3], "dial_done(8,1)");
    let decided = notes[3].at - notes[2].at;
    assert!(
        decided < Duration::from_secs(4),
        "silence after {decided:?}"
    );
}

#[tokio::test]
async fn a_call_that_ends_before_a_verdict_is_call_state_26() {
    let leave = Duration::from_millis(300);
    let line = Line::start(move |_, _| Behaviour::AnswerAndLeave(Duration::ZERO, leave)).await;
    let receiver = Receiver::start().await;
    let server = detecting(line.port, &receiver, &["_max_dial_attempts = 1"]).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    assert_eq!(story(&notes)[3], "dial_done(26,1)");
}

#[tokio::test]
async fn clips_over_real_calls_are_judged_as_offline() {
    // Thirty calls at once; the whole corpus is played by hand, see docs/detection.md.
    let args = [
        "bench",
        "detect",
        "--clips",
        "30",
        "--at-once",
        "30",
        "--json",
    ];
    let output = testkit::run(PROGRAM, &args, Duration::from_secs(50)).await;
    let report: Value = serde_json::from_str(output.stdout.trim()).unwrap();
    assert_eq!(output.code, 0, "{report:#}");
    assert_eq!(report["result"]["by_label"].as_object().unwrap().len(), 8);
}

/// A server that releases what this setting of `[telephony]` names.
async fn dropping(trunk: u16, receiver: &Receiver, setting: &str, extra: &[&str]) -> Server {
    let line = format!("{setting} = \"drop\"");
    let server = server(trunk).set("telephony", &line).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let services = service("desk", receiver, &[&ON[..], extra].concat());
    server.api.import_services(&services).await;
    server
}

#[tokio::test]
async fn a_machine_is_released_without_a_message_where_the_site_says_so() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_play")
        .unwrap()
        .copy_audio("voicemail.ulaw", "play.ulaw");
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 2"];
    let server = dropping(customer.port, &receiver, "am_detected", &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, Duration::from_secs(45)).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(9,1)",
        "dial_init",
        "dial_done(9,2)",
        "service_exit",
    ];
    check(&notes, &expected, "FAIL_CALL_TO_CUSTOMER");
    assert!(logged(&server, &id, "rb.machine_message").await.is_empty());
    assert_eq!(customer.calls().len(), 2);
    customer.wait_for("BYE", PATIENCE).await;
}

#[tokio::test]
async fn silence_is_released_and_called_again_where_the_site_says_so() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 2", "rb.cpd_silence_ms = 1000"];
    let server = dropping(line.port, &receiver, "silence_detected", &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(8,1)",
        "dial_init",
        "dial_done(8,2)",
        "service_exit",
    ];
    check(&notes, &expected, "FAIL_CALL_TO_CUSTOMER");
    let calls = line.calls();
    assert_eq!(calls.len(), 2);
    // Each phone was hung up by us: both are idle again.
    assert!(
        calls
            .iter()
            .all(|call| call.answered && call.over.is_some())
    );
}

#[tokio::test]
async fn a_fax_is_released_where_the_site_says_so_in_words() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let cng = [
        audio::silence(300),
        audio::tone(1100.0, 500, 8000),
        audio::silence(3000),
        audio::tone(1100.0, 500, 8000),
        audio::silence(3000),
    ];
    let customer = Sipp::scenario("customer_play")
        .unwrap()
        .audio("play.ulaw", &cng.concat());
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 3"];
    let server = dropping(customer.port, &receiver, "fax_detected", &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    assert_eq!(story(&notes)[3], "dial_done(17,1)");
    check(
        &notes,
        &[
            "service_create",
            "virtual_ixn_create",
            "dial_init",
            "dial_done(17,1)",
            "service_exit",
        ],
        "FAIL_FAX_REACHED",
    );
    customer.wait_for("BYE", PATIENCE).await;
    assert_eq!(customer.calls().len(), 1);
}

#[tokio::test]
async fn an_assistant_that_asks_who_is_calling_is_answered_after_its_question() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let mut question = media::tone::voice(5_000, -15.0, 3);
    question.extend(audio::silence(12_000));
    let customer = Sipp::scenario("customer_play")
        .unwrap()
        .audio("play.ulaw", &question);
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let waits = r#"_treatment_call_failure_answering_machine = {"file":"message.wav","hints":{"am-beep-detection":"on"}}"#;
    let extra = ["_max_dial_attempts = 1", waits];
    let server = detecting(customer.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, Duration::from_secs(45)).await;

    assert_eq!(story(&notes)[3], "dial_done(9,1)");
    let verdicts = logged(&server, &id, "rb.verdict").await;
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    let named = verdicts[1]
        .to_string()
        .contains("\"verdict\":\"screening\"");
    assert!(named, "{verdicts:?}");
    assert_eq!(logged(&server, &id, "rb.machine_message").await.len(), 1);
    customer.wait_for("BYE", PATIENCE).await;
}

/// The assistant's question, who answers it after so many seconds, and for how long.
async fn assistant(ports: &mut Ports, comes_after_ms: u32) -> Sipp {
    let mut audio = media::tone::voice(5_000, -15.0, 3);
    audio.extend(audio::silence(comes_after_ms));
    audio.extend(media::tone::voice(700, -15.0, 5));
    audio.extend(audio::silence(12_000));
    let customer = Sipp::scenario("customer_play").expect("looked for before");
    customer.audio("play.ulaw", &audio).start(ports).await
}

const WHO: &str = "_treatment_call_screening = message.wav";

#[tokio::test]
async fn a_customer_behind_an_assistant_comes_to_the_phone_after_the_answer() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = assistant(&mut ports, 6_000).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 1", WHO];
    let server = detecting(customer.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver
        .wait_for(&id, "customer_queued", Duration::from_secs(45))
        .await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "customer_queued",
    ];
    assert_eq!(story(&receiver.of(&id)), expected, "no failed attempt");
    assert_eq!(logged(&server, &id, "rb.screening_answered").await.len(), 1);
    assert!(logged(&server, &id, "rb.machine_message").await.is_empty());
    let verdicts = logged(&server, &id, "rb.verdict").await;
    assert_eq!(verdicts.len(), 3, "machine, screening, human: {verdicts:?}");
    let metrics = server.api.get("/metrics").await.text;
    assert!(
        metrics.contains("ringback_call_screenings_total 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_machine_without_a_question_is_a_machine_where_assistants_are_answered() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_play")
        .unwrap()
        .copy_audio("voicemail.ulaw", "play.ulaw");
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 1", WHO];
    let server = detecting(customer.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, Duration::from_secs(45)).await;

    assert_eq!(story(&notes)[3], "dial_done(9,1)");
    assert!(
        logged(&server, &id, "rb.screening_answered")
            .await
            .is_empty()
    );
    assert_eq!(logged(&server, &id, "rb.machine_message").await.len(), 1);
}
