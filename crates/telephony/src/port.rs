//! The `Telephony` port: what the engine may ask of a telephony driver and what a driver reports.
//!
//! Commands never block: a driver queues them or refuses. Events arrive through one bounded
//! channel. For every call that was accepted with [`Command::Originate`] or announced with
//! [`EventKind::Incoming`] exactly one [`EventKind::Ended`] follows, and it is the last one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use media::audio::Clip;
use media::cpd;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// Identifies one call leg; chosen by whoever starts the leg.
///
/// For outgoing calls it is the attempt key (`<callback id>.<attempt>` for a customer,
/// `<callback id>.<attempt>.a<n>` for an agent), which makes [`Command::Originate`] idempotent;
/// incoming calls get a key from the driver. It is also the SIP Call-ID of an outgoing call.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Arc<str>);

impl CallId {
    /// Makes a call id from its text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({})", self.0)
    }
}

/// A way over a trunk, with the finished dial string (prefix and number format applied).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkNumber {
    /// Name of a configured `[[trunk]]`.
    pub trunk: String,
    /// User part of the Request-URI.
    pub number: String,
}

/// Where an outgoing call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Over the first of these trunks that is up and has room; over the next one when the network
    /// behind it fails before the called phone rings.
    Trunks(Vec<TrunkNumber>),
    /// A phone that registered with us, by its extension.
    Extension(String),
}

impl Destination {
    /// One way over one trunk.
    pub fn trunk(trunk: impl Into<String>, number: impl Into<String>) -> Self {
        Self::Trunks(vec![TrunkNumber {
            trunk: trunk.into(),
            number: number.into(),
        }])
    }
}

/// Caller identity shown to the called party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerId {
    /// User part of `From` and `P-Asserted-Identity`; empty = the trunk's, else `ringback`.
    pub number: String,
    /// Display name; empty = none.
    pub display_name: String,
}

/// What the detector has to find out about a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Analyse early media before the answer (`rb.cpd_early`).
    pub early: bool,
    /// Parameters and tone plan.
    pub settings: cpd::Settings,
}

/// An outgoing call.
#[derive(Clone, Debug)]
pub struct Originate {
    /// Key of the leg; a second `Originate` with the same key does nothing.
    pub call: CallId,
    /// Where to.
    pub destination: Destination,
    /// Who seems to call.
    pub caller_id: CallerId,
    /// The call is given up as "no answer" after this time without a final answer.
    pub ring_timeout: Duration,
    /// `None` = no detection: an answered call is reported by [`EventKind::Answered`] only.
    pub detection: Option<Detection>,
    /// Extra headers, e.g. attached data for an agent's phone. Names must start with `X-`.
    pub headers: Vec<(String, String)>,
}

/// How often a clip is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once, then silence and [`EventKind::Played`].
    Once,
    /// In a loop without a gap until stopped or replaced.
    Forever,
    /// As [`Self::Once`], but it stops as soon as the other side begins to press a digit.
    UntilDigit,
    /// Once, and nobody is told.
    Unreported,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordEnd {
    /// By silence, or on request.
    Done,
    /// At its longest duration.
    AtMax,
    /// The call ended: [`EventKind::Ended`] follows.
    CallOver,
}

/// A wish to keep what the other side says for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordOrder {
    /// Comes back in [`EventKind::Recorded`].
    pub token: u64,
    /// A tone of 250 ms before it begins; replaces what plays.
    pub beep: bool,
    /// Longest duration, ms.
    pub max_ms: u64,
    /// Silence after sound that ends it, ms.
    pub final_silence_ms: Option<u64>,
    /// Silence from the beginning after which there is no recording, ms.
    pub timeout_ms: u64,
}

/// Why we end a call; decides CANCEL, BYE or a final answer, and the Reason header (RFC 3326).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUpCause {
    /// Normal clearing (Q.850 16).
    Normal,
    /// The callback was given up while it rang.
    GivenUp,
    /// The called agent is no longer needed (customer left).
    NotNeeded,
}

