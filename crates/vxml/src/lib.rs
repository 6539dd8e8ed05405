//! `VoiceXML` 2.0 and 2.1: pages that operators write, compiled to tables and stepped by inputs.
//!
//! For: reading pages ([`Document`]), running them on one call ([`Session`]) and keeping what was
//! compiled ([`Library`]). Not for: fetching, playing, recording, dialing or waiting; everything
//! outside is an [`Effect`], and time is an argument. Input is by keys; speech is not built in and
//! answers with the standard's error.
//!
//! The main loop of a host: [`Session::start`], take effects with [`Session::poll_effect`] until
//! there are none, hand in what happens with [`Session::handle`] (an answer, a key, the end of a
//! prompt, the hang-up, or [`Input::Time`] at [`Session::next_time`]), take effects again, until
//! [`Effect::Ended`].
//!
//! On a call the host plays [`Effect::Play`] on the leg and answers [`Input::Played`], hands each
//! detected key in as [`Input::Key`], the end of the leg as [`Input::Hangup`] and the time limit
//! as [`Input::Stop`]. A key that interrupts comes back as [`Effect::StopPlay`] from the same call
//! of [`Session::handle`], so barge-in costs one step. [`Ending::treatment_result`] is what a
//! callback is told.
//!
//! Invariants:
//! - A session processes one input at a time to the end; it is stable between calls.
//! - Errors of a page are events of that page. Nothing a page does can fail a call.
//! - Asynchronous events (keys, hang-up) reach the page only while it waits.
//! - Every queue, loop and size has a bound ([`Limits`]); beyond it the page gets
//!   `error.com.ringback.limit`, and ends if it goes on.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod access;
mod address;
mod compile;
mod connection;
mod effect;
mod grammar;
mod library;
pub mod limits;
mod model;
mod prelude;
mod problem;
mod rehearsal;
mod session;
mod source;
mod time;
mod world;
mod xml;

pub use script::{ThreadTime, Watch};

pub use self::address::resolve;
pub use self::connection::{Connection, Redirect};
pub use self::effect::{
    Answer, AudioFetch, Body, Effect, Ending, FetchError, FetchKind, FetchRequest, Input, LogLine,
    Mark, Message, Part, PartValue, Play, RecordRequest, Recording, Segment, Spoken, Trace,
    TransferOutcome, TransferRequest, Waiting,
};
pub use self::grammar::Grammar;
pub use self::library::Library;
pub use self::limits::Limits;
pub use self::model::{Document, TransferKind};
pub use self::problem::{Place, Problem};
pub use self::rehearsal::{Line, Rehearsal, Step};
pub use self::session::{Session, Start};
