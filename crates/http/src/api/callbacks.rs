//! Callbacks: list, show, cancel, reschedule, events.

mod cancel;
mod events;
mod list;
mod reschedule;
mod show;
mod view;

pub(super) use cancel::cancel;
pub(super) use events::events;
pub(super) use list::list;
pub(super) use reschedule::reschedule;
pub(super) use show::show;
