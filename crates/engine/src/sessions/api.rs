//! What clients ask of sessions: start, event, request, query, terminate (ors-scxml §9).

use std::sync::Arc;

use callback::{Error, ErrorCode};
use scxml::{Data, HttpRequest};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::cell::{Cell, Input};
use super::{Sessions, event, strategy};
use crate::limits;

fn missing() -> Error {
    Error::new(ErrorCode::NotFound, "There is no session with this id")
}

/// Only this server tells how interactions stand.
fn only_own_interactions(data: &mut Value) {
    if let Value::Object(data) = data {
        data.remove(scxml::INTERACTION);
    }
}

impl Sessions {
    /// A session of this server has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.cell(id).is_some()
    }

    /// Sends an external event to a session; `false` when there is none or it takes none.
    pub(crate) fn event(&self, id: &str, name: &str, mut data: Value) -> bool {
        only_own_interactions(&mut data);
        let mut event = event(name, data);
        event.origin_type = Some("scxml".to_owned());
        let cell = self.cell(id);
        cell.is_some_and(|cell| self.push(&cell, Input::Event(id.to_owned(), event)))
    }

    /// A message of the `BasicHTTP` processor for a session; `false` when there is none or it
    /// takes none.
    pub(crate) fn basic_http(&self, id: &str, request: HttpRequest) -> bool {
        let mut event = request.into_event();
        if let Data::Json(data) = &mut event.data {
            only_own_interactions(data);
        }
        let cell = self.cell(id);
        cell.is_some_and(|cell| self.push(&cell, Input::Event(id.to_owned(), event)))
    }

    /// Sends a request to a session and waits for its response.
    pub(crate) async fn ask_session(
        &self,
        id: &str,
        name: &str,
        mut data: Value,
    ) -> Result<Value, Error> {
        only_own_interactions(&mut data);
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
        if cell.has_begun() {
            self.push(&cell, Input::Stop);
        } else {
            // Its document is still being fetched, or its time has not come: it never runs.
            self.forget(&cell);
            self.tell(&cell, strategy::over(&cell, &scxml::Ending::Stopped));
            if let Some(later) = &cell.later {
                later.wake();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_cannot_tell_how_interactions_stand() {
        let mut data = json!({scxml::INTERACTION: {"id": "1"}, "by": 2});
        only_own_interactions(&mut data);
        assert_eq!(data, json!({"by": 2}));
    }
}
