//! From keys to a value: tags of grammars (semantic interpretation 1.0) and builtin types.

use std::sync::Arc;

use script::{Argument, Base};
use serde_json::Value as Json;

use super::Session;
use crate::grammar::{Conversion, Grammar, Matcher, Tag, Trace};
use crate::world::{Thrown, Try};

impl Session {
    /// Makes the value of a sentence; it stays on the script side until it is accepted.
    pub(super) fn interpret(&mut self, matcher: &Matcher, keys: &str) -> Try<()> {
        let sentence = matcher.sentence();
        let tagged = sentence
            .iter()
            .any(|trace| matches!(trace, Trace::Tag { .. }));
        if !tagged {
            let conversion = matcher.linked().file(0).map(|file| &file.conversion);
            let value = convert(conversion.unwrap_or(&Conversion::Keys), keys);
            return self
                .world
                .apply(self.world.parts.value, &[Argument::Json(&value)]);
        }
        let parts = self.world.parts;
        self.world.apply(parts.rule_start, &[])?;
        let mut open: Vec<Arc<str>> = Vec::new();
        for trace in sentence {
            match trace {
                Trace::Enter { file, rule } => {
                    let file = matcher.linked().file(file);
                    let name = file
                        .and_then(|file| file.rules.get(rule))
                        .map(|rule| Arc::clone(&rule.name));
                    open.push(name.unwrap_or_else(|| "".into()));
                    self.world.apply(parts.rule_enter, &[])?;
                }
                Trace::Key(key) => {
                    let mut text = [0; 4];
                    let text = Argument::Text(key.encode_utf8(&mut text));
                    self.world.apply(parts.rule_text, &[text])?;
                }
                Trace::Tag { file, tag } => {
                    if let Some(file) = matcher.linked().file(file) {
                        self.tag(&Arc::clone(file), tag)?;
                    }
                }
                Trace::Leave => {
                    let name = open.pop().unwrap_or_else(|| "".into());
                    self.world
                        .apply(parts.rule_leave, &[Argument::Text(&name)])?;
                }
            }
        }
        Ok(())
    }

    fn tag(&mut self, grammar: &Arc<Grammar>, at: usize) -> Try<()> {
        match grammar.tags.get(at) {
            None => Ok(()),
            Some(Tag::Literal(text)) => self.literal(text),
            Some(Tag::Script {
                code,
                literal,
                bare,
            }) => {
                let Some(base) = self.grammar_base(grammar) else {
                    return Ok(());
                };
                match (self.world.tag(code.of(base), *bare), literal) {
                    (Ok(()), _) => Ok(()),
                    // Words that are no variables are the text itself.
                    (Err(thrown), Some(text)) if thrown.event == "error.semantic" => {
                        self.literal(text)
                    }
                    (Err(thrown), _) => Err(thrown),
                }
            }
        }
    }

    fn literal(&mut self, text: &str) -> Try<()> {
        let arguments = [Argument::Text(text), Argument::Json(&Json::Bool(true))];
        self.world.apply(self.world.parts.rule_tag, &arguments)
    }

    /// Place of the scripts of a grammar.
    fn grammar_base(&mut self, grammar: &Arc<Grammar>) -> Option<Base> {
        let known = self
            .grammar_bases
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, grammar));
        if let Some((_, base)) = known {
            return Some(*base);
        }
        let base = self.world.extend(grammar.program.as_ref()?);
        self.grammar_bases.push((Arc::clone(grammar), base));
        Some(base)
    }
}

/// The value of keys without tags.
fn convert(conversion: &Conversion, keys: &str) -> Json {
    match conversion {
        Conversion::Keys => Json::from(keys),
        Conversion::Boolean(yes) => Json::Bool(keys.starts_with(*yes)),
        Conversion::Decimal => Json::from(keys.replace('*', ".")),
        Conversion::Time => {
            // An hour from 13 or 0 says which half of the day it is.
            let hour: u32 = keys
                .get(..2)
                .and_then(|hour| hour.parse().ok())
                .unwrap_or_default();
            let half = if hour == 0 || hour > 12 { 'h' } else { '?' };
            Json::from(format!("{keys}{half}"))
        }
        Conversion::Phone => Json::from(keys.replace('*', "x")),
        Conversion::Fixed(value) => value.clone(),
    }
}

/// The event of keys that no grammar takes.
pub(super) fn no_match() -> Thrown {
    Thrown::plain("nomatch")
}
