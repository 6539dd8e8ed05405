//! Test harness: a real server process, real SIP peers, a receiver of notifications.
//!
//! Everything stays on 127.0.0.1. A harness reports by panicking: its callers are tests.
//!
//! # Invariants
//! - A process is ended by the handle that started it, by its own id, and at the latest on drop.
//! - Ports come from blocks that are locked between processes ([`Ports`]).
//! - No test sleeps: it waits for a condition with a deadline ([`until`]).
//! - Shared test material is found through `RINGBACK_TEST_DATA` only; a test without it is
//!   skipped aloud ([`require!`]).
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness reports by panicking; its callers are tests"
)]

mod api;
pub mod audio;
mod baresip;
mod clock;
mod environment;
mod kamailio;
mod kill;
mod line;
mod material;
mod ports;
mod process;
mod receiver;
mod server;
mod sipp;
mod skip;
mod wait;
mod web;

pub use api::{Answer, Api};
pub use baresip::{Baresip, Phone};
pub use clock::{Moment, now, unix_seconds};
pub use kamailio::{KAMAILIO_PASSWORD, Kamailio, Options as KamailioOptions};
pub use kill::{KillPlan, KillReport, kill};
pub use line::{Behaviour, Call, Heard, Line, Talker};
pub use material::{audio_files, baresip, kamailio, sipp, test_data};
pub use ports::Ports;
pub use process::{Output, run};
pub use receiver::{Note, Receiver, Reply};
pub use server::{Server, ServerBuilder};
pub use sipp::{Message, Sipp, SippBuilder};
pub use skip::skipped;
pub use wait::{PATIENCE, until};
pub use web::{Page, Web};
