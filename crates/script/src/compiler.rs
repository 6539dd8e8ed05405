//! Sources of a document to byte code, once.

use std::collections::HashMap;

use rquickjs::context::intrinsic;
use rquickjs::{Context, Runtime};

use crate::bytecode::{self, Bytecode};
use crate::error::{Error, ErrorKind};
use crate::limits::{COMPILE_HEAP_BYTES, COMPILE_STACK_BYTES};

/// Names one source of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Snippet {
    pub(crate) program: u32,
    pub(crate) index: u32,
}

/// A program that a sandbox took in beside its first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Base(pub(crate) u32);

impl Snippet {
    fn new(index: u32) -> Self {
        Self { program: 0, index }
    }

    /// The same source as [`crate::Sandbox::extend`] took it in; without this a snippet names a
    /// source of the program that the sandbox began with.
    #[must_use]
    pub fn of(self, base: Base) -> Self {
        Self {
            program: base.0,
            ..self
        }
    }
}

/// How a source is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The code gives a function, made once per sandbox and called each time.
    Function,
    /// Global code, run each time.
    Script,
}

/// One source of a program.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) code: Result<Bytecode, Error>,
}

/// Everything a document wants to evaluate, as byte code; shared by all its sessions.
#[derive(Debug, Default)]
pub struct Program {
    pieces: Vec<Piece>,
}

impl Program {
    pub(crate) fn piece(&self, snippet: Snippet) -> Option<&Piece> {
        self.pieces.get(usize::try_from(snippet.index).ok()?)
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Why a source could not be compiled.
    pub fn fault(&self, snippet: Snippet) -> Option<&Error> {
        self.piece(snippet)?.code.as_ref().err()
    }
}

/// Collects and compiles sources.
///
/// A source that is no ECMAScript is kept as its error and fails when it is evaluated: that is
/// when a state chart learns of it.
pub struct Compiler {
    known: HashMap<(Kind, String), Snippet>,
    pieces: Vec<Piece>,
    context: Context,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler")
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

impl Compiler {
    /// An empty compiler.
    ///
    /// # Errors
    /// There is no memory for a runtime.
    pub fn new() -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(|_none| Error::memory())?;
        runtime.set_memory_limit(COMPILE_HEAP_BYTES);
        runtime.set_max_stack_size(COMPILE_STACK_BYTES);
        let context = Context::custom::<(
            intrinsic::Eval,
            intrinsic::RegExpCompiler,
            intrinsic::RegExp,
        )>(&runtime)
        .map_err(|_none| Error::memory())?;
        Ok(Self {
            known: HashMap::new(),
            pieces: Vec::new(),
            context,
        })
    }

    /// An expression; evaluated as `( … )`, so that an object literal is one. A semicolon at its
    /// end, which people write, is taken off.
    pub fn expression(&mut self, source: &str) -> Snippet {
        let source = source.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        if source.trim().is_empty() {
            return self.keep(Kind::Function, Err(syntax("an expression is empty")));
        }
        self.add(
            Kind::Function,
            format!("(function(){{return ({source}\n)}})"),
        )
    }

    /// A function, written as an expression: `function (a, b) { … }`.
    pub fn function(&mut self, source: &str) -> Snippet {
        self.add(Kind::Function, format!("({source}\n)"))
    }

    /// A store to a location, as a function of the value to be stored.
    ///
    /// `strict` refuses names that do not exist and values that cannot be written.
    pub fn store(&mut self, location: &str, strict: bool) -> Snippet {
        if location.trim().is_empty() {
            return self.keep(Kind::Function, Err(syntax("a location is empty")));
        }
        let mode = if strict { "\"use strict\";" } else { "" };
        self.add(
            Kind::Function,
            format!("(function($value$){{{mode}{location}\n=$value$}})"),
        )
    }

    /// Global code.
    pub fn script(&mut self, source: &str) -> Snippet {
        self.add(Kind::Script, source.to_owned())
    }

    /// What was compiled.
    pub fn finish(self) -> Program {
        Program {
            pieces: self.pieces,
        }
    }

    /// Why a source could not be compiled.
    pub fn fault(&self, snippet: Snippet) -> Option<&Error> {
        let index = usize::try_from(snippet.index).ok()?;
        self.pieces.get(index)?.code.as_ref().err()
    }

    fn add(&mut self, kind: Kind, source: String) -> Snippet {
        let key = (kind, source);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let code = self.context.with(|ctx| {
            bytecode::compile(&ctx, &key.1).map_err(|error| Error {
                kind: ErrorKind::Syntax,
                ..Error::take(&ctx, &error, false)
            })
        });
        let snippet = self.keep(kind, code);
        self.known.insert(key, snippet);
        snippet
    }

    fn keep(&mut self, kind: Kind, code: Result<Bytecode, Error>) -> Snippet {
        let index = u32::try_from(self.pieces.len()).expect("documents are bounded in bytes");
        self.pieces.push(Piece { kind, code });
        Snippet::new(index)
    }
}

fn syntax(message: &str) -> Error {
    Error {
        kind: ErrorKind::Syntax,
        name: "SyntaxError".to_owned(),
        message: message.to_owned(),
        line: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sources_are_compiled_once() {
        let mut compiler = Compiler::new().unwrap();
        assert_eq!(compiler.expression("a + 1"), compiler.expression("a + 1"));
        assert_ne!(compiler.expression("a + 1"), compiler.script("a + 1"));
        let program = compiler.finish();
        assert_eq!(program.len(), 2);
        assert!(
            program
                .piece(Snippet::new(0))
                .unwrap()
                .code
                .as_ref()
                .unwrap()
                .len()
                > 10
        );
    }

    #[test]
    fn a_fault_names_its_line() {
        let mut compiler = Compiler::new().unwrap();
        let bad = compiler.script("var a = 1;\nvar b = ;");
        let fault = compiler.fault(bad).unwrap();
        assert_eq!((fault.kind, fault.line), (ErrorKind::Syntax, Some(2)));
        let empty = compiler.expression(" ");
        assert_eq!(compiler.fault(empty).unwrap().kind, ErrorKind::Syntax);
        let good = compiler.expression("{} // an object");
        assert_eq!(compiler.fault(good), None);
    }
}
