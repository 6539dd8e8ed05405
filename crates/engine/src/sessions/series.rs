//! `<dialog:runtreatments>`: treatments that a call hears one after the other, again and again,
//! while it waits in a virtual queue (ors-scxml §6). They have no events of their own.

use std::sync::Arc;

use scxml::ActionElement;

use super::Sessions;
use super::cell::{Body, Cell};
use super::dialog::Treatment;
use super::interaction::Stage;
use crate::limits;

/// Most treatments of one series.
const TREATMENTS_MAX: usize = 50;

/// What a call hears while it waits.
#[derive(Debug)]
pub(super) struct Series {
    /// The request to a virtual queue that it belongs to.
    request: String,
    session: String,
    elements: Vec<ActionElement>,
    next: usize,
    /// When the last one began, ms since 1970.
    begun_ms: i64,
    /// Treatments that were over at once, in a row.
    hasty: usize,
}

impl Series {
    /// Reads the children of `<queue:submit>` or `<queue:update>`; `None` = there is no series.
    ///
    /// # Errors
    /// The error word of the module with a description.
    pub(super) fn read(
        element: &ActionElement,
        session: &str,
        request: &str,
        speaks: bool,
    ) -> Result<Option<Self>, (&'static str, String)> {
        let mut groups = element.children.iter();
        let Some(group) = groups.find(|child| child.name == "runtreatments") else {
            return Ok(None);
        };
        if group.children.len() > TREATMENTS_MAX {
            let why = format!("runtreatments has at most {TREATMENTS_MAX} treatments");
            return Err(("invalidattribute", why));
        }
        for child in &group.children {
            if !TREATMENTS.contains(&child.name.as_str()) {
                let why = format!("{} is no treatment of runtreatments", child.name);
                return Err(("invalidattribute", why));
            }
            Treatment::read(child, session, request, speaks)?;
        }
        Ok(Some(Self {
            request: request.to_owned(),
            session: session.to_owned(),
            elements: group.children.clone(),
            next: 0,
            begun_ms: 0,
            hasty: 0,
        }))
    }
}

/// Elements that may stand in a series.
const TREATMENTS: &[&str] = &[
    "play",
    "playandcollect",
    "collect",
    "playandverify",
    "playsound",
    "pause",
    "start",
    "remote",
];

impl Sessions {
    /// Begins the next treatment of the series of a call that waits and hears nothing.
    pub(super) fn go_on_with_series(&self, cell: &Arc<Cell>, body: &mut Body, id: &str) {
        let now_ms = self.now_ms();
        loop {
            let Some(call) = body.interactions.get_mut(id) else {
                return;
            };
            let hears = matches!(call.stage, Stage::Talking | Stage::Transferring);
            let waits = call.waits.as_ref();
            let wanted =
                |series: &&mut Series| hears && waits.is_some_and(|w| w.is(&series.request));
            let Some(series) = call.series.as_mut().filter(wanted) else {
                return self.end_series(cell, body, id);
            };
            if call.treatment.is_some() {
                return;
            }
            let took_ms = now_ms.saturating_sub(series.begun_ms);
            series.hasty = if took_ms < limits::SERIES_HASTE_MS {
                series.hasty + 1
            } else {
                0
            };
            // A whole round that nobody could hear: another would be the same.
            if series.hasty > series.elements.len() {
                tracing::warn!(
                    session = series.session,
                    "runtreatments: nothing can be heard"
                );
                call.series = None;
                return;
            }
            let Some(element) = series.elements.get(series.next).cloned() else {
                call.series = None;
                return;
            };
            series.next = (series.next + 1) % series.elements.len();
            series.begun_ms = now_ms;
            let (session, request) = (series.session.clone(), series.request.clone());
            if self.begin_silently(cell, body, id, (&element, &session, &request)) {
                return;
            }
        }
    }

    /// A call waits no more, or hears something else: its series is over.
    pub(super) fn end_series(&self, cell: &Arc<Cell>, body: &mut Body, id: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        call.series = None;
        let treatment = call.treatment.as_ref();
        if treatment.is_some_and(|treatment| treatment.is_silent) {
            self.drop_treatment(cell, body, id, "cancelled", "the call waits no more");
        }
    }
}
