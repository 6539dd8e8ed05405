//! SRGS in XML to steps.

use std::collections::HashMap;
use std::sync::Arc;

use script::Compiler;

use super::{Conversion, Grammar, Rule, Step, Tag, key_bit};
use crate::limits::GRAMMAR_STEPS_MAX;
use crate::problem::{Place, Problem};
use crate::xml::{Child, Element};

/// Highest number in a `repeat`.
const REPEAT_MAX: usize = 1_000;
const ALL_KEYS: u16 = 0xffff;

struct Builder {
    steps: Vec<Step>,
    rules: HashMap<String, usize>,
    tags: Vec<Tag>,
    others: Vec<(String, Option<String>)>,
    compiler: Option<Compiler>,
    literals: bool,
    voice: bool,
}

/// Compiles a `<grammar>`.
pub(crate) fn from_element(grammar: &Element) -> Result<Grammar, Problem> {
    if grammar
        .attribute("version")
        .is_some_and(|version| version != "1.0")
    {
        return Err(Problem::new(
            grammar.place,
            "the version of a grammar is 1.0",
        ));
    }
    let mut builder = Builder {
        steps: Vec::new(),
        rules: HashMap::new(),
        tags: Vec::new(),
        others: Vec::new(),
        compiler: None,
        literals: grammar.attribute("tag-format") == Some("semantics/1.0-literals"),
        voice: is_voice(grammar)?,
    };
    let rules = builder.rules(grammar)?;
    let root = match grammar.attribute("root") {
        None => Some(0),
        Some(name) => Some(builder.rules.get(name).copied().ok_or_else(|| {
            Problem::new(
                grammar.place,
                format!("there is no rule {name} to begin with"),
            )
        })?),
    };
    if rules.is_empty() {
        // A grammar without any sentence is one that never matches.
        return Ok(Grammar {
            voice: builder.voice,
            ..Grammar::plain(vec![Step::Fail], Conversion::Keys)
        });
    }
    let mut compiled = Vec::new();
    for (name, element) in rules {
        let start = builder.steps.len();
        builder.sequence(element)?;
        builder.push(Step::Return, element.place)?;
        let is_root = root == Some(compiled.len());
        compiled.push(Rule {
            name: name.into(),
            start,
            public: is_root || element.attribute("scope") == Some("public"),
        });
    }
    Ok(Grammar {
        steps: builder.steps,
        rules: compiled,
        root,
        tags: builder.tags,
        others: builder.others,
        base: grammar.xml("base").map(str::to_owned),
        program: builder.compiler.map(|compiler| Arc::new(compiler.finish())),
        conversion: Conversion::Keys,
        voice: builder.voice,
    })
}

fn is_voice(grammar: &Element) -> Result<bool, Problem> {
    match grammar.attribute("mode") {
        Some("dtmf") => Ok(false),
        None | Some("voice") => Ok(true),
        Some(other) => {
            let message = format!("mode is dtmf or voice, not {other}");
            Err(Problem::new(grammar.place, message))
        }
    }
}

