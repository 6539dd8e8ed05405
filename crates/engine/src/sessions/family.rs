//! The module `session`: sessions that start others, with an idea of who belongs together.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use callback::{Error, ErrorCode, Timestamp};
use rand::RngExt;
use scxml::{ActionElement, Data, Document, Start};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::cell::{Beginning, Cell, Input};
use super::dialog::plain;
use super::documents::NoDocument;
use super::objects::object_model;
use super::{Sessions, event, new_id};
use crate::limits;

/// The parameter that chooses the dialect of a document, whatever it looks like.
pub(super) const DIALECT: &str = "rb.scxml_dialect";

/// Who started a session.
#[derive(Debug)]
pub(super) struct Starter {
    /// The cell that hears of the end.
    pub(super) cell: Arc<Cell>,
    /// The session in it that asked.
    pub(super) session: String,
}

/// Sessions that come from the same first one.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// How many others live.
    members: AtomicUsize,
}

/// When a session begins, when that is later.
#[derive(Debug)]
pub(super) struct Later {
    /// ms since 1970.
    at: AtomicI64,
    changed: Notify,
}

impl Later {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            at: AtomicI64::new(at.0),
            changed: Notify::new(),
        }
    }

    /// Whoever waits for the start looks again.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }
}

impl Sessions {
    /// Starts a session with the document at an address of the operator; gives its id.
    pub(crate) async fn begin(
        &self,
        src: &str,
        params: Map<String, Value>,
        at: Option<Timestamp>,
    ) -> Result<String, Error> {
        self.begin_under(src, params, at, None).await
    }

    async fn begin_under(
        &self,
        src: &str,
        mut params: Map<String, Value>,
        at: Option<Timestamp>,
        starter: Option<Starter>,
    ) -> Result<String, Error> {
        let dialect = params.remove(DIALECT).map(|name| plain(&name));
        let document = self.document(src, dialect.as_deref().unwrap_or_default());
        let document = document.await.map_err(|why| {
            let code = match why {
                NoDocument::Fetch(_) => ErrorCode::FetchFailed,
                NoDocument::Faulty(_) => ErrorCode::BadParameter,
            };
            Error::new(code, format!("src: {why}")).field("src")
        })?;
        let many = || Error::new(ErrorCode::NotReady, "There are too many sessions");
        if let Some(starter) = &starter
            && starter.cell.family.members.fetch_add(1, Ordering::Relaxed)
                >= limits::SESSIONS_UNDER_MAX
        {
            starter.cell.family.members.fetch_sub(1, Ordering::Relaxed);
            return Err(many());
        }
        let later = at.filter(|at| at.0 > self.now_ms()).map(Later::new);
        let cell = Cell::started(new_id(), starter, later, &self.http_base());
        if !self.register(&cell) {
            leave_family(&cell);
            return Err(many());
        }
        let beginning = Box::new(self.beginning(&cell, document, params));
        let id = cell.id.clone();
        if cell.later.is_some() {
            let waits = self.clone().wait_for_start(cell, beginning);
            self.inner.supervisor.spawn("session start", waits);
        } else {
            self.push(&cell, Input::Start(beginning));
        }
        Ok(id)
    }

    pub(super) fn beginning(
        &self,
        cell: &Arc<Cell>,
        document: Arc<Document>,
        params: Map<String, Value>,
    ) -> Beginning {
        let params = params.into_iter();
        Beginning {
            document,
            start: Start {
                id: cell.id.clone(),
                params: params
                    .map(|(name, value)| (name, Data::Json(value)))
                    .collect(),
                object_model: Some(object_model(&self.inner.public_url, None)),
                functions: self.host_functions(cell),
                watch: Arc::new(scxml::ThreadTime),
                seed: rand::rng().random(),
                ..Start::default()
            },
            events: Vec::new(),
        }
    }