/// What is needed to end a call that a crash left over (dialog identifiers of RFC 3261 §12).
///
/// A driver reports it with [`EventKind::Dialog`] whenever it changes; the engine stores it with
/// the dial intent and hands it back with [`Command::EndLeftover`] after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogRecord {
    /// SIP Call-ID.
    pub call_id: String,
    /// Whole `From` header value, tag included.
    pub from: String,
    /// Whole `To` header value; with a tag once the peer gave one.
    pub to: String,
    /// `Request-URI` of the INVITE.
    pub request_uri: String,
    /// Contact of the peer, once known.
    pub remote_target: Option<String>,
    /// Route set in the order to be sent.
    pub route_set: Vec<String>,
    /// `CSeq` number of the INVITE.
    pub cseq: u32,
    /// Via header of the INVITE, with its branch, needed for CANCEL (RFC 3261 §9.1).
    pub via: String,
    /// Transport address the INVITE went to, e.g. `udp:127.0.0.1:5080`.
    pub destination: String,
    /// The dialog is confirmed (2xx seen).
    pub confirmed: bool,
}

/// An account with which this endpoint registers at another server (trunk or simulated phone).
#[derive(Clone, Debug)]
pub struct Account {
    /// `sip:host:port` of the registrar.
    pub registrar: String,
    /// User part and digest user name.
    pub username: String,
    /// Digest password.
    pub password: String,
    /// Wished lifetime.
    pub expires: Duration,
}

/// What a driver can be asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Starts a call; idempotent per [`Originate::call`].
    Originate(Box<Originate>),
    /// Sends 180 on an incoming call.
    Ring {
        /// The incoming call.
        call: CallId,
    },
    /// Sends 183 with SDP on an incoming call, so that early media can be played.
    Progress {
        /// The incoming call.
        call: CallId,
    },
    /// Answers an incoming call with 200.
    Answer {
        /// The incoming call.
        call: CallId,
    },
    /// Refuses an incoming call.
    Reject {
        /// The incoming call.
        call: CallId,
        /// Final SIP status, 300–699.
        status: u16,
        /// Q.850 cause for the Reason header.
        q850: Option<u8>,
    },
    /// Plays a clip; replaces what plays. Ends with [`EventKind::Played`] unless `Forever`.
    Play {
        /// The call.
        call: CallId,
        /// Comes back in [`EventKind::Played`].
        token: u64,
        /// What to play.
        clip: Clip,
        /// Once or in a loop.
        repeat: Repeat,
    },
    /// Stops what plays; silence follows.
    Stop {
        /// The call.
        call: CallId,
    },
    /// Detects once more on an answered call. [`EventKind::Verdict`] follows.
    Detect {
        /// The call.
        call: CallId,
        /// Parameters and tone plan; times count from now.
        settings: Box<cpd::Settings>,
    },
    /// Records the other side; replaces a recording under way. [`EventKind::Recorded`] follows.
    Record {
        /// The call.
        call: CallId,
        /// What is wanted.
        order: RecordOrder,
    },
    /// Ends a recording.
    StopRecord {
        /// The call.
        call: CallId,
    },
    /// Sends digits (RFC 4733 when agreed, else in-band), 100 ms on and 60 ms off each.
    SendDigits {
        /// The call.
        call: CallId,
        /// `0-9*#A-D`.
        digits: String,
    },
    /// Joins the media of two answered calls; what plays on them stops.
    Bridge {
        /// One call.
        a: CallId,
        /// The other call.
        b: CallId,
    },
    /// Parts two bridged calls; both hear silence.
    Unbridge {
        /// One of the two.
        call: CallId,
    },
    /// Asks the other side of an answered call to call somebody else instead (REFER);
    /// [`EventKind::Referred`] follows unless the call ends.
    Refer {
        /// The call.
        call: CallId,
        /// User part of the address; the host is that of the other side.
        to: String,
        /// Headers for the call that follows.
        headers: Vec<(String, String)>,
    },
    /// Ends a call in whatever state it is; harmless when it is over already.
    HangUp {
        /// The call.
        call: CallId,
        /// Why.
        cause: HangUpCause,
    },
    /// Ends a call that a crash left over: CANCEL while early, BYE when confirmed or when its
    /// 200 arrives late. [`EventKind::Ended`] follows when that is done, or was given up because
    /// nobody answers; nothing else is reported.
    EndLeftover {
        /// The key that the leg had before the crash.
        call: CallId,
        /// Its dialog as it was reported last.
        record: Box<DialogRecord>,
    },
    /// Registers an account and keeps it registered.
    Register(Account),
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The other side: final failure or BYE.
    Remote,
    /// We did.
    Local,
}

