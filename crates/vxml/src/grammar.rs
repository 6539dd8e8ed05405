//! DTMF grammars: SRGS 1.0 in its XML form and the builtin types, compiled to steps.

mod builtin;
mod matcher;
mod srgs;

use std::collections::HashMap;
use std::sync::Arc;

use script::{Program, Snippet};
use serde_json::Value as Json;

pub(crate) use self::builtin::builtin;
pub(crate) use self::matcher::{Linked, Matcher, Trace, Unlinked};
pub(crate) use self::srgs::from_element;
use crate::problem::Problem;
use crate::xml;

/// All keys, in the order of their bits.
const KEYS: &str = "0123456789*#ABCD";

/// The bit of a key.
pub(crate) fn key_bit(key: char) -> Option<u16> {
    let at = KEYS.find(key.to_ascii_uppercase())?;
    Some(1 << at)
}

/// One step of a compiled grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// One of these keys.
    Key(u16),
    /// Two ways, the first one preferred.
    Split(usize, usize),
    Jump(usize),
    /// A rule of this grammar.
    Call(usize),
    /// A rule of another one, by its position in the references.
    CallOther(usize),
    Return,
    Tag(usize),
    Fail,
}

/// What a `<tag>` says.
#[derive(Clone, Debug)]
pub(crate) enum Tag {
    Literal(String),
    Script {
        code: Snippet,
        /// The text it is when it turns out to be no script.
        literal: Option<String>,
        /// Its value is the result.
        bare: bool,
    },
}

/// How pressed keys become a value where no tag says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Conversion {
    Keys,
    Boolean(char),
    /// A `*` is the decimal point.
    Decimal,
    Time,
    Phone,
    Fixed(Json),
}

/// A rule of a grammar.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) start: usize,
    pub(crate) public: bool,
}

/// A compiled grammar; shared by all sessions.
#[derive(Debug)]
pub struct Grammar {
    pub(crate) steps: Vec<Step>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) root: Option<usize>,
    pub(crate) tags: Vec<Tag>,
    /// Addresses of other grammars as written, each with a rule or none for its root.
    pub(crate) others: Vec<(String, Option<String>)>,
    /// `xml:base`.
    pub(crate) base: Option<String>,
    /// Scripts of the tags.
    pub(crate) program: Option<Arc<Program>>,
    pub(crate) conversion: Conversion,
    /// For speech: it never matches a key.
    pub(crate) voice: bool,
}

impl Grammar {
    /// A sequence of keys with a value, as options and choices have.
    pub(crate) fn of_keys(keys: &str, value: Json) -> Option<Self> {
        let bits = keys.chars().filter(|c| !c.is_whitespace()).map(key_bit);
        let mut steps = bits
            .map(|bit| Some(Step::Key(bit?)))
            .collect::<Option<Vec<_>>>()?;
        if steps.is_empty() {
            return None;
        }
        steps.push(Step::Return);
        Some(Self::plain(steps, Conversion::Fixed(value)))
    }

    fn plain(steps: Vec<Step>, conversion: Conversion) -> Self {
        let rule = Rule {
            name: "root".into(),
            start: 0,
            public: true,
        };
        Self {
            steps,
            rules: vec![rule],
            root: Some(0),
            tags: Vec::new(),
            others: Vec::new(),
            base: None,
            program: None,
            conversion,
            voice: false,
        }
    }

    /// Reads a grammar file.
    ///
    /// # Errors
    /// It is no well-formed DTMF or speech grammar.
    pub fn compile(text: &str) -> Result<Self, Problem> {
        let root = xml::parse(text)?;
        if root.name != "grammar" {
            let message = format!("a grammar begins with <grammar>, not <{}>", root.name);
            return Err(Problem::new(root.place, message));
        }
        from_element(&root)
    }

    /// Where to begin: at a rule by its name, or at the root.
    pub(crate) fn start(&self, rule: Option<&str>) -> Option<usize> {
        match rule {
            Some(name) => self
                .rules
                .iter()
                .position(|rule| *rule.name == *name && rule.public),
            None => self.root,
        }
    }
}

/// Grammars that sessions have fetched, by absolute address.
pub(crate) type Fetched = HashMap<String, Result<Arc<Grammar>, (String, String)>>;