    async fn wait_for_start(self, cell: Arc<Cell>, beginning: Box<Beginning>) {
        let Some(later) = &cell.later else { return };
        loop {
            let wait_ms = later.at.load(Ordering::Relaxed) - self.now_ms();
            let Ok(wait_ms) = u64::try_from(wait_ms) else {
                break;
            };
            let wait = Duration::from_millis(wait_ms);
            // Ends early when another time was set.
            let _timed_out = tokio::time::timeout(wait, later.changed.notified()).await;
            if wait_ms == 0 || cell.is_dead() {
                break;
            }
        }
        self.push(&cell, Input::Start(beginning));
    }

    /// `<session:start>`.
    pub(super) fn start_element(
        &self,
        cell: &Arc<Cell>,
        session: &str,
        element: &ActionElement,
        request: String,
    ) {
        let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
        let src = match text("srcexpr") {
            src if src.is_empty() => text("src"),
            src => src,
        };
        let at = self.ideal_time(&text("idealtime"));
        let params = element.params.iter().cloned().collect();
        let starter = Starter {
            cell: Arc::clone(cell),
            session: session.to_owned(),
        };
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        self.inner.supervisor.spawn("session start", async move {
            let begun = match at {
                Ok(at) => sessions.begin_under(&src, params, at, Some(starter)).await,
                Err(why) => Err(Error::new(ErrorCode::BadParameter, why)),
            };
            let told = match begun {
                Ok(id) => event(
                    "session.start.done",
                    json!({"requestid": request, "sessionid": id}),
                ),
                Err(error) => event(
                    "error.session.start",
                    json!({"requestid": request, "error": error.code.phrase(),
                        "description": error.message}),
                ),
            };
            sessions.push(&cell, Input::Answer(session, told));
        });
    }

    /// `<session:terminate>` and `<session:updatestart>`: the event that answers.
    pub(super) fn other_session(&self, element: &ActionElement, request: &str) -> (String, Value) {
        let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
        let id = text("sessionid");
        let done = match element.name.as_str() {
            "terminate" => self.terminate(&id).map_err(|error| error.message),
            _ => self.start_later(&id, &text("idealtime")),
        };
        let name = &element.name;
        match done {
            Ok(()) => (
                format!("session.{name}.done"),
                json!({"requestid": request, "sessionid": id}),
            ),
            Err(why) => (
                format!("error.session.{name}"),
                json!({"requestid": request, "sessionid": id, "error": "unknown",
                    "description": why}),
            ),
        }
    }

    fn start_later(&self, id: &str, at: &str) -> Result<(), String> {
        let cell = self.cell(id).ok_or("there is no session with this id")?;
        let later = cell.later.as_ref().filter(|_| !cell.has_begun());
        let later = later.ok_or("the session has begun")?;
        let at = self.ideal_time(at)?.ok_or("idealtime is missing")?;
        later.at.store(at.0, Ordering::Relaxed);
        later.wake();
        Ok(())
    }

    /// `idealtime`: ms since 1970, not too far ahead.
    fn ideal_time(&self, text: &str) -> Result<Option<Timestamp>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let latest = Timestamp(self.now_ms()).plus_seconds(limits::SESSION_LATER_MAX_S);
        let at = text.parse().ok().map(Timestamp).filter(|at| *at <= latest);
        let days = limits::SESSION_LATER_MAX_S / 86_400;
        at.map(Some)
            .ok_or_else(|| format!("idealtime is ms since 1970, at most {days} days ahead"))
    }

    /// A started session is over: its starter hears of it.
    pub(super) fn tell_starter(&self, cell: &Cell) {
        if let Some(starter) = &cell.starter {
            leave_family(cell);
            let told = event(
                &format!("done.start.{}", cell.id),
                json!({"sessionid": cell.id}),
            );
            let input = Input::Answer(starter.session.clone(), told);
            self.push(&starter.cell, input);
        }
    }
}

fn leave_family(cell: &Cell) {
    if cell.starter.is_some() {
        cell.family.members.fetch_sub(1, Ordering::Relaxed);
    }
}
