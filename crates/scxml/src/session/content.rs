//! Executable content: an error stops the block that it is in.

use script::{Error, ErrorKind, Snippet};
use serde_json::{Value as Json, json};

use super::Session;
use super::model::{Call, NotAssigned, plain};
use crate::dialect::Dialect;
use crate::effect::{ActionElement, Effect, LogLine, ModuleAction};
use crate::event::{Data, Event};
use crate::model::{
    Action, Content, Document, Foreach, Log, Module, ModuleElement, Param, Payload, ROOT, Text,
    Value, What,
};
use crate::problem::Place;

/// An error event was raised; the block ends here.
pub(super) struct Aborted;

/// In the draft: something cannot be stored where it should be.
const BAD_LOCATION: &str = "error.illegalloc.errorinloc";

impl Session {
    /// Data of all states or of the root, then the global scripts.
    pub(super) fn initialise(&mut self, doc: &Document) {
        if doc.late_binding {
            // The names exist from the start, the values come with the states (5.3.3).
            for state in &doc.states {
                for item in &state.data {
                    let declared = self.model.store(item.store, &Data::None);
                    self.check(declared, &item.place);
                }
            }
            self.bound.insert(ROOT);
            self.bind(doc, ROOT);
        } else {
            for index in (0..).take(doc.states.len()) {
                self.bind(doc, index);
            }
        }
        if doc.dialect == Dialect::Ors2009 {
            self.bind_unnamed(doc);
        }
        for (script, place) in &doc.scripts {
            let ran = self.model.run(*script);
            self.take_calls();
            self.check(ran, place);
        }
    }

    /// Gives the data of a state its values.
    pub(super) fn bind(&mut self, doc: &Document, index: u32) {
        for item in &doc.state(index).data {
            let given = self.start.params.iter().find(|(name, _)| *name == item.id);
            let given = given
                .map(|(_, data)| data.clone())
                .filter(|_| index == ROOT);
            let stored = match (given, &item.value) {
                (Some(data), _) => self.model.store(item.store, &data),
                (None, Value::None) => self.model.store(item.store, &Data::None),
                (None, Value::Ready(data)) => self.model.store(item.store, data),
                (None, Value::Computed(value)) => {
                    let assigned = self.model.assign(item.store, *value);
                    let assigned = assigned.map_err(NotAssigned::error);
                    self.take_calls();
                    if assigned.is_err() {
                        let _unstorable = self.model.store(item.store, &Data::None);
                    }
                    assigned
                }
                (None, Value::Missing(message)) => {
                    let _unstorable = self.model.store(item.store, &Data::None);
                    let message = message.clone();
                    self.fetch_error(&message, &item.place);
                    Ok(())
                }
            };
            self.check(stored, &item.place);
        }
    }

    /// In the draft, values without a `<data>` become members of `_data`.
    fn bind_unnamed(&mut self, doc: &Document) {
        let names: Vec<&str> = doc
            .states
            .iter()
            .flat_map(|state| &state.data)
            .map(|item| item.id.as_str())
            .collect();
        let loose: Vec<_> = self
            .start
            .params
            .iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .cloned()
            .collect();
        for (name, data) in loose {
            self.model.set_global(&name, &data.into_json());
        }
    }

    /// Runs a block.
    pub(super) fn run_block(&mut self, doc: &Document, block: &[Action]) {
        // An error ends the block, not the step.
        let _aborted = self.run_actions(doc, block);
    }

    fn run_actions(&mut self, doc: &Document, block: &[Action]) -> Result<(), Aborted> {
        block
            .iter()
            .try_for_each(|action| self.run_action(doc, action))
    }

    fn run_action(&mut self, doc: &Document, action: &Action) -> Result<(), Aborted> {
        let place = &action.place;
        match &action.what {
            What::Raise { event, params } => {
                let pairs = self.pairs(params, place)?;
                self.raise(Event::internal(event.as_str(), Data::from_pairs(pairs)));
                Ok(())
            }
            What::If(branches) => {
                for (condition, block) in branches {
                    if self.holds(doc, condition.as_ref()) {
                        return self.run_actions(doc, block);
                    }
                }
                Ok(())
            }
            What::Foreach(foreach) => self.foreach(doc, foreach, place),
            What::Log(log) => self.log(log, place),
            What::Assign { store, value } => self.assign(*store, value, place),
            What::Script(script) => {
                let ran = self.model.run(*script);
                self.take_calls();
                self.check_or_abort(ran, place)
            }
            What::Send(send) => self.send(doc, send, place),
            What::Cancel(id) => {
                let id = self.text(id, place)?;
                self.effect(Effect::Cancel { send_id: id });
                Ok(())
            }
            What::Module(module) => self.module_action(module, place),
            What::Invalid(message) => {
                self.execution_error(doc, message, Some(place));
                Err(Aborted)
            }
        }
    }

