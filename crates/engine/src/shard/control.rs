//! What a plugin's session may do with the customer's call while it has it.

use callback::lifecycle::{CallOut, Change, Input, PluginEvent};
use callback::plugin::{PluginCall, QueueWait, check_destination};
use callback::record::Phase;
use callback::routing::Target;
use callback::{Callback, CallbackId, LegKey, Timestamp};
use serde_json::{Map, Value};
use telephony::media::audio::Clip;
use telephony::port::{CallId, Command as TelephonyCommand, EventKind, RecordOrder, Repeat};

use super::act::call_id;
use super::round::Round;
use super::{Command, Line, Reply, Shard};
use crate::sessions::Signal;
use crate::treatment::Asks;
use crate::voicexml::OtherSide;

/// Plays of sessions have numbers from here on; those of the lifecycle stay far below.
pub(crate) const PLUGIN_PLAYS: u64 = 1 << 40;

/// What a session wants done.
#[derive(Debug)]
pub(crate) enum Act {
    /// Nothing but to know whether it has the call.
    Look,
    /// Play a file or URL.
    Play {
        source: String,
        play: u64,
        forever: bool,
    },
    /// Play sound that is there.
    Sound {
        clip: Clip,
        play: u64,
        /// A digit stops it.
        until_digit: bool,
    },
    /// Play sound that is there over and over.
    Loop { clip: Clip, play: u64 },
    /// Let both hear each other.
    Bridge { other: CallId },
    /// Part them again.
    Unbridge,
    /// Record the customer.
    Record(RecordOrder),
    /// End a recording.
    StopRecord,
    /// Stop what plays.
    Stop,
    /// Give the call back.
    Detach,
    /// Take it again.
    Attach,
    /// Send it to another destination.
    Redirect {
        destination: String,
        aai: Option<String>,
    },
    /// Call another destination and keep the customer meanwhile.
    CallOut(Box<CallOut>),
    /// Let the customer and that destination talk.
    Join,
    /// End the call to that destination.
    LetGo,
    /// Leave the customer with that destination.
    PassOn,
    /// Attach data to it.
    UserData { data: Map<String, Value> },
    /// Put it into a virtual queue.
    Submit(Box<QueueOrder>),
    /// Take it out again.
    Withdraw { request: String },
    /// Call the agent whom the router found.
    Connect,
    /// End it.
    HangUp,
}

/// What a session says about a virtual queue; the rest is the callback's.
#[derive(Clone, Debug)]
pub(crate) struct QueueOrder {
    pub(crate) request: String,
    pub(crate) queue: Option<String>,
    pub(crate) target: Target,
    pub(crate) priority: Option<i64>,
    pub(crate) timeout_s: i64,
    pub(crate) clear_on_timeout: bool,
    pub(crate) route: bool,
    /// When a wait began that goes on.
    pub(crate) since: Option<Timestamp>,
}

impl Shard {
    /// Acts for a session; the answer is the error word of its module.
    pub(super) fn on_control(
        &mut self,
        id: &CallbackId,
        token: String,
        act: Act,
        reply: Reply<Result<(), &'static str>>,
        round: &mut Round,
    ) {
        let result = self.control(id, token, act, round);
        // The session may have ended.
        let _gone = reply.send(result);
    }

