//! Attributes that several elements share.

use std::sync::Arc;

use super::Compile;
use crate::grammar::{self, Grammar};
use crate::model::{Fetching, Goto, GrammarRef, GrammarSource, Request, Target, Text};
use crate::xml::Element;

impl Compile {
    /// Exactly one of some attributes: which one, and its value. Names that end in `expr` are
    /// expressions.
    pub(super) fn target(
        &mut self,
        element: &Element,
        names: &[&str],
    ) -> Result<(usize, Text), String> {
        let given = names.iter().enumerate();
        let given =
            given.filter_map(|(index, name)| Some((index, *name, element.attribute(name)?)));
        let given: Vec<_> = given.collect();
        match given.as_slice() {
            [(index, name, value)] => {
                let computed = name.starts_with("expr") || name.ends_with("expr");
                let text = if computed {
                    Text::Expression(self.expression(value, element.place))
                } else {
                    Text::Fixed((*value).into())
                };
                Ok((*index, text))
            }
            _ => {
                let names = names.join(", ");
                Err(format!("<{}> needs exactly one of {names}", element.name))
            }
        }
    }

    /// As [`Self::target`], but none is fine too.
    pub(super) fn optional_target(
        &mut self,
        element: &Element,
        names: &[&str],
    ) -> Result<Option<Text>, String> {
        if names.iter().all(|name| element.attribute(name).is_none()) {
            return Ok(None);
        }
        self.target(element, names).map(|(_, text)| Some(text))
    }

    pub(super) fn message(&mut self, element: &Element) -> Option<Text> {
        match self.optional_target(element, &["message", "messageexpr"]) {
            Ok(message) => message,
            Err(problem) => {
                self.problem(element.place, problem);
                None
            }
        }
    }

    pub(super) fn fetching(element: &Element) -> Fetching {
        let get = |name: &str| element.attribute(name).map(str::to_owned);
        Fetching {
            timeout: get("fetchtimeout"),
            max_age: get("maxage"),
            max_stale: get("maxstale"),
            audio: get("fetchaudio"),
        }
    }

    /// `method`, `enctype`, `namelist` and what governs fetching.
    pub(super) fn request(&mut self, element: &Element) -> Request {
        let post = match element.attribute("method") {
            None => false,
            Some(method) if method.eq_ignore_ascii_case("get") => false,
            Some(method) if method.eq_ignore_ascii_case("post") => true,
            Some(other) => {
                self.problem(element.place, format!("method is get or post, not {other}"));
                false
            }
        };
        let multipart = match element.attribute("enctype") {
            None | Some("application/x-www-form-urlencoded") => false,
            Some("multipart/form-data") => true,
            Some(other) => {
                self.problem(element.place, format!("enctype {other} is not supported"));
                false
            }
        };
        let names = element.attribute("namelist");
        Request {
            post,
            multipart,
            names: names.map(|names| self.names(names, element.place)),
            fetch: Self::fetching(element),
        }
    }

    pub(super) fn goto_of(&mut self, element: &Element, address: Text) -> Goto {
        Goto {
            target: Target::Address(address),
            request: Request {
                fetch: Self::fetching(element),
                ..Request::default()
            },
        }
    }

    /// `dtmf` of a link: a sequence of keys.
    pub(super) fn keys_attribute(&mut self, element: &Element) -> Option<GrammarRef> {
        let keys = element.attribute("dtmf")?;
        self.key_grammar(
            element,
            keys,
            serde_json::Value::from(keys.replace(' ', "")),
        )
    }

    /// A grammar of one sequence of keys.
    pub(super) fn key_grammar(
        &mut self,
        element: &Element,
        keys: &str,
        value: serde_json::Value,
    ) -> Option<GrammarRef> {
        let grammar = Grammar::of_keys(keys, value);
        if grammar.is_none() {
            self.problem(
                element.place,
                format!("dtmf is a sequence of keys, not {keys:?}"),
            );
        }
        Some(GrammarRef {
            source: GrammarSource::Inline(Arc::new(grammar?)),
            voice: false,
            document_scope: false,
        })
    }

