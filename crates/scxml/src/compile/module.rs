//! Elements of the original's modules: evaluated here, acted upon by the host.

use super::Builder;
use super::expression::unquoted;
use crate::dialect::module;
use crate::model::{Module, ModuleElement, Text, What};
use crate::xml::Element;

/// Elements whose `requestid` names an earlier request instead of receiving a new one.
const REQUEST_ID_IN: &[&str] = &[
    "cancel",
    "query",
    "stop",
    "updatestart",
    "update",
    "response",
];

impl Builder<'_> {
    pub(super) fn module(&mut self, module: &str, element: &Element) -> What {
        let strict = !self.original();
        let takes_id = !REQUEST_ID_IN.contains(&element.name.as_str());
        let location = element.attribute("requestid").filter(|_| takes_id);
        let request_id = location.map(|location| self.location(location, strict, &element.place));
        What::Module(Box::new(Module {
            module: module.to_owned(),
            request_id,
            element: self.module_element(element, takes_id),
        }))
    }

    /// An expression; a single word that names nothing stands for itself: the original's pages
    /// write `type="ann"` and `type="'ann'"`.
    fn module_text(&mut self, text: &str) -> Text {
        let word = text.trim();
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if word.is_empty()
            || word.starts_with(|c: char| c.is_ascii_digit())
            || !word.chars().all(letter)
        {
            return self.draft_text(text);
        }
        let guarded = format!(
            "(function () {{ try {{ return {word}; }} catch (_e) {{ return '{word}'; }} }})()"
        );
        match self.draft_text(&guarded) {
            Text::Literal(_) => Text::Literal(text.to_owned()),
            computed @ Text::Computed(_) => computed,
        }
    }

    fn module_element(&mut self, element: &Element, without_request_id: bool) -> ModuleElement {
        let mut attributes = Vec::new();
        for attribute in &element.attributes {
            if attribute.namespace.is_some()
                || (without_request_id && attribute.name == "requestid")
            {
                continue;
            }
            attributes.push((attribute.name.clone(), self.module_text(&attribute.value)));
        }
        let content = element.elements().find(|inner| inner.name == "content");
        let children = element
            .elements()
            .filter(|inner| module(&inner.namespace).is_some());
        let children = children
            .map(|inner| self.module_element(inner, false))
            .collect();
        let mut params = self.params(element);
        for param in &mut params {
            param.name = unquoted(&param.name).to_owned();
        }
        ModuleElement {
            name: element.name.clone(),
            attributes,
            params,
            content: content.map(|content| self.content(content)),
            children,
        }
    }
}
