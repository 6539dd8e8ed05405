//! The sequences of events (notifications §10 and §11), one test for each row, with the server
//! events of a list that names them all: real calls, real phones, real receivers.

use std::time::Duration;

use testkit::{Behaviour, Line, Page, Ports, Receiver, Reply, Sipp, Web, audio, until};

use crate::common::{server, story};
use crate::event_stage::{DETECT, GREETED, NOW, SOON, Stage, WHOLE};
use crate::plugin::{CANCEL, ROUTE_TO_AGENT};

/// Enough talk for a customer who leaves in the queue.
const BRIEF: Duration = Duration::from_millis(1500);
/// Longer than the agent takes to answer.
const TALK: Duration = Duration::from_secs(6);

/// Customers who do the first thing at the first call and the second afterwards.
async fn first_then(first: Behaviour, then: Behaviour) -> Line {
    let mut calls = 0;
    Line::start(move |_, _| {
        calls += 1;
        if calls == 1 { first } else { then }
    })
    .await
}

async fn always(behaviour: Behaviour) -> Line {
    Line::start(move |_, _| behaviour).await
}

const BUSY: Behaviour = Behaviour::Refuse(NOW, 486);
const HUMAN: Behaviour = Behaviour::AnswerAndLeave(NOW, TALK);
const LEAVES: Behaviour = Behaviour::AnswerAndLeave(NOW, BRIEF);

#[tokio::test]
async fn sequence_success_is_that_of_section_10() {
    testkit::require!(testkit::baresip());
    let line = always(HUMAN).await;
    let stage = Stage::on(&line, &[GREETED]).await.agent().await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), connect_treatment_start, customer_queued, \
                target_found, route_to_agent, service_exit AGENT_CONNECTED";
    stage.ran(&id, rest).await;
    let notes = stage.receiver.of(&id);
    let states: Vec<&str> = notes.iter().map(|n| n.get("_callback_state")).collect();
    let queued = ["QUEUED"; 7].into_iter();
    let expected: Vec<&str> = queued.chain(["ROUTING"; 3]).chain(["COMPLETED"]).collect();
    assert_eq!(states, expected);
}

#[tokio::test]
async fn sequence_no_answer_one_retry_then_human() {
    testkit::require!(testkit::baresip());
    let line = first_then(Behaviour::NoAnswer, HUMAN).await;
    let stage = Stage::on(&line, &[GREETED]).await.agent().await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(7,1), dial_init, dial_done(0,2), connect_treatment_start, \
                customer_queued, target_found, route_to_agent, service_exit AGENT_CONNECTED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_busy_one_retry_then_human() {
    testkit::require!(testkit::baresip());
    let line = first_then(BUSY, HUMAN).await;
    let stage = Stage::on(&line, &[GREETED]).await.agent().await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(6,1), dial_init, dial_done(0,2), connect_treatment_start, \
                customer_queued, target_found, route_to_agent, service_exit AGENT_CONNECTED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_retry_limit_reached() {
    let line = always(BUSY).await;
    let stage = Stage::on(&line, &["_max_dial_attempts = 3"]).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(6,1), dial_init, dial_done(6,2), dial_init, dial_done(6,3), \
                service_exit FAIL_CALL_TO_CUSTOMER";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_machine_with_message_then_the_retry_rule() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_play").unwrap();
    let customer = customer.copy_audio("voicemail.ulaw", "play.ulaw");
    let customer = customer.start(&mut ports).await;
    let stage = Stage::new(customer.port, &DETECT).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(9,1), dial_init, dial_done(9,2), \
                service_exit FAIL_CALL_TO_CUSTOMER";
    stage.ran(&id, rest).await;
    let mut log = stage.server.api.events(&id).await;
    log.retain(|entry| entry["event_id"] == "rb.machine_message");
    assert_eq!(log.len(), 2, "the message was played at each attempt");
}

/// A customer whose fax answers.
async fn fax(ports: &mut Ports) -> Sipp {
    let ced = [audio::silence(200), audio::tone(2100.0, 3300, 8000)].concat();
    let customer = Sipp::scenario("customer_play").expect("looked for before");
    customer.audio("play.ulaw", &ced).start(ports).await
}

#[tokio::test]
async fn sequence_fax_without_a_plugin() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = fax(&mut ports).await;
    let stage = Stage::new(customer.port, &DETECT).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(17,1), service_exit FAIL_FAX_REACHED";
    stage.ran(&id, rest).await;
}

