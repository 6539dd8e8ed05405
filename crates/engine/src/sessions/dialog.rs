//! Treatments of the dialog module: what plays, which digits count, when it is over.

use std::time::Duration;

use scxml::ActionElement;
use serde_json::{Value, json};

/// Most prompts of one treatment (ors-scxml §6).
const PROMPTS_MAX: usize = 10;
/// Time to enter digits when the element does not say, s.
const TOTAL_DEFAULT_S: f64 = 30.0;
/// Longest time of a treatment, s.
const TOTAL_MAX_S: f64 = 3_600.0;
/// Most digits of one input.
const DIGITS_MAX: u64 = 64;

/// A treatment that runs on a call.
#[derive(Debug, PartialEq)]
pub(super) struct Treatment {
    /// `requestid`.
    pub(super) request: String,
    /// The element: `play`, `playandcollect` ….
    pub(super) element: String,
    /// The session that asked.
    pub(super) session: String,
    /// What is still to be played, the next first.
    pub(super) prompts: Vec<String>,
    /// Number of what plays now, 0 when nothing does.
    pub(super) playing: u64,
    /// Number of the running timer, 0 when there is none.
    pub(super) timer: u64,
    /// It plays in a loop until its time is over.
    pub(super) forever: bool,
    /// Digits are collected.
    pub(super) input: Option<Input>,
    /// Time from the end of the prompts, or of the whole sound.
    pub(super) within: Option<Duration>,
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

impl Treatment {
    /// Reads an element.
    ///
    /// # Errors
    /// The error word of the module with a description.
    pub(super) fn read(
        element: &ActionElement,
        session: &str,
        request: &str,
    ) -> Result<Self, (&'static str, String)> {
        let mut treatment = Self {
            request: request.to_owned(),
            element: element.name.clone(),
            session: session.to_owned(),
            prompts: Vec::new(),
            playing: 0,
            timer: 0,
            forever: false,
            input: None,
            within: None,
        };
        match element.name.as_str() {
            "play" | "playandcollect" | "collect" => {
                for prompts in element.children.iter().filter(|c| c.name == "prompts") {
                    for prompt in prompts.children.iter().filter(|c| c.name == "prompt") {
                        treatment.prompts.push(source(prompt)?);
                    }
                }
                if treatment.prompts.len() > PROMPTS_MAX {
                    let why = format!("more than {PROMPTS_MAX} prompts");
                    return Err(("invalidattribute", why));
                }
                if element.name != "play" {
                    treatment.read_input(element)?;
                } else if treatment.prompts.is_empty() {
                    return Err(("invalidattribute", "there is no prompt".to_owned()));
                }
            }
            _ => treatment.read_sound(element)?,
        }
        Ok(treatment)
    }

