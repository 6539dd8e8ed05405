//! Each rule alone, and that 0 switches it off.

use serde_json::json;

use super::*;
use crate::CallbackId;
use crate::service::{self, Request, ServerDefaults, Service};
use crate::transaction_list::no_lists;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn service(options: &[(&str, &str)]) -> Service {
    let base = [
        ("_type", "ors"),
        ("_service", "callback"),
        ("_call_direction", "USERTERMINATED"),
    ];
    let options = base.iter().chain(options);
    Service {
        name: ServiceName::new("billing"),
        options: options
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

struct Desk {
    rules: Rules,
    settings: crate::settings::Settings,
    ledger: Ledger,
    made: u32,
}

impl Desk {
    fn new(options: &[(&str, &str)]) -> Self {
        let none = serde_json::Map::new();
        let request = Request {
            parameters: &none,
            user_data: &none,
        };
        let server = ServerDefaults::default();
        let service = service(options);
        Self {
            rules: service::admission_rules(&service, &request, &server).unwrap(),
            settings: service::resolve(&service, &request, &server, &no_lists)
                .unwrap()
                .0,
            ledger: Ledger::default(),
            made: 0,
        }
    }

    fn callback(&mut self, number: &str, at: Timestamp) -> Callback {
        self.made += 1;
        let id = CallbackId::new(self.made.to_string());
        let mut callback = Callback::new(id, self.settings.clone(), at);
        callback.counted.number = number.to_owned();
        callback.counted.values = self.rules.values_of(&callback, &[]);
        callback
    }

    fn take(&mut self, callback: &Callback) -> Result<(), &'static str> {
        let now = callback.created;
        self.ledger
            .check(callback, &self.rules, false, now)
            .map_err(|e| e.code.phrase())?;
        self.ledger.record(callback, &self.rules);
        self.ledger.moved(None, Some(callback.state), callback);
        Ok(())
    }

    fn ask(&mut self, number: &str, at: Timestamp) -> Result<(), &'static str> {
        let callback = self.callback(number, at);
        self.take(&callback)
    }

    /// Asks, and the callback is over at once.
    fn ask_and_end(&mut self, number: &str, at: Timestamp) -> Result<(), &'static str> {
        let callback = self.callback(number, at);
        self.take(&callback)?;
        self.ledger
            .moved(Some(callback.state), Some(State::Completed), &callback);
        Ok(())
    }
}

const OFF: &[(&str, &str)] = &[
    ("_enable_in_queue_checking", "false"),
    ("_throttle_request_parameters_limit", "0"),
    ("_throttle_callbacks_per_service_1", "0"),
    ("_throttle_callbacks_per_service_2", "0"),
    ("max_queued_callbacks_per_service", "0"),
];

#[test]
fn ten_thousand_requests_in_a_row_pass_while_every_limit_is_off() {
    let mut desk = Desk::new(OFF);
    for _ in 0..10_000 {
        assert_eq!(desk.ask("5115", NOW), Ok(()));
    }
    assert!(desk.ledger.order.is_empty());
}

#[test]
fn the_seventh_request_with_the_same_value_within_a_day_is_refused() {
    let mut desk = Desk::new(&[]);
    for n in 0..6 {
        assert_eq!(desk.ask_and_end("5115", NOW.plus_seconds(n)), Ok(()));
    }
    assert_eq!(desk.ask("5115", NOW.plus_seconds(86_399)), Err("TOO_MANY"));
    assert_eq!(desk.ask("5116", NOW.plus_seconds(86_399)), Ok(()));
    assert_eq!(desk.ask("5115", NOW.plus_seconds(86_400)), Ok(()));
}

#[test]
fn a_header_goes_before_the_body_and_may_be_left_out() {
    let names = ("_throttle_request_parameters", "_customer_number, X-Device");
    let headers = [
        ("x-device".to_owned(), "tv".to_owned()),
        ("_CUSTOMER_NUMBER".to_owned(), "7".to_owned()),
    ];
    let of = |options: &[(&str, &str)]| {
        let mut desk = Desk::new(options);
        let mut callback = desk.callback("5115", NOW);
        callback.user_data.insert("X-Device".into(), json!("app"));
        desk.rules.values_of(&callback, &headers)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        of(&[names]),
        [pair("_customer_number", "7"), pair("X-Device", "tv")]
    );
    let off = ("_enable_throttle_header_parameters", "false");
    assert_eq!(
        of(&[names, off]),
        [pair("_customer_number", "5115"), pair("X-Device", "app")]
    );
}

