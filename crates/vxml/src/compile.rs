//! Pages to tables: structure is checked, every source becomes byte code.

mod attributes;
mod content;
mod dialog;
mod item;
mod prompt;
mod schema;

use std::collections::HashMap;
use std::sync::Arc;

use script::{Compiler, Snippet};

use crate::address;
use crate::model::{Assignable, Catch, Document, GrammarRef, Jump, Link, Names, Scoped, Text};
use crate::problem::{Place, Problem};
use crate::source::declarations;
use crate::xml::{self, Element};

/// How names are found: from the innermost scope outwards.
const SCOPES: &str = "with($vxml.s)with($vxml.a)with($vxml.d)with($vxml.l)with($vxml.n)";

/// Every element of the language; another one is no mistake in its place but not supported.
const ELEMENTS: &[&str] = &[
    "assign",
    "audio",
    "block",
    "break",
    "catch",
    "choice",
    "clear",
    "data",
    "disconnect",
    "else",
    "elseif",
    "enumerate",
    "error",
    "example",
    "exit",
    "field",
    "filled",
    "foreach",
    "form",
    "goto",
    "grammar",
    "help",
    "if",
    "initial",
    "link",
    "log",
    "mark",
    "menu",
    "meta",
    "metadata",
    "noinput",
    "nomatch",
    "object",
    "option",
    "param",
    "prompt",
    "property",
    "record",
    "reprompt",
    "return",
    "script",
    "subdialog",
    "submit",
    "throw",
    "transfer",
    "value",
    "var",
    "vxml",
];

impl Document {
    /// Reads and compiles a page.
    ///
    /// # Errors
    /// It is not well-formed, or its structure is not that of `VoiceXML` 2.0 or 2.1.
    pub fn compile(url: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let root = xml::parse(text).map_err(|problem| vec![problem])?;
        let compiler =
            Compiler::new().map_err(|error| vec![Problem::new(root.place, error.to_string())])?;
        let mut compile = Compile {
            compiler,
            problems: Vec::new(),
            faults: Vec::new(),
            names: 0,
        };
        let document = compile.document(url, &root);
        if compile.problems.is_empty() {
            let program = Arc::new(compile.compiler.finish());
            Ok(Self {
                program,
                faults: compile.faults,
                ..document
            })
        } else {
            Err(compile.problems)
        }
    }
}

struct Compile {
    compiler: Compiler,
    /// What makes the page unusable.
    problems: Vec<Problem>,
    /// What fails when it is reached.
    faults: Vec<Problem>,
    /// Names that were made up.
    names: usize,
}

impl Compile {
    fn document(&mut self, url: &str, root: &Element) -> Document {
        if root.name != "vxml" || !root.is_own() {
            let message = format!("a page begins with <vxml>, not <{}>", root.name);
            self.problem(root.place, message);
        }
        match root.attribute("version") {
            Some("2.0" | "2.1") => {}
            Some(other) => self.problem(root.place, format!("version is 2.0 or 2.1, not {other}")),
            None => self.problem(root.place, "<vxml> needs a version: 2.0 or 2.1"),
        }
        let base = root.xml("base").map(|base| address::resolve(url, base));
        let base: Arc<str> = base.as_deref().unwrap_or(url).into();
        let mut document = Document {
            url: url.into(),
            application: root
                .attribute("application")
                .map(|application| address::resolve(&base, application).into()),
            base,
            lang: root.xml("lang").map(Into::into),
            scoped: Scoped::default(),
            init: Arc::new([]),
            dialogs: Vec::new(),
            ids: HashMap::new(),
            program: Arc::default(),
            faults: Vec::new(),
        };
        self.check_attributes(root);
        let mut init = Vec::new();
        for element in root.elements().filter(|element| element.is_own()) {
            if self.scoped(element, &mut document.scoped) {
                continue;
            }
            match element.name.as_str() {
                "var" | "script" | "data" => init.extend(self.action(element, false)),
                "form" | "menu" => {
                    let dialog = self.dialog(element);
                    if let Some(id) = &dialog.id {
                        let twice = document
                            .ids
                            .insert(id.clone(), document.dialogs.len())
                            .is_some();
                        if twice {
                            self.problem(element.place, format!("the id {id} is used twice"));
                        }
                    }
                    document.dialogs.push(Arc::new(dialog));
                }
                "meta" | "metadata" => {}
                _ => self.misplaced(element, "vxml"),
            }
        }
        document.init = init.into();
        document
    }

    /// Notes what only matters when it is reached, and gives the text back.
    fn fault(&mut self, place: Place, message: String) -> String {
        self.faults.push(Problem::new(place, message.clone()));
        message
    }

    fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }

    fn misplaced(&mut self, element: &Element, within: &str) {
        let message = format!("<{}> cannot stand in <{within}>", element.name);
        self.problem(element.place, message);
    }

    /// A name for what has none.
    fn fresh_name(&mut self) -> Arc<str> {
        self.names += 1;
        format!("unnamed${}", self.names).into()
    }

    /// Handlers, properties and links, which many elements may hold.
    fn scoped(&mut self, element: &Element, into: &mut Scoped) -> bool {
        match element.name.as_str() {
            "catch" | "error" | "help" | "noinput" | "nomatch" => {
                let catch = self.catch(element);
                into.catches.push(Arc::new(catch));
            }
            "property" => {
                let name = element.attribute("name").unwrap_or_default().to_owned();
                let value = match (element.attribute("value"), element.vendor("expr")) {
                    (Some(value), _) => Text::Fixed(value.into()),
                    (None, Some(expr)) => Text::Expression(self.expression(expr, element.place)),
                    (None, None) if element.vendor("langexpr").is_some() => {
                        let expr = element.vendor("langexpr").unwrap_or_default();
                        Text::Expression(self.expression(expr, element.place))
                    }
                    (None, None) => {
                        self.problem(element.place, "<property> needs a value");
                        return true;
                    }
                };
                if name.is_empty() {
                    self.problem(element.place, "<property> needs a name");
                }
                into.properties.push((name, value));
            }
            "link" => {
                let link = self.link(element);
                into.links.push(Arc::new(link));
            }
            _ => return false,
        }
        true
    }

    fn catch(&mut self, element: &Element) -> Catch {
        let events = match element.name.as_str() {
            "catch" => element.attribute("event").unwrap_or_default(),
            name => name,
        };
        let events = events.split_whitespace().filter(|event| *event != ".");
        let count = self.count(element);
        Catch {
            events: events.map(str::to_owned).collect(),
            count,
            cond: self.condition(element),
            block: self.block(element),
        }
    }

    /// `count`: from 1.
    fn count(&mut self, element: &Element) -> u32 {
        let Some(text) = element.attribute("count") else {
            return 1;
        };
        match text.trim().parse() {
            Ok(count) if count > 0 => count,
            _ => {
                self.problem(
                    element.place,
                    format!("count is a number from 1, not {text}"),
                );
                1
            }
        }
    }

    fn link(&mut self, element: &Element) -> Link {
        let mut grammars: Vec<GrammarRef> = self.keys_attribute(element).into_iter().collect();
        for inner in element.elements().filter(|inner| inner.is_own()) {
            match inner.name.as_str() {
                "grammar" => grammars.push(self.grammar(inner)),
                _ => self.misplaced(inner, "link"),
            }
        }
        Link {
            grammars,
            jump: self.jump(element),
        }
    }

    /// `next`, `expr`, `event` or `eventexpr` of links and choices.
    fn jump(&mut self, element: &Element) -> Jump {
        match self.target(element, &["next", "expr", "event", "eventexpr"]) {
            Ok((0 | 1, address)) => Jump::Goto(self.goto_of(element, address)),
            Ok((_, event)) => Jump::Throw(crate::model::Throw {
                event,
                message: self.message(element),
            }),
            Err(message) => {
                self.problem(element.place, message.clone());
                Jump::Throw(crate::model::Throw {
                    event: Text::Fixed("error.badfetch".into()),
                    message: Some(Text::Fixed(message.into())),
                })
            }
        }
    }

    /// An expression in the scopes of the page.
    fn expression(&mut self, source: &str, place: Place) -> Snippet {
        let source = source.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        let code = format!("function ($vxml) {{ {SCOPES} return ({source}\n) }}");
        self.function(&code, place)
    }

    fn optional(&mut self, element: &Element, name: &str) -> Option<Snippet> {
        let source = element.attribute(name)?;
        Some(self.expression(source, element.place))
    }

    /// `cond`: true or false.
    fn condition(&mut self, element: &Element) -> Option<Snippet> {
        let source = element.attribute("cond")?;
        Some(self.truth(source, element.place))
    }

    /// An expression as true or false.
    fn truth(&mut self, source: &str, place: Place) -> Snippet {
        let source = source.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        let code = format!("function ($vxml) {{ {SCOPES} return !!({source}\n) }}");
        self.function(&code, place)
    }

    fn function(&mut self, code: &str, place: Place) -> Snippet {
        let snippet = self.compiler.function(code);
        if let Some(fault) = self.compiler.fault(snippet) {
            self.faults.push(Problem::new(place, fault.to_string()));
        }
        snippet
    }

    /// A script in the scopes of the page; what it declares belongs to the scope it stands in.
    fn script(&mut self, source: &str, place: Place) -> Snippet {
        let code = script_code(source);
        self.function(&code, place)
    }

    fn assignable(&mut self, name: &str, place: Place) -> Assignable {
        let name = name.trim();
        if is_identifier(name) {
            return Assignable::Name(name.into());
        }
        if let Some((scope, variable)) = name.split_once('.')
            && matches!(scope, "session" | "application" | "document" | "dialog")
            && is_identifier(variable)
        {
            return Assignable::Scoped(scope.into(), variable.into());
        }
        let code =
            format!("function ($vxml, $vxml_value) {{ {SCOPES} {{ {name}\n= $vxml_value }} }}");
        Assignable::Location(self.function(&code, place))
    }

    fn names(&mut self, list: &str, place: Place) -> Names {
        let names = list.split_whitespace();
        names
            .map(|name| (name.into(), self.expression(name, place)))
            .collect()
    }
}

/// A script as the function that runs it.
pub(crate) fn script_code(source: &str) -> String {
    let found = declarations(source);
    let mut code = "function ($vxml) { var $vxml_t = $vxml.t; ".to_owned();
    for name in &found.variables {
        code.push_str(&format!(
            "if (!('{name}' in $vxml_t)) $vxml_t.{name} = undefined; "
        ));
    }
    code.push_str(SCOPES);
    code.push_str(" { ");
    for name in &found.functions {
        code.push_str(&format!("$vxml_t.{name} = {name}; "));
    }
    code.push_str(&found.source);
    code.push_str("\n} }");
    code
}

/// Words of the language, which no variable can be called.
const RESERVED: &[&str] = &[
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "new",
    "null",
    "return",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
];

/// A plain name of a variable.
pub(crate) fn is_identifier(name: &str) -> bool {
    if RESERVED.contains(&name) {
        return false;
    }
    let mut chars = name.chars();
    let starts = |c: char| c.is_alphabetic() || c == '_' || c == '$';
    chars.next().is_some_and(starts) && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
}
