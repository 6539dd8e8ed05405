//! Services, their customers and who hears of their callbacks.

use std::time::Duration;

use serde_json::json;

use crate::api::Api;
use crate::clock::unix_seconds;
use crate::line::Behaviour;
use crate::receiver::{Receiver, Reply};

/// The three ways in which notifications are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The default set, to a target of its own.
    Plain,
    /// A Transaction List names all events, the target and custom data.
    Listed,
    /// Mode `notify`, a list of a few events: subscribers alone hear of them.
    Notify,
}

impl Service {
    const ALL: [Self; 3] = [Self::Plain, Self::Listed, Self::Notify];

    /// The service that a number is called back by; independent of the customer's behaviour.
    pub(super) const fn of(number: u32) -> Self {
        match number % 3 {
            0 => Self::Plain,
            1 => Self::Listed,
            _ => Self::Notify,
        }
    }

    /// Execution name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Listed => "listed",
            Self::Notify => "notified",
        }
    }

    /// Whether an event of the log is published (notifications §2, §4).
    pub(super) fn publishes(self, event: &str) -> bool {
        match self {
            Self::Plain => event.starts_with("_cbe_on_") && !event.starts_with("_cbe_on_callback_"),
            Self::Listed => event.starts_with("_cbe_on_"),
            Self::Notify => FEW.contains(&event),
        }
    }
}

/// Events of the shorter list.
const FEW: &[&str] = &[
    "_cbe_on_callback_queued",
    "_cbe_on_dial_done",
    "_cbe_on_service_exit",
];

/// All events of the tables (notifications §9.1, §9.2).
const ALL_EVENTS: &[&str] = &[
    "service_create",
    "virtual_ixn_create",
    "target_found",
    "dial_init",
    "dial_done",
    "connect_treatment_start",
    "customer_queued",
    "route_to_agent",
    "service_exit",
    "callback_scheduled",
    "callback_rescheduled",
    "callback_cancelled",
    "callback_status_updated",
    "callback_submitted",
    "callback_resubmitted",
    "callback_submit_failed",
    "callback_processing_failed",
    "callback_queued",
];

/// Who hears of which services, and since when.
#[derive(Debug)]
pub(super) struct Audience {
    /// Where it arrives.
    pub(super) receiver: Receiver,
    /// Services it hears of.
    pub(super) services: &'static [Service],
    /// It subscribed in the middle of the run.
    pub(super) late: bool,
}

/// Everybody who hears of callbacks.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) audience: Vec<Audience>,
}

impl Site {
    /// Imports the services and subscribes.
    pub(super) async fn build(api: &Api) -> Self {
        let [plain, listed, subscriber] = [receiver().await, receiver().await, receiver().await];
        api.import_agents(AGENT).await;
        import_list(api, "Kill_All", &list_of_all(&listed.url)).await;
        let few: String = FEW.iter().map(|event| format!("[{event}]\n")).collect();
        import_list(api, "Kill_Few", &few).await;
        let services = [
            (
                Service::Plain,
                format!(
                    "_enable_status_notification = subscribe_notify\n\
                     _status_notification_type = httpcb\n\
                     _status_notification_target = {}\n",
                    plain.url
                ),
            ),
            (Service::Listed, "_callback_events_list = Kill_All\n".into()),
            (
                Service::Notify,
                "_callback_events_list = Kill_Few\n_enable_status_notification = notify\n".into(),
            ),
        ];
        let ini: String = services
            .iter()
            .map(|(service, more)| service_ini(*service, more))
            .collect();
        api.import_services(&ini).await;
        subscribe(api, "crm", "callback.*", &subscriber.url).await;
        let hears = |receiver, services| Audience {
            receiver,
            services,
            late: false,
        };
        Self {
            audience: vec![
                hears(plain, &[Service::Plain]),
                hears(listed, &[Service::Listed]),
                hears(subscriber, &Service::ALL),
            ],
        }
    }

    /// One more subscriber, for callbacks that come from now on.
    pub(super) async fn late_subscriber(&mut self, api: &Api) {
        let receiver = receiver().await;
        let filter = "callback.listed.*,callback.notified.*";
        subscribe(api, "late", filter, &receiver.url).await;
        self.audience.push(Audience {
            receiver,
            services: &[Service::Listed, Service::Notify],
            late: true,
        });
    }

