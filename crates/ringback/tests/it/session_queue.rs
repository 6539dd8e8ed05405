//! Sessions that put their call into a virtual queue: real calls, real phones of agents.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{agents, ended, phone, server, service};

/// What a session tells its documents' server: a request to `/told` with an event each.
const TELLS: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session"
    xmlns:ixn="http://www.genesyslab.com/modules/interaction"
    xmlns:dialog="http://www.genesyslab.com/modules/dialog"
    xmlns:queue="http://www.genesyslab.com/modules/queue">
  <datamodel><data id="_reply_url"/><data id="rid"/><data id="qid"/><data id="res"/></datamodel>
  <parallel>
  <state id="tells">
    <transition event="queue interaction error.queue error.interaction dialog error.script" cond="_event.name != 'interaction.present'">
      <session:fetch srcexpr="__GetDocumentURL() + '/told'" method="'post'" enctype="'application/json'">
        <param name="event" expr="_event.name"/><param name="data" expr="_event.data"/>
      </session:fetch>
    </transition>
  </state>
  <state id="flow" initial="s">
  FLOW
  </state>
  </parallel>
</scxml>"#;

struct Site {
    server: Server,
    notes: Receiver,
    documents: Receiver,
    line: Line,
}

/// A server whose service `desk` asks a document with this flow.
async fn site(flow: &str, behaviour: Behaviour, extra: &[&str]) -> Site {
    let line = Line::start(move |_, _| behaviour).await;
    let (notes, documents) = (Receiver::start().await, Receiver::start().await);
    let page: &'static str = Box::leak(TELLS.replace("FLOW", flow).into_boxed_str());
    documents.answer(move |_| Reply::Json(200, page));
    let server = server(line.port).start().await;
    server
        .api
        .import_agents(&agents(&[("kim", "7001"), ("lee", "7002")]))
        .await;
    let url = format!("_plugin_on_dial_url = {}", documents.url);
    let lines = [
        &[url.as_str(), "_plugin_on_dial_timeout = 60"] as &[&str],
        extra,
    ]
    .concat();
    server
        .api
        .import_services(&service("desk", &notes, &lines))
        .await;
    Site {
        server,
        notes,
        documents,
        line,
    }
}

impl Site {
    fn told(&self) -> Vec<Value> {
        let notes = self.documents.notes().into_iter();
        let told = notes.filter(|note| note.request.contains("/told"));
        told.map(|note| note.body).collect()
    }

    /// The data of an event that the session has had, once it has.
    async fn heard(&self, event: &str) -> Value {
        until(event, PATIENCE, async || {
            let mut told = self.told().into_iter();
            told.find(|told| told["event"] == event)
                .map(|told| told["data"].clone())
        })
        .await
    }

    async fn waits_in(&self, queue: &str) {
        let path = format!("/api/v1/queues/{queue}/load");
        until("somebody waits", PATIENCE, async || {
            (self.server.api.get(&path).await.body["waiting"] == 1).then_some(())
        })
        .await;
    }
}

const TALK: Behaviour = Behaviour::AnswerAndLeave(Duration::ZERO, Duration::from_secs(12));

const ROUTES: &str = r#"
  <state id="s"><transition event="interaction.added" target="q"/></state>
  <state id="q"><onentry>
      <dialog:playsound type="music" interactionid="_genesys.ixn.firstixnid" requestid="_data.rid"/>
      <queue:submit requestid="_data.qid" queue="VQ_Special" priority="50" timeout="40" route="true"
          interactionid="_genesys.ixn.firstixnid">
        <queue:targets><queue:target name="Billing" type="agentgroup" statserver="Stats"/></queue:targets>
      </queue:submit>
    </onentry>
    <transition event="interaction.deleted" target="over"/>
  </state>
  <final id="over"/>"#;

#[tokio::test]
async fn a_session_queues_its_call_and_an_agent_is_connected() {
    testkit::require!(testkit::baresip());
    let mut site = site(ROUTES, TALK, &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let asked = site.heard("queue.submit.requestid").await;
    site.waits_in("VQ_Special").await;
    let _kim = phone(&mut site.server, "kim", "7001", true).await;
    site.server.api.state(&id, "PROCESSING", PATIENCE).await;

    let done = site.heard("queue.submit.done").await;
    assert_eq!(done["requestid"], asked["requestid"]);
    assert_eq!(done["targetselected"], "7001@North");
    assert_eq!(done["targetcomponentselected"], "kim");
    assert_eq!(done["targetobjectselected"], "Billing");
    assert_eq!(done["vqselected"], "VQ_Special");
    assert_eq!(done["resource"]["place"], "Desk_7001");
    site.server.api.agent_state("kim", "talking").await;
    until("the customer hears the agent", PATIENCE, async || {
        (site.line.audio_packets() > 80).then_some(())
    })
    .await;
    let gone = site.heard("interaction.deleted").await;
    assert_eq!(gone["resultof"], "deletion");
    let notes = site.notes.whole(&id, PATIENCE).await;
    let last = notes.last().expect("it has an end");
    assert_eq!(ended(&notes), "AGENT_CONNECTED");
    assert_eq!(last.get("_callback_state"), "COMPLETED");
    let found = notes.iter().find(|note| note.event() == "target_found");
    let found = found.expect("the agent was found");
    assert_eq!(found.body["c_target"]["vq"], "VQ_Special");
    site.server.api.agent_state("kim", "ready").await;
}

const CHOOSES: &str = r#"
  <state id="s"><transition event="interaction.added" target="q"/></state>
  <state id="q"><onentry>
      <queue:submit requestid="_data.qid" queue="'VQ_Special'" route="false">
        <queue:targets>
          <queue:targetid expr="'?:English&gt;50@Stats.GA'"/>
          <queue:targetid expr="'?:English&gt;5@Stats.GA'"/>
        </queue:targets>
      </queue:submit></onentry>
    <transition event="queue.submit.done" target="r">
      <assign location="_data.res" expr="_event.data.resource"/></transition></state>
  <state id="r"><onentry>
      <ixn:redirect requestid="_data.rid" interactionid="_genesys.ixn.firstixnid" from="'5115'" to="_data.res"
        type="_genesys.queue.rType.RouteTypeDefault" hints="{}"/></onentry>
    <transition event="error.interaction.redirect" target="q"/>
    <transition event="interaction.deleted" target="over"/></state>
  <final id="over"/>"#;

#[tokio::test]
async fn a_session_is_told_the_agent_and_redirects_the_call_itself() {
    testkit::require!(testkit::baresip());
    let mut site = site(CHOOSES, TALK, &["_agent_reserve_timeout = 2"]).await;
    // The first one is idle for longest and does not answer.
    let _lee = phone(&mut site.server, "lee", "7002", false).await;
    let _kim = phone(&mut site.server, "kim", "7001", true).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let refused = site.heard("error.interaction.redirect").await;
    assert_eq!(refused["error"], "remote");
    site.server.api.state(&id, "PROCESSING", PATIENCE).await;
    site.heard("interaction.redirect.done").await;
    assert_eq!(site.server.api.agent("lee").await["state"], "not_ready");
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "AGENT_CONNECTED");
}

