//! Calls that sessions place (`<ixn:createcall>`) and what becomes of them, with real phones.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, Page, Talker, until};

use crate::common::server;
use crate::stage::Stage;

/// Calls a number when it begins, and remembers the call.
fn calls(to: &str, more: &str) -> String {
    format!(
        r#"<state id="work">
  <onentry><ixn:createcall requestid="_data.rid" from="'4930555010'" to="{to}" {more}
     udata="{{topic: 'refund'}}" hints="{{extensions: {{CPNDigits: '4930555099'}}}}"/></onentry>
  <transition event="voice.createcall.done" cond="_data.id === undefined">
    <assign location="_data.id" expr="_event.data.interactionid"/></transition>
  <transition event="voice.createcall.done">
    <assign location="_data.other" expr="_event.data.interactionid"/></transition>
  <transition event="model"><session:response><param name="ixn" expr="_genesys.ixn.interactions[_data.id]"/></session:response></transition>
  <transition event="second"><ixn:createcall from="'4930555010'" to="_event.data.to"/></transition>
  <transition event="redirect"><ixn:redirect interactionid="_data.id" to="_event.data.to" detach="_event.data.detach"/></transition>
  <transition event="merge"><ixn:redirect interactionid="_data.id" to="_data.other"/></transition>
  <transition event="terminate"><ixn:terminate interactionid="_data.id"/></transition>
  <transition event="detach"><ixn:detach interactionid="_data.id"/></transition>
  <transition event="attach"><ixn:associate interactionid="_event.data.which"/></transition>
  <transition event="accept"><ixn:accept interactionid="_data.id"/></transition>
  <transition event="sound"><dialog:playsound interactionid="_data.id" type="busy" duration="0.5"/></transition>
  <transition event="start"><dialog:start interactionid="_data.id" type="applid">
     <param name="APP_URI" expr="'WEB/app.vxml'"/></dialog:start></transition>
  <transition event="data"><script>_genesys.ixn.setuData({{level: 'gold'}}, _data.id);</script></transition>
  <transition event="finish" target="end"/>
</state>"#
    )
}

fn names(stage: &Stage) -> Vec<String> {
    stage.told().into_iter().map(|(name, _)| name).collect()
}

async fn model(stage: &Stage, session: &str) -> Value {
    let path = format!("/scxml/session/{session}/request/model");
    stage.server.api.get(&path).await.body["ixn"].clone()
}

