//! The interaction module on a plugin's call, element by element, with real calls.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, until};

use crate::common::{ended, server};
use crate::stage::Stage;

/// One step after the other: each element when the event before it came.
fn steps(steps: &[(&str, &str)]) -> String {
    let mut states = String::new();
    for (n, (event, element)) in steps.iter().enumerate() {
        let next = n + 1;
        states.push_str(&format!(
            "<state id='s{n}'><transition event='{event}' target='s{next}'>{element}</transition></state>"
        ));
    }
    states + &format!("<state id='s{}'/>", steps.len())
}

async fn answering() -> Line {
    let leaves = Duration::from_millis(800);
    Line::start(move |number, _| match number {
        "5100" => Behaviour::AnswerAndLeave(Duration::ZERO, leaves),
        "5199" => Behaviour::Refuse(Duration::ZERO, 486),
        _ => Behaviour::Answer(Duration::ZERO),
    })
    .await
}

const ALLOW: &str = "rp_allow = [\"^51[0-9]{2}$\"]";

#[tokio::test]
async fn accept_detach_and_attach_answer_and_know_their_states() {
    let line = answering().await;
    let play = "<dialog:playsound type='silence' duration='1'/>";
    let stage = Stage::plugin_at(
        line.port,
        &steps(&[
            ("interaction.present", "<ixn:accept requestid='_data.rid'/>"),
            (
                "interaction.accept.done",
                &format!("{play}<ixn:detach/><ixn:redirect to=\"'5100'\"/><ixn:attach/>"),
            ),
            (
                "dialog.playsound.done",
                "<ixn:detach interactionid='_data._interaction_id'/>",
            ),
            (
                "interaction.detach.done",
                &format!(
                    "{play}<ixn:accept/><ixn:redirect to=\"'5100'\"/><ixn:terminate/><ixn:detach/>"
                ),
            ),
            (
                "error.interaction.detach",
                "<ixn:associate interactionid='_data._interaction_id'/>",
            ),
            ("interaction.associate.done", "<ixn:attach/>"),
            (
                "interaction.attach.done",
                "<ixn:terminate interactionid=\"'other'\"/>",
            ),
            (
                "error.interaction.terminate",
                "<ixn:terminate reason=\"'enough'\"/>",
            ),
        ]),
    )
    .await;
    let _id = stage.call().await;
    let accepted = stage.event("interaction.accept.done", 1).await;
    let added = stage.event("interaction.added", 1).await;
    assert_eq!(accepted["interactionid"], added["interactionid"]);
    assert!(accepted["requestid"].is_string());
    let _gone = stage.event("interaction.deleted", 1).await;
    // While a treatment runs; pages compare detach with exactly this word.
    assert_eq!(
        stage.error("error.interaction.detach", 1).await,
        "invalidstate"
    );
    let treating = "invalidstate.treating";
    assert_eq!(stage.error("error.interaction.redirect", 1).await, treating);
    assert_eq!(
        stage.error("error.interaction.attach", 1).await,
        "invalidstate"
    );
    // While the callback has it.
    let null = "invalidstate.null";
    assert_eq!(stage.error("error.dialog.playsound", 1).await, null);
    assert_eq!(stage.error("error.interaction.accept", 1).await, null);
    assert_eq!(stage.error("error.interaction.redirect", 2).await, null);
    assert_eq!(stage.error("error.interaction.terminate", 1).await, null);
    assert_eq!(
        stage.error("error.interaction.detach", 2).await,
        "invalidstate"
    );
    assert_eq!(
        stage.error("error.interaction.terminate", 2).await,
        "unknown"
    );
    until("the call is over", PATIENCE, async || line.calls()[0].over).await;
}

#[tokio::test]
async fn an_unattached_call_can_be_taken() {
    let line = answering().await;
    let states = steps(&[
        (
            "plugin.start",
            "<ixn:attach interactionid='_data._interaction_id'/>",
        ),
        (
            "interaction.attach.done",
            "<dialog:playsound type='busy' duration='0.3'/>\
             <log expr=\"_data.id = _genesys.ixn.interactions[_data._interaction_id].voice.dnis\"/>\
             <raise event='model'><param name='dnis' expr='_data.id'/></raise>",
        ),
    ]);
    let extra = ["_plugin_on_dial_associate_ixn = false"];
    let stage = Stage::plugin(server(line.port), &states, &extra).await;
    let _id = stage.call().await;
    let _done = stage.event("dialog.playsound.done", 1).await;
    assert_eq!(stage.event("model", 1).await["dnis"], "5115");
    let added = stage.event("interaction.added", 1).await;
    let present = stage.event("interaction.present", 1).await;
    assert_eq!(added["interactionid"], present["interactionid"]);
}

