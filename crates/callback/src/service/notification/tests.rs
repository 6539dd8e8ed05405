//! Precedence, lists, schedules.

use serde_json::json;

use super::super::{Request, Service, split_body};
use super::*;
use crate::ServiceName;
use crate::events::EventId;
use crate::settings::Settings;
use crate::transaction_list;

const LIST: &str = "[properties]\n_enable_status_notification = subscribe_notify\n\
    _status_notification_target = http://list/\n_status_notification_type = httpcb\n\
    _status_notification_language = de\n[_cbe_on_service_exit]\n\
    notify_params = c_termination_type, _ttl, password\n";

fn resolved(
    options: &[(&str, &str)],
    body: Value,
    text: &str,
) -> Result<(Settings, Vec<String>), Error> {
    resolved_on(options, body, text, &ServerDefaults::default())
}

fn resolved_on(
    options: &[(&str, &str)],
    body: Value,
    text: &str,
    server: &ServerDefaults,
) -> Result<(Settings, Vec<String>), Error> {
    let base = [
        ("_call_direction", "USERTERMINATED"),
        ("_target", "A@S.GA"),
        ("password", "secret"),
    ];
    let all = base.iter().chain(options);
    let service = Service {
        name: ServiceName::new("billing"),
        options: all
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    };
    let (parameters, user_data) = split_body(body.as_object().cloned().unwrap());
    let request = Request {
        parameters: &parameters,
        user_data: &user_data,
    };
    let import = transaction_list::import("L", text, false);
    assert_eq!(import.errors, []);
    let list = Arc::new(import.list);
    let lists = move |name: &str| (name == "L").then(|| Arc::clone(&list));
    super::super::resolve(&service, &request, server, &lists)
}

fn settings(options: &[(&str, &str)], body: Value, text: &str) -> NotificationSettings {
    resolved(options, body, text).unwrap().0.notification
}

#[test]
fn each_parameter_comes_from_the_first_place_that_has_it() {
    let named = [("_callback_events_list", "L")];
    let n = settings(&named, json!({}), LIST);
    assert_eq!(
        (n.mode, n.target.as_str(), n.language.as_str()),
        (NotificationMode::SubscribeNotify, "http://list/", "de")
    );
    let service = [named[0], ("_status_notification_target", "http://service/")];
    let n = settings(&service, json!({}), LIST);
    assert_eq!(
        (n.target.as_str(), n.target_from_request),
        ("http://service/", false)
    );
    let n = settings(
        &service,
        json!({"_status_notification_target": "http://request/"}),
        LIST,
    );
    assert_eq!(
        (n.target.as_str(), n.target_from_request),
        ("http://request/", true)
    );
    assert_eq!(
        (n.channel.as_str(), n.language.as_str()),
        ("httpcb", "de"),
        "the others stay"
    );
    let n = settings(
        &service,
        json!({"_enable_status_notification": "false"}),
        LIST,
    );
    assert_eq!(n.mode, NotificationMode::Off);
    let n = settings(&[], json!({"_callback_events_list": "L"}), LIST);
    assert_eq!(n.target, "http://list/", "a request names a list");
}

#[test]
fn a_list_replaces_the_default_set() {
    let named = [("_callback_events_list", "L"), ("_ttl", "77")];
    let n = settings(&named, json!({}), LIST);
    let Events::List(wanted) = &n.plan.events else {
        panic!("{:?}", n.plan.events)
    };
    assert_eq!(
        wanted.iter().map(|w| w.event).collect::<Vec<_>>(),
        [EventId::ServiceExit]
    );
    assert_eq!(
        Value::Object(n.plan.options.clone()),
        json!({"_ttl": "77"}),
        "never a password"
    );
    let on = [("_enable_status_notification", "notify")];
    assert_eq!(settings(&on, json!({}), "").plan.events, Events::DefaultSet);
}

#[test]
fn a_list_that_does_not_exist_publishes_nothing_and_refuses_nothing() {
    let options = [
        ("_callback_events_list", "Other"),
        ("_enable_status_notification", "subscribe_notify"),
    ];
    let (settings, notes) = resolved(&options, json!({}), LIST).unwrap();
    assert_eq!(settings.notification.plan.events, Events::MissingList);
    assert!(notes.iter().any(|note| note.contains("Other")), "{notes:?}");
}

#[test]
fn a_list_without_target_is_refused_like_a_service_without() {
    let options = [
        ("_callback_events_list", "L"),
        ("_enable_status_notification", "subscribe_notify"),
    ];
    let error = resolved(&options, json!({}), "[properties]\n").unwrap_err();
    assert_eq!(error.field.as_deref(), Some(TARGET));
}

#[test]
fn the_reminder_has_a_switch_of_its_own() {
    assert_eq!(settings(&[], json!({}), "").plan.reminder_s, None);
    let on = ("_enable_notification_reminder", "true");
    assert_eq!(settings(&[on], json!({}), "").plan.reminder_s, Some(300));
    let buffer = ("_notification_reminder_buffer", "60");
    assert_eq!(
        settings(&[on, buffer], json!({}), "").plan.reminder_s,
        Some(60)
    );
}

#[test]
fn a_provider_a_schedule_and_a_node_are_frozen() {
    let options = [
        ("_status_notification_provider", "crm"),
        ("rb.notify_schedule", "0, 1,5"),
        ("_ors", "http://node:7005, http://other:7005"),
    ];
    let n = settings(&options, json!({}), "");
    assert_eq!(n.provider, "crm");
    assert_eq!(n.plan.schedule_s, [0, 1, 5]);
    assert_eq!(
        (n.plan.node.as_str(), n.plan.node_from_request),
        ("http://node:7005", false)
    );
    for wrong in ["", "x", "-1", "86401", &"1,".repeat(21)] {
        assert!(parse_schedule(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn native_bodies_and_frozen_states_are_the_servers_choice() {
    let server = ServerDefaults {
        native_body: true,
        frozen_state: true,
        ..ServerDefaults::default()
    };
    let plan = resolved_on(&[], json!({}), "", &server)
        .unwrap()
        .0
        .notification
        .plan;
    assert!(plan.native_body && plan.frozen_state);
}

#[test]
fn language_and_debug_come_from_request_and_list() {
    let named = [("_callback_events_list", "L")];
    let language = |body: Value| settings(&named, body, LIST).language;
    let name = "_status_notification_language";
    assert_eq!(language(json!({})), "de");
    assert_eq!(language(json!({name: "fr-CH"})), "fr-CH");
    assert_eq!(
        language(json!({name: "false"})),
        "",
        "the printed default is no language"
    );
    let error = resolved(&named, json!({name: "de\r\nX: 1"}), LIST).unwrap_err();
    assert_eq!(error.field.as_deref(), Some(name));

    let name = "_status_notification_debug";
    assert!(!settings(&named, json!({}), LIST).debug);
    assert!(settings(&named, json!({name: true}), LIST).debug);
    let list = LIST.replace("[_cbe", &format!("{name} = true\n[_cbe"));
    assert!(settings(&named, json!({}), &list).debug);
    assert!(
        !settings(&named, json!({name: "false"}), &list).debug,
        "the request wins"
    );
}

#[test]
fn a_service_may_take_any_certificate_and_no_other_does() {
    assert!(!settings(&[], json!({}), "").plan.trust_all);
    let on = [("http.ssl_trust_all", "true")];
    assert!(settings(&on, json!({}), "").plan.trust_all);
    let body = json!({"http.ssl_trust_all": "true"});
    assert!(!settings(&[], body, "").plan.trust_all, "a request may not");
}
