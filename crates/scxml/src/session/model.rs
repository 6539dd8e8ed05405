//! The data of a session: its sandbox and what the sandbox may ask of the engine.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use script::{Argument, Error, ErrorKind, Handle, Sandbox, Snippet};
use serde_json::{Map, Value as Json, json};

use super::Start;
use crate::dialect::Dialect;
use crate::event::{Data, Event};
use crate::model::{DataModel, Document};
use crate::send::{BASIC_HTTP, SCXML};
use crate::xml;

/// Member under which the script side hands XML over.
const XML_KEY: &str = "\u{0}xml";

/// Calls of host functions that may wait until the engine looks at them.
const CALLS_MAX: usize = 1_000;

/// Something that a function of the draft asked for.
#[derive(Debug)]
pub(super) enum Call {
    Log {
        text: String,
        label: String,
        level: Option<u8>,
    },
    Raise {
        name: String,
        data: Data,
    },
}

/// What scripts and engine both see.
#[derive(Debug)]
struct Shared {
    active: Vec<AtomicU64>,
    calls: Mutex<VecDeque<Call>>,
    doc: Arc<Document>,
}

/// Data and scripts of a session; the null data model has none.
#[derive(Debug)]
pub(super) struct Model {
    sandbox: Option<Sandbox>,
    shared: Arc<Shared>,
    prelude: crate::prelude::Prelude,
    original: bool,
}

/// What went wrong when a value was assigned.
pub(super) enum NotAssigned {
    /// There is no value.
    Value(Error),
    /// It cannot be stored there.
    Location(Error),
}

impl NotAssigned {
    pub(super) fn error(self) -> Error {
        match self {
            Self::Value(error) | Self::Location(error) => error,
        }
    }
}

impl Model {
    pub(super) fn new(doc: &Arc<Document>) -> Self {
        let words = doc.states.len().div_ceil(64);
        let shared = Shared {
            active: (0..words).map(|_| AtomicU64::new(0)).collect(),
            calls: Mutex::new(VecDeque::new()),
            doc: Arc::clone(doc),
        };
        Self {
            sandbox: None,
            shared: Arc::new(shared),
            prelude: doc.prelude,
            original: doc.dialect == Dialect::Ors2009,
        }
    }

    /// Makes the sandbox with system variables and functions.
    pub(super) fn open(&mut self, doc: &Document, start: &Start, now_ms: i64) -> Result<(), Error> {
        if doc.data_model == DataModel::Null {
            return Ok(());
        }
        let program = Arc::clone(&doc.program);
        let mut sandbox = Sandbox::new(
            program,
            &start.limits.script,
            Arc::clone(&start.watch),
            start.seed,
        )?;
        sandbox.begin(now_ms);
        let arguments = [
            Argument::Text(&start.id),
            Argument::Text(&doc.name),
            Argument::Json(&processors(start)),
            Argument::Json(&start.extra),
            Argument::Json(&Json::Bool(self.original)),
        ];
        sandbox.apply(self.prelude.start, &arguments)?;
        let nothing = [Argument::Undefined; 8];
        let flag = Json::Bool(self.original);
        let nothing: Vec<_> = nothing.into_iter().chain([Argument::Json(&flag)]).collect();
        sandbox.apply(self.prelude.set_event, &nothing)?;
        self.define_functions(&mut sandbox)?;
        for (name, value) in &start.constants {
            sandbox.define(name, value)?;
        }
        for (name, function) in &start.functions {
            sandbox.define_function(name, Arc::clone(function))?;
        }
        if let Some(model) = &start.object_model {
            sandbox.apply(self.prelude.object_model, &[Argument::Json(model)])?;
        }
        if self.original {
            let params = start
                .params
                .iter()
                .map(|(name, data)| (name.clone(), data.clone().into_json()));
            let params = Json::Object(params.collect::<Map<_, _>>());
            sandbox.apply(self.prelude.arguments, &[Argument::Json(&params)])?;
        }
        self.sandbox = Some(sandbox);
        Ok(())
    }