    fn foreach(&mut self, doc: &Document, foreach: &Foreach, place: &Place) -> Result<(), Aborted> {
        let listed = self.model.list(foreach.array);
        let (list, count) = self.check_value(listed, place)?;
        let ended = self.turns(doc, foreach, place, (list, count));
        self.model.release(list);
        ended
    }

    fn turns(
        &mut self,
        doc: &Document,
        foreach: &Foreach,
        place: &Place,
        (list, count): (script::Handle, usize),
    ) -> Result<(), Aborted> {
        for turn in 0..count {
            if turn >= self.start.limits.foreach_turns {
                self.execution_error(doc, "the foreach has too many turns", Some(place));
                return Err(Aborted);
            }
            let stored = self.model.store_element(foreach.item, list, turn);
            self.check_or_abort(stored, place)?;
            if let Some(index) = foreach.index {
                let stored = self.model.store(index, &Data::Json(json!(turn)));
                self.check_or_abort(stored, place)?;
            }
            self.run_actions(doc, &foreach.body)?;
            if !self.is_running() {
                return Err(Aborted);
            }
        }
        // Even an empty list must be stored to a legal name.
        if count == 0 {
            let stored = self.model.store(foreach.item, &Data::None);
            self.check_or_abort(stored, place)?;
        }
        Ok(())
    }

    fn log(&mut self, log: &Log, place: &Place) -> Result<(), Aborted> {
        let label = match &log.label {
            Some(label) => self.text(label, place)?,
            None => String::new(),
        };
        let level = match &log.level {
            Some(level) => self.text(level, place)?.trim().parse().ok(),
            None => None,
        };
        let text = match log.value {
            Some(value) => {
                let text = self.model.text(value);
                self.take_calls();
                self.check_value(text, place)?
            }
            None => String::new(),
        };
        self.effect(Effect::Log(LogLine { label, text, level }));
        Ok(())
    }

    fn assign(
        &mut self,
        store: Option<Snippet>,
        value: &Value,
        place: &Place,
    ) -> Result<(), Aborted> {
        let Some(store) = store else {
            let name = match self.doc.dialect {
                Dialect::W3c10 => "error.execution",
                Dialect::Ors2009 => BAD_LOCATION,
            };
            let message = "a system variable cannot be written";
            self.raise_error(name.to_owned(), message, Some(place), None);
            return Err(Aborted);
        };
        let stored = match value {
            Value::Computed(value) => self.model.assign(store, *value),
            Value::Ready(data) => {
                let stored = self.model.store(store, data);
                stored.map_err(NotAssigned::Location)
            }
            Value::None | Value::Missing(_) => {
                let stored = self.model.store(store, &Data::None);
                stored.map_err(NotAssigned::Location)
            }
        };
        self.take_calls();
        stored.map_err(|why| {
            self.assign_error(why, place);
            Aborted
        })
    }

    /// The error event of an assignment: the draft tells locations from values.
    fn assign_error(&mut self, why: NotAssigned, place: &Place) {
        let draft = self.doc.dialect == Dialect::Ors2009;
        match why {
            NotAssigned::Location(error) if draft && error.kind == ErrorKind::Thrown => {
                let name = BAD_LOCATION.to_owned();
                self.raise_error(name, &error.to_string(), Some(place), error.line);
            }
            why => self.script_error(&why.error(), Some(place)),
        }
    }

    fn module_action(&mut self, module: &Module, place: &Place) -> Result<(), Aborted> {
        let number = self.next_number();
        let request_id = format!("{}.{number}", self.start.id);
        if let Some(location) = module.request_id {
            let stored = self.model.store(location, &Data::Json(json!(request_id)));
            self.check_or_abort(stored, place)?;
        }
        let element = self.action_element(&module.element, place)?;
        let action = ModuleAction {
            module: module.module.clone(),
            request_id,
            element,
        };
        self.effect(Effect::Action(Box::new(action)));
        Ok(())
    }

    fn action_element(
        &mut self,
        element: &ModuleElement,
        place: &Place,
    ) -> Result<ActionElement, Aborted> {
        let mut attributes = Vec::new();
        for (name, text) in &element.attributes {
            let value = match text {
                Text::Literal(text) => Json::from(text.as_str()),
                Text::Computed(value) => self.value(*value, place)?.into_json(),
            };
            attributes.push((name.clone(), value));
        }
        let pairs = self.pairs(&element.params, place)?;
        let content = match &element.content {
            Some(content) => Some(self.content(content, place)?),
            None => None,
        };
        let children = element
            .children
            .iter()
            .map(|child| self.action_element(child, place));
        Ok(ActionElement {
            name: element.name.clone(),
            attributes,
            params: pairs
                .into_iter()
                .map(|(name, data)| (name, data.into_json()))
                .collect(),
            content,
            children: children.collect::<Result<_, _>>()?,
        })
    }

