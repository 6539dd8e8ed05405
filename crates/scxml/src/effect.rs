//! What a session wants done outside of it.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::event::{Data, Event};
use crate::model::Document;

/// Something for the host to do, in the order given.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Deliver a message, now or later.
    Send(Message),
    /// Forget delayed messages with this id.
    Cancel {
        /// The id of their `<send>`.
        send_id: String,
    },
    /// Start a session under this one.
    Invoke(Invocation),
    /// End a session that was started under this one; its end is not told.
    Uninvoke {
        /// The id of its `<invoke>`.
        invoke_id: String,
    },
    /// Pass an external event on to a session that was started under this one.
    Forward {
        /// The id of its `<invoke>`.
        invoke_id: String,
        /// The event as it came.
        event: Event,
    },
    /// A line of the log.
    Log(LogLine),
    /// An element of a module: the host acts and answers with events.
    Action(Box<ModuleAction>),
    /// The session ended; nothing follows.
    Done(Ending),
}

/// A message of a `<send>`.
#[derive(Clone, Debug)]
pub struct Message {
    /// The id of the `<send>`, also when the document gave none.
    pub send_id: String,
    /// Milliseconds from now.
    pub delay_ms: u64,
    /// Where it goes.
    pub target: Target,
    /// The event for a session; for other receivers its name and data.
    pub event: Event,
    /// Names and values in the order written, for receivers that know forms.
    pub pairs: Vec<(String, Data)>,
    /// What stood in `<content>`.
    pub content: Option<Data>,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The external queue of the sender.
    Own,
    /// The session that started the sender.
    Parent,
    /// A session by its id.
    Session(String),
    /// A session that the sender started, by the id of its `<invoke>`.
    Invoked(String),
    /// An address, by the `BasicHTTP` processor.
    Http(String),
    /// A module of the original (`type="fm"`), by name or namespace.
    Module(String),
}

/// A session to be started under the sender.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The id of its `<invoke>`.
    pub invoke_id: String,
    /// What it runs.
    pub source: Source,
    /// Values for its data.
    pub params: Vec<(String, Data)>,
}

/// What an invoked session runs.
#[derive(Clone, Debug)]
pub enum Source {
    /// A document at this address, resolved.
    Address(String),
    /// A document that was written inside the sender's.
    Inline(Arc<Document>),
    /// The text of a document.
    Text(String),
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// What the document calls it; may be empty.
    pub label: String,
    /// The text.
    pub text: String,
    /// 1 reporting, 2 error, 3 warning, 4 debug; none for plain lines.
    pub level: Option<u8>,
}

/// An element of a module with everything evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleAction {
    /// Last part of the namespace, e.g. `session`.
    pub module: String,
    /// Id of this request, also when the document does not want to know it.
    pub request_id: String,
    /// The element.
    pub element: ActionElement,
}

/// An element and what stands inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionElement {
    /// Its name, e.g. `fetch`.
    pub name: String,
    /// Attributes, evaluated; what is no expression is a text.
    pub attributes: Vec<(String, Json)>,
    /// `<param>`s in the order written.
    pub params: Vec<(String, Json)>,
    /// What `<content>` gives.
    pub content: Option<Data>,
    /// Elements of modules inside.
    pub children: Vec<Self>,
}

impl ActionElement {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&Json> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// A final state of the root was reached.
    Final {
        /// Its id.
        state: String,
        /// What its `<donedata>` gives.
        data: Data,
    },
    /// It was told to end.
    Stopped,
    /// It took more than it may.
    Limit {
        /// Which limit it was.
        message: String,
    },
}
