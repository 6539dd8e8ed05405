//! The pure domain of Ringback: what a callback is, what may happen to it and what follows.
//!
//! For: every rule of the product. Not for: I/O of any kind. Time comes in as [`Timestamp`],
//! randomness as an argument; the same inputs give the same outputs.
//!
//! The main loop lives in `engine`: it loads a [`record::Callback`], calls
//! [`lifecycle::step`], commits what comes back in one transaction and executes the effects.
#![forbid(unsafe_code)]

pub mod admission;
pub mod agent;
pub mod call_state;
pub mod confirm;
pub mod error;
pub mod events;
pub mod id;
pub mod ini;
pub mod lifecycle;
pub mod limits;
pub mod mask;
pub mod number;
pub mod options;
pub mod pause;
pub mod plugin;
pub mod record;
pub mod request;
pub mod routing;
pub mod service;
pub mod settings;
pub mod time;
pub mod transaction_list;
pub mod treatment;

pub use error::{Error, ErrorCode};
pub use id::{AgentId, CallbackId, LegKey, ServiceName};
pub use record::Callback;
pub use time::Timestamp;
