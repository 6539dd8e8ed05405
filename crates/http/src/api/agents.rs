//! Agents: list, import, state, remove.

mod import;
mod list;
mod remove;
mod state;

pub(super) use import::import;
pub(super) use list::list;
pub(super) use remove::remove;
pub(super) use state::set_state;
