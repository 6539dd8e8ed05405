//! What a session asks of the router for its call: `<queue:submit>` (ors-scxml §6).

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::routing::{Found, Target};

/// A call that a session has put into a virtual queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueWait {
    /// `requestid`.
    pub request: String,
    /// Alias of the virtual queue.
    pub queue: String,
    /// Who may take it.
    pub target: Target,
    /// Priority at the start; it ages as the service says.
    pub priority: i64,
    /// Time until the session is told that nobody was found, s; 0 = none.
    pub timeout_s: i64,
    /// The wait ends with that time.
    pub clear_on_timeout: bool,
    /// The agent found is called at once; otherwise the session says so.
    pub route: bool,
    /// When it began: timeouts of target elements count from here.
    pub since: Timestamp,
    /// Whom the router found.
    pub found: Option<Found>,
    /// That agent's phone rings.
    pub ringing: bool,
}

/// What a session is told about its call in a virtual queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueTold {
    /// An agent is reserved; the session decides.
    Selected(Box<Found>),
    /// Customer and agent are connected.
    Connected(Box<Found>),
    /// The agent whom the session chose did not take the call.
    NotConnected,
    /// Nobody was found in time; whether the wait is over with that.
    TimedOut {
        /// The call is no longer in the queue.
        cleared: bool,
    },
}
