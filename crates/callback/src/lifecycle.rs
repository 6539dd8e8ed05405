//! The state machine of a callback: pure, total, one [`step`] per input.
//!
//! `step(state, input, now)` gives the new state, the events for the log and the effects for the
//! engine. It never fails but for the inputs that come from outside ([`Input::Cancel`],
//! [`Input::Reschedule`], [`Input::Update`], [`Input::Plugin`]); an input that comes too late for the phase changes nothing. Every
//! phase is named in every match: a new phase does not compile until each input has an answer.

mod agent;
mod bridge;
mod confirm;
mod contact;
mod create;
mod customer;
mod first;
mod hold;
mod plugin;
mod recover;
mod route;
mod run;
mod screening;
mod session_queue;
mod strategy;
mod timer;
mod update;
mod withdraw;

#[cfg(test)]
mod tests;

pub use strategy::StrategyOrder;
pub use update::Change;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::confirm::{Choice, Push, Texts};
use crate::events::{Event, EventId};
use crate::plugin::{Answer, Question, QueueTold, QueueWait};
use crate::record::{Callback, Reason, TimerKind};
use crate::routing::{Found, Need, Released};
use crate::settings::DetectionSettings;
use crate::{AgentId, Error, LegKey, Timestamp};

/// What the world looks like at the moment of a step.
#[derive(Clone, Debug)]
pub struct Context {
    /// Now.
    pub now: Timestamp,
    /// Whether a submission made now would succeed; the text names what is missing.
    pub submission: Result<(), String>,
    /// Random bits for a token that nobody can guess; new in every step.
    pub random: u128,
    /// The service is paused.
    pub paused: bool,
    /// How the leg ended whose end is the input; nothing for every other input.
    pub line: Option<LineEnd>,
}

/// What the network said of a leg that is over (telephony §5), for the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineEnd {
    /// Name of the last trunk that was tried.
    pub trunk: Option<String>,
    /// Final SIP status; 0 = there was none.
    pub sip_status: u16,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// Words of the other side.
    pub reason: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The record was made; its first step.
    Create {
        /// What the client should know, for the history.
        notes: Vec<String>,
    },
    /// A client cancels.
    Cancel,
    /// A client asks for another time.
    Reschedule {
        /// The new desired time.
        desired: Timestamp,
    },
    /// A client changes data, target or priority, and perhaps the time.
    Update(Box<Change>),
    /// A timer of the callback is due.
    Timer(TimerKind),
    /// It is this callback's turn to contact the customer.
    ContactTurn(Result<DialPlan, ContactFault>),
    /// The turn of a callback that waits for an agent is forecast.
    Forecast {
        /// It comes in so many seconds.
        wait_s: i64,
    },
    /// It is this callback's turn, and an agent is called first.
    AgentTurn,
    /// It is this callback's turn, and the customer has to be asked first.
    ConfirmTurn {
        /// Opens the choices of the question; nobody can guess it.
        token: String,
        /// The service's own texts, or why its file of texts cannot be read.
        texts: Result<Option<Box<Texts>>, String>,
    },
    /// The customer's app made a choice.
    Chosen {
        /// Which.
        choice: Choice,
        /// What the menu gave.
        token: String,
    },
    /// The service is paused.
    ServicePaused,
    /// The service is no longer paused.
    ServiceResumed,
    /// Something happened on the customer's leg of the given attempt.
    Customer {
        /// Attempt the leg belongs to.
        attempt: u32,
        /// What.
        event: LegEvent,
    },
    /// The router reserved an agent for the waiting customer.
    AgentFound(Found),
    /// Something happened on an agent's leg.
    Agent {
        /// Attempt the leg belongs to.
        attempt: u32,
        /// Number of the agent's leg.
        leg: u32,
        /// What.
        event: LegEvent,
    },
    /// Something about the plugin's question with this token.
    Plugin {
        /// Token of the question.
        token: String,
        /// What.
        event: PluginEvent,
    },
    /// A treatment could not be had and counts as played; it changes nothing but the history.
    TreatmentSkipped {
        /// File or URL; secrets of a URL are hidden.
        treatment: String,
        /// What was wrong.
        reason: String,
    },
    /// The server started again; live calls of before are gone.
    Recover,
}

/// What happens around a question to the plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginEvent {
    /// It has the question: the time for its answer begins.
    Started,
    /// It cannot be asked.
    Failed {
        /// Fixed detail word.
        detail: String,
        /// What was wrong, for the history.
        why: String,
    },
    /// Its answer.
    Answer(Box<Answer>),
    /// What it said is no answer; it may still give one.
    NoAnswer {
        /// What was wrong, for the history.
        why: String,
    },
    /// It gave the call back.
    Detached,
    /// It took the call again.
    Attached,
    /// It sends the call to another destination itself.
    Redirect {
        /// Where to.
        destination: String,
        /// Data for the other side.
        aai: Option<String>,
    },
    /// It calls another destination and keeps the customer meanwhile.
    CallOut(Box<CallOut>),
    /// That destination has answered: both are to talk.
    Join,
    /// That destination is not wanted any more.
    LetGo,
    /// That destination has answered: the customer goes on with it, and the callback is over.
    PassOn,
    /// It puts the call into a virtual queue.
    Submit(Box<QueueWait>),
    /// It takes the call out again; the request, empty = whichever it is.
    Withdraw {
        /// `requestid`.
        request: String,
    },
    /// It wants the agent called whom the router found.
    Connect,
    /// The document that runs the callback has begun.
    Running {
        /// Id of its session.
        session: String,
    },
    /// That document is over.
    Finished {
        /// The reason it gave.
        reason: Option<Reason>,
    },
    /// It ended the call.
    HangUp,
    /// Its session is over.
    Ended,
}

