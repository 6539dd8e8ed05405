//! Builtin types by keys (`VoiceXML` 2.0, appendix P).

use super::{Conversion, Grammar, Step, key_bit};

const DIGITS: u16 = 0x03ff;
const STAR: u16 = 0x0400;
/// Longest input that a parameter can ask for.
const LENGTH_MAX: usize = 256;

/// Why there is no such builtin grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such type.
    Unknown,
    /// Parameters that contradict each other.
    Parameters,
}

impl Refused {
    /// Name and message of the event that says so.
    pub(crate) fn event(self, written: &str) -> (&'static str, String) {
        match self {
            Self::Unknown => (
                "error.unsupported.builtin",
                format!("there is no builtin grammar {written}"),
            ),
            Self::Parameters => (
                "error.badfetch",
                format!("the parameters of {written} make no sense"),
            ),
        }
    }
}

/// The grammar of `digits?minlength=1;maxlength=4` and the like.
pub(crate) fn builtin(written: &str) -> Result<Grammar, Refused> {
    let (name, parameters) = written.split_once('?').unwrap_or((written, ""));
    let parameters: Vec<(&str, &str)> = parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let get = |name: &str| {
        let found = parameters.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    };
    match name.trim() {
        "digits" => digits(get),
        "boolean" => boolean(get),
        "number" => Ok(Grammar::plain(decimal(), Conversion::Decimal)),
        "currency" => Ok(Grammar::plain(decimal(), Conversion::Decimal)),
        "date" => Ok(Grammar::plain(exactly(8), Conversion::Keys)),
        "time" => Ok(Grammar::plain(exactly(4), Conversion::Time)),
        "phone" => Ok(Grammar::plain(phone(), Conversion::Phone)),
        _ => Err(Refused::Unknown),
    }
}

fn digits<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Grammar, Refused> {
    let number = |name: &str| match get(name) {
        None => Ok(None),
        Some(text) => match text.parse::<usize>() {
            Ok(number) if (1..=LENGTH_MAX).contains(&number) => Ok(Some(number)),
            _ => Err(Refused::Parameters),
        },
    };
    let (length, least, most) = (
        number("length")?,
        number("minlength")?,
        number("maxlength")?,
    );
    let contradicts = length.is_some_and(|length| {
        least.is_some_and(|least| least > length) || most.is_some_and(|most| most < length)
    });
    let least = length.or(least).unwrap_or(1);
    let most = length.or(most);
    if contradicts || most.is_some_and(|most| most < least) {
        return Err(Refused::Parameters);
    }
    let mut steps = vec![Step::Key(DIGITS); least];
    match most {
        Some(most) => {
            let end = least + 2 * (most - least);
            for _ in least..most {
                steps.push(Step::Split(steps.len() + 1, end));
                steps.push(Step::Key(DIGITS));
            }
        }
        None => any_number(&mut steps),
    }
    steps.push(Step::Return);
    Ok(Grammar::plain(steps, Conversion::Keys))
}

fn boolean<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Grammar, Refused> {
    let key = |name: &str, default: char| {
        let mut keys = get(name).unwrap_or_default().chars();
        let key = keys.next().unwrap_or(default);
        match (key_bit(key), keys.next()) {
            (Some(bit), None) => Ok((key, bit)),
            _ => Err(Refused::Parameters),
        }
    };
    let (yes, no) = (key("y", '1')?, key("n", '2')?);
    if yes == no {
        return Err(Refused::Parameters);
    }
    let steps = vec![Step::Key(yes.1 | no.1), Step::Return];
    Ok(Grammar::plain(steps, Conversion::Boolean(yes.0)))
}

/// Any number of further digits.
fn any_number(steps: &mut Vec<Step>) {
    let start = steps.len();
    steps.push(Step::Split(start + 1, start + 3));
    steps.push(Step::Key(DIGITS));
    steps.push(Step::Jump(start));
}

/// Digits with a point among, before or behind them; at least one digit.
fn decimal() -> Vec<Step> {
    let mut steps = vec![Step::Split(1, 0)];
    steps.push(Step::Key(DIGITS));
    any_number(&mut steps);
    let ask = steps.len();
    steps.push(Step::Split(ask + 1, 0));
    steps.push(Step::Key(STAR));
    any_number(&mut steps);
    let end = steps.len();
    steps.push(Step::Return);
    let point_first = steps.len();
    steps.extend([Step::Key(STAR), Step::Key(DIGITS)]);
    any_number(&mut steps);
    steps.push(Step::Return);
    if let Some(step) = steps.get_mut(0) {
        *step = Step::Split(1, point_first);
    }
    if let Some(step) = steps.get_mut(ask) {
        *step = Step::Split(ask + 1, end);
    }
    steps
}

fn exactly(count: usize) -> Vec<Step> {
    let mut steps = vec![Step::Key(DIGITS); count];
    steps.push(Step::Return);
    steps
}

fn phone() -> Vec<Step> {
    let mut steps = vec![Step::Key(DIGITS)];
    any_number(&mut steps);
    let ask = steps.len();
    steps.extend([Step::Fail, Step::Key(STAR), Step::Key(DIGITS)]);
    any_number(&mut steps);
    let end = steps.len();
    steps.push(Step::Return);
    if let Some(step) = steps.get_mut(ask) {
        *step = Step::Split(ask + 1, end);
    }
    steps
}
