//! What the end-to-end tests share: services with short times, checks of notifications.

use serde_json::Value;
use testkit::{Api, Baresip, Note, Phone, Receiver, Server, ServerBuilder, audio};

/// The executable under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ringback");

/// A server that dials to the given port.
pub(crate) fn server(trunk: u16) -> ServerBuilder {
    Server::builder(PROGRAM).trunk("carrier", trunk)
}

/// INI text of a service: customer first, 2 s ring, 1 s between dials, no detection, no greeting,
/// notifications to the receiver; `extra` are further lines, the last value of an option wins.
pub(crate) fn service(name: &str, receiver: &Receiver, extra: &[&str]) -> String {
    let mut options = vec![
        ("_type", "ors".to_owned()),
        ("_service", "callback".to_owned()),
        ("_call_direction", "USERTERMINATED".to_owned()),
        ("_wait_for_agent", "false".to_owned()),
        ("_urs_virtual_queue", "VQ_Billing".to_owned()),
        ("_target", "Billing@Stats.GA".to_owned()),
        ("_ixn_createcall_timeout", "2".to_owned()),
        ("_dial_retry_timeout", "1".to_owned()),
        ("_max_dial_attempts", "2".to_owned()),
        ("_agent_reserve_timeout", "4".to_owned()),
        ("_cpd_enable", "false".to_owned()),
        ("_treatment_waiting_for_agent", "music.wav".to_owned()),
        ("_treatment_find_agent_fail", "sorry.wav".to_owned()),
        (
            "_treatment_call_failure_answering_machine",
            "message.wav".to_owned(),
        ),
        ("_enable_status_notification", "subscribe_notify".to_owned()),
        ("_status_notification_type", "httpcb".to_owned()),
        ("_status_notification_target", receiver.url.clone()),
    ];
    for line in extra {
        let (name, value) = line.split_once('=').expect("an option line has a =");
        let (name, value) = (name.trim(), value.trim().to_owned());
        match options.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => options.push((name, value)),
        }
    }
    let lines: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    format!("[service.{name}]\n{}\n\n", lines.join("\n"))
}

/// INI text of agents of the group Billing: id, extension; the password is `secret-<id>`.
pub(crate) fn agents(agents: &[(&str, &str)]) -> String {
    let section = |(id, extension): &(&str, &str)| {
        format!(
            "[agent.{id}]\nextension = {extension}\npassword = secret-{id}\ngroups = Billing\n\
             skills = English=20\nplace = Desk_{extension}\nswitch = North\n\n"
        )
    };
    agents.iter().map(section).collect()
}

/// A server with one service `desk` and the agent kim, who has no phone.
pub(crate) async fn site(trunk: u16, receiver: &Receiver, extra: &[&str]) -> Server {
    let server = server(trunk).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", receiver, extra))
        .await;
    server
}

/// Names of the events without `_cbe_on_`; a dial's result follows in brackets.
pub(crate) fn story(notes: &[Note]) -> Vec<String> {
    let tell = |note: &Note| match note.body.get("c_call_result") {
        Some(result) => format!(
            "{}({result},{})",
            note.event(),
            note.body["c_call_num_attempt"]
        ),
        None => note.event().to_owned(),
    };
    notes.iter().map(tell).collect()
}

/// Checks the story of a callback, its end and that its sequence has no gap.
pub(crate) fn check(notes: &[Note], expected: &[&str], termination: &str) {
    assert_eq!(story(notes), expected);
    let sequence: Vec<u64> = notes.iter().map(Note::sequence).collect();
    let wanted: Vec<u64> = (1..).take(notes.len()).collect();
    assert_eq!(sequence, wanted);
    assert_eq!(ended(notes), termination);
    let last = notes.last().expect("the story is not empty");
    assert_eq!(last.get("_callback_state"), "COMPLETED");
}

/// How a callback ended, without `COMPLETED.`.
pub(crate) fn ended(notes: &[Note]) -> &str {
    let last = notes.last().expect("the story is not empty");
    let end = last.get("c_termination_type").split_once('.');
    end.map_or("", |(_, reason)| reason)
}

/// The entries of a callback's log with this id.
pub(crate) async fn logged(server: &Server, id: &str, event: &str) -> Vec<Value> {
    let mut events = server.api.events(id).await;
    events.retain(|entry| entry["event_id"] == event);
    events
}

/// The phone of an agent of [`agents`], ready; who is heard says a tone of 1 kHz.
pub(crate) async fn phone(
    server: &mut Server,
    id: &str,
    extension: &str,
    answers: bool,
) -> Baresip {
    let (registrar, password) = (server.sip(), format!("secret-{id}"));
    let say = audio::tone(1000.0, 90_000, 8000);
    let phone = Phone {
        say: &say,
        answers,
        ..Phone::agent(extension, &registrar, &password)
    };
    let phone = Baresip::start(phone, &mut server.ports).await;
    server.api.registered(id).await;
    server.api.set_agent(id, "ready").await;
    phone
}

/// Starts a session and gives its id.
pub(crate) async fn start_session(api: &Api, body: &Value) -> String {
    let answer = api.post("/scxml/session/start", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.body["sessionId"].as_str().unwrap_or_default();
    assert_eq!(id.len(), 26, "{answer:?}");
    id.to_owned()
}

/// The keys of a JSON object in their order.
pub(crate) fn keys(body: &Value) -> Vec<&str> {
    body.as_object()
        .map(|map| map.keys().map(String::as_str).collect())
        .unwrap_or_default()
}
