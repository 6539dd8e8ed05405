//! Sessions as clients use them: start, event, request, query, terminate, and notifications.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{server, site};

/// Adds up what it is sent and tells the sum when asked.
const COUNTER: &str = r#"<scxml version="1.0" profile="ecmascript" initial="counting"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="sum" expr="1"/><data id="last" expr="'none'"/></datamodel>
  <state id="counting">
    <transition event="add"><assign location="_data.sum" expr="Number(_data.sum) + Number(_event.data.by)"/></transition>
    <transition event="_cbe_on_service_exit" target="told">
      <assign location="_data.last" expr="_event.data.c_target_type + ' ' + typeof _event.data.c_call_num_attempt"/>
      <assign location="_data.last" expr="_event.data._service_id"/>
    </transition>
    <transition event="sum"><session:response><param name="sum" expr="Number(_data.sum)"/></session:response></transition>
    <transition event="finish" target="over"/>
  </state>
  <state id="told">
    <transition event="who"><session:response><param name="who" expr="_data.last"/></session:response></transition>
  </state>
  <final id="over"/>
</scxml>"#;

struct Site {
    server: Server,
    documents: Receiver,
}

async fn sessions(document: &'static str) -> Site {
    let documents = Receiver::start().await;
    documents.answer(move |_| Reply::Json(200, document));
    let server = server(9).start().await;
    Site { server, documents }
}

