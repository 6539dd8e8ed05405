//! Treatments in a session's call: prompts one after the other, digits, times.

use std::sync::Arc;
use std::time::Duration;

use scxml::{ActionElement, Data, Event};
use serde_json::Value;

use super::Sessions;
use super::cell::{Body, Cell, Input};
use super::dialog::{Pressed, Treatment, failed};
use crate::shard::{Act, PLUGIN_PLAYS};

impl Sessions {
    /// Begins a treatment.
    pub(super) fn treat(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: &str,
    ) {
        let refuse = |error: &str, why: &str| failed(&element.name, request, error, why);
        if body.treatment.is_some() {
            let (name, data) = refuse("invalidstate.treating", "a treatment runs");
            return self.answer(body, session, &name, data);
        }
        match Treatment::read(element, session, request) {
            Ok(treatment) => {
                body.treatment = Some(treatment);
                self.next_prompt(cell, body);
            }
            Err((error, why)) => {
                let (name, data) = refuse(error, &why);
                self.answer(body, session, &name, data);
            }
        }
    }

    /// Plays what comes next, or waits for digits, or ends.
    fn next_prompt(&self, cell: &Arc<Cell>, body: &mut Body) {
        body.plays += 1;
        let number = PLUGIN_PLAYS + body.plays;
        let Some(treatment) = &mut body.treatment else {
            return;
        };
        if treatment.prompts.is_empty() {
            treatment.playing = 0;
            match treatment.within {
                Some(within) => {
                    treatment.timer = number;
                    self.time(cell, number, within);
                }
                None => self.end_well(body),
            }
            return;
        }
        let source = treatment.prompts.remove(0);
        treatment.playing = number;
        let forever = treatment.forever;
        if let (true, Some(within)) = (forever, treatment.within) {
            treatment.timer = number;
            self.time(cell, number, within);
        }
        let act = Act::Play {
            source,
            play: number,
            forever,
        };
        let (sessions, of) = (self.clone(), Arc::clone(cell));
        let played = self.control(cell, act);
        self.inner.supervisor.spawn("treatment", async move {
            if let Err(error) = played.await {
                sessions.push(&of, Input::NotPlayed(number, error));
            }
        });
    }

    fn time(&self, cell: &Arc<Cell>, timer: u64, within: Duration) {
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        self.inner.supervisor.spawn("treatment", async move {
            tokio::time::sleep(within).await;
            sessions.push(&cell, Input::TreatmentOver(timer));
        });
    }

    pub(super) fn played(&self, cell: &Arc<Cell>, body: &mut Body, play: u64) {
        if body.treatment.as_ref().is_some_and(|t| t.playing == play) {
            self.next_prompt(cell, body);
        }
    }

    pub(super) fn not_played(
        &self,
        _cell: &Arc<Cell>,
        body: &mut Body,
        play: u64,
        error: &'static str,
    ) {
        if body.treatment.as_ref().is_some_and(|t| t.playing == play) {
            self.drop_treatment(body, error, "the call cannot be used");
        }
    }

    pub(super) fn digit(&self, cell: &Arc<Cell>, body: &mut Body, digit: char) {
        let Some(treatment) = &mut body.treatment else {
            return;
        };
        let pressed = treatment.press(digit);
        if pressed == Pressed::Ignored {
            return;
        }
        let was_playing = treatment.playing != 0;
        treatment.prompts.clear();
        if was_playing {
            // Whoever presses a key has heard enough.
            treatment.playing = 0;
            self.stop_playing(cell);
        }
        match pressed {
            Pressed::Complete => self.end_well(body),
            Pressed::Aborted => self.drop_treatment(body, "cancelled", "an abort digit came"),
            Pressed::Counts if was_playing => self.next_prompt(cell, body),
            Pressed::Counts | Pressed::Ignored => {}
        }
    }

    pub(super) fn treatment_over(&self, cell: &Arc<Cell>, body: &mut Body, timer: u64) {
        let Some(treatment) = body.treatment.as_ref().filter(|t| t.timer == timer) else {
            return;
        };
        if treatment.playing != 0 {
            self.stop_playing(cell);
        }
        let nothing = treatment
            .input
            .as_ref()
            .is_some_and(|i| i.digits.is_empty());
        if nothing {
            self.drop_treatment(body, "timeout", "no digit came in time");
        } else {
            self.end_well(body);
        }
    }

    fn stop_playing(&self, cell: &Arc<Cell>) {
        let stopped = self.control(cell, Act::Stop);
        self.inner.supervisor.spawn("treatment", async move {
            // A call that is gone plays nothing.
            let _gone = stopped.await;
        });
    }

    /// `dialog:stop`.
    pub(super) fn stop_treatment(&self, cell: &Arc<Cell>, body: &mut Body) {
        if body.treatment.as_ref().is_some_and(|t| t.playing != 0) {
            self.stop_playing(cell);
        }
        self.drop_treatment(body, "cancelled", "it was stopped");
    }

    fn end_well(&self, body: &mut Body) {
        if let Some(treatment) = body.treatment.take() {
            let (name, data) = treatment.done();
            self.answer(body, &treatment.session, &name, data);
        }
    }

    /// Ends a treatment with an error event.
    pub(super) fn drop_treatment(&self, body: &mut Body, error: &str, why: &str) {
        if let Some(treatment) = body.treatment.take() {
            let (name, data) = treatment.failed(error, why);
            self.answer(body, &treatment.session, &name, data);
        }
    }

    /// An event that answers an element, at once.
    pub(super) fn answer(&self, body: &mut Body, session: &str, name: &str, data: Value) {
        let event = Event::external(name, Data::Json(data));
        body.hub.handle_event(session, event, self.now_ms());
    }
}
