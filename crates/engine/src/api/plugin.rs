//! What comes to the reply URL of a plugin, and sessions as clients see them.

use callback::plugin::Answer;
use callback::{CallbackId, Error, Timestamp};
use serde_json::{Map, Value};

use super::Engine;
use crate::sessions::SessionChanges;
use crate::shard::Command;

impl Engine {
    /// Takes a plugin's answer; returns when it is durable.
    ///
    /// # Errors
    /// `NOT_FOUND` for a token that belongs to no question, `GONE` when its time is over,
    /// `CONFLICT` when it was answered already or the action is not possible now; the refusals of
    /// [`Answer::check`].
    pub async fn plugin_answer(
        &self,
        id: CallbackId,
        token: String,
        answer: Answer,
    ) -> Result<(), Error> {
        self.ask_to_end(|reply| Command::PluginAnswer {
            id,
            token,
            answer: Box::new(answer),
            reply,
        })
        .await?
    }
}

impl Engine {
    /// Starts an SCXML session with the document at `src`, at once or at a later time; gives its
    /// id. A restart of the server forgets sessions, also those that wait for their time.
    ///
    /// # Errors
    /// `FETCH_FAILED` when the document cannot be fetched, `BAD_PARAMETER` when it cannot run.
    pub async fn start_session(
        &self,
        src: &str,
        params: Map<String, Value>,
        at: Option<Timestamp>,
    ) -> Result<String, Error> {
        self.inner.plugins.sessions.begin(src, params, at).await
    }

    /// A session of this server has this id.
    #[must_use]
    pub fn has_session(&self, id: &str) -> bool {
        self.inner.plugins.sessions.has(id)
    }

    /// Sends an external event to a session; `false` when there is none or its queue is full.
    #[must_use]
    pub fn session_event(&self, id: &str, name: &str, data: Value) -> bool {
        self.inner.plugins.sessions.event(id, name, data)
    }

    /// A message of the `BasicHTTP` processor for a session: target, type and text of a `POST`;
    /// `false` when there is none or its queue is full.
    #[must_use]
    pub fn session_http(&self, id: &str, (target, content_type): (&str, &str), body: &str) -> bool {
        let request = scxml::HttpRequest {
            method: "POST".to_owned(),
            target: target.to_owned(),
            content_type: content_type.to_owned(),
            body: body.to_owned(),
        };
        self.inner.plugins.sessions.basic_http(id, request)
    }

    /// Sends a request to a session and waits for its `<response>`.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a session, `NO_RESPONSE` after 30 s.
    pub async fn session_request(&self, id: &str, name: &str, data: Value) -> Result<Value, Error> {
        self.inner
            .plugins
            .sessions
            .ask_session(id, name, data)
            .await
    }

    /// How a session stands.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a session.
    pub async fn session(&self, id: &str) -> Result<Value, Error> {
        self.inner.plugins.sessions.query(id).await
    }

    /// All live sessions, the youngest first, then the last ones that ended.
    #[must_use]
    pub fn sessions(&self) -> Vec<Value> {
        self.inner.plugins.sessions.list()
    }

    /// What is seen of a session, live or ended a while ago; with its log when that is wanted.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a session.
    pub fn session_view(&self, id: &str, with_log: bool) -> Result<Value, Error> {
        self.inner.plugins.sessions.sight(id, with_log)
    }

    /// The chart of a session as SVG.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a session or before it began.
    pub async fn session_chart(&self, id: &str) -> Result<String, Error> {
        self.inner.plugins.sessions.chart(id).await
    }

    /// Listens to what changes in sessions.
    #[must_use]
    pub fn session_changes(&self) -> SessionChanges {
        self.inner.plugins.sessions.listen()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a session.
    pub fn end_session(&self, id: &str) -> Result<(), Error> {
        self.inner.plugins.sessions.terminate(id)
    }

    /// Why the process should be started anew; `None` when it is healthy.
    #[must_use]
    pub fn illness(&self) -> Option<String> {
        self.inner.plugins.illness()
    }
}
