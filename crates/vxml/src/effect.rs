//! What a session wants from the world, and what the world tells it.

use std::fmt;

use serde_json::{Map, Value as Json};

use crate::model::TransferKind;

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Get something by its address; the answer is [`Input::Fetched`].
    Fetch(Box<FetchRequest>),
    /// Play prompts one after the other; the answer is [`Input::Played`] or [`Input::Unplayable`].
    Play(Play),
    /// Stop playing; no answer is expected.
    StopPlay(u64),
    /// Record the caller; the answer is [`Input::Recorded`].
    Record(RecordRequest),
    /// End a recording; the answer is still [`Input::Recorded`].
    StopRecord(u64),
    /// Pass the call on; the answer is [`Input::Transferred`].
    Transfer(Box<TransferRequest>),
    /// End a bridge; the answer is still [`Input::Transferred`].
    StopTransfer(u64),
    /// Data for the orchestration session (`gvp:send`).
    Send(Message),
    /// A line of the log.
    Log(LogLine),
    /// What the session does, for people who watch it.
    Trace(Trace),
    /// The end; nothing follows.
    Ended(Box<Ending>),
}

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// Answer to [`Effect::Fetch`].
    Fetched {
        /// Which request.
        id: u64,
        /// What came back.
        answer: Result<Answer, FetchError>,
    },
    /// A play begins to be heard.
    Begun {
        /// Which play.
        id: u64,
        /// Its marks in their order.
        marks: Vec<Mark>,
    },
    /// All of [`Effect::Play`] was played.
    Played(u64),
    /// Audio could not be had and the text in its place cannot be spoken.
    Unplayable(u64),
    /// Text of [`Effect::Play`] cannot be spoken in its language.
    NoVoice {
        /// Which play.
        id: u64,
        /// The language.
        lang: String,
    },
    /// The caller pressed a key: `0` to `9`, `*`, `#`, `A` to `D`; others are ignored.
    Key(char),
    /// The caller hung up.
    Hangup,
    /// The time of [`crate::Session::next_time`] has come; also harmless at any other time.
    Time,
    /// A recording ended.
    Recorded {
        /// Which one.
        id: u64,
        /// What it is.
        recording: Recording,
    },
    /// A transfer ended or failed.
    Transferred {
        /// Which one.
        id: u64,
        /// How it went.
        outcome: TransferOutcome,
    },
    /// Data from the orchestration session (`gvp:receive`).
    Message(Message),
    /// The time limit of the application is over: it ends without further events.
    Stop,
}

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchKind {
    /// A page.
    Document,
    /// A script file.
    Script,
    /// A grammar file.
    Grammar,
    /// The answer to `<data>`.
    Data,
}

/// A request for something by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Comes back with the answer.
    pub id: u64,
    /// What it is; answers larger than the limit of its kind are refused.
    pub kind: FetchKind,
    /// Absolute address without a fragment.
    pub url: String,
    /// What is sent; nothing means GET.
    pub body: Option<Body>,
    /// Longest wait, ms.
    pub timeout_ms: u64,
    /// Oldest copy that may be used, s; none means any that is fresh.
    pub max_age_s: Option<u64>,
    /// How long beyond its time a copy may be used, s.
    pub max_stale_s: Option<u64>,
}

/// The body of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// `application/x-www-form-urlencoded`.
    Form(String),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
}

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the field.
    pub name: String,
    /// Its value, or the handle of a recording.
    pub value: PartValue,
}

/// Value of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartValue {
    /// A text.
    Text(String),
    /// The handle that [`Recording`] came with.
    Recording(String),
}

/// An answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Where it came from after redirections; empty for the address of the request.
    pub url: String,
    /// Type of the body as the server says it.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// Status of HTTP when it got that far.
    pub status: Option<u16>,
    /// The answer came and may not be used (access control of `<data>`).
    pub forbidden: bool,
    /// What is wrong.
    pub message: String,
}

/// Prompts to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// Comes back when done.
    pub id: u64,
    /// In this order.
    pub prompts: Vec<Spoken>,
    /// The session stops it as soon as a key comes.
    pub barge_in: bool,
    /// It begins again at its end until [`Effect::StopPlay`]; no answer but
    /// [`Input::Unplayable`] is expected.
    pub repeats: bool,
}

/// One prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Language for the synthesiser.
    pub lang: Option<String>,
    /// In this order.
    pub segments: Vec<Segment>,
}

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text for the synthesiser.
    Speech {
        /// As markup, without the element around it.
        ssml: String,
        /// Words only.
        text: String,
    },
    /// Audio by its address, and what is played when it cannot be had.
    Audio {
        /// Absolute address.
        url: String,
        /// May be empty: then nothing is played.
        fallback: Vec<Self>,
        /// How it is fetched.
        fetch: AudioFetch,
    },
    /// A recording of this session by its handle.
    Recording(String),
    /// Silence in ms.
    Break(u32),
    /// A place that the host may report.
    Mark(String),
}

/// A place in a play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub name: String,
    /// ms after the beginning.
    pub at_ms: u64,
}

