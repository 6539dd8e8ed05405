//! What the schema says of attributes; a page that says otherwise is refused.

use super::Compile;
use crate::xml::Element;

const FLAG: &[&str] = &["true", "false"];
const ACCEPT: &[&str] = &["exact", "approximate"];
const HINT: &[&str] = &["prefetch", "safe"];

/// Elements, attributes and the values that they can have.
const VALUES: &[(&str, &str, &[&str])] = &[
    ("record", "beep", FLAG),
    ("record", "dtmfterm", FLAG),
    ("record", "modal", FLAG),
    ("field", "modal", FLAG),
    ("prompt", "bargein", FLAG),
    ("prompt", "bargeintype", &["speech", "hotword"]),
    ("menu", "dtmf", FLAG),
    ("menu", "accept", ACCEPT),
    ("choice", "accept", ACCEPT),
    ("option", "accept", ACCEPT),
    ("audio", "fetchhint", HINT),
    ("choice", "fetchhint", HINT),
    ("data", "fetchhint", HINT),
    ("goto", "fetchhint", HINT),
    ("grammar", "fetchhint", HINT),
    ("link", "fetchhint", HINT),
    ("script", "fetchhint", HINT),
    ("subdialog", "fetchhint", HINT),
    ("submit", "fetchhint", HINT),
];

impl Compile {
    /// Looks at all elements inside.
    pub(super) fn check_attributes(&mut self, element: &Element) {
        for inner in element.elements() {
            if inner.is_own() {
                self.check_values(inner);
                match inner.name.as_str() {
                    "meta" => self.check_meta(inner),
                    "grammar" if element.name != "form" && inner.attribute("scope").is_some() => {
                        let message = format!("a grammar of a <{}> has no scope", element.name);
                        self.problem(inner.place, message);
                    }
                    _ => {}
                }
            }
            self.check_attributes(inner);
        }
    }

    fn check_values(&mut self, element: &Element) {
        let rules = VALUES.iter().filter(|(name, ..)| *name == element.name);
        for (_, attribute, allowed) in rules {
            let Some(value) = element.attribute(attribute) else {
                continue;
            };
            if !allowed.contains(&value.trim()) {
                let message = format!("{attribute} is {}, not {value}", allowed.join(" or "));
                self.problem(element.place, message);
            }
        }
    }

    fn check_meta(&mut self, element: &Element) {
        let has = |name: &str| element.attribute(name).is_some();
        if has("name") == has("http-equiv") {
            self.problem(
                element.place,
                "<meta> needs exactly one of name, http-equiv",
            );
        }
        if !has("content") {
            self.problem(element.place, "<meta> needs content");
        }
    }
}