#[tokio::test]
async fn a_session_places_a_call_plays_on_it_and_ends_it() {
    let phone = Talker::start(true).await;
    let stage = Stage::new(server(phone.port)).await;
    let session = stage
        .session(&calls("'5115'", "reason=\"'reminder'\""))
        .await;
    let present = stage.event("interaction.present", 1).await;
    let about = model(&stage, &session).await;
    assert_eq!(about["g_uid"], present["interactionid"]);
    assert_eq!(about["udata"], json!({"topic": "refund"}));
    let voice = &about["voice"];
    assert_eq!(
        (&voice["dnis"], &voice["callstate"]),
        (&json!("5115"), &json!(0))
    );
    assert_eq!(
        (&voice["ani"], &voice["type"]),
        (&json!("4930555010"), &json!("outbound"))
    );
    assert_eq!(about["parties"][0]["device"], "5115");
    assert_eq!(about["xdata"]["reason"], "reminder");

    stage.send(&session, "sound", &json!({})).await;
    let _done = stage.event("dialog.playsound.done", 1).await;
    stage.send(&session, "data", &json!({})).await;
    let _changed = stage.event("interaction.udata.changed", 1).await;
    let about = model(&stage, &session).await;
    assert_eq!(about["udata"], json!({"topic": "refund", "level": "gold"}));
    stage.send(&session, "accept", &json!({})).await;
    let _done = stage.event("interaction.accept.done", 1).await;
    stage.send(&session, "terminate", &json!({})).await;
    let deleted = stage.event("interaction.deleted", 1).await;
    assert_eq!(deleted["resultof"], "deletion");
    until("the call is over", PATIENCE, async || {
        phone.is_over().then_some(())
    })
    .await;
    let mut told = names(&stage);
    told.retain(|name| name.contains('.'));
    let expected = [
        "interaction.added",
        "voice.createcall.done",
        "interaction.partystatechanged",
        "interaction.present",
        "dialog.playsound.done",
        "interaction.udata.changed",
        "interaction.accept.done",
        "interaction.terminate.done",
        "interaction.deleted",
    ];
    assert_eq!(told, expected);
    assert_eq!(
        model(&stage, &session).await,
        Value::Null,
        "it is gone from the model"
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_placed_is_an_error_with_its_word() {
    let line = Line::start(|number, _| match number {
        "5404" => Behaviour::Fail(404),
        "5486" => Behaviour::Fail(486),
        _ => Behaviour::Answer(Duration::ZERO),
    })
    .await;
    let stage = Stage::new(server(line.port)).await;
    let call = |attributes: &str| format!("<ixn:createcall {attributes}/>");
    let wrong = [
        ("to=\"'5115'\"", "invalidsource"),
        ("from=\"'no number'\" to=\"'5115'\"", "invalidsource"),
        ("from=\"'4711@nowhere'\" to=\"'5115'\"", "invalidserver"),
        ("from=\"'4711'\"", "invaliddestination"),
        ("from=\"'4711'\" to=\"'112'\"", "invaliddestination"),
        ("from=\"'4711'\" to=\"'a b'\"", "invaliddestination"),
        ("from=\"'4711'\" to=\"'5115'\" type=\"sideways\"", "unknown"),
        (
            "from=\"'4711'\" to=\"'nobody'\" type=\"agent\"",
            "invaliddestination",
        ),
        ("from=\"'4711'\" to=\"'5404'\"", "invaliddestination"),
        ("from=\"'4711'\" to=\"'5486'\"", "unknown"),
    ];
    for (n, (attributes, word)) in wrong.iter().enumerate() {
        let states = format!(
            "<state id='a'><onentry>{}</onentry></state>",
            call(attributes)
        );
        let _session = stage.session(&states).await;
        let error = stage.event("error.voice.createcall", n + 1).await;
        assert_eq!(error["error"], *word, "{attributes}: {error}");
    }
    let busy = stage.event("error.voice.createcall", wrong.len()).await;
    assert_eq!(busy["callstate"], 6);
    assert!(line.calls_to("5115").is_empty() && line.calls_to("112").is_empty());
}

#[tokio::test]
async fn a_call_over_a_named_trunk_shows_the_number_of_the_hints() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let stage = Stage::new(server(line.port)).await;
    let _session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    let first = &line.calls_to("5115")[0];
    assert!(first.header("From").contains("4930555099"), "{first:?}");
    assert_eq!(first.header("X-Genesys-topic"), "refund");
    let states =
        "<state id='a'><onentry><ixn:createcall from=\"'carrier'\" to=\"5116\"/></onentry></state>";
    let _session = stage.session(states).await;
    let _present = stage.event("interaction.present", 2).await;
    assert_eq!(line.calls_to("5116").len(), 1);
}

#[tokio::test]
async fn nothing_is_done_with_a_call_that_rings_and_its_end_tells_why() {
    let ring = Duration::from_millis(1_500);
    let line = Line::start(move |_, _| Behaviour::Refuse(ring, 486)).await;
    let stage = Stage::new(server(line.port)).await;
    let session = stage.session(&calls("'5115'", "")).await;
    let _done = stage.event("voice.createcall.done", 1).await;
    for event in ["sound", "accept", "start"] {
        stage.send(&session, event, &json!({})).await;
    }
    stage
        .send(&session, "redirect", &json!({"to": "5100"}))
        .await;
    stage.send(&session, "detach", &json!({})).await;
    for element in [
        "dialog.playsound",
        "interaction.accept",
        "dialog.start",
        "interaction.redirect",
    ] {
        let error = stage.error(&format!("error.{element}"), 1).await;
        assert_eq!(error, "invalidstate.ringing", "{element}");
    }
    assert_eq!(
        stage.error("error.interaction.detach", 1).await,
        "invalidstate"
    );
    let deleted = stage.event("interaction.deleted", 1).await;
    assert_eq!(deleted["callstate"], 6);
}

fn switchboard() -> impl FnMut(&str, &str) -> Behaviour + Send + 'static {
    let talk = Duration::from_millis(1_500);
    move |number, _| match number {
        "5100" => Behaviour::AnswerAndLeave(Duration::ZERO, talk),
        "5199" => Behaviour::Refuse(Duration::ZERO, 486),
        _ => Behaviour::Answer(Duration::ZERO),
    }
}

