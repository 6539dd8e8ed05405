//! Treatments of the dialog module: what plays, which digits count, when it is over.

use std::collections::VecDeque;
use std::time::Duration;

use scxml::ActionElement;
use serde_json::{Map, Value, json};
use telephony::media::audio::Clip;
use telephony::media::tone;

use super::interactions::device;

/// Most prompts of one treatment (ors-scxml §6).
const PROMPTS_MAX: usize = 10;
/// Time to enter digits when the element does not say, s.
const TOTAL_DEFAULT_S: f64 = 30.0;
/// Longest time of a treatment, s.
const TOTAL_MAX_S: f64 = 3_600.0;
/// A pause that does not say how long it is, s.
const PAUSE_DEFAULT_S: f64 = 1.0;
/// How often digits may be entered when the element does not say.
const ATTEMPTS_DEFAULT: u64 = 3;
/// How often digits may be entered at most.
const ATTEMPTS_MAX: u64 = 20;
/// Most digits of one input.
const DIGITS_MAX: u64 = 64;

/// A treatment that runs on a call.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Treatment {
    /// `requestid`.
    pub(super) request: String,
    /// The element: `play`, `playandcollect` ….
    pub(super) element: String,
    /// The session that asked.
    pub(super) session: String,
    /// It is one of a series: it has no events.
    pub(super) is_silent: bool,
    /// What is still to be played, the next first.
    pub(super) prompts: VecDeque<Prompt>,
    /// Number of what plays now, 0 when nothing does.
    pub(super) playing: u64,
    /// A key does not stop what plays now.
    pub(super) goes_on: bool,
    /// Number of the running timer, 0 when there is none.
    pub(super) timer: u64,
    /// It plays in a loop until its time is over.
    pub(super) forever: bool,
    /// Digits are collected.
    pub(super) input: Option<Input>,
    /// Digits are held against these.
    pub(super) verify: Option<Verify>,
    /// What is played when it is known how it ends.
    pub(super) reactions: Reactions,
    /// How it ends once its last prompts are over.
    pub(super) closing: Option<Closing>,
    /// Time from the end of the prompts, or of the whole sound.
    pub(super) within: Option<Duration>,
    /// Address and data of an application that is to begin.
    pub(super) application: Option<(String, Map<String, Value>)>,
    /// A destination that treats the call, and another when that cannot be reached.
    pub(super) remote: Option<(String, String)>,
}

/// Something to be heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prompt {
    pub(super) sound: Sound,
    /// A key does not stop it.
    pub(super) goes_on: bool,
}

/// What is heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sound {
    /// A file or URL.
    File(String),
    /// A text in a language, to be spoken.
    Text(String, String),
    /// A tone of the network.
    Tone(Tone),
}

/// Tones of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Ringback,
    Busy,
    FastBusy,
}

impl Tone {
    /// One cycle of it.
    pub(super) fn clip(self) -> Clip {
        Clip::from_samples(match self {
            Self::Ringback => tone::ring(6_000),
            Self::Busy => tone::busy(1_000),
            Self::FastBusy => tone::congestion(500),
        })
    }
}

/// Which digits count.
#[derive(Debug, PartialEq)]
pub(super) struct Input {
    max: usize,
    term: String,
    abort: String,
    /// Those that came.
    pub(super) digits: String,
}

/// What digits are held against.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verify {
    /// Those that are right.
    expected: String,
    /// How often they may still be entered.
    attempts: u64,
}

/// Prompts of the types that tell how it went.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reactions {
    retry: VecDeque<Prompt>,
    failure: VecDeque<Prompt>,
    success: VecDeque<Prompt>,
    timeout: VecDeque<Prompt>,
}

/// How a treatment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// As it was meant.
    Done,
    /// With an error word and a description.
    Failed(&'static str, String),
}

/// What a digit does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// Nothing yet; the prompt stops.
    Counts,
    /// The input is complete.
    Complete,
    /// The customer gives up.
    Aborted,
    /// Nobody collects.
    Ignored,
}

/// An error word with a description.
type Refusal = (&'static str, String);

fn invalid<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(("invalidattribute", why.into()))
}

