//! The dialog module on a plugin's call: applications, prompts, sounds, keys, with a real phone.

use std::time::Duration;

use serde_json::json;
use testkit::{Behaviour, Heard, Line, PATIENCE, Page, Talker, audio, until};

use crate::common::server;
use crate::stage::Stage;

const VXML: &str = "application/voicexml+xml";

/// Asks for a key and exits with it, with what it was given, and with a result.
const PAGE: &str = r#"<?xml version="1.0"?><vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">
  <var name="treatment_result"/><var name="topic" expr="session.com.genesyslab.userdata.topic"/>
  <var name="language" expr="session.com.genesyslab.userdata.LANGUAGE"/>
  <form><field name="k" type="digits?length=1">
    <prompt><audio src="tone.wav"/></prompt>
    <filled>
      <assign name="treatment_result" expr="({action: k == '1' ? 'route_to_agent' : 'cancel', message: 'OK'})"/>
      <exit namelist="k topic language treatment_result"/>
    </filled>
  </field></form>
</vxml>"#;

/// Starts the application and answers with its result.
const STARTS: &str = r#"
<state id="idle"><transition event="interaction.added" target="asking"/></state>
<state id="asking">
  <onentry>
    <dialog:start requestid="_data.rid" interactionid="_data._interaction_id" type="applid">
      <param name="APP_URI" expr="'WEB/app.vxml'"/><param name="LANGUAGE" expr="'en-GB'"/>
      <param name="topic" expr="'refund'"/>
    </dialog:start>
  </onentry>
  <transition event="dialog.start.done" target="letgo">
    <assign location="_data.other" expr="_event.data.extensions.action"/>
  </transition>
  <transition event="stop"><dialog:stop requestid="_data.rid"/></transition>
</state>
<state id="letgo">
  <onentry><ixn:detach requestid="_data.f" interactionid="_data._interaction_id"/></onentry>
  <transition event="interaction.detach.done" target="answer"/>
</state>
<state id="answer"><onentry>
  <session:fetch requestid="_data.f" srcexpr="_data._reply_url" method="'post'">
    <param name="action" expr="_data.other"/><param name="message" expr="'OK'"/>
  </session:fetch></onentry></state>"#;

async fn hears(phone: &Talker) {
    until("a tone", PATIENCE, async || {
        phone.heard().iter().any(Heard::is_tone).then_some(())
    })
    .await;
}

/// A tone of 20 s for pages.
fn tone(stage: &Stage) {
    let bytes = audio::wav(&audio::tone(1_000.0, 20_000, 8_000));
    let _url = stage.web.put("/tone.wav", Page::new("audio/x-wav", bytes));
}

async fn application(page: &str) -> (Stage, Talker) {
    application_of(STARTS, page).await
}

async fn application_of(states: &str, page: &str) -> (Stage, Talker) {
    let phone = Talker::start(true).await;
    let stage = Stage::plugin_at(phone.port, states).await;
    if !page.is_empty() {
        let _url = stage.web.put("/app.vxml", Page::new(VXML, page));
    }
    tone(&stage);
    (stage, phone)
}

#[tokio::test]
async fn a_document_starts_an_application_and_reads_its_result() {
    let (stage, phone) = application(PAGE).await;
    let id = stage.call().await;
    hears(&phone).await;
    phone.press('1').await;
    let begun = stage.event("dialog.start.requestid", 1).await;
    let done = stage.event("dialog.start.done", 1).await;
    assert_eq!(begun["requestid"], done["requestid"]);
    let expected = json!({"k": "1", "topic": "refund", "language": "en-GB", "action": "route_to_agent",
        "message": "OK", "treatment_result": {"action": "route_to_agent", "message": "OK"}});
    assert_eq!(done["extensions"], expected);
    stage.notes.wait_for(&id, "customer_queued", PATIENCE).await;
    let mut events = stage.server.api.events(&id).await;
    events.retain(|event| event["event_id"] == "rb.plugin_problem");
    assert!(events.is_empty(), "{events:?}");
}

/// G 7: a page sends to the session that started it and gets what the session sends to the dialog module.
#[tokio::test]
async fn a_page_talks_with_its_session() {
    let page = r#"<?xml version="1.0"?><vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"
        xmlns:gvp="http://www.genesyslab.com/2006/vxml21-extension">
      <var name="topic" expr="'weather'"/><var name="answer"/><var name="said"/>
      <form><block>
        <gvp:send event="page.asks" namelist="topic"/>
        <gvp:receive maxtime="60s"/>
        <assign name="answer" expr="application.lastmessage$.content.answer"/>
        <assign name="said" expr="application.lastmessage$.event"/>
        <exit namelist="answer said"/>
      </block></form>
    </vxml>"#;
    let states = STARTS.replace(
        "<transition event=\"stop\">",
        r#"<transition event="page.asks"><send event="'page.answer'" type="'fm'" target="'dialog'">
             <param name="answer" expr="_event.data.topic + ' is fine'"/></send></transition>
           <transition event="stop">"#,
    );
    let (stage, _phone) = application_of(&states, page).await;
    let _id = stage.call().await;
    let done = stage.event("dialog.start.done", 1).await;
    let expected = json!({"answer": "weather is fine", "said": "page.answer"});
    assert_eq!(done["extensions"], expected);
}

