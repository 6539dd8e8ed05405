//! The storage contract of Ringback and its SQLite implementation.
//!
//! For: keeping what the engine decided, durably and together. Not for: deciding anything.
//! One [`Batch`] is one transaction; when [`Store::commit`] has answered, it survives a power cut.
#![forbid(unsafe_code)]

mod contract;
mod sqlite;

pub use contract::*;
pub use sqlite::{Schema, SqliteStore};
