//! A tree to tables: states in document order, transitions with their domains, byte code.

mod content;
mod expression;
mod module;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use script::Compiler;

use crate::assemble::Files;
use crate::bits::Bits;
use crate::dialect::{Dialect, NAMESPACE};
use crate::limits::STATES_MAX;
use crate::model::{DataModel, Document, Domain, Kind, ROOT, State, Transition};
use crate::prelude::Prelude;
use crate::problem::{Place, Problem};
use crate::xml::Element;

/// Problems that are told; more do not help.
const PROBLEMS_MAX: usize = 100;

/// What a document is compiled with.
pub(crate) struct Options<'a> {
    pub(crate) url: Arc<str>,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) files: &'a Files,
    /// How many documents this one is written inside of.
    pub(crate) inline_depth: usize,
}

/// Compiles a document.
pub(crate) fn compile(root: &Element, options: &Options<'_>) -> Result<Document, Vec<Problem>> {
    let fail = |message: String| vec![Problem::new(&root.place, message)];
    if root.name != "scxml" || *root.namespace != *NAMESPACE {
        return Err(fail(format!(
            "the root is `{}`, not `scxml` of {NAMESPACE}",
            root.name
        )));
    }
    let dialect = options.dialect.unwrap_or_else(|| Dialect::of(root));
    let data_model = match (dialect, root.attribute("datamodel")) {
        (Dialect::Ors2009, _) | (_, None | Some("ecmascript")) => DataModel::Ecmascript,
        (_, Some("null")) => DataModel::Null,
        (_, Some(other)) => {
            return Err(fail(format!(
                "the data model `{other}` is not built; ecmascript and null are"
            )));
        }
    };
    let script = Compiler::new().map_err(|error| fail(error.to_string()))?;
    let mut builder = Builder::new(options, dialect, data_model, script);
    builder.skeleton(root, ROOT, 0);
    builder.fill();
    builder.link();
    builder.finish(root)
}

