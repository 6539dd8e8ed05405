//! Metrics of the engine in one place, with unit and label values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use callback::Timestamp;
use callback::events::{Event, EventId};
use callback::record::{Callback, Reason, State};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::{DeliveryAttempt, DeliveryState};
use telephony::port::{Stats, TrunkView};

use crate::activity::{Activity, Happening};
use crate::limits;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: String,
}

/// How things stand while `/metrics` is read; what cannot be told in time is left out.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// What the shard knows.
    pub(crate) figures: Option<Figures>,
    /// Deliveries that wait for an attempt, and those that were given up.
    pub(crate) deliveries: Option<(u64, u64)>,
}

/// What the shard knows of queues and agents.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Waiting callbacks by virtual queue, the names in order.
    pub(crate) queues: BTreeMap<String, usize>,
    /// Agents by state.
    pub(crate) agents: BTreeMap<&'static str, usize>,
    /// Agents whose phone is registered.
    pub(crate) registered: usize,
}

/// The engine's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    created: Counter,
    completed: Family<ReasonLabel, Counter>,
    dials: Counter,
    dials_ended: Family<ResultLabel, Counter>,
    logins_failed: Counter,
    deliveries: Family<ResultLabel, Counter>,
    no_subscriber: Counter,
    screenings: Counter,
    circuits_open: Gauge,
    commits: Counter,
    commit_failures: Counter,
    /// What happened lately, by minutes.
    pub(crate) activity: Activity,
    pub(crate) open: Gauge,
    pub(crate) waiting: Gauge,
}

impl Metrics {
    /// Registers everything.
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ringback"),
            created: Counter::default(),
            completed: Family::default(),
            dials: Counter::default(),
            dials_ended: Family::default(),
            logins_failed: Counter::default(),
            deliveries: Family::default(),
            no_subscriber: Counter::default(),
            screenings: Counter::default(),
            circuits_open: Gauge::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            activity: Activity::new(),
            open: Gauge::default(),
            waiting: Gauge::default(),
        };
        let r = &mut metrics.registry;
        r.register(
            "callbacks_created",
            "Callbacks accepted",
            metrics.created.clone(),
        );
        r.register(
            "callbacks_completed",
            "Callbacks over, by reason",
            metrics.completed.clone(),
        );
        r.register("dials", "Dials of customers begun", metrics.dials.clone());
        r.register(
            "dials_ended",
            "Dials of customers with their result",
            metrics.dials_ended.clone(),
        );
        r.register(
            "call_screenings",
            "Assistants that asked who is calling",
            metrics.screenings.clone(),
        );
        r.register(
            "logins_failed",
            "HTTP requests with missing or wrong credentials",
            metrics.logins_failed.clone(),
        );
        metrics.register_notifications();
        let r = &mut metrics.registry;
        r.register(
            "commits",
            "Transactions of the engine",
            metrics.commits.clone(),
        );
        r.register(
            "commit_failures",
            "Transactions that failed and were repeated",
            metrics.commit_failures.clone(),
        );
        r.register(
            "callbacks_open",
            "Callbacks that are not over",
            metrics.open.clone(),
        );
        r.register(
            "callbacks_in_queue",
            "Callbacks that wait for an agent or their turn",
            metrics.waiting.clone(),
        );
        metrics
    }

    fn register_notifications(&mut self) {
        let r = &mut self.registry;
        r.register(
            "delivery_attempts",
            "Attempts to deliver a notification, by result",
            self.deliveries.clone(),
        );
        r.register(
            "notifications_no_subscriber",
            "Events that nobody was subscribed to",
            self.no_subscriber.clone(),
        );
        r.register(
            "notification_circuits_open",
            "Notification targets that are only probed",
            self.circuits_open.clone(),
        );
    }

    /// Counts what a step changed.
    pub(crate) fn step(
        &self,
        before: Option<State>,
        after: &Callback,
        dialed: bool,
        now: Timestamp,
    ) {
        if before.is_none() {
            self.created.inc();
            self.activity.count(Happening::Requested, now);
        }
        if dialed {
            self.dials.inc();
        }
        if before != Some(State::Completed)
            && after.state == State::Completed
            && let Some(reason) = after.reason
        {
            let ended = if reason == Reason::AgentConnected {
                Happening::Connected
            } else {
                Happening::EndedOtherwise
            };
            self.activity.count(ended, now);
            self.completed
                .get_or_create(&ReasonLabel {
                    reason: reason.label(),
                })
                .inc();
        }
    }

    /// Counts an attempt of a delivery.
    pub(crate) fn delivery(&self, attempt: &DeliveryAttempt) {
        let result = match attempt.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Pending => "retried",
            DeliveryState::Failed => "given_up",
        };
        let result = result.to_owned();
        let taken = attempt.state == DeliveryState::Delivered;
        let what = [Happening::NotTaken, Happening::Taken][usize::from(taken)];
        self.activity.count(what, attempt.at);
        self.deliveries.get_or_create(&ResultLabel { result }).inc();
    }

    /// Counts the results of dials among the events of a step.
    pub(crate) fn dials_over(&self, callback: &Callback, events: &[Event]) {
        let over = events.iter().any(|event| event.id == EventId::DialDone);
        if let Some(result) = callback.call_result.filter(|_| over) {
            let result = result_name(result);
            self.dials_ended
                .get_or_create(&ResultLabel { result })
                .inc();
        }
    }

    /// Counts a request whose credentials open nothing.
    pub(crate) fn login_failed(&self) {
        self.logins_failed.inc();
    }

    /// Counts an event that nobody was subscribed to.
    pub(crate) fn no_subscriber(&self) {
        self.no_subscriber.inc();
    }

    /// A greeting is over; counts an assistant that asked who is calling.
    pub(crate) fn greeting_over(&self, screening: bool) {
        self.screenings.inc_by(screening.into());
    }

    /// A target's circuit opened or closed.
    pub(crate) fn circuit(&self, open: bool) {
        if open {
            self.circuits_open.inc();
        } else {
            self.circuits_open.dec();
        }
    }

    /// Counts a commit.
    pub(crate) fn commit(&self, ok: bool) {
        if ok {
            self.commits.inc();
        } else {
            self.commit_failures.inc();
        }
    }

    /// The Prometheus text, telephony's counters included.
    pub(crate) fn render(
        &self,
        stats: &Stats,
        trunks: &[TrunkView],
        standing: &Standing,
    ) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.truncate(end);
        render_telephony(&mut text, stats);
        render_trunks(&mut text, trunks);
        render_standing(&mut text, standing);
        text.push_str("# EOF\n");
        text
    }
}