impl Builder {
    /// The rules with their names, before any is compiled: they refer to each other.
    fn rules<'a>(&mut self, grammar: &'a Element) -> Result<Vec<(&'a str, &'a Element)>, Problem> {
        let mut rules = Vec::new();
        for element in grammar.elements().filter(|element| element.is_own()) {
            match element.name.as_str() {
                "rule" => {
                    let name = element.attribute("id").unwrap_or_default();
                    let known = self.rules.insert(name.to_owned(), rules.len());
                    if name.is_empty() || known.is_some() {
                        let message = "each <rule> has an id of its own";
                        return Err(Problem::new(element.place, message));
                    }
                    rules.push((name, element));
                }
                "meta" | "metadata" | "lexicon" | "tag" => {}
                other => {
                    let message = format!("<{other}> cannot stand in a <grammar>");
                    return Err(Problem::new(element.place, message));
                }
            }
        }
        Ok(rules)
    }

    fn push(&mut self, step: Step, place: Place) -> Result<usize, Problem> {
        if self.steps.len() >= GRAMMAR_STEPS_MAX {
            return Err(Problem::new(place, "the grammar is too large"));
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn set(&mut self, at: usize, step: Step) {
        if let Some(place) = self.steps.get_mut(at) {
            *place = step;
        }
    }

    fn sequence(&mut self, element: &Element) -> Result<(), Problem> {
        for child in &element.children {
            match child {
                Child::Text(text) => self.tokens(text, element.place)?,
                Child::Element(inner) if inner.is_own() => self.part(inner)?,
                Child::Element(_) => {}
            }
        }
        Ok(())
    }

    fn part(&mut self, element: &Element) -> Result<(), Problem> {
        match element.name.as_str() {
            "token" => self.tokens(&element.text(), element.place),
            "item" => self.item(element),
            "one-of" => self.one_of(element),
            "ruleref" => self.reference(element),
            "tag" => self.tag(element),
            "example" | "meta" | "metadata" => Ok(()),
            other => {
                let message = format!("<{other}> cannot stand in a rule");
                Err(Problem::new(element.place, message))
            }
        }
    }

    fn tokens(&mut self, text: &str, place: Place) -> Result<(), Problem> {
        if self.voice {
            return Ok(());
        }
        for key in text.chars().filter(|c| !c.is_whitespace() && *c != '"') {
            let Some(bit) = key_bit(key) else {
                let message = format!("{key} is no key; keys are 0 to 9, *, #, A to D");
                return Err(Problem::new(place, message));
            };
            self.push(Step::Key(bit), place)?;
        }
        Ok(())
    }

    fn item(&mut self, element: &Element) -> Result<(), Problem> {
        check_weight(element)?;
        let (least, most) = repeat(element)?;
        for _ in 0..least {
            self.sequence(element)?;
        }
        match most {
            None => {
                let split = self.push(Step::Fail, element.place)?;
                self.sequence(element)?;
                self.push(Step::Jump(split), element.place)?;
                self.set(split, Step::Split(split + 1, self.steps.len()));
            }
            Some(most) => {
                let mut splits = Vec::new();
                for _ in least..most {
                    splits.push(self.push(Step::Fail, element.place)?);
                    self.sequence(element)?;
                }
                let end = self.steps.len();
                for split in splits {
                    self.set(split, Step::Split(split + 1, end));
                }
            }
        }
        Ok(())
    }

    fn one_of(&mut self, element: &Element) -> Result<(), Problem> {
        let items: Vec<&Element> = element.elements().filter(|inner| inner.is_own()).collect();
        if items.is_empty() || items.iter().any(|item| item.name != "item") {
            return Err(Problem::new(
                element.place,
                "<one-of> holds at least one <item> and nothing else",
            ));
        }
        let mut ends = Vec::new();
        let last = items.len() - 1;
        for (index, item) in items.into_iter().enumerate() {
            if index == last {
                self.item(item)?;
                break;
            }
            let split = self.push(Step::Fail, item.place)?;
            self.item(item)?;
            ends.push(self.push(Step::Fail, item.place)?);
            self.set(split, Step::Split(split + 1, self.steps.len()));
        }
        let end = self.steps.len();
        for jump in ends {
            self.set(jump, Step::Jump(end));
        }
        Ok(())
    }

    fn reference(&mut self, element: &Element) -> Result<(), Problem> {
        let step = match (element.attribute("special"), element.attribute("uri")) {
            (Some("NULL"), None) => return Ok(()),
            (Some("VOID"), None) => Step::Fail,
            (Some("GARBAGE"), None) => Step::Key(ALL_KEYS),
            (None, Some(uri)) => match uri.strip_prefix('#') {
                Some(name) => match self.rules.get(name) {
                    Some(rule) => Step::Call(*rule),
                    None => {
                        let message = format!("there is no rule {name} in this grammar");
                        return Err(Problem::new(element.place, message));
                    }
                },
                None => {
                    let (address, rule) = crate::address::split_fragment(uri);
                    self.others
                        .push((address.to_owned(), rule.map(str::to_owned)));
                    Step::CallOther(self.others.len() - 1)
                }
            },
            _ => {
                let message = "<ruleref> has either uri or special = NULL, VOID, GARBAGE";
                return Err(Problem::new(element.place, message));
            }
        };
        self.push(step, element.place)?;
        Ok(())
    }

    fn tag(&mut self, element: &Element) -> Result<(), Problem> {
        let text = element.text();
        let text = text.trim();
        let tag = if self.literals || self.voice {
            Tag::Literal(text.to_owned())
        } else {
            self.script(text, element.place)?
        };
        self.tags.push(tag);
        let index = self.tags.len() - 1;
        self.push(Step::Tag(index), element.place)?;
        Ok(())
    }

    /// A tag is an expression, else statements, else a plain text.
    fn script(&mut self, text: &str, place: Place) -> Result<Tag, Problem> {
        if self.compiler.is_none() {
            let compiler = Compiler::new();
            self.compiler = Some(compiler.map_err(|error| Problem::new(place, error.to_string()))?);
        }
        let Some(compiler) = &mut self.compiler else {
            return Ok(Tag::Literal(text.to_owned()));
        };
        let expression = text.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        if expression.is_empty() {
            return Ok(Tag::Literal(String::new()));
        }
        let words = |c: char| c.is_alphanumeric() || " _-.".contains(c);
        let literal = expression.chars().all(words).then(|| text.to_owned());
        let scope = "with($vxml.g)";
        let as_value = compiler.function(&format!(
            "function ($vxml) {{ {scope} return ({expression}\n) }}"
        ));
        if compiler.fault(as_value).is_none() {
            let bare = !assigns(expression);
            return Ok(Tag::Script {
                code: as_value,
                literal,
                bare,
            });
        }
        let as_statements =
            compiler.function(&format!("function ($vxml) {{ {scope} {{ {text}\n}} }}"));
        if compiler.fault(as_statements).is_none() {
            return Ok(Tag::Script {
                code: as_statements,
                literal: None,
                bare: false,
            });
        }
        Ok(Tag::Literal(text.to_owned()))
    }
}

/// Whether an expression says itself what the result becomes.
fn assigns(expression: &str) -> bool {
    let mut rest = expression.to_owned();
    for comparison in ["===", "!==", "==", "!=", "<=", ">=", "=>"] {
        rest = rest.replace(comparison, " ");
    }
    let mut words = expression.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    rest.contains('=') || words.any(|word| word == "out")
}

/// `repeat`: how often at least and at most.
fn repeat(element: &Element) -> Result<(usize, Option<usize>), Problem> {
    let Some(text) = element.attribute("repeat") else {
        return Ok((1, Some(1)));
    };
    let number = |text: &str| {
        text.trim()
            .parse::<usize>()
            .ok()
            .filter(|n| *n <= REPEAT_MAX)
    };
    let range = match text.split_once('-') {
        None => number(text).map(|n| (n, Some(n))),
        Some((least, most)) if most.trim().is_empty() => number(least).map(|n| (n, None)),
        Some((least, most)) => number(least)
            .zip(number(most))
            .filter(|(least, most)| least <= most)
            .map(|(least, most)| (least, Some(most))),
    };
    range.ok_or_else(|| {
        let message = format!("repeat is n, m-n or m- with numbers up to {REPEAT_MAX}, not {text}");
        Problem::new(element.place, message)
    })
}

/// A weight is a number; keys are certain, so it chooses nothing.
fn check_weight(element: &Element) -> Result<(), Problem> {
    let Some(text) = element.attribute("weight") else {
        return Ok(());
    };
    let fine = text
        .parse::<f64>()
        .is_ok_and(|weight| weight.is_finite() && weight >= 0.0);
    if fine {
        Ok(())
    } else {
        Err(Problem::new(
            element.place,
            format!("weight is a number from 0, not {text}"),
        ))
    }
}
