//! Form items.

use std::sync::Arc;

use serde_json::Value as Json;

use super::content::exclusive;
use super::{Compile, ELEMENTS};
use crate::model::{
    ChoiceText, Field, GrammarRef, GrammarSource, Item, ItemKind, Param, Record, Scoped, Subdialog,
    Text, Transfer, TransferKind,
};
use crate::xml::{Child, Element};

/// What stands in an item besides what makes its kind.
#[derive(Default)]
struct Parts<'a> {
    scoped: Scoped,
    prompts: Vec<Arc<crate::model::Prompt>>,
    grammars: Vec<GrammarRef>,
    options: Vec<&'a Element>,
    params: Vec<&'a Element>,
}

impl Compile {
    /// A form item; nothing when it cannot stand in a form.
    pub(super) fn item(&mut self, element: &Element) -> Option<Item> {
        let kind: &'static str = match element.name.as_str() {
            "block" => "block",
            "field" => "field",
            "initial" => "initial",
            "subdialog" => "subdialog",
            "record" => "record",
            "transfer" => "transfer",
            "object" => "object",
            name if ELEMENTS.contains(&name) => {
                self.misplaced(element, "form");
                return None;
            }
            _ => "element",
        };
        let name = self.item_name(element);
        let mut item = Item {
            kind: ItemKind::Initial,
            element: kind,
            expr: self.optional(element, "expr"),
            cond: self.condition(element),
            scoped: Scoped::default(),
            prompts: Vec::new(),
            grammars: Vec::new(),
            modal: element
                .attribute("modal")
                .map_or(kind == "record", |modal| modal == "true"),
            place: element.place,
            name,
        };
        if kind == "block" {
            item.kind = ItemKind::Block(self.block(element));
            return Some(item);
        }
        if kind == "element" || kind == "object" {
            let event = match kind {
                "object" => "error.unsupported.objectname".into(),
                _ => format!("error.unsupported.{}", element.name).into(),
            };
            let message = format!("<{}> is not supported", element.name);
            let message = self.fault(element.place, message);
            item.kind = ItemKind::Broken(event, message);
            return Some(item);
        }
        let parts = self.parts(element, kind);
        item.kind = match self.item_kind(element, &parts, &item) {
            Ok(kind) => kind,
            Err(message) => {
                let message = self.fault(element.place, message);
                ItemKind::Broken("error.badfetch".into(), message)
            }
        };
        item.scoped = parts.scoped;
        item.prompts = parts.prompts;
        item.grammars = parts.grammars;
        if kind == "field" {
            self.field_grammars(element, &parts.options, &mut item);
        }
        Some(item)
    }

    fn parts<'a>(&mut self, element: &'a Element, kind: &str) -> Parts<'a> {
        let mut parts = Parts::default();
        let mut bare: Vec<&Child> = Vec::new();
        for child in &element.children {
            let inner = match child {
                Child::Element(inner) if inner.is_own() => inner,
                Child::Element(_) => continue,
                Child::Text(text) => {
                    if !text.trim().is_empty() {
                        bare.push(child);
                    }
                    continue;
                }
            };
            if self.scoped(inner, &mut parts.scoped) {
                continue;
            }
            match inner.name.as_str() {
                "prompt" => parts.prompts.push(Arc::new(self.prompt(inner))),
                "audio" | "value" | "enumerate" => bare.push(child),
                "filled" if kind != "initial" => {}
                "grammar" if matches!(kind, "field" | "record" | "transfer") => {
                    parts.grammars.push(self.grammar(inner));
                }
                "option" if kind == "field" => parts.options.push(inner),
                "param" if kind == "subdialog" => parts.params.push(inner),
                "meta" | "metadata" => {}
                _ => self.misplaced(inner, kind),
            }
        }
        if !bare.is_empty() {
            let content = self.outputs(bare.into_iter());
            parts
                .prompts
                .push(Arc::new(crate::model::Prompt::bare(content)));
        }
        parts
    }

    fn item_kind(
        &mut self,
        element: &Element,
        parts: &Parts<'_>,
        item: &Item,
    ) -> Result<ItemKind, String> {
        Ok(match item.element {
            "field" => ItemKind::Field(Field {
                slot: element
                    .attribute("slot")
                    .map_or_else(|| Arc::clone(&item.name), Into::into),
                options: self.options(&parts.options),
            }),
            "subdialog" => {
                let address = self.target(element, &["src", "srcexpr"])?.1;
                let mut params = Vec::new();
                for param in &parts.params {
                    params.push(self.param(param)?);
                }
                let request = self.request(element);
                ItemKind::Subdialog(Box::new(Subdialog {
                    address,
                    params,
                    request,
                }))
            }
            "record" => ItemKind::Record(Box::new(record(element))),
            "transfer" => ItemKind::Transfer(Box::new(self.transfer(element)?)),
            _ => ItemKind::Initial,
        })
    }

    fn param(&mut self, element: &Element) -> Result<Param, String> {
        let name = super::content::required(element, "name")?;
        exclusive(element, &["value", "expr"])?;
        let value = match (element.attribute("value"), element.attribute("expr")) {
            (Some(value), _) => Text::Fixed(value.into()),
            (None, Some(expr)) => Text::Expression(self.expression(expr, element.place)),
            (None, None) => return Err("<param> needs value or expr".to_owned()),
        };
        Ok(Param {
            name: name.into(),
            value,
        })
    }

    fn options(&mut self, options: &[&Element]) -> Vec<ChoiceText> {
        let mut out = Vec::new();
        for option in options {
            out.push(ChoiceText {
                text: self.outputs(option.children.iter()),
                keys: option.attribute("dtmf").map(|keys| keys.replace(' ', "")),
            });
        }
        out
    }

    /// `type` and `<option>` of a field bring grammars with them.
    fn field_grammars(&mut self, element: &Element, options: &[&Element], item: &mut Item) {
        if let Some(kind) = element.attribute("type") {
            let written = kind.strip_prefix("builtin:dtmf/").unwrap_or(kind);
            item.grammars.push(GrammarRef {
                source: Self::builtin(written),
                voice: false,
                document_scope: false,
            });
        }
        for option in options {
            let text = option.text();
            let Some(keys) = option.attribute("dtmf") else {
                continue;
            };
            // Without a value and a text the keys are the value.
            let written = Some(text.trim()).filter(|text| !text.is_empty());
            let value = option.attribute("value").or(written);
            let value = value.map_or_else(|| keys.replace(' ', ""), str::to_owned);
            item.grammars
                .extend(self.key_grammar(option, keys, Json::from(value)));
        }
        if !options.is_empty() && item.grammars.is_empty() {
            // Their words would be the grammar: that is speech.
            let why = "the options have no keys".to_owned();
            item.grammars.push(GrammarRef {
                source: GrammarSource::Broken("error.noresource", why),
                voice: true,
                document_scope: false,
            });
        }
    }

    fn transfer(&mut self, element: &Element) -> Result<Transfer, String> {
        exclusive(element, &["type", "bridge"])?;
        exclusive(element, &["aai", "aaiexpr"])?;
        let kind = match (element.attribute("type"), element.attribute("bridge")) {
            (Some("bridge"), _) | (None, Some("true")) => TransferKind::Bridge,
            (Some("blind"), _) | (None, None | Some("false")) => TransferKind::Blind,
            (Some("consultation"), _) => TransferKind::Consultation,
            (Some(other), _) | (None, Some(other)) => {
                return Err(format!("{other} is no type of a transfer"));
            }
        };
        let get = |name: &str| element.attribute(name).map(str::to_owned);
        Ok(Transfer {
            dest: self.target(element, &["dest", "destexpr"])?.1,
            kind,
            connect_timeout: get("connecttimeout"),
            max_time: get("maxtime"),
            audio: get("transferaudio"),
            aai: self.optional_target(element, &["aai", "aaiexpr"])?,
        })
    }
}

fn record(element: &Element) -> Record {
    let get = |name: &str| element.attribute(name).map(str::to_owned);
    Record {
        beep: element.attribute("beep") == Some("true"),
        max_time: get("maxtime"),
        final_silence: get("finalsilence"),
        ends_by_key: element.attribute("dtmfterm") != Some("false"),
        kind: get("type").unwrap_or_else(|| "audio/x-wav".to_owned()),
    }
}
