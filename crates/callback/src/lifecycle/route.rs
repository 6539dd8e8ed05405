//! `route_to_rp`: the call goes to another destination and the callback ends (play-treatments §5.2).

use serde_json::Value;

use super::agent::attached;
use super::customer;
use super::run::Run;
use super::{Effect, RouteOut};
use crate::events::EventId;
use crate::plugin::destination_number;
use crate::record::{Phase, Reason};

/// Dials of the destination before the customer is told that it cannot be reached.
const TRIES_MAX: u32 = 2;

/// Sends the customer there.
pub(super) fn start(run: &mut Run<'_>, destination: String) {
    run.let_waiting_agent_go();
    let settings = run.callback.settings.clone();
    run.play(&settings.treatments.waiting, true);
    dial(run, destination, 1);
}

fn dial(run: &mut Run<'_>, destination: String, tries: u32) {
    let plugin = run.callback.settings.plugin.as_ref();
    if tries == 1 && plugin.is_some_and(|plugin| plugin.refer) {
        return refer(run, destination, tries);
    }
    run.callback.agent_legs += 1;
    let callback = &run.callback;
    let settings = callback.settings.clone();
    let route = RouteOut {
        leg: callback.agent_leg(),
        number: destination_number(&destination).to_owned(),
        route_point: settings.route_point.clone(),
        caller_number: callback.dial_number.clone(),
        ring_timeout_s: settings.ring_timeout_s,
        headers: headers(run),
    };
    run.callback.phase = Phase::RoutingOut {
        destination: destination.clone(),
        tries,
    };
    run.emit_with(
        EventId::RoutedOut,
        &[
            ("destination", Value::from(destination)),
            ("tries", Value::from(tries)),
        ],
    );
    run.act(Effect::RouteOut(Box::new(route)));
    run.guard(settings.ring_timeout_s);
}

/// The customer's side is asked to call the destination itself; when it cannot, it is bridged.
fn refer(run: &mut Run<'_>, destination: String, tries: u32) {
    // No leg of ours, but those of before are not the present one any more.
    run.callback.agent_legs += 1;
    let settings = run.callback.settings.clone();
    let effect = Effect::Refer {
        leg: run.callback.customer_leg(),
        number: destination_number(&destination).to_owned(),
        route_point: settings.route_point.clone(),
        headers: headers(run),
    };
    run.callback.phase = Phase::RoutingOut {
        destination: destination.clone(),
        tries,
    };
    run.emit_with(
        EventId::RoutedOut,
        &[
            ("destination", Value::from(destination)),
            ("tries", Value::from(tries)),
            ("method", Value::from("refer")),
        ],
    );
    run.act(effect);
    run.guard(settings.ring_timeout_s);
}

/// What became of it.
pub(super) fn referred(run: &mut Run<'_>, taken: bool, status: u16) {
    let Phase::RoutingOut { destination, tries } = run.callback.phase.clone() else {
        return;
    };
    if taken {
        // A late report: the destination may be called by ourselves meanwhile.
        run.drop_destination();
        run.hang_up_customer(false);
        run.complete(Reason::TransferredToRp, "route_to_rp");
    } else if tries == 1 {
        failed(run, destination, tries, &format!("refer_{status}"));
    }
}

/// Attached data with the priority and the age of the call.
pub(super) fn headers(run: &Run<'_>) -> Vec<(String, String)> {
    let callback = &run.callback;
    let plugin = callback.settings.plugin.as_ref();
    let prefix = plugin.map_or("X-Genesys-", |plugin| &plugin.header_prefix);
    let start_s = callback.started.as_seconds();
    let age = if plugin.is_some_and(|plugin| plugin.age_is_epoch) {
        start_s
    } else {
        (run.now().as_seconds() - start_s).max(0)
    };
    let own = [
        (
            "GMS_URS_PRIORITY",
            callback.priority_at(run.now()).to_string(),
        ),
        ("RouterData70", age.to_string()),
    ];
    let own = own.map(|(key, value)| (key.to_owned(), value));
    let aai = callback.plugin.aai.clone();
    own.into_iter()
        .chain(attached(callback))
        .chain(aai.map(|aai| ("AAI".to_owned(), aai)))
        .map(|(key, value)| (format!("{prefix}{key}"), value))
        .collect()
}

/// The destination took the call: the callback is over, the call goes on.
pub(super) fn answered(run: &mut Run<'_>) {
    let (customer, other) = (run.callback.customer_leg(), run.callback.agent_leg());
    run.act(Effect::HandOver { customer, other });
    run.complete(Reason::TransferredToRp, "route_to_rp");
}

/// The destination cannot be reached: once more, then the customer is told.
pub(super) fn failed(run: &mut Run<'_>, destination: String, tries: u32, detail: &str) {
    let mut details = run.with_line(detail);
    details.push(("failures", Value::from(tries)));
    run.emit_with(EventId::AgentFailed, &details);
    if tries < TRIES_MAX {
        dial(run, destination, tries + 1);
    } else {
        run.apologise(Reason::FailAgentConnect);
    }
}

/// The customer left while the destination rang.
pub(super) fn customer_left(run: &mut Run<'_>) {
    run.drop_destination();
    customer::customer_left(run);
}
