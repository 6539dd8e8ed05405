//! XML to a small tree of our own, with places; bounded in size and depth, without entities.

use std::sync::Arc;

use roxmltree::{Node, NodeType, ParsingOptions};
use serde_json::{Value as Json, json};

use crate::limits::{NESTING_MAX, NODES_MAX};
use crate::problem::{Place, Problem};

/// Namespace of `VoiceXML`.
pub(crate) const VXML: &str = "http://www.w3.org/2001/vxml";
/// Namespace of speech grammars.
pub(crate) const SRGS: &str = "http://www.w3.org/2001/06/grammar";
/// Namespace of speech markup.
const SSML: &str = "http://www.w3.org/2001/10/synthesis";
/// Namespace of `xml:lang` and `xml:base`.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Namespace of the extensions that generated pages use.
pub(crate) const GVP: &str = "http://www.genesyslab.com/2006/vxml21-extension";

/// An attribute.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// An element with its content.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) namespace: Arc<str>,
    /// What stands before the name in the file; empty mostly.
    pub(crate) prefix: String,
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Child>,
    pub(crate) place: Place,
}

/// What stands inside an element; comments are dropped.
#[derive(Clone, Debug)]
pub(crate) enum Child {
    Element(Element),
    Text(String),
}

impl Element {
    /// The value of an attribute without a namespace.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.find(None, name)
    }

    /// The value of an attribute of the extensions.
    pub(crate) fn vendor(&self, name: &str) -> Option<&str> {
        self.find(Some(GVP), name)
    }

    /// The value of `xml:lang` or `xml:base`.
    pub(crate) fn xml(&self, name: &str) -> Option<&str> {
        self.find(Some(XML), name)
    }

    fn find(&self, namespace: Option<&str>, name: &str) -> Option<&str> {
        let mut found = self
            .attributes
            .iter()
            .filter(|attribute| attribute.namespace.as_deref() == namespace);
        found
            .find(|attribute| attribute.name == name)
            .map(|attribute| attribute.value.as_str())
    }

    /// True for elements of the languages that a page is made of; none counts as those.
    pub(crate) fn is_own(&self) -> bool {
        self.namespace.is_empty() || [VXML, SRGS, SSML].contains(&&*self.namespace)
    }

    /// True for elements of the extensions.
    pub(crate) fn is_vendor(&self) -> bool {
        *self.namespace == *GVP
    }

    /// The elements inside.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }

    /// All text directly inside.
    pub(crate) fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|child| match child {
            Child::Text(text) => Some(text.as_str()),
            Child::Element(_) => None,
        });
        texts.collect()
    }

    /// The element as the script side builds it.
    pub(crate) fn to_json(&self) -> Json {
        let attributes = self.attributes.iter().map(|attribute| {
            let prefix = match attribute.namespace.as_deref() {
                Some(XML) => "xml:",
                _ => "",
            };
            let name = format!("{prefix}{}", attribute.name);
            json!([name, attribute.namespace.as_deref(), attribute.value])
        });
        let children = self.children.iter().map(|child| match child {
            Child::Element(element) => element.to_json(),
            Child::Text(text) => Json::from(text.as_str()),
        });
        json!({
            "name": self.name,
            "prefix": self.prefix,
            "namespace": &*self.namespace,
            "attributes": attributes.collect::<Vec<_>>(),
            "children": children.collect::<Vec<_>>(),
        })
    }
}

/// Text as the content of an element or attribute.
pub(crate) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

/// Bytes as text: UTF-16 with its mark, UTF-8, or Latin-1 where the declaration or somebody who
/// knows says so.
pub(crate) fn decode(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    let charset = charset.unwrap_or_default().trim().to_ascii_lowercase();
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ if charset == "utf-16le" => return utf16(bytes, u16::from_le_bytes),
        _ if charset.starts_with("utf-16") => return utf16(bytes, u16::from_be_bytes),
        _ => {}
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.to_owned());
    }
    let is_latin = |name: &str| name.contains("iso-8859-1") || name.contains("windows-1252");
    let head = bytes.get(..bytes.len().min(100)).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let latin = is_latin(&charset) || is_latin(&head);
    latin.then(|| bytes.iter().copied().map(char::from).collect())
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).ok()?;
    rest.is_empty().then_some(text)
}

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Element, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A reference to the standard's document type is common; entities of its own could grow
    // without bound.
    if let Some((before, _)) = text.split_once("<!ENTITY") {
        let lines = Lines::new(text);
        return Err(Problem::new(
            lines.place(text, before.len()),
            "declarations of entities are not allowed: they could grow without bound",
        ));
    }
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        let place = Place {
            line: at.row,
            column: at.col,
        };
        // The parser's text ends with the position, which is told apart.
        let message = error.to_string();
        let message = message.split(" at ").next().unwrap_or_default();
        Problem::new(place, message)
    })?;
    let reader = Reader {
        lines: Lines::new(text),
        text,
    };
    reader.element(document.root_element(), 0)
}

