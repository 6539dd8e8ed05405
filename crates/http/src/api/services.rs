//! Services: list, export, import.

mod export;
mod import;
mod list;

pub(super) use export::export;
pub(super) use import::import;
pub(super) use list::list;
