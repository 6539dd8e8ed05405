//! Callbacks: create, list, export, show, cancel, reschedule, events.

mod bulk_cancel;
mod cancel;
mod create;
mod events;
mod export;
mod list;
mod reschedule;
mod show;
mod view;

pub(super) use bulk_cancel::bulk_cancel;
pub(super) use cancel::cancel;
pub(super) use create::create;
pub(super) use events::events;
pub(super) use export::export;
pub(super) use list::{count, list};
pub(super) use reschedule::reschedule;
pub(super) use show::show;
