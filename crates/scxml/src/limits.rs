//! Every bound of documents and sessions with its reason.

/// Bytes of one document; larger ones are no state charts that a person wrote.
pub const DOCUMENT_BYTES_MAX: usize = 2 << 20;

/// Bytes of a document with everything it includes.
pub const INCLUDED_BYTES_MAX: usize = 8 << 20;

/// Files that one document may include.
pub const INCLUDED_FILES_MAX: usize = 200;

/// Depth of includes within includes.
pub const INCLUDE_DEPTH_MAX: usize = 16;

/// States of one document.
pub const STATES_MAX: usize = 20_000;

/// Elements within elements; deeper ones would cost stack.
pub const NESTING_MAX: usize = 200;

/// Nodes of one XML file.
pub const NODES_MAX: u32 = 400_000;

/// Documents written inside `<invoke>` within documents written inside `<invoke>`.
pub const INLINE_DEPTH_MAX: usize = 8;

/// What one session may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Microsteps per external event, default 10,000: an endless loop of events ends here.
    pub microsteps: u32,
    /// Queued internal events, default 1,000.
    pub internal_events: usize,
    /// Queued external events, default 1,000; further ones are refused.
    pub external_events: usize,
    /// Effects that wait to be taken, default 10,000.
    pub effects: usize,
    /// Turns of one `<foreach>`, default 100,000.
    pub foreach_turns: usize,
    /// Timers that a hub keeps for one session, default 1,000.
    pub timers: usize,
    /// Live sessions that one hub keeps, default 1,000: a session may start others.
    pub sessions: usize,
    /// Bounds of scripts.
    pub script: script::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            microsteps: 10_000,
            internal_events: 1_000,
            external_events: 1_000,
            effects: 10_000,
            foreach_turns: 100_000,
            timers: 1_000,
            sessions: 1_000,
            script: script::Limits::default(),
        }
    }
}