/// Result of an attempt as the SIP side saw it (reference: telephony 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who.
    pub by: EndedBy,
    /// The call had been answered.
    pub answered: bool,
    /// Call state number of play-treatments §8 for a call that was never answered, e.g. 6 busy.
    pub call_state: u8,
    /// Fixed detail word of telephony §5.1, e.g. `busy`, `no_answer`, `unallocated`.
    pub detail: &'static str,
    /// Final SIP status, 0 when there was none.
    pub status: u16,
    /// Q.850 cause of the Reason header.
    pub q850: Option<u8>,
    /// Words of the peer beside the status, at most 128 characters; may name a number.
    pub reason: Option<String>,
    /// The last trunk that was tried.
    pub trunk: Option<String>,
}

/// Something waits until every clone of this is dropped.
#[derive(Clone, Debug)]
pub struct Hold(
    #[expect(dead_code, reason = "dropping it is what counts")] Option<Arc<oneshot::Sender<()>>>,
);

impl Hold {
    /// Nothing waits.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// A hold and what ends when it is dropped.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<()>) {
        let (sender, released) = oneshot::channel();
        (Self(Some(Arc::new(sender))), released)
    }
}

/// What happened on a call.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// 180 or 183 without media.
    Ringing,
    /// 183 (or 180) with SDP: the network plays something.
    EarlyMedia,
    /// The dialog record changed and is worth storing. Before an INVITE leaves, the driver waits
    /// until the hold is dropped: keep it until the record is durable, and a call that a crash
    /// leaves over can always be ended.
    Dialog(Box<DialogRecord>, Hold),
    /// The network behind the first trunk failed: the call goes over another one now.
    Rerouted(TrunkNumber),
    /// 200 OK, acknowledged; media runs.
    Answered {
        /// The ring timer's CANCEL crossed the 200 (`late_answer`).
        late: bool,
    },
    /// The detector's verdict; after a verdict of the stage before the answer the driver leaves
    /// the call alone: the engine decides.
    Verdict(Box<cpd::Verdict>),
    /// A machine's beep ended, or its greeting did.
    Beep {
        /// Frequency, Hz; 0 when none was heard.
        hz: f32,
        /// It sounded like an assistant that asks who is calling, and listens now.
        screening: bool,
    },
    /// A clip ended or was replaced or stopped.
    Played {
        /// Token of the [`Command::Play`].
        token: u64,
        /// It was played to its end.
        finished: bool,
    },
    /// A recording ended.
    Recorded {
        /// Token of the [`RecordOrder`].
        token: u64,
        /// What was said; nothing when there was no sound.
        clip: Option<Clip>,
        /// Why it ended.
        end: RecordEnd,
    },
    /// A DTMF digit arrived.
    Digit(char),
    /// What became of [`Command::Refer`].
    Referred {
        /// Somebody else has the other side now; the call still has to be ended.
        taken: bool,
        /// Status of the refusal or of the report.
        status: u16,
    },
    /// No packet for 60 s outside hold.
    MediaTimeout,
    /// Someone calls us. Sent before any other event of that call.
    Incoming {
        /// User part of the Request-URI.
        called: String,
        /// User part of From.
        calling: String,
        /// Headers whose name starts with `X-`.
        headers: Vec<(String, String)>,
    },
    /// The call is over; last event of a call.
    Ended(Ended),
}