/// Tables in the making.
struct Builder<'a> {
    options: &'a Options<'a>,
    dialect: Dialect,
    data_model: DataModel,
    script: Compiler,
    prelude: Prelude,
    states: Vec<State>,
    elements: Vec<&'a Element>,
    transitions: Vec<Transition>,
    /// Targets by name, until all states are known.
    targets: Vec<(Vec<String>, Place)>,
    ids: HashMap<Arc<str>, u32>,
    errors: Vec<Problem>,
    faults: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(
        options: &'a Options<'a>,
        dialect: Dialect,
        data_model: DataModel,
        mut script: Compiler,
    ) -> Self {
        let prelude = Prelude::compile(&mut script);
        Self {
            options,
            dialect,
            data_model,
            script,
            prelude,
            states: Vec::new(),
            elements: Vec::new(),
            transitions: Vec::new(),
            targets: Vec::new(),
            ids: HashMap::new(),
            errors: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn original(&self) -> bool {
        self.dialect == Dialect::Ors2009
    }

    fn error(&mut self, place: &Place, message: impl Into<String>) {
        if self.errors.len() < PROBLEMS_MAX {
            self.errors.push(Problem::new(place, message));
        }
    }

    fn fault(&mut self, place: &Place, message: impl Into<String>) {
        if self.faults.len() < PROBLEMS_MAX {
            self.faults.push(Problem::new(place, message));
        }
    }

    /// First pass: states in document order, with parents, kinds and ids.
    fn skeleton(&mut self, element: &'a Element, parent: u32, depth: usize) {
        let index = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        if self.states.len() > STATES_MAX {
            if self.states.len() == STATES_MAX + 1 && self.errors.is_empty() {
                self.error(&element.place, format!("more than {STATES_MAX} states"));
            }
            return;
        }
        let kind = kind(element, depth);
        let id: Arc<str> = match element.attribute("id").filter(|_| depth > 0) {
            Some(id) => {
                let id: Arc<str> = id.trim().into();
                if self.ids.insert(Arc::clone(&id), index).is_some() {
                    self.error(&element.place, format!("the id `{id}` is there twice"));
                }
                id
            }
            None => format!("$state.{index}").into(),
        };
        self.states.push(State {
            done_event: format!("done.state.{id}"),
            id,
            kind,
            parent,
            last: index,
            children: Vec::new(),
            histories: Vec::new(),
            transitions: Vec::new(),
            initial: None,
            on_entry: Vec::new(),
            on_exit: Vec::new(),
            invokes: Vec::new(),
            data: Vec::new(),
            done_data: None,
            place: element.place.clone(),
        });
        self.elements.push(element);
        for inner in element
            .elements()
            .filter(|inner| *inner.namespace == *NAMESPACE)
        {
            if !matches!(
                inner.name.as_str(),
                "state" | "parallel" | "final" | "history"
            ) {
                continue;
            }
            let child = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
            self.skeleton(inner, index, depth + 1);
            let is_history = inner.name == "history";
            let last = u32::try_from(self.states.len() - 1).unwrap_or(u32::MAX);
            if let Some(state) = self.state_mut(index) {
                state.last = last;
                if is_history {
                    state.histories.push(child);
                } else {
                    state.children.push(child);
                }
            }
        }
    }

    fn state_mut(&mut self, index: u32) -> Option<&mut State> {
        self.states.get_mut(usize::try_from(index).ok()?)
    }

    /// Second pass: what stands inside the states.
    fn fill(&mut self) {
        for (index, element) in self.elements.clone().into_iter().enumerate() {
            self.fill_state(u32::try_from(index).unwrap_or(u32::MAX), element);
        }
    }

    /// Third pass: names of targets to states, and what each transition leaves.
    fn link(&mut self) {
        for (index, (names, place)) in std::mem::take(&mut self.targets).into_iter().enumerate() {
            let mut targets = Vec::new();
            for name in names {
                match self.ids.get(name.as_str()) {
                    Some(target) => targets.push(*target),
                    None => self.error(&place, format!("there is no state with the id `{name}`")),
                }
            }
            if let Some(transition) = self.transitions.get_mut(index)
                && transition.targets.is_empty()
            {
                transition.targets = targets;
            }
        }
    }

    fn finish(mut self, root: &Element) -> Result<Document, Vec<Problem>> {
        let scripts = self.global_scripts(root);
        if self.states.len() < 2 {
            self.error(&root.place, "there is no state");
        }
        if !self.errors.is_empty() {
            self.errors.append(&mut self.faults);
            self.errors
                .sort_by_key(|problem| (problem.place.line, problem.place.column));
            return Err(self.errors);
        }
        let mut atomic = Bits::new(self.states.len());
        for (index, state) in (0..).zip(&self.states) {
            if !state.is_history() && state.children.is_empty() {
                atomic.insert(index);
            }
        }
        let mut document = Document {
            url: Arc::clone(&self.options.url),
            name: root.attribute("name").unwrap_or_default().to_owned(),
            dialect: self.dialect,
            data_model: self.data_model,
            late_binding: root.attribute("binding") == Some("late"),
            states: self.states,
            ids: self.ids,
            transitions: self.transitions,
            atomic,
            scripts,
            program: Arc::new(self.script.finish()),
            prelude: self.prelude,
            faults: self.faults,
        };
        let problems = check_targets(&document);
        if !problems.is_empty() {
            return Err(problems);
        }
        let domains: Vec<Domain> = document
            .transitions
            .iter()
            .map(|t| domain(&document, t))
            .collect();
        for (transition, domain) in document.transitions.iter_mut().zip(domains) {
            transition.domain = domain;
        }
        Ok(document)
    }
}

fn kind(element: &Element, depth: usize) -> Kind {
    let has_states = || {
        let mut inner = element.elements();
        inner.any(|inner| matches!(inner.name.as_str(), "state" | "parallel" | "final"))
    };
    match element.name.as_str() {
        _ if depth == 0 => Kind::Root,
        "parallel" => Kind::Parallel,
        "final" => Kind::Final,
        "history" if element.attribute("type") == Some("deep") => Kind::DeepHistory,
        "history" => Kind::ShallowHistory,
        _ if has_states() => Kind::Compound,
        _ => Kind::Atomic,
    }
}

/// Initial and default transitions lead into their own state.
fn check_targets(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, state) in (0..).zip(&document.states) {
        let Some(initial) = state.initial else {
            continue;
        };
        let outer = if state.is_history() {
            state.parent
        } else {
            index
        };
        for target in &document.transition(initial).targets {
            if !document.is_within(*target, outer) {
                let message = format!(
                    "`{}` is not inside `{}`: an initial state and the default of a history must be",
                    document.state(*target).id,
                    document.state(outer).id
                );
                problems.push(Problem::new(&state.place, message));
            }
            // Defaults only lead on to later histories, so following them always ends.
            if state.is_history() && document.state(*target).is_history() && *target <= index {
                problems.push(Problem::new(
                    &state.place,
                    "the default of a history leads back to a history",
                ));
            }
        }
    }
    problems
}

fn domain(document: &Document, transition: &Transition) -> Domain {
    if transition.targets.is_empty() {
        return Domain::None;
    }
    if transition
        .targets
        .iter()
        .any(|target| document.state(*target).is_history())
    {
        return Domain::ByHistory;
    }
    Domain::Fixed(document.domain_of(transition, &transition.targets))
}

impl Document {
    /// The state that a transition stays within, for the states it really leads to.
    pub(crate) fn domain_of(&self, transition: &Transition, targets: &[u32]) -> u32 {
        let source = transition.source;
        let inside = |outer: u32| targets.iter().all(|target| self.is_within(*target, outer));
        let compound = |index: u32| matches!(self.state(index).kind, Kind::Compound | Kind::Root);
        if transition.internal && compound(source) && inside(source) {
            return source;
        }
        let mut ancestors = self.ancestors(source);
        ancestors
            .find(|outer| compound(*outer) && inside(*outer))
            .unwrap_or(ROOT)
    }
}
