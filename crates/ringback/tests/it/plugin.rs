//! The contract of a plugin behind HTTP: question, answers at the reply URL, refusals, restarts.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, Note, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{agents, check, ended, logged, server, service, story};

/// An answer in the response.
pub(crate) const ROUTE_TO_AGENT: &str = r#"{"action":"route_to_agent","message":"OK"}"#;
/// The same.
pub(crate) const CANCEL: &str = r#"{"action":"cancel","message":"OK"}"#;

/// A server whose service asks the plugin, and the receiver of notifications.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) notes: Receiver,
    pub(crate) plugin: Receiver,
}

impl Site {
    pub(crate) async fn start(trunk: u16, extra: &[&str]) -> Self {
        Self::with(server(trunk), extra).await
    }

    pub(crate) async fn with(builder: testkit::ServerBuilder, extra: &[&str]) -> Self {
        let (notes, plugin) = (Receiver::start().await, Receiver::start().await);
        let server = builder.start().await;
        let url = format!("_plugin_on_dial_url = {}", plugin.url);
        let mut lines = vec![url.as_str(), "rb.plugin_type = http"];
        lines.extend_from_slice(extra);
        server.api.import_agents(&agents(&[("kim", "7001")])).await;
        let text = service("desk", &notes, &lines);
        server.api.import_services(&text).await;
        Self {
            server,
            notes,
            plugin,
        }
    }

    /// Waits for the n-th question, from 1.
    pub(crate) async fn question(&self, n: usize) -> Note {
        until(&format!("question {n}"), PATIENCE, async || {
            self.plugin.notes().into_iter().nth(n - 1)
        })
        .await
    }

    /// Sends an answer to the reply URL of a question; gives the status.
    pub(crate) async fn reply(&self, question: &Note, answer: &Value) -> u16 {
        let url = question.get("_reply_url");
        let base = self.server.url();
        let path = url.strip_prefix(base.as_str());
        let path = path.expect("a reply URL is below http.public_url");
        self.server.api.post(path, answer).await.status
    }
}

pub(crate) async fn answering() -> Line {
    Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await
}

#[tokio::test]
async fn row_1_a_human_and_the_plugin_says_route_to_agent() {
    let line = answering().await;
    let greeting = "_treatment_customer_connect = greeting.wav";
    let site = Site::start(line.port, &[greeting]).await;
    site.plugin.answer(|_| Reply::Json(200, ROUTE_TO_AGENT));

    let body = json!({"_customer_number": "5115", "topic": "refund"});
    let created = site.server.api.create("desk", &body).await;
    let id = created.body["_id"].as_str().unwrap_or_default().to_owned();
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "customer_queued",
    ];
    assert_eq!(story(&site.notes.of(&id)), expected, "no greeting");
    let question = site.question(1).await;
    assert_eq!(question.request, "POST /in");
    let mut told = question.body.clone();
    let url = told["_reply_url"].take();
    let prefix = format!("{}/scxml/session/{id}/request/", site.server.url());
    let token = url.as_str().and_then(|url| url.strip_prefix(&prefix));
    assert_eq!(token.map(str::len), Some(32), "{url}");
    let expected = json!({
        "_call_state": 0, "_interaction_id": format!("{id}.1"), "_customer_number": "5115",
        "_gms_service_id": id, "_ors_service_id": id, "_user_data": {"topic": "refund"},
        "_dial_attempt": 1, "_ttl": 90, "_reply_url": null,
    });
    assert_eq!(told, expected);
    until("the waiting music", PATIENCE, async || {
        (line.audio_packets() > 20).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_answer_may_come_later_as_json_form_or_query() {
    let line = answering().await;
    let site = Site::start(line.port, &["_max_dial_attempts = 9"]).await;
    site.plugin.answer(|_| Reply::Status(204));
    let id = site.server.api.call_back("desk", "5115").await;
    let api = &site.server.api;
    let path = async |n: usize| {
        let url = site.question(n).await.get("_reply_url").to_owned();
        url.replace(&site.server.url(), "")
    };

    let retry = json!({"action": "retry", "message": "OK", "delay": 0});
    assert_eq!(api.post(&path(1).await, &retry).await.status, 200);
    let form = "application/x-www-form-urlencoded";
    let body = b"%27action%27=retry&message=OK&delay=0".to_vec();
    let answer = api.post_bytes(&path(2).await, form, body).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"status": "accepted"}))
    );
    let query = format!("{}?action=cancel&message=OK", path(3).await);
    assert_eq!(api.post_bytes(&query, "", Vec::new()).await.status, 200);

    let notes = site.notes.whole(&id, PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "dial_init",
        "dial_done(0,2)",
        "dial_init",
        "dial_done(0,3)",
        "service_exit",
    ];
    check(&notes, &expected, "CANCELLED");
    assert_eq!(logged(&site.server, &id, "rb.plugin_asked").await.len(), 3);
    assert_eq!(
        logged(&site.server, &id, "rb.plugin_answered").await.len(),
        3
    );
}

