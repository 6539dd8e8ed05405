//! A compiled document: tables that sessions share and never change.

use std::collections::HashMap;
use std::sync::Arc;

use script::{Program, Snippet};

use crate::grammar::Grammar;
use crate::problem::{Place, Problem};

/// Executable content.
pub(crate) type Block = Arc<[Action]>;

/// A text that is written down or computed.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Fixed(Arc<str>),
    Expression(Snippet),
}

/// A page, checked and compiled; shared by all sessions.
#[derive(Debug)]
pub struct Document {
    pub(crate) url: Arc<str>,
    /// What relative addresses are resolved against.
    pub(crate) base: Arc<str>,
    pub(crate) lang: Option<Arc<str>>,
    /// Absolute address of the application root.
    pub(crate) application: Option<Arc<str>>,
    pub(crate) scoped: Scoped,
    pub(crate) init: Block,
    pub(crate) dialogs: Vec<Arc<Dialog>>,
    pub(crate) ids: HashMap<String, usize>,
    pub(crate) program: Arc<Program>,
    pub(crate) faults: Vec<Problem>,
}

impl Document {
    /// Address it was read from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sources that are no ECMAScript; they fail when they are evaluated.
    pub fn faults(&self) -> &[Problem] {
        &self.faults
    }

    /// Number of forms and menus.
    pub fn dialogs(&self) -> usize {
        self.dialogs.len()
    }
}

/// What documents, dialogs and items all may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scoped {
    pub(crate) catches: Vec<Arc<Catch>>,
    pub(crate) properties: Vec<(String, Text)>,
    pub(crate) links: Vec<Arc<Link>>,
}

/// `<catch>` and its short forms.
#[derive(Debug)]
pub(crate) struct Catch {
    /// Names or prefixes; empty for all events.
    pub(crate) events: Vec<String>,
    pub(crate) count: u32,
    pub(crate) cond: Option<Snippet>,
    pub(crate) block: Block,
}

/// Where a jump goes or which event is thrown instead.
#[derive(Clone, Debug)]
pub(crate) enum Jump {
    Goto(Goto),
    Throw(Throw),
}

/// `<link>`.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) grammars: Vec<GrammarRef>,
    pub(crate) jump: Jump,
}

/// A grammar as a page names it.
#[derive(Clone, Debug)]
pub(crate) struct GrammarRef {
    pub(crate) source: GrammarSource,
    /// Says `mode="voice"` or is a spoken one by its kind.
    pub(crate) voice: bool,
    /// `scope="document"`.
    pub(crate) document_scope: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum GrammarSource {
    /// Compiled with the page.
    Inline(Arc<Grammar>),
    /// Not readable: the event says why.
    Broken(&'static str, String),
    /// An address, perhaps with a rule behind `#`.
    External { address: Text, fetch: Fetching },
}

/// Attributes of fetching.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetching {
    pub(crate) timeout: Option<String>,
    pub(crate) max_age: Option<String>,
    pub(crate) max_stale: Option<String>,
    pub(crate) audio: Option<String>,
}

/// A form, or a menu as a form with one item.
#[derive(Debug)]
pub(crate) struct Dialog {
    pub(crate) id: Option<String>,
    pub(crate) scoped: Scoped,
    /// Variables, scripts and item variables in document order.
    pub(crate) init: Block,
    pub(crate) items: Vec<Item>,
    /// In document order, those of items among those of the form.
    pub(crate) filled: Vec<Arc<Filled>>,
    pub(crate) grammars: Vec<GrammarRef>,
    /// Its grammars are active in all of the document.
    pub(crate) document_scope: bool,
    /// `gvp:cleardtmf`.
    pub(crate) clear_keys: Option<bool>,
    /// Variables that parameters of a subdialog may fill.
    pub(crate) variables: Vec<Arc<str>>,
}

/// A form item.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: Arc<str>,
    pub(crate) kind: ItemKind,
    pub(crate) element: &'static str,
    pub(crate) expr: Option<Snippet>,
    pub(crate) cond: Option<Snippet>,
    pub(crate) scoped: Scoped,
    pub(crate) prompts: Vec<Arc<Prompt>>,
    pub(crate) grammars: Vec<GrammarRef>,
    pub(crate) modal: bool,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum ItemKind {
    Block(Block),
    Field(Field),
    Initial,
    Menu(Vec<Arc<Choice>>),
    Subdialog(Box<Subdialog>),
    Record(Box<Record>),
    Transfer(Box<Transfer>),
    /// It cannot be visited: name and message of the event that says so.
    Broken(Arc<str>, String),
}

impl ItemKind {
    /// Filled by a user, a called dialog or a line: these count for `<filled>`.
    pub(crate) fn is_input(&self) -> bool {
        !matches!(self, Self::Block(_) | Self::Initial)
    }
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) slot: Arc<str>,
    pub(crate) options: Vec<ChoiceText>,
}

/// `<choice>`.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) keys: Option<String>,
    pub(crate) grammars: Vec<GrammarRef>,
    pub(crate) text: Segments,
    pub(crate) jump: Jump,
}

/// What `<enumerate>` says of an option.
#[derive(Clone, Debug)]
pub(crate) struct ChoiceText {
    pub(crate) text: Segments,
    pub(crate) keys: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Subdialog {
    pub(crate) address: Text,
    pub(crate) params: Vec<Param>,
    pub(crate) request: Request,
}

#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: Arc<str>,
    pub(crate) value: Text,
}

