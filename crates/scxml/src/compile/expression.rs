//! Expressions, conditions and locations to byte code.

use script::Snippet;

use super::Builder;
use crate::model::{Condition, DataModel, Param, Text};
use crate::problem::Place;
use crate::xml::Element;

impl Builder<'_> {
    /// An expression; a fault is told now and fails when it is evaluated.
    pub(super) fn expression(&mut self, source: &str, place: &Place) -> Snippet {
        let snippet = self.script.expression(source);
        self.note_fault(snippet, place);
        snippet
    }

    /// A place to store to.
    pub(super) fn location(&mut self, source: &str, strict: bool, place: &Place) -> Snippet {
        let snippet = self.script.store(source, strict);
        self.note_fault(snippet, place);
        snippet
    }

    /// A script element's text.
    pub(super) fn script_text(&mut self, source: &str, place: &Place) -> Snippet {
        let snippet = self.script.script(source);
        self.note_fault(snippet, place);
        snippet
    }

    fn note_fault(&mut self, snippet: Snippet, place: &Place) {
        if self.data_model == DataModel::Null {
            return;
        }
        let Some(fault) = self.script.fault(snippet) else {
            return;
        };
        let message = fault.to_string();
        let lines = fault.line.unwrap_or(1).saturating_sub(1);
        let mut place = place.clone();
        if lines > 0 {
            place.line = place.line.saturating_add(lines);
            place.column = 1;
        }
        self.fault(&place, message);
    }

    /// True for a text that can be evaluated and is no bare word or sentence.
    pub(super) fn is_literal(&mut self, text: &str) -> bool {
        let text = text.trim();
        let begins = text.starts_with(['{', '[', '\'', '"', '('])
            || text.starts_with("function")
            || text.starts_with("new ");
        let is_draft_word = self.original() && !text.contains(char::is_whitespace);
        if !(begins || is_draft_word) {
            return false;
        }
        let snippet = self.script.expression(text);
        self.script.fault(snippet).is_none()
    }

    /// A condition. `In('id')` needs no script.
    pub(super) fn condition(&mut self, source: &str, place: &Place) -> Condition {
        if let Some(id) = in_call(source) {
            match self.ids.get(id) {
                Some(state) => return Condition::In(*state),
                None if self.data_model == DataModel::Null => {
                    let message = format!("there is no state with the id `{id}`");
                    self.fault(place, message.as_str());
                    return Condition::Invalid(message);
                }
                None => {}
            }
        }
        if self.data_model == DataModel::Null {
            let message = "the null data model has no conditions but In(…)";
            self.fault(place, message);
            return Condition::Invalid(message.to_owned());
        }
        Condition::Script(self.expression(source, place))
    }

    /// An attribute that is literal, or computed as `<name>expr`; in the draft the attribute
    /// itself is computed.
    pub(super) fn text_of(&mut self, element: &Element, name: &str) -> Option<Text> {
        let computed = element.attribute(&format!("{name}expr"));
        if let Some(source) = computed {
            return Some(Text::Computed(self.expression(source, &element.place)));
        }
        let text = element.attribute(name)?;
        Some(match self.original() && name != "src" {
            true => self.draft_text(text),
            false => Text::Literal(text.to_owned()),
        })
    }

    /// An attribute of the draft: an expression; what is none is taken as it stands.
    pub(super) fn draft_text(&mut self, text: &str) -> Text {
        let snippet = self.script.expression(text);
        match self.script.fault(snippet) {
            None => Text::Computed(snippet),
            Some(_) => Text::Literal(text.to_owned()),
        }
    }

    /// The `<param>` elements of an element.
    pub(super) fn params(&mut self, element: &Element) -> Vec<Param> {
        let mut params = Vec::new();
        for inner in element.elements().filter(|inner| inner.name == "param") {
            let name = inner.attribute("name").unwrap_or_default();
            let name = if self.original() {
                unquoted(name)
            } else {
                name
            };
            let location = inner.attribute("location");
            let source = inner.attribute("expr").or(location);
            let source = source.or_else(|| self.original().then_some(name));
            let Some(source) = source else {
                self.fault(&inner.place, "`param` needs `expr` or `location`");
                params.push(self.param(name, "", None, &inner.place));
                continue;
            };
            params.push(self.param(name, source, location, &inner.place));
        }
        params
    }

    pub(super) fn param(
        &mut self,
        name: &str,
        source: &str,
        location: Option<&str>,
        place: &Place,
    ) -> Param {
        Param {
            name: name.to_owned(),
            value: self.expression(source, place),
            store: location.map(|location| self.location(location, !self.original(), place)),
            listed: false,
        }
    }
}

/// The id of `In('id')`, when the text is nothing else.
fn in_call(source: &str) -> Option<&str> {
    let inner = source
        .trim()
        .strip_prefix("In")?
        .trim_start()
        .strip_prefix('(')?;
    let id = inner.trim_end().strip_suffix(')')?.trim();
    let quoted = |quote: char| id.strip_prefix(quote)?.strip_suffix(quote);
    let id = quoted('\'').or_else(|| quoted('"')).unwrap_or(id);
    let is_plain = !id.is_empty()
        && id
            .chars()
            .all(|c| c.is_alphanumeric() || "_.-:".contains(c));
    is_plain.then_some(id)
}

/// A text without one level of quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'').or_else(|| quoted('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_in_calls_are_found() {
        assert_eq!(in_call(" In( 's.1' ) "), Some("s.1"));
        assert_eq!(in_call("In(s1)"), Some("s1"));
        assert_eq!(in_call("In('a') && In('b')"), None);
        assert_eq!(in_call("In(x + 1)"), None);
    }

    #[test]
    fn one_level_of_quotes_goes() {
        assert_eq!(unquoted("'action'"), "action");
        assert_eq!(unquoted("\"'a'\""), "'a'");
        assert_eq!(unquoted("plain"), "plain");
    }
}