/// How audio is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioFetch {
    /// Longest wait, ms; none means that of the host.
    pub timeout_ms: Option<u64>,
    /// Oldest copy that may be used, s; none means any that is fresh.
    pub max_age_s: Option<u64>,
    /// How long beyond its time a copy may be used, s.
    pub max_stale_s: Option<u64>,
}

/// A wish to record the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRequest {
    /// Comes back with the recording.
    pub id: u64,
    /// A tone before it begins.
    pub beep: bool,
    /// Longest duration, ms; the host ends it then.
    pub max_time_ms: u64,
    /// Silence that ends it, ms; none means only keys and the duration do.
    pub final_silence_ms: Option<u64>,
    /// Silence from the beginning after which there is no recording, ms.
    pub timeout_ms: u64,
    /// `audio/x-wav`, `audio/basic` or another name of G.711.
    pub kind: String,
}

/// A recording that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Names it in later effects; empty when there was no sound at all.
    pub handle: String,
    /// ms.
    pub duration_ms: u64,
    /// Bytes.
    pub size: u64,
    /// It was cut at its longest duration.
    pub at_max_time: bool,
}

/// A wish to pass the call on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRequest {
    /// Comes back with the outcome.
    pub id: u64,
    /// `tel:` or `sip:`.
    pub destination: String,
    /// How.
    pub kind: TransferKind,
    /// Longest wait for an answer, ms.
    pub connect_timeout_ms: Option<u64>,
    /// Longest duration of a bridge, ms; none is without end.
    pub max_time_ms: Option<u64>,
    /// Audio until the other side answers.
    pub audio: Option<String>,
    /// Data for the other side.
    pub aai: Option<String>,
}

/// How a transfer went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The caller has left for the other side: the page gets `connection.disconnect.transfer`.
    Left,
    /// A bridge or an attempt ended.
    Ended {
        /// `busy`, `noanswer`, `network_busy`, `near_end_disconnect`, `far_end_disconnect`,
        /// `network_disconnect`, `maxtime_disconnect` or `unknown`.
        result: String,
        /// ms.
        duration_ms: u64,
    },
    /// It failed; the last parts of an event behind `error.connection.`, e.g. `noroute`.
    Failed(String),
}

/// Data for the orchestration session, or from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Name of the event, when it has one.
    pub event: Option<String>,
    /// The data.
    pub data: Json,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// What the page calls it.
    pub label: Option<String>,
    /// `gvp:level`.
    pub level: Option<String>,
    /// The text.
    pub text: String,
}

/// What a session does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// A jump to a page or dialog.
    Goto(String),
    /// An event was thrown.
    Event {
        /// Its name.
        name: String,
        /// Its message.
        message: String,
    },
    /// Keys became an input.
    Input {
        /// The keys.
        keys: String,
        /// Whether a grammar took them.
        matched: bool,
    },
    /// Something a person should know, e.g. a grammar for speech that is not used.
    Warning(String),
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// An answer to [`Effect::Fetch`].
    Fetch,
    /// Prompts are played and no input is wanted.
    Play,
    /// Keys; prompts may be playing.
    Input,
    /// A recording.
    Record,
    /// A transfer.
    Transfer,
    /// A message of `gvp:receive`.
    Message,
    /// Nothing: it ended.
    Nothing,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `<exit>`.
    Exit {
        /// Variables of `namelist`.
        names: Map<String, Json>,
        /// Value of `expr`.
        value: Option<Json>,
    },
    /// `<disconnect>`: the call is to be released.
    Disconnect {
        /// Variables of `namelist`.
        names: Map<String, Json>,
    },
    /// Nothing was left to do.
    End,
    /// The caller hung up and no handler ended the page.
    Hangup,
    /// The caller was passed on and no handler ended the page.
    Transferred,
    /// An event that no handler took.
    Error {
        /// Its name.
        event: String,
        /// Its message.
        message: String,
    },
    /// [`Input::Stop`].
    Stopped,
}

impl Ending {
    /// The variables that came with the end.
    pub fn names(&self) -> Option<&Map<String, Json>> {
        match self {
            Self::Exit { names, .. } | Self::Disconnect { names } => Some(names),
            _ => None,
        }
    }

    /// The result of a treatment: the variable `treatment_result`, or the value of `expr`, as an
    /// object or as the JSON text of one.
    pub fn treatment_result(&self) -> Option<Map<String, Json>> {
        let named = self.names().and_then(|names| names.get("treatment_result"));
        let value = match self {
            Self::Exit { value, .. } => value.as_ref(),
            _ => None,
        };
        match named.or(value)? {
            Json::Object(members) => Some(members.clone()),
            Json::String(text) => match serde_json::from_str(text).ok()? {
                Json::Object(members) => Some(members),
                _ => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exit { .. } => "exit",
            Self::Disconnect { .. } => "disconnect",
            Self::End => "end",
            Self::Hangup => "hangup",
            Self::Transferred => "transfer",
            Self::Error { .. } => "error",
            Self::Stopped => "timeout",
        })
    }
}
