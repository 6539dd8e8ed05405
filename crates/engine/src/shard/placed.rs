//! Calls that sessions place by themselves: `<ixn:createcall>`, and legs to where they send calls.
//!
//! The shard knows of them what the line needs: the rules of the dial plan, room on the trunks,
//! an intent in the store before the INVITE leaves. Everything else is the session's.

use std::sync::atomic::Ordering;

use callback::plugin::destination_number;
use callback::record::{Phase, Reason};
use callback::{AgentId, CallbackId, number};
use store::IntentRow;
use telephony::media::cpd;
use telephony::port::{
    CallId, CallerId, Command as TelephonyCommand, Destination, Detection, EventKind, HangUpCause,
    Originate, Room,
};
use tokio::sync::{mpsc, oneshot};

use super::control::to_telephony;
use super::plugin::ways;
use super::round::Round;
use super::{Act, Command, PLUGIN_PLAYS, QueueOrder, Reply, Shard};
use crate::limits;
use crate::sessions::{Over, Signal};
use crate::supervisor::Supervisor;
use crate::voicexml::OtherSide;

/// A call that sessions and applications act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The customer's of a callback, by the question that is open about it.
    Question { callback: CallbackId, token: String },
    /// One that a session placed.
    Placed(CallId),
}

impl Line {
    /// What applications on this line are found by.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Question { token, .. } => token,
            Self::Placed(call) => call.as_str(),
        }
    }
}

/// Tells the shard something; what one thread tells arrives in its order, as long as there is room.
pub(crate) fn post(commands: &mpsc::Sender<Command>, supervisor: &Supervisor, command: Command) {
    let Err(mpsc::error::TrySendError::Full(command)) = commands.try_send(command) else {
        return;
    };
    let commands = commands.clone();
    supervisor.spawn("command", async move {
        // The channel closes only when the shard is gone.
        drop(commands.send(command).await);
    });
}

/// Acts on a line; the error is a word of the session's modules. Acts of one thread reach the
/// shard in their order, as long as there is room.
pub(crate) fn control(
    commands: mpsc::Sender<Command>,
    line: Line,
    act: Act,
) -> impl Future<Output = Result<(), &'static str>> + Send + 'static {
    let (reply, done) = oneshot::channel();
    let command = match line {
        Line::Question { callback, token } => Command::Control {
            id: callback,
            token,
            act,
            reply,
        },
        Line::Placed(call) => Command::OfSession(SessionCommand::Control { call, act, reply }),
    };
    let refused = commands.try_send(command);
    async move {
        match refused {
            Err(mpsc::error::TrySendError::Full(command)) => {
                commands.send(command).await.map_err(|_gone| "unknown")?;
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err("unknown"),
            Ok(()) => {}
        }
        done.await.unwrap_or(Err("unknown"))
    }
}

/// Whom a session calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A customer; whether the detector listens who answers.
    Customer { predictive: bool },
    /// An agent, by id or extension.
    Agent,
    /// Where another call is sent on to.
    Destination,
}

/// A call that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) call: CallId,
    pub(crate) target: Target,
    pub(crate) to: String,
    /// The agent whom a virtual queue found for another call.
    pub(crate) agent: Option<(CallId, AgentId)>,
    /// A number, the name of a trunk, or `number@trunk`.
    pub(crate) from: String,
    /// Number that the other side is shown instead.
    pub(crate) shown: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// It is placed before others when there is room again.
    pub(crate) first: bool,
}

/// What a session wants of the calls that it placed, and of where calls go.
#[derive(Debug)]
pub(crate) enum SessionCommand {
    /// A session acts on a call that it placed.
    Control {
        call: CallId,
        act: Act,
        reply: Reply<Result<(), &'static str>>,
    },
    /// A session wants a call placed; answered before it leaves.
    Place {
        order: Box<Order>,
        reply: Reply<Result<(), NotPlaced>>,
    },
    /// Two calls go on together without whoever placed them.
    HandOver { a: CallId, b: CallId },
    /// A call that a session placed goes into a virtual queue.
    Queue {
        call: CallId,
        order: Box<QueueOrder>,
        reply: Reply<Result<(), &'static str>>,
    },
    /// It leaves its queue, unless another request brought it there meanwhile; whoever was found
    /// for it is free.
    Unqueue { call: CallId, request: String },
    /// A plugin's session sends its call to a destination; answered when that has taken it or
    /// cannot be reached.
    Route {
        id: CallbackId,
        token: String,
        destination: String,
        reply: Reply<Result<(), &'static str>>,
    },
}

