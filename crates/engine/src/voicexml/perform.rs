//! One input of an application, and everything that follows from it at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use telephony::port::{RecordEnd, RecordOrder};
use vxml::{Effect, FetchRequest, Play, RecordRequest, Session};

use super::VoiceXml;
use super::cell::{Beginning, Body, Cell, Input, Playing, Recording};
use super::prompts::{Rendered, Unspeakable};
use crate::shard::{Act, PLUGIN_PLAYS};

/// Longest line of a log.
const LINE_MAX: usize = 1_000;

impl VoiceXml {
    pub(super) fn take(&self, cell: &Arc<Cell>, input: Input) {
        let now_ms = self.now_ms();
        let mut body = cell.body();
        if cell.is_dead() {
            return;
        }
        match input {
            Input::Begin(beginning) => self.start_session(cell, &mut body, *beginning, now_ms),
            Input::Handle(input) => {
                body.hung_up |= matches!(*input, vxml::Input::Hangup);
                handle(&mut body, *input, now_ms);
            }
            Input::Rendered(id, clip) => self.rendered(cell, &mut body, id, clip, now_ms),
            Input::Played(number) => {
                if let Some(playing) = body.playing
                    && playing.number == number
                {
                    body.playing = None;
                    handle(&mut body, vxml::Input::Played(playing.id), now_ms);
                }
            }
            Input::Recorded(number, clip, end) => {
                let known = body.recording.take_if(|r| r.number == number);
                if let Some(recording) = known {
                    if end == RecordEnd::CallOver {
                        // The page keeps what was said and learns that the caller is gone.
                        body.hung_up = true;
                        handle(&mut body, vxml::Input::Hangup, now_ms);
                    }
                    let at_max = end == RecordEnd::AtMax;
                    let recorded = cell.recordings.keep(&recording, clip, at_max);
                    handle(&mut body, recorded, now_ms);
                }
            }
            Input::Other(what) => self.other(cell, &mut body, &what, now_ms),
            Input::TransferAudio(id, clip) => self.transfer_audio(cell, &body, id, clip),
            Input::TransferRing(id) => self.ring_out(cell, &mut body, id, now_ms),
            Input::TransferTime(id) => {
                self.leave_transfer(cell, &mut body, id, "maxtime_disconnect", now_ms);
            }
            Input::Tick => {
                cell.due.reached();
                handle(&mut body, vxml::Input::Time, now_ms);
            }
        }
        while let Some(effect) = body.session.as_mut().and_then(Session::poll_effect) {
            if cell.is_dead() {
                // Somebody else has its call.
                return;
            }
            self.perform(cell, &mut body, effect);
        }
        let next = body.session.as_ref().and_then(Session::next_time);
        self.plan_tick(cell, next);
    }

    fn start_session(&self, cell: &Arc<Cell>, body: &mut Body, beginning: Beginning, now_ms: i64) {
        match Session::new(beginning.start) {
            Ok(mut session) => {
                cell.owner.started();
                session.start(&beginning.url, now_ms);
                body.session = Some(session);
            }
            Err(error) => {
                let ending = vxml::Ending::Error {
                    event: "error.com.ringback.limit".to_owned(),
                    message: error.to_string(),
                };
                self.over(cell, body, ending);
            }
        }
    }

    fn over(&self, cell: &Arc<Cell>, body: &Body, ending: vxml::Ending) {
        if self.forget(cell) {
            let documents = body.session.as_ref().map_or(0, Session::documents);
            cell.owner.ended(ending, documents, body.hung_up);
        }
    }

    fn perform(&self, cell: &Arc<Cell>, body: &mut Body, effect: Effect) {
        match effect {
            Effect::Fetch(request) => self.fetch(cell, *request),
            Effect::Play(play) => self.render(cell, body, play),
            Effect::StopPlay(id) => {
                if body.playing.is_some_and(|playing| playing.id == id)
                    && let Some(playing) = body.playing.take()
                    && playing.number != 0
                {
                    self.act_and_forget(cell, Act::Stop);
                }
            }
            Effect::Record(request) => self.record(cell, body, request),
            Effect::StopRecord(id) => {
                if let Some(recording) = body.recording.as_ref().filter(|r| r.id == id) {
                    let number = recording.number;
                    self.record_or_none(cell, number, Act::StopRecord);
                }
            }
            Effect::Transfer(request) => self.transfer(cell, body, *request),
            Effect::StopTransfer(id) => {
                let now_ms = self.now_ms();
                self.leave_transfer(cell, body, id, "near_end_disconnect", now_ms);
            }
            Effect::Send(message) => cell.owner.message(message),
            Effect::Log(line) => {
                let text: String = line.text.chars().take(LINE_MAX).collect();
                let text = callback::mask::numbers(&text);
                let (label, level) = (line.label, line.level);
                tracing::info!(callback.id = %cell.call.callback, label, level, text, "a page says");
            }
            Effect::Trace(trace) => {
                let trace = callback::mask::numbers(&format!("{trace:?}"));
                tracing::debug!(callback.id = %cell.call.callback, trace, "a page runs");
            }
            Effect::Ended(ending) => self.over(cell, body, *ending),
        }
    }