#[tokio::test]
async fn every_refusal_has_its_status_and_leaves_the_question_open() {
    let line = answering().await;
    let site = Site::start(line.port, &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let question = site.question(1).await;

    for (answer, status) in [
        (json!({}), 400),
        (json!({"action": "cancel"}), 400),
        (json!({"action": "dance", "message": "OK"}), 400),
        (
            json!({"action": "retry", "message": "OK", "delay": -1}),
            400,
        ),
        (
            json!({"action": "retry", "message": "OK", "customer_number": "112"}),
            400,
        ),
        (
            json!({"action": "retry", "message": "OK", "customer_number_prefix": "x"}),
            400,
        ),
        (
            json!({"action": "route_to_rp", "message": "+12125550100"}),
            400,
        ),
        (
            json!({"action": "route_to_agent", "message": "interaction_deleted"}),
            409,
        ),
    ] {
        assert_eq!(site.reply(&question, &answer).await, status, "{answer}");
    }
    let cancel = json!({"action": "cancel", "message": "OK"});
    let foreign = format!("/scxml/session/{id}/request/00000000000000000000000000000000");
    assert_eq!(site.server.api.post(&foreign, &cancel).await.status, 404);
    let unknown = "/scxml/session/001-nobody/request/00000000000000000000000000000000";
    assert_eq!(site.server.api.post(unknown, &cancel).await.status, 404);
    assert_eq!(
        line.calls().len(),
        1,
        "nothing was dialed by a refused answer"
    );

    assert_eq!(site.reply(&question, &cancel).await, 200);
    assert_eq!(
        site.reply(&question, &cancel).await,
        409,
        "the second answer"
    );
    site.notes.whole(&id, PATIENCE).await;
    assert_eq!(
        site.reply(&question, &cancel).await,
        409,
        "also when it is over"
    );
}

#[tokio::test]
async fn a_plugin_that_stays_silent_ends_the_callback_with_an_error() {
    let line = answering().await;
    let site = Site::start(line.port, &["_plugin_on_dial_timeout = 1"]).await;
    let id = site.server.api.call_back("desk", "5115").await;

    let notes = site.notes.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "service_exit",
    ];
    check(&notes, &expected, "FAIL_ERROR");
    let question = site.question(1).await;
    let late = json!({"action": "route_to_agent", "message": "OK"});
    assert_eq!(site.reply(&question, &late).await, 410);
    until("the call is released", PATIENCE, async || {
        line.calls()[0].over.is_some().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_plugin_that_cannot_be_asked_ends_the_callback_at_once() {
    let line = answering().await;
    let site = Site::start(line.port, &[]).await;
    site.plugin.answer(|_| Reply::Status(500));
    let id = site.server.api.call_back("desk", "5115").await;

    let notes = site.notes.whole(&id, PATIENCE).await;

    assert_eq!(ended(&notes), "FAIL_ERROR");
    let problems = logged(&site.server, &id, "rb.plugin_problem").await;
    assert_eq!(problems[0]["data"]["detail"], "plugin_start_failed");
    assert_eq!(problems[0]["data"]["why"], "status 500");
}

#[tokio::test]
async fn a_response_that_is_no_answer_is_told_and_one_may_follow() {
    let line = answering().await;
    let site = Site::start(line.port, &[]).await;
    let wrong = r#"{"action":"route_to_rp","message":"+12125550100"}"#;
    site.plugin.answer(move |_| Reply::Json(200, wrong));
    let id = site.server.api.call_back("desk", "5115").await;

    let question = site.question(1).await;
    until("the problem is noted", PATIENCE, async || {
        (!logged(&site.server, &id, "rb.plugin_problem")
            .await
            .is_empty())
        .then_some(())
    })
    .await;
    let cancel = json!({"action": "cancel", "message": "OK"});
    assert_eq!(site.reply(&question, &cancel).await, 200);
    site.notes.whole(&id, PATIENCE).await;
}

#[tokio::test]
async fn a_customer_who_hangs_up_while_the_plugin_thinks() {
    let talk = Duration::from_millis(300);
    let line = Line::start(move |_, _| Behaviour::AnswerAndLeave(Duration::ZERO, talk)).await;
    let site = Site::start(line.port, &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let question = site.question(1).await;
    until("the customer left", PATIENCE, async || {
        let overview = site.server.api.get("/api/v1/overview").await;
        let is_over = line.calls()[0].over.is_some() && overview.body["legs"] == 0;
        is_over.then_some(())
    })
    .await;

    let route = json!({"action": "route_to_agent", "message": "OK"});
    until("the server knows", PATIENCE, async || {
        (site.reply(&question, &route).await == 409).then_some(())
    })
    .await;
    let gone = json!({"action": "cancel", "message": "interaction_deleted"});
    assert_eq!(site.reply(&question, &gone).await, 200);

    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_INTERACTION_DELETED");
}

#[tokio::test]
async fn route_to_rp_joins_the_customer_with_the_destination() {
    let talk = Duration::from_millis(1500);
    let line = Line::start(move |number, _| match number {
        "5100" => Behaviour::AnswerAndLeave(Duration::ZERO, talk),
        _ => Behaviour::Answer(Duration::ZERO),
    })
    .await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let extra = ["_urs_vq_priority = 7", "_attach_udata = separate_keys"];
    let site = Site::with(builder, &extra).await;
    let answer = r#"{"action":"route_to_rp","message":"5100@North"}"#;
    site.plugin.answer(move |_| Reply::Json(200, answer));
    let body = json!({"_customer_number": "5115", "topic": "refund"});
    let created = site.server.api.create("desk", &body).await;
    let id = created.body["_id"].as_str().unwrap_or_default().to_owned();

    let notes = site.notes.whole(&id, PATIENCE).await;

    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "service_exit",
    ];
    check(&notes, &expected, "TRANSFERRED_TO_RP");
    let calls = line.calls_to("5100");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].header("X-Genesys-GMS_URS_PRIORITY"), "7");
    assert_eq!(calls[0].header("X-Genesys-topic"), "refund");
    let age: u64 = calls[0]
        .header("X-Genesys-RouterData70")
        .parse()
        .unwrap_or(99);
    assert!(age < 10, "seconds since the start: {age}");
    // The destination hangs up, so the customer's call ends as well.
    until("both calls are over", PATIENCE, async || {
        let over = |call: &testkit::Call| call.over.is_some();
        line.calls().iter().all(over).then_some(())
    })
    .await;
}

/// A site whose plugin sends everybody to 5100 by REFER, and whose customers follow or do not.
async fn referring(customer: Behaviour) -> (Site, Line) {
    let line = Line::start(move |number, _| match number {
        "5100" => Behaviour::Answer(Duration::ZERO),
        _ => customer,
    })
    .await;
    let builder = server(line.port)
        .set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]")
        .set("route_to_rp", "method = \"refer\"");
    let extra = ["_urs_vq_priority = 7", "_attach_udata = separate_keys"];
    let site = Site::with(builder, &extra).await;
    let answer = r#"{"action":"route_to_rp","message":"5100"}"#;
    site.plugin.answer(move |_| Reply::Json(200, answer));
    (site, line)
}