/// What a driver reports.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something happened on a call.
    Call {
        /// Which.
        call: CallId,
        /// What.
        kind: EventKind,
    },
    /// A phone registered with us or its registration ended.
    Phone {
        /// Its extension.
        extension: String,
        /// It can be called now.
        registered: bool,
    },
    /// Our own registration changed ([`Command::Register`]).
    Account {
        /// User name of the account.
        username: String,
        /// Accepted by the registrar.
        registered: bool,
    },
    /// A trunk went up or down.
    Trunk {
        /// Name of the `[[trunk]]`.
        name: String,
        /// It takes calls.
        up: bool,
        /// Fixed word, see [`TrunkView::reason`].
        reason: &'static str,
    },
}

/// Whether a call finds room on a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// On this trunk; the place is held until the call ends.
    Taken(String),
    /// Not now; worth asking again after this time.
    Later(Duration),
    /// All trunks that are up carry as many calls as they may.
    Full,
    /// No trunk is up.
    Down,
    /// None of the names is a trunk.
    Unknown,
}

/// How a trunk stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrunkView {
    /// Name.
    pub name: String,
    /// It takes calls.
    pub up: bool,
    /// Why: `answers`, `no_answer`, `unavailable`, `calls_fail`, `registered`, `not_registered`,
    /// `retry`; empty before anything is known.
    pub reason: &'static str,
    /// For how long it has been up or down, ms.
    pub for_ms: u64,
    /// Calls on it.
    pub calls: u32,
    /// Most calls at once; 0 = no limit.
    pub max_calls: u32,
    /// New calls a second; 0 = no limit.
    pub cps: u32,
    /// Whether we are registered there; `None` when that is not asked for.
    pub registered: Option<bool>,
    /// Failures since the last success.
    pub failures: u32,
    /// When it is tried again, ms from now, while it is down.
    pub retry_in_ms: Option<u64>,
}

/// A command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The command queue is full ([`crate::limits::COMMAND_QUEUE_MAX`]).
    #[error("the telephony driver is overloaded")]
    Overloaded,
    /// The driver has stopped.
    #[error("the telephony driver has stopped")]
    Stopped,
}

/// Passwords of the phones that may register, by extension; read at each registration.
pub trait PhoneDirectory: Send + Sync + 'static {
    /// The password of an extension, `None` when no agent has it.
    fn password(&self, extension: &str) -> Option<String>;
}

/// Counters and the media clock of a driver, for `/metrics` and benches.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Call legs that are not over.
    pub legs: u64,
    /// Most legs at once since the start.
    pub legs_peak: u64,
    /// Dialogs the SIP stack holds.
    pub dialogs: u64,
    /// REGISTER requests with a wrong password or an unknown extension.
    pub logins_failed: u64,
    /// RTP packets sent.
    pub rtp_sent: u64,
    /// RTP packets received.
    pub rtp_received: u64,
    /// Packets missing by sequence number on the receiving side.
    pub rtp_lost: u64,
    /// 20 ms ticks served.
    pub ticks: u64,
    /// Ticks more than 10 ms late.
    pub late_ticks: u64,
    /// 99th percentile of lateness, ms.
    pub tick_p99_ms: f64,
    /// 99.9th percentile of lateness, ms.
    pub tick_p999_ms: f64,
    /// Greatest lateness, ms.
    pub tick_max_ms: f64,
}

/// A telephony driver.
pub trait Telephony: Send + Sync + fmt::Debug + 'static {
    /// Takes a command without waiting for its effect.
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the driver has stopped; nothing happened then.
    fn send(&self, command: Command) -> Result<(), Refused>;

    /// Current counters.
    fn stats(&self) -> Stats;

    /// Takes a place for a call on the first of the named trunks that is up and below its limits.
    /// A call that has a place keeps it; the place is given back with [`EventKind::Ended`], or
    /// with [`Self::release`] when the call is never made.
    fn reserve(&self, call: &CallId, trunks: &[&str]) -> Room;

    /// Gives back the place of a call that is not made after all.
    fn release(&self, call: &CallId);

    /// All trunks in order of preference.
    fn trunks(&self) -> Vec<TrunkView>;
}