impl Treatment {
    /// Reads an element; `speaks` = texts can be spoken.
    ///
    /// # Errors
    /// The error word of the module with a description.
    pub(super) fn read(
        element: &ActionElement,
        session: &str,
        request: &str,
        speaks: bool,
    ) -> Result<Self, Refusal> {
        let mut treatment = Self {
            request: request.to_owned(),
            element: element.name.clone(),
            session: session.to_owned(),
            ..Self::default()
        };
        let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
        match element.name.as_str() {
            "start" => match super::application::wanted(element) {
                Ok(wanted) => treatment.application = Some(wanted),
                Err(why) => return invalid(why),
            },
            "remote" => {
                let destination = device(element.attribute("destination"));
                if destination.is_empty() {
                    return invalid("there is no destination");
                }
                treatment.remote = Some((destination, device(element.attribute("default"))));
            }
            "pause" => {
                treatment.within = Some(seconds(&text("duration"), PAUSE_DEFAULT_S)?);
            }
            "playsound" => treatment.read_sound(element)?,
            name => {
                treatment.read_prompts(element, speaks)?;
                if name != "play" {
                    treatment.read_input(element)?;
                } else if treatment.prompts.is_empty() {
                    return invalid("there is no prompt");
                }
                if name == "playandverify" {
                    treatment.read_verify(element)?;
                }
            }
        }
        Ok(treatment)
    }

    fn read_prompts(&mut self, element: &ActionElement, speaks: bool) -> Result<(), Refusal> {
        let language = element.attribute("language").map(plain).unwrap_or_default();
        for group in element.children.iter().filter(|c| c.name == "prompts") {
            let kind = group.attribute("type").map(plain).unwrap_or_default();
            let reactions = &mut self.reactions;
            let list = match kind.as_str() {
                "" | "ann" | "tts" => &mut self.prompts,
                // A play has nothing to react to: it plays what it is given.
                "iretry" | "ifailure" | "isuccess" | "itimeout" if element.name == "play" => {
                    &mut self.prompts
                }
                "iretry" => &mut reactions.retry,
                "ifailure" => &mut reactions.failure,
                "isuccess" => &mut reactions.success,
                "itimeout" => &mut reactions.timeout,
                other => return invalid(format!("there are no prompts of the type {other}")),
            };
            for prompt in group.children.iter().filter(|c| c.name == "prompt") {
                let sound = sound(prompt, &language, speaks)?;
                let interrupt = prompt.attribute("interrupt").map(plain);
                let goes_on = interrupt.as_deref() == Some("false");
                list.push_back(Prompt { sound, goes_on });
            }
            if list.len() > PROMPTS_MAX {
                return invalid(format!("more than {PROMPTS_MAX} prompts"));
            }
        }
        Ok(())
    }

    fn read_input(&mut self, element: &ActionElement) -> Result<(), Refusal> {
        let text = |name: &str| input_text(element, name);
        let max = match text("max_digits").as_str() {
            "" => DIGITS_MAX,
            digits => digits.parse().unwrap_or(0),
        };
        if !(1..=DIGITS_MAX).contains(&max) {
            return invalid(format!("max_digits is 1 to {DIGITS_MAX}"));
        }
        self.within = Some(seconds(&text("total_timeout"), TOTAL_DEFAULT_S)?);
        self.input = Some(Input {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            term: text("term_digits"),
            abort: text("abort_digits"),
            digits: String::new(),
        });
        Ok(())
    }

    fn read_verify(&mut self, element: &ActionElement) -> Result<(), Refusal> {
        let text = |name: &str| input_text(element, name);
        let expected = text("verify_digits");
        let is_digit = |c: char| c.is_ascii_digit() || c == '*' || c == '#';
        if expected.is_empty() || !expected.chars().all(is_digit) {
            return invalid("verify_digits has to name the digits that are right");
        }
        let attempts = match text("attempts").as_str() {
            "" => ATTEMPTS_DEFAULT,
            attempts => attempts.parse().unwrap_or(0),
        };
        if !(1..=ATTEMPTS_MAX).contains(&attempts) {
            return invalid(format!("attempts is 1 to {ATTEMPTS_MAX}"));
        }
        if self.reactions.retry.is_empty() {
            self.reactions.retry = self.prompts.clone();
        }
        self.verify = Some(Verify { expected, attempts });
        Ok(())
    }

    fn read_sound(&mut self, element: &ActionElement) -> Result<(), Refusal> {
        let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
        let kind = text("type");
        let sound = match kind.as_str() {
            "music" | "" => {
                let resource = text("resource");
                Some(Sound::File(match resource.as_str() {
                    "" => callback::treatment::WAITING_DEFAULT.to_owned(),
                    _ => checked(&resource)?,
                }))
            }
            "ringback" => Some(Sound::Tone(Tone::Ringback)),
            "busy" => Some(Sound::Tone(Tone::Busy)),
            "fastbusy" => Some(Sound::Tone(Tone::FastBusy)),
            "silence" => None,
            other => return invalid(format!("there is no sound {other}")),
        };
        self.forever = sound.is_some();
        let goes_on = false;
        self.prompts
            .extend(sound.map(|sound| Prompt { sound, goes_on }));
        let duration = text("duration");
        if !duration.is_empty() || kind == "silence" {
            self.within = Some(seconds(&duration, TOTAL_DEFAULT_S)?);
        }
        Ok(())
    }

