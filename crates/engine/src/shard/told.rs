//! What the log says of plugins and submissions that do not work, without numbers of customers.

use callback::Callback;
use callback::events::{Event, EventId};
use serde_json::Value;

/// Warns of what costs every callback of a service: a plugin that does not work, a callback that
/// nobody takes for execution.
pub(super) fn warn_of(callback: &Callback, event: &Event) {
    let text = |key| event.data.get(key).and_then(Value::as_str);
    let what = match event.id {
        EventId::PluginProblem => "a plugin did not answer as it should",
        EventId::CallbackSubmitFailed => "a callback cannot be handed over for execution",
        _ => return,
    };
    tracing::warn!(
        callback.id = %callback.id,
        service = %callback.service(),
        address = text("address"),
        detail = text("detail"),
        why = text("why").map(without_numbers),
        "{what}"
    );
}

/// A text whose long runs of digits, which may be a customer's number, are masked.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| !c.is_ascii_digit() && !"-. ()/".contains(c))
            .unwrap_or(from.len());
        let (run, _) = from.split_at(end);
        let run = run.trim_end_matches(|c: char| !c.is_ascii_digit());
        let after = from.get(run.len()..).unwrap_or_default();
        let digits = run.chars().filter(char::is_ascii_digit).count();
        out.push_str(before);
        out.push_str(if digits > 5 { "***" } else { run });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_without_numbers() {
        for (text, expected) in [
            ("status 404", "status 404"),
            ("+4930555010 is not allowed", "+*** is not allowed"),
            ("no answer within 30 s", "no answer within 30 s"),
            ("call 030 / 555-010, please", "call ***, please"),
        ] {
            assert_eq!(without_numbers(text), expected);
        }
    }
}