    fn fetch(&self, cell: &Arc<Cell>, request: FetchRequest) {
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application fetch", async move {
                let recordings = cell.recordings.clone();
                let file = move |handle: &str| recordings.file(handle);
                let answer = all.inner.pages.fetch(&request, file).await;
                if let Err(error) = &answer {
                    tracing::info!(
                        callback.id = %cell.call.callback,
                        url = callback::mask::url(&request.url),
                        status = error.status,
                        error = error.message,
                        "a page cannot be fetched"
                    );
                }
                let id = request.id;
                all.push(
                    &cell,
                    Input::Handle(Box::new(vxml::Input::Fetched { id, answer })),
                );
            });
    }

    /// Puts a play together; it comes back as [`Input::Rendered`].
    fn render(&self, cell: &Arc<Cell>, body: &mut Body, play: Play) {
        body.playing = Some(Playing {
            id: play.id,
            number: 0,
            barge_in: play.barge_in,
            repeats: play.repeats,
        });
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application prompts", async move {
                let prompts = &all.inner.prompts;
                let asks = cell.call.asks();
                let rendered = prompts.render(&play.prompts, &cell.recordings, &asks).await;
                all.push(&cell, Input::Rendered(play.id, rendered));
            });
    }

    fn rendered(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: u64,
        rendered: Result<Rendered, Unspeakable>,
        now_ms: i64,
    ) {
        let Some(playing) = body.playing.as_mut().filter(|playing| playing.id == id) else {
            // A key came before, or the application went on.
            return;
        };
        match rendered {
            Err(Unspeakable::Nobody) => {
                body.playing = None;
                handle(body, vxml::Input::Unplayable(id), now_ms);
            }
            Err(Unspeakable::Language(lang)) => {
                body.playing = None;
                handle(body, vxml::Input::NoVoice { id, lang }, now_ms);
            }
            Ok(Rendered { clip, marks }) if clip.samples().is_empty() => {
                handle(body, vxml::Input::Begun { id, marks }, now_ms);
                body.playing = None;
                handle(body, vxml::Input::Played(id), now_ms);
            }
            Ok(Rendered { clip, marks }) => {
                playing.number = self.number();
                let number = playing.number;
                let act = if playing.repeats {
                    Act::Loop { clip, play: number }
                } else {
                    Act::Sound {
                        clip,
                        play: number,
                        until_digit: playing.barge_in,
                    }
                };
                let played = self.control(cell, act);
                handle(body, vxml::Input::Begun { id, marks }, now_ms);
                let (all, cell) = (self.clone(), Arc::clone(cell));
                self.inner
                    .supervisor
                    .spawn("application prompts", async move {
                        if played.await.is_err() {
                            // The call cannot be used; its end is told by itself.
                            all.push(&cell, Input::Played(number));
                        }
                    });
            }
        }
    }

    fn record(&self, cell: &Arc<Cell>, body: &mut Body, request: RecordRequest) {
        let number = self.number();
        let order = RecordOrder {
            token: number,
            beep: request.beep,
            max_ms: request.max_time_ms,
            final_silence_ms: request.final_silence_ms,
            timeout_ms: request.timeout_ms,
        };
        body.recording = Some(Recording {
            id: request.id,
            number,
            kind: request.kind,
        });
        self.record_or_none(cell, number, Act::Record(order));
    }

    /// Does something about a recording; on a call that cannot be used there is none.
    fn record_or_none(&self, cell: &Arc<Cell>, number: u64, act: Act) {
        let done = self.control(cell, act);
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application recording", async move {
                if done.await.is_err() {
                    all.push(&cell, Input::Recorded(number, None, RecordEnd::Done));
                }
            });
    }

    /// A number for a play or recording on a call.
    pub(super) fn number(&self) -> u64 {
        PLUGIN_PLAYS + self.inner.plays.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn act_and_forget(&self, cell: &Arc<Cell>, act: Act) {
        let done = self.control(cell, act);
        self.inner.supervisor.spawn("application", async move {
            // A call that is gone plays nothing.
            let _gone = done.await;
        });
    }

    /// Asks the shard to act on the call. Requests keep their order as long as the shard keeps up.
    pub(super) fn control(
        &self,
        cell: &Cell,
        act: Act,
    ) -> impl Future<Output = Result<(), &'static str>> + Send + 'static {
        crate::shard::control(self.inner.commands.clone(), cell.call.line.clone(), act)
    }
}

pub(super) fn handle(body: &mut Body, input: vxml::Input, now_ms: i64) {
    if let Some(session) = &mut body.session {
        session.handle(input, now_ms);
    }
}