/// A destination that a page calls for its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOut {
    /// Where to.
    pub destination: String,
    /// `bridge` or `consultation`, for the history.
    pub kind: &'static str,
    /// Ring time, s; `None` = the service's.
    pub ring_timeout_s: Option<i64>,
    /// Data of the page for the other side.
    pub aai: Option<String>,
}

/// The finished dial string and its trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPlan {
    /// What is dialed: prefix and number format applied (`c_dialed_number`).
    pub number: String,
    /// Name of the trunk.
    pub trunk: String,
    /// Trunks that may carry the call when the network behind the first one fails, each with the
    /// number as it is dialed there.
    pub alternatives: Vec<(String, String)>,
    /// Country of the called number: selects the tone plan.
    pub country: String,
}

/// Why a customer cannot be dialed although it is the callback's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactFault {
    /// The second number check hit (callback-api §13.1).
    NumberBlocked,
    /// The trunk is not configured any more.
    NoTrunk,
}

/// What the detector found out (telephony §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A human, or nothing decided in time.
    Human,
    /// A machine.
    Machine,
    /// A fax.
    Fax,
    /// Silence.
    Silence,
    /// A tone that ends the attempt: busy, congestion, special information.
    Tone,
}

/// The detector's verdict as the lifecycle needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What.
    pub outcome: Outcome,
    /// Call state number (play-treatments §8).
    pub call_state: u8,
    /// Fixed detail word.
    pub detail: String,
    /// Reasons and times for the log, a JSON object.
    pub trace: Value,
}

/// What happens on a leg.
#[derive(Clone, Debug, PartialEq)]
pub enum LegEvent {
    /// The call goes over another trunk now, where this is the dialed string.
    Rerouted {
        /// `c_dialed_number` from here on.
        number: String,
    },
    /// Answered.
    Answered,
    /// The detector decided.
    Verdict(Verdict),
    /// The machine's beep is over (or will not come).
    BeepOver {
        /// An assistant asked who is calling (telephony §6.6) and listens now.
        screening: bool,
    },
    /// A clip came to its end.
    Played {
        /// Token of the play effect.
        token: u64,
    },
    /// Its other side was asked to call a destination: what became of it.
    Referred {
        /// The destination has the customer.
        taken: bool,
        /// SIP status of the refusal or the report.
        status: u16,
    },
    /// The leg is over, or could not be started.
    Ended {
        /// Call state number when it was never answered.
        call_state: u8,
        /// Fixed detail word (telephony §5.1).
        detail: String,
    },
}

/// What the engine has to do; each may be done twice after a crash, its executor makes that
/// harmless.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Takes a place in the virtual queue, or changes what is needed there.
    Enqueue(Need),
    /// Leaves the virtual queue.
    Leave,
    /// Dials the customer; a dial intent is committed with the step.
    Dial(Box<Dial>),
    /// Calls the agent's phone; a dial intent is committed with the step.
    Offer(Box<Offer>),
    /// Asks the customer's device; the push is committed with the step.
    Push(Box<Push>),
    /// Ends a leg.
    HangUp {
        /// The leg.
        leg: LegKey,
        /// It rang still and is given up.
        given_up: bool,
    },
    /// Plays a treatment to the customer, or to an agent who waits for the customer.
    Play {
        /// Whose leg.
        leg: LegKey,
        /// File or URL.
        source: String,
        /// In a loop.
        forever: bool,
        /// Comes back in [`LegEvent::Played`].
        token: u64,
    },
    /// Joins customer and agent.
    Bridge {
        /// The customer's leg.
        customer: LegKey,
        /// The agent's leg.
        agent: LegKey,
    },
    /// Detects once more on an answered call.
    Listen(Box<Listen>),
    /// Asks the plugin.
    AskPlugin(Box<Question>),
    /// Runs the operator's document for the callback.
    RunStrategy(Box<StrategyOrder>),
    /// The plugin's session is told that the customer hung up.
    CallDeleted {
        /// Token of the question.
        token: String,
        /// It had the call.
        attached: bool,
    },
    /// The plugin's session is told about its call in a virtual queue.
    TellQueue {
        /// Token of the question.
        token: String,
        /// `requestid`.
        request: String,
        /// What.
        told: QueueTold,
    },
    /// The plugin's session is ended: nobody waits for its answer any more.
    EndPlugin {
        /// Token of the question.
        token: String,
    },
    /// Calls another destination for the customer; a dial intent is committed with the step.
    RouteOut(Box<RouteOut>),
    /// Asks the customer's side to call that destination itself.
    Refer {
        /// The customer's leg.
        leg: LegKey,
        /// What is dialed.
        number: String,
        /// Names of trunks as `_route_point` says; empty = all.
        route_point: String,
        /// Header lines for the destination: attached data with priority and age.
        headers: Vec<(String, String)>,
    },
    /// Joins the customer and that destination for as long as both stay; the callback is over.
    HandOver {
        /// The customer's leg.
        customer: LegKey,
        /// The destination's leg.
        other: LegKey,
    },
    /// Stops what plays; the customer hears silence.
    Silence {
        /// The customer's leg.
        leg: LegKey,
    },
    /// Tells the router that the agent talks.
    AgentTalking(AgentId),
    /// Gives the agent back to the router.
    ReleaseAgent(AgentId, Released),
}

