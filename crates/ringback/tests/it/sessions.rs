//! Sessions as clients use them: start, event, request, query, terminate, and notifications.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{PATIENCE, Receiver, Reply, Server, until};

use crate::common::{server, site, start_session};

/// Adds up what it is sent and tells the sum when asked.
const COUNTER: &str = r#"<scxml version="1.0" profile="ecmascript" initial="counting"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="sum" expr="1"/><data id="last" expr="'none'"/></datamodel>
  <state id="counting">
    <transition event="add"><assign location="_data.sum" expr="Number(_data.sum) + Number(_event.data.by)"/></transition>
    <transition event="_cbe_on_service_exit" target="told">
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

#[tokio::test]
async fn a_session_is_started_fed_asked_and_looked_at() {
    let site = sessions(COUNTER).await;
    let api = &site.server.api;
    let id = start_session(api, &json!({"src": site.documents.url, "sum": 10})).await;
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
    let id = start_session(
        api,
        &json!({"src": site.documents.url, "idealtime": in_a_second}),
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
async fn a_session_that_waits_for_its_time_never_begins_when_it_is_terminated() {
    let site = sessions(COUNTER).await;
    let api = &site.server.api;
    let in_an_hour = (testkit::unix_seconds() + 3_600) * 1_000;
    let body = json!({"src": site.documents.url, "idealtime": in_an_hour});
    let at = format!("/scxml/session/{}", start_session(api, &body).await);
    let asked = api.get(&format!("{at}/query")).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let ended = api.post(&format!("{at}/terminate"), &json!({})).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    let asked = api.get(&format!("{at}/query")).await;
    assert_eq!(asked.status, 404, "{asked:?}");
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
    let id = start_session(&operator, &json!({"src": documents.url})).await;
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
    let session = start_session(&server.api, &json!({"src": documents.url})).await;
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
    let id = start_session(api, &json!({"src": site.documents.url})).await;
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
    let id = start_session(api, &json!({"src": other.url})).await;
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

/// Says what it sees of the server and of time.
const LOOKS: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <state id="s">
    <transition event="look"><session:response>
      <param name="date" expr="_genesys.session.dateInZone('Pacific/Kiritimati')"/>
      <param name="earlier" expr="_genesys.session.dateInZone('Pacific/Pago_Pago')"/>
      <param name="time" expr="_genesys.session.timeInZone('UTC')"/>
      <param name="special" expr="_genesys.session.isSpecialDay('Days', 'Pacific/Kiritimati')"/>
      <param name="usual" expr="_genesys.session.isSpecialDay('Days', 'Pacific/Pago_Pago')"/>
      <param name="nothing" expr="_genesys.session.isSpecialDay('Nowhere')"/>
      <param name="set" expr="_genesys.session.getConfigOption('callback', '_throttle_ttl_1')"/>
      <param name="default" expr="_genesys.session.getConfigOption('_dial_retry_timeout')"/>
      <param name="unknown" expr="_genesys.session.getConfigOption('callback', '_moon')"/>
      <param name="lookup" expr="_genesys.session.listLookupValue('Days', 'holidays', 'name')"/>
      <param name="seq" expr="_genesys.session.lookupseq.Tenant"/>
      <param name="tenant" expr="_genesys.session.setTenant(_genesys.session.tenant)"/>
      <param name="url" expr="_genesys.session.server.url"/>
      <param name="rtype" expr="_genesys.queue.rType.RouteTypeDefault"/>
      <param name="resource" expr="_genesys.resource.resourceType.AgentGroup"/>
    </session:response></transition>
    <transition event="other" target="t"><log expr="_genesys.session.setTenant('Other')"/></transition>
  </state>
  <state id="t"><transition event="error.script.RangeError" target="refused"/></state>
  <state id="refused"><transition event="zone" target="u"><log expr="_genesys.session.timeInZone('Moon')"/></transition></state>
  <state id="u"><transition event="error.script" target="over"/></state>
  <state id="over"/>
</scxml>"#;

#[tokio::test]
async fn a_session_sees_days_options_and_the_server() {
    let documents = Receiver::start().await;
    documents.answer(|_| Reply::Json(200, LOOKS));
    let server = server(9)
        .set("callback", "_throttle_ttl_1 = 4321")
        .start()
        .await;
    let api = &server.api;
    let id = start_session(api, &json!({"src": documents.url})).await;
    let at = format!("/scxml/session/{id}");
    // Where the day begins first it is another day than where it begins last.
    let seen = api.get(&format!("{at}/request/look")).await.body;
    let first = seen["date"].as_str().unwrap_or_default().to_owned();
    let list = format!("[holidays]\nname = today\n{first} = here\n");
    let path = "/api/v1/transactions/import?name=Days";
    let imported = api.post_bytes(path, "text/plain", list.into()).await;
    assert_eq!(imported.status, 200, "{imported:?}");

    let seen = api.get(&format!("{at}/request/look")).await.body;
    assert_eq!(seen["date"], first, "midnight went by: run it again");
    assert_ne!(seen["earlier"], first, "{seen}");
    assert_eq!(seen["time"].as_str().map(str::len), Some(8), "{seen}");
    assert_eq!(
        (&seen["special"], &seen["usual"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(seen["nothing"], false);
    assert_eq!(
        (&seen["set"], &seen["default"]),
        (&json!("4321"), &json!("300"))
    );
    assert_eq!(seen["unknown"], Value::Null);
    assert_eq!(seen["lookup"], "today");
    assert_eq!(
        (&seen["seq"], &seen["tenant"]),
        (&json!("Tenant"), &json!(true))
    );
    assert_eq!(seen["rtype"], "RouteTypeDefault");
    assert_eq!(seen["resource"], "AgentGroup");
    assert!(
        seen["url"].as_str().unwrap_or_default().starts_with("http"),
        "{seen}"
    );

    for event in ["other", "zone"] {
        api.post(&format!("{at}/event/{event}"), &json!({})).await;
    }
    until("both were refused", PATIENCE, async || {
        let looked = api.get(&format!("{at}/query")).await;
        (looked.body["configuration"] == json!(["over"])).then_some(())
    })
    .await;
}

/// Starts another one far ahead, then wants it earlier.
const PLANS: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="child" expr="'no'"/><data id="at" expr="0"/><data id="rid"/><data id="sid"/></datamodel>
  <state id="s">
    <transition cond="_data.child == 'yes'" target="born"/><transition target="far"/>
  </state>
  <state id="far"><onentry><session:start requestid="_data.rid" srcexpr="__GetDocumentURL()" idealtime="9e15"/></onentry>
    <transition event="error.session.start" target="begins"/></state>
  <state id="begins">
    <onentry><session:start requestid="_data.rid" srcexpr="__GetDocumentURL()" idealtime="Date.now() + 3600000">
      <param name="child" expr="'yes'"/></session:start></onentry>
    <transition event="session.start.done" target="waits"><assign location="_data.sid" expr="_event.data.sessionid"/></transition>
  </state>
  <state id="waits">
    <onentry><session:updatestart sessionid="_data.sid" idealtime="'soon'"/></onentry>
    <transition event="error.session.updatestart" target="earlier"/></state>
  <state id="earlier">
    <onentry><session:updatestart sessionid="_data.sid" idealtime="Date.now() + 300"/></onentry>
    <transition event="session.updatestart.done" target="hopes"/></state>
  <state id="hopes"><transition event="done.start" target="late"/></state>
  <state id="late"><onentry><session:updatestart sessionid="_data.sid" idealtime="Date.now() + 300"/></onentry>
    <transition event="error.session.updatestart" target="done"/></state>
  <state id="done"/>
  <final id="born"/>
</scxml>"#;

#[tokio::test]
async fn a_session_starts_another_one_later_and_then_earlier() {
    let site = sessions(PLANS).await;
    let api = &site.server.api;
    let id = start_session(api, &json!({"src": site.documents.url})).await;
    let at = format!("/scxml/session/{id}/query");
    let mut last = Value::Null;
    until("the other one began and ended", PATIENCE, async || {
        last = api.get(&at).await.body["configuration"].clone();
        (last == json!(["done"])).then_some(())
    })
    .await;
}

/// Delivers twice: what fails for a while, and what never will.
const DELIVERS: &str = r#"<scxml version="1.0" profile="ecmascript" initial="s"
    xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="rid"/></datamodel>
  <state id="s"><onentry><session:fetch requestid="_data.rid" srcexpr="__GetDocumentURL() + '/flaky'" method="'post'"
      gdelivery="true" gd_retries="5" gd_retry_interval="0.05"/></onentry>
    <transition event="session.fetch.done" target="t"/><transition event="error.session.fetch" target="wrong"/></state>
  <state id="t"><onentry><session:fetch requestid="_data.rid" srcexpr="__GetDocumentURL() + '/never'" method="'post'"
      gdelivery="true" gd_retries="2" gd_retry_interval="0.05"/></onentry>
    <transition event="error.session.fetch" cond="_event.data.error == 'http.503'" target="u"/></state>
  <state id="u"><onentry><session:fetch requestid="_data.rid" srcexpr="__GetDocumentURL() + '/no'" method="'post'"
      gdelivery="true" gd_retry_interval="0.05"/></onentry>
    <transition event="error.session.fetch" cond="_event.data.error == 'http.404'" target="over"/></state>
  <state id="over"/><state id="wrong"/>
</scxml>"#;

#[tokio::test]
async fn guaranteed_delivery_tries_again_what_may_pass() {
    let documents = Receiver::start().await;
    let flaky = std::sync::atomic::AtomicU32::new(0);
    documents.answer(move |note| match note.request.rsplit('/').next() {
        Some("flaky") if flaky.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 => {
            Reply::Status(503)
        }
        Some("flaky") => Reply::Json(200, "{}"),
        Some("never") => Reply::Status(503),
        Some("no") => Reply::Status(404),
        _ => Reply::Json(200, DELIVERS),
    });
    let server = server(9).start().await;
    let id = start_session(&server.api, &json!({"src": documents.url})).await;
    let at = format!("/scxml/session/{id}/query");
    until("everything was tried", PATIENCE, async || {
        let looked = server.api.get(&at).await;
        (looked.body["configuration"] == json!(["over"])).then_some(())
    })
    .await;
    let tries = |path: &str| {
        let notes = documents.notes().into_iter();
        notes.filter(|note| note.request.ends_with(path)).count()
    };
    assert_eq!((tries("/flaky"), tries("/never"), tries("/no")), (3, 3, 1));
}
