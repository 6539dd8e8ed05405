//! SCXML: state charts that operators write, compiled to tables and stepped by events.
//!
//! For: reading documents ([`Loader`]), running them ([`Session`]) and, for hosts that want it,
//! keeping several sessions with their timers and messages ([`Hub`]). Not for: fetching, sending
//! or waiting; everything outside is an [`Effect`], time and randomness are arguments.
//!
//! One engine, the algorithm of the Recommendation (Appendix D), with two front ends: SCXML 1.0
//! and the draft of 2009 as the original orchestration server runs it ([`Dialect`]). Expressions
//! are ECMAScript, or none in the null data model; `XPath` is not built.
//!
//! The main loop of a host: [`Session::start`], take effects with [`Session::poll_effect`] until
//! there are none, hand in what comes with [`Session::handle_event`], take effects again.
//!
//! Invariants:
//! - A session processes one event at a time to the end; it is stable between calls.
//! - Errors of a document are events of that document. Nothing a document does can fail a call.
//! - Every queue, loop and size has a bound ([`Limits`]); beyond it the session ends and says so.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod address;
mod assemble;
mod bits;
mod compile;
mod dialect;
mod effect;
mod event;
mod graph;
mod http;
mod hub;
pub mod limits;
mod model;
mod prefix;
mod prelude;
mod problem;
mod send;
mod session;
mod xml;

pub use script::{HostFunction, ThreadTime, Watch};

pub use self::address::resolve;
pub use self::assemble::Loader;
pub use self::dialect::{Dialect, UnknownDialect};
pub use self::effect::{
    ActionElement, Effect, Ending, Invocation, LogLine, Message, ModuleAction, Source, Target,
};
pub use self::event::{Data, Event, EventKind};
pub use self::http::HttpRequest;
pub use self::hub::{Hub, HubSettings, NotStarted, Output};
pub use self::limits::Limits;
pub use self::model::{DataModel, Document};
pub use self::problem::{Place, Problem};
pub use self::send::{BASIC_HTTP, SCXML};
pub use self::session::{Directory, INTERACTION, Session, Start};