struct Reader<'a> {
    lines: Lines,
    text: &'a str,
}

impl Reader<'_> {
    /// What stands before the colon of an element's name.
    fn prefix(&self, node: Node<'_, '_>) -> &str {
        let tag = self.text.get(node.range().start + 1..).unwrap_or_default();
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, ':' | '/' | '>'));
        let name = end.and_then(|end| tag.get(..end));
        let has_prefix =
            end.is_some_and(|end| tag.get(end..).is_some_and(|rest| rest.starts_with(':')));
        name.filter(|_| has_prefix).unwrap_or_default()
    }

    fn element(&self, node: Node<'_, '_>, depth: usize) -> Result<Element, Problem> {
        let place = self.lines.place(self.text, node.range().start);
        if depth > NESTING_MAX {
            let message = format!("elements are nested deeper than {NESTING_MAX}");
            return Err(Problem::new(place, message));
        }
        let attributes = node.attributes().map(|attribute| Attribute {
            namespace: attribute.namespace().map(Into::into),
            name: attribute.name().to_owned(),
            value: attribute.value().to_owned(),
        });
        let mut children = Vec::new();
        for child in node.children() {
            match child.node_type() {
                NodeType::Element => children.push(Child::Element(self.element(child, depth + 1)?)),
                NodeType::Text => {
                    children.push(Child::Text(child.text().unwrap_or_default().to_owned()));
                }
                NodeType::Root | NodeType::PI | NodeType::Comment => {}
            }
        }
        Ok(Element {
            namespace: node.tag_name().namespace().unwrap_or_default().into(),
            prefix: self.prefix(node).to_owned(),
            name: node.tag_name().name().to_owned(),
            attributes: attributes.collect(),
            children,
            place,
        })
    }
}

/// Starts of lines, so that a place is found without reading from the beginning.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(ends.map(|(at, _)| at + 1))
            .collect();
        Self { starts }
    }

    fn place(&self, text: &str, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|line| self.starts.get(line))
            .copied()
            .unwrap_or_default();
        let column = text
            .get(start..offset)
            .map_or(0, |before| before.chars().count());
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns() {
        let root = parse("<a>\n  <b c='1'/>\n</a>").unwrap();
        let b = root.elements().next().unwrap();
        assert_eq!((b.place.line, b.place.column), (2, 3));
        assert_eq!(b.attribute("c"), Some("1"));
        assert_eq!(parse("<a>\n  <b></a>").unwrap_err().place.line, 2);
    }

    #[test]
    fn the_document_type_of_the_standard_is_allowed_and_entities_are_not() {
        let page = "<!DOCTYPE vxml PUBLIC '-//W3C//DTD VOICEXML 2.0//EN' \
            'http://www.w3.org/TR/voicexml20/vxml.dtd'><vxml/>";
        assert_eq!(parse(page).unwrap().name, "vxml");
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        assert!(parse(bomb).unwrap_err().message.contains("entities"));
        let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
        assert!(parse(&deep).unwrap_err().message.contains("nested"));
    }

    #[test]
    fn latin_bytes_need_their_declaration() {
        assert_eq!(decode(b"<a>\xfc</a>", None), None);
        assert!(decode(b"'\xfc'", Some("ISO-8859-1")).is_some());
        let told = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>";
        assert!(decode(told, None).unwrap().contains('\u{fc}'));
        let wide = b"\xff\xfe<\0a\0/\0>\0";
        assert_eq!(decode(wide, None).as_deref(), Some("<a/>"));
        assert_eq!(decode(b"\0a", Some("UTF-16")).as_deref(), Some("a"));
        assert_eq!(decode(b"\xff\xfea", None), None);
    }
}
