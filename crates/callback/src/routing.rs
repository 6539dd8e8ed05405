//! Who takes a callback: targets, agents' states and the choice of the longest idle agent.

use serde::{Deserialize, Serialize};

use crate::AgentId;

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

/// A parsed `_target` (options §16).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The elements in order; a single form is a list of one.
    pub steps: Vec<TargetStep>,
}

/// One element of a target list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStep {
    /// `<name>@<stat server>.<type>` or `?:<expression>@<stat server>.GA`, as written.
    pub target: String,
    /// Stay with this element so long before the next joins or replaces it, s.
    pub timeout_s: i64,
    /// This element drops the former ones when it becomes active.
    pub clear: bool,
}
