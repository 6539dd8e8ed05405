//! Keys against a grammar, one by one: all ways are followed at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Fetched, Grammar, Step, key_bit};
use crate::address;
use crate::limits::{GRAMMAR_CALLS_MAX, GRAMMAR_FILES_MAX, GRAMMAR_TURNS_MAX, GRAMMAR_WAYS_MAX};

/// Turns over the life of one matcher.
const TURNS_MAX: usize = 10 * GRAMMAR_TURNS_MAX;
/// No element of a list.
const NONE: u32 = u32::MAX;

/// A grammar with those it refers to.
#[derive(Debug)]
pub(crate) struct Linked {
    files: Vec<Arc<Grammar>>,
    /// For each file and reference: the file and rule.
    calls: HashMap<(usize, usize), (usize, usize)>,
    start: usize,
}

/// Why a grammar cannot be used yet, or ever.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unlinked {
    /// A grammar that has to be fetched first.
    Missing(String),
    /// Name and message of an event.
    Broken(String, String),
}

impl Linked {
    /// Finds all that a grammar refers to.
    pub(crate) fn new(
        grammar: &Arc<Grammar>,
        rule: Option<&str>,
        base: &str,
        fetched: &Fetched,
    ) -> Result<Self, Unlinked> {
        let broken = |message: String| Unlinked::Broken("error.badfetch".to_owned(), message);
        let no_rule = |rule: &Option<&str>| {
            broken(format!(
                "the grammar has no rule {}",
                rule.unwrap_or("to begin with")
            ))
        };
        let start = grammar.start(rule).ok_or_else(|| no_rule(&rule))?;
        let mut linked = Self {
            files: vec![Arc::clone(grammar)],
            calls: HashMap::new(),
            start,
        };
        let mut bases = vec![base.to_owned()];
        let mut file = 0;
        while let (Some(grammar), Some(base)) =
            (linked.files.get(file).cloned(), bases.get(file).cloned())
        {
            let from = match &grammar.base {
                Some(own) => address::resolve(&base, own),
                None => base,
            };
            for (index, (written, rule)) in grammar.others.iter().enumerate() {
                let address = address::resolve(&from, written);
                let other = match fetched.get(&address) {
                    None => return Err(Unlinked::Missing(address)),
                    Some(Err((event, message))) => {
                        return Err(Unlinked::Broken(event.clone(), message.clone()));
                    }
                    Some(Ok(other)) => other,
                };
                let known = bases.iter().position(|known| *known == address);
                let at = known.unwrap_or(linked.files.len());
                if known.is_none() {
                    if linked.files.len() > GRAMMAR_FILES_MAX {
                        return Err(broken("too many grammars refer to each other".to_owned()));
                    }
                    linked.files.push(Arc::clone(other));
                    bases.push(address);
                }
                let rule = rule.as_deref();
                let target = other.start(rule).ok_or_else(|| no_rule(&rule))?;
                linked.calls.insert((file, index), (at, target));
            }
            file += 1;
        }
        Ok(linked)
    }

    /// One of the grammars.
    pub(crate) fn file(&self, at: usize) -> Option<&Arc<Grammar>> {
        self.files.get(at)
    }
}

/// Something that happened on a way through a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    Enter { file: usize, rule: usize },
    Leave,
    Key(char),
    Tag { file: usize, tag: usize },
}

#[derive(Clone, Copy, Debug)]
struct Way {
    file: usize,
    at: usize,
    /// Where to return to.
    stack: u32,
    trace: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Frame {
    file: usize,
    at: usize,
    below: u32,
    depth: usize,
}

/// What the keys so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// They are a sentence of the grammar.
    pub(crate) complete: bool,
    /// They may become another one.
    pub(crate) extendable: bool,
}

/// A grammar with the keys so far.
#[derive(Debug)]
pub(crate) struct Matcher {
    linked: Arc<Linked>,
    ways: Vec<Way>,
    complete: Option<u32>,
    frames: Vec<Frame>,
    known_frames: HashMap<Frame, u32>,
    traces: Vec<(Trace, u32)>,
    turns: usize,
}

impl Matcher {
    pub(crate) fn new(linked: &Arc<Linked>) -> Self {
        let mut matcher = Self {
            linked: Arc::clone(linked),
            ways: Vec::new(),
            complete: None,
            frames: Vec::new(),
            known_frames: HashMap::new(),
            traces: Vec::new(),
            turns: 0,
        };
        let rule = linked.start;
        let start = linked
            .files
            .first()
            .and_then(|file| file.rules.get(rule))
            .map(|rule| rule.start);
        if let Some(at) = start {
            let trace = matcher.trace(Trace::Enter { file: 0, rule }, NONE);
            let way = Way {
                file: 0,
                at,
                stack: NONE,
                trace,
            };
            matcher.follow(vec![way]);
        }
        matcher
    }