#[tokio::test]
async fn a_call_is_redirected_or_stays_when_that_fails() {
    let line = Line::start(switchboard()).await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let stage = Stage::new(builder).await;
    let session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    for (n, (to, word)) in [
        ("", "invaliddestination"),
        ("0900", "invaliddestination"),
        ("5199", "remote"),
    ]
    .into_iter()
    .enumerate()
    {
        stage.send(&session, "redirect", &json!({"to": to})).await;
        assert_eq!(
            stage.error("error.interaction.redirect", n + 1).await,
            word,
            "{to}"
        );
    }
    stage.send(&session, "sound", &json!({})).await;
    stage
        .send(&session, "redirect", &json!({"to": "5100"}))
        .await;
    let error = stage.error("error.interaction.redirect", 4).await;
    assert_eq!(error, "invalidstate.treating");
    let _done = stage.event("dialog.playsound.done", 1).await;
    stage
        .send(&session, "redirect", &json!({"to": "5100"}))
        .await;
    let _done = stage.event("interaction.redirect.done", 1).await;
    stage.send(&session, "sound", &json!({})).await;
    assert_eq!(
        stage.error("error.dialog.playsound", 1).await,
        "invalidstate.routed"
    );
    // The destination hangs up, and with it the call ends.
    let _gone = stage.event("interaction.deleted", 1).await;
    until("both calls are over", PATIENCE, async || {
        line.calls()
            .iter()
            .all(|call| call.over.is_some())
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_call_redirected_with_detach_outlives_its_session() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let stage = Stage::new(builder).await;
    let session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    let wanted = json!({"to": "5101", "detach": true});
    stage.send(&session, "redirect", &wanted).await;
    let gone = stage.event("interaction.deleted", 1).await;
    assert_eq!(gone["resultof"], "detach");
    stage.send(&session, "finish", &json!({})).await;
    let at = format!("/scxml/session/{session}/query");
    until("the session is over", PATIENCE, async || {
        (stage.server.api.get(&at).await.status == 404).then_some(())
    })
    .await;
    // Both still talk.
    let before = line.audio_packets();
    until("more audio", PATIENCE, async || {
        (line.audio_packets() >= before + 20).then_some(())
    })
    .await;
    assert!(line.calls().iter().all(|call| call.over.is_none()));
}

#[tokio::test]
async fn two_calls_of_a_session_are_joined() {
    let line = Line::start(switchboard()).await;
    let stage = Stage::new(server(line.port)).await;
    let session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    stage.send(&session, "second", &json!({"to": "5100"})).await;
    let second = stage.event("interaction.present", 2).await;
    stage.send(&session, "merge", &json!({})).await;
    let done = stage.event("interaction.redirect.done", 1).await;
    let merged = stage.event("interaction.onmerge", 1).await;
    assert_eq!(merged["frominteractionid"], second["interactionid"]);
    assert_eq!(merged["tointeractionid"], done["interactionid"]);
    let gone = stage.event("interaction.deleted", 1).await;
    assert_eq!(
        (&gone["interactionid"], &gone["resultof"]),
        (&second["interactionid"], &json!("merge"))
    );
    let ended = stage.event("interaction.deleted", 2).await;
    assert_eq!(ended["interactionid"], done["interactionid"]);
}

#[tokio::test]
async fn a_call_that_one_session_lets_go_is_taken_by_another() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let stage = Stage::new(server(line.port)).await;
    let first = stage.session(&calls("'5115'", "")).await;
    let present = stage.event("interaction.present", 1).await;
    stage.send(&first, "detach", &json!({})).await;
    let _done = stage.event("interaction.detach.done", 1).await;
    stage.send(&first, "sound", &json!({})).await;
    assert_eq!(
        stage.error("error.dialog.playsound", 1).await,
        "invalidstate.null"
    );
    stage.send(&first, "finish", &json!({})).await;
    let second = stage
        .session(
            "<state id='a'><transition event='attach'>\
        <ixn:associate interactionid='_event.data.which'/></transition></state>",
        )
        .await;
    let which = json!({"which": present["interactionid"]});
    stage.send(&second, "attach", &which).await;
    let _done = stage.event("interaction.associate.done", 1).await;
    let _present = stage.event("interaction.present", 2).await;
    assert!(line.calls()[0].over.is_none());
    // Its new session ends, so the call does.
    let path = format!("/scxml/session/{second}/terminate");
    assert_eq!(stage.server.api.post(&path, &json!({})).await.status, 200);
    until("the call is over", PATIENCE, async || line.calls()[0].over).await;
}

#[tokio::test]
async fn the_calls_of_a_session_end_with_it_and_with_a_crash() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let mut stage = Stage::new(server(line.port)).await;
    let session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    stage.send(&session, "finish", &json!({})).await;
    until("the call is over", PATIENCE, async || line.calls()[0].over).await;
    let _session = stage.session(&calls("'5116'", "")).await;
    let _present = stage.event("interaction.present", 2).await;
    stage.server.kill_hard().await;
    stage.server.restart().await;
    until("the call of before is over", PATIENCE, async || {
        line.calls()[1].over
    })
    .await;
}

