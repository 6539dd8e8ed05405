//! XML to a small tree of our own, with places; bounded in size and depth, without entities.

use std::sync::Arc;

use roxmltree::{Node, NodeType, ParsingOptions};
use serde_json::{Map, Value as Json, json};

use crate::limits::{NESTING_MAX, NODES_MAX};
use crate::problem::{Place, Problem};

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
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Child>,
    pub(crate) place: Place,
    /// True when a namespace of the original's modules is declared here.
    pub(crate) declares_vendor: bool,
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
        let mut own = self
            .attributes
            .iter()
            .filter(|attribute| attribute.namespace.is_none());
        own.find(|attribute| attribute.name == name)
            .map(|attribute| attribute.value.as_str())
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

    /// The content as XML text.
    pub(crate) fn inner_xml(&self) -> String {
        let mut out = String::new();
        for child in &self.children {
            match child {
                Child::Element(element) => element.write(&mut out, ""),
                Child::Text(text) => escape(&mut out, text, false),
            }
        }
        out.trim().to_owned()
    }

    /// The element as the script side builds it.
    pub(crate) fn to_json(&self) -> Json {
        let attributes = self
            .attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), Json::from(attribute.value.as_str())));
        let children = self.children.iter().map(|child| match child {
            Child::Element(element) => element.to_json(),
            Child::Text(text) => Json::from(text.as_str()),
        });
        json!({
            "name": self.name,
            "namespace": &*self.namespace,
            "attributes": attributes.collect::<Map<_, _>>(),
            "children": children.collect::<Vec<_>>(),
        })
    }

    fn write(&self, out: &mut String, outer: &str) {
        out.push('<');
        out.push_str(&self.name);
        if *self.namespace != *outer {
            out.push_str(" xmlns=\"");
            escape(out, &self.namespace, true);
            out.push('"');
        }
        for (index, attribute) in self.attributes.iter().enumerate() {
            out.push(' ');
            if let Some(namespace) = &attribute.namespace {
                out.push_str(&format!("xmlns:n{index}=\""));
                escape(out, namespace, true);
                out.push_str(&format!("\" n{index}:"));
            }
            out.push_str(&attribute.name);
            out.push_str("=\"");
            escape(out, &attribute.value, true);
            out.push('"');
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in &self.children {
            match child {
                Child::Element(element) => element.write(out, &self.namespace),
                Child::Text(text) => escape(out, text, false),
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

pub(crate) fn escape(out: &mut String, text: &str, in_attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            c => out.push(c),
        }
    }
}

/// Reads a file.
pub(crate) fn parse(text: &str, file: &Arc<str>) -> Result<Element, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        let place = Place {
            file: Arc::clone(file),
            line: at.row,
            column: at.col,
        };
        let message = match error {
            roxmltree::Error::DtdDetected => {
                "a document type declaration is not allowed: entities could grow without bound"
                    .to_owned()
            }
            // The parser's text ends with the position, which is told apart.
            other => other
                .to_string()
                .split(" at ")
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        Problem { place, message }
    })?;
    let reader = Reader {
        lines: Lines::new(text),
        file,
        text,
    };
    reader.element(document.root_element(), 0)
}

struct Reader<'a> {
    lines: Lines,
    file: &'a Arc<str>,
    text: &'a str,
}

impl Reader<'_> {
    fn element(&self, node: Node<'_, '_>, depth: usize) -> Result<Element, Problem> {
        let place = self.lines.place(self.text, node.range().start, self.file);
        if depth > NESTING_MAX {
            let message = format!("elements are nested deeper than {NESTING_MAX}");
            return Err(Problem { place, message });
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
            name: node.tag_name().name().to_owned(),
            attributes: attributes.collect(),
            children,
            place,
            // A declaration is in force for all elements within; only the outermost counts.
            declares_vendor: node
                .namespaces()
                .any(|declared| crate::dialect::is_vendor(declared.uri())),
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

    fn place(&self, text: &str, offset: usize, file: &Arc<str>) -> Place {
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
            file: Arc::clone(file),
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
        let root = parse("<a>\n  <b c='1'/>\n</a>", &"f".into()).unwrap();
        let b = root.elements().next().unwrap();
        assert_eq!(
            (b.place.line, b.place.column, b.attribute("c")),
            (2, 3, Some("1"))
        );
        let problem = parse("<a>\n  <b></a>", &"f".into()).unwrap_err();
        assert_eq!(problem.place.line, 2);
    }

    #[test]
    fn content_is_written_with_its_namespaces() {
        let root = parse(
            "<a xmlns='u'><b xmlns='' x='&quot;'>1 &lt; 2</b><c/></a>",
            &"".into(),
        )
        .unwrap();
        assert_eq!(
            root.inner_xml(),
            "<b x=\"&quot;\">1 &lt; 2</b><c xmlns=\"u\"/>"
        );
    }

    #[test]
    fn entity_bombs_and_deep_trees_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        assert!(
            parse(bomb, &"".into())
                .unwrap_err()
                .message
                .contains("document type")
        );
        let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
        assert!(
            parse(&deep, &"".into())
                .unwrap_err()
                .message
                .contains("nested")
        );
    }
}
