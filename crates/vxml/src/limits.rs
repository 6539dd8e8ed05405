//! Every bound of documents and sessions with its reason.

/// Bytes of one document; larger ones are no pages that a person or a generator wrote.
pub const DOCUMENT_BYTES_MAX: usize = 2 << 20;

/// Bytes of one script file.
pub const SCRIPT_BYTES_MAX: usize = 2 << 20;

/// Bytes of one grammar file.
pub const GRAMMAR_BYTES_MAX: usize = 1 << 20;

/// Bytes of one answer to `<data>`.
pub const DATA_BYTES_MAX: usize = 1 << 20;

/// Elements within elements; deeper ones would cost stack.
pub const NESTING_MAX: usize = 100;

/// Nodes of one XML file.
pub const NODES_MAX: u32 = 400_000;

/// Steps of one compiled grammar; repeats within repeats multiply.
pub const GRAMMAR_STEPS_MAX: usize = 50_000;

/// Ways through a grammar that are followed at once.
pub const GRAMMAR_WAYS_MAX: usize = 2_000;

/// Steps without a key while following the ways of one grammar; recursion ends here.
pub const GRAMMAR_TURNS_MAX: usize = 10_000;

/// Rules within rules while matching.
pub const GRAMMAR_CALLS_MAX: usize = 64;

/// Grammars that grammars refer to, one behind the other.
pub const GRAMMAR_FILES_MAX: usize = 8;

/// Keys that wait for somebody who asks for them.
pub const KEYS_AHEAD_MAX: usize = 256;

/// What one session may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Turns of the form interpretation algorithm and actions between two waits, default 10,000.
    pub steps: u32,
    /// Subdialogs within subdialogs, default 32.
    pub subdialogs: usize,
    /// Documents, scripts, grammars and data fetched by one session, default 500.
    pub fetches: u32,
    /// Transfers begun by one session, default 20: a loop of calls costs money.
    pub transfers: u32,
    /// Effects that wait to be taken, default 10,000.
    pub effects: usize,
    /// Turns of one `<foreach>`, default 10,000.
    pub foreach_turns: usize,
    /// Prompts that wait to be played, default 1,000.
    pub prompts: usize,
    /// Bounds of scripts; 200 ms between two waits.
    pub script: script::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 10_000,
            subdialogs: 32,
            fetches: 500,
            transfers: 20,
            effects: 10_000,
            foreach_turns: 10_000,
            prompts: 1_000,
            script: script::Limits {
                time_us: 200_000,
                ..script::Limits::default()
            },
        }
    }
}
