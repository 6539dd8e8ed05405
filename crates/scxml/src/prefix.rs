//! Prefixes of included parts (`resolveid`): ids and every reference to them, and a marker in text.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::xml::{Child, Element};

/// What stands for the prefix in included text.
const MARKER: &str = "$$_MY_PREFIX_$$";

/// Variable that holds the prefix; every part has its own, so it is put in as a text.
const VARIABLE: &str = "_my_prefix";

/// Puts the prefix for the marker and the variable.
pub(crate) fn in_text<'a>(text: &'a str, prefix: &str) -> Cow<'a, str> {
    if !text.contains(MARKER) && (prefix.is_empty() || !text.contains(VARIABLE)) {
        return Cow::Borrowed(text);
    }
    let text = text.replace(MARKER, prefix);
    if prefix.is_empty() {
        return Cow::Owned(text);
    }
    Cow::Owned(text.replace(
        VARIABLE,
        &format!("'{}'", prefix.replace(['\'', '\\', '<', '&', '"'], "")),
    ))
}

/// Gives every id of a part the prefix `prefix.`, and every reference to one of them.
pub(crate) fn in_tree(part: &mut Element, prefix: &str) {
    let mut ids = HashSet::new();
    collect(part, &mut ids);
    rename(part, prefix, &ids);
}

fn is_state(element: &Element) -> bool {
    matches!(
        element.name.as_str(),
        "state" | "parallel" | "final" | "history" | "initial"
    )
}

fn collect(element: &Element, ids: &mut HashSet<String>) {
    if is_state(element) {
        ids.extend(element.attribute("id").map(str::to_owned));
    }
    for inner in element.elements() {
        collect(inner, ids);
    }
}

fn rename(element: &mut Element, prefix: &str, ids: &HashSet<String>) {
    let state = is_state(element);
    for attribute in &mut element.attributes {
        match attribute.name.as_str() {
            "id" if state => attribute.value = format!("{prefix}.{}", attribute.value),
            "target" | "initial" => {
                let words =
                    attribute
                        .value
                        .split_whitespace()
                        .map(|word| match ids.contains(word) {
                            true => format!("{prefix}.{word}"),
                            false => word.to_owned(),
                        });
                // A `send` may have a computed target; only words that are ids are touched.
                if attribute
                    .value
                    .split_whitespace()
                    .any(|word| ids.contains(word))
                {
                    attribute.value = words.collect::<Vec<_>>().join(" ");
                }
            }
            "event" => attribute.value = events(&attribute.value, prefix, ids),
            "cond" | "expr" => attribute.value = in_calls(&attribute.value, prefix, ids),
            _ => {}
        }
    }
    for child in &mut element.children {
        if let Child::Element(inner) = child {
            rename(inner, prefix, ids);
        }
    }
}

/// `done.state.<id>` and `done.invoke.<id>` refer to ids, too.
fn events(text: &str, prefix: &str, ids: &HashSet<String>) -> String {
    let word = |word: &str| {
        for done in ["done.state.", "done.invoke."] {
            if let Some(id) = word.strip_prefix(done)
                && ids.contains(id.strip_suffix(".*").unwrap_or(id))
            {
                return format!("{done}{prefix}.{id}");
            }
        }
        word.to_owned()
    };
    match text.contains("done.") {
        true => text
            .split_whitespace()
            .map(word)
            .collect::<Vec<_>>()
            .join(" "),
        false => text.to_owned(),
    }
}

/// `In('<id>')` refers to an id.
fn in_calls(text: &str, prefix: &str, ids: &HashSet<String>) -> String {
    if !text.contains("In") {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    for id in ids {
        for quote in ['\'', '"'] {
            let call = format!("In({quote}{id}{quote})");
            if out.contains(&call) {
                out = out.replace(&call, &format!("In({quote}{prefix}.{id}{quote})"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_references_get_the_prefix() {
        let text = "<state id='a' initial='b'><transition target='b out' event='x done.state.b' cond=\"In('b')\"/>\
            <state id='b'/><send target=\"'b'\" id='keep'/></state>";
        let mut tree = crate::xml::parse(text, &"".into()).unwrap();
        in_tree(&mut tree, "P");
        let mut out = String::new();
        out.push_str(&tree.inner_xml());
        assert_eq!(tree.attribute("id"), Some("P.a"));
        assert_eq!(tree.attribute("initial"), Some("P.b"));
        assert_eq!(
            out,
            "<transition target=\"P.b out\" event=\"x done.state.P.b\" cond=\"In('P.b')\"/>\
             <state id=\"P.b\"/><send target=\"'b'\" id=\"keep\"/>"
        );
        assert_eq!(in_text("a $$_MY_PREFIX_$$.b", "P"), "a P.b");
    }
}
