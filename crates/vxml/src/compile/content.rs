//! Executable content.

use std::sync::Arc;

use super::{Compile, ELEMENTS, is_identifier};
use crate::model::{Action, ActionKind, Block, Data, Goto, Prompt, Request, Target, Throw};
use crate::xml::{Child, Element};

impl Compile {
    /// The content of an element.
    pub(super) fn block(&mut self, element: &Element) -> Block {
        self.children(&element.children, element)
    }

    fn children(&mut self, children: &[Child], within: &Element) -> Block {
        let mut out = Vec::new();
        let mut spoken: Vec<&Child> = Vec::new();
        for child in children {
            match child {
                Child::Element(element) if is_spoken(element) => spoken.push(child),
                Child::Text(_) => spoken.push(child),
                Child::Element(element) => {
                    self.speak(&mut spoken, within, &mut out);
                    out.extend(self.action(element, false));
                }
            }
        }
        self.speak(&mut spoken, within, &mut out);
        out.into()
    }

    /// Text and audio outside of a prompt are one all the same.
    fn speak(&mut self, spoken: &mut Vec<&Child>, within: &Element, out: &mut Vec<Action>) {
        let content = self.outputs(spoken.drain(..));
        if content.is_empty() {
            return;
        }
        let prompt = Prompt::bare(content);
        out.push(Action {
            element: "prompt",
            place: within.place,
            kind: ActionKind::Prompt(Arc::new(prompt)),
        });
    }

    /// One element of executable content.
    pub(super) fn action(&mut self, element: &Element, parameter: bool) -> Option<Action> {
        let name = element.name.as_str();
        if element.is_vendor() {
            return self.vendor(element);
        }
        if !element.is_own() {
            return None;
        }
        let known = ACTIONS.iter().find(|known| **known == name).copied();
        let Some(known) = known else {
            if ELEMENTS.contains(&name) {
                self.problem(element.place, format!("<{name}> is no executable content"));
                return None;
            }
            let event = format!("error.unsupported.{name}").into();
            let message = self.fault(element.place, format!("<{name}> is not supported"));
            return Some(Action {
                element: "element",
                place: element.place,
                kind: ActionKind::Broken(event, message),
            });
        };
        let kind = match self.kind(element, parameter) {
            Ok(kind) => kind,
            Err(message) => {
                let message = self.fault(element.place, message);
                ActionKind::Broken("error.badfetch".into(), message)
            }
        };
        Some(Action {
            element: known,
            place: element.place,
            kind,
        })
    }

    fn kind(&mut self, element: &Element, parameter: bool) -> Result<ActionKind, String> {
        let place = element.place;
        Ok(match element.name.as_str() {
            "var" => self.variable(element, parameter)?,
            "assign" => ActionKind::Assign {
                target: self.assignable(required(element, "name")?, place),
                expr: self.expression(required(element, "expr")?, place),
            },
            "clear" => ActionKind::Clear(element.attribute("namelist").map(|names| {
                let names = names.split_whitespace();
                names
                    .map(|name| (name.into(), self.assignable(name, place)))
                    .collect()
            })),
            "script" => self.script_element(element)?,
            "if" => self.conditions(element)?,
            "goto" => self.jump_element(element)?,
            "submit" => ActionKind::Submit {
                address: self.target(element, &["next", "expr"])?.1,
                request: self.request(element),
            },
            "exit" => {
                exclusive(element, &["expr", "namelist"])?;
                ActionKind::Exit {
                    expr: self.optional(element, "expr"),
                    names: self.namelist(element),
                }
            }
            "return" => {
                exclusive(element, &["event", "eventexpr", "namelist"])?;
                let event = self.optional_target(element, &["event", "eventexpr"])?;
                let message = self.optional_target(element, &["message", "messageexpr"])?;
                ActionKind::Return {
                    event: event.map(|event| Throw { event, message }),
                    names: self.namelist(element),
                }
            }
            "disconnect" => ActionKind::Disconnect(self.namelist(element)),
            "throw" => ActionKind::Throw(Throw {
                event: self.target(element, &["event", "eventexpr"])?.1,
                message: self.optional_target(element, &["message", "messageexpr"])?,
            }),
            "reprompt" => ActionKind::Reprompt,
            "log" => ActionKind::Log {
                label: element.attribute("label").map(str::to_owned),
                level: element.vendor("level").map(str::to_owned),
                expr: self.optional(element, "expr"),
                content: self.outputs(element.children.iter()),
            },
            "prompt" => ActionKind::Prompt(Arc::new(self.prompt(element))),
            "foreach" => ActionKind::Foreach {
                array: self.expression(required(element, "array")?, place),
                item: required(element, "item")?.into(),
                block: self.block(element),
            },
            _ => self.data(element)?,
        })
    }

    fn namelist(&mut self, element: &Element) -> Option<crate::model::Names> {
        let names = element.attribute("namelist")?;
        Some(self.names(names, element.place))
    }

    fn variable(&mut self, element: &Element, parameter: bool) -> Result<ActionKind, String> {
        let name = required(element, "name")?;
        if !is_identifier(name) {
            let message = format!("{name} is no name for a variable");
            return Ok(ActionKind::Broken("error.semantic".into(), message));
        }
        Ok(ActionKind::Var {
            name: name.into(),
            expr: self.optional(element, "expr"),
            parameter,
        })
    }

