//! Treatments on a session's calls: prompts one after the other, digits, times.

use std::sync::Arc;
use std::time::Duration;

use scxml::{ActionElement, Data, Event};
use serde_json::{Value, json};
use telephony::media::audio::Clip;

use super::Sessions;
use super::act;
use super::cell::{Body, Cell, Input};
use super::dialog::{Closing, Pressed, Sound, Treatment, failed, plain};
use super::interaction::Happened;
use super::interactions::named;
use crate::shard::{Act, Line, PLUGIN_PLAYS};

/// Numbers of sessions lie above those of applications: both may play on one call.
const SESSION_PLAYS: u64 = PLUGIN_PLAYS << 1;

/// The number of a session's n-th play or timer.
pub(super) const fn number(n: u64) -> u64 {
    SESSION_PLAYS + n
}

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
        let id = match body.interactions.meant(element) {
            Ok(id) => id,
            Err(word) => {
                let (name, data) = refuse(word, "there is no such call");
                return self.answer(body, session, &name, data);
            }
        };
        let Some(call) = body.interactions.get(&id) else {
            return;
        };
        if let Some(word) = call.busy() {
            let (name, data) = refuse(word, "the call cannot be treated now");
            return self.answer(body, session, &name, data);
        }
        let treatment = match Treatment::read(element, session, request, self.speaks()) {
            Ok(treatment) => treatment,
            Err((error, why)) => {
                let (name, data) = refuse(error, &why);
                return self.answer(body, session, &name, data);
            }
        };
        self.begin_treatment(cell, body, &id, treatment);
    }

    fn begin_treatment(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        mut treatment: Treatment,
    ) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let remote = treatment.remote.take();
        let is_application = treatment.application.is_some();
        call.treatment = Some(treatment);
        match remote {
            Some((destination, default)) => {
                self.call_remote(cell, body, id, destination, default);
            }
            None if is_application => self.start_application(cell, body, id),
            None => self.next_prompt(cell, body, id),
        }
    }

    /// Begins a treatment of a series; `false` when there is none to begin.
    pub(super) fn begin_silently(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        (element, session, request): (&ActionElement, &str, &str),
    ) -> bool {
        let read = Treatment::read(element, session, request, self.speaks());
        let Ok(treatment) = read else {
            // It was read before: only the synthesiser may have gone.
            return false;
        };
        let is_silent = true;
        self.begin_treatment(
            cell,
            body,
            id,
            Treatment {
                is_silent,
                ..treatment
            },
        );
        let call = body.interactions.get(id);
        call.is_some_and(|call| call.treatment.is_some())
    }

    /// Texts can be spoken.
    pub(super) fn speaks(&self) -> bool {
        let voicexml = self.inner.voicexml.get();
        voicexml.is_some_and(crate::voicexml::VoiceXml::can_speak)
    }

    /// Plays what comes next, or waits for digits, or ends.
    fn next_prompt(&self, cell: &Arc<Cell>, body: &mut Body, id: &str) {
        body.plays += 1;
        let number = number(body.plays);
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let line = call.line.clone();
        let Some(treatment) = &mut call.treatment else {
            return;
        };
        let Some(prompt) = treatment.prompts.pop_front() else {
            treatment.playing = 0;
            match (treatment.closing.take(), treatment.within) {
                (Some(closing), _) => self.finish(cell, body, id, &closing),
                (None, Some(within)) => {
                    treatment.timer = number;
                    self.time(cell, id, number, within);
                }
                (None, None) => self.end_well(body, id),
            }
            return;
        };
        treatment.playing = number;
        treatment.goes_on = prompt.goes_on;
        let forever = treatment.forever;
        if let (true, Some(within)) = (forever, treatment.within) {
            treatment.timer = number;
            self.time(cell, id, number, within);
        }
        let act = match prompt.sound {
            Sound::File(source) => Act::Play {
                source,
                play: number,
                forever,
            },
            Sound::Tone(tone) => Act::Loop {
                clip: tone.clip(),
                play: number,
            },
            Sound::Text(text, language) => return self.speak(cell, id, number, (text, language)),
        };
        self.play(cell, id, line, number, act);
    }

    fn play(&self, cell: &Arc<Cell>, id: &str, line: Line, number: u64, act: Act) {
        let (sessions, of, id) = (self.clone(), Arc::clone(cell), id.to_owned());
        let played = self.control(line, act);
        self.inner.supervisor.spawn("treatment", async move {
            if let Err(error) = played.await {
                sessions.push(&of, Input::Call(id, Happened::NotPlayed(number, error)));
            }
        });
    }

    /// Has a text spoken; it comes back as [`Happened::Spoken`].
    fn speak(&self, cell: &Arc<Cell>, id: &str, number: u64, (text, lang): (String, String)) {
        let (sessions, cell, id) = (self.clone(), Arc::clone(cell), id.to_owned());
        self.inner.supervisor.spawn("treatment", async move {
            let clip = match sessions.inner.voicexml.get() {
                Some(voicexml) => voicexml.speak(&lang, &text).await,
                None => None,
            };
            sessions.push(&cell, Input::Call(id, Happened::Spoken(number, clip)));
        });
    }

    /// A text is spoken, or cannot be.
    pub(super) fn spoken(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        play: u64,
        clip: Option<Clip>,
    ) {
        let Some(call) = body.interactions.get(id) else {
            return;
        };
        if call.treatment.as_ref().is_none_or(|t| t.playing != play) {
            return;
        }
        match clip {
            Some(clip) => {
                let until_digit = false;
                let act = Act::Sound {
                    clip,
                    play,
                    until_digit,
                };
                self.play(cell, id, call.line.clone(), play, act);
            }
            None => {
                let why = "the synthesiser did not speak the text";
                self.drop_treatment(cell, body, id, "remote", why);
            }
        }
    }

    pub(super) fn time(&self, cell: &Arc<Cell>, id: &str, timer: u64, within: Duration) {
        self.later(cell, id, within, Happened::TreatmentOver(timer));
    }

    /// Something happens on a call of the session after a while, if the session lives that long.
    pub(super) fn later(&self, cell: &Arc<Cell>, id: &str, after: Duration, happened: Happened) {
        let (sessions, cell, id) = (self.clone(), Arc::downgrade(cell), id.to_owned());
        self.inner.supervisor.spawn("session timer", async move {
            tokio::time::sleep(after).await;
            if let Some(cell) = cell.upgrade() {
                sessions.push(&cell, Input::Call(id, happened));
            }
        });
    }

    pub(super) fn played(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, play: u64) {
        if plays(body, id, play) {
            self.next_prompt(cell, body, id);
        }
    }

    pub(super) fn not_played(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        play: u64,
        error: &'static str,
    ) {
        if plays(body, id, play) {
            self.drop_treatment(cell, body, id, error, "the call cannot be used");
        }
    }

    pub(super) fn digit(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, digit: char) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let line = call.line.clone();
        let Some(treatment) = &mut call.treatment else {
            return;
        };
        let pressed = treatment.press(digit);
        let was_playing = treatment.playing != 0;
        let goes_on = was_playing && treatment.goes_on;
        let closing = match pressed {
            Pressed::Ignored => return,
            // What must be heard to its end is; the digit is kept.
            Pressed::Counts if goes_on => return,
            Pressed::Counts => None,
            Pressed::Complete => treatment.judge(),
            Pressed::Aborted => {
                let why = "an abort digit came".to_owned();
                Some(Closing::Failed("cancelled", why))
            }
        };
        let again = pressed == Pressed::Complete && closing.is_none();
        if !again {
            treatment.prompts.clear();
        }
        if was_playing {
            // Whoever presses a key has heard enough.
            treatment.playing = 0;
            self.act_and_forget(line, Act::Stop);
        }
        treatment.timer = match pressed {
            Pressed::Counts => treatment.timer,
            _ => 0,
        };
        match closing {
            Some(closing) => self.conclude(cell, body, id, closing),
            None if again || was_playing => self.next_prompt(cell, body, id),
            None => {}
        }
    }

    /// Plays what belongs to an end, then ends so.
    fn conclude(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, closing: Closing) {
        let call = body.interactions.get_mut(id);
        let Some(treatment) = call.and_then(|call| call.treatment.as_mut()) else {
            return;
        };
        treatment.timer = 0;
        treatment.prompts = treatment.last_prompts(&closing);
        if treatment.prompts.is_empty() {
            return self.finish(cell, body, id, &closing);
        }
        treatment.closing = Some(closing);
        self.next_prompt(cell, body, id);
    }

    fn finish(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, closing: &Closing) {
        match closing {
            Closing::Done => self.end_well(body, id),
            Closing::Failed(error, why) => self.drop_treatment(cell, body, id, error, why),
        }
    }

    pub(super) fn treatment_over(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, timer: u64) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let line = call.line.clone();
        let Some(treatment) = call.treatment.as_mut().filter(|t| t.timer == timer) else {
            return;
        };
        if treatment.element == "start" {
            let why = "the application ran for too long";
            return self.drop_treatment(cell, body, id, "timeout", why);
        }
        if treatment.playing != 0 {
            treatment.playing = 0;
            self.act_and_forget(line, Act::Stop);
        }
        let input = treatment.input.as_ref();
        if input.is_some_and(|input| input.digits.is_empty()) {
            let why = "no digit came in time".to_owned();
            return self.conclude(cell, body, id, Closing::Failed("timeout", why));
        }
        match treatment.judge() {
            Some(closing) => self.conclude(cell, body, id, closing),
            None => self.next_prompt(cell, body, id),
        }
    }

    /// `dialog:stop`: by the id of a request, or by the call.
    pub(super) fn stop_element(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: &str,
    ) {
        let asked = element.attribute("requestid").map(plain);
        let asked = asked.unwrap_or_default();
        let by_request = body.interactions.of_request(&asked);
        let found = match by_request {
            Some(id) => Ok(id),
            None if !asked.is_empty() && named(element).is_empty() => Err("unknown"),
            None => body.interactions.meant(element),
        };
        match found {
            Ok(id) => {
                let data = json!({"requestid": request, "interactionid": id});
                self.end_series(cell, body, &id);
                self.drop_treatment(cell, body, &id, "cancelled", "it was stopped");
                self.answer(body, session, "dialog.stop.done", data);
            }
            Err(word) => {
                let (name, data) = act::failed("dialog", "stop", request, word);
                self.answer(body, session, &name, data);
            }
        }
    }

    pub(super) fn end_well(&self, body: &mut Body, id: &str) {
        let call = body.interactions.get_mut(id);
        if let Some(treatment) = call.and_then(|call| call.treatment.take()) {
            let told = treatment.done();
            self.tell_end(body, &treatment, told);
        }
    }

    fn tell_end(&self, body: &mut Body, treatment: &Treatment, (name, data): (String, Value)) {
        if !treatment.is_silent {
            self.answer(body, &treatment.session, &name, data);
        }
    }

    /// The end of an application with its result.
    pub(super) fn end_with(&self, body: &mut Body, id: &str, extensions: Value) {
        let call = body.interactions.get_mut(id);
        if let Some(treatment) = call.and_then(|call| call.treatment.take()) {
            let (name, mut data) = treatment.done();
            data["interactionid"] = Value::from(id);
            data["extensions"] = extensions;
            self.tell_end(body, &treatment, (name, data));
        }
    }

    /// Ends a treatment with an error event, and whatever it does on the call.
    pub(super) fn drop_treatment(
        &self,
        _cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        error: &str,
        why: &str,
    ) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let line = call.line.clone();
        let Some(treatment) = call.treatment.take() else {
            return;
        };
        match treatment.element.as_str() {
            "start" => {
                if let Some(voicexml) = self.inner.voicexml.get() {
                    voicexml.end_on(&line);
                }
            }
            "remote" => self.drop_leg(body, id),
            _ if treatment.playing != 0 => self.act_and_forget(line, Act::Stop),
            _ => {}
        }
        let told = treatment.failed(error, why);
        self.tell_end(body, &treatment, told);
    }

    /// An event that answers an element, at once.
    pub(super) fn answer(&self, body: &mut Body, session: &str, name: &str, data: Value) {
        let event = Event::external(name, Data::Json(data));
        body.hub.handle_event(session, event, self.now_ms());
    }
}

/// Whether this is what plays now.
fn plays(body: &Body, id: &str, play: u64) -> bool {
    let treatment = body.interactions.get(id).and_then(|c| c.treatment.as_ref());
    treatment.is_some_and(|t| t.playing == play)
}
