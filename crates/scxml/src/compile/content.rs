//! Executable content.

use super::Builder;
use crate::dialect::{NAMESPACE, module};
use crate::model::{Action, Condition, DataModel, Foreach, Log, Send, Text, Value, What};
use crate::problem::Place;
use crate::xml::Element;

impl Builder<'_> {
    /// The actions inside an element.
    pub(super) fn block(&mut self, element: &Element) -> Vec<Action> {
        element
            .elements()
            .filter_map(|inner| self.action(inner))
            .collect()
    }

    fn action(&mut self, element: &Element) -> Option<Action> {
        let place = element.place.clone();
        if let Some(module) = module(&element.namespace) {
            let what = self.module(module, element);
            return Some(Action { place, what });
        }
        let what = match element.name.as_str() {
            _ if *element.namespace != *NAMESPACE => {
                self.fault(
                    &place,
                    format!("`{}` of {} is not known", element.name, element.namespace),
                );
                What::Invalid(format!("`{}` is not known", element.name))
            }
            "raise" => self.raise(element),
            "if" => self.branches(element),
            "foreach" => self.foreach(element),
            "log" => self.log(element),
            "assign" => self.assign(element),
            "script" => self.script_action(element),
            "send" => What::Send(Box::new(self.send(element))),
            "cancel" => self.cancel(element),
            // The draft answers requests without a module.
            "response" if self.original() => self.module("session", element),
            "elseif" | "else" | "finalize" | "param" | "content" => return None,
            other => {
                self.fault(&place, format!("`{other}` is not known"));
                What::Invalid(format!("`{other}` is not known"))
            }
        };
        Some(Action { place, what })
    }

    fn raise(&mut self, element: &Element) -> What {
        let Some(event) = element.attribute("event") else {
            return self.invalid(&element.place, "`raise` needs `event`");
        };
        What::Raise {
            event: event.trim().to_owned(),
            params: self.params(element),
        }
    }

    fn branches(&mut self, element: &Element) -> What {
        let mut branches: Vec<(Option<Condition>, Vec<Action>)> = Vec::new();
        let first = self.branch_condition(element);
        branches.push((Some(first), Vec::new()));
        for inner in element.elements() {
            match inner.name.as_str() {
                "elseif" => {
                    let condition = self.branch_condition(inner);
                    branches.push((Some(condition), Vec::new()));
                }
                "else" => branches.push((None, Vec::new())),
                _ => {
                    let action = self.action(inner);
                    if let Some((_, block)) = branches.last_mut() {
                        block.extend(action);
                    }
                }
            }
        }
        What::If(branches)
    }

    fn branch_condition(&mut self, element: &Element) -> Condition {
        match element.attribute("cond") {
            Some(source) => self.condition(source, &element.place),
            None => {
                let message = format!("`{}` needs `cond`", element.name);
                self.fault(&element.place, message.as_str());
                Condition::Invalid(message)
            }
        }
    }

    fn foreach(&mut self, element: &Element) -> What {
        let (Some(array), Some(item)) = (element.attribute("array"), element.attribute("item"))
        else {
            return self.invalid(&element.place, "`foreach` needs `array` and `item`");
        };
        let place = &element.place;
        let index = element.attribute("index");
        What::Foreach(Box::new(Foreach {
            array: self.expression(array, place),
            item: self.location(item, false, place),
            index: index.map(|index| self.location(index, false, place)),
            body: self.block(element),
        }))
    }

    fn log(&mut self, element: &Element) -> What {
        let original = self.original();
        let mut text = |name: &str| {
            let text = element.attribute(name)?;
            Some(if original {
                self.draft_text(text)
            } else {
                Text::Literal(text.to_owned())
            })
        };
        let label = text("label");
        let level = text("level");
        let value = element
            .attribute("expr")
            .map(|source| self.expression(source, &element.place));
        What::Log(Box::new(Log {
            label,
            value,
            level,
        }))
    }

    fn assign(&mut self, element: &Element) -> What {
        let place = &element.place;
        let Some(location) = element
            .attribute("location")
            .or_else(|| element.attribute("dataid"))
        else {
            return self.invalid(place, "`assign` needs `location`");
        };
        let value = match element.attribute("expr") {
            Some(source) => Value::Computed(self.expression(source, place)),
            None => self.inline_value(element),
        };
        let strict = !self.original();
        if strict && is_system(location) {
            self.fault(place, format!("`{location}` cannot be written"));
            return What::Assign { store: None, value };
        }
        let store = self.location(location, strict, place);
        What::Assign {
            store: Some(store),
            value,
        }
    }

    fn script_action(&mut self, element: &Element) -> What {
        let text = match element.attribute("src") {
            None => element.text(),
            Some(source) => match self.file(source) {
                Ok(text) => text.as_ref().to_owned(),
                Err(message) => return self.invalid(&element.place, &message),
            },
        };
        if self.data_model == DataModel::Null {
            return self.invalid(&element.place, "the null data model has no scripts");
        }
        What::Script(self.script_text(&text, &element.place))
    }

    fn send(&mut self, element: &Element) -> Send {
        let place = &element.place;
        let strict = !self.original();
        let id_location = element.attribute("idlocation");
        let id = element
            .attribute("id")
            .or_else(|| element.attribute("sendid").filter(|_| !strict));
        Send {
            event: self.text_of(element, "event"),
            target: self.text_of(element, "target"),
            kind: self.text_of(element, "type"),
            id: id.map(str::to_owned),
            id_location: id_location.map(|location| self.location(location, strict, place)),
            delay: self.text_of(element, "delay"),
            payload: self.payload(element),
        }
    }

    fn cancel(&mut self, element: &Element) -> What {
        match self.text_of(element, "sendid") {
            Some(id) => What::Cancel(id),
            None => self.invalid(&element.place, "`cancel` needs `sendid` or `sendidexpr`"),
        }
    }

    fn invalid(&mut self, place: &Place, message: &str) -> What {
        self.fault(place, message);
        What::Invalid(message.to_owned())
    }
}

/// True for a system variable or a part of one.
fn is_system(location: &str) -> bool {
    let name = location
        .trim()
        .split(['.', '['])
        .next()
        .unwrap_or_default()
        .trim_end();
    matches!(
        name,
        "_event" | "_sessionid" | "_name" | "_ioprocessors" | "_x"
    )
}
