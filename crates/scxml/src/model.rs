//! A compiled document: tables that sessions share.

use std::collections::HashMap;
use std::sync::Arc;

use script::{Program, Snippet};

use crate::bits::Bits;
use crate::dialect::Dialect;
use crate::event::{Data, Descriptor};
use crate::prelude::Prelude;
use crate::problem::{Place, Problem};

/// The root `<scxml>`, which counts as a state.
pub(crate) const ROOT: u32 = 0;

/// Who evaluates the expressions of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataModel {
    /// No data; conditions are `In(…)` only.
    Null,
    /// ECMAScript.
    Ecmascript,
}

/// A document ready to run; shared by all its sessions.
#[derive(Debug)]
pub struct Document {
    pub(crate) url: Arc<str>,
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
    pub(crate) data_model: DataModel,
    pub(crate) late_binding: bool,
    pub(crate) states: Vec<State>,
    pub(crate) ids: HashMap<Arc<str>, u32>,
    pub(crate) transitions: Vec<Transition>,
    pub(crate) atomic: Bits,
    pub(crate) scripts: Vec<(Snippet, Place)>,
    pub(crate) program: Arc<Program>,
    pub(crate) prelude: Prelude,
    pub(crate) faults: Vec<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Root,
    Atomic,
    Compound,
    Parallel,
    Final,
    ShallowHistory,
    DeepHistory,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) id: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) parent: u32,
    /// The last descendant in document order; descendants are `self + 1 ..= last`.
    pub(crate) last: u32,
    /// Child states without histories.
    pub(crate) children: Vec<u32>,
    pub(crate) histories: Vec<u32>,
    pub(crate) transitions: Vec<u32>,
    /// The initial transition of a compound state, the default one of a history.
    pub(crate) initial: Option<u32>,
    pub(crate) on_entry: Vec<Vec<Action>>,
    pub(crate) on_exit: Vec<Vec<Action>>,
    pub(crate) invokes: Vec<Invoke>,
    pub(crate) data: Vec<DataItem>,
    pub(crate) done_data: Option<Payload>,
    pub(crate) done_event: String,
    pub(crate) place: Place,
}

impl State {
    pub(crate) fn is_history(&self) -> bool {
        matches!(self.kind, Kind::ShallowHistory | Kind::DeepHistory)
    }
}

#[derive(Debug)]
pub(crate) struct Transition {
    pub(crate) source: u32,
    pub(crate) events: Vec<Descriptor>,
    pub(crate) condition: Option<Condition>,
    pub(crate) targets: Vec<u32>,
    pub(crate) internal: bool,
    pub(crate) content: Vec<Action>,
    pub(crate) domain: Domain,
    pub(crate) text: String,
}

/// Below which state everything is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// Nothing is left: no target.
    None,
    /// Known from the document.
    Fixed(u32),
    /// Depends on what a history remembers.
    ByHistory,
}

#[derive(Debug)]
pub(crate) enum Condition {
    In(u32),
    Script(Snippet),
    /// Not evaluable in this data model: an error each time.
    Invalid(String),
}

/// A text that stands there or is computed.
#[derive(Debug)]
pub(crate) enum Text {
    Literal(String),
    Computed(Snippet),
}

#[derive(Debug)]
pub(crate) struct DataItem {
    pub(crate) id: String,
    pub(crate) store: Snippet,
    pub(crate) value: Value,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum Value {
    None,
    Computed(Snippet),
    Ready(Data),
    /// A file that could not be fetched.
    Missing(String),
}

#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) value: Snippet,
    pub(crate) store: Option<Snippet>,
    /// From `namelist`: a fault discards the whole message, that of a `<param>` only the name.
    pub(crate) listed: bool,
}

/// What a message carries.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// Names of `namelist` and `<param>`.
    pub(crate) params: Vec<Param>,
    pub(crate) content: Option<Content>,
}

#[derive(Debug)]
pub(crate) enum Content {
    Computed(Snippet),
    Ready(Data),
    Document(Result<Arc<Document>, String>),
}

#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) place: Place,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Raise {
        event: String,
        params: Vec<Param>,
    },
    If(Vec<(Option<Condition>, Vec<Action>)>),
    Foreach(Box<Foreach>),
    Log(Box<Log>),
    Assign {
        store: Option<Snippet>,
        value: Value,
    },
    Script(Snippet),
    Send(Box<Send>),
    Cancel(Text),
    Module(Box<Module>),
    /// Not executable: `error.execution` with this text.
    Invalid(String),
}

#[derive(Debug)]
pub(crate) struct Foreach {
    pub(crate) array: Snippet,
    pub(crate) item: Snippet,
    pub(crate) index: Option<Snippet>,
    pub(crate) body: Vec<Action>,
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) label: Option<Text>,
    pub(crate) value: Option<Snippet>,
    pub(crate) level: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) event: Option<Text>,
    pub(crate) target: Option<Text>,
    pub(crate) kind: Option<Text>,
    pub(crate) id: Option<String>,
    pub(crate) id_location: Option<Snippet>,
    pub(crate) delay: Option<Text>,
    pub(crate) payload: Payload,
}

#[derive(Debug)]
pub(crate) struct Invoke {
    pub(crate) kind: Option<Text>,
    pub(crate) source: Option<Text>,
    pub(crate) id: Option<String>,
    pub(crate) id_location: Option<Snippet>,
    pub(crate) auto_forward: bool,
    pub(crate) payload: Payload,
    pub(crate) finalize: Option<Vec<Action>>,
    pub(crate) place: Place,
}

/// An element of a module: its attributes are evaluated and the host acts.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) module: String,
    pub(crate) element: ModuleElement,
    pub(crate) request_id: Option<Snippet>,
}

#[derive(Debug)]
pub(crate) struct ModuleElement {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, Text)>,
    pub(crate) params: Vec<Param>,
    pub(crate) content: Option<Content>,
    pub(crate) children: Vec<Self>,
}

impl Document {
    /// Address that it was loaded from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `name` of its root; empty without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Who evaluates its expressions.
    pub fn data_model(&self) -> DataModel {
        self.data_model
    }

    /// Number of states, the root not counted.
    pub fn state_count(&self) -> usize {
        self.states.len() - 1
    }

    /// What is wrong with it and shows only when a session gets there: scripts that are no
    /// ECMAScript, unknown elements.
    pub fn faults(&self) -> &[Problem] {
        &self.faults
    }

    /// Finds a state by its id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.ids.get(id).copied()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "indices of states are made by the compiler of this very document"
    )]
    pub(crate) fn state(&self, index: u32) -> &State {
        &self.states[index as usize]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "indices of transitions are made by the compiler of this very document"
    )]
    pub(crate) fn transition(&self, index: u32) -> &Transition {
        &self.transitions[index as usize]
    }

    /// True when `inner` is a proper descendant of `outer`.
    pub(crate) fn is_within(&self, inner: u32, outer: u32) -> bool {
        outer < inner && inner <= self.state(outer).last
    }

    /// Proper ancestors from the parent to the root.
    pub(crate) fn ancestors(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = index;
        std::iter::from_fn(move || {
            if at == ROOT {
                return None;
            }
            at = self.state(at).parent;
            Some(at)
        })
    }
}
