//! `kill -9` at random moments: the kill test, for the gate and as a program of its own.
//!
//! A server is killed and started again many times while callbacks are requested. Then it is
//! left alone until everything is over, and what clients were promised is compared with what
//! the store, the line and the receivers saw: the target of the service and a subscriber, which
//! both hear of everything.

mod check;
mod rng;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::clock::now;
use crate::line::{Behaviour, Line};
use crate::receiver::Receiver;
use crate::server::Server;
use rng::Rng;

/// Callbacks that are asked for in each life of the server.
const PER_LIFE: u32 = 4;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct KillPlan {
    /// The executable `ringback`.
    pub program: String,
    /// How often the server is killed.
    pub rounds: u32,
    /// The same seed, the same moments.
    pub seed: u64,
    /// A line per so many rounds on standard error; 0 = none.
    pub progress_every: u32,
}

/// What was found; every list names the callback or call, and is empty when all is well.
#[derive(Clone, Debug, Default)]
pub struct KillReport {
    /// Callbacks that were acknowledged.
    pub acknowledged: usize,
    /// Calls that reached the line.
    pub calls: usize,
    /// Notifications that arrived, repetitions included.
    pub notifications: usize,
    /// Repetitions among them, with the same id: allowed, at least once is the promise.
    pub repeated: usize,
    /// Acknowledged callbacks, events or notifications that are not there.
    pub lost: Vec<String>,
    /// Numbers that were called more often than the log says, or twice for one dial.
    pub double_dials: Vec<String>,
    /// Notifications in another order than the log, or logs with gaps.
    pub order: Vec<String>,
    /// Repetitions with another id or another body.
    pub other_id: Vec<String>,
    /// Calls that a crash left over and nobody ended.
    pub left_over: Vec<String>,
}

impl KillReport {
    /// Nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.double_dials.is_empty()
            && self.order.is_empty()
            && self.other_id.is_empty()
            && self.left_over.is_empty()
    }
}

impl fmt::Display for KillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28}{}", "callbacks acknowledged", self.acknowledged)?;
        writeln!(f, "{:<28}{}", "calls on the line", self.calls)?;
        writeln!(f, "{:<28}{}", "notifications", self.notifications)?;
        writeln!(f, "{:<28}{}", "repeated with the same id", self.repeated)?;
        for (name, found) in [
            ("lost", &self.lost),
            ("double dials", &self.double_dials),
            ("order violations", &self.order),
            ("duplicates with other id", &self.other_id),
            ("calls left over", &self.left_over),
        ] {
            writeln!(f, "{name:<28}{}", found.len())?;
            for line in found {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

/// Runs the plan.
pub async fn kill(plan: &KillPlan) -> KillReport {
    let line = Line::start(|number, _| customer(number)).await;
    let receiver = Receiver::start().await;
    let subscriber = Receiver::start().await;
    let secret = "signing_secret = \"whsec_dGhlIHNlY3JldCBvZiB0aGUga2lsbCB0ZXN0\"";
    let mut server = Server::builder(&plan.program)
        .trunk("carrier", line.port)
        .set("notifications", secret)
        .start()
        .await;
    server.api.import_agents(AGENT).await;
    server.api.import_services(&service(&receiver.url)).await;
    let subscription = json!({
        "subscriberId": "crm", "filter": format!("callback.{SERVICE}.*"), "expire": 86_400,
        "notificationDetails": {"deviceId": subscriber.url, "type": "httpcb"},
    });
    let path = "/genesys/1/notification/subscribe";
    let answer = server.api.post(path, &subscription).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    let mut rng = Rng(plan.seed);
    let mut number = 500_000;
    let mut acknowledged = BTreeMap::new();
    for round in 1..=plan.rounds {
        let life = now() + Duration::from_millis(50 + rng.below(900));
        let pause = Duration::from_millis(rng.below(60));
        let mut left = PER_LIFE;
        while now() < life {
            if left > 0 {
                left -= 1;
                number += 1;
                // The moment of the kill may fall into a request: then nothing was promised.
                let request = json!({"_customer_number": number.to_string()});
                let create = server.api.try_create(SERVICE, &request);
                let create = tokio::time::timeout_at(life.into(), create);
                if let Ok(Some(id)) = create.await {
                    acknowledged.insert(id, number.to_string());
                }
            }
            tokio::time::sleep_until((now() + pause).min(life).into()).await;
        }
        server.kill_hard().await;
        server.restart().await;
        progress(plan, round, acknowledged.len());
    }
    check::everything(&server.api, &[receiver, subscriber], &line, &acknowledged).await
}

/// Execution name of the service.
const SERVICE: &str = "desk";

/// An agent without a phone: the group is known, nobody is ever ready.
const AGENT: &str = "[agent.kim]\nextension = 7001\npassword = secret-kim\ngroups = Billing\n";

/// Customer first, 1 s ring, 1 s between dials, two dials.
fn service(target: &str) -> String {
    format!(
        "[service.{SERVICE}]\n\
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
         _treatment_customer_connect = greeting.wav\n\
         _treatment_waiting_for_agent = music.wav\n\
         _treatment_find_agent_fail = sorry.wav\n\
         _treatment_call_failure_answering_machine = message.wav\n\
         _enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n\
         _status_notification_target = {target}\n"
    )
}

/// A customer's behaviour follows from the last digit of the number.
fn customer(number: &str) -> Behaviour {
    let ms = Duration::from_millis;
    match number.bytes().last().unwrap_or_default() % 5 {
        0 => Behaviour::Refuse(ms(20), 486),
        1 => Behaviour::Refuse(ms(300), 486),
        2 => Behaviour::AnswerAndLeave(ms(100), ms(300)),
        3 => Behaviour::AnswerAndLeave(ms(400), ms(900)),
        _ => Behaviour::NoAnswer,
    }
}

#[expect(clippy::print_stderr, reason = "progress for a person who watches")]
fn progress(plan: &KillPlan, round: u32, acknowledged: usize) {
    if plan.progress_every > 0 && round.is_multiple_of(plan.progress_every) {
        eprintln!("round {round} of {}, {acknowledged} callbacks", plan.rounds);
    }
}
