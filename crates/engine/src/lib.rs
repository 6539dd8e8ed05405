//! Runs callbacks: loads, steps, commits, then acts.
//!
//! For: executing what `callback` decided, exactly once per decision, and delivering the status
//! notifications. Not for: business rules.
//!
//! The heart is the shard (`shard.rs`): one task owns all open callbacks, the router and the
//! timers. It takes whatever has happened, lets [`callback::lifecycle::step`] decide, writes all
//! of it in one transaction and only then acts. What telephony, timers and clients report while
//! a transaction runs waits and becomes the next one: the busier it gets, the more steps share a
//! commit.
//!
//! Invariants: nothing is answered, dialed or sent before it is durable; a dial has its intent in
//! the store before the INVITE leaves; what the store holds is enough to go on after a crash.
#![forbid(unsafe_code)]

mod activity;
mod api;
pub mod clock;
mod directory;
mod freshness;
mod imports;
pub mod limits;
mod load;
mod metrics;
pub mod notify;
mod plugin;
mod pool;
mod sessions;
mod shard;
pub mod speech;
mod supervisor;
mod token;
mod treatment;
mod trunks;
mod voicexml;

pub use activity::ActivitySpan;
pub use api::{
    Author, Engine, EngineConfig, Idempotency, NewCallback, Readiness, StartError, Tail, Tailed,
    TreatmentView,
};
pub use directory::AgentDirectory;
pub use imports::{
    AgentImport, ImportMode, ImportedAgent, ImportedService, ServiceImport, TransactionImport,
};
pub use load::{Census, QueueCensus, QueueLoad};
pub use notify::{NotifyConfig, Provider, Secret, SenderConfig, Subscription};
pub use sessions::{SessionChanges, SessionsConfig, is_session_id};
pub use trunks::TrunkInfo;
pub use voicexml::{OnError, VoiceXmlConfig};
