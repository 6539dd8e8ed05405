//! What a call hears while it waits in a virtual queue, and what a session may change meanwhile.

use std::time::Duration;

use serde_json::json;
use testkit::{Behaviour, Line, PATIENCE, Talker, until};

use crate::common::server;
use crate::stage::Stage;

/// Places a call and puts it into a queue on demand.
fn waits(treatments: &str) -> String {
    format!(
        r#"<state id="work" xmlns:queue="www.genesyslab.com/modules/queue">
  <onentry><ixn:createcall from="'4930555010'" to="'5115'"/></onentry>
  <transition event="interaction.added"><assign location="_data.id" expr="_event.data.interactionid"/></transition>
  <transition event="submit">
    <queue:submit requestid="_data.rid" interactionid="_data.id" queue="'VQ_Special'" timeout="_event.data.timeout"
        ordertype="_event.data.order" orderstat="'StatLoad'">
      <queue:targets><queue:targetid expr="'kim@S.A'"/></queue:targets>
      <dialog:runtreatments>{treatments}</dialog:runtreatments>
    </queue:submit></transition>
  <transition event="update">
    <queue:update requestid="_data.rid" priority="_event.data.priority">
      <dialog:runtreatments><dialog:pause duration="30"/></dialog:runtreatments></queue:update></transition>
  <transition event="cancel"><queue:cancel requestid="_data.rid"/></transition>
  <transition event="stray"><dialog:runtreatments interactionid="_data.id"><dialog:pause/></dialog:runtreatments></transition>
  <transition event="sound"><dialog:playsound interactionid="_data.id" type="silence" duration="0.2"/></transition>
</state>"#
    )
}

async fn stage(treatments: &str, phone: u16) -> (Stage, String) {
    let stage = Stage::new(server(phone)).await;
    let session = stage.session(&waits(treatments)).await;
    let _present = stage.event("interaction.present", 1).await;
    (stage, session)
}

fn tones(phone: &Talker) -> usize {
    phone.heard().iter().filter(|heard| heard.is_tone()).count()
}

#[tokio::test]
async fn treatments_go_round_while_a_call_waits_and_say_nothing() {
    let phone = Talker::start(true).await;
    let treatments = r#"<dialog:play><dialog:prompts><dialog:prompt userannid="'no-such.wav'"/></dialog:prompts></dialog:play>
        <dialog:pause duration="0.2"/><dialog:playsound type="busy" duration="0.6"/>"#;
    let (stage, session) = stage(treatments, phone.port).await;
    stage
        .send(&session, "submit", &json!({"order": "min"}))
        .await;
    let told = stage.event("queue.submit.requestid", 1).await;
    assert_eq!(told["orderedby"], "StatTimeInReadyState");
    // Two rounds: the tone sounds for 600 ms each.
    until("the second round", PATIENCE, async || {
        (tones(&phone) >= 45).then_some(())
    })
    .await;
    // The call hears something: nothing else can be played.
    stage.send(&session, "sound", &json!({})).await;
    let busy = stage.error("error.dialog.playsound", 1).await;
    assert_eq!(busy, "invalidstate.treating");

    stage
        .send(&session, "update", &json!({"priority": 5}))
        .await;
    let changed = stage.event("queue.update.done", 1).await;
    assert_eq!(changed["requestid"], told["requestid"]);
    stage
        .send(&session, "update", &json!({"priority": "much"}))
        .await;
    let bad = stage.error("error.queue.update", 1).await;
    assert_eq!(bad, "invalidattribute");

    stage.send(&session, "cancel", &json!({})).await;
    let _done = stage.event("queue.cancel.done", 1).await;
    stage
        .send(&session, "update", &json!({"priority": 5}))
        .await;
    assert_eq!(stage.error("error.queue.update", 2).await, "unknown");
    // The series ended with the wait.
    stage.send(&session, "sound", &json!({})).await;
    let _done = stage.event("dialog.playsound.done", 1).await;
    stage.send(&session, "stray", &json!({})).await;
    let stray = stage.error("error.dialog.runtreatments", 1).await;
    assert_eq!(stray, "notsupported");
    let events = stage.told();
    let dialog = events.iter().filter(|(name, _)| name.contains("dialog."));
    assert_eq!(dialog.count(), 3, "{events:?}");
}

#[tokio::test]
async fn a_series_that_is_wrong_is_refused_and_one_that_nobody_hears_ends() {
    let phone = Talker::start(true).await;
    let nothing = r#"<dialog:pause duration="0"/><dialog:play><dialog:prompts>
        <dialog:prompt userannid="'no-such.wav'"/></dialog:prompts></dialog:play>"#;
    let (stage, session) = stage(nothing, phone.port).await;
    stage
        .send(&session, "submit", &json!({"order": "best"}))
        .await;
    let wrong = stage.event("error.queue.submit", 1).await;
    assert_eq!(wrong["error"], "invalidattribute");
    let wrong_states = waits(r#"<dialog:stop/>"#);
    let other = stage.session(&wrong_states).await;
    let _present = stage.event("interaction.present", 2).await;
    stage.send(&other, "submit", &json!({})).await;
    let wrong = stage.event("error.queue.submit", 2).await;
    assert_eq!(wrong["error"], "invalidattribute");

    // The first one waits in vain, hears nothing, and the server has better things to do.
    stage.send(&session, "submit", &json!({"timeout": 2})).await;
    let late = stage.event("error.queue.submit", 3).await;
    assert_eq!(late["error"], "timeout");
    stage.send(&session, "sound", &json!({})).await;
    let _done = stage.event("dialog.playsound.done", 1).await;
}

#[tokio::test]
async fn a_caller_who_leaves_a_queue_has_abandoned() {
    let talk = Duration::from_secs(2);
    let behaviour = Behaviour::AnswerAndLeave(Duration::ZERO, talk);
    let line = Line::start(move |_, _| behaviour).await;
    let (stage, session) = stage(r#"<dialog:playsound type="ringback"/>"#, line.port).await;
    stage.send(&session, "submit", &json!({})).await;
    let _waits = stage.event("queue.submit.requestid", 1).await;
    let left = stage.event("interaction.abandoned", 1).await;
    let gone = stage.event("interaction.deleted", 1).await;
    assert_eq!(left["interactionid"], gone["interactionid"]);
    let names: Vec<String> = stage.told().into_iter().map(|(name, _)| name).collect();
    let at = |name: &str| names.iter().position(|known| known == name);
    assert!(
        at("interaction.abandoned") < at("interaction.deleted"),
        "{names:?}"
    );
}