/// Why a call is not placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotPlaced {
    /// There is no room now.
    Later,
    /// Never: a word of `error.voice.createcall` and the reason.
    Refused(&'static str, String),
}

fn refused<T>(word: &'static str, why: impl Into<String>) -> Result<T, NotPlaced> {
    Err(NotPlaced::Refused(word, why.into()))
}

impl Shard {
    pub(super) fn on_session(&mut self, command: SessionCommand, round: &mut Round) {
        match command {
            SessionCommand::Control { call, act, reply } => {
                // The session may have ended.
                let _gone = reply.send(self.control_placed(&call, act));
            }
            // Who asked has given up meanwhile.
            SessionCommand::Place { reply, .. } if reply.is_closed() => {}
            SessionCommand::Queue { reply, .. } | SessionCommand::Route { reply, .. }
                if reply.is_closed() => {}
            SessionCommand::Place { order, reply } => {
                let _gone = reply.send(self.place(*order, round));
            }
            SessionCommand::HandOver { a, b } => self.join(&a, &b),
            SessionCommand::Queue { call, order, reply } => {
                let _gone = reply.send(self.queue_placed(&call, *order));
            }
            SessionCommand::Unqueue { call, request } => self.withdraw_placed(&call, &request),
            SessionCommand::Route {
                id,
                token,
                destination,
                reply,
            } => self.on_route(&id, token, destination, reply, round),
        }
    }

    /// Places a call once its intent is durable.
    fn place(&mut self, order: Order, round: &mut Round) -> Result<(), NotPlaced> {
        if self.parts.shared.draining.load(Ordering::Relaxed) {
            return refused("unknown", "the server is going down");
        }
        if let Some((customer, agent)) = &order.agent
            && !self.is_found_for(customer, agent)
        {
            return refused("unknown", "the agent is not kept for this call any more");
        }
        if self.placed.len() >= limits::PLACED_CALLS_MAX || self.is_congested() {
            return Err(NotPlaced::Later);
        }
        let (number, trunk) = self.source(&order)?;
        let destination = self.find(&order, &trunk)?;
        let country = number::clean(&order.to).unwrap_or_default();
        let country = number::country_of(&self.parts.dialplan, &country, "");
        let detection = (order.target == Target::Customer { predictive: true }).then(|| {
            let settings = cpd::Settings {
                profile: cpd::Profile::Balanced,
                country,
                ..cpd::Settings::default()
            };
            let early = false;
            Detection { early, settings }
        });
        let key = order.call.as_str().to_owned();
        round.batch.intents.push(IntentRow {
            leg: key.clone(),
            callback: CallbackId::new(key.as_str()),
            at: self.now,
            dialog: None,
        });
        self.placed.insert(key.clone());
        if let Some((customer, agent)) = order.agent {
            self.agent_placed(key, &customer, agent);
        }
        let originate = Originate {
            call: order.call,
            destination,
            caller_id: CallerId {
                number: order.shown.unwrap_or(number),
                display_name: String::new(),
            },
            ring_timeout: limits::PLACED_RING,
            detection,
            headers: order.headers,
        };
        round
            .places
            .push(TelephonyCommand::Originate(Box::new(originate)));
        Ok(())
    }

