//! Variables of a session: its sandbox, and how errors of scripts become events.

use std::sync::Arc;

use script::{Argument, Base, Error, ErrorKind, Handle, Limits, Program, Sandbox, Snippet, Watch};
use serde_json::{Map, Value as Json};

use crate::effect::Ending;
use crate::model::{Assignable, Names, Text};
use crate::prelude::{Parts, prelude};
use crate::problem::Place;
use crate::xml;

/// An event with what a handler learns about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thrown {
    pub(crate) event: String,
    pub(crate) message: Option<String>,
    pub(crate) element: &'static str,
    pub(crate) place: Place,
    /// A page threw it on purpose.
    pub(crate) deliberate: bool,
}

impl Thrown {
    pub(crate) fn new(event: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            message: Some(message.into()),
            element: "",
            place: Place::default(),
            deliberate: false,
        }
    }

    /// Without a message.
    pub(crate) fn plain(event: &str) -> Self {
        Self {
            message: None,
            ..Self::new(event, "")
        }
    }

    pub(crate) fn semantic(message: impl Into<String>) -> Self {
        Self::new("error.semantic", message)
    }

    pub(crate) fn bad_fetch(message: impl Into<String>) -> Self {
        Self::new("error.badfetch", message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new("error.com.ringback.limit", message)
    }

    pub(crate) fn is_error(&self) -> bool {
        self.event == "error" || self.event.starts_with("error.")
    }

    pub(crate) fn into_ending(self) -> Ending {
        Ending::Error {
            event: self.event,
            message: self.message.unwrap_or_default(),
        }
    }
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Time | ErrorKind::Memory => Self::limit(error.to_string()),
            ErrorKind::Syntax | ErrorKind::Thrown | ErrorKind::Internal => {
                Self::semantic(error.to_string())
            }
        }
    }
}

/// The result of something that may throw.
pub(crate) type Try<T> = Result<T, Box<Thrown>>;

impl From<Error> for Box<Thrown> {
    fn from(error: Error) -> Self {
        Self::new(error.into())
    }
}

/// Variables and scripts of one session.
#[derive(Debug)]
pub(crate) struct World {
    sandbox: Sandbox,
    pub(crate) parts: Parts,
    scopes: Handle,
}

impl World {
    pub(crate) fn new(
        session: &Json,
        limits: &Limits,
        watch: Arc<dyn Watch>,
        seed: u64,
    ) -> Result<Self, Error> {
        let prelude = prelude()?;
        let mut sandbox = Sandbox::new(Arc::clone(&prelude.program), limits, watch, seed)?;
        sandbox.begin(0);
        let scopes = sandbox.keep(prelude.parts.boot, &[Argument::Json(session)])?;
        Ok(Self {
            sandbox,
            parts: prelude.parts,
            scopes,
        })
    }

    pub(crate) fn begin(&mut self, now_ms: i64) {
        self.sandbox.begin(now_ms);
    }

    pub(crate) fn is_timed_out(&self) -> bool {
        self.sandbox.is_timed_out()
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        self.sandbox.heap_bytes()
    }

    pub(crate) fn extend(&mut self, program: &Arc<Program>) -> Base {
        self.sandbox.extend(Arc::clone(program))
    }

    pub(crate) fn forget(&mut self, base: Base) {
        self.sandbox.forget(base);
    }