/// A call state as a label: `no_answer`.
fn result_name(result: u8) -> String {
    let names = callback::call_state::NAMES;
    let name = names.iter().find(|(number, _)| *number == result);
    let Some((_, name)) = name else {
        return result.to_string();
    };
    let mut label = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !label.is_empty() {
            label.push('_');
        }
        label.push(c.to_ascii_lowercase());
    }
    label
}

/// Name, kind, help and value of a metric of telephony.
type Row = (&'static str, &'static str, &'static str, fn(&Stats) -> f64);

/// Telephony's metrics; the driver counts, `/metrics` reads.
const TELEPHONY: &[Row] = &[
    ("legs", "gauge", "Call legs that are not over", |s| {
        count(s.legs)
    }),
    ("legs_peak", "gauge", "Most call legs at once", |s| {
        count(s.legs_peak)
    }),
    ("sip_dialogs", "gauge", "Dialogs the SIP stack holds", |s| {
        count(s.dialogs)
    }),
    ("rtp_sent", "counter", "RTP packets sent", |s| {
        count(s.rtp_sent)
    }),
    ("rtp_received", "counter", "RTP packets received", |s| {
        count(s.rtp_received)
    }),
    ("rtp_lost", "counter", "RTP packets missing", |s| {
        count(s.rtp_lost)
    }),
    ("media_ticks", "counter", "Media ticks of 20 ms", |s| {
        count(s.ticks)
    }),
    (
        "media_late_ticks",
        "counter",
        "Ticks over 10 ms late",
        |s| count(s.late_ticks),
    ),
    (
        "media_tick_p99_ms",
        "gauge",
        "Lateness of ticks, p99, ms",
        |s| s.tick_p99_ms,
    ),
    (
        "media_tick_p999_ms",
        "gauge",
        "Lateness of ticks, p99.9, ms",
        |s| s.tick_p999_ms,
    ),
    (
        "media_tick_max_ms",
        "gauge",
        "Lateness of ticks, greatest, ms",
        |s| s.tick_max_ms,
    ),
];

#[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^52")]
const fn count(n: u64) -> f64 {
    n as f64
}

fn render_telephony(text: &mut String, stats: &Stats) {
    for (name, kind, help, value) in TELEPHONY {
        let value = value(stats);
        // The family has the bare name, its sample the suffix (OpenMetrics 1.0, counter).
        let suffix = if *kind == "counter" { "_total" } else { "" };
        head(text, name, kind, help);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "ringback_{name}{suffix} {value}");
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "# HELP ringback_{name} {help}.\n# TYPE ringback_{name} {kind}"
    );
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn render_standing(text: &mut String, standing: &Standing) {
    // Writing to a String cannot fail.
    if let Some(figures) = &standing.figures {
        head(
            text,
            "queue_waiting",
            "gauge",
            "Callbacks that wait, by virtual queue",
        );
        for (queue, waiting) in figures.queues.iter().take(limits::METRIC_QUEUES_MAX) {
            let queue = escaped(queue);
            let _ = writeln!(
                text,
                "ringback_queue_waiting{{queue=\"{queue}\"}} {waiting}"
            );
        }
        head(text, "agents", "gauge", "Agents by state");
        for (state, agents) in &figures.agents {
            let _ = writeln!(text, "ringback_agents{{state=\"{state}\"}} {agents}");
        }
        head(
            text,
            "agents_registered",
            "gauge",
            "Agents whose phone is registered",
        );
        let _ = writeln!(text, "ringback_agents_registered {}", figures.registered);
    }
    if let Some((pending, failed)) = standing.deliveries {
        head(
            text,
            "deliveries",
            "gauge",
            "Notifications that are not delivered, by state",
        );
        for (state, count) in [("pending", pending), ("failed", failed)] {
            let _ = writeln!(text, "ringback_deliveries{{state=\"{state}\"}} {count}");
        }
    }
}

fn render_trunks(text: &mut String, trunks: &[TrunkView]) {
    type Gauge = (&'static str, &'static str, fn(&TrunkView) -> u32);
    let gauges: [Gauge; 2] = [
        ("trunk_up", "1 while the trunk takes calls", |t| {
            u32::from(t.up)
        }),
        ("trunk_calls", "Calls on the trunk", |t| t.calls),
    ];
    for (name, help, value) in gauges {
        head(text, name, "gauge", help);
        for trunk in trunks {
            let label = escaped(&trunk.name);
            let value = value(trunk);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "ringback_{name}{{trunk=\"{label}\"}} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trunk_has_its_gauges() {
        let trunk = TrunkView {
            name: "a\"b".to_owned(),
            up: true,
            reason: "answers",
            for_ms: 0,
            calls: 3,
            max_calls: 0,
            cps: 0,
            registered: None,
            failures: 0,
            retry_in_ms: None,
        };
        let text = Metrics::new().render(&Stats::default(), &[trunk], &Standing::default());
        assert!(
            text.contains("\nringback_trunk_up{trunk=\"a\\\"b\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("\nringback_trunk_calls{trunk=\"a\\\"b\"} 3\n"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }
    /// The rules of `OpenMetrics` 1.0 that scrapers hold: a family is described once and its samples
    /// follow; a counter's family has no suffix and its samples end in `_total`.
    fn check(text: &str) {
        let mut families: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(families.iter().all(|(known, _)| known != name), "{line}");
                assert!(kind != "counter" || !name.ends_with("_total"), "{line}");
                families.push((name.to_owned(), kind.to_owned()));
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let (family, kind) = families.last().unwrap();
                let suffix = if kind == "counter" { "_total" } else { "" };
                assert_eq!(name, format!("{family}{suffix}"), "{line}");
            }
        }
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn what_is_scraped_is_well_formed_openmetrics() {
        let standing = Standing {
            figures: Some(Figures {
                queues: BTreeMap::from([("VQ \"a\"\n".to_owned(), 3)]),
                agents: BTreeMap::from([("ready", 2), ("not_ready", 0)]),
                registered: 1,
            }),
            deliveries: Some((4, 5)),
        };
        let metrics = Metrics::new();
        metrics.login_failed();
        metrics.delivery(&DeliveryAttempt {
            delivery: "1-a.1".to_owned(),
            at: Timestamp(0),
            status: 0,
            error: "timeout".to_owned(),
            ms: 5,
            state: DeliveryState::Failed,
            next_at: None,
            trace: None,
        });
        let text = metrics.render(&Stats::default(), &[], &standing);
        check(&text);
        for line in [
            "# TYPE ringback_rtp_sent counter",
            "ringback_rtp_sent_total 0",
            "ringback_delivery_attempts_total{result=\"given_up\"} 1",
            "ringback_logins_failed_total 1",
            "ringback_queue_waiting{queue=\"VQ \\\"a\\\"\\n\"} 3",
            "ringback_agents{state=\"ready\"} 2",
            "ringback_agents_registered 1",
            "ringback_deliveries{state=\"pending\"} 4",
            "ringback_deliveries{state=\"failed\"} 5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn results_of_dials_have_names() {
        assert_eq!(result_name(7), "no_answer");
        assert_eq!(result_name(0), "ok");
        assert_eq!(result_name(200), "200");
    }
}