    /// Where a call goes, when the dial plan has nothing against it.
    fn find(&self, order: &Order, trunk: &str) -> Result<Destination, NotPlaced> {
        let wanted = destination_number(&order.to);
        let phone = || {
            if self.router.has_extension(wanted) {
                return Some(Destination::Extension(wanted.to_owned()));
            }
            let agent = self.router.agent(&AgentId::new(order.to.as_str()))?;
            Some(Destination::Extension(agent.extension))
        };
        let plan = &self.parts.dialplan;
        match order.target {
            Target::Agent => {
                let missing = || NotPlaced::Refused("invaliddestination", "no such agent".into());
                return phone().ok_or_else(missing);
            }
            Target::Destination => {
                if let Some(found) = phone() {
                    return Ok(found);
                }
                if !plan.may_route_to(wanted) {
                    let why = "the destination is not allowed; see [dialplan] rp_allow";
                    return refused("invaliddestination", why);
                }
                number::check_dial(plan, wanted, "", true, "")
            }
            Target::Customer { .. } => {
                let rules = number::Rules {
                    country: String::new(),
                    disallow_impossible: false,
                    disallow_premium: true,
                };
                number::check_request(plan, wanted, &rules).map(|_checked| ())
            }
        }
        .map_err(|error| NotPlaced::Refused("invaliddestination", error.message))?;
        let cleaned = number::clean(wanted).unwrap_or_default();
        self.ways(&order.call, &cleaned, trunk)
    }

    /// The number that calls and the trunk that carries the call, each as far as it is named.
    fn source(&self, order: &Order) -> Result<(String, String), NotPlaced> {
        let from = order.from.trim();
        if order.target == Target::Destination {
            return Ok((number::clean(from).unwrap_or_default(), String::new()));
        }
        let is_trunk =
            |name: &str| !name.is_empty() && !self.parts.trunks.candidates(name).is_empty();
        let (number, trunk) = match from.split_once('@') {
            Some((number, trunk)) => (number, trunk),
            None if is_trunk(from) => ("", from),
            None => (from, ""),
        };
        if !trunk.is_empty() && !is_trunk(trunk) {
            return refused("invalidserver", format!("there is no trunk {trunk}"));
        }
        match number::clean(number) {
            Some(cleaned) => Ok((cleaned, trunk.to_owned())),
            None if number.is_empty() && !trunk.is_empty() => Ok((String::new(), trunk.to_owned())),
            None => {
                let why = "from is a number, the name of a trunk, or number@trunk";
                refused("invalidsource", why)
            }
        }
    }

    /// The trunks that may carry a call, the one with its place first.
    fn ways(&self, call: &CallId, cleaned: &str, trunk: &str) -> Result<Destination, NotPlaced> {
        let trunks = self.parts.trunks.candidates(trunk);
        let names: Vec<&str> = trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let taken = match self.parts.telephony.reserve(call, &names) {
            Room::Taken(name) => name,
            Room::Later(_) | Room::Full => return Err(NotPlaced::Later),
            Room::Down => return refused("invalidserver", "no trunk is up"),
            Room::Unknown => return refused("invalidserver", "there is no such trunk"),
        };
        let mut ways = ways(&self.parts.dialplan, trunks, cleaned, "");
        // Stable: the others stay in order.
        ways.sort_by_key(|way| way.trunk != taken);
        Ok(Destination::Trunks(ways))
    }

