//! What is played: prompts and what stands in them.

use std::sync::Arc;

use super::Compile;
use super::content::required;
use crate::model::{Output, Prompt, Segments, Text};
use crate::problem::Problem;
use crate::xml::{Child, Element, XML, escape};

/// Longest silence in a prompt, ms.
const BREAK_MAX_MS: u32 = 60_000;

impl Compile {
    /// `<prompt>`.
    pub(super) fn prompt(&mut self, element: &Element) -> Prompt {
        let lang = match element.vendor("langexpr") {
            Some(expr) => Some(Text::Expression(self.expression(expr, element.place))),
            None => element.xml("lang").map(|lang| Text::Fixed(lang.into())),
        };
        Prompt {
            barge_in: element.attribute("bargein").map(str::to_owned),
            barge_in_type: element.attribute("bargeintype").map(str::to_owned),
            base: element.xml("base").map(Into::into),
            count: self.count(element),
            cond: self.condition(element),
            timeout: element.attribute("timeout").map(str::to_owned),
            lang,
            content: self.outputs(element.children.iter()),
        }
    }

    /// Mixed content.
    pub(super) fn outputs<'a>(&mut self, children: impl Iterator<Item = &'a Child>) -> Segments {
        let mut out = Vec::new();
        for child in children {
            match child {
                Child::Text(text) => {
                    let words: Vec<&str> = text.split_whitespace().collect();
                    if !words.is_empty() {
                        out.push(Output::Text(words.join(" ").into()));
                    }
                }
                Child::Element(element) if element.is_own() => out.extend(self.output(element)),
                Child::Element(_) => {}
            }
        }
        out.into()
    }

    fn output(&mut self, element: &Element) -> Option<Output> {
        match self.known_output(element) {
            Ok(output) => output,
            Err(message) => {
                self.faults
                    .push(Problem::new(element.place, message.clone()));
                Some(Output::Broken(message))
            }
        }
    }

    fn known_output(&mut self, element: &Element) -> Result<Option<Output>, String> {
        let content = |this: &mut Self| this.outputs(element.children.iter());
        Ok(Some(match element.name.as_str() {
            "value" => Output::Value(self.expression(required(element, "expr")?, element.place)),
            "audio" => {
                let source = self.target(element, &["src", "expr", "srcexpr"])?.1;
                Output::Audio {
                    source,
                    fetch: Self::fetching(element),
                    content: content(self),
                }
            }
            "break" => Output::Break(silence(element)?),
            "mark" => Output::Mark(self.target(element, &["name", "nameexpr"])?.1),
            "foreach" => Output::Foreach {
                array: self.expression(required(element, "array")?, element.place),
                item: required(element, "item")?.into(),
                content: content(self),
            },
            "enumerate" => {
                let template = content(self);
                Output::Enumerate((!template.is_empty()).then_some(template))
            }
            "desc" | "lexicon" | "meta" | "metadata" => return Ok(None),
            "prompt" | "field" | "block" | "form" | "menu" | "grammar" | "goto" | "submit"
            | "if" => {
                return Err(format!("<{}> cannot stand in a prompt", element.name));
            }
            name => {
                let (open, close) = markup(element, name);
                Output::Markup {
                    open,
                    close,
                    content: content(self),
                }
            }
        }))
    }
}

/// Tags for the synthesiser.
fn markup(element: &Element, name: &str) -> (Arc<str>, Arc<str>) {
    let mut open = format!("<{name}");
    for attribute in &element.attributes {
        // Of other names only those of XML itself mean something to a synthesiser.
        let prefix = match attribute.namespace.as_deref() {
            None => "",
            Some(XML) => "xml:",
            Some(_) => continue,
        };
        open.push_str(&format!(" {prefix}{}=\"", attribute.name));
        escape(&mut open, &attribute.value);
        open.push('"');
    }
    open.push('>');
    (open.into(), format!("</{name}>").into())
}

/// `<break>` in ms.
fn silence(element: &Element) -> Result<u32, String> {
    if let Some(time) = element.attribute("time") {
        let time = crate::time::parse_ms(time).ok_or_else(|| format!("{time} is no time"))?;
        return Ok(u32::try_from(time)
            .unwrap_or(BREAK_MAX_MS)
            .min(BREAK_MAX_MS));
    }
    let strength = element.attribute("strength");
    match strength.or_else(|| element.attribute("size")) {
        Some("none") => Ok(0),
        Some("x-weak") => Ok(100),
        Some("weak" | "small") => Ok(250),
        None | Some("medium") => Ok(500),
        Some("strong" | "large") => Ok(1_000),
        Some("x-strong") => Ok(2_000),
        Some(other) => Err(format!("{other} is no strength of a break")),
    }
}