    /// A builtin grammar by its name.
    pub(super) fn builtin(written: &str) -> GrammarSource {
        match grammar::builtin(written) {
            Ok(grammar) => GrammarSource::Inline(Arc::new(grammar)),
            Err(refused) => {
                let (event, message) = refused.event(written);
                GrammarSource::Broken(event, message)
            }
        }
    }

    /// `<grammar>`.
    pub(super) fn grammar(&mut self, element: &Element) -> GrammarRef {
        let document_scope = match element.attribute("scope") {
            Some("document") => true,
            None | Some("dialog") => false,
            Some(other) => {
                let message = format!("scope is dialog or document, not {other}");
                self.problem(element.place, message);
                false
            }
        };
        let is_external = ADDRESSES
            .iter()
            .any(|name| element.attribute(name).is_some());
        let (source, voice) = if is_external {
            self.external_grammar(element)
        } else {
            self.inline_grammar(element)
        };
        GrammarRef {
            source,
            voice,
            document_scope,
        }
    }

    /// A grammar by its address, and whether it is for speech.
    fn external_grammar(&mut self, element: &Element) -> (GrammarSource, bool) {
        if has_content(element) {
            self.problem(element.place, "<grammar> has either an address or content");
        }
        let address = match self.target(element, ADDRESSES) {
            Ok((_, address)) => address,
            Err(problem) => return (GrammarSource::Broken("error.badfetch", problem), false),
        };
        if let Text::Fixed(written) = &address
            && let Some(builtin) = written.strip_prefix("builtin:")
        {
            return match builtin.split_once('/') {
                Some(("dtmf", name)) => (Self::builtin(name), false),
                _ => {
                    let message = format!("{written} is for speech");
                    (GrammarSource::Broken("error.noresource", message), true)
                }
            };
        }
        if !is_supported(element) {
            let kind = element.attribute("type").unwrap_or_default();
            let message = format!("grammars of type {kind} are not supported");
            return (
                GrammarSource::Broken("error.unsupported.format", message),
                false,
            );
        }
        let fetch = Self::fetching(element);
        let voice = element.attribute("mode") == Some("voice");
        (GrammarSource::External { address, fetch }, voice)
    }

    /// A grammar that is written down, and whether it is for speech.
    fn inline_grammar(&mut self, element: &Element) -> (GrammarSource, bool) {
        let in_xml = element.elements().next().is_some();
        if !is_supported(element) || (!in_xml && has_content(element)) {
            let message = "inline grammars are written in XML (SRGS 1.0)".to_owned();
            return (
                GrammarSource::Broken("error.unsupported.format", message),
                false,
            );
        }
        if !in_xml {
            let message = "<grammar> needs an address or rules".to_owned();
            return (GrammarSource::Broken("error.badfetch", message), false);
        }
        match grammar::from_element(element) {
            Ok(grammar) => {
                let voice = grammar.voice;
                (GrammarSource::Inline(Arc::new(grammar)), voice)
            }
            Err(problem) => {
                self.faults.push(problem.clone());
                (
                    GrammarSource::Broken("error.badfetch", problem.to_string()),
                    false,
                )
            }
        }
    }
}

/// Where a grammar's address can stand.
const ADDRESSES: &[&str] = &["src", "srcexpr", "expr"];

fn has_content(element: &Element) -> bool {
    element.elements().next().is_some() || !element.text().trim().is_empty()
}

/// Whether a grammar is of a type that we read.
fn is_supported(element: &Element) -> bool {
    element.attribute("type").is_none_or(|kind| {
        let kind = kind.trim().to_ascii_lowercase();
        matches!(
            kind.as_str(),
            "application/srgs+xml" | "application/grammar+xml" | "text/xml" | "application/xml"
        )
    })
}
