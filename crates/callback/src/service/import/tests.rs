//! What an operator is told about a file of services.

use super::*;

const MINIMAL: &str = "[service.billing]\n_type = ors\n_service = callback\n\
    _call_direction = USERTERMINATED\n_wait_for_agent = false\n\
    _urs_virtual_queue = VQ_Billing\n_target = Billing@Stats.GA\n";

fn with(lines: &str) -> Import {
    import(&format!("{MINIMAL}{lines}\n"), false)
}

fn codes(import: &Import) -> Vec<(u32, &str, &str)> {
    import
        .warnings
        .iter()
        .map(|w| (w.line, w.option.as_str(), w.code))
        .collect()
}

fn faults(import: &Import) -> Vec<(u32, &str, &str)> {
    import
        .errors
        .iter()
        .map(|e| (e.line, e.option.as_str(), e.value.as_str()))
        .collect()
}

#[test]
fn the_example_of_the_reference_is_imported_without_a_word() {
    let import = import(MINIMAL, true);
    assert_eq!(
        (import.warnings, import.errors, import.repairs),
        (vec![], vec![], vec![])
    );
    let service = &import.services[0];
    assert_eq!(service.name.as_str(), "billing");
    assert_eq!(service.options.len(), 6);
}

#[test]
fn the_json_has_the_keys_that_scripts_rely_on() {
    let text = format!("{MINIMAL}ttl = 5 s\n_nonsense = 1\n");
    let json = serde_json::to_value(import(&text, false)).unwrap();
    assert_eq!(
        json["repairs"][0],
        serde_json::json!({"line": 8, "from": "ttl", "to": "_ttl"})
    );
    let error = &json["errors"][0];
    for key in ["line", "service", "option", "value", "allowed", "message"] {
        assert!(error.get(key).is_some(), "{key}");
    }
    assert_eq!(
        (&error["option"], &error["value"]),
        (&"_ttl".into(), &"5 s".into())
    );
    let warning = &json["warnings"][0];
    for key in ["line", "service", "option", "code", "message"] {
        assert!(warning.get(key).is_some(), "{key}");
    }
    assert_eq!(json["services"][0]["options"]["_type"], "ors");
}

#[test]
fn lost_underscores_are_put_right_and_told_by_line() {
    let spaced = MINIMAL
        .replace("billing]", "billing desk]")
        .replace('_', " ");
    let spaced = spaced.replace("VQ Billing", "VQ_Billing");
    let import = import(&spaced, false);
    assert_eq!(import.errors, []);
    assert_eq!(import.services[0].name.as_str(), "billing_desk");
    let clean = super::import(MINIMAL, false);
    assert_eq!(import.services[0].options, clean.services[0].options);
    let repairs: Vec<_> = import
        .repairs
        .iter()
        .map(|r| (r.line, r.to.as_str()))
        .collect();
    assert_eq!(repairs[0], (1, "service.billing_desk"));
    assert_eq!(repairs[3], (4, "_call_direction"));
    assert_eq!(repairs.len(), 7);
}

#[test]
fn strict_refuses_repairs() {
    let text = MINIMAL.replace("_call_direction", "call direction");
    let import = import(&text, true);
    assert_eq!(import.repairs, []);
    assert_eq!(
        (import.errors[0].line, import.errors[0].allowed.as_str()),
        (4, "_call_direction")
    );
}

#[test]
fn wrong_values_are_errors_that_say_what_is_allowed() {
    let import = with(
        "_ttl = 0\n_wait_for_user_confirm = maybe\n_attach_udata = all\n\
        _treatment_waiting_for_agent = ../x.wav\n_prefix_dial_out = 9a\n_media_type = chat\n\
        _default_country = Germany\n_reject_future_desired_time = 1x",
    );
    let options: Vec<&str> = import.errors.iter().map(|e| e.option.as_str()).collect();
    assert_eq!(
        options,
        [
            "_ttl",
            "_wait_for_user_confirm",
            "_attach_udata",
            "_treatment_waiting_for_agent",
            "_prefix_dial_out",
            "_media_type",
            "_default_country",
            "_reject_future_desired_time",
        ]
    );
    assert_eq!(
        import.errors[2].allowed,
        "separate_keys, single_json, gms_storage_id"
    );
    assert!(
        import
            .errors
            .iter()
            .all(|e| !e.allowed.is_empty() && e.service == "billing")
    );
}

#[test]
fn tokens_and_placeholders_are_not_judged() {
    let import = with("_ttl = $days$\n_route_point = <your trunk>\n_urs_queued_ttl = {Specify it}");
    assert_eq!((codes(&import), faults(&import)), (vec![], vec![]));
    assert_eq!(import.services[0].get("_route_point"), None);
}

#[test]
fn what_is_not_built_yet_is_told_by_name() {
    let import = with(
        "_plugin_on_dial_url = http://plug.example.net/a.scxml\n\
        _plugin_on_dial_timeout = 5\n_agent_preview = false\n_agent_preview_timeout = 20\n\
        _userterminated_first_connect_party = AGENT\n_agent_first_via_tg = true",
    );
    assert_eq!(
        codes(&import),
        [(13, "_agent_first_via_tg", "NOT_BUILT_YET")]
    );
    let message = &import.warnings[0].message;
    assert!(message.contains("_agent_first_via_tg"), "{message}");
}

