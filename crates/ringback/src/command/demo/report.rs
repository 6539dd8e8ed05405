//! What the demo prints: sentences for people or JSON lines.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::scenario::{Progress, SCENARIOS, Scenario};
use crate::harness::receiver::Notification;
use crate::harness::site::Site;
use crate::output;

/// Values of a notification that are worth showing, with a short name.
const NOTABLE: [(&str, &str); 7] = [
    ("c_call_result", "result"),
    ("c_call_num_attempt", "attempt"),
    ("c_dialed_number", "dialed"),
    ("c_agent_id", "agent"),
    ("c_agent_extension", "extension"),
    ("_urs_virtual_queue", "queue"),
    ("c_termination_type", "ended"),
];

/// The output of the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    json: bool,
}

impl Report {
    /// Output as JSON lines or as sentences.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Says what will happen.
    pub(crate) fn intro(self, ring_s: u32, retry_s: u32, attempts: u32) {
        if self.json {
            return;
        }
        output::line(
            "Ringback demo: a server, four agents' phones and a simulated carrier, all on this machine.",
        );
        output::line(&format!(
            "The demo service rings {ring_s} s, tries again after {retry_s} s and makes {attempts} attempts.\n"
        ));
    }

    /// Says where everything runs.
    pub(crate) fn site(self, site: &Site, receiver: &str, after: Duration) {
        if self.json {
            return;
        }
        output::line(&format!(
            "{} server    {}  sip {}  pid {}",
            offset(after),
            site.http,
            site.sip,
            site.server.pid()
        ));
        output::line(&format!(
            "{} carrier   four phones registered, pid {}",
            offset(after),
            site.carrier.pid()
        ));
        output::line(&format!("{} receiver  {receiver}\n", offset(after)));
    }

    /// Says that a callback was requested.
    pub(crate) fn requested(self, scenario: &Scenario, id: &str, after: Duration) {
        if self.json {
            return;
        }
        output::line(&format!(
            "{} {:<15} requested for {}: {id}",
            offset(after),
            scenario.name,
            scenario.number
        ));
    }

    /// Shows a notification of a scenario.
    pub(crate) fn notification(
        self,
        scenario: &Scenario,
        notification: &Notification,
        after: Duration,
    ) {
        self.line(scenario.name, notification, after);
    }

    /// Shows a notification of a callback that somebody else requested.
    pub(crate) fn other(self, notification: &Notification, after: Duration) {
        self.line("yours", notification, after);
    }

    fn line(self, name: &str, notification: &Notification, after: Duration) {
        if self.json {
            let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            output::line(&format!(
                "{}",
                json!({
                    "kind": "notification", "scenario": name,
                    "body": notification.body, "received_ms": ms,
                })
            ));
            return;
        }
        output::line(&format!(
            "{} {name:<15} {:<32} {:<10} {}",
            offset(after),
            notification.text("event_id"),
            notification.text("_callback_state"),
            notable(&notification.body),
        ));
    }

    /// Prints the table of results; `true` when every scenario ended as it should.
    pub(crate) fn summary(self, progress: &[Progress], after: Duration) -> bool {
        let ok = progress.len() == SCENARIOS.len() && progress.iter().all(Progress::ok);
        if self.json {
            output::line(&format!("{}", summary(progress, ok, after)));
            return ok;
        }
        output::line(&format!(
            "\n{:<15}  {:>8}  {:>6}  {:<32}  result",
            "scenario", "attempts", "events", "ended as"
        ));
        for one in progress {
            let result = one
                .remark()
                .map_or_else(|| String::from("ok"), |r| format!("WRONG: {r}"));
            output::line(&format!(
                "{:<15}  {:>8}  {:>6}  {:<32}  {result}",
                one.scenario.name,
                one.attempts,
                one.events.len(),
                one.got
            ));
        }
        let word = if ok {
            "every callback ended as it should"
        } else {
            "not as it should be"
        };
        output::line(&format!("\n{word}, after {:.1} s", after.as_secs_f64()));
        ok
    }

    /// Says what can be done while the site keeps running.
    pub(crate) fn serving(self, site: &Site, service: &str, dir: &Path) {
        if self.json {
            return;
        }
        let base = format!("{}/genesys/1/service/callback", site.http);
        output::line(
            "\nThe site keeps running; end it with Ctrl-C. Numbers beyond the five answer as humans.",
        );
        output::line(&format!("  files    {}", dir.display()));
        output::line(&format!(
            "  request  curl -s -X POST {base}/{service} -H 'Content-Type: application/json' \
             -d '{{\"_customer_number\":\"+12025550199\"}}'"
        ));
        output::line(&format!(
            "  query    curl -s '{base}?_id=<the _id of the answer>'"
        ));
        output::line(&format!(
            "  cancel   curl -s -X DELETE {base}/{service}/<the _id of the answer>"
        ));
        output::line(&format!("  agents   curl -s {}/api/v1/agents", site.http));
        output::line(&format!("  metrics  curl -s {}/metrics\n", site.http));
    }
}

fn summary(progress: &[Progress], ok: bool, after: Duration) -> Value {
    let scenarios: Vec<Value> = progress
        .iter()
        .map(|p| {
            json!({
                "name": p.scenario.name, "callback_id": p.callback_id, "attempts": p.attempts,
                "events": p.events, "expected": p.scenario.ending, "got": p.got, "ok": p.ok(),
                "heard_each_other": p.customer_heard && p.agent_heard, "remark": p.remark(),
            })
        })
        .collect();
    let seconds = (after.as_secs_f64() * 10.0).round() / 10.0;
    json!({"ok": ok, "seconds": seconds, "scenarios": scenarios})
}

fn notable(body: &Value) -> String {
    let value = |(key, name): &(&str, &str)| match body.get(*key)? {
        Value::String(text) => Some(format!("{name}={text}")),
        other => Some(format!("{name}={other}")),
    };
    NOTABLE
        .iter()
        .filter_map(value)
        .collect::<Vec<_>>()
        .join(" ")
}

fn offset(after: Duration) -> String {
    format!("+{:5.1}s", after.as_secs_f64())
}
