//! Services that a document of the operator's runs instead of the built-in flow.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Behaviour, Line, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{agents, ended, phone, server, story};

/// Tells what it was given, sets the state of its callback, and ends with a reason when it is told.
const STRATEGY: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="_service_id"/><data id="_customer_number"/><data id="_own"/><data id="topic"/>
    <data id="_user_data"/><data id="api"/><data id="rid"/><data id="why"/></datamodel>
  <state id="s"><onentry>
      <session:fetch requestid="_data.rid" srcexpr="__GetDocumentURL() + '/begun'" method="'post'" enctype="'application/json'">
        <param name="id" expr="_data._service_id"/><param name="number" expr="_data._customer_number"/>
        <param name="own" expr="_data._own"/><param name="topic" expr="_data.topic"/>
        <param name="data" expr="_data._user_data"/><param name="password" expr="typeof _data.password"/>
        <param name="session" expr="_sessionid"/>
      </session:fetch></onentry>
    <transition event="work" target="works"/>
    <transition event="give_up" target="over"/>
  </state>
  <state id="works"><onentry>
      <session:fetch requestid="_data.rid" method="'put'" username="'desk'" password="'secret'" enctype="'application/json'"
          srcexpr="_data.api + '/genesys/1/service/callback/custom/' + _data._service_id">
        <param name="_callback_state" expr="'PROCESSING'"/></session:fetch></onentry>
    <transition event="finish" target="over"><assign location="_data.why" expr="_event.data.reason"/></transition>
  </state>
  <final id="over"><donedata><param name="_callback_reason" expr="_data.why"/></donedata></final>
</scxml>"#;

struct Site {
    server: Server,
    notes: Receiver,
    documents: Receiver,
}

async fn site(document: &'static str, extra: &str) -> Site {
    let (notes, documents) = (Receiver::start().await, Receiver::start().await);
    documents.answer(move |_| Reply::Json(200, document));
    let server = server(9)
        .set("callback", "_fetch_retry_delay = 1")
        .set("callback", "_fetch_retry_attempt = 2")
        .start()
        .await;
    let text = format!(
        "[service.custom]\n_type = ors\n_service = {}\n_service_type = callback\n_own = 7\n\
         username = desk\npassword = secret\n_enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n_status_notification_target = {}\n{extra}\n",
        documents.url, notes.url
    );
    let report = server.api.import_services(&text).await;
    let told = report.to_string();
    for word in ["NOT_BUILT_YET", "MANDATORY_MISSING"] {
        assert!(!told.contains(word), "{told}");
    }
    Site {
        server,
        notes,
        documents,
    }
}

impl Site {
    fn desk(&self) -> Api {
        self.server.api.login("desk", "secret")
    }

    async fn create(&self) -> String {
        let body = json!({"_customer_number": "5115", "topic": "refund", "_own": "9",
            "api": self.server.url()});
        let created = self.desk().create("custom", &body).await;
        assert_eq!(created.status, 200, "{created:?}");
        created.body["_id"].as_str().unwrap_or_default().to_owned()
    }

    /// What the documents of a callback said when they began, once so many have.
    async fn begun(&self, id: &str, count: usize) -> Value {
        until("the document runs", PATIENCE, async || {
            let notes = self.documents.notes().into_iter();
            let mut told = notes
                .filter(|note| note.request.ends_with("/begun") && note.body["id"] == id)
                .map(|note| note.body);
            told.nth(count - 1)
        })
        .await
    }

    async fn tell(&self, session: &Value, event: &str, data: Value) {
        let session = session.as_str().unwrap_or_default();
        let path = format!("/scxml/session/{session}/event/{event}");
        let answer = self.server.api.post(&path, &data).await;
        assert_eq!(answer.status, 200, "{event}: {answer:?}");
    }

