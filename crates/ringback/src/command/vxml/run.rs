//! `vxml run`: an application in virtual time, with prepared answers.

use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value as Json, json};
use vxml::{Connection, Ending, Rehearsal, Session, Start, Step, ThreadTime};

use super::fetch;
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `vxml run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// A file or an http address
    #[arg(value_name = "FILE|URL")]
    document: String,
    /// Answer one wait: keys, "" for no input, hangup; may be repeated. A transfer takes its
    /// outcome, e.g. busy
    #[arg(long = "dtmf", value_name = "D", allow_hyphen_values = true)]
    answers: Vec<String>,
    /// Attached data, seen as session.com.genesyslab.userdata.N; may be repeated
    #[arg(long = "data", value_name = "N=JSON")]
    data: Vec<String>,
    /// There is no synthesiser: text without audio raises error.noresource
    #[arg(long)]
    no_speech: bool,
}

pub(super) async fn run(command: Run) -> Result<Status, Failure> {
    let from_disk = !fetch::is_http(&command.document);
    let connection = Connection {
        local: "sip:ringback@127.0.0.1".to_owned(),
        remote: "sip:caller@127.0.0.1".to_owned(),
        uuid: "rehearsal".to_owned(),
        user_data: user_data(&command.data)?,
        ..Connection::default()
    };
    let start = Start {
        session: connection.into_json(),
        speech: !command.no_speech,
        watch: Arc::new(ThreadTime),
        ..Start::default()
    };
    let session = Session::new(start).map_err(|error| Failure::bad_input(error.to_string(), ""))?;
    let has_audio: Box<dyn Fn(&str) -> bool + Send> = Box::new(move |url: &str| {
        fetch::is_http(url) || (from_disk && std::path::Path::new(url).is_file())
    });
    let mut rehearsal = Rehearsal::new(session, &command.document, command.answers, has_audio);
    loop {
        match rehearsal.poll() {
            Some(Step::Line(line)) => output::line(&line.to_json().to_string()),
            Some(Step::Fetch(request)) => {
                let answer = fetch::fetch(&request, from_disk).await;
                rehearsal.answer(request.id, answer);
            }
            Some(Step::Ended(ending)) => {
                let documents = rehearsal.session().documents();
                output::line(&result(&ending, documents).to_string());
                return Ok(status(&ending, documents));
            }
            None => {
                return Err(Failure::new(
                    Status::Missed,
                    "the application waits for nothing",
                    "",
                ));
            }
        }
    }
}

fn user_data(pairs: &[String]) -> Result<Map<String, Json>, Failure> {
    let mut out = Map::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            let message = format!("--data {pair}: no value");
            return Err(Failure::new(Status::Usage, message, "write NAME=VALUE"));
        };
        // What is no JSON is a text.
        let value = serde_json::from_str(value).unwrap_or_else(|_text| Json::from(value));
        out.insert(name.to_owned(), value);
    }
    Ok(out)
}

fn result(ending: &Ending, documents: u32) -> Json {
    let mut names = ending.names().cloned().unwrap_or_default();
    let mut event = Json::Null;
    let mut message = Json::Null;
    match ending {
        Ending::Exit {
            value: Some(value), ..
        } => {
            names.insert("__exit".to_owned(), value.clone());
        }
        Ending::Error {
            event: name,
            message: text,
        } => {
            event = json!(name);
            message = json!(text);
        }
        Ending::Hangup => event = json!("connection.disconnect.hangup"),
        Ending::Transferred => event = json!("connection.disconnect.transfer"),
        _ => {}
    }
    json!({
        "kind": "result", "outcome": ending.to_string(), "namelist": names,
        "treatment_result": ending.treatment_result(), "event": event, "message": message,
        "documents": documents,
    })
}

fn status(ending: &Ending, documents: u32) -> Status {
    match ending {
        Ending::Error { .. } if documents == 0 => Status::BadInput,
        Ending::Error { .. } | Ending::Stopped => Status::Missed,
        _ => Status::Ok,
    }
}