/// A second detection on the customer's answered call.
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// The leg.
    pub leg: LegKey,
    /// Profile and times, ms from now.
    pub detection: DetectionSettings,
}

/// A dial of the customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    /// The leg.
    pub leg: LegKey,
    /// Number and trunk.
    pub plan: DialPlan,
    /// Caller id number; empty = the trunk's.
    pub caller_number: String,
    /// Caller id name.
    pub caller_name: String,
    /// Header lines of one's own.
    pub headers: Vec<(String, String)>,
    /// Ring time, s.
    pub ring_timeout_s: i64,
    /// Detection, `None` = off.
    pub detection: Option<DetectionSettings>,
    /// The machine treatment waits for the beep.
    pub wait_for_beep: bool,
}

/// A call to an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The leg.
    pub leg: LegKey,
    /// The agent.
    pub agent: AgentId,
    /// Extension to call.
    pub extension: String,
    /// Number shown to the agent (play-treatments §4.4).
    pub caller_number: String,
    /// Ring time, s.
    pub ring_timeout_s: i64,
    /// Attached data by key, as `_attach_udata` says.
    pub user_data: Vec<(String, String)>,
}

/// A call to the destination of `route_to_rp`.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOut {
    /// The leg.
    pub leg: LegKey,
    /// What is dialed.
    pub number: String,
    /// Names of trunks as `_route_point` says; empty = all.
    pub route_point: String,
    /// Number shown there: the customer's.
    pub caller_number: String,
    /// Ring time, s.
    pub ring_timeout_s: i64,
    /// Header lines: attached data with priority and age.
    pub headers: Vec<(String, String)>,
}

/// The outcome of a step.
#[derive(Clone, Debug)]
pub struct Step {
    /// The new state.
    pub callback: Callback,
    /// For the log and the receivers, in order.
    pub events: Vec<Event>,
    /// For the engine, in order, after the commit.
    pub effects: Vec<Effect>,
}

/// Applies one input to a callback.
///
/// # Errors
/// Only for [`Input::Cancel`], [`Input::Reschedule`], [`Input::Update`], [`Input::Chosen`] and
/// [`Input::Plugin`], when the present state does not allow it; nothing changed then.
pub fn step(callback: Callback, input: Input, context: &Context) -> Result<Step, Error> {
    let mut run = run::Run::new(callback, context);
    match input {
        Input::Create { notes } => create::create(&mut run, &notes),
        Input::Cancel => withdraw::cancel(&mut run)?,
        Input::Reschedule { desired } => withdraw::reschedule(&mut run, desired)?,
        Input::Update(change) => update::update(&mut run, *change)?,
        Input::Timer(kind) => timer::timer(&mut run, kind),
        Input::ContactTurn(plan) => contact::contact_turn(&mut run, plan),
        Input::AgentTurn => first::turn(&mut run),
        Input::Forecast { wait_s } => contact::forecast(&mut run, wait_s),
        Input::ConfirmTurn { token, texts } => confirm::turn(&mut run, token, texts),
        Input::Chosen { choice, token } => confirm::chosen(&mut run, choice, &token)?,
        Input::ServicePaused => hold::service_paused(&mut run),
        Input::ServiceResumed => hold::service_resumed(&mut run),
        Input::Customer { attempt, event } => {
            // An older attempt's leg has nothing to say any more.
            if attempt == run.callback.attempts {
                customer::customer(&mut run, event);
            }
        }
        Input::AgentFound(found) => agent::found(&mut run, found),
        Input::Agent {
            attempt,
            leg,
            event,
        } => {
            let last = run.callback.agent_leg();
            if attempt == last.attempt && Some(leg) == last.agent {
                agent::leg(&mut run, event);
            }
        }
        Input::Plugin { token, event } => plugin::plugin(&mut run, &token, event)?,
        Input::TreatmentSkipped { treatment, reason } => {
            let data = [
                ("detail", Value::from("treatment_skipped")),
                ("treatment", Value::from(treatment)),
                ("reason", Value::from(reason)),
            ];
            run.emit_with(EventId::Note, &data);
        }
        Input::Recover => recover::recover(&mut run),
    }
    Ok(run.finish())
}