/// A program behind HTTP that answers every question the same, and the lines that name it.
async fn plugin(answer: Reply) -> (Receiver, Vec<String>) {
    let plugin = Receiver::start().await;
    plugin.answer(move |_| answer);
    let url = format!("_plugin_on_dial_url = {}", plugin.url);
    (plugin, vec![url, "rb.plugin_type = http".to_owned()])
}

fn with<'a>(lines: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let lines = lines.iter().map(String::as_str);
    lines.chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn sequence_fax_with_a_plugin_is_what_the_plugin_answers() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = fax(&mut ports).await;
    let retry = r#"{"action":"retry","message":"OK","delay":0}"#;
    let (plugin, lines) = plugin(Reply::Json(200, CANCEL)).await;
    plugin.answer(move |question| {
        let first = question.body["_dial_attempt"] == 1;
        Reply::Json(200, if first { retry } else { CANCEL })
    });
    let stage = Stage::new(customer.port, &with(&lines, &DETECT)).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(17,1), dial_init, dial_done(17,2), callback_cancelled, \
                service_exit CANCELLED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_silence_without_a_plugin_goes_on_as_a_human() {
    testkit::require!(testkit::baresip());
    let line = always(Behaviour::AnswerAndLeave(NOW, TALK + BRIEF)).await;
    let lines = [&DETECT[..], &[GREETED, "rb.cpd_silence_ms = 1000"]].concat();
    let stage = Stage::on(&line, &lines).await.agent().await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(8,1), connect_treatment_start, customer_queued, \
                target_found, route_to_agent, service_exit AGENT_CONNECTED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_without_a_greeting() {
    testkit::require!(testkit::baresip());
    let line = always(HUMAN).await;
    let stage = Stage::on(&line, &[]).await.agent().await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), customer_queued, target_found, route_to_agent, \
                service_exit AGENT_CONNECTED";
    stage.ran(&id, rest).await;
    assert_eq!(
        stage
            .wait(&id, "customer_queued")
            .await
            .get("_callback_state"),
        "ROUTING"
    );
}

#[tokio::test]
async fn sequence_customer_hangs_up_in_queue() {
    let line = always(LEAVES).await;
    let stage = Stage::on(&line, &[GREETED]).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), connect_treatment_start, customer_queued, \
                service_exit FAIL_INTERACTION_DELETED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_customer_hangs_up_in_queue_and_another_contact_is_allowed() {
    let line = always(LEAVES).await;
    let lines = [GREETED, "_max_successful_customer_contacts = 2"];
    let stage = Stage::on(&line, &lines).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), connect_treatment_start, customer_queued, \
                dial_init, dial_done(0,2), connect_treatment_start, customer_queued, \
                service_exit FAIL_INTERACTION_DELETED";
    stage.ran(&id, rest).await;
}

/// What plugin and VoiceXML do with a human.
const APPLICATION: &str = "dial_init, dial_done(0,1), customer_queued, target_found, \
                           route_to_agent, service_exit AGENT_CONNECTED";

#[tokio::test]
async fn sequence_plugin_human() {
    testkit::require!(testkit::baresip());
    let line = always(HUMAN).await;
    let (_plugin, lines) = plugin(Reply::Json(200, ROUTE_TO_AGENT)).await;
    let stage = Stage::on(&line, &with(&lines, &[GREETED])).await;
    let stage = stage.agent().await;
    let id = stage.call().await;
    stage.ran(&id, APPLICATION).await;
}