#[tokio::test]
async fn an_application_talks_on_a_call_of_a_session() {
    let phone = Talker::start(true).await;
    let stage = Stage::new(server(phone.port)).await;
    let page = "<?xml version='1.0'?><vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'><form>\
        <field name='k' type='digits?length=1'><filled><exit namelist='k'/></filled></field></form></vxml>";
    let _url = stage
        .web
        .put("/app.vxml", Page::new("application/voicexml+xml", page));
    let session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    stage.send(&session, "start", &json!({})).await;
    let _begun = stage.event("dialog.start.requestid", 1).await;
    phone.press('7').await;
    let done = stage.event("dialog.start.done", 1).await;
    assert_eq!(done["extensions"], json!({"k": "7"}));
}

/// A page with one transfer to 5101 that exits with what came of it.
fn transfers(transfer: &str) -> Page {
    let page = format!(
        "<?xml version='1.0'?><vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'>\
         <var name='event'/><var name='result'/><var name='long'/>\
         <catch event='error.connection error.unsupported'><assign name='event' expr='_event'/>\
         <exit namelist='event'/></catch>\
         <form><transfer name='t' dest='tel:5101' {transfer}><filled><assign name='result' expr='t'/>\
         <assign name='long' expr='t$.duration &gt; 0.5'/><exit namelist='result long'/></filled>\
         </transfer></form></vxml>"
    );
    Page::new("application/voicexml+xml", page)
}

/// A session with a call to 5115 whose page passes it on to 5101.
async fn passed_on(transfer: &str, destination: Behaviour) -> (Stage, Line, String) {
    let line = Line::start(move |number, _| match number {
        "5101" => destination,
        _ => Behaviour::Answer(Duration::ZERO),
    })
    .await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let stage = Stage::new(builder).await;
    let _url = stage.web.put("/app.vxml", transfers(transfer));
    let session = stage.session(&calls("'5115'", "")).await;
    let _present = stage.event("interaction.present", 1).await;
    stage.send(&session, "start", &json!({})).await;
    (stage, line, session)
}

/// V2.0 2.3.7.2: a bridge on a call that a session placed fills its variable with how it ended.
#[tokio::test]
async fn a_bridge_on_a_call_of_a_session_tells_how_it_ended() {
    let (now, talk) = (Duration::ZERO, Duration::from_millis(1_200));
    for (destination, attributes, result) in [
        (Behaviour::Refuse(now, 486), "", "busy"),
        (Behaviour::NoAnswer, "connecttimeout='1s'", "noanswer"),
        (
            Behaviour::AnswerAndLeave(now, talk),
            "",
            "far_end_disconnect",
        ),
        (Behaviour::Answer(now), "maxtime='1s'", "maxtime_disconnect"),
    ] {
        let attributes = format!("type='bridge' aai='order 4711' {attributes}");
        let (stage, line, _session) = passed_on(&attributes, destination).await;
        let done = stage.event("dialog.start.done", 1).await;
        let long = result.ends_with("_disconnect");
        let expected = json!({"result": result, "long": long});
        assert_eq!(done["extensions"], expected);
        let legs = line.calls_to("5101");
        assert_eq!(legs[0].header("X-Genesys-AAI"), "order 4711");
        until("the end of the leg", PATIENCE, async || {
            line.calls_to("5101")[0].over
        })
        .await;
        // The session has its call still.
        assert!(line.calls_to("5115")[0].over.is_none());
    }
}