    /// Calls a function of the prelude with the scopes first.
    pub(crate) fn apply(&mut self, part: Snippet, arguments: &[Argument<'_>]) -> Try<()> {
        let all = self.with_scopes(arguments);
        Ok(self.sandbox.apply(part, &all)?)
    }

    /// As [`Self::apply`], with a result.
    pub(crate) fn call(&mut self, part: Snippet, arguments: &[Argument<'_>]) -> Try<Json> {
        let all = self.with_scopes(arguments);
        Ok(self.sandbox.call(part, &all)?)
    }

    fn with_scopes<'a>(&self, arguments: &[Argument<'a>]) -> Vec<Argument<'a>> {
        let mut all = Vec::with_capacity(arguments.len() + 1);
        all.push(Argument::Kept(self.scopes));
        all.extend_from_slice(arguments);
        all
    }

    pub(crate) fn truth(&mut self, code: Snippet) -> Try<bool> {
        let value = self.sandbox.call(code, &[Argument::Kept(self.scopes)])?;
        Ok(value.as_bool().unwrap_or_default())
    }

    pub(crate) fn run(&mut self, code: Snippet) -> Try<()> {
        Ok(self.sandbox.apply(code, &[Argument::Kept(self.scopes)])?)
    }

    fn keep(&mut self, code: Snippet) -> Try<Handle> {
        Ok(self.sandbox.keep(code, &[Argument::Kept(self.scopes)])?)
    }

    /// Evaluates, hands the value to a function of the prelude and gives it back.
    pub(crate) fn hand(
        &mut self,
        code: Snippet,
        part: Snippet,
        before: &[Argument<'_>],
    ) -> Try<()> {
        let value = self.keep(code)?;
        let mut all = self.with_scopes(before);
        all.push(Argument::Kept(value));
        let done = self.sandbox.apply(part, &all);
        self.sandbox.release(value);
        Ok(done?)
    }

    /// The text of a value; none for `undefined`.
    pub(crate) fn text(&mut self, code: Snippet) -> Try<Option<String>> {
        let value = self.keep(code)?;
        let text = self.sandbox.call(self.parts.text, &[Argument::Kept(value)]);
        self.sandbox.release(value);
        match text? {
            Json::String(text) => Ok(Some(text)),
            _ => Ok(None),
        }
    }

    /// A text that is written down or computed; `undefined` is an error.
    pub(crate) fn string(&mut self, text: &Text, base: Base) -> Try<String> {
        match text {
            Text::Fixed(text) => Ok(text.to_string()),
            Text::Expression(code) => self
                .text(code.of(base))?
                .ok_or_else(|| Box::new(Thrown::semantic("an expression is undefined"))),
        }
    }

    /// A copy of a value without functions and cycles; none for `undefined`.
    pub(crate) fn export(&mut self, code: Snippet) -> Try<Option<Json>> {
        let value = self.keep(code)?;
        let copy = self
            .sandbox
            .call(self.parts.export, &[Argument::Kept(value)]);
        self.sandbox.release(value);
        match copy? {
            Json::Array(mut list) => Ok(list.pop()),
            _ => Ok(None),
        }
    }

    /// Copies of variables; those that are undefined stay away.
    pub(crate) fn names(&mut self, names: Option<&Names>, base: Base) -> Try<Map<String, Json>> {
        let mut out = Map::new();
        for (name, code) in names.iter().flat_map(|names| names.iter()) {
            if let Some(value) = self.export(code.of(base))? {
                out.insert(name.to_string(), value);
            }
        }
        Ok(out)
    }

    pub(crate) fn declare(&mut self, name: &str, value: Argument<'_>) -> Try<()> {
        self.apply(self.parts.declare, &[Argument::Text(name), value])
    }

    /// Stores the value of an expression.
    pub(crate) fn assign(&mut self, target: &Assignable, expr: Snippet, base: Base) -> Try<()> {
        let value = self.keep(expr)?;
        let done = self.store(target, Argument::Kept(value), base);
        self.sandbox.release(value);
        done
    }

    /// Stores a value.
    pub(crate) fn store(
        &mut self,
        target: &Assignable,
        value: Argument<'_>,
        base: Base,
    ) -> Try<()> {
        match target {
            Assignable::Name(name) => self.apply(self.parts.assign, &[Argument::Text(name), value]),
            Assignable::Scoped(scope, name) => {
                let arguments = [Argument::Text(scope), Argument::Text(name), value];
                self.apply(self.parts.assign_scoped, &arguments)
            }
            Assignable::Location(code) => self.apply(code.of(base), &[value]),
        }
    }

    /// The list of a `foreach` and its length.
    pub(crate) fn list(&mut self, array: Snippet) -> Try<(Handle, usize)> {
        let given = self.keep(array)?;
        let list = self.sandbox.keep(self.parts.list, &[Argument::Kept(given)]);
        self.sandbox.release(given);
        let list = list?;
        let count = self
            .sandbox
            .call(self.parts.count, &[Argument::Kept(list)])?;
        let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
        Ok((list, count.unwrap_or_default()))
    }

    /// Puts an element of a list into a variable.
    pub(crate) fn element(&mut self, list: Handle, index: usize, name: &str) -> Try<()> {
        let number = Json::from(index);
        let arguments = [
            Argument::Kept(list),
            Argument::Json(&number),
            Argument::Text(name),
        ];
        self.apply(self.parts.element, &arguments)
    }

    pub(crate) fn release(&mut self, list: Handle) {
        self.sandbox.release(list);
    }

    /// Calls a tag of a grammar; the value stays inside.
    pub(crate) fn tag(&mut self, code: Snippet, bare: bool) -> Try<()> {
        let value = self.keep(code)?;
        let bare = Json::Bool(bare);
        let part = self.parts.rule_tag;
        let done = self.apply(part, &[Argument::Kept(value), Argument::Json(&bare)]);
        self.sandbox.release(value);
        done
    }

    /// XML as the tree that scripts read.
    pub(crate) fn xml(&mut self, text: &str) -> Try<Handle> {
        let tree =
            xml::parse(text).map_err(|problem| Box::new(Thrown::bad_fetch(problem.to_string())))?;
        let tree = tree.to_json();
        Ok(self.sandbox.keep(
            self.parts.parse_xml,
            &[Argument::Json(&tree), Argument::Text(text)],
        )?)
    }
}
