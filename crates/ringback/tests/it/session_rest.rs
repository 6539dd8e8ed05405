//! The rest of what documents of the original use: types of calls, caches, redirects, requests by
//! id, messages to modules, the `BasicHTTP` processor, dialects.

use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, Page, Receiver, Reply, until};

use crate::common::{server, service};
use crate::stage::Stage;

#[tokio::test]
async fn calls_have_types_and_so_have_redirections() {
    let line = Line::start(|_, _| Behaviour::Answer(std::time::Duration::ZERO)).await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let stage = Stage::new(builder).await;
    let states = r#"<state id="work">
  <transition event="make"><ixn:createcall from="'4930555010'" to="_event.data.to" type="_event.data.type"/></transition>
  <transition event="interaction.added"><assign location="_data.id" expr="_event.data.interactionid"/></transition>
  <transition event="send"><ixn:redirect interactionid="_data.id" to="_event.data.to"
     type="_genesys.queue.rType[_event.data.type]"/></transition>
  <transition event="strange"><ixn:redirect interactionid="_data.id" to="'5100'" type="'RouteTypeMoon'"/></transition>
  <transition event="about"><session:response><param name="ixn" expr="_genesys.ixn.interactions[_data.id]"/></session:response></transition>
</state>"#;
    let session = stage.session(states).await;
    let make = async |to: &str, kind: &str| {
        stage
            .send(&session, "make", &json!({"to": to, "type": kind}))
            .await;
    };
    make("5115", "priority").await;
    let _present = stage.event("interaction.present", 1).await;
    let call = line.calls_to("5115").remove(0);
    assert_eq!(call.header("X-Genesys-CallType"), "priority");
    let path = format!("/scxml/session/{session}/request/about");
    let about = stage.server.api.get(&path).await.body["ixn"].clone();
    assert_eq!(about["xdata"]["calltype"], "priority");

    // Only agents, and people at phones of this server.
    for (n, kind) in ["agent", "agentpriority", "supervisor"].iter().enumerate() {
        make("5116", kind).await;
        let error = stage.error("error.voice.createcall", n + 1).await;
        assert_eq!(error, "invaliddestination", "{kind}");
    }
    make("5116", "sideways").await;
    assert_eq!(stage.error("error.voice.createcall", 4).await, "unknown");

    let send = async |to: &str, kind: &str| {
        stage
            .send(&session, "send", &json!({"to": to, "type": kind}))
            .await;
    };
    send("5100", "RouteTypeDirectAgent").await;
    assert_eq!(
        stage.error("error.interaction.redirect", 1).await,
        "invaliddestination"
    );
    let back = stage.event("interaction.onrouterequest", 1).await;
    assert_eq!(back["interactionid"], about["g_uid"]);
    stage.send(&session, "strange", &json!({})).await;
    assert_eq!(
        stage.error("error.interaction.redirect", 2).await,
        "invalidattribute"
    );
    send("5100", "RouteTypeDirectPriority").await;
    let _done = stage.event("interaction.redirect.done", 1).await;

    make("5117", "").await;
    let _present = stage.event("interaction.present", 2).await;
    send("", "RouteTypeCallDisconnect").await;
    let _done = stage.event("interaction.redirect.done", 2).await;
    until("the call is over", PATIENCE, async || {
        line.calls_to("5117")[0].over.is_some().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_fetch_says_what_may_be_old_and_follows_redirects() {
    let shop = Receiver::start().await;
    shop.answer(|note| match note.request.rsplit('/').next() {
        Some("moved") => Reply::Redirect(307, "/there"),
        Some("seen") => Reply::Redirect(303, "/there"),
        Some("round") => Reply::Redirect(302, "/round"),
        Some("metadata") => Reply::Redirect(302, "http://169.254.169.254/latest"),
        _ => Reply::Json(200, "{\"ok\":1}"),
    });
    let stage = Stage::new(server(9)).await;
    let states = r#"<state id="work">
  <transition event="get"><session:fetch requestid="_data.rid" srcexpr="_event.data.url" method="_event.data.method" type="'application/json'"
     maxage="60" maxstale="5" enctype="'application/json'" headers="({'x-key': 'k'})"><param name="a" expr="'1'"/></session:fetch></transition>
  <transition event="session.fetch error.session.fetch" cond="_event.data.requestid == _data.rid">
     <raise event="fetched"><param name="is" expr="_event.data"/></raise></transition>
</state>"#;
    let session = stage.session(states).await;
    let mut n = 0;
    let mut get = async |path: &str, method: &str| {
        let url = format!("{}{path}", shop.url);
        stage
            .send(&session, "get", &json!({"url": url, "method": method}))
            .await;
        n += 1;
        stage.event("fetched", n).await["is"].clone()
    };
    let done = get("/plain", "get").await;
    assert_eq!(done["content"], "{\"ok\":1}");
    let note = shop.notes().remove(0);
    assert_eq!(note.header("cache-control"), "max-age=60, max-stale=5");
    assert_eq!(note.header("accept"), "application/json");
    assert_eq!(note.header("x-key"), "k");
    for (path, request, body) in [("/moved", "POST /there", "1"), ("/seen", "GET /there", "")] {
        assert_eq!(get(path, "post").await["content"], "{\"ok\":1}");
        let last = shop.notes().pop().expect("it came");
        assert_eq!(last.request, request);
        assert_eq!(last.get("a"), body, "{path}");
    }
    let round = get("/round", "post").await;
    assert!(
        round["description"]
            .as_str()
            .unwrap_or_default()
            .contains("5 redirects"),
        "{round}"
    );
    let rounds = shop
        .notes()
        .into_iter()
        .filter(|note| note.request.ends_with("/round"));
    assert_eq!(rounds.count(), 6);
    let refused = get("/metadata", "post").await;
    assert_eq!(refused["error"], "unknown", "{refused}");
}

#[tokio::test]
async fn requests_are_answered_by_their_ids_and_messages_reach_modules() {
    let stage = Stage::new(server(9)).await;
    let states = r#"<state id="work">
  <transition event="first"><assign location="_data.id" expr="_event.sendid"/></transition>
  <transition event="second"><response requestid="_event.sendid"><param name="n" expr="2"/></response>
    <response requestid="_data.id"><param name="n" expr="1"/></response></transition>
  <transition event="module"><send idlocation="_data.rid" type="'fm'" target="'session'" event="'session.fetch'">
    <param name="src" expr="'WEB/said'"/></send>
    <send type="'fm'" target="'http://www.genesyslab.com/modules/agent'" event="'login'"/></transition>
  <transition event="session.fetch.done" cond="_event.data.requestid == _data.rid"><raise event="fetched"><param name="text" expr="_event.data.content"/></raise></transition>
</state>"#;
    let _url = stage.web.put("/said", Page::new("text/plain", "hello"));
    let session = stage.session(states).await;
    let at = |name: &str| format!("/scxml/session/{session}/request/{name}");
    let (first, second) = (at("first"), at("second"));
    let later = async {
        // The second comes when the first one waits.
        let _heard = stage.event("first", 1).await;
        stage.server.api.get(&second).await
    };
    let (first, second) = tokio::join!(stage.server.api.get(&first), later);
    assert_eq!(
        (&first.body["n"], &second.body["n"]),
        (&json!(1), &json!(2))
    );
    stage.send(&session, "module", &json!({})).await;
    assert_eq!(stage.event("fetched", 1).await["text"], "hello");
    assert_eq!(stage.error("error.agent.login", 1).await, "notsupported");
}

const STRICT: &str = r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" datamodel="ecmascript" name="strict" initial="s">
  <datamodel><data id="way" expr="_ioprocessors['http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor'].location"/>
    <data id="heard" expr="[]"/></datamodel>
  <state id="s">
    <transition event="way"><send event="mine" type="http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor" targetexpr="way">
      <param name="n" expr="7"/></send></transition>
    <transition event="mine posted"><script>heard.push([_event.name, _event.data.n, _event.origintype])</script></transition>
    <transition event="done" cond="heard.length == 2" target="both"/>
  </state>
  <state id="both"><transition event="*"/></state>
</scxml>"#;

#[tokio::test]
async fn a_session_is_reached_by_basic_http_at_the_address_it_tells() {
    let stage = Stage::new(server(9)).await;
    let src = stage
        .web
        .put("/strict.scxml", Page::new("application/scxml+xml", STRICT));
    let answer = stage
        .server
        .api
        .post("/scxml/session/start", &json!({"src": src}))
        .await;
    let id = answer.body["sessionId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let path = format!("/scxml/basichttp/{id}?_scxmleventname=posted&n=1");
    let posted = stage.server.api.post(&path, &json!({"n": 1})).await;
    assert_eq!(posted.status, 200, "{posted:?}");
    stage.send(&id, "way", &json!({})).await;
    let at = format!("/scxml/session/{id}/query");
    until("both came", PATIENCE, async || {
        stage.send(&id, "done", &json!({})).await;
        let looked = stage.server.api.get(&at).await;
        (looked.body["configuration"] == json!(["both"])).then_some(())
    })
    .await;
    let nobody = stage
        .server
        .api
        .post("/scxml/basichttp/NOBODY", &json!({}))
        .await;
    assert_eq!(nobody.status, 404);
}

/// In the draft the event of a send is an expression, in the Recommendation a name.
const EITHER: &str = r#"<scxml xmlns="http://www.w3.org/2005/07/scxml" initial="s">
  <state id="s"><onentry><send event="in_strict"/></onentry>
    <transition event="in_strict" target="strict"/><transition event="error" target="draft"/></state>
  <state id="strict"/><state id="draft"/></scxml>"#;

#[tokio::test]
async fn a_service_and_a_client_choose_the_dialect_of_a_document() {
    let line = Line::start(|_, _| Behaviour::Refuse(std::time::Duration::ZERO, 486)).await;
    let stage = Stage::new(server(line.port)).await;
    let src = stage
        .web
        .put("/either.scxml", Page::new("application/scxml+xml", EITHER));
    let start = async |more: Value| {
        let mut body = json!({"src": src});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        stage.server.api.post("/scxml/session/start", &body).await
    };
    for (more, state) in [
        (json!({}), "strict"),
        (json!({"rb.scxml_dialect": "ors2009"}), "draft"),
        (json!({"rb.scxml_dialect": "w3c10"}), "strict"),
    ] {
        let answer = start(more).await;
        let id = answer.body["sessionId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let at = format!("/scxml/session/{id}/query");
        until(state, PATIENCE, async || {
            let looked = stage.server.api.get(&at).await;
            (looked.body["configuration"] == json!([state])).then_some(())
        })
        .await;
    }
    assert_eq!(
        start(json!({"rb.scxml_dialect": "latin"})).await.status,
        400
    );

    // The same page as a plugin: what it is asked is decided by the service.
    let lines = [
        &format!("_plugin_on_dial_url = {src}"),
        "rb.scxml_dialect = ors2009",
    ];
    let text = service("desk", &stage.notes, &lines);
    stage.server.api.import_services(&text).await;
    let _id = stage.call().await;
    until(
        "the plugin's session is in the draft",
        PATIENCE,
        async || {
            let all = stage.server.api.get("/api/v1/sessions").await.body;
            let found = all.to_string();
            (found.matches("\"draft\"").count() == 2).then_some(())
        },
    )
    .await;
}