    /// Takes a digit.
    pub(super) fn press(&mut self, digit: char) -> Pressed {
        let Some(input) = self.input.as_mut().filter(|_| self.closing.is_none()) else {
            return Pressed::Ignored;
        };
        if input.abort.contains(digit) {
            return Pressed::Aborted;
        }
        if input.term.contains(digit) {
            return Pressed::Complete;
        }
        input.digits.push(digit);
        if input.digits.len() >= input.max {
            Pressed::Complete
        } else {
            Pressed::Counts
        }
    }

    /// The input is complete: how it ends, or `None` when the customer tries again.
    pub(super) fn judge(&mut self) -> Option<Closing> {
        let (Some(verify), Some(input)) = (&mut self.verify, &mut self.input) else {
            return Some(Closing::Done);
        };
        if input.digits == verify.expected {
            return Some(Closing::Done);
        }
        verify.attempts -= 1;
        if verify.attempts == 0 {
            let why = "these digits are not the right ones".to_owned();
            return Some(Closing::Failed("unknown", why));
        }
        input.digits.clear();
        self.prompts.clone_from(&self.reactions.retry);
        None
    }

    /// What is played before it ends so.
    pub(super) fn last_prompts(&mut self, closing: &Closing) -> VecDeque<Prompt> {
        let reactions = &mut self.reactions;
        std::mem::take(match closing {
            Closing::Done => &mut reactions.success,
            Closing::Failed("timeout", _) => &mut reactions.timeout,
            Closing::Failed(..) => &mut reactions.failure,
        })
    }

    /// The event of its good end.
    pub(super) fn done(&self) -> (String, Value) {
        let mut data = json!({"requestid": self.request});
        if let Some(input) = &self.input {
            data["digits"] = Value::from(input.digits.as_str());
        }
        (format!("dialog.{}.done", self.element), data)
    }

    /// The event of its bad end.
    pub(super) fn failed(&self, error: &str, description: &str) -> (String, Value) {
        let (name, mut data) = failed(&self.element, &self.request, error, description);
        if let Some(input) = self.verify.as_ref().and(self.input.as_ref()) {
            data["digits"] = Value::from(input.digits.as_str());
        }
        (name, data)
    }
}

/// An attribute of `<dialog:input>`.
fn input_text(element: &ActionElement, name: &str) -> String {
    let given = element.children.iter().find(|child| child.name == "input");
    let value = given.and_then(|input| input.attribute(name));
    value.map(plain).unwrap_or_default()
}

/// The error event of an element of the dialog module.
pub(super) fn failed(element: &str, request: &str, error: &str, why: &str) -> (String, Value) {
    let data = json!({"requestid": request, "error": error, "description": why});
    (format!("error.dialog.{element}"), data)
}

/// A prompt names a file of `media.treatments_dir` or a URL; a bare number is `<number>.wav`.
/// Texts, and numbers digit by digit, are spoken.
fn sound(prompt: &ActionElement, language: &str, speaks: bool) -> Result<Sound, Refusal> {
    let text = |name: &str| prompt.attribute(name).map(plain).unwrap_or_default();
    for name in ["userannid", "intid"] {
        let id = text(name);
        if id.is_empty() {
            continue;
        }
        let named = id.contains('.') || id.contains('/');
        return checked(&if named { id } else { format!("{id}.wav") }).map(Sound::File);
    }
    let number = text("number");
    let spoken = if number.is_empty() {
        text("text")
    } else {
        number.chars().flat_map(|digit| [digit, ' ']).collect()
    };
    if spoken.trim().is_empty() {
        return invalid("a prompt needs userannid, intid, number or text");
    }
    if !speaks {
        let why = "text is not spoken here: vxml.tts is none";
        return Err(("notsupported", why.to_owned()));
    }
    Ok(Sound::Text(spoken.trim().to_owned(), language.to_owned()))
}

fn checked(source: &str) -> Result<String, Refusal> {
    use callback::treatment::Treatment;
    match Treatment::parse(source, None) {
        Ok(Treatment::Play { source, .. }) => Ok(source),
        Ok(Treatment::Off) => invalid("nothing is to be played"),
        Err(why) => invalid(why),
    }
}

fn seconds(text: &str, default_s: f64) -> Result<Duration, Refusal> {
    if text.is_empty() {
        return Ok(Duration::from_secs_f64(default_s));
    }
    let value: Option<f64> = text.trim().trim_end_matches('s').parse().ok();
    value
        .filter(|s| (0.0..=TOTAL_MAX_S).contains(s))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| ("invalidattribute", format!("{text} is no time in seconds")))
}

/// A value as text.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => {
            // Scripts have one kind of number.
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