#[tokio::test]
async fn route_to_rp_by_refer_sends_the_customer_there() {
    let (site, line) = referring(Behaviour::AnswerAndFollow(Duration::ZERO, 200)).await;
    let body = json!({"_customer_number": "5115", "topic": "a refund"});
    let created = site.server.api.create("desk", &body).await;
    let id = created.body["_id"].as_str().unwrap_or_default().to_owned();
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "TRANSFERRED_TO_RP");
    assert!(
        line.calls_to("5100").is_empty(),
        "the customer's side calls"
    );
    let customer = until("the customer's call is over", PATIENCE, async || {
        line.calls_to("5115").into_iter().find(|c| c.over.is_some())
    })
    .await;
    let to = &customer.referred_to;
    assert!(to.starts_with("<sip:5100@127.0.0.1"), "{to}");
    assert!(to.contains("X-Genesys-GMS_URS_PRIORITY=7"), "{to}");
    assert!(to.contains("X-Genesys-RouterData70="), "{to}");
    assert!(to.contains("X-Genesys-topic=a%20refund"), "{to}");
}

#[tokio::test]
async fn a_refer_that_fails_is_followed_by_a_bridge() {
    let ring = Duration::ZERO;
    for customer in [
        Behaviour::Answer(ring),
        Behaviour::AnswerAndFollow(ring, 486),
    ] {
        let (site, line) = referring(customer).await;
        let id = site.server.api.call_back("desk", "5115").await;
        let notes = site.notes.whole(&id, PATIENCE).await;
        assert_eq!(ended(&notes), "TRANSFERRED_TO_RP");
        assert_eq!(line.calls_to("5100").len(), 1);
        assert!(line.calls_to("5115")[0].over.is_none(), "both talk");
    }
}

#[tokio::test]
async fn a_question_survives_a_crash_of_the_server() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let mut site = Site::start(line.port, &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let question = site.question(1).await;
    site.notes.wait_for(&id, "dial_done", PATIENCE).await;

    site.server.kill_hard().await;
    site.server.restart().await;

    let again = site.question(2).await;
    assert_eq!(again.body, question.body, "the same question and token");
    let cancel = json!({"action": "cancel", "message": "OK"});
    assert_eq!(site.reply(&question, &cancel).await, 200);
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "CANCELLED");
    assert_eq!(line.calls().len(), 1);
}

#[tokio::test]
async fn a_request_does_not_choose_the_plugins_host() {
    let line = answering().await;
    let overwritable = "_overwritable_options = _plugin_on_dial_url";
    let site = Site::start(line.port, &[overwritable]).await;
    let body = json!({"_customer_number": "5115", "_plugin_on_dial_url": "http://10.0.0.1/x"});
    let refused = site.server.api.create("desk", &body).await;
    assert_eq!(refused.body["phrase"], "ADDRESS_NOT_ALLOWED");
}
