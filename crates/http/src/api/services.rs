//! Services: list, export, import, change.

mod changes;
mod export;
mod import;
mod list;
mod put;
mod remove;

pub(super) use changes::{changes, history};
pub(super) use export::export;
pub(super) use import::import;
pub(super) use list::list;
pub(super) use put::put;
pub(super) use remove::remove;