#[test]
fn each_window_of_a_service_holds_its_own_count() {
    let options = [
        ("_throttle_callbacks_per_service_1", "2"),
        ("_throttle_ttl_1", "10"),
        ("_throttle_callbacks_per_service_2", "3"),
        ("_throttle_ttl_2", "100"),
    ];
    let mut desk = Desk::new(&options);
    let at = |s| NOW.plus_seconds(s);
    assert_eq!(desk.ask("1", at(0)), Ok(()));
    assert_eq!(desk.ask("2", at(5)), Ok(()));
    assert_eq!(desk.ask("3", at(9)), Err("TOO_MANY"));
    assert_eq!(desk.ask("3", at(10)), Ok(()));
    assert_eq!(desk.ask("4", at(60)), Err("TOO_MANY"));
    assert_eq!(desk.ask("4", at(100)), Ok(()));
}

#[test]
fn a_number_may_be_queued_twice_or_with_strict_once() {
    let mut desk = Desk::new(&[]);
    let first = desk.callback("5115", NOW);
    assert_eq!(desk.take(&first), Ok(()));
    assert_eq!(desk.ask("5115", NOW), Ok(()));
    assert_eq!(desk.ask("5115", NOW), Err("ALREADY_QUEUED"));
    assert_eq!(desk.ask("5116", NOW), Ok(()));
    // With an agent it waits no more.
    desk.ledger
        .moved(Some(State::Routing), Some(State::Processing), &first);
    assert_eq!(desk.ask("5115", NOW), Ok(()));
    let mut strict = Desk::new(&[("_enable_in_queue_checking", "strict")]);
    assert_eq!(strict.ask("5115", NOW), Ok(()));
    assert_eq!(strict.ask("5115", NOW), Err("ALREADY_QUEUED"));
}

#[test]
fn a_full_queue_refuses_immediate_requests_only() {
    let mut desk = Desk::new(&[("max_queued_callbacks_per_service", "1")]);
    assert_eq!(desk.ask("1", NOW), Ok(()));
    assert_eq!(desk.ask("2", NOW), Err("QUEUE_FULL"));
    let mut booked = desk.callback("3", NOW);
    booked.schedule(NOW.plus_seconds(3600));
    assert_eq!(desk.take(&booked), Ok(()));
}

#[test]
fn times_beyond_the_horizon_are_refused() {
    let ask = |horizon: &str, seconds: i64| {
        let mut desk = Desk::new(&[("_reject_future_desired_time", horizon)]);
        let mut callback = desk.callback("1", NOW);
        callback.schedule(NOW.plus_seconds(seconds));
        desk.take(&callback)
    };
    assert_eq!(ask("", 29 * 86_400), Ok(()));
    assert_eq!(ask("", 32 * 86_400), Err("TOO_FAR"));
    assert_eq!(ask("2h", 7200), Ok(()));
    assert_eq!(ask("2h", 7201), Err("TOO_FAR"));
    assert_eq!(ask("0d", 400 * 86_400), Ok(()));
}

#[test]
fn what_could_not_be_stored_does_not_count() {
    let mut desk = Desk::new(&[
        ("_throttle_request_parameters_limit", "1"),
        ("_throttle_callbacks_per_service_1", "1"),
    ]);
    let callback = desk.callback("5115", NOW);
    assert_eq!(desk.take(&callback), Ok(()));
    desk.ledger.moved(Some(callback.state), None, &callback);
    desk.ledger.take_back(&callback);
    assert_eq!(desk.ask("5115", NOW), Ok(()));
    assert_eq!(desk.ask("5115", NOW), Err("TOO_MANY"));
}

#[test]
fn counts_are_the_same_after_a_restart() {
    let mut desk = Desk::new(&[("_throttle_callbacks_per_service_1", "3")]);
    let values = vec![("_customer_number".to_owned(), "5115".to_owned())];
    for n in 0..6 {
        let at = NOW.plus_seconds(n - 1000);
        desk.ledger
            .restore(&ServiceName::new("billing"), at, &values);
    }
    assert_eq!(desk.ask("5115", NOW), Err("TOO_MANY"));
    assert_eq!(desk.ask("5116", NOW), Ok(()));
}