    /// Acts on a call that a session placed.
    fn control_placed(&mut self, call: &CallId, act: Act) -> Result<(), &'static str> {
        if !self.placed.contains(call.as_str()) {
            return Err("invalidstate.null");
        }
        if let Some(command) = to_telephony(&act, call.clone()) {
            self.send(command);
            return Ok(());
        }
        match act {
            Act::Play {
                source,
                play,
                forever,
            } => {
                let line = Line::Placed(call.clone());
                self.play_for_session(line, call.clone(), (source, play), forever);
                Ok(())
            }
            Act::HangUp => {
                self.hang_up_placed(call);
                Ok(())
            }
            Act::Look => Ok(()),
            // The session that placed the call does these by itself.
            _ => Err("notsupported"),
        }
    }

    fn hang_up_placed(&mut self, call: &CallId) {
        self.send(TelephonyCommand::HangUp {
            call: call.clone(),
            cause: HangUpCause::Normal,
        });
    }

    /// Joins two calls: when one ends, so does the other.
    fn join(&mut self, a: &CallId, b: &CallId) {
        for (gone, other) in [(a, b), (b, a)] {
            if !self.placed.contains(gone.as_str()) {
                return self.hang_up_placed(other);
            }
        }
        self.send(TelephonyCommand::Bridge {
            a: a.clone(),
            b: b.clone(),
        });
        self.handed_over(a.as_str().to_owned(), b.as_str().to_owned());
    }

    /// What telephony reports about a call that is no leg of a callback.
    pub(super) fn on_placed(&mut self, call: &CallId, kind: EventKind, round: &mut Round) {
        let signal = match kind {
            EventKind::Incoming { .. } => {
                // Nobody can be reached here yet.
                return self.send(TelephonyCommand::Reject {
                    call: call.clone(),
                    status: 404,
                    q850: Some(1),
                });
            }
            EventKind::Ended(_) if self.leftovers.remove(call.as_str()).is_some() => {
                round.batch.intents_over.push(call.as_str().to_owned());
                return;
            }
            _ if !self.placed.contains(call.as_str()) => return,
            EventKind::Dialog(record, hold) => {
                round.holds.push(hold);
                if let Ok(text) = serde_json::to_string(&record) {
                    round.batch.dialogs.push((call.as_str().to_owned(), text));
                }
                return;
            }
            EventKind::Ended(ended) => {
                round.batch.intents_over.push(call.as_str().to_owned());
                self.placed.remove(call.as_str());
                self.placed_over(call, &ended);
                self.part(call.as_str());
                let voicexml = &self.parts.plugins.voicexml;
                voicexml.line_over(call);
                if voicexml.leg(call, OtherSide::Over(ended.clone())) {
                    return;
                }
                Signal::Over(Over {
                    answered: ended.answered,
                    call_state: ended.call_state,
                    detail: ended.detail,
                    status: ended.status,
                })
            }
            EventKind::Recorded { token, clip, end } => {
                let voicexml = &self.parts.plugins.voicexml;
                return voicexml.recorded(call.as_str(), token, clip, end);
            }
            EventKind::Ringing | EventKind::EarlyMedia => Signal::Ringing,
            EventKind::Answered { .. } => {
                self.placed_answered(call);
                let voicexml = &self.parts.plugins.voicexml;
                if voicexml.leg(call, OtherSide::Answered) {
                    return;
                }
                Signal::Answered
            }
            EventKind::Verdict(verdict) => Signal::Judged(verdict.call_state),
            EventKind::Digit(digit) => Signal::Digit(digit),
            EventKind::Played {
                token,
                finished: true,
            } if token >= PLUGIN_PLAYS => Signal::Played(token),
            EventKind::Played { .. }
            | EventKind::Rerouted(_)
            | EventKind::Referred { .. }
            | EventKind::Beep { .. }
            | EventKind::MediaTimeout => return,
        };
        self.parts.plugins.signal_placed(call.as_str(), signal);
    }

    /// Tells who placed a call that a clip on it is over.
    pub(super) fn placed_played(&self, call: &CallId, token: u64) {
        if token >= PLUGIN_PLAYS {
            let signal = Signal::Played(token);
            self.parts.plugins.signal_placed(call.as_str(), signal);
        }
    }

    /// Sends a plugin's call on; whoever asked hears when it is known what became of it.
    fn on_route(
        &mut self,
        id: &CallbackId,
        token: String,
        destination: String,
        reply: Reply<Result<(), &'static str>>,
        round: &mut Round,
    ) {
        let act = Act::Redirect {
            destination,
            aai: None,
        };
        match self.control(id, token, act, round) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(()) => {
                self.routes.insert(id.clone(), reply);
            }
        }
    }

    /// Answers who waits for what becomes of a redirection, when that is durable.
    pub(super) fn settle_route(&mut self, id: &CallbackId) {
        if self.routes.is_empty() || !self.routes.contains_key(id) {
            return;
        }
        let callback = self.callbacks.get(id);
        let outcome = match callback {
            Some(callback) if matches!(callback.phase, Phase::RoutingOut { .. }) => return,
            Some(callback) if callback.reason == Some(Reason::TransferredToRp) => Ok(()),
            _ => Err("remote"),
        };
        if let Some(reply) = self.routes.remove(id) {
            // The session may have ended.
            let _gone = reply.send(outcome);
        }
    }
}