    fn read_input(&mut self, element: &ActionElement) -> Result<(), (&'static str, String)> {
        let given = element.children.iter().find(|child| child.name == "input");
        let text = |name: &str| {
            let value = given.and_then(|input| input.attribute(name));
            value.map(plain).unwrap_or_default()
        };
        let max = match text("max_digits").as_str() {
            "" => DIGITS_MAX,
            digits => digits.parse().unwrap_or(0),
        };
        if !(1..=DIGITS_MAX).contains(&max) {
            let why = format!("max_digits is 1 to {DIGITS_MAX}");
            return Err(("invalidattribute", why));
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

    fn read_sound(&mut self, element: &ActionElement) -> Result<(), (&'static str, String)> {
        let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
        let kind = text("type");
        match kind.as_str() {
            "music" | "" => {
                let resource = text("resource");
                let source = match resource.as_str() {
                    "" => callback::treatment::WAITING_DEFAULT.to_owned(),
                    _ => checked(&resource)?,
                };
                self.prompts.push(source);
                self.forever = true;
            }
            "silence" => {}
            other => {
                let why = format!("the sound {other} is not built; music and silence are");
                return Err(("notsupported", why));
            }
        }
        let duration = text("duration");
        if !duration.is_empty() || kind == "silence" {
            self.within = Some(seconds(&duration, TOTAL_DEFAULT_S)?);
        }
        Ok(())
    }

    /// Takes a digit.
    pub(super) fn press(&mut self, digit: char) -> Pressed {
        let Some(input) = &mut self.input else {
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
        failed(&self.element, &self.request, error, description)
    }
}

/// The error event of an element of the dialog module.
pub(super) fn failed(element: &str, request: &str, error: &str, why: &str) -> (String, Value) {
    let data = json!({"requestid": request, "error": error, "description": why});
    (format!("error.dialog.{element}"), data)
}

/// A prompt names a file of `media.treatments_dir` or a URL; a bare number is `<number>.wav`.
fn source(prompt: &ActionElement) -> Result<String, (&'static str, String)> {
    let text = |name: &str| prompt.attribute(name).map(plain).unwrap_or_default();
    for name in ["userannid", "intid"] {
        let id = text(name);
        if id.is_empty() {
            continue;
        }
        let named = id.contains('.') || id.contains('/');
        return checked(&if named { id } else { format!("{id}.wav") });
    }
    let why = "a prompt needs userannid or intid: text is not spoken here";
    Err(("notsupported", why.to_owned()))
}

fn checked(source: &str) -> Result<String, (&'static str, String)> {
    use callback::treatment::Treatment;
    match Treatment::parse(source, None) {
        Ok(Treatment::Play { source, .. }) => Ok(source),
        Ok(Treatment::Off) => Err(("invalidattribute", "nothing is to be played".to_owned())),
        Err(why) => Err(("invalidattribute", why)),
    }
}

fn seconds(text: &str, default_s: f64) -> Result<Duration, (&'static str, String)> {
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
mod tests {
    use super::*;

    fn element(
        name: &str,
        attributes: &[(&str, Value)],
        children: Vec<ActionElement>,
    ) -> ActionElement {
        let text = |(n, v): &(&str, Value)| ((*n).to_owned(), v.clone());
        ActionElement {
            name: name.to_owned(),
            attributes: attributes.iter().map(text).collect(),
            params: Vec::new(),
            content: None,
            children,
        }
    }

    fn collect(input: &[(&str, Value)]) -> Result<Treatment, (&'static str, String)> {
        let prompt = element("prompt", &[("userannid", json!("press-1.wav"))], vec![]);
        let prompts = element("prompts", &[("type", json!("ann"))], vec![prompt]);
        let input = element("input", input, vec![]);
        let whole = element("playandcollect", &[], vec![prompts, input]);
        Treatment::read(&whole, "s", "r")
    }

    #[test]
    fn digits_are_collected_until_they_are_complete() {
        let mut one =
            collect(&[("max_digits", json!(1.0)), ("total_timeout", json!("5s"))]).unwrap();
        assert_eq!(one.prompts, ["press-1.wav"]);
        assert_eq!(one.within, Some(Duration::from_secs(5)));
        assert_eq!(one.press('1'), Pressed::Complete);
        let (name, data) = one.done();
        assert_eq!(name, "dialog.playandcollect.done");
        assert_eq!(data, json!({"requestid": "r", "digits": "1"}));
        let mut many =
            collect(&[("term_digits", json!("#")), ("abort_digits", json!("*"))]).unwrap();
        assert_eq!(
            (many.press('4'), many.press('2')),
            (Pressed::Counts, Pressed::Counts)
        );
        assert_eq!(many.press('#'), Pressed::Complete);
        assert_eq!(many.done().1["digits"], "42");
        assert_eq!(many.press('*'), Pressed::Aborted);
    }

    #[test]
    fn what_cannot_be_done_is_said_by_name() {
        assert_eq!(
            collect(&[("max_digits", json!(0))]).unwrap_err().0,
            "invalidattribute"
        );
        assert_eq!(
            collect(&[("total_timeout", json!("soon"))]).unwrap_err().0,
            "invalidattribute"
        );
        let spoken = element("prompt", &[("text", json!("Hello"))], vec![]);
        let prompts = element("prompts", &[("type", json!("tts"))], vec![spoken]);
        let play = element("play", &[], vec![prompts]);
        assert_eq!(
            Treatment::read(&play, "s", "r").unwrap_err().0,
            "notsupported"
        );
        let busy = element("playsound", &[("type", json!("busy"))], vec![]);
        assert_eq!(
            Treatment::read(&busy, "s", "r").unwrap_err().0,
            "notsupported"
        );
        let outside = element("prompt", &[("userannid", json!("../x.wav"))], vec![]);
        let prompts = element("prompts", &[], vec![outside]);
        let play = element("play", &[], vec![prompts]);
        assert_eq!(
            Treatment::read(&play, "s", "r").unwrap_err().0,
            "invalidattribute"
        );
        let number = element("prompt", &[("intid", json!(17))], vec![]);
        assert_eq!(source(&number), Ok("17.wav".to_owned()));
    }
}