    pub(crate) fn state(&self) -> State {
        State {
            complete: self.complete.is_some(),
            extendable: !self.ways.is_empty(),
        }
    }

    /// Whether a key could come next.
    pub(crate) fn accepts(&self, key: char) -> bool {
        let bit = key_bit(key).unwrap_or_default();
        self.ways.iter().any(|way| match self.step(way) {
            Some(Step::Key(bits)) => bits & bit != 0,
            _ => false,
        })
    }

    /// Takes the next key.
    pub(crate) fn press(&mut self, key: char) -> State {
        let bit = key_bit(key).unwrap_or_default();
        let ways = std::mem::take(&mut self.ways);
        self.complete = None;
        let mut next = Vec::new();
        for way in ways {
            if let Some(Step::Key(bits)) = self.step(&way)
                && bits & bit != 0
            {
                let trace = self.trace(Trace::Key(key), way.trace);
                next.push(Way {
                    at: way.at + 1,
                    trace,
                    ..way
                });
            }
        }
        self.follow(next);
        self.state()
    }

    /// How the keys so far are a sentence, from the first event to the last.
    pub(crate) fn sentence(&self) -> Vec<Trace> {
        let mut out = Vec::new();
        let mut at = self.complete.unwrap_or(NONE);
        while let Some((trace, before)) = get(&self.traces, at) {
            out.push(*trace);
            at = *before;
        }
        out.reverse();
        out
    }

    pub(crate) fn linked(&self) -> &Arc<Linked> {
        &self.linked
    }

    fn step(&self, way: &Way) -> Option<Step> {
        self.linked.files.get(way.file)?.steps.get(way.at).copied()
    }

    fn trace(&mut self, trace: Trace, before: u32) -> u32 {
        self.traces.push((trace, before));
        u32::try_from(self.traces.len() - 1).unwrap_or(NONE)
    }

    /// Follows all ways up to their next key.
    fn follow(&mut self, ways: Vec<Way>) {
        let mut seen: HashSet<(usize, usize, u32)> = HashSet::new();
        let mut open: Vec<Way> = ways.into_iter().rev().collect();
        let mut turns = 0;
        while let Some(way) = open.pop() {
            if !seen.insert((way.file, way.at, way.stack)) {
                continue;
            }
            turns += 1;
            self.turns += 1;
            if turns > GRAMMAR_TURNS_MAX || self.turns > TURNS_MAX {
                return;
            }
            let Some(step) = self.step(&way) else {
                continue;
            };
            let next = |at: usize| Way { at, ..way };
            match step {
                Step::Key(_) if self.ways.len() < GRAMMAR_WAYS_MAX => self.ways.push(way),
                Step::Key(_) | Step::Fail => {}
                Step::Jump(at) => open.push(next(at)),
                Step::Split(first, second) => open.extend([next(second), next(first)]),
                Step::Tag(tag) => {
                    let event = Trace::Tag {
                        file: way.file,
                        tag,
                    };
                    let trace = self.trace(event, way.trace);
                    open.push(Way {
                        trace,
                        ..next(way.at + 1)
                    });
                }
                Step::Call(rule) => open.extend(self.call(way, way.file, rule)),
                Step::CallOther(index) => {
                    if let Some((file, rule)) = self.linked.calls.get(&(way.file, index)).copied() {
                        open.extend(self.call(way, file, rule));
                    }
                }
                Step::Return => open.extend(self.leave(way)),
            }
        }
    }

    fn call(&mut self, way: Way, file: usize, rule: usize) -> Option<Way> {
        let at = self.linked.files.get(file)?.rules.get(rule)?.start;
        let depth = get(&self.frames, way.stack).map_or(0, |frame| frame.depth) + 1;
        if depth > GRAMMAR_CALLS_MAX {
            return None;
        }
        let frame = Frame {
            file: way.file,
            at: way.at + 1,
            below: way.stack,
            depth,
        };
        let stack = match self.known_frames.get(&frame) {
            Some(known) => *known,
            None => {
                self.frames.push(frame);
                let at = u32::try_from(self.frames.len() - 1).ok()?;
                self.known_frames.insert(frame, at);
                at
            }
        };
        let trace = self.trace(Trace::Enter { file, rule }, way.trace);
        Some(Way {
            file,
            at,
            stack,
            trace,
        })
    }