    fn script_element(&mut self, element: &Element) -> Result<ActionKind, String> {
        let text = element.text();
        let address = self.optional_target(element, &["src", "srcexpr"])?;
        match address {
            Some(_) if !text.trim().is_empty() => {
                Err("<script> has either an address or content".to_owned())
            }
            Some(address) => Ok(ActionKind::ScriptFile {
                address,
                charset: element.attribute("charset").map(str::to_owned),
                fetch: Self::fetching(element),
            }),
            None if text.trim().is_empty() => {
                Err("<script> needs an address or content".to_owned())
            }
            None => Ok(ActionKind::Script(self.script(&text, element.place))),
        }
    }

    fn conditions(&mut self, element: &Element) -> Result<ActionKind, String> {
        let mut branches = Vec::new();
        let mut cond = Some(self.truth(required(element, "cond")?, element.place));
        let mut from = 0;
        for (at, child) in element.children.iter().enumerate() {
            let Child::Element(inner) = child else {
                continue;
            };
            if !inner.is_own() || !matches!(inner.name.as_str(), "elseif" | "else") {
                continue;
            }
            let part = element.children.get(from..at).unwrap_or_default();
            if cond.is_none() {
                return Err("nothing can stand behind <else>".to_owned());
            }
            branches.push((cond, self.children(part, element)));
            cond = match inner.name.as_str() {
                "else" => None,
                _ => Some(self.truth(required(inner, "cond")?, inner.place)),
            };
            from = at + 1;
        }
        let part = element.children.get(from..).unwrap_or_default();
        branches.push((cond, self.children(part, element)));
        Ok(ActionKind::If(branches))
    }

    fn jump_element(&mut self, element: &Element) -> Result<ActionKind, String> {
        let (which, text) = self.target(element, &["next", "expr", "nextitem", "expritem"])?;
        Ok(ActionKind::Goto(match which {
            0 | 1 => self.goto_of(element, text),
            _ => Goto {
                target: Target::Item(text),
                request: Request::default(),
            },
        }))
    }

    fn data(&mut self, element: &Element) -> Result<ActionKind, String> {
        let address = self.target(element, &["src", "srcexpr"])?.1;
        let name = element.attribute("name");
        Ok(ActionKind::Data(Box::new(Data {
            name: name.map(|name| self.assignable(name, element.place)),
            declares: name.filter(|name| is_identifier(name)).map(Into::into),
            address,
            request: self.request(element),
        })))
    }

    fn vendor(&mut self, element: &Element) -> Option<Action> {
        let (element_name, kind) = match element.name.as_str() {
            "send" => {
                let event = element
                    .attribute("event")
                    .map(|event| crate::model::Text::Fixed(event.into()));
                let kind = ActionKind::Send {
                    names: self.namelist(element),
                    event,
                    body: self.optional(element, "body"),
                };
                ("send", kind)
            }
            "receive" => {
                let fixed = element
                    .attribute("maxtime")
                    .map(|time| crate::model::Text::Fixed(time.into()));
                let computed = self.optional(element, "maxtimeexpr");
                let max_time = fixed.or_else(|| computed.map(crate::model::Text::Expression));
                ("receive", ActionKind::Receive { max_time })
            }
            name => {
                let event = format!("error.unsupported.{name}").into();
                let message = format!("the extension {name} is not supported");
                let message = self.fault(element.place, message);
                ("element", ActionKind::Broken(event, message))
            }
        };
        Some(Action {
            element: element_name,
            place: element.place,
            kind,
        })
    }

    /// `name` of an element that is filled, or one made up.
    pub(super) fn item_name(&mut self, element: &Element) -> Arc<str> {
        match element.attribute("name") {
            Some(name) if is_identifier(name) => name.into(),
            Some(name) => {
                self.problem(element.place, format!("{name} is no name for a variable"));
                self.fresh_name()
            }
            None => self.fresh_name(),
        }
    }
}

const ACTIONS: &[&str] = &[
    "var",
    "assign",
    "clear",
    "script",
    "if",
    "goto",
    "submit",
    "exit",
    "return",
    "disconnect",
    "throw",
    "reprompt",
    "log",
    "prompt",
    "foreach",
    "data",
];

/// What may stand in executable content without a prompt around it.
fn is_spoken(element: &Element) -> bool {
    const MARKUP: &[&str] = &[
        "audio",
        "value",
        "enumerate",
        "break",
        "mark",
        "p",
        "s",
        "say-as",
        "emphasis",
        "prosody",
        "voice",
        "phoneme",
        "sub",
        "paragraph",
        "sentence",
    ];
    element.is_own() && MARKUP.contains(&element.name.as_str())
}

/// An attribute that must be there.
pub(super) fn required<'a>(element: &'a Element, name: &str) -> Result<&'a str, String> {
    let value = element.attribute(name);
    value.ok_or_else(|| format!("<{}> needs {name}", element.name))
}

/// At most one of some attributes.
pub(super) fn exclusive(element: &Element, names: &[&str]) -> Result<(), String> {
    let given = names
        .iter()
        .filter(|name| element.attribute(name).is_some());
    if given.count() > 1 {
        return Err(format!(
            "<{}> has at most one of {}",
            element.name,
            names.join(", ")
        ));
    }
    Ok(())
}