    fn define_functions(&self, sandbox: &mut Sandbox) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let is_in = move |arguments: &[Json]| {
            let id = arguments.first().and_then(Json::as_str).unwrap_or_default();
            Ok(Json::Bool(
                shared
                    .doc
                    .find(id)
                    .is_some_and(|state| shared.is_active(state)),
            ))
        };
        sandbox.define_function("In", Arc::new(is_in))?;
        if !self.original {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let log = move |arguments: &[Json]| {
            let text = |at: usize| arguments.get(at).map_or_else(String::new, plain);
            let level = arguments
                .get(2)
                .and_then(Json::as_u64)
                .and_then(|level| u8::try_from(level).ok());
            shared.call(Call::Log {
                text: text(0),
                label: text(1),
                level,
            })
        };
        sandbox.define_function("__Log", Arc::new(log))?;
        let shared = Arc::clone(&self.shared);
        let raise = move |arguments: &[Json]| {
            let Some(name) = arguments.first().and_then(Json::as_str) else {
                return Err("__Raise needs the name of an event".to_owned());
            };
            let data = arguments.get(1).cloned().map_or(Data::None, Data::Json);
            shared.call(Call::Raise {
                name: name.to_owned(),
                data,
            })
        };
        sandbox.define_function("__Raise", Arc::new(raise))?;
        let url = Json::from(self.shared.doc.url());
        sandbox.define_function("__GetDocumentURL", Arc::new(move |_| Ok(url.clone())))?;
        let shared = Arc::clone(&self.shared);
        let states = move |_: &[Json]| Ok(shared.active_ids());
        sandbox.define_function("__GetCurrentStates", Arc::new(states))
    }

    pub(super) fn close(&mut self) {
        self.sandbox = None;
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.sandbox.as_ref().map_or(0, Sandbox::heap_bytes)
    }

    pub(super) fn begin(&mut self, now_ms: i64) {
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.begin(now_ms);
        }
    }

    pub(super) fn set_active(&self, state: u32, active: bool) {
        // Without scripts nobody asks.
        if self.sandbox.is_none() {
            return;
        }
        let word = usize::try_from(state / 64)
            .ok()
            .and_then(|word| self.shared.active.get(word));
        let Some(word) = word else { return };
        let bit = 1 << (state % 64);
        if active {
            word.fetch_or(bit, Ordering::Relaxed);
        } else {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Calls of host functions since the last look; few documents make any.
    pub(super) fn take_calls(&self) -> VecDeque<Call> {
        if !self.original {
            return VecDeque::new();
        }
        std::mem::take(
            &mut *self
                .shared
                .calls
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(super) fn set_event(&mut self, event: &Event) {
        let Some(sandbox) = &mut self.sandbox else {
            return;
        };
        let optional = |text: &'_ Option<String>| text.is_some();
        let text =
            |text: &'_ Option<String>| -> Json { Json::from(text.as_deref().unwrap_or_default()) };
        let fields = [
            &event.send_id,
            &event.origin,
            &event.origin_type,
            &event.invoke_id,
        ];
        let texts = fields.map(text);
        let raw = text(&event.raw);
        let mut arguments = vec![
            Argument::Text(&event.name),
            Argument::Text(event.kind.as_str()),
        ];
        for (field, text) in fields.iter().zip(&texts) {
            arguments.push(if optional(field) {
                Argument::Json(text)
            } else {
                Argument::Undefined
            });
        }
        let mut tree = None;
        arguments.push(match &event.data {
            Data::None => Argument::Undefined,
            Data::Json(json) => Argument::Json(json),
            Data::Xml(text) => match keep_xml(sandbox, self.prelude.parse_xml, text) {
                Ok(handle) => {
                    tree = Some(handle);
                    Argument::Kept(handle)
                }
                Err(_unreadable) => Argument::Text(text),
            },
        });
        arguments.push(if event.raw.is_some() {
            Argument::Json(&raw)
        } else {
            Argument::Undefined
        });
        // It only fails for want of memory; the next script says so.
        let _full = sandbox.apply(self.prelude.set_event, &arguments);
        if let Some(handle) = tree {
            sandbox.release(handle);
        }
    }

    pub(super) fn truth(&mut self, snippet: Snippet) -> Result<bool, Error> {
        self.sandbox()?.truth(snippet)
    }

    pub(super) fn run(&mut self, snippet: Snippet) -> Result<(), Error> {
        self.sandbox()?.run(snippet)
    }

    pub(super) fn text(&mut self, snippet: Snippet) -> Result<String, Error> {
        self.sandbox()?.text(snippet)
    }

    pub(super) fn data(&mut self, snippet: Snippet) -> Result<Data, Error> {
        Ok(from_script(self.sandbox()?.json(snippet)?))
    }

    /// Evaluates one expression into a location, without a copy in between.
    pub(super) fn assign(&mut self, store: Snippet, value: Snippet) -> Result<(), NotAssigned> {
        let sandbox = self.sandbox().map_err(NotAssigned::Value)?;
        let handle = sandbox.keep(value, &[]).map_err(NotAssigned::Value)?;
        let stored = sandbox.apply(store, &[Argument::Kept(handle)]);
        sandbox.release(handle);
        stored.map_err(NotAssigned::Location)
    }

    /// Stores a ready value.
    pub(super) fn store(&mut self, store: Snippet, data: &Data) -> Result<(), Error> {
        let parse_xml = self.prelude.parse_xml;
        let sandbox = self.sandbox()?;
        match data {
            Data::None => sandbox.apply(store, &[Argument::Undefined]),
            Data::Json(json) => sandbox.apply(store, &[Argument::Json(json)]),
            Data::Xml(text) => {
                let handle = keep_xml(sandbox, parse_xml, text)?;
                let stored = sandbox.apply(store, &[Argument::Kept(handle)]);
                sandbox.release(handle);
                stored
            }
        }
    }

    /// Makes a global of any name; it fails only for want of memory, and the next script says so.
    pub(super) fn set_global(&mut self, name: &str, value: &Json) {
        if let Some(sandbox) = &mut self.sandbox {
            let _full = sandbox.set(name, value);
        }
    }

    /// A copy of the list that an expression gives, and its length.
    pub(super) fn list(&mut self, array: Snippet) -> Result<(Handle, usize), Error> {
        let prelude = self.prelude;
        let sandbox = self.sandbox()?;
        let given = sandbox.keep(array, &[])?;
        let list = sandbox.keep(prelude.list, &[Argument::Kept(given)]);
        sandbox.release(given);
        let list = list?;
        let count = sandbox.call(prelude.count, &[Argument::Kept(list)])?;
        Ok((
            list,
            count
                .as_u64()
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or_default(),
        ))
    }

    /// Stores an element of a list.
    pub(super) fn store_element(
        &mut self,
        store: Snippet,
        list: Handle,
        index: usize,
    ) -> Result<(), Error> {
        let prelude = self.prelude;
        let sandbox = self.sandbox()?;
        let number = json!(index);
        let element = sandbox.keep(
            prelude.element,
            &[Argument::Kept(list), Argument::Json(&number)],
        )?;
        let stored = sandbox.apply(store, &[Argument::Kept(element)]);
        sandbox.release(element);
        stored
    }

    pub(super) fn release(&mut self, list: Handle) {
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.release(list);
        }
    }

    fn sandbox(&mut self) -> Result<&mut Sandbox, Error> {
        self.sandbox.as_mut().ok_or_else(|| Error {
            kind: ErrorKind::Thrown,
            name: "ReferenceError".to_owned(),
            message: "the null data model has no expressions".to_owned(),
            line: None,
        })
    }
}

impl Shared {
    fn is_active(&self, state: u32) -> bool {
        let word = usize::try_from(state / 64)
            .ok()
            .and_then(|word| self.active.get(word));
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (state % 64)) != 0)
    }

    fn active_ids(&self) -> Json {
        let states = (0..).zip(&self.doc.states);
        let active = states.filter(|(index, _)| self.is_active(*index));
        Json::Array(active.map(|(_, state)| Json::from(&*state.id)).collect())
    }

    fn call(&self, call: Call) -> Result<Json, String> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= CALLS_MAX {
            return Err("too many calls in one script".to_owned());
        }
        calls.push_back(call);
        Ok(Json::Null)
    }
}

