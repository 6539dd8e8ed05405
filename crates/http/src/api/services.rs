//! Services: list, export, import, change.

mod export;
mod import;
mod list;
mod put;

pub(super) use export::export;
pub(super) use import::import;
pub(super) use list::list;
pub(super) use put::put;
