//! What the end of an application means for the callback (vxml.md §6).

use callback::plugin::{Action, Answer};
use vxml::Ending;

/// What the callback is told.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// An answer as of a plugin.
    Answer(Box<Answer>),
    /// The customer hung up and the application says nothing about it.
    HungUp,
    /// There is no usable result.
    Fault {
        /// Fixed detail word.
        detail: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The callback goes on without the application already.
    Nothing,
}

/// Reads an ending. `documents` counts the pages that were entered.
pub(super) fn of(ending: &Ending, hung_up: bool, documents: u32) -> Outcome {
    if let Some(result) = ending.treatment_result() {
        return match Answer::parse(&result) {
            Ok(answer) => answered(answer, ending),
            Err(error) => fault("vxml_bad_result", error.message),
        };
    }
    match ending {
        Ending::Stopped | Ending::Transferred => Outcome::Nothing,
        _ if hung_up => Outcome::HungUp,
        Ending::Hangup => Outcome::HungUp,
        Ending::Disconnect { .. } => Outcome::Answer(Box::new(Answer::new(Action::Cancel))),
        Ending::Error { event, message } if documents == 0 => {
            fault("vxml_start_failed", format!("{event}: {message}"))
        }
        Ending::Error { event, message } => fault("vxml_error", format!("{event}: {message}")),
        Ending::Exit { .. } | Ending::End => fault(
            "vxml_no_result",
            "it ended without treatment_result".to_owned(),
        ),
    }
}

fn answered(answer: Answer, ending: &Ending) -> Outcome {
    let releases = matches!(ending, Ending::Disconnect { .. });
    if releases && answer.action.needs_call() {
        let why = format!(
            "it released the call and answered {}",
            answer.action.as_str()
        );
        return fault("vxml_bad_result", why);
    }
    Outcome::Answer(Box::new(answer))
}

const fn fault(detail: &'static str, why: String) -> Outcome {
    Outcome::Fault { detail, why }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn names(result: Value) -> Map<String, Value> {
        let mut names = Map::new();
        names.insert("other".to_owned(), Value::from(1));
        names.insert("treatment_result".to_owned(), result);
        names
    }

    fn exit(result: Value) -> Ending {
        Ending::Exit {
            names: names(result),
            value: None,
        }
    }

    fn action(outcome: &Outcome) -> Option<Action> {
        match outcome {
            Outcome::Answer(answer) => Some(answer.action),
            _ => None,
        }
    }

    fn detail(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Fault { detail, .. } => detail,
            _ => "",
        }
    }

    #[test]
    fn results_come_as_object_text_or_expression() {
        let result = json!({"action": "retry", "message": "OK", "delay": 900});
        let text = Value::from(result.to_string());
        let value = Ending::Exit {
            names: Map::new(),
            value: Some(result.clone()),
        };
        for ending in [exit(result), exit(text), value] {
            let Outcome::Answer(answer) = of(&ending, false, 1) else {
                panic!("{ending:?}")
            };
            assert_eq!((answer.action, answer.delay_s), (Action::Retry, Some(900)));
        }
    }

    #[test]
    fn a_result_without_what_it_needs_is_a_fault() {
        for wrong in [
            json!({"message": "OK"}),
            json!({"action": "cancel"}),
            json!({"action": "dance", "message": "OK"}),
        ] {
            assert_eq!(detail(&of(&exit(wrong), false, 1)), "vxml_bad_result");
        }
        for nothing in [json!("no json"), json!(5)] {
            assert_eq!(detail(&of(&exit(nothing), false, 1)), "vxml_no_result");
        }
        assert_eq!(detail(&of(&Ending::End, false, 3)), "vxml_no_result");
    }

    #[test]
    fn errors_tell_whether_the_application_ever_ran() {
        let error = Ending::Error {
            event: "error.badfetch.http.404".to_owned(),
            message: "status 404".to_owned(),
        };
        assert_eq!(detail(&of(&error, false, 0)), "vxml_start_failed");
        assert_eq!(detail(&of(&error, false, 1)), "vxml_error");
        assert_eq!(of(&error, true, 1), Outcome::HungUp);
    }

    #[test]
    fn a_hang_up_counts_when_nothing_is_said() {
        assert_eq!(of(&Ending::Hangup, true, 1), Outcome::HungUp);
        assert_eq!(of(&Ending::End, true, 1), Outcome::HungUp);
        let said = json!({"action": "retry", "message": "interaction_deleted"});
        let outcome = of(&exit(said), true, 1);
        assert_eq!(action(&outcome), Some(Action::Retry));
    }

    #[test]
    fn disconnect_releases_with_its_result_or_cancels() {
        let bare = Ending::Disconnect { names: Map::new() };
        assert_eq!(action(&of(&bare, false, 1)), Some(Action::Cancel));
        let disconnect = |action: &str| Ending::Disconnect {
            names: names(json!({"action": action, "message": "OK"})),
        };
        let later = of(&disconnect("retry"), false, 1);
        assert_eq!(action(&later), Some(Action::Retry));
        let odd = of(&disconnect("route_to_agent"), false, 1);
        assert_eq!(detail(&odd), "vxml_bad_result");
    }

    #[test]
    fn who_was_stopped_or_passed_on_says_nothing() {
        for ending in [Ending::Stopped, Ending::Transferred] {
            assert_eq!(of(&ending, false, 1), Outcome::Nothing);
        }
    }
}