/// `_ioprocessors`.
fn processors(start: &Start) -> Json {
    let own = json!({ "location": format!("#_scxml_{}", start.id) });
    let mut members = Map::new();
    members.insert("scxml".to_owned(), own.clone());
    members.insert(SCXML.to_owned(), own);
    if let Some(location) = &start.http_location {
        let http = json!({ "location": location });
        members.insert("basichttp".to_owned(), http.clone());
        members.insert(BASIC_HTTP.to_owned(), http);
    }
    Json::Object(members)
}

fn keep_xml(sandbox: &mut Sandbox, parse: Snippet, text: &str) -> Result<Handle, Error> {
    let wrapped = format!("<_>{text}</_>");
    let tree = xml::parse(&wrapped, &"".into()).map_err(|problem| Error {
        kind: ErrorKind::Thrown,
        name: "SyntaxError".to_owned(),
        message: problem.message,
        line: None,
    })?;
    let elements: Vec<Json> = tree.elements().map(xml::Element::to_json).collect();
    sandbox.keep(
        parse,
        &[Argument::Json(&Json::Array(elements)), Argument::Text(text)],
    )
}

/// A value of the script side; XML comes with its mark.
fn from_script(json: Json) -> Data {
    match json.get(XML_KEY).and_then(Json::as_str) {
        Some(text) => Data::Xml(text.to_owned()),
        None => Data::Json(json),
    }
}

/// A value as text: texts without quotes.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
