//! SCXML documents as plugins, with real calls and keys.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{agents, check, ended, logged, server, service, story};

const PRESS_1: &str = include_str!("../../../../examples/plugin-press-1.scxml");

struct Site {
    server: Server,
    notes: Receiver,
    documents: Receiver,
}

/// A server whose service asks the given document.
async fn site(trunk: u16, document: &'static str, extra: &[&str]) -> Site {
    let (notes, documents) = (Receiver::start().await, Receiver::start().await);
    documents.answer(move |_| Reply::Json(200, document));
    let server = server(trunk).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let url = format!("_plugin_on_dial_url = {}", documents.url);
    let lines = [&[url.as_str()], extra].concat();
    server
        .api
        .import_services(&service("desk", &notes, &lines))
        .await;
    Site {
        server,
        notes,
        documents,
    }
}

#[tokio::test]
async fn press_1_and_be_connected() {
    let press = Behaviour::AnswerAndPress(Duration::ZERO, Duration::from_millis(700), '1');
    let line = Line::start(move |_, _| press).await;
    let site = site(line.port, PRESS_1, &[]).await;

    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "customer_queued",
    ];
    assert_eq!(story(&site.notes.of(&id)), expected);
    let asked = logged(&site.server, &id, "rb.plugin_asked").await;
    assert_eq!(asked[0]["data"]["call"], "plugins");
    assert!(
        logged(&site.server, &id, "rb.plugin_problem")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn another_key_means_later_and_the_document_is_fetched_once() {
    let press = Behaviour::AnswerAndPress(Duration::ZERO, Duration::from_millis(300), '2');
    let line = Line::start(move |_, _| press).await;
    let site = site(line.port, PRESS_1, &["_max_dial_attempts = 2"]).await;

    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "dial_init",
        "dial_done(0,2)",
        "service_exit",
    ];
    check(&notes, &expected, "CANCELLED");
    assert_eq!(site.documents.notes().len(), 1, "fresh enough");
    until("the calls are over", PATIENCE, async || {
        line.calls().iter().all(|c| c.over.is_some()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_failed_call_starts_the_flow_with_plugin_start() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let site = site(line.port, PRESS_1, &["_max_dial_attempts = 9"]).await;

    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(6,1)",
        "dial_init",
        "dial_done(6,2)",
        "dial_init",
        "dial_done(6,3)",
        "service_exit",
    ];
    check(&notes, &expected, "CANCELLED");
}

#[tokio::test]
async fn a_customer_who_leaves_is_told_to_the_document() {
    let talk = Duration::from_millis(400);
    let line = Line::start(move |_, _| Behaviour::AnswerAndLeave(Duration::ZERO, talk)).await;
    let site = site(line.port, PRESS_1, &["_max_dial_attempts = 1"]).await;

    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.whole(&id, PATIENCE).await;

    let answers = logged(&site.server, &id, "rb.plugin_answered").await;
    assert_eq!(answers[0]["data"]["message"], "interaction_deleted");
}

#[tokio::test]
async fn documents_that_cannot_run_end_the_callback_at_once() {
    let line = crate::plugin::answering().await;
    for broken in ["<scxml", "<html/>"] {
        let site = site(line.port, broken, &[]).await;
        let id = site.server.api.call_back("desk", "5115").await;
        let notes = site.notes.whole(&id, PATIENCE).await;
        assert_eq!(ended(&notes), "FAIL_ERROR", "{broken}");
        let problems = logged(&site.server, &id, "rb.plugin_problem").await;
        assert_eq!(problems[0]["data"]["detail"], "plugin_start_failed");
    }
}

/// Answers without giving the call back.
const KEEPS_THE_CALL: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="_reply_url"/><data id="rid"/></datamodel>
  <state id="s"><transition event="interaction.added" target="t"/></state>
  <state id="t"><onentry>
    <session:fetch requestid="_data.rid" srcexpr="_data._reply_url" method="'post'">
      <param name="'action'" expr="'route_to_agent'"/><param name="message" expr="'OK'"/>
    </session:fetch></onentry></state>
</scxml>"#;

#[tokio::test]
async fn a_plugin_that_answers_and_keeps_the_call_loses_it_after_two_seconds() {
    let line = crate::plugin::answering().await;
    let site = site(line.port, KEEPS_THE_CALL, &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;
    let problems = logged(&site.server, &id, "rb.plugin_problem").await;
    assert_eq!(problems[0]["data"]["detail"], "plugin_no_detach");
}

/// Never answers and uses all time it gets.
const HANGS: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <state id="s">
    <onentry><script>while (true) {}</script></onentry>
    <transition event="error" target="s"/>
  </state>
</scxml>"#;

#[tokio::test]
async fn a_script_that_never_ends_stops_nobody_else() {
    let line = crate::plugin::answering().await;
    let site = site(line.port, HANGS, &["_plugin_on_dial_timeout = 4"]).await;
    let other = Receiver::start().await;
    let text = service("quick", &other, &[]);
    site.server.api.import_services(&text).await;
    let mut hanging = Vec::new();
    for _ in 0..3 {
        hanging.push(site.server.api.call_back("desk", "5115").await);
    }
    for _ in 0..5 {
        let id = site.server.api.call_back("quick", "5116").await;
        let within = Duration::from_secs(3);
        other.wait_for(&id, "customer_queued", within).await;
    }
    for id in hanging {
        let notes = site.notes.whole(&id, PATIENCE).await;
        assert_eq!(ended(&notes), "FAIL_ERROR");
    }
    let health = site.server.api.get("/livez").await;
    assert_eq!(health.status, 200, "{health:?}");
}

#[tokio::test]
async fn a_document_that_does_not_come_is_left_after_the_fetch_timeout() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let documents = Receiver::start().await;
    documents.answer(|_| Reply::Hang);
    let notes = Receiver::start().await;
    let server = server(line.port)
        .set(
            "callback",
            "_fetch_timeout = 1\n_enable_in_queue_checking = false",
        )
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let url = format!("_plugin_on_dial_url = {}", documents.url);
    let text = service("desk", &notes, &[&url]);
    server.api.import_services(&text).await;
    let id = server.api.call_back("desk", "5115").await;

    let told = notes.whole(&id, PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "service_exit",
    ];
    check(&told, &expected, "FAIL_ERROR");
    let waited = told[4].at - told[3].at;
    let (least, most) = (Duration::from_millis(900), Duration::from_secs(6));
    assert!(waited > least && waited < most, "left after {waited:?}");
}