/// What is sent along with a fetch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) post: bool,
    pub(crate) multipart: bool,
    pub(crate) names: Option<Names>,
    pub(crate) fetch: Fetching,
}

/// Names of a `namelist` with what they stand for.
pub(crate) type Names = Arc<[(Arc<str>, Snippet)]>;

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) beep: bool,
    pub(crate) max_time: Option<String>,
    pub(crate) final_silence: Option<String>,
    pub(crate) ends_by_key: bool,
    pub(crate) kind: String,
}

#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) dest: Text,
    pub(crate) kind: TransferKind,
    pub(crate) connect_timeout: Option<String>,
    pub(crate) max_time: Option<String>,
    pub(crate) audio: Option<String>,
    pub(crate) aai: Option<Text>,
}

/// How a call is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// The caller is sent away and the page ends.
    Blind,
    /// The page waits until the other side has gone.
    Bridge,
    /// Blind once the other side has answered.
    Consultation,
}

/// `<filled>`.
#[derive(Debug)]
pub(crate) struct Filled {
    /// Position of the item it stands in.
    pub(crate) item: Option<usize>,
    /// Positions of the items it waits for.
    pub(crate) names: Vec<usize>,
    pub(crate) any: bool,
    pub(crate) block: Block,
}

/// `<prompt>`.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) barge_in: Option<String>,
    /// `speech` or `hotword`.
    pub(crate) barge_in_type: Option<String>,
    /// `xml:base`.
    pub(crate) base: Option<Arc<str>>,
    pub(crate) count: u32,
    pub(crate) cond: Option<Snippet>,
    pub(crate) timeout: Option<String>,
    pub(crate) lang: Option<Text>,
    pub(crate) content: Segments,
}

impl Prompt {
    /// Words and audio that stand without a prompt around them.
    pub(crate) const fn bare(content: Segments) -> Self {
        Self {
            barge_in: None,
            barge_in_type: None,
            base: None,
            count: 1,
            cond: None,
            timeout: None,
            lang: None,
            content,
        }
    }
}

pub(crate) type Segments = Arc<[Output]>;

/// Content of a prompt.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    Text(Arc<str>),
    Value(Snippet),
    Audio {
        source: Text,
        fetch: Fetching,
        content: Segments,
    },
    /// It cannot be said: why.
    Broken(String),
    Break(u32),
    Mark(Text),
    Foreach {
        array: Snippet,
        item: Arc<str>,
        content: Segments,
    },
    /// Markup for the synthesiser: the element and its attributes, ready to write.
    Markup {
        open: Arc<str>,
        close: Arc<str>,
        content: Segments,
    },
    /// `<enumerate>`; without a template it says each choice.
    Enumerate(Option<Segments>),
}

#[derive(Clone, Debug)]
pub(crate) struct Goto {
    pub(crate) target: Target,
    pub(crate) request: Request,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Address(Text),
    Item(Text),
}

#[derive(Clone, Debug)]
pub(crate) struct Throw {
    pub(crate) event: Text,
    pub(crate) message: Option<Text>,
}

/// One element of executable content.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) element: &'static str,
    pub(crate) place: Place,
    pub(crate) kind: ActionKind,
}

#[derive(Debug)]
pub(crate) enum ActionKind {
    Var {
        name: Arc<str>,
        expr: Option<Snippet>,
        /// A parameter of a subdialog may come instead.
        parameter: bool,
    },
    /// The variable of an item, by its position.
    DeclareItem(usize),
    Assign {
        target: Assignable,
        expr: Snippet,
    },
    /// Positions cannot be known: a handler may serve several forms.
    Clear(Option<Vec<(Arc<str>, Assignable)>>),
    Script(Snippet),
    ScriptFile {
        address: Text,
        charset: Option<String>,
        fetch: Fetching,
    },
    If(Vec<(Option<Snippet>, Block)>),
    Goto(Goto),
    Submit {
        address: Text,
        request: Request,
    },
    Exit {
        expr: Option<Snippet>,
        names: Option<Names>,
    },
    Return {
        event: Option<Throw>,
        names: Option<Names>,
    },
    Disconnect(Option<Names>),
    Throw(Throw),
    Reprompt,
    Log {
        label: Option<String>,
        level: Option<String>,
        expr: Option<Snippet>,
        content: Segments,
    },
    Prompt(Arc<Prompt>),
    Foreach {
        array: Snippet,
        item: Arc<str>,
        block: Block,
    },
    Data(Box<Data>),
    Send {
        names: Option<Names>,
        event: Option<Text>,
        body: Option<Snippet>,
    },
    Receive {
        max_time: Option<Text>,
    },
    /// It cannot be executed: name and message of the event that says so.
    Broken(Arc<str>, String),
}

#[derive(Clone, Debug)]
pub(crate) enum Assignable {
    /// A plain name: the nearest scope that has it.
    Name(Arc<str>),
    /// `dialog.x` and the like: the variable must be there.
    Scoped(Arc<str>, Arc<str>),
    /// A property of something.
    Location(Snippet),
}

#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) name: Option<Assignable>,
    pub(crate) declares: Option<Arc<str>>,
    pub(crate) address: Text,
    pub(crate) request: Request,
}
