//! What counts as an answer, and which answers the dial plan refuses.

use serde_json::json;

use super::*;

fn parse(given: Value) -> Result<Answer, String> {
    let given = given.as_object().cloned().unwrap();
    Answer::parse(&given).map_err(|error| {
        let field = error.field.unwrap_or_default();
        format!("{} {field}", error.code.phrase())
    })
}

#[test]
fn answers_are_read_in_every_form() {
    let retry = parse(json!({"action": "retry", "message": "OK", "delay": "180.0",
        "customer_number": "555-2336", "customer_number_prefix": 91}));
    let retry = retry.unwrap();
    assert_eq!(retry.delay_s, Some(180));
    assert_eq!(retry.number.as_deref(), Some("5552336"));
    assert_eq!(retry.prefix.as_deref(), Some("91"));
    let quoted = parse(json!({"'action'": "cancel", "\"message\"": "0k"})).unwrap();
    assert_eq!(quoted, Answer::new(Action::Cancel));
    let no_prefix = parse(json!({"action": "retry", "message": "ok",
        "customer_number_prefix": ""}));
    assert_eq!(no_prefix.unwrap().prefix.as_deref(), Some(""));
    let gone = parse(json!({"action": "retry", "message": "interaction_deleted"})).unwrap();
    assert!(gone.interaction_deleted);
    let away = parse(json!({"action": "route_to_rp", "message": "5100@North"})).unwrap();
    assert_eq!(away.destination.as_deref(), Some("5100@North"));
    // The delay of another action is ignored, whatever it says.
    let route = parse(json!({"action": "route_to_agent", "message": "OK", "delay": "x"}));
    assert_eq!(route.unwrap(), Answer::new(Action::RouteToAgent));
}

#[test]
fn answers_that_cannot_be_used_name_the_key_at_fault() {
    for (given, refused) in [
        (json!({"message": "OK"}), "BAD_PARAMETER action"),
        (
            json!({"action": "dance", "message": "OK"}),
            "BAD_PARAMETER action",
        ),
        (json!({"action": "cancel"}), "BAD_PARAMETER message"),
        (
            json!({"action": "cancel", "message": " "}),
            "BAD_PARAMETER message",
        ),
        (
            json!({"action": "retry", "message": "OK", "delay": -1}),
            "BAD_PARAMETER delay",
        ),
        (
            json!({"action": "retry", "message": "OK", "delay": 2_592_001}),
            "BAD_PARAMETER delay",
        ),
        (
            json!({"action": "retry", "message": "OK", "customer_number": "kim"}),
            "BAD_NUMBER customer_number",
        ),
        (
            json!({"action": "retry", "message": "OK", "customer_number_prefix": "9a"}),
            "BAD_PARAMETER customer_number_prefix",
        ),
    ] {
        assert_eq!(parse(given.clone()), Err(refused.to_owned()), "{given}");
    }
}

#[test]
fn names_in_quotes_lose_one_level() {
    for (name, plain) in [
        ("'a'", "a"),
        ("\"a\"", "a"),
        ("''a''", "'a'"),
        ("a", "a"),
        ("'", "'"),
        ("'a\"", "'a\""),
    ] {
        assert_eq!(unquoted(name), plain);
    }
}
