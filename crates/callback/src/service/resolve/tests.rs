//! What one request makes of a service's options.

use serde_json::json;

use super::*;
use crate::ServiceName;
use crate::service::split_body;
use crate::settings::NotificationMode;
use crate::transaction_list::no_lists;

const BASE: &[(&str, &str)] = &[
    ("_type", "ors"),
    ("_service", "callback"),
    ("_call_direction", "USERTERMINATED"),
    ("_urs_virtual_queue", "VQ_Billing"),
    ("_target", "Billing@Stats.GA"),
];

fn service(options: &[(&str, &str)]) -> Service {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in BASE.iter().chain(options) {
        all.retain(|(n, _)| n != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    Service {
        name: ServiceName::new("billing"),
        options: all,
    }
}

fn run(options: &[(&str, &str)], body: Value) -> Result<(Settings, Vec<String>), Error> {
    run_on(options, body, &ServerDefaults::default())
}

fn run_on(
    options: &[(&str, &str)],
    body: Value,
    server: &ServerDefaults,
) -> Result<(Settings, Vec<String>), Error> {
    let (parameters, user_data) = split_body(body.as_object().cloned().unwrap());
    let request = Request {
        parameters: &parameters,
        user_data: &user_data,
    };
    resolve(&service(options), &request, server, &no_lists)
}

fn ok(options: &[(&str, &str)], body: Value) -> Settings {
    run(options, body).unwrap().0
}

fn refused(options: &[(&str, &str)], body: Value) -> (&'static str, String) {
    let error = run(options, body).unwrap_err();
    (error.code.phrase(), error.field.unwrap_or_default())
}

#[test]
fn an_empty_service_has_the_defaults_of_the_catalogue() {
    let s = ok(&[], json!({}));
    assert_eq!(
        (s.ttl_s, s.queued_ttl_s, s.max_wait_on_call_s),
        (86_400, 14_400, 3600)
    );
    assert_eq!((s.ring_timeout_s, s.agent_reserve_timeout_s), (30, 30));
    assert_eq!((s.max_dial_attempts, s.dial_retry_timeout_s), (3, 300));
    assert_eq!((s.max_customer_contacts, s.transfer_attempts), (1, 3));
    assert_eq!((s.execution_buffer_s, s.connect_threshold_s), (90, 180));
    assert_eq!((s.submit_retries, s.submit_retry_delay_s), (3, 10));
    assert_eq!(
        (
            s.priority,
            s.priority_increment,
            s.priority_increment_interval_s
        ),
        (0, 0, 0)
    );
    assert!(s.wait_for_agent && s.disallow_premium && s.detection.enabled && s.detection.early);
    assert_eq!(
        (s.detection.silence_ms, s.detection.hard_stop_ms),
        (5000, 6000)
    );
    assert_eq!(s.detection.profile, CpdProfile::Human);
    assert!(s.detection.keep_machine && s.detection.keep_silence && !s.detection.sit_detail);
    assert_eq!(s.attach_udata, AttachUserData::SingleJson);
    assert_eq!(s.notification.mode, NotificationMode::Off);
    assert_eq!(
        (s.vq_for_outbound_calls.as_str(), s.default_country.as_str()),
        ("VQ_Billing", "US")
    );
    assert_eq!(s.treatments.greeting, Treatment::Off);
    let played = Treatment::parse("next_customer_rep.wav", None).unwrap();
    assert_eq!(s.treatments.waiting, played);
    assert_eq!(s.target.steps.len(), 1);
    assert!(s.pending.is_empty(), "{:?}", s.pending);
}

#[test]
fn the_services_own_values_count() {
    let s = ok(
        &[
            ("_wait_for_agent", "no"),
            ("_ttl", "604800"),
            ("_call_timeguard_timeout", "9000"),
            ("rb.cpd_profile", "Machine"),
            ("_attach_udata", "separate_keys"),
            ("_treatment_call_failure_answering_machine", "{ }"),
            ("_treatment_customer_connect", "hello.wav"),
            ("_vq_for_outbound_calls", "VQ_Out"),
            ("_default_country", "de"),
            (
                "_ixn_redirect_hints",
                r#"{"extensions":{"CPNDigits":"4930555010"}}"#,
            ),
        ],
        json!({}),
    );
    assert!(!s.wait_for_agent);
    assert_eq!((s.ttl_s, s.detection.hard_stop_ms), (604_800, 8000));
    assert_eq!(s.detection.profile, CpdProfile::Machine);
    assert_eq!(s.attach_udata, AttachUserData::SeparateKeys);
    assert_eq!(
        (s.treatments.machine.is_on(), s.treatments.greeting.is_on()),
        (false, true)
    );
    assert_eq!(
        (s.vq_for_outbound_calls.as_str(), s.default_country.as_str()),
        ("VQ_Out", "DE")
    );
    assert_eq!(s.cpn_digits.as_deref(), Some("4930555010"));
    assert!(s.pending.is_empty());
}

#[test]
fn the_example_of_overrides_and_tokens_holds() {
    let options = [
        ("_overwritable_options", "_target"),
        ("_urs_virtual_queue", "VQ_$region$"),
    ];
    let body = json!({"_customer_number": "+4930555010", "_target": "Billing_DE@Stats.GA",
        "region": "north"});
    let (s, warnings) = run(&options, body).unwrap();
    assert_eq!(s.target.steps[0].target, "Billing_DE@Stats.GA");
    assert_eq!(s.virtual_queue, "VQ_north");
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn an_option_that_is_not_listed_keeps_its_value() {
    let (s, warnings) = run(&[], json!({"_target": "Other@Stats.GA", "_ttl": 5})).unwrap();
    assert_eq!(s.target.steps[0].target, "Billing@Stats.GA");
    assert_eq!(s.ttl_s, 86_400);
    assert_eq!(warnings.len(), 2);
    let (_, warnings) = run(&[], json!({"_nonsense": 1, "other": 2})).unwrap();
    assert_eq!(
        warnings,
        ["_nonsense is not known; it is kept and not used"]
    );
}

#[test]
fn request_parameters_need_no_permission() {
    let s = ok(
        &[("_wait_for_agent", "true")],
        json!({"_wait_for_agent": false, "_urs_virtual_queue": "VQ_X", "_urs_vq_priority": 7,
            "_urs_vq_priority_increment": "2", "_urs_vq_priority_increment_interval": 60}),
    );
    assert!(!s.wait_for_agent);
    assert_eq!(s.virtual_queue, "VQ_X");
    assert_eq!(
        (
            s.priority,
            s.priority_increment,
            s.priority_increment_interval_s
        ),
        (7, 2, 60)
    );
    let bad = refused(&[], json!({"_urs_vq_priority": "high"}));
    assert_eq!(bad, ("BAD_PARAMETER", String::from("_urs_vq_priority")));
    assert_eq!(
        refused(&[], json!({"_wait_for_agent": "maybe"})).1,
        "_wait_for_agent"
    );
}

#[test]
fn an_array_may_be_given_as_a_target() {
    let options = [("_overwritable_options", "_target")];
    let body = json!({"_target": [{"target": "A@S.GA", "timeout": "5"}, {"target": "B@S.GA"}]});
    assert_eq!(ok(&options, body).target.steps.len(), 2);
    assert_eq!(
        refused(&options, json!({"_target": "?:(@S.GA"})).1,
        "_target"
    );
}

#[test]
fn tokens_are_text_of_bounded_length_and_not_nested() {
    let options = [("_urs_virtual_queue", "VQ_$a$_$_b$")];
    let s = ok(&options, json!({"a": "$_b$", "_b": "2"}));
    assert_eq!(s.virtual_queue, "VQ_$_b$_2");
    let (s, warnings) = run(&options, json!({"a": "1"})).unwrap();
    assert_eq!(s.virtual_queue, "VQ_1_$_b$");
    assert_eq!(
        warnings,
        ["_urs_virtual_queue: the request has no value for $_b$"]
    );
    let long = "x".repeat(1025);
    assert_eq!(
        refused(&options, json!({"a": long})),
        ("BAD_PARAMETER", String::from("a"))
    );
    assert_eq!(
        refused(&options, json!({"a": "x\r\ny"})),
        ("BAD_PARAMETER", String::from("a"))
    );
    assert_eq!(refused(&options, json!({"_b": 2, "a": "1"})).1, "_b");
    let money = [("_calling_party_display_name", "5$ or 6$")];
    assert_eq!(ok(&money, json!({})).calling_party_display_name, "5$ or 6$");
}

#[test]
fn user_originated_and_chat_are_refused_by_name() {
    let available = |options: &[(&str, &str)], body: Value| {
        let error = run(options, body).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotAvailable);
        error.message
    };
    for (options, body) in [
        (vec![("_call_direction", "USERORIGINATED")], json!({})),
        (vec![("_call_direction", "")], json!({})),
        (vec![], json!({"_call_direction": "USERORIGINATED"})),
    ] {
        assert!(available(&options, body).contains("_call_direction"));
    }
    assert!(available(&[], json!({"_media_type": "chat"})).contains("_media_type"));
    ok(&[], json!({"_callback_state": "PAUSED"}));
    assert!(available(&[("_service", "http://x/y.scxml")], json!({})).contains("_service"));
    assert_eq!(refused(&[("_type", "builtin")], json!({})).0, "NOT_FOUND");
    assert_eq!(
        refused(&[], json!({"_callback_state": "QUEUED"})).0,
        "BAD_PARAMETER"
    );
}

#[test]
fn what_is_not_built_yet_is_told_with_what_happens_instead() {
    let s = ok(
        &[
            ("_agent_preview", "true"),
            ("_agent_preview_timeout", "20"),
            ("_enable_disposition_dialog", "false"),
            ("_agent_disposition_timeout", "45"),
            ("_business_hours_service", "hours"),
            ("_agent_first_via_tg", "true"),
            ("_ixn_redirect_hints", r#"{"extensions":{"X":"1"}}"#),
            ("_delay_connid_attempt_loop", "100"),
        ],
        json!({"_device_os": "ios"}),
    );
    let names: Vec<&str> = s.pending.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "_agent_first_via_tg",
            "_agent_preview",
            "_agent_preview_timeout",
            "_business_hours_service",
            "_device_os",
            "_ixn_redirect_hints",
        ]
    );
}

#[test]
fn notification_parameters_are_resolved_one_by_one() {
    let options = [
        ("_enable_status_notification", "subscribe_notify"),
        ("_status_notification_target", "https://hooks.example.net/a"),
    ];
    let n = ok(&options, json!({})).notification;
    assert_eq!(
        (n.mode, n.channel.as_str()),
        (NotificationMode::SubscribeNotify, "httpcb")
    );
    assert!(!n.target_from_request);
    let n = ok(
        &options,
        json!({"_status_notification_target": "http://other/b"}),
    )
    .notification;
    assert_eq!(
        (n.target.as_str(), n.target_from_request),
        ("http://other/b", true)
    );
    let token = [
        options[0],
        ("_status_notification_target", "https://$host$/a"),
    ];
    assert!(
        ok(&token, json!({"host": "h"}))
            .notification
            .target_from_request
    );
    let n = ok(
        &[],
        json!({"_enable_status_notification": true,
        "_status_notification_target": "http://h/"}),
    );
    assert_eq!(n.notification.mode, NotificationMode::SubscribeNotify);
    let off = ok(&options, json!({"_enable_status_notification": "false"})).notification;
    assert_eq!(off.mode, NotificationMode::Off);
}

#[test]
fn notifications_without_a_usable_target_are_refused() {
    let field = String::from("_status_notification_target");
    let on = ("_enable_status_notification", "subscribe_notify");
    assert_eq!(refused(&[on], json!({})), ("BAD_PARAMETER", field.clone()));
    let desk = ("_status_notification_target", "desk");
    assert_eq!(
        refused(&[on, desk], json!({})),
        ("BAD_PARAMETER", field.clone())
    );
    let other = ("_status_notification_type", "customhttp");
    let s = ok(&[on, desk, other], json!({}));
    assert_eq!(s.notification.target, "desk");
    let server = ServerDefaults {
        allow_request_target: false,
        ..ServerDefaults::default()
    };
    let body = json!({"_status_notification_target": "http://h/"});
    let error = run_on(&[on], body, &server).unwrap_err();
    assert_eq!(
        (error.code, error.field),
        (ErrorCode::AddressNotAllowed, Some(field))
    );
}

#[test]
fn a_request_does_not_choose_the_host_of_a_treatment() {
    let name = "_treatment_customer_connect";
    let allowed = [("_overwritable_options", name)];
    assert!(
        ok(&allowed, json!({name: "other.wav"}))
            .treatments
            .greeting
            .is_on()
    );
    let url = json!({name: "http://10.0.0.1/x.wav"});
    assert_eq!(
        refused(&allowed, url),
        ("ADDRESS_NOT_ALLOWED", name.to_owned())
    );
    let path = [(name, "https://media.example.net/$lang$/hello.wav")];
    assert!(ok(&path, json!({"lang": "de"})).treatments.greeting.is_on());
    let host = [(name, "https://media.ex$x$/hello.wav")];
    for x in ["ample.net", "/", "@10.0.0.1"] {
        assert_eq!(
            refused(&host, json!({"x": x})).0,
            "ADDRESS_NOT_ALLOWED",
            "{x}"
        );
    }
    assert_eq!(
        refused(&allowed, json!({name: "../x.wav"})).0,
        "BAD_PARAMETER"
    );
}

#[test]
fn values_that_cannot_be_used_name_their_option() {
    for (name, value) in [
        ("_ttl", "soon"),
        ("_max_dial_attempts", "0"),
        ("_prefix_dial_out", "x"),
        ("_default_country", "Germany"),
        ("_treatment_waiting_for_agent", "{"),
        ("_ixn_redirect_hints", "[]"),
        (
            "_ixn_redirect_hints",
            r#"{"extensions":{"CPNDigits":"x@y"}}"#,
        ),
        ("_target", "?:"),
    ] {
        assert_eq!(
            refused(&[(name, value)], json!({})),
            ("BAD_PARAMETER", name.to_owned())
        );
    }
}

#[test]
fn the_country_of_numbers_is_the_services_else_the_servers() {
    let server = ServerDefaults {
        default_country: String::from("DE"),
        ..ServerDefaults::default()
    };
    let empty = Map::new();
    let request = Request {
        parameters: &empty,
        user_data: &empty,
    };
    let rules =
        |options: &[(&str, &str)]| number_rules(&service(options), &request, &server).unwrap();
    assert_eq!(rules(&[]).country, "DE");
    assert_eq!(
        run_on(&[], json!({}), &server).unwrap().0.default_country,
        "DE"
    );
    let own = rules(&[
        ("_default_country", "fr"),
        ("_disallow_premium_phone_numbers", "false"),
    ]);
    assert_eq!(own.country, "FR");
    assert!(own.disallow_impossible && !own.disallow_premium);
}

#[test]
fn what_a_service_leaves_out_the_configuration_says() {
    let options = [
        ("_fetch_retry_attempt", "7"),
        ("_throttle_request_parameters_limit", "2"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let server = ServerDefaults {
        application: Arc::new(BTreeMap::from(options)),
        ..ServerDefaults::default()
    };
    let retries = |own: &[(&str, &str)]| run_on(own, json!({}), &server).unwrap().0.submit_retries;
    assert_eq!(retries(&[]), 7);
    assert_eq!(retries(&[("_fetch_retry_attempt", "1")]), 1);
    let none = Map::new();
    let request = Request {
        parameters: &none,
        user_data: &none,
    };
    let limit = |own: &[(&str, &str)]| {
        admission_rules(&service(own), &request, &server)
            .unwrap()
            .per_value_max
    };
    assert_eq!(limit(&[]), 2);
    assert_eq!(limit(&[("_throttle_request_parameters_limit", "0")]), 0);
}

#[test]
fn only_headers_of_ones_own_are_sent_with_the_call() {
    let name = "_ixn_createcall_hints";
    let s = ok(
        &[(
            name,
            r#"{"extensions":{"X-Campaign":"spring","Via":"x"},"x-n":5}"#,
        )],
        json!({}),
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [pair("x-n", "5"), pair("X-Campaign", "spring")];
    assert_eq!(s.contact.call_headers, expected);
    assert!(s.pending.contains_key(name), "Via is told");
    let quiet = ok(&[(name, r#"{"X-A":"b"}"#)], json!({}));
    assert!(quiet.pending.is_empty());
    let split = r#"{"X-A":"b\r\nVia: x"}"#;
    assert_eq!(ok(&[(name, split)], json!({})).contact.call_headers, []);
    assert_eq!(refused(&[(name, "[]")], json!({})).0, "BAD_PARAMETER");
}

#[test]
fn hints_that_nobody_knows_are_told() {
    let value = r#"{"file":"a.wav","hints":{"am-beep-detection":"on","colour":"red"}}"#;
    let (_, notes) = run(&[("_treatment_customer_connect", value)], json!({})).unwrap();
    assert_eq!(
        notes,
        ["_treatment_customer_connect: the hint colour is not known and ignored"]
    );
}

#[test]
fn the_agent_is_called_first_when_the_service_says_so() {
    let of = |value| ok(&[("_userterminated_first_connect_party", value)], json!({}));
    assert!(of("AGENT").contact.agent_first);
    assert!(!of("CUSTOMER").contact.agent_first);
    assert!(!ok(&[], json!({})).contact.agent_first);
    assert!(of("agent").pending.is_empty());
}