/// V2.0 2.3.7.3: a transfer on a call of a session that cannot be made is an error of the connection.
#[tokio::test]
async fn a_transfer_of_a_call_of_a_session_that_cannot_be() {
    let (stage, _line, _session) = passed_on("type='bridge'", Behaviour::Fail(404)).await;
    let done = stage.event("dialog.start.done", 1).await;
    let expected = json!({"event": "error.connection.baddestination"});
    assert_eq!(done["extensions"], expected);
}

/// V2.0 2.3.7.1: a blind transfer or a consultation on a call of a session leaves the caller with the destination.
#[tokio::test]
async fn a_page_passes_the_call_of_a_session_on() {
    for kind in ["blind", "consultation"] {
        let talk = Duration::from_secs(3);
        let leaves = Behaviour::AnswerAndLeave(Duration::from_millis(300), talk);
        let transfer = format!("type='{kind}'");
        let (stage, line, session) = passed_on(&transfer, leaves).await;
        let _done = stage.event("dialog.start.done", 1).await;
        let gone = stage.event("interaction.deleted", 1).await;
        assert_eq!(gone["resultof"], "detach");
        until("the destination answers", PATIENCE, async || {
            let legs = line.calls_to("5101");
            legs.first().is_some_and(|leg| leg.answered).then_some(())
        })
        .await;
        // The end of the session is not theirs.
        stage.send(&session, "finish", &json!({})).await;
        let at = format!("/scxml/session/{session}/query");
        until("the session is over", PATIENCE, async || {
            (stage.server.api.get(&at).await.status == 404).then_some(())
        })
        .await;
        // It was the destination that left, and the caller is not left alone.
        let ends = until("both are over", PATIENCE, async || {
            let calls = line.calls().into_iter();
            calls.map(|call| call.over).collect::<Option<Vec<_>>>()
        })
        .await;
        assert_eq!(ends.len(), 2);
        let begun = line.calls_to("5101")[0].at;
        assert!(
            ends.iter().all(|end| *end >= begun + talk),
            "{begun:?} {ends:?}"
        );
    }
}

/// V2.0 2.3.7.1: a caller of a session who was sent on to nobody is released.
#[tokio::test]
async fn a_blind_transfer_of_a_call_of_a_session_to_nobody() {
    let busy = Behaviour::Refuse(Duration::from_millis(300), 486);
    let (stage, line, _session) = passed_on("type='blind'", busy).await;
    let _done = stage.event("dialog.start.done", 1).await;
    until("the end of the call", PATIENCE, async || {
        line.calls_to("5115")[0].over
    })
    .await;
}

#[tokio::test]
async fn a_predictive_call_tells_who_answered() {
    let phone = Talker::start(true).await;
    let stage = Stage::new(server(phone.port)).await;
    let session = stage.session(&calls("'5115'", "type=\"predictive\"")).await;
    let _present = stage.event("interaction.present", 1).await;
    let about = model(&stage, &session).await;
    assert_eq!(about["voice"]["callstate"], 8, "silence: {about}");
}

#[tokio::test]
async fn a_plugin_places_a_second_call_beside_the_customers() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let states = r#"<state id="idle"><transition event="interaction.added" target="calling"/></state>
      <state id="calling"><onentry><ixn:createcall from="'4711'" to="'5116'"/></onentry>
      <transition event="interaction.present" cond="_event.data.interactionid != _data._interaction_id" target="both"/></state>
      <state id="both"><onentry>
        <dialog:playsound interactionid="_data._interaction_id" type="ringback" duration="0.3"/></onentry>
        <transition event="dialog.playsound.done" target="end"/></state>"#;
    let stage = Stage::plugin(server(line.port), states, &["_plugin_on_dial_timeout = 5"]).await;
    let _id = stage.call().await;
    let _done = stage.event("dialog.playsound.done", 1).await;
    until("the session is over, and its call", PATIENCE, async || {
        line.calls_to("5116").first().and_then(|call| call.over)
    })
    .await;
    let customer = &line.calls_to("5115")[0];
    assert!(
        customer.over.is_none(),
        "the callback has the customer back"
    );
}