#[tokio::test]
async fn sequence_voicexml_human() {
    testkit::require!(testkit::baresip());
    let line = always(HUMAN).await;
    let web = Web::start().await;
    let page = "<?xml version='1.0'?><vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'>\
        <var name='treatment_result'/><form><block><assign name='treatment_result' \
        expr=\"({action:'route_to_agent',message:'OK'})\"/><exit namelist='treatment_result'/>\
        </block></form></vxml>";
    let url = web.put("/start.vxml", Page::new("application/voicexml+xml", page));
    let url = format!("_on_customer_connect_treatment_url = {url}");
    let stage = Stage::on(&line, &[&url, GREETED]).await.agent().await;
    let id = stage.call().await;
    stage.ran(&id, APPLICATION).await;
}

#[tokio::test]
async fn sequence_plugin_route_to_rp() {
    let line = Line::start(|number, _| match number {
        "5100" => LEAVES,
        _ => Behaviour::Answer(NOW),
    })
    .await;
    let answer = r#"{"action":"route_to_rp","message":"5100"}"#;
    let (_plugin, lines) = plugin(Reply::Json(200, answer)).await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let stage = Stage::with(builder, &with(&lines, &[])).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), service_exit TRANSFERRED_TO_RP";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_plugin_cancel() {
    let line = always(Behaviour::Answer(NOW)).await;
    let (_plugin, lines) = plugin(Reply::Json(200, CANCEL)).await;
    let stage = Stage::on(&line, &with(&lines, &[])).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), callback_cancelled, service_exit CANCELLED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_plugin_retry_at_the_limit() {
    let line = always(BUSY).await;
    let retry = r#"{"action":"retry","message":"OK","delay":0}"#;
    let (_plugin, lines) = plugin(Reply::Json(200, retry)).await;
    let stage = Stage::on(&line, &with(&lines, &["_max_dial_attempts = 2"])).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(6,1), dial_init, dial_done(6,2), callback_cancelled, \
                service_exit CANCELLED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_plugin_ttl_over() {
    let line = always(Behaviour::Answer(NOW)).await;
    let (_plugin, lines) = plugin(Reply::Status(204)).await;
    let stage = Stage::on(&line, &with(&lines, &["_plugin_on_dial_timeout = 1"])).await;
    let id = stage.call().await;
    let rest = "dial_init, dial_done(0,1), callback_processing_failed, service_exit FAIL_ERROR";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_agent_first() {
    testkit::require!(testkit::baresip());
    let line = always(LEAVES).await;
    let lines = [
        "_userterminated_first_connect_party = AGENT",
        "_wait_for_agent = true",
    ];
    let stage = Stage::on(&line, &lines).await.agent().await;
    let id = stage.call().await;
    let rest = "target_found, route_to_agent, dial_init, dial_done(0,1), \
                service_exit AGENT_CONNECTED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_cancelled_while_scheduled() {
    let line = always(BUSY).await;
    let stage = Stage::on(&line, &[]).await;
    let id = stage.book(3600).await;
    stage.cancel(&id).await;
    let told = stage.story(&id, "callback_cancelled").await;
    assert_eq!(told, "callback_scheduled, callback_cancelled");
}

#[tokio::test]
async fn sequence_cancelled_while_queued() {
    let line = always(BUSY).await;
    let stage = Stage::on(&line, &["_wait_for_agent = true"]).await;
    let id = stage.call().await;
    stage.wait(&id, "virtual_ixn_create").await;
    stage.cancel(&id).await;
    let rest = "callback_cancelled, service_exit CANCELLED";
    stage.ran(&id, rest).await;
    assert!(line.calls().is_empty(), "nobody was dialed");
}

#[tokio::test]
async fn sequence_cancelled_while_ringing() {
    let line = always(Behaviour::NoAnswer).await;
    let stage = Stage::on(&line, &["_ixn_createcall_timeout = 60"]).await;
    let id = stage.call().await;
    until("the phone rings", SOON, async || {
        (!line.calls().is_empty()).then_some(())
    })
    .await;
    stage.cancel(&id).await;
    let rest = "dial_init, dial_done(26,1), callback_cancelled, service_exit CANCELLED";
    stage.ran(&id, rest).await;
}

#[tokio::test]
async fn sequence_scheduled_with_its_reminder() {
    let line = always(BUSY).await;
    let lines = [
        "_max_dial_attempts = 1",
        "_enable_notification_reminder = true",
        "_notification_reminder_buffer = 1",
    ];
    let stage = Stage::on(&line, &lines).await;
    let id = stage.book(4).await;
    let told = stage.story(&id, "service_exit").await;
    let expected = "callback_scheduled, callback_reminder, callback_submitted, callback_queued, \
                    service_create, virtual_ixn_create, dial_init, dial_done(6,1), \
                    service_exit FAIL_CALL_TO_CUSTOMER";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn sequence_scheduled_and_moved() {
    let line = always(BUSY).await;
    let stage = Stage::on(&line, &["_max_dial_attempts = 1"]).await;
    let id = stage.book(3600).await;
    stage.move_to(&id, 2).await;
    let told = stage.story(&id, "service_exit").await;
    let expected = "callback_scheduled, callback_rescheduled, callback_submitted, \
                    callback_queued, service_create, virtual_ixn_create, dial_init, \
                    dial_done(6,1), service_exit FAIL_CALL_TO_CUSTOMER";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn sequence_submission_fails_twice_then_works() {
    let line = always(BUSY).await;
    let lines = [
        "_target = Late@Stats.GA",
        "_max_dial_attempts = 1",
        "_fetch_retry_delay = 2",
    ];
    let stage = Stage::on(&line, &lines).await;
    let id = stage.call().await;
    until("two failed submissions", WHOLE, async || {
        let notes = stage.receiver.of(&id);
        let failed = story(&notes);
        let failed = failed.iter().filter(|e| *e == "callback_submit_failed");
        (failed.count() >= 2).then_some(())
    })
    .await;
    let lee = crate::common::agents(&[("lee", "7002")]).replace("Billing", "Late");
    stage.server.api.import_agents(&lee).await;
    let told = stage.story(&id, "service_exit").await;
    let expected = "callback_submitted, callback_submit_failed, callback_resubmitted, \
                    callback_submit_failed, callback_resubmitted, callback_queued, \
                    service_create, virtual_ixn_create, dial_init, dial_done(6,1), \
                    service_exit FAIL_CALL_TO_CUSTOMER";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn sequence_submission_never_works() {
    let line = always(BUSY).await;
    let stage = Stage::on(&line, &["_target = Nobody@Stats.GA"]).await;
    let id = stage.call().await;
    let told = stage.story(&id, "callback_processing_failed").await;
    let again = ", callback_resubmitted, callback_submit_failed".repeat(3);
    let expected =
        format!("callback_submitted, callback_submit_failed{again}, callback_processing_failed");
    assert_eq!(told, expected);
    let record = stage.server.api.record(&id).await;
    assert_eq!(record["_callback_reason"], "FAIL_QUEUEING");
}

#[tokio::test]
async fn sequence_delayed_is_reminded_when_its_turn_is_near() {
    testkit::require!(testkit::baresip());
    let line = always(BUSY).await;
    let lines = [
        "_wait_for_agent = true",
        "_max_dial_attempts = 1",
        "_enable_notification_reminder = true",
        "_notification_reminder_buffer = 300",
    ];
    let stage = Stage::on(&line, &lines).await.agent().await;
    // Nothing is known of the queue: the reminder comes with the turn.
    for _ in 0..2 {
        let id = stage.call().await;
        let rest = "callback_reminder, dial_init, dial_done(6,1), \
                    service_exit FAIL_CALL_TO_CUSTOMER";
        stage.ran(&id, rest).await;
    }
    // Two turns are a pace: the next one is forecast while nobody is free.
    stage.server.api.set_agent("kim", "not_ready").await;
    let id = stage.call().await;
    stage.wait(&id, "callback_reminder").await;
    assert_eq!(line.calls().len(), 2, "reminded before the dial");
    stage.server.api.set_agent("kim", "ready").await;
    let rest = "callback_reminder, dial_init, dial_done(6,1), service_exit FAIL_CALL_TO_CUSTOMER";
    stage.ran(&id, rest).await;
}