/// Nobody is there: everything that can be asked about that, then the request is cancelled.
const NOBODY: &str = r#"
  <state id="s"><transition event="interaction.added" target="bad"/></state>
  <state id="bad"><onentry>
      <queue:submit requestid="_data.qid"><queue:targetid expr="'Nobody@Stats.GA'"/></queue:submit></onentry>
    <transition event="error.queue.submit" target="late"/></state>
  <state id="late"><onentry>
      <queue:submit requestid="_data.qid" timeout="1" queue="'VQ_Special'">
        <queue:targetid expr="'Billing@Stats.GA'"/></queue:submit></onentry>
    <transition event="error.queue.submit" target="asks"/></state>
  <state id="asks"><onentry>
      <queue:submit requestid="_data.qid" queue="'VQ_Special'"><queue:targets>
        <queue:targetid expr="'Billing@Stats.GA'"/></queue:targets></queue:submit>
      <send event="'ask'" delay="'200ms'"/></onentry>
    <transition event="ask"><queue:query requestid="_data.qid"/></transition>
    <transition event="queue.query.done" target="counts"/></state>
  <state id="counts"><onentry>
      <session:fetch srcexpr="__GetDocumentURL() + '/told'" method="'post'" enctype="'application/json'">
        <param name="event" expr="'counted'"/>
        <param name="data" expr="({in: _genesys.statistic.sData('VQ_Special@North.Q', 'StatCallsInQueue'),
          ready: _genesys.statistic.sData('Billing@Stats.GA', 'RStatAgentsReadyvoice'),
          total: _genesys.statistic.sData('?:English&gt;5@Stats.GA', 'RStatAgentsTotal')})"/>
      </session:fetch>
      <queue:cancel requestid="_data.qid"/></onentry>
    <transition event="queue.cancel.done" target="again"/></state>
  <state id="again"><onentry><queue:cancel requestid="_data.qid"/></onentry>
    <transition event="error.queue.cancel" target="wrong"/></state>
  <state id="wrong"><onentry><assign location="_data.rid" expr="_genesys.statistic.sData('x', 'Moon')"/></onentry>
    <transition event="error.script" target="letgo"/></state>
  <state id="letgo"><onentry><ixn:detach requestid="_data.rid"/></onentry>
    <transition event="interaction.detach.done" target="reply"/></state>
  <state id="reply"><onentry>
    <session:fetch srcexpr="_data._reply_url" method="'post'"><param name="action" expr="'cancel'"/>
      <param name="message" expr="'OK'"/></session:fetch></onentry></state>"#;

#[tokio::test]
async fn a_session_waits_in_vain_asks_and_takes_its_call_back() {
    let site = site(NOBODY, TALK, &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "CANCELLED");
    let errors: Vec<Value> = (site.told().into_iter())
        .filter(|told| told["event"] == "error.queue.submit")
        .map(|told| told["data"]["error"].clone())
        .collect();
    assert_eq!(errors, [json!("invalidtarget"), json!("timeout")]);
    let place = site.heard("queue.query.done").await;
    assert_eq!(
        (&place["position"], &place["waiting"]),
        (&json!(1), &json!(1))
    );
    let counted = site.heard("counted").await;
    assert_eq!(counted, json!({"in": 1, "ready": 0, "total": 0}));
    assert_eq!(site.heard("error.queue.cancel").await["error"], "unknown");
}

#[tokio::test]
async fn a_customer_who_leaves_the_queue_frees_the_agent_who_is_called() {
    testkit::require!(testkit::baresip());
    let talk = Duration::from_secs(4);
    let leaves = Behaviour::AnswerAndLeave(Duration::ZERO, talk);
    let mut site = site(ROUTES, leaves, &["_max_dial_attempts = 1"]).await;
    let _kim = phone(&mut site.server, "kim", "7001", false).await;
    let id = site.server.api.call_back("desk", "5115").await;
    site.server.api.agent_state("kim", "ringing").await;
    site.heard("interaction.deleted").await;
    site.server.api.agent_state("kim", "ready").await;
    // Its session ended without an answer: the callback waits for one until the time is over.
    let record = site.server.api.record(&id).await;
    assert_eq!(record["_callback_state"], "QUEUED");
}