    /// Names with their values; a fault of a `<param>` leaves its name out, one of `namelist`
    /// gives everything up.
    pub(super) fn pairs(
        &mut self,
        params: &[Param],
        place: &Place,
    ) -> Result<Vec<(String, Data)>, Aborted> {
        let mut pairs = Vec::with_capacity(params.len());
        for param in params {
            match self.value(param.value, place) {
                Ok(data) => pairs.push((param.name.clone(), data)),
                Err(aborted) if param.listed => return Err(aborted),
                Err(_told) => {}
            }
        }
        Ok(pairs)
    }

    pub(super) fn value(&mut self, snippet: Snippet, place: &Place) -> Result<Data, Aborted> {
        let value = self.model.data(snippet);
        self.take_calls();
        self.check_value(value, place)
    }

    pub(super) fn content(&mut self, content: &Content, place: &Place) -> Result<Data, Aborted> {
        match content {
            Content::Computed(snippet) => self.value(*snippet, place),
            Content::Ready(data) => Ok(data.clone()),
            Content::Document(_) => Ok(Data::None),
        }
    }

    /// What `<donedata>` gives; what cannot be evaluated is left out.
    pub(super) fn done_data(&mut self, payload: &Payload) -> Data {
        let place = Place::default();
        if let Some(content) = &payload.content {
            return self.content(content, &place).unwrap_or_default();
        }
        self.pairs(&payload.params, &place)
            .map_or(Data::None, Data::from_pairs)
    }

    pub(super) fn text(&mut self, text: &Text, place: &Place) -> Result<String, Aborted> {
        match text {
            Text::Literal(text) => Ok(text.clone()),
            Text::Computed(snippet) => {
                let value = self.model.data(*snippet);
                self.take_calls();
                Ok(match self.check_value(value, place)? {
                    Data::Json(json) => plain(&json),
                    Data::Xml(text) => text,
                    Data::None => String::new(),
                })
            }
        }
    }

    /// What functions of the draft asked for.
    pub(super) fn take_calls(&mut self) {
        for call in self.model.take_calls() {
            match call {
                Call::Log { text, label, level } => {
                    self.effect(Effect::Log(LogLine { label, text, level }));
                }
                Call::Raise { name, data } => self.raise(Event::internal(name, data)),
            }
        }
    }

    fn check(&mut self, result: Result<(), Error>, place: &Place) {
        if let Err(error) = result {
            self.script_error(&error, Some(place));
        }
    }

    pub(super) fn check_or_abort(
        &mut self,
        result: Result<(), Error>,
        place: &Place,
    ) -> Result<(), Aborted> {
        self.check_value(result, place)
    }

    pub(super) fn check_value<T>(
        &mut self,
        result: Result<T, Error>,
        place: &Place,
    ) -> Result<T, Aborted> {
        result.map_err(|error| {
            self.script_error(&error, Some(place));
            Aborted
        })
    }

    /// The error event for a script.
    fn script_error(&mut self, error: &Error, place: Option<&Place>) {
        let name = match (self.doc.dialect, error.kind) {
            (Dialect::W3c10, _) => "error.execution".to_owned(),
            (Dialect::Ors2009, ErrorKind::Memory) => "error.script.memory".to_owned(),
            (Dialect::Ors2009, ErrorKind::Time) => "error.script.time".to_owned(),
            (Dialect::Ors2009, ErrorKind::Syntax) => "error.script.SyntaxError".to_owned(),
            (Dialect::Ors2009, _) => format!("error.script.{}", error.name),
        };
        self.raise_error(name, &error.to_string(), place, error.line);
    }

    pub(super) fn condition_error(&mut self, doc: &Document, error: &Error) {
        let name = match (doc.dialect, error.kind) {
            (Dialect::W3c10, _) => "error.execution",
            (Dialect::Ors2009, ErrorKind::Memory) => "error.script.memory",
            (Dialect::Ors2009, _) => "error.illegalcond.errorincond",
        };
        self.raise_error(name.to_owned(), &error.to_string(), None, error.line);
    }

    /// The error event for content that cannot be executed.
    pub(super) fn execution_error(&mut self, doc: &Document, message: &str, place: Option<&Place>) {
        let name = match doc.dialect {
            Dialect::W3c10 => "error.execution",
            Dialect::Ors2009 => "error.illegalvalue",
        };
        self.raise_error(name.to_owned(), message, place, None);
    }

    fn fetch_error(&mut self, message: &str, place: &Place) {
        let name = match self.doc.dialect {
            Dialect::W3c10 => "error.execution",
            Dialect::Ors2009 => "error.badfetch",
        };
        self.raise_error(name.to_owned(), message, Some(place), None);
    }

    fn raise_error(
        &mut self,
        name: String,
        message: &str,
        place: Option<&Place>,
        line: Option<u32>,
    ) {
        let offset = line.unwrap_or(1).saturating_sub(1);
        let at = place.map(|place| place.line.saturating_add(offset));
        let document = place
            .map(|place| place.file.as_ref())
            .filter(|file| !file.is_empty());
        let data = json!({
            "message": message,
            "document": document.unwrap_or(&self.doc.url),
            "linenumber": at.filter(|line| *line > 0),
        });
        self.raise(Event::platform(name, Data::Json(data)));
    }
}