    pub(super) fn control(
        &mut self,
        id: &CallbackId,
        token: String,
        act: Act,
        round: &mut Round,
    ) -> Result<(), &'static str> {
        let callback = self.callbacks.get(id).ok_or("unknown")?;
        if callback.plugin.token() != Some(token.as_str()) {
            return Err("unknown");
        }
        let Phase::Plugin { call, ref wait, .. } = callback.phase else {
            return Err("unknown");
        };
        let wait = wait.as_deref();
        let leg = callback.customer_leg();
        match (&act, call) {
            (Act::Attach, PluginCall::Ours) | (_, PluginCall::Plugins) => {}
            _ => return Err("invalidstate.null"),
        }
        if let Some(command) = to_telephony(&act, call_id(&leg)) {
            self.send(command);
            return Ok(());
        }
        let event = match act {
            Act::Play {
                source,
                play,
                forever,
            } => {
                let line = Line::Question {
                    callback: id.clone(),
                    token,
                };
                self.play_for_session(line, call_id(&leg), (source, play), forever);
                return Ok(());
            }
            Act::UserData { data } => {
                let change = Box::new(Change {
                    user_data: data,
                    ..Change::default()
                });
                let changed = self.try_step(id, Input::Update(change), round);
                return changed.map_err(|_refused| "invalidattribute");
            }
            // The page's prompts are not to wait for the other side's answer to BYE.
            Act::LetGo => {
                self.send(TelephonyCommand::Unbridge {
                    call: call_id(&leg),
                });
                PluginEvent::LetGo
            }
            act => match self.asked(callback, wait, act)? {
                Some(event) => event,
                None => return Ok(()),
            },
        };
        self.step(id, Input::Plugin { token, event }, round);
        Ok(())
    }

    /// What the lifecycle is told about an act; nothing when telephony was told already.
    fn asked(
        &self,
        callback: &Callback,
        wait: Option<&QueueWait>,
        act: Act,
    ) -> Result<Option<PluginEvent>, &'static str> {
        let allowed = |destination: &str| {
            check_destination(destination, callback, &self.parts.dialplan)
                .map_err(|_refused| "invaliddestination")
        };
        Ok(Some(match act {
            Act::Detach | Act::Redirect { .. } if wait.is_some_and(|wait| wait.ringing) => {
                return Err("invalidstate.transferring");
            }
            Act::Submit(order) => PluginEvent::Submit(Box::new(self.queue_wait(callback, *order)?)),
            Act::Withdraw { request } => withdrawal(wait, request)?,
            Act::Connect => connection(wait)?,
            Act::Detach => PluginEvent::Detached,
            Act::Attach => PluginEvent::Attached,
            Act::Redirect { destination, aai } => {
                allowed(&destination)?;
                PluginEvent::Redirect { destination, aai }
            }
            Act::CallOut(out) => {
                allowed(&out.destination)?;
                PluginEvent::CallOut(out)
            }
            Act::Join => PluginEvent::Join,
            Act::LetGo => PluginEvent::LetGo,
            // It may have left before the page got to it.
            Act::PassOn if callback.plugin.other.is_none() => return Err("invalidstate.null"),
            Act::PassOn => PluginEvent::PassOn,
            Act::HangUp => PluginEvent::HangUp,
            Act::Look
            | Act::Sound { .. }
            | Act::Loop { .. }
            | Act::Bridge { .. }
            | Act::Unbridge
            | Act::Record(_)
            | Act::StopRecord
            | Act::Stop
            | Act::Play { .. }
            | Act::UserData { .. } => return Ok(None),
        }))
    }

    /// The wait that a session asks for.
    fn queue_wait(
        &self,
        callback: &Callback,
        order: QueueOrder,
    ) -> Result<QueueWait, &'static str> {
        let settings = &callback.settings;
        let target = if order.target.steps.is_empty() {
            settings.target.clone()
        } else {
            order.target
        };
        self.router
            .known_target(&target)
            .map_err(|_unknown| "invalidtarget")?;
        Ok(QueueWait {
            request: order.request,
            queue: order
                .queue
                .unwrap_or_else(|| settings.virtual_queue.clone()),
            target,
            priority: order.priority.unwrap_or(settings.priority),
            timeout_s: order.timeout_s,
            clear_on_timeout: order.clear_on_timeout,
            route: order.route,
            since: self.now,
            found: None,
            ringing: false,
        })
    }

    /// For whom a session's treatment is looked for.
    fn asks(&self, line: &Line) -> Asks {
        let id = match line {
            Line::Question { callback, .. } => callback.clone(),
            Line::Placed(call) => CallbackId::new(call.as_str()),
        };
        let service = self.callbacks.get(&id);
        Asks {
            service: service.map_or_else(String::new, |callback| callback.service().to_string()),
            callback: id,
        }
    }

    /// A file that cannot be played counts as played.
    pub(super) fn play_for_session(
        &mut self,
        line: Line,
        call: CallId,
        (source, play): (String, u64),
        forever: bool,
    ) {
        let repeat = if forever {
            Repeat::Forever
        } else {
            Repeat::Once
        };
        let command = move |clip| TelephonyCommand::Play {
            call,
            token: play,
            clip,
            repeat,
        };
        let asks = self.asks(&line);
        let plugins = self.parts.plugins.clone();
        let treatments = self.parts.treatments.clone();
        let commands = self.parts.commands.clone();
        self.parts.supervisor.spawn("treatment", async move {
            match treatments.find(&source, &asks).await {
                Ok(clip) => {
                    let command = Command::Send(Box::new(command(clip)));
                    // The channel closes only when the shard is gone.
                    drop(commands.send(command).await);
                }
                Err(reason) => {
                    let treatment = callback::mask::url(&source);
                    let input = Input::TreatmentSkipped { treatment, reason };
                    let id = asks.callback;
                    drop(commands.send(Command::Tell { id, input }).await);
                    plugins.signal_line(&line, Signal::Played(play));
                }
            }
        });
    }

    /// Passes what who has the call wants to know about it on.
    pub(super) fn signal_session(&self, leg: &LegKey, kind: &EventKind) {
        if leg.agent.is_some() {
            return self.signal_other(leg, kind);
        }
        let plugins = &self.parts.plugins;
        let token = || self.token_of_call(leg);
        match kind {
            EventKind::Digit(digit) => {
                if let Some(token) = token() {
                    plugins.signal(token, Signal::Digit(*digit));
                }
            }
            EventKind::Played {
                token: play,
                finished: true,
            } if *play >= PLUGIN_PLAYS => {
                if let Some(token) = token() {
                    plugins.signal(token, Signal::Played(*play));
                }
            }
            EventKind::Recorded {
                token: number,
                clip,
                end,
            } => {
                if let Some(token) = token() {
                    plugins
                        .voicexml
                        .recorded(token, *number, clip.clone(), *end);
                }
            }
            _ => {}
        }
    }

    /// Tells a page about the destination that it called.
    fn signal_other(&self, leg: &LegKey, kind: &EventKind) {
        let what = match kind {
            EventKind::Answered { .. } => OtherSide::Answered,
            EventKind::Ended(ended) => OtherSide::Over(ended.clone()),
            _ => return,
        };
        let Some(callback) = self.callbacks.get(&leg.callback) else {
            return;
        };
        let other = callback.plugin.other.as_ref();
        let is_this = callback.attempts == leg.attempt
            && other.is_some_and(|other| Some(other.leg) == leg.agent);
        if let Some(token) = callback.plugin.token().filter(|_| is_this) {
            self.parts.plugins.voicexml.other_side(token, what);
        }
    }

    /// The question that gives somebody else control of this leg.
    fn token_of_call(&self, leg: &LegKey) -> Option<&str> {
        let callback = self.callbacks.get(&leg.callback)?;
        let is_plugins = matches!(
            callback.phase,
            Phase::Plugin {
                call: PluginCall::Plugins,
                ..
            }
        );
        let is_this = leg.agent.is_none() && callback.attempts == leg.attempt;
        callback.plugin.token().filter(|_| is_this && is_plugins)
    }
}