#[tokio::test]
async fn an_application_that_cannot_be_fetched_is_an_error() {
    let (stage, _phone) = application("").await;
    let _id = stage.call().await;
    let error = stage.event("error.dialog.start", 1).await;
    assert_eq!(error["error"], "remote");
    let why = error["description"].as_str().unwrap_or_default();
    assert!(why.contains("404"), "{why}");
}

#[tokio::test]
async fn an_application_is_stopped_and_the_call_goes_on() {
    let (stage, phone) = application_of(
        &STARTS.replace(
            "<transition event=\"stop\">",
            r#"<transition event="error.dialog.play"><dialog:stop requestid="_data.rid"/></transition>
            <transition event="dialog.start.requestid"><dialog:play><dialog:prompts>
              <dialog:prompt userannid="'music.wav'"/></dialog:prompts></dialog:play></transition>
            <transition event="error.dialog.start"><dialog:playsound type="'busy'" duration="0.5"/></transition>
            <transition event="stop">"#,
        ),
        PAGE,
    )
    .await;
    let _id = stage.call().await;
    let refused = stage.error("error.dialog.play", 1).await;
    assert_eq!(refused, "invalidstate.treating");
    let stopped = stage.event("error.dialog.start", 1).await;
    assert_eq!(stopped["error"], "cancelled");
    let _done = stage.event("dialog.stop.done", 1).await;
    let _done = stage.event("dialog.playsound.done", 1).await;
    hears(&phone).await;
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_application() {
    let (stage, phone) = application(PAGE).await;
    let _id = stage.call().await;
    hears(&phone).await;
    phone.hang_up().await;
    let gone = stage.event("error.dialog.start", 1).await;
    assert_eq!(gone["error"], "cancelled");
    let deleted = stage.event("interaction.deleted", 1).await;
    assert_eq!(deleted["resultof"], "deletion");
}

/// Does one thing when the call is there and another after that.
fn first_then(first: &str, event: &str, then: &str) -> String {
    format!(
        "<state id='idle'><transition event='interaction.added' target='a'/></state>\
         <state id='a'><onentry>{first}</onentry><transition event='{event}' target='b'/></state>\
         <state id='b'><onentry>{then}</onentry></state>"
    )
}

#[tokio::test]
async fn what_is_wrong_with_an_element_is_said() {
    let phone = Talker::start(true).await;
    let wrong = r#"
      <dialog:start type="applid"><param name="LANGUAGE" expr="'en'"/></dialog:start>
      <dialog:start type="'other'"><param name="APP_URI" expr="'http://x.invalid/'"/></dialog:start>
      <dialog:play><dialog:prompts type="'odd'"><dialog:prompt userannid="'x.wav'"/></dialog:prompts></dialog:play>
      <dialog:play><dialog:prompts type="tts"><dialog:prompt text="'Hello'"/></dialog:prompts></dialog:play>
      <dialog:playsound type="'whistle'"/>
      <dialog:playandverify><dialog:input max_digits="2"/></dialog:playandverify>
      <dialog:collect><dialog:input max_digits="0"/></dialog:collect>
      <dialog:remote/>
      <dialog:pause duration="'soon'"/>
      <dialog:stop requestid="'nobody.1'"/>
      <dialog:play interactionid="'other'"><dialog:prompts><dialog:prompt userannid="'x.wav'"/></dialog:prompts></dialog:play>
      <dialog:runtreatments/>"#;
    let stage = Stage::plugin_at(phone.port, &first_then(wrong, "x", "")).await;
    let _id = stage.call().await;
    let _last = stage.event("error.dialog.runtreatments", 1).await;
    let expected = [
        ("start", 1, "invalidattribute"),
        ("start", 2, "invalidattribute"),
        ("play", 1, "invalidattribute"),
        ("play", 2, "notsupported"),
        ("playsound", 1, "invalidattribute"),
        ("playandverify", 1, "invalidattribute"),
        ("collect", 1, "invalidattribute"),
        ("remote", 1, "invalidattribute"),
        ("pause", 1, "invalidattribute"),
        ("stop", 1, "unknown"),
        ("play", 3, "unknown"),
        ("runtreatments", 1, "notsupported"),
    ];
    for (element, n, word) in expected {
        let error = stage.error(&format!("error.dialog.{element}"), n).await;
        assert_eq!(error, word, "{element} {n}");
    }
}

#[tokio::test]
async fn tones_sound_for_their_time_and_a_pause_is_still() {
    let phone = Talker::start(true).await;
    let first = r#"<dialog:playsound type="ringback" duration="1"/>"#;
    let then = r#"<dialog:pause duration="0.3"/>"#;
    let states = first_then(first, "dialog.playsound.done", then);
    let stage = Stage::plugin_at(phone.port, &states).await;
    let _id = stage.call().await;
    let _done = stage.event("dialog.playsound.done", 1).await;
    let _done = stage.event("dialog.pause.done", 1).await;
    // By packets of 20 ms in their order: what is late on a busy machine counts all the same.
    let heard = until("half a second after the tone", PATIENCE, async || {
        let heard = phone.heard();
        let last = heard.iter().rposition(Heard::is_tone)?;
        (heard.len() - last > 25).then_some(heard)
    })
    .await;
    let tones = heard.iter().filter(|heard| heard.is_tone()).count();
    assert!((40..=65).contains(&tones), "{tones} packets of a second");
}

/// A PIN that has to be 42, in two attempts.
const PIN: &str = r#"<dialog:playandverify requestid="_data.rid">
  <dialog:prompts type="ann"><dialog:prompt userannid="'music.wav'"/></dialog:prompts>
  <dialog:input max_digits="2" verify_digits="'42'" attempts="2" total_timeout="20"/>
</dialog:playandverify>"#;

#[tokio::test]
async fn digits_are_verified_and_may_be_entered_again() {
    let phone = Talker::start(true).await;
    let states = first_then(PIN, "dialog.playandverify.done", PIN);
    let stage = Stage::plugin_at(phone.port, &states).await;
    let _id = stage.call().await;
    hears(&phone).await;
    for key in "4142".chars() {
        phone.press(key).await;
    }
    let done = stage.event("dialog.playandverify.done", 1).await;
    assert_eq!(done["digits"], "42");
    for key in "1213".chars() {
        phone.press(key).await;
    }
    let failed = stage.event("error.dialog.playandverify", 1).await;
    assert_eq!(
        (&failed["error"], &failed["digits"]),
        (&json!("unknown"), &json!("13"))
    );
}

#[tokio::test]
async fn digits_are_collected_without_a_prompt_until_the_time_is_over() {
    let phone = Talker::start(true).await;
    let collect = r#"<dialog:collect><dialog:input max_digits="5" term_digits="'#'" total_timeout="20"/></dialog:collect>"#;
    let nothing = r#"<dialog:collect><dialog:input total_timeout="0.3"/></dialog:collect>"#;
    let states = first_then(collect, "dialog.collect.done", nothing);
    let stage = Stage::plugin_at(phone.port, &states).await;
    let _id = stage.call().await;
    let _added = stage.event("interaction.added", 1).await;
    for key in "17#".chars() {
        phone.press(key).await;
    }
    let done = stage.event("dialog.collect.done", 1).await;
    assert_eq!(done["digits"], "17");
    assert_eq!(stage.error("error.dialog.collect", 1).await, "timeout");
}

#[tokio::test]
async fn a_remote_destination_treats_the_call_and_gives_it_back() {
    let talk = Duration::from_millis(500);
    let line = Line::start(move |number, _| match number {
        "5100" => Behaviour::AnswerAndLeave(Duration::ZERO, talk),
        "5199" => Behaviour::Refuse(Duration::ZERO, 486),
        _ => Behaviour::Answer(Duration::ZERO),
    })
    .await;
    let builder = server(line.port).set("dialplan", "rp_allow = [\"^51[0-9]{2}$\"]");
    let first = r#"<dialog:remote destination="'5199'" default="'5100'"/>"#;
    let then = r#"<dialog:remote destination="'5199'"/><dialog:remote destination="'0900'"/>"#;
    let states = first_then(first, "dialog.remote.done", then);
    let stage = Stage::plugin(builder, &states, &[]).await;
    let _id = stage.call().await;
    let _done = stage.event("dialog.remote.done", 1).await;
    let calls = |number: &str| line.calls_to(number).len();
    let busy = "invalidstate.treating";
    assert_eq!(stage.error("error.dialog.remote", 1).await, busy);
    assert_eq!(stage.error("error.dialog.remote", 2).await, "remote");
    assert_eq!((calls("5199"), calls("5100")), (2, 1));
    let customer = line.calls_to("5115");
    assert!(customer[0].over.is_none(), "the customer is still there");
}
