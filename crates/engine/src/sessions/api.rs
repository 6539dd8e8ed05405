//! What clients ask of sessions: start, event, request, query, terminate (ors-scxml §9).

use std::sync::Arc;
use std::time::Duration;

use callback::{Error, ErrorCode, Timestamp};
use rand::RngExt;
use scxml::{Data, Start};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::cell::{Beginning, Cell, Input};
use super::documents::NoDocument;
use super::{Sessions, call_states, event, new_id};
use crate::limits;

fn missing() -> Error {
    Error::new(ErrorCode::NotFound, "There is no session with this id")
}

impl Sessions {
    /// Starts a session with the document at an address of the operator; gives its id.
    pub(crate) async fn begin(
        &self,
        src: &str,
        params: Map<String, Value>,
        at: Option<Timestamp>,
    ) -> Result<String, Error> {
        let document = self.inner.documents.get(src).await.map_err(|why| {
            let code = match why {
                NoDocument::Fetch(_) => ErrorCode::FetchFailed,
                NoDocument::Faulty(_) => ErrorCode::BadParameter,
            };
            Error::new(code, format!("src: {why}")).field("src")
        })?;
        let cell = Cell::new(new_id(), None);
        if !self.register(&cell) {
            let message = "There are too many sessions, try again later";
            return Err(Error::new(ErrorCode::NotReady, message));
        }
        let params = params.into_iter();
        let start = Start {
            id: cell.id.clone(),
            params: params
                .map(|(name, value)| (name, Data::Json(value)))
                .collect(),
            constants: vec![(
                "_genesys".to_owned(),
                json!({"ixn": {"callState": call_states(), "interactions": {}}}),
            )],
            watch: self.inner.watch.clone(),
            seed: rand::rng().random(),
            ..Start::default()
        };
        let beginning = Beginning {
            document,
            start,
            events: Vec::new(),
        };
        let id = cell.id.clone();
        let wait_ms = at.map_or(0, |at| at.0.saturating_sub(self.now_ms()));
        match u64::try_from(wait_ms) {
            Ok(wait_ms) if wait_ms > 0 => {
                let sessions = self.clone();
                self.inner.supervisor.spawn("session start", async move {
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                    sessions.push(&cell, Input::Start(Box::new(beginning)));
                });
            }
            _ => {
                self.push(&cell, Input::Start(Box::new(beginning)));
            }
        }
        Ok(id)
    }

    /// A session of this server has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.cell(id).is_some()
    }

    /// Sends an external event to a session; `false` when there is none or it takes none.
    pub(crate) fn event(&self, id: &str, name: &str, data: Value) -> bool {
        let mut event = event(name, data);
        event.origin_type = Some("scxml".to_owned());
        let cell = self.cell(id);
        cell.is_some_and(|cell| self.push(&cell, Input::Event(id.to_owned(), event)))
    }

    /// Sends a request to a session and waits for its response.
    pub(crate) async fn ask_session(
        &self,
        id: &str,
        name: &str,
        data: Value,
    ) -> Result<Value, Error> {
        let cell = self.cell(id).ok_or_else(missing)?;
        let (reply, response) = oneshot::channel();
        if !self.push(&cell, Input::Request(event(name, data), reply)) {
            return Err(missing());
        }
        drop(cell);
        match tokio::time::timeout(limits::SESSION_RESPONSE, response).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => {
                let message = "The session ended without a response, or too many requests wait";
                Err(Error::new(ErrorCode::NoResponse, message))
            }
            Err(_) => {
                let message = "The session gave no response in time";
                Err(Error::new(ErrorCode::NoResponse, message))
            }
        }
    }

    /// How a session stands; the bare id when a thread runs it for longer than a moment.
    pub(crate) async fn query(&self, id: &str) -> Result<Value, Error> {
        let cell = self.cell(id).ok_or_else(missing)?;
        for _ in 0..limits::SESSION_LOOKS {
            if let Some(body) = cell.try_body() {
                return Ok(match body.hub.session(id) {
                    Some(session) => json!({
                        "sessionId": id, "configuration": session.configuration(),
                        "events": session.events(), "heap_bytes": session.heap_bytes(),
                    }),
                    None => json!({"sessionId": id}),
                });
            }
            tokio::time::sleep(limits::SESSION_LOOK_PAUSE).await;
        }
        Ok(json!({"sessionId": id}))
    }

    /// Ends a session.
    pub(crate) fn terminate(&self, id: &str) -> Result<(), Error> {
        let cell: Arc<Cell> = self.cell(id).ok_or_else(missing)?;
        self.push(&cell, Input::Stop);
        Ok(())
    }
}