#[test]
fn accepted_options_are_told_once_and_unknown_ones_kept() {
    let text = format!(
        "{MINIMAL}_delay_connid_attempt_loop = 100\n_site = north\n[service.b]\n\
         _delay_connid_attempt_loop = 100\n_type = builtin\n"
    );
    let import = import(&text, false);
    assert_eq!(
        codes(&import),
        [
            (8, "_delay_connid_attempt_loop", "ACCEPTED"),
            (9, "_site", "UNKNOWN_OPTION"),
            (12, "_type", "NOT_BUILT_YET"),
        ]
    );
    assert_eq!(import.services[0].get("_site"), Some("north"));
}

#[test]
fn a_service_without_direction_target_or_queue_is_warned_about() {
    let import = import(
        "[service.x]\n_type=ors\n_service=callback\n_target={unset}\n",
        false,
    );
    assert_eq!(
        codes(&import),
        [
            (1, "_call_direction", "NOT_BUILT_YET"),
            (4, "_target", "MANDATORY_MISSING"),
            (1, "_urs_virtual_queue", "MANDATORY_MISSING"),
        ]
    );
    assert!(import.warnings[0].message.contains("USERTERMINATED"));
    let own = with("_call_direction = USERORIGINATED");
    assert!(codes(&own).contains(&(8, "_call_direction", "NOT_BUILT_YET")));
}

#[test]
fn aliases_are_read_as_their_option_and_the_name_wins() {
    let import = with("_urs_ewt_vq = A\n_urs_ewt_virtual_queue = B");
    assert_eq!(import.services[0].get("_urs_ewt_virtual_queue"), Some("B"));
    assert_eq!(import.services[0].get("_urs_ewt_vq"), None);
    let import = with("_urs_ewt_virtual_queue = B\n_urs_ewt_vq = A");
    assert_eq!(import.services[0].get("_urs_ewt_virtual_queue"), Some("B"));
    assert!(codes(&import).contains(&(9, "_urs_ewt_virtual_queue", "REPEATED")));
    let blank = with("_on_customer_connect treatment_url = http://x/y.vxml");
    assert_eq!(blank.repairs, [], "the alias holds a blank by itself");
    assert!(
        blank.services[0]
            .get("_on_customer_connect_treatment_url")
            .is_some()
    );
}

#[test]
fn the_threshold_should_exceed_the_buffer() {
    let check = |threshold: u32, buffer: u32| {
        let import = with(&format!(
            "_desired_connect_time_threshold = {threshold}\n\
             _request_execution_time_buffer = {buffer}"
        ));
        codes(&import)
            .first()
            .map(|(_, _, code)| (*code).to_owned())
    };
    assert_eq!(check(0, 0), None);
    assert_eq!(check(180, 90), None);
    assert_eq!(check(90, 90).as_deref(), Some("THRESHOLD_NOT_ABOVE_BUFFER"));
    assert_eq!(check(10, 90).as_deref(), Some("THRESHOLD_NOT_ABOVE_BUFFER"));
}

#[test]
fn notifications_need_a_usable_target() {
    let on = "_enable_status_notification = subscribe_notify\n";
    let target = |value: &str| with(&format!("{on}_status_notification_target = {value}"));
    assert_eq!(faults(&with(on)), [(1, "_status_notification_target", "")]);
    assert_eq!(
        faults(&target("<your URL>")),
        [(9, "_status_notification_target", "")]
    );
    assert_eq!(
        faults(&target("desk")),
        [(9, "_status_notification_target", "desk")]
    );
    assert_eq!(faults(&target("https://hooks.example.net/x")), []);
    assert_eq!(faults(&target("https://hooks.example.net/$id$")), []);
    let list = with(&format!("{on}_callback_events_list = Events"));
    assert_eq!(codes(&list), []);
    assert_eq!(faults(&list), [], "the list may hold the target");
    let notify =
        with("_enable_status_notification = Notify\n_status_notification_target = http://h");
    assert_eq!(
        codes(&notify),
        [(
            8,
            "_enable_status_notification",
            "NOTIFY_WITHOUT_SUBSCRIBER"
        ),]
    );
    let read_as =
        with("_enable_status_notification = TRUE\n_status_notification_target = http://h");
    assert_eq!(
        codes(&read_as),
        [(8, "_enable_status_notification", "READ_AS")]
    );
}

#[test]
fn application_sections_are_answered_and_others_refused() {
    let text = "[callback]\n_fetch_retry_delay = 1\nfilter-keys = a\nnonsense = 1\n\
        [push]\npushEnabled = comet\n[gms]\nhttp.proxy-auto-config-file = http://p/x.pac\n\
        http.proxy-ttl = 5\n[agent.kim]\nextension = 7001\n[service.]\n[service.a/b]\n";
    let import = import(text, false);
    assert_eq!(
        codes(&import),
        [
            (2, "_fetch_retry_delay", "NOT_BUILT_YET"),
            (3, "filter-keys", "NOT_BUILT_YET"),
            (4, "nonsense", "UNKNOWN_OPTION"),
            (6, "pushEnabled", "ACCEPTED"),
            (9, "http.proxy-ttl", "ACCEPTED"),
        ]
    );
    assert!(
        import.warnings[0]
            .message
            .contains("[callback] of ringback.toml")
    );
    let lines: Vec<u32> = import.errors.iter().map(|e| e.line).collect();
    assert_eq!(lines, [8, 10, 12, 13]);
    assert_eq!(import.services, []);
}

#[test]
fn a_file_that_cannot_be_read_is_one_error_with_its_line() {
    let import = import("[service.a]\n_ttl 5\n", false);
    assert_eq!(import.errors.len(), 1);
    assert_eq!(import.errors[0].line, 2);
}