#[tokio::test]
async fn a_plugin_redirects_its_call_and_hears_when_it_is_there() {
    let line = answering().await;
    let states = steps(&[
        ("interaction.present", "<ixn:redirect to=\"'0900'\"/>"),
        (
            "error.interaction.redirect",
            "<ixn:redirect requestid='_data.rid' interactionid='_data._interaction_id' to=\"'5100@North'\"/><ixn:redirect to=\"'5100'\"/>",
        ),
    ]);
    let stage = Stage::plugin(server(line.port).set("dialplan", ALLOW), &states, &[]).await;
    let id = stage.call().await;
    let _done = stage.event("interaction.redirect.done", 1).await;
    let gone = stage.event("interaction.deleted", 1).await;
    assert_eq!(gone["resultof"], "redirect");
    assert_eq!(
        stage.error("error.interaction.redirect", 1).await,
        "invaliddestination"
    );
    let transferring = "invalidstate.transferring";
    assert_eq!(
        stage.error("error.interaction.redirect", 2).await,
        transferring
    );
    let notes = stage.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "TRANSFERRED_TO_RP");
}

#[tokio::test]
async fn a_plugin_hears_that_a_destination_cannot_be_reached() {
    let line = answering().await;
    let states = steps(&[("interaction.present", "<ixn:redirect to=\"'5199'\"/>")]);
    let stage = Stage::plugin(server(line.port).set("dialplan", ALLOW), &states, &[]).await;
    let id = stage.call().await;
    assert_eq!(stage.error("error.interaction.redirect", 1).await, "remote");
    let _gone = stage.event("interaction.deleted", 1).await;
    let notes = stage.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_AGENT_CONNECT");
    assert_eq!(line.calls_to("5199").len(), 2, "tried once more");
}

#[tokio::test]
async fn data_that_a_plugin_attaches_are_told_and_kept() {
    let line = answering().await;
    let script = "<script>_genesys.ixn.setuData({level: 'gold'});</script>";
    let refused = "<script>_genesys.ixn.setuData({_internal: {}}, 'nobody');</script>";
    let states = steps(&[
        ("interaction.present", script),
        ("interaction.udata.changed", refused),
    ]);
    let stage = Stage::plugin_at(line.port, &states).await;
    let id = stage.call().await;
    let changed = stage.event("interaction.udata.changed", 1).await;
    assert_eq!(changed["udata"], json!({"level": "gold"}));
    let record = stage
        .server
        .api
        .get(&format!("/api/v1/callbacks/{id}"))
        .await
        .body;
    assert_eq!(record["_rb_user_data"]["level"], "gold");
    let _error = stage.event("error.script.ReferenceError", 1).await;
}

#[tokio::test]
async fn call_states_are_there_by_name_and_by_number() {
    let line = answering().await;
    let states = "<state id='a'><transition event='states'><session:response>\
        <param name='all' expr='_genesys.ixn.callState'/></session:response></transition></state>";
    let stage = Stage::new(server(line.port)).await;
    let session = stage.session(states).await;
    let path = format!("/scxml/session/{session}/request/states");
    let answer = stage.server.api.get(&path).await.body;
    let expected = [
        "Ok",
        "Transferred",
        "Conferenced",
        "GeneralError",
        "SystemError",
        "RemoteRelease",
        "Busy",
        "NoAnswer",
        "SitDetected",
        "AnsweringMachineDetected",
        "AllTrunksBusy",
        "SitInvalidnum",
        "SitVacant",
        "SitIntercept",
        "SitUnknown",
        "SitNocircuit",
        "SitReorder",
        "FaxDetected",
        "QueueFull",
        "Cleared",
        "Overflowed",
        "Abandoned",
        "Redirected",
        "Forwarded",
        "Consult",
        "Pickedup",
        "Dropped",
        "Droppednoanswer",
        "Unknown",
        "Covered",
        "ConverseOn",
        "Bridged",
    ];
    let all = &answer["all"];
    for (number, name) in expected.iter().enumerate() {
        assert_eq!(all[*name], Value::from(number), "{name}");
        assert_eq!(all[number.to_string()], **name, "{number}");
    }
    assert_eq!(all["SilDetected"], 8);
    assert_eq!((&all["Deafened"], &all["Held"]), (&json!(49), &json!(50)));
}
