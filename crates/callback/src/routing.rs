//! Who takes a callback: targets, agents' states and the choice of the longest idle agent.

mod assign;
mod pace;
mod pool;
mod router;
mod skill;
mod state;
mod statistics;
mod target;
mod waiting;

#[cfg(test)]
mod model;
#[cfg(test)]
mod scenarios;

use serde::{Deserialize, Serialize};

use crate::AgentId;

pub use pace::Pace;
pub use router::{Decision, EARMARK_S, Router, UNREACHABLE_S};
pub use skill::SkillExpression;
pub use state::{
    AgentState, AgentView, REASON_NEW, REASON_NO_ANSWER, REASON_REJECTED, Released, UnknownAgent,
};
pub use target::{Selector, StatCheck, Target, TargetStep};
pub use waiting::{Need, Waiting};

/// The router's object as it is published (`c_target`, notifications §9.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The agent.
    pub agent: AgentId,
    /// Extension of the agent's phone.
    pub dn: String,
    /// Name of the selected target, e.g. the group.
    pub id: String,
    /// Place name.
    pub place: String,
    /// Switch name.
    pub switch: String,
    /// Target type: A, AP, GA, GP, GC.
    pub kind: String,
    /// Virtual queue alias.
    pub vq: String,
}
