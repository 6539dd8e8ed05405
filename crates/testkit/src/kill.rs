//! `kill -9` at random moments: the kill test, for the gate and as a program of its own.
//!
//! A server is killed and started again many times while callbacks are requested. Then it is
//! left alone until everything is over, and what clients were promised is compared with what
//! the store, the line and the receivers saw: the targets of services, of a Transaction List, and
//! subscribers, one of them from the middle of the run on. Receivers refuse some attempts.

mod check;
mod rng;
mod site;

use std::fmt;
use std::time::Duration;

use crate::api::Api;
use crate::clock::{Moment, now};
use crate::line::Line;
use crate::server::Server;
use rng::Rng;
use site::{Service, Site, iso_in};

use serde_json::json;

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
    /// Of these, cancelled in time.
    pub cancelled: usize,
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
        writeln!(f, "{:<28}{}", "  of these cancelled", self.cancelled)?;
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

/// A callback that a client was told of.
#[derive(Debug)]
struct Promised {
    id: String,
    service: Service,
    /// A cancel was answered with 200.
    cancelled: bool,
    /// The subscriber that comes in the middle was there before.
    after_the_late_one: bool,
}

/// Runs the plan.
pub async fn kill(plan: &KillPlan) -> KillReport {
    let line = Line::start(|number, _| site::customer(number)).await;
    let secret = "signing_secret = \"whsec_dGhlIHNlY3JldCBvZiB0aGUga2lsbCB0ZXN0\"";
    let mut server = Server::builder(&plan.program)
        .trunk("carrier", line.port)
        .set("notifications", secret)
        .start()
        .await;
    let mut site = Site::build(&server.api).await;

    let mut rng = Rng(plan.seed);
    let mut number = 500_000;
    let mut promised = Vec::new();
    for round in 1..=plan.rounds {
        if round == plan.rounds / 2 + 1 {
            site.late_subscriber(&server.api).await;
        }
        let life = Life {
            api: &server.api,
            end: now() + Duration::from_millis(50 + rng.below(900)),
            pause: Duration::from_millis(rng.below(60)),
            late: site.has_late_subscriber(),
        };
        life.live(&mut rng, &mut number, &mut promised).await;
        server.kill_hard().await;
        server.restart().await;
        progress(plan, round, promised.len());
    }
    check::everything(&server.api, &site, &line, &promised).await
}

/// One life of the server, from its start to the kill.
struct Life<'a> {
    api: &'a Api,
    end: Moment,
    pause: Duration,
    late: bool,
}

impl Life<'_> {
    /// Asks for callbacks, moves and cancels some, until the end.
    async fn live(&self, rng: &mut Rng, number: &mut u32, promised: &mut Vec<Promised>) {
        let mut left = PER_LIFE;
        while now() < self.end {
            if left > 0 {
                left -= 1;
                *number += 1;
                let wishes = [rng.below(4), rng.below(6)];
                if let Some(made) = self.request(*number, wishes).await {
                    promised.push(made);
                }
            }
            tokio::time::sleep_until((now() + self.pause).min(self.end).into()).await;
        }
    }

    /// Asks for one callback, a quarter of them for a time; a few are moved or cancelled.
    async fn request(&self, number: u32, [when, change]: [u64; 2]) -> Option<Promised> {
        let service = Service::of(number);
        let mut body = json!({"_customer_number": number.to_string()});
        let scheduled = when == 0;
        if scheduled {
            body["_desired_time"] = json!(iso_in(2));
        }
        let name = service.name();
        let id = self
            .before_the_end(self.api.try_create(name, &body))
            .await??;
        let mut made = Promised {
            id,
            service,
            cancelled: false,
            after_the_late_one: self.late,
        };
        let path = format!("/genesys/1/service/callback/{name}/{}", made.id);
        if scheduled && change % 2 == 0 {
            let body = json!({"_new_desired_time": iso_in(1)});
            // Whether it was moved shows in its log.
            self.before_the_end(self.api.try_put(&path, &body)).await;
        }
        if change == 0 {
            let answer = self.before_the_end(self.api.try_delete(&path)).await;
            made.cancelled = answer.flatten() == Some(200);
        }
        Some(made)
    }

    /// The moment of the kill may fall into a request: then nothing was promised.
    async fn before_the_end<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.end.into(), request).await.ok()
    }
}

#[expect(clippy::print_stderr, reason = "progress for a person who watches")]
fn progress(plan: &KillPlan, round: u32, acknowledged: usize) {
    if plan.progress_every > 0 && round.is_multiple_of(plan.progress_every) {
        eprintln!("round {round} of {}, {acknowledged} callbacks", plan.rounds);
    }
}
