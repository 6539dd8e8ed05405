//! Envelopes and receivers.

use super::*;

fn publisher(config: NotifyConfig, rows: Vec<SubscriptionRow>) -> Publisher {
    Publisher {
        config,
        subscriptions: Arc::new(Subscriptions::new(rows)),
    }
}

fn subscription(id: &str, channel: &str, device: &str) -> SubscriptionRow {
    SubscriptionRow {
        id: id.to_owned(),
        subscriber: "crm".to_owned(),
        filter: "*".to_owned(),
        channel: channel.to_owned(),
        device: device.to_owned(),
        provider: String::new(),
        authorization: "dTpw".to_owned(),
        language: "de".to_owned(),
        debug: true,
        guarded: true,
        expires: Timestamp(100),
    }
}

const BODY: &str = r#"{"event_id":"x","c_target":{"agent":"kim"},"n":1}"#;

fn rows(config: NotifyConfig, subscription: SubscriptionRow) -> DeliveryRow {
    let publisher = publisher(config, vec![subscription]);
    let id = CallbackId::new("publish-1");
    publisher
        .of_message("tag", BODY, &id, Timestamp(5))
        .remove(0)
}

fn with_url(url: &str) -> NotifyConfig {
    let provider = Provider {
        customhttp_url: url.to_owned(),
        debug_customhttp_url: String::new(),
    };
    NotifyConfig {
        providers: BTreeMap::from([(String::new(), provider)]),
        ..NotifyConfig::default()
    }
}

#[test]
fn httpcb_sends_the_event_itself_unless_wrapped() {
    let to = subscription("1", "httpcb", "http://crm/in");
    let row = rows(NotifyConfig::default(), to.clone());
    assert_eq!(
        (row.body.as_str(), row.target.as_str()),
        (BODY, "http://crm/in")
    );
    assert_eq!(
        (row.language.as_str(), row.guarded, row.extra.debug),
        ("de", true, true)
    );
    assert_eq!(row.id, "publish-1.1", "one id per target");
    let wrapped = NotifyConfig {
        wrapped: true,
        ..NotifyConfig::default()
    };
    let body: Value = serde_json::from_str(&rows(wrapped, to).body).unwrap();
    assert_eq!(body, json!({"deviceId": "http://crm/in", "message": BODY}));
}

#[test]
fn customhttp_goes_to_the_provider_with_the_device_in_the_wrapper() {
    let to = subscription("1", "customhttp", "crm-bridge-7");
    let row = rows(with_url("https://bridge/in"), to.clone());
    assert_eq!(
        (row.target.as_str(), row.guarded),
        ("https://bridge/in", false)
    );
    assert_eq!(row.extra.authorization, "dTpw");
    let body: Value = serde_json::from_str(&row.body).unwrap();
    let message: Value = serde_json::from_str(body["message"].as_str().unwrap()).unwrap();
    assert_eq!(
        (body["deviceId"].as_str(), &message["n"]),
        (Some("crm-bridge-7"), &json!(1))
    );
    let object = NotifyConfig {
        message_object: true,
        ..with_url("https://bridge/in")
    };
    let body: Value = serde_json::from_str(&rows(object, to).body).unwrap();
    assert_eq!(body["message"]["c_target"]["agent"], "kim");
}

#[test]
fn an_unknown_provider_is_a_fault_of_the_event() {
    let mut to = subscription("1", "customhttp", "crm");
    assert!(
        rows(NotifyConfig::default(), to.clone())
            .extra
            .fault
            .contains("customhttp.url")
    );
    to.provider = "other".to_owned();
    assert_eq!(
        rows(with_url("http://b/"), to).extra.fault,
        "there is no provider other"
    );
    let mut to = subscription("1", "httpcb", "http://crm/");
    to.provider = "other".to_owned();
    assert_eq!(
        rows(NotifyConfig::default(), to).extra.fault,
        "there is no provider other"
    );
}

#[test]
fn orscb_is_an_event_of_a_session_on_a_node() {
    let node = "http://node:7005/";
    assert_eq!(
        session_url(node, "S/1", "_cbe_on_dial_done"),
        "http://node:7005/scxml/session/S%2F1/event/_cbe_on_dial_done"
    );
    assert_eq!(
        form(BODY),
        "event_id=x&c_target=%7B%22agent%22%3A%22kim%22%7D&n=1"
    );
    let row = rows(NotifyConfig::default(), subscription("1", "orscb", "S1"));
    assert_eq!(
        row.target, "session:S1/event/tag",
        "without a node it runs here"
    );
    let target = local_session("S/event/1", "x");
    assert_eq!(of_local_session(&target), Some(("S/event/1", "x")));
    assert_eq!(of_local_session("http://node/S1/event/x"), None);
    assert_eq!(row.extra.schedule_s, [0, 1, 1, 1]);
}

#[test]
fn a_push_is_tried_as_often_as_the_service_says() {
    let publisher = publisher(with_url("http://bridge/push"), Vec::new());
    let id = CallbackId::new("1-a");
    let push = Push {
        device: callback::confirm::Device {
            id: "phone-7".to_owned(),
            provider: String::new(),
            language: "de".to_owned(),
            debug: false,
        },
        seq: 9,
        message: r#"{"_id":"1-a","_action":"menu"}"#.to_owned(),
        attempts: 3,
    };
    let row = publisher.of_push(&id, &push, Timestamp(5));
    assert_eq!(row.extra.schedule_s, [0, 2, 2]);
    assert_eq!(
        (
            row.target.as_str(),
            row.channel.as_str(),
            row.language.as_str()
        ),
        ("http://bridge/push", "customhttp", "de")
    );
    let body: Value = serde_json::from_str(&row.body).unwrap();
    assert_eq!(
        body,
        json!({"deviceId": "phone-7", "message": push.message})
    );
    assert_eq!(
        row.notification_seq, 0,
        "it is none of the counted notifications"
    );
    assert!(publisher.check_provider("", false).is_ok());
    assert!(publisher.check_provider("other", false).is_err());
    assert!(
        self::publisher(NotifyConfig::default(), Vec::new())
            .check_provider("", false)
            .is_err()
    );
}

#[test]
fn debug_mode_uses_the_debug_receiver_of_the_provider() {
    let mut to = subscription("1", "customhttp", "crm-bridge-7");
    let mut config = with_url("https://bridge/in");
    let debug = "https://bridge/debug".to_owned();
    config.providers.get_mut("").unwrap().debug_customhttp_url = debug.clone();
    assert_eq!(rows(config.clone(), to.clone()).target, debug);
    to.debug = false;
    assert_eq!(rows(config, to).target, "https://bridge/in");
}