/// What takes a call out of its queue, when it is there by this request.
fn withdrawal(wait: Option<&QueueWait>, request: String) -> Result<PluginEvent, &'static str> {
    let meant = |wait: &&QueueWait| request.is_empty() || wait.request == request;
    wait.filter(meant).ok_or("unknown")?;
    Ok(PluginEvent::Withdraw { request })
}

/// What calls the agent who is kept for the call.
fn connection(wait: Option<&QueueWait>) -> Result<PluginEvent, &'static str> {
    let kept = |wait: &&QueueWait| wait.found.is_some() && !wait.ringing;
    wait.filter(kept).ok_or("invalidstate.routed")?;
    Ok(PluginEvent::Connect)
}

/// What is telephony's alone.
pub(super) fn to_telephony(act: &Act, call: CallId) -> Option<TelephonyCommand> {
    Some(match act {
        Act::Sound {
            clip,
            play,
            until_digit,
        } => TelephonyCommand::Play {
            call,
            token: *play,
            clip: clip.clone(),
            repeat: if *until_digit {
                Repeat::UntilDigit
            } else {
                Repeat::Once
            },
        },
        Act::Loop { clip, play } => TelephonyCommand::Play {
            call,
            token: *play,
            clip: clip.clone(),
            repeat: Repeat::Forever,
        },
        Act::Bridge { other } => TelephonyCommand::Bridge {
            a: call,
            b: other.clone(),
        },
        Act::Unbridge => TelephonyCommand::Unbridge { call },
        Act::Record(order) => TelephonyCommand::Record {
            call,
            order: *order,
        },
        Act::StopRecord => TelephonyCommand::StopRecord { call },
        Act::Stop => TelephonyCommand::Stop { call },
        _ => return None,
    })
}