    async fn is_gone(&self, session: &Value) {
        let session = session.as_str().unwrap_or_default();
        let path = format!("/scxml/session/{session}/query");
        until("its session is over", PATIENCE, async || {
            (self.server.api.get(&path).await.status == 404).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_document_runs_callbacks_and_gives_the_reason() {
    let site = site(STRATEGY, "").await;
    let id = site.create().await;
    let given = site.begun(&id, 1).await;
    let wanted = [("number", "5115"), ("own", "7"), ("topic", "refund")];
    for (key, value) in wanted {
        assert_eq!(given[key], value, "{given}");
    }
    assert_eq!(given["data"]["topic"], "refund");
    assert_eq!(given["password"], "undefined");
    let record = site.desk().record(&id).await;
    assert_eq!(record["_callback_state"], "QUEUED");
    let events = site.server.api.events(&id).await;
    let created = events
        .iter()
        .find(|e| e["event_id"] == "_cbe_on_service_create");
    let created = created.expect("its session has begun");
    assert_eq!(created["data"]["session"], given["session"]);

    site.tell(&given["session"], "work", json!({})).await;
    site.desk().state(&id, "PROCESSING", PATIENCE).await;
    let reason = json!({"reason": "AGENT_CONNECTED"});
    site.tell(&given["session"], "finish", reason).await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(story(&notes), ["service_create", "service_exit"]);
    let end = notes[1].get("c_termination_type");
    assert_eq!(end, "COMPLETED.AGENT_CONNECTED");
    site.is_gone(&given["session"]).await;

    // A document that ends without a reason.
    let id = site.create().await;
    let given = site.begun(&id, 1).await;
    site.tell(&given["session"], "give_up", json!({})).await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    let end = notes[1].get("c_termination_type");
    assert_eq!(end, "COMPLETED.NOT_AVAILABLE");
}

#[tokio::test]
async fn a_document_ends_with_its_callback() {
    let site = site(STRATEGY, "_ttl = 3").await;
    let cancelled = site.create().await;
    let given = site.begun(&cancelled, 1).await;
    let answer = site.desk().cancel("custom", &cancelled).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    site.is_gone(&given["session"]).await;
    let late = site.create().await;
    let given = site.begun(&late, 1).await;
    let notes = site.notes.whole(&late, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_TIMEOUT_TTL");
    site.is_gone(&given["session"]).await;
}

#[tokio::test]
async fn a_document_that_cannot_be_loaded_fails_the_submission() {
    let site = site("<scxml", "").await;
    let id = site.create().await;
    until("it is over", PATIENCE, async || {
        let native = format!("/api/v1/callbacks/{id}");
        let record = site.server.api.get(&native).await.body;
        (record["_callback_reason"] == "FAIL_QUEUEING").then_some(())
    })
    .await;
    let events = site.server.api.events(&id).await;
    let failed = events
        .iter()
        .filter(|e| e["event_id"] == "_cbe_on_callback_submit_failed");
    assert_eq!(failed.count(), 3);
    assert!(site.notes.notes().is_empty(), "no session ran");
}

#[tokio::test]
async fn a_document_begins_anew_after_a_crash() {
    let mut site = site(STRATEGY, "").await;
    let id = site.create().await;
    let first = site.begun(&id, 1).await;
    site.server.kill_hard().await;
    site.server.restart().await;
    let second = site.begun(&id, 2).await;
    assert_ne!(first["session"], second["session"]);
    let reason = json!({"reason": "AGENT_CONNECTED"});
    site.tell(&second["session"], "work", json!({})).await;
    site.tell(&second["session"], "finish", reason).await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    let mut told = story(&notes);
    // What the crash cut off is told again: at least once.
    told.dedup();
    assert_eq!(told, ["service_create", "service_exit"]);
}

#[tokio::test]
async fn an_unmarked_document_takes_no_callbacks() {
    let site = site(STRATEGY, "").await;
    let text = format!(
        "[service.plain]\n_type = ors\n_service = {}\n",
        site.documents.url
    );
    let report = site.server.api.import_services(&text).await;
    assert!(report.to_string().contains("_service_type"), "{report}");
    let body = json!({"_customer_number": "5115"});
    let refused = site.server.api.create("plain", &body).await;
    assert_eq!(refused.status, 404, "{refused:?}");
}

const CALLS: &str = include_str!("../../../../examples/strategies/call_and_queue.scxml");

/// A server whose service `custom` calls the customer and queues the call by its document.
async fn calling(behaviour: Behaviour) -> (Server, [Receiver; 2], Line) {
    let line = Line::start(move |_, _| behaviour).await;
    let (notes, documents) = (Receiver::start().await, Receiver::start().await);
    documents.answer(|_| Reply::Json(200, CALLS));
    let server = server(line.port).start().await;
    let staff = agents(&[("kim", "7001")]);
    server.api.import_agents(&staff).await;
    let text = format!(
        "[service.custom]\n_type = ors\n_service = {}\n_service_type = callback\n\
         _urs_virtual_queue = VQ_Own\n_target = Billing@Stats.GA\nown_caller_id = 4930555010\n\
         _enable_status_notification = subscribe_notify\n_status_notification_type = httpcb\n\
         _status_notification_target = {}\n",
        documents.url, notes.url
    );
    server.api.import_services(&text).await;
    (server, [notes, documents], line)
}

#[tokio::test]
async fn a_document_calls_the_customer_and_an_agent_of_a_queue_takes_the_call() {
    testkit::require!(testkit::baresip());
    let talk = Behaviour::AnswerAndLeave(Duration::from_millis(300), Duration::from_secs(12));
    let (mut server, [notes, _documents], line) = calling(talk).await;
    let id = server.api.call_back("custom", "5115").await;
    until("the call waits", PATIENCE, async || {
        let load = server.api.get("/api/v1/queues/VQ_Own/load").await;
        (load.body["waiting"] == 1).then_some(())
    })
    .await;
    assert_eq!(line.calls_to("5115").len(), 1);
    let _kim = phone(&mut server, "kim", "7001", true).await;
    server.api.agent_state("kim", "talking").await;
    let before = line.audio_packets();
    until("the customer hears the agent", PATIENCE, async || {
        (line.audio_packets() > before + 50).then_some(())
    })
    .await;
    let told = notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&told), "AGENT_CONNECTED");
    server.api.agent_state("kim", "ready").await;
}

#[tokio::test]
async fn a_customer_who_leaves_a_placed_call_frees_the_agent() {
    testkit::require!(testkit::baresip());
    let leaves = Behaviour::AnswerAndLeave(Duration::ZERO, Duration::from_secs(3));
    let (mut server, [notes, _documents], _line) = calling(leaves).await;
    let _kim = phone(&mut server, "kim", "7001", false).await;
    let id = server.api.call_back("custom", "5115").await;
    server.api.agent_state("kim", "ringing").await;
    let told = notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&told), "FAIL_INTERACTION_DELETED");
    server.api.agent_state("kim", "ready").await;
}

#[tokio::test]
async fn a_customer_who_is_busy_ends_the_document_with_its_reason() {
    let busy = Behaviour::Refuse(Duration::ZERO, 486);
    let (server, [notes, _documents], _line) = calling(busy).await;
    let id = server.api.call_back("custom", "5115").await;
    let told = notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&told), "FAIL_CALL_TO_CUSTOMER");
}
