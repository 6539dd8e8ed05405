//! What stands inside a state: transitions, handlers, data, invocations.

use std::sync::Arc;

use script::Snippet;

use super::{Builder, Options};
use crate::address::resolve;
use crate::dialect::{NAMESPACE, module};
use crate::event::{Data, Descriptor};
use crate::limits::INLINE_DEPTH_MAX;
use crate::model::{
    Action, Content, DataItem, Domain, Invoke, Kind, Param, Payload, ROOT, Transition, Value,
};
use crate::problem::Place;
use crate::xml::{Child, Element};

impl Builder<'_> {
    pub(super) fn fill_state(&mut self, index: u32, element: &Element) {
        for inner in element.elements() {
            if *inner.namespace != *NAMESPACE {
                if module(&inner.namespace).is_some() {
                    self.fault(
                        &inner.place,
                        format!("`{}` has no meaning here", inner.name),
                    );
                }
                continue;
            }
            match inner.name.as_str() {
                "onentry" => {
                    let block = self.block(inner);
                    self.with_state(index, |state| state.on_entry.push(block));
                }
                "onexit" => {
                    let block = self.block(inner);
                    self.with_state(index, |state| state.on_exit.push(block));
                }
                "transition" => self.transition(index, inner),
                "initial" => self.initial_element(index, inner),
                "datamodel" => self.data(index, inner),
                "invoke" => {
                    let invoke = self.invoke(inner);
                    self.with_state(index, |state| state.invokes.push(invoke));
                }
                "donedata" => {
                    let payload = self.payload(inner);
                    self.with_state(index, |state| state.done_data = Some(payload));
                }
                "state" | "parallel" | "final" | "history" => {}
                "script" if index == ROOT => {}
                other => {
                    let message = format!("`{other}` is not known here");
                    self.fault(&inner.place, message);
                }
            }
        }
        self.initial(index, element);
        if element.name == "state" && element.attribute("src").is_some() {
            self.fault(
                &element.place,
                "`src` of a state is not built; include its content",
            );
        }
    }

    fn with_state(&mut self, index: u32, change: impl FnOnce(&mut crate::model::State)) {
        if let Some(state) = self.state_mut(index) {
            change(state);
        }
    }

    fn transition(&mut self, source: u32, element: &Element) {
        let is_history = self
            .state_mut(source)
            .is_some_and(|state| state.is_history());
        let event = element.attribute("event");
        let condition = match element.attribute("cond") {
            Some(text) if !text.trim().is_empty() => Some(self.condition(text, &element.place)),
            _ => None,
        };
        if !is_history
            && element.attribute("target").is_none()
            && event.is_none()
            && condition.is_none()
        {
            self.fault(
                &element.place,
                "a transition needs `event`, `cond` or `target`",
            );
        }
        let text = [
            event.unwrap_or_default(),
            element.attribute("cond").map(|_| "[…]").unwrap_or_default(),
        ];
        let transition = Transition {
            source,
            events: Descriptor::parse(event.unwrap_or_default()),
            condition,
            targets: Vec::new(),
            internal: element.attribute("type") == Some("internal"),
            content: self.block(element),
            domain: Domain::None,
            text: text.join(" ").trim().to_owned(),
        };
        let targets = words(element.attribute("target"));
        let number = self.add_transition(transition, targets, element.place.clone());
        self.with_state(source, |state| match is_history {
            true => state.initial = Some(number),
            false => state.transitions.push(number),
        });
    }

    fn add_transition(
        &mut self,
        transition: Transition,
        targets: Vec<String>,
        place: Place,
    ) -> u32 {
        let number = u32::try_from(self.transitions.len()).unwrap_or(u32::MAX);
        self.transitions.push(transition);
        self.targets.push((targets, place));
        number
    }

    fn initial_element(&mut self, index: u32, element: &Element) {
        let Some(inner) = element.elements().find(|inner| inner.name == "transition") else {
            self.error(&element.place, "`initial` needs a `transition`");
            return;
        };
        let content = self.block(inner);
        let targets = words(inner.attribute("target"));
        if targets.is_empty() {
            self.error(&inner.place, "the transition of `initial` needs a `target`");
        }
        let number = self.add_transition(entering(index, content), targets, inner.place.clone());
        self.with_state(index, |state| state.initial = Some(number));
    }

    /// `initial="…"`, or the first child state.
    fn initial(&mut self, index: u32, element: &Element) {
        let Some(state) = self.state_mut(index) else {
            return;
        };
        let first = state.children.first().copied();
        if state.initial.is_some() || !matches!(state.kind, Kind::Root | Kind::Compound) {
            if state.kind != Kind::Root && state.is_history() && state.initial.is_none() {
                self.fault(&element.place, "a history needs a default `transition`");
            }
            return;
        }
        let named = words(element.attribute("initial"));
        let mut transition = entering(index, Vec::new());
        if named.is_empty() {
            transition.targets.extend(first);
        }
        let number = self.add_transition(transition, named, element.place.clone());
        self.with_state(index, |state| state.initial = Some(number));
    }

    fn data(&mut self, index: u32, element: &Element) {
        let items = element.elements().filter(|item| item.name == "data");
        let items: Vec<DataItem> = items.map(|item| self.data_item(item)).collect();
        self.with_state(index, |state| state.data.extend(items));
    }

    fn data_item(&mut self, item: &Element) -> DataItem {
        let id = item
            .attribute("id")
            .or_else(|| item.attribute("name").filter(|_| self.original()));
        let id = id.unwrap_or_default().trim().to_owned();
        if id.is_empty() {
            self.fault(&item.place, "`data` needs an `id`");
        }
        let value = if let Some(source) = item.attribute("expr") {
            Value::Computed(self.expression(source, &item.place))
        } else if let Some(source) = item.attribute("src") {
            match self.file(source) {
                Ok(text) => Value::Ready(Data::from_text(&text)),
                Err(message) => Value::Missing(message),
            }
        } else {
            self.inline_value(item)
        };
        DataItem {
            store: self.location(&id, false, &item.place),
            id,
            value,
            place: item.place.clone(),
        }
    }

    /// A value that stands between the tags.
    pub(super) fn inline_value(&mut self, element: &Element) -> Value {
        if element.elements().next().is_some() {
            return Value::Ready(Data::Xml(element.inner_xml()));
        }
        let text = element.text();
        if text.trim().is_empty() {
            return Value::None;
        }
        match Data::from_text(&text) {
            // The drafts say that text is an expression; only what is one is taken as one.
            Data::Json(serde_json::Value::String(plain)) if self.is_literal(&text) => {
                drop(plain);
                Value::Computed(self.expression(text.trim(), &element.place))
            }
            data => Value::Ready(data),
        }
    }

    /// The text of a file that was loaded with the document.
    pub(super) fn file(&self, source: &str) -> Result<Arc<str>, String> {
        let address = resolve(&self.options.url, source);
        match self.options.files.get(&address) {
            Some(Ok(text)) => Ok(Arc::clone(text)),
            Some(Err(message)) => Err(format!("`{address}` cannot be fetched: {message}")),
            None => Err(format!("`{address}` was not loaded")),
        }
    }

    fn invoke(&mut self, element: &Element) -> Invoke {
        let place = &element.place;
        let finalize = element.elements().find(|inner| inner.name == "finalize");
        let id_location = element.attribute("idlocation");
        Invoke {
            kind: self.text_of(element, "type"),
            source: self.text_of(element, "src"),
            id: element.attribute("id").map(str::to_owned),
            id_location: id_location
                .map(|location| self.location(location, !self.original(), place)),
            auto_forward: matches!(element.attribute("autoforward"), Some("true" | "1")),
            payload: self.payload(element),
            finalize: finalize.map(|finalize| self.block(finalize)),
            place: place.clone(),
        }
    }

    /// `namelist`, `<param>` and `<content>` of an element.
    pub(super) fn payload(&mut self, element: &Element) -> Payload {
        let mut params = Vec::new();
        for name in words(element.attribute("namelist")) {
            let param = self.param(&name, &name, Some(&name), &element.place);
            params.push(Param {
                listed: true,
                ..param
            });
        }
        params.extend(self.params(element));
        let content = element.elements().find(|inner| inner.name == "content");
        Payload {
            params,
            content: content.map(|content| self.content(content)),
        }
    }

    pub(super) fn content(&mut self, element: &Element) -> Content {
        let computed = element
            .attribute("expr")
            .or_else(|| element.attribute("_expr"));
        if let Some(source) = computed {
            return Content::Computed(self.expression(source, &element.place));
        }
        let document = element
            .elements()
            .find(|inner| inner.name == "scxml" && *inner.namespace == *NAMESPACE);
        if let Some(document) = document {
            return Content::Document(self.inline_document(document));
        }
        if element.elements().next().is_some() {
            return Content::Ready(Data::Xml(element.inner_xml()));
        }
        let text: String = element
            .children
            .iter()
            .map(|child| match child {
                Child::Text(text) => text.as_str(),
                Child::Element(_) => "",
            })
            .collect();
        Content::Ready(Data::from_text(&text))
    }

    fn inline_document(&mut self, root: &Element) -> Result<Arc<crate::model::Document>, String> {
        if self.options.inline_depth >= INLINE_DEPTH_MAX {
            return Err(format!(
                "documents are written inside each other deeper than {INLINE_DEPTH_MAX}"
            ));
        }
        let options = Options {
            url: Arc::clone(&self.options.url),
            dialect: None,
            files: self.options.files,
            inline_depth: self.options.inline_depth + 1,
        };
        match super::compile(root, &options) {
            Ok(document) => {
                self.faults.extend(document.faults.iter().cloned());
                Ok(Arc::new(document))
            }
            Err(problems) => {
                let first = problems
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                self.faults.extend(problems);
                Err(first)
            }
        }
    }

    /// The scripts directly inside the root.
    pub(super) fn global_scripts(&mut self, root: &Element) -> Vec<(Snippet, Place)> {
        let mut scripts = Vec::new();
        for element in root
            .elements()
            .filter(|inner| inner.name == "script" && *inner.namespace == *NAMESPACE)
        {
            let text = match element.attribute("src") {
                None => element.text(),
                Some(source) => match self.file(source) {
                    Ok(text) => text.as_ref().to_owned(),
                    // A document whose script is missing must not run (5.8).
                    Err(message) => {
                        self.error(&element.place, message);
                        continue;
                    }
                },
            };
            scripts.push((
                self.script_text(&text, &element.place),
                element.place.clone(),
            ));
        }
        scripts
    }
}

fn entering(source: u32, content: Vec<Action>) -> Transition {
    Transition {
        source,
        events: Vec::new(),
        condition: None,
        targets: Vec::new(),
        internal: false,
        content,
        domain: Domain::None,
        text: String::new(),
    }
}

pub(super) fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}
