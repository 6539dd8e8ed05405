//! The examples do what they say.

use serde_json::json;

use crate::support::{Report, document};

const CONFIRM: &str = include_str!("../../../../examples/confirm.vxml");
const CHOOSE_DATE: &str = include_str!("../../../../examples/choose-date.vxml");
const DAYS: &str = include_str!("../../../../examples/choose-date.json");

fn result(report: &Report) -> serde_json::Value {
    report
        .ending
        .treatment_result()
        .map_or(json!(null), serde_json::Value::Object)
}

#[test]
fn the_confirmation_menu_takes_every_key() {
    let check = |keys: &[&str], expected: serde_json::Value| {
        let report = document(CONFIRM).keys(keys).run();
        assert_eq!(result(&report), expected, "{keys:?}");
    };
    check(&["1"], json!({"action": "route_to_agent", "message": "OK"}));
    check(
        &["2"],
        json!({"action": "retry", "message": "OK", "delay": 1800}),
    );
    check(&["0", "9"], json!({"action": "cancel", "message": "OK"}));
    check(
        &["5", "", "2"],
        json!({"action": "retry", "message": "OK", "delay": 1800}),
    );
    check(
        &["", "", ""],
        json!({"action": "route_to_agent", "message": "OK"}),
    );
    check(
        &["hangup"],
        json!({"action": "retry", "message": "interaction_deleted", "delay": 900}),
    );
}

#[test]
fn the_date_choice_asks_for_another_attempt() {
    let report = document(CHOOSE_DATE)
        .typed("choose-date.json", "application/json", DAYS)
        .keys(&["20261122", "20261124"])
        .run();
    assert_eq!(
        result(&report),
        json!({"action": "retry", "message": "OK", "delay": 3 * 86_400})
    );
    assert_eq!(report.logs(), ["20261124"]);
    assert!(report.prompts().contains(&"That day is not free."));
}

#[test]
fn the_date_choice_without_its_service_tries_again_later() {
    let report = document(CHOOSE_DATE).run();
    assert_eq!(report.events(), ["error.badfetch.http.404"]);
    assert_eq!(
        result(&report),
        json!({"action": "retry", "message": "OK", "delay": 3600})
    );
}