    fn leave(&mut self, way: Way) -> Option<Way> {
        let trace = self.trace(Trace::Leave, way.trace);
        match get(&self.frames, way.stack).copied() {
            Some(frame) => Some(Way {
                file: frame.file,
                at: frame.at,
                stack: frame.below,
                trace,
            }),
            None => {
                // The first way to the end is the preferred one.
                self.complete.get_or_insert(trace);
                None
            }
        }
    }
}

fn get<T>(list: &[T], at: u32) -> Option<&T> {
    list.get(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::builtin;

    fn run(grammar: Grammar, keys: &str) -> (bool, bool) {
        let linked = Linked::new(&Arc::new(grammar), None, "", &Fetched::new()).unwrap();
        let mut matcher = Matcher::new(&Arc::new(linked));
        for key in keys.chars() {
            matcher.press(key);
        }
        let state = matcher.state();
        (state.complete, state.extendable)
    }

    fn rules(content: &str) -> Grammar {
        let text = format!("<grammar mode='dtmf' version='1.0' root='r'>{content}</grammar>");
        Grammar::compile(&text).unwrap()
    }

    const NO: (bool, bool) = (false, false);
    const MORE: (bool, bool) = (false, true);
    const DONE: (bool, bool) = (true, false);
    const BOTH: (bool, bool) = (true, true);

    #[test]
    fn builtin_types_take_their_keys() {
        let check = |kind: &str, keys: &str, expected| {
            assert_eq!(run(builtin(kind).unwrap(), keys), expected, "{kind} {keys}");
        };
        check("digits", "1", BOTH);
        check("digits?length=4", "123", MORE);
        check("digits?length=4", "1234", DONE);
        check("digits?minlength=2;maxlength=3", "1", MORE);
        check("digits?minlength=2;maxlength=3", "12", BOTH);
        check("digits?minlength=2;maxlength=3", "123", DONE);
        check("digits?minlength=2;maxlength=3", "1*", NO);
        check("boolean", "1", DONE);
        check("boolean", "3", NO);
        check("boolean?y=7;n=9", "9", DONE);
        check("number", "12", BOTH);
        check("number", "12*5", BOTH);
        check("number", "*", MORE);
        check("number", "*5", BOTH);
        check("date", "2026112", MORE);
        check("date", "20261121", DONE);
        check("time", "0930", DONE);
        check("phone", "030123", BOTH);
        check("phone", "030*", MORE);
        check("phone", "030*12", BOTH);
    }

    #[test]
    fn rules_repeats_and_specials() {
        let check = |content: &str, keys: &str, expected| {
            assert_eq!(run(rules(content), keys), expected, "{content} {keys}");
        };
        check(
            "<rule id='r'>1 2<item repeat='0-1'>#</item></rule>",
            "12",
            BOTH,
        );
        check("<rule id='r'><item repeat='2-'>1</item></rule>", "1", MORE);
        check(
            "<rule id='r'><one-of><item weight='2'>1</item><item>2 3</item></one-of></rule>",
            "2",
            MORE,
        );
        check("<rule id='r'><ruleref special='VOID'/></rule>", "", NO);
        check("<rule id='r'><ruleref special='NULL'/>1</rule>", "1", DONE);
        check(
            "<rule id='r'><ruleref special='GARBAGE'/>1</rule>",
            "#1",
            DONE,
        );
        check(
            "<rule id='r'><item repeat='0-'><ruleref uri='#e'/></item>1</rule><rule id='e'><item repeat='0-1'>2</item></rule>",
            "221",
            DONE,
        );
        check(
            "<rule id='r'>1<item repeat='0-1'><ruleref uri='#r'/></item></rule>",
            "111",
            BOTH,
        );
        check("<rule id='r'><ruleref uri='#r'/>1</rule>", "1", NO);
    }

    #[test]
    fn a_grammar_that_makes_no_sense_is_refused() {
        for content in [
            "<rule id='x'>1</rule>",
            "<rule id='r'>x</rule>",
            "<rule id='r'><item repeat='3-1'>1</item></rule>",
            "<rule id='r'><ruleref uri='#nobody'/></rule>",
            "<rule id='r'><one-of/></rule>",
            "<rule id='r'><item weight='heavy'>1</item></rule>",
            "<rule id='r'><item repeat='999'><item repeat='999'>1</item></item></rule>",
            "<rule>1</rule>",
        ] {
            let text = format!("<grammar mode='dtmf' version='1.0' root='r'>{content}</grammar>");
            assert!(Grammar::compile(&text).is_err(), "{content}");
        }
    }
}
