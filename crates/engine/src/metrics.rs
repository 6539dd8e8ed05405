//! Metrics of the engine in one place, with unit and label values.

use std::fmt::Write as _;

use callback::record::{Callback, State};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::{DeliveryAttempt, DeliveryState};
use telephony::port::{Stats, TrunkView};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
enum Result {
    Delivered,
    Retried,
    GivenUp,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: Result,
}

/// The engine's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    created: Counter,
    completed: Family<ReasonLabel, Counter>,
    dials: Counter,
    deliveries: Family<ResultLabel, Counter>,
    no_subscriber: Counter,
    screenings: Counter,
    circuits_open: Gauge,
    commits: Counter,
    commit_failures: Counter,
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
            deliveries: Family::default(),
            no_subscriber: Counter::default(),
            screenings: Counter::default(),
            circuits_open: Gauge::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
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
            "delivery_attempts",
            "Attempts to deliver a notification, by result",
            metrics.deliveries.clone(),
        );
        r.register(
            "notifications_no_subscriber",
            "Events that nobody was subscribed to",
            metrics.no_subscriber.clone(),
        );
        r.register(
            "call_screenings",
            "Assistants that asked who is calling",
            metrics.screenings.clone(),
        );
        r.register(
            "notification_circuits_open",
            "Notification targets that are only probed",
            metrics.circuits_open.clone(),
        );
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

    /// Counts what a step changed.
    pub(crate) fn step(&self, before: Option<State>, after: &Callback, dialed: bool) {
        if before.is_none() {
            self.created.inc();
        }
        if dialed {
            self.dials.inc();
        }
        if before != Some(State::Completed)
            && after.state == State::Completed
            && let Some(reason) = after.reason
        {
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
            DeliveryState::Delivered => Result::Delivered,
            DeliveryState::Pending => Result::Retried,
            DeliveryState::Failed => Result::GivenUp,
        };
        self.deliveries.get_or_create(&ResultLabel { result }).inc();
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
    pub(crate) fn render(&self, stats: &Stats, trunks: &[TrunkView]) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.truncate(end);
        render_telephony(&mut text, stats);
        render_trunks(&mut text, trunks);
        text.push_str("# EOF\n");
        text
    }
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
    ("rtp_sent_total", "counter", "RTP packets sent", |s| {
        count(s.rtp_sent)
    }),
    (
        "rtp_received_total",
        "counter",
        "RTP packets received",
        |s| count(s.rtp_received),
    ),
    ("rtp_lost_total", "counter", "RTP packets missing", |s| {
        count(s.rtp_lost)
    }),
    (
        "media_ticks_total",
        "counter",
        "Media ticks of 20 ms",
        |s| count(s.ticks),
    ),
    (
        "media_late_ticks_total",
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
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "# HELP ringback_{name} {help}\n# TYPE ringback_{name} {kind}\nringback_{name} {value}"
        );
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
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "# HELP ringback_{name} {help}\n# TYPE ringback_{name} gauge"
        );
        for trunk in trunks {
            let label = trunk.name.replace('\\', "\\\\").replace('"', "\\\"");
            let value = value(trunk);
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
        let text = Metrics::new().render(&Stats::default(), &[trunk]);
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
}