    /// The late subscriber is there.
    pub(super) fn has_late_subscriber(&self) -> bool {
        self.audience.iter().any(|audience| audience.late)
    }
}

/// A receiver that refuses every 31st attempt and cuts every 37th.
async fn receiver() -> Receiver {
    let receiver = Receiver::start().await;
    let mut count = 0_u32;
    receiver.answer(move |_| {
        count += 1;
        match count {
            n if n.is_multiple_of(31) => Reply::Status(500),
            n if n.is_multiple_of(37) => Reply::Reset,
            _ => Reply::Status(200),
        }
    });
    receiver
}

async fn subscribe(api: &Api, subscriber: &str, filter: &str, url: &str) {
    let subscription = json!({
        "subscriberId": subscriber, "filter": filter, "expire": 86_400,
        "notificationDetails": {"deviceId": url, "type": "httpcb"},
    });
    let path = "/genesys/1/notification/subscribe";
    let answer = api.post(path, &subscription).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn import_list(api: &Api, name: &str, text: &str) {
    let path = format!("/api/v1/transactions/import?name={name}");
    let answer = api.post_bytes(&path, "text/plain", text.into()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Every event, to a target of the list itself.
fn list_of_all(target: &str) -> String {
    let sections: String = ALL_EVENTS
        .iter()
        .map(|event| {
            format!(
                "[_cbe_on_{event}]\n\
                 notify_params = _service_id, _service_name, _customer_number, c_call_result\n\
                 notify_custom = {CUSTOM}\n"
            )
        })
        .collect();
    format!(
        "[properties]\n_enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n_status_notification_target = {target}\n{sections}"
    )
}

/// Custom data of every event of the longer list.
const CUSTOM: &str = "{\"desk\": \"kill\"}";

/// An agent without a phone: the group is known, nobody is ever ready.
const AGENT: &str = "[agent.kim]\nextension = 7001\npassword = secret-kim\ngroups = Billing\n";

/// Customer first, 1 s ring, 1 s between dials, two dials; called at the very time when there is
/// one.
fn service_ini(service: Service, more: &str) -> String {
    format!(
        "[service.{}]\n\
         _type = ors\n\
         _service = callback\n\
         _call_direction = USERTERMINATED\n\
         _wait_for_agent = false\n\
         _urs_virtual_queue = VQ_Billing\n\
         _target = Billing@Stats.GA\n\
         _ixn_createcall_timeout = 1\n\
         _dial_retry_timeout = 1\n\
         _max_dial_attempts = 2\n\
         _agent_reserve_timeout = 4\n\
         _cpd_enable = false\n\
         _request_execution_time_buffer = 0\n\
         _desired_connect_time_threshold = 0\n\
         _throttle_callbacks_per_service_1 = 0\n\
         _throttle_callbacks_per_service_2 = 0\n\
         rb.notify_schedule = 0,1,1,1,1,1,1,1\n\
         _treatment_customer_connect = greeting.wav\n\
         _treatment_waiting_for_agent = music.wav\n\
         _treatment_find_agent_fail = sorry.wav\n\
         _treatment_call_failure_answering_machine = message.wav\n\
         {more}",
        service.name()
    )
}

/// A customer's behaviour follows from the last digit of the number.
pub(super) fn customer(number: &str) -> Behaviour {
    let ms = Duration::from_millis;
    match number.bytes().last().unwrap_or_default() % 5 {
        0 => Behaviour::Refuse(ms(20), 486),
        1 => Behaviour::Refuse(ms(300), 486),
        2 => Behaviour::AnswerAndLeave(ms(100), ms(300)),
        3 => Behaviour::AnswerAndLeave(ms(400), ms(900)),
        _ => Behaviour::NoAnswer,
    }
}

/// A time so many seconds from now, ISO 8601 in UTC.
pub(super) fn iso_in(seconds: i64) -> String {
    let now = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(now.saturating_add(seconds));
    at.unwrap_or(jiff::Timestamp::MAX).to_string()
}
