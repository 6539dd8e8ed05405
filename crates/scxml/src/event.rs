//! Events: what sessions receive and raise.

use serde_json::{Map, Value as Json};

/// Where an event comes from, `_event.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Raised by the engine itself: errors and `done` events.
    Platform,
    /// Raised by the document.
    Internal,
    /// From outside.
    External,
}

impl EventKind {
    /// The word that scripts see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

/// What an event carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Data {
    /// Nothing: `undefined`.
    #[default]
    None,
    /// A value.
    Json(Json),
    /// XML text; scripts see a tree of elements.
    Xml(String),
}

impl Data {
    /// Members from names and values; a name that comes again becomes a list of its values.
    pub fn from_pairs(pairs: Vec<(String, Self)>) -> Self {
        if pairs.is_empty() {
            return Self::None;
        }
        let mut members = Map::new();
        let mut repeated: Vec<String> = Vec::new();
        for (name, value) in pairs {
            let value = value.into_json();
            match members.get_mut(&name) {
                None => {
                    members.insert(name, value);
                }
                Some(Json::Array(list)) if repeated.contains(&name) => list.push(value),
                Some(first) => {
                    *first = Json::Array(vec![first.take(), value]);
                    repeated.push(name);
                }
            }
        }
        Self::Json(Json::Object(members))
    }

    /// The value as JSON; XML as its text, nothing as null.
    pub fn into_json(self) -> Json {
        match self {
            Self::None => Json::Null,
            Self::Json(json) => json,
            Self::Xml(text) => Json::String(text),
        }
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Json(json) => json.get(name),
            Self::None | Self::Xml(_) => None,
        }
    }

    /// Reads a text the way the Recommendation says (B.2): JSON, XML, or text with spaces normalised.
    pub fn from_text(text: &str) -> Self {
        let trimmed = text.trim();
        if let Ok(json) = serde_json::from_str(trimmed) {
            return Self::Json(json);
        }
        if trimmed.starts_with('<') && crate::xml::parse(trimmed, &"".into()).is_ok() {
            return Self::Xml(trimmed.to_owned());
        }
        Self::Json(Json::String(normalised(trimmed)))
    }
}

/// A text whose runs of white space are one space each.
pub(crate) fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name, e.g. `done.state.s1`.
    pub name: String,
    /// Where it comes from.
    pub kind: EventKind,
    /// Id of the `<send>` that it belongs to.
    pub send_id: Option<String>,
    /// Address to answer to.
    pub origin: Option<String>,
    /// Type of the processor to answer through.
    pub origin_type: Option<String>,
    /// Id of the `<invoke>` that the sender was started by.
    pub invoke_id: Option<String>,
    /// What it carries.
    pub data: Data,
    /// The message as it came over the wire, for processors that have one.
    pub raw: Option<String>,
}

impl Event {
    /// An event from outside.
    pub fn external(name: impl Into<String>, data: Data) -> Self {
        Self::new(name, EventKind::External, data)
    }

    /// An event that the document raises.
    pub fn internal(name: impl Into<String>, data: Data) -> Self {
        Self::new(name, EventKind::Internal, data)
    }

    /// An event of the engine.
    pub fn platform(name: impl Into<String>, data: Data) -> Self {
        Self::new(name, EventKind::Platform, data)
    }

    fn new(name: impl Into<String>, kind: EventKind, data: Data) -> Self {
        Self {
            name: name.into(),
            kind,
            send_id: None,
            origin: None,
            origin_type: None,
            invoke_id: None,
            data,
            raw: None,
        }
    }
}

/// One word of a transition's `event` attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Descriptor {
    /// `*`: every event.
    Any,
    /// A sequence of tokens that the event's name begins with.
    Prefix(Box<str>),
}

impl Descriptor {
    /// Reads the words of an attribute; `name.*` and `name.` mean `name`.
    pub(crate) fn parse(text: &str) -> Vec<Self> {
        let word = |word: &str| {
            let bare = word
                .strip_suffix(".*")
                .or_else(|| word.strip_suffix('.'))
                .unwrap_or(word);
            match bare {
                "*" | "" => Self::Any,
                bare => Self::Prefix(bare.into()),
            }
        };
        text.split_whitespace().map(word).collect()
    }

    /// True when an event of this name is meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Prefix(prefix) => match name.strip_prefix(&**prefix) {
                Some(rest) => rest.is_empty() || rest.starts_with('.'),
                None => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn descriptors_match_whole_tokens() {
        let check = |text: &str, name: &str, expected: bool| {
            let matched = Descriptor::parse(text)
                .iter()
                .any(|word| word.matches(name));
            assert_eq!(matched, expected, "{text} / {name}");
        };
        check("foo", "foo", true);
        check("foo", "foo.bar", true);
        check("foo.*", "foo", true);
        check("foo.", "foo.bar", true);
        check("foo", "foobar", false);
        check("foo.bar", "foo", false);
        check("a b", "b.c", true);
        check("*", "anything", true);
        check("", "anything", false);
    }

    #[test]
    fn texts_become_values() {
        assert_eq!(Data::from_text(" [1, 2] "), Data::Json(json!([1, 2])));
        assert_eq!(
            Data::from_text("this  is\n a text"),
            Data::Json(json!("this is a text"))
        );
        assert_eq!(
            Data::from_text(" <a b='c'/> "),
            Data::Xml("<a b='c'/>".to_owned())
        );
        assert_eq!(Data::from_text("<a"), Data::Json(json!("<a")));
    }

    #[test]
    fn repeated_names_become_lists() {
        let pair = |name: &str, value: i32| (name.to_owned(), Data::Json(json!(value)));
        let data = Data::from_pairs(vec![pair("a", 1), pair("b", 2), pair("a", 3), pair("a", 4)]);
        assert_eq!(data, Data::Json(json!({"a": [1, 3, 4], "b": 2})));
        assert_eq!(Data::from_pairs(Vec::new()), Data::None);
    }
}