async fn start(api: &Api, body: Value) -> String {
    let answer = api.post("/scxml/session/start", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.body["sessionId"].as_str().unwrap_or_default();
    assert_eq!(id.len(), 26, "{answer:?}");
    id.to_owned()
}

#[tokio::test]
async fn a_session_is_started_fed_asked_and_looked_at() {
    let site = sessions(COUNTER).await;
    let api = &site.server.api;
    let id = start(api, json!({"src": site.documents.url, "sum": 10})).await;
    let at = format!("/scxml/session/{id}");

    let query = format!("{at}/event/add?by=5");
    assert_eq!(api.post(&query, &json!({})).await.body, json!({}));
    let body = json!({"by": 7});
    assert_eq!(
        api.post(&format!("{at}/event/add"), &body).await.status,
        200
    );

    let asked = api.get(&format!("{at}/request/sum")).await;
    assert_eq!((asked.status, &asked.body), (200, &json!({"sum": 22})));
    let asked = api.post(&format!("{at}/request/sum"), &json!({})).await;
    assert_eq!((asked.status, &asked.body), (200, &json!({"sum": 22})));

    let looked = api.get(&format!("{at}/query")).await;
    assert_eq!(looked.status, 200, "{looked:?}");
    assert_eq!(looked.body["configuration"], json!(["counting"]));
    assert!(
        looked.body["heap_bytes"].as_u64().unwrap_or(0) > 0,
        "{looked:?}"
    );

    // The session ends while a request waits: nobody answers it any more.
    let finish = api.get(&format!("{at}/request/finish")).await;
    assert_eq!(finish.status, 504, "{finish:?}");
    assert_eq!(api.get(&format!("{at}/query")).await.status, 404);
}

#[tokio::test]
async fn a_session_is_terminated_and_then_unknown() {
    let site = sessions(COUNTER).await;
    let api = &site.server.api;
    let form = format!("src={}&sum=3", site.documents.url);
    let kind = "application/x-www-form-urlencoded";
    let started = api
        .post_bytes("/scxml/session/start", kind, form.into())
        .await;
    let id = started.body["sessionId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let at = format!("/scxml/session/{id}");
    let asked = api.get(&format!("{at}/request/sum")).await;
    assert_eq!(asked.body, json!({"sum": 3}), "a form's values are texts");

    let ended = api.post(&format!("{at}/terminate"), &json!({})).await;
    assert_eq!((ended.status, &ended.body), (200, &json!({})));
    until("it is gone", PATIENCE, async || {
        (api.get(&format!("{at}/query")).await.status == 404).then_some(())
    })
    .await;
    for path in ["event/add", "request/sum", "terminate"] {
        let answer = api.post(&format!("{at}/{path}"), &json!({})).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_session_begins_at_the_time_it_is_given() {
    let site = sessions(COUNTER).await;
    let api = &site.server.api;
    // The next second but one.
    let in_a_second = (testkit::unix_seconds() + 2) * 1_000;
    let id = start(
        api,
        json!({"src": site.documents.url, "idealtime": in_a_second}),
    )
    .await;
    let at = format!("/scxml/session/{id}");
    let looked = api.get(&format!("{at}/query")).await;
    assert_eq!(looked.body, json!({"sessionId": id}), "it waits");
    let begun = testkit::now();
    // What comes before waits for the start.
    let asked = api.get(&format!("{at}/request/sum")).await;
    assert_eq!(asked.body, json!({"sum": 1}));
    assert!(
        begun.elapsed() > Duration::from_millis(300),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn bad_input_starts_nothing() {
    let site = sessions(COUNTER).await;
    let api = &site.server.api;
    let url = site.documents.url.as_str();
    let far = i64::MAX.to_string();
    let closed = "http://127.0.0.1:9/x.scxml";
    let cases = [
        (json!({}), 400),
        (json!({"src": ""}), 400),
        (json!({"src": "plugin.scxml"}), 502),
        (json!({"src": "file:///etc/passwd"}), 502),
        (json!({"src": "http://169.254.169.254/latest"}), 502),
        (json!({"src": closed}), 502),
        (json!({"src": url, "idealtime": "tomorrow"}), 400),
        (json!({"src": url, "idealtime": far}), 400),
    ];
    for (body, status) in cases {
        let answer = api.post("/scxml/session/start", &body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    let answer = api
        .post_bytes("/scxml/session/start", "application/json", b"{".to_vec())
        .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    for document in [
        "<scxml",
        "<html/>",
        "",
        "\u{0}",
        r#"<scxml xmlns="http://www.w3.org/2005/07/scxml"><state id="a"><transition target="nowhere"/></state></scxml>"#,
    ] {
        let site = sessions(document).await;
        let body = json!({"src": site.documents.url});
        let answer = site.server.api.post("/scxml/session/start", &body).await;
        assert_eq!(answer.status, 400, "{document}: {answer:?}");
    }
    let answer = api.get("/scxml/session/nobody/query").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let long = "x".repeat(5_000);
    for path in [
        format!("{long}/event/a"),
        format!("nobody/event/{long}"),
        "%00/event/%00".to_owned(),
    ] {
        let answer = api
            .post(&format!("/scxml/session/{path}"), &json!({}))
            .await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
}

#[tokio::test]
async fn starting_needs_an_operator_and_an_event_only_the_id() {
    let documents = Receiver::start().await;
    documents.answer(|_| Reply::Json(200, COUNTER));
    let server = server(9)
        .set("server", "username = \"operator\"")
        .set("server", "password = \"pass\"")
        .start()
        .await;
    let operator = server.api.login("operator", "pass");
    let id = start(&operator, json!({"src": documents.url})).await;
    let anybody = &server.api;
    let at = format!("/scxml/session/{id}");
    for path in ["/scxml/session/start".to_owned(), format!("{at}/terminate")] {
        let answer = anybody.post(&path, &json!({"src": "x"})).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
    assert_eq!(anybody.get(&format!("{at}/query")).await.status, 401);
    let event = anybody
        .post(&format!("{at}/event/add?by=1"), &json!({}))
        .await;
    assert_eq!(event.status, 200, "{event:?}");
}

#[tokio::test]
async fn notifications_reach_a_session_of_this_server() {
    let line = testkit::Line::start(|_, _| testkit::Behaviour::Refuse(Duration::ZERO, 486)).await;
    let documents = Receiver::start().await;
    documents.answer(|_| Reply::Json(200, COUNTER));
    let notes = Receiver::start().await;
    let server = site(line.port, &notes, &["_max_dial_attempts = 1"]).await;
    let session = start(&server.api, json!({"src": documents.url})).await;
    let body = json!({
        "_customer_number": "5115", "_status_notification_type": "orscb",
        "_status_notification_target": session,
    });
    let created = server.api.create("desk", &body).await;
    assert_eq!(created.status, 200, "{created:?}");
    let id = created.body["_id"].as_str().unwrap_or_default().to_owned();
    let told = until("the session was told", PATIENCE, async || {
        let looked = server
            .api
            .get(&format!("/scxml/session/{session}/query"))
            .await;
        (looked.body["configuration"] == json!(["told"])).then_some(())
    });
    told.await;
    let asked = server
        .api
        .get(&format!("/scxml/session/{session}/request/who"))
        .await;
    assert_eq!(asked.body, json!({"who": id}));
    let deliveries = server.api.deliveries(&id).await;
    assert!(!deliveries.is_empty());
    assert!(notes.notes().is_empty(), "nobody else is told");
}

/// Starts a session of itself, is told of its end, and says what it sees of lists and times.
const FAMILY: &str = r#"<scxml version="1.0" profile="ecmascript" initial="begin"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="child"/><data id="src"/><data id="seen"/><data id="rid"/></datamodel>
  <state id="begin">
    <transition cond="_data.child == 'yes'" target="born"/>
    <transition target="parent"/>
  </state>
  <state id="born"><transition event="grow" target="grown"/></state>
  <state id="parent">
    <onentry><session:start requestid="_data.rid" srcexpr="_data.src"><param name="child" expr="'yes'"/></session:start></onentry>
    <transition event="session.start.done" cond="_event.data.requestid == _data.rid" target="waits">
      <assign location="_data.seen" expr="_event.data.sessionid"/></transition>
    <transition event="error.session.start" target="sad"/>
  </state>
  <state id="waits">
    <onentry><session:terminate sessionid="_data.seen"/></onentry>
    <transition event="done.start.*" cond="_event.name == 'done.start.' + _data.seen" target="told"/>
  </state>
  <state id="told">
    <transition event="look"><session:response>
      <param name="value" expr="_genesys.session.getListItemValue('Colours', 'wall', 'paint')"/>
      <param name="section" expr="_genesys.session.getListItemValue('Colours', 'wall')"/>
      <param name="none" expr="_genesys.session.getListItemValue('Colours', 'roof', 'paint')"/>
      <param name="day" expr="_genesys.session.dayInZone('Europe/Berlin')"/>
      <param name="state" expr="_genesys.ixn.callState[9]"/>
      <param name="busy" expr="_genesys.ixn.callState.Busy"/>
    </session:response></transition>
    <transition event="touch" target="told"><log expr="_genesys.ixn.interactions['x'].udata"/></transition>
    <transition event="error.*" target="erred"/>
  </state>
  <state id="erred"><transition event="why"><session:response><param name="why" expr="'touched'"/></session:response></transition></state>
  <state id="sad"/><final id="grown"/>
</scxml>"#;

#[tokio::test]
async fn sessions_start_others_hear_of_their_end_and_read_lists() {
    let site = sessions(FAMILY).await;
    let api = &site.server.api;
    let list = b"[wall]\npaint = green\ncoats = 2\n".to_vec();
    let path = "/api/v1/transactions/import?name=Colours";
    let imported = api.post_bytes(path, "text/plain", list).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    let id = start(api, json!({"src": site.documents.url})).await;
    // `src` starts the session and is no parameter of it.
    let at = format!("/scxml/session/{id}");
    until("it could not start another one", PATIENCE, async || {
        let looked = api.get(&format!("{at}/query")).await;
        (looked.body["configuration"] == json!(["sad"])).then_some(())
    })
    .await;

    let page: &'static str = Box::leak(
        FAMILY
            .replace("_data.src\"", &format!("'{}'\"", site.documents.url))
            .into_boxed_str(),
    );
    let other = Receiver::start().await;
    other.answer(move |_| Reply::Json(200, page));
    let id = start(api, json!({"src": other.url})).await;
    let at = format!("/scxml/session/{id}");
    until("it was told of the end", PATIENCE, async || {
        let looked = api.get(&format!("{at}/query")).await;
        (looked.body["configuration"] == json!(["told"])).then_some(())
    })
    .await;
    let seen = api.get(&format!("{at}/request/look")).await.body;
    assert_eq!(seen["value"], "green", "{seen}");
    assert_eq!(seen["section"], json!({"paint": "green", "coats": "2"}));
    assert_eq!(seen["none"], Value::Null);
    assert!(
        seen["day"].as_str().unwrap_or_default().ends_with("day"),
        "{seen}"
    );
    assert_eq!(seen["state"], "AnsweringMachineDetected", "{seen}");
    assert_eq!(seen["busy"], 6, "{seen}");
    let touched = api.post(&format!("{at}/event/touch"), &json!({})).await;
    assert_eq!(touched.status, 200);
    let asked = api.get(&format!("{at}/request/why")).await;
    assert_eq!(asked.body, json!({"why": "touched"}), "no crash");
}
