//! SCXML sessions as operators see them: list, look, chart, changes, event, end.

mod changes;
mod chart;
mod end;
mod event;
mod list;
mod show;

pub(super) use changes::changes;
pub(super) use chart::chart;
pub(super) use end::end;
pub(super) use event::event;
pub(super) use list::list;
pub(super) use show::show;
