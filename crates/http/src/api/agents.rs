//! Agents: list, import, state.

mod import;
mod list;
mod state;

pub(super) use import::import;
pub(super) use list::list;
pub(super) use state::set_state;
