//! What was promised against what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::site::{Audience, Service, Site};
use super::{KillReport, Promised};
use crate::api::Api;
use crate::clock::{Moment, now};
use crate::line::{Call, Line};
use crate::receiver::Note;

/// Time for everything to end after the last start; a refused attempt is repeated after 1 s and
/// holds up the rest of its callback.
const END: Duration = Duration::from_secs(120);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Waits until everything is over and compares.
pub(super) async fn everything(
    api: &Api,
    site: &Site,
    line: &Line,
    promised: &[Promised],
) -> KillReport {
    let mut report = KillReport {
        acknowledged: promised.len(),
        cancelled: promised.iter().filter(|one| one.cancelled).count(),
        ..KillReport::default()
    };
    let deadline = now() + END;
    for one in promised {
        let id = &one.id;
        let Some(record) = over(api, id, deadline).await else {
            report.lost.push(format!("{id} is not over or not there"));
            continue;
        };
        if one.cancelled && record["_callback_reason"] != "CANCELLED" {
            report.lost.push(format!("the cancel of {id}"));
        }
        callback(api, site, one, deadline, &mut report).await;
    }
    let idle = || line.calls().iter().all(|call| call.over.is_some());
    while !idle() && now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    let calls = line.calls();
    report.calls = calls.len();
    for call in calls.iter().filter(|call| call.over.is_none()) {
        report.left_over.push(call.call_id.clone());
    }
    dials(api, &calls, &mut report).await;
    report
}

/// Waits until a callback is over; gives its record.
async fn over(api: &Api, id: &str, deadline: Moment) -> Option<Value> {
    loop {
        let path = format!("/genesys/1/service/callback?_id={id}");
        let record = api.get(&path).await.body;
        if record["_callback_state"] == "COMPLETED" {
            return Some(record);
        }
        if now() >= deadline {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Its log has no gap; its notifications all came, in order, once or more with the same id.
async fn callback(
    api: &Api,
    site: &Site,
    promised: &Promised,
    deadline: Moment,
    report: &mut KillReport,
) {
    let id = promised.id.as_str();
    let log = api.events(id).await;
    let numbers: Vec<u64> = log
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    if !numbers.iter().copied().eq(1..=log.len() as u64) {
        report.order.push(format!("{id}: log {numbers:?}"));
    }
    let happened: Vec<&str> = log
        .iter()
        .filter_map(|event| event["event_id"].as_str())
        .collect();
    session(id, &happened, report);
    let expected: Vec<&str> = happened
        .into_iter()
        .filter(|event| promised.service.publishes(event))
        .collect();
    let hears = |audience: &&Audience| {
        audience.services.contains(&promised.service)
            && (!audience.late || promised.after_the_late_one)
    };
    for audience in site.audience.iter().filter(hears) {
        let notes = loop {
            let notes = audience.receiver.of(id);
            let arrived: BTreeSet<u64> = notes.iter().map(Note::sequence).collect();
            if arrived.len() >= expected.len() || now() >= deadline {
                break notes;
            }
            tokio::time::sleep(POLL).await;
        };
        let lost = report.lost.len();
        notifications(id, &notes, &expected, report);
        if report.lost.len() > lost {
            let open = undelivered(api, id).await;
            report.lost.extend(open);
        }
        let custom = |note: &Note| note.get("desk") == "kill";
        if promised.service == Service::Listed && !notes.iter().all(custom) {
            report.lost.push(format!("custom data of {id}"));
        }
    }
}

/// What the server says about notifications that did not arrive.
async fn undelivered(api: &Api, id: &str) -> Vec<String> {
    let deliveries = api.deliveries(id).await;
    let open = deliveries.iter().filter(|d| d["state"] != "delivered");
    open.map(|delivery| format!("  {delivery}")).collect()
}

/// A session that began has one exit, and nothing of it comes later.
fn session(id: &str, log: &[&str], report: &mut KillReport) {
    let raised: Vec<&&str> = log.iter().filter(|e| e.starts_with("_cbe_on_")).collect();
    let began = log.contains(&"_cbe_on_service_create");
    let exits = log.iter().filter(|event| **event == EXIT).count();
    let fits = match began {
        true => exits == 1 && raised.last() == Some(&&EXIT),
        false => exits == 0,
    };
    if !fits {
        report.order.push(format!("{id}: {exits} exits in {log:?}"));
    }
}

fn notifications(id: &str, notes: &[Note], expected: &[&str], report: &mut KillReport) {
    report.notifications += notes.len();
    let mut last = 0;
    let mut first: BTreeMap<u64, &Note> = BTreeMap::new();
    for note in notes {
        let sequence = note.sequence();
        if sequence > last + 1 {
            report.order.push(format!("{id}: {sequence} after {last}"));
        }
        last = last.max(sequence);
        let Some(known) = first.get(&sequence) else {
            first.insert(sequence, note);
            continue;
        };
        report.repeated += 1;
        let same = known.header("webhook-id") == note.header("webhook-id")
            && !note.header("webhook-id").is_empty()
            && known.text == note.text;
        if !same {
            report.other_id.push(format!("{id}: {sequence}"));
        }
    }
    let events: Vec<&str> = first.values().map(|note| note.get("event_id")).collect();
    if events.len() < expected.len() {
        let missing = format!("{id}: {} of {}", events.len(), expected.len());
        report.lost.push(format!("notifications of {missing}"));
    } else if events != expected {
        report
            .order
            .push(format!("{id}: {events:?}, the log has {expected:?}"));
    }
}

/// The last event of every session.
const EXIT: &str = "_cbe_on_service_exit";

/// One transaction per call, one call per dial of the log, never two calls of a number at once.
async fn dials(api: &Api, calls: &[Call], report: &mut KillReport) {
    let mut by_number: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        if call.branches.len() != 1 {
            let id = &call.call_id;
            let times = call.branches.len();
            report.double_dials.push(format!("{id} sent {times} times"));
        }
        by_number.entry(&call.number).or_default().push(call);
    }
    for (number, calls) in by_number {
        for pair in calls.windows(2) {
            let [first, second] = pair else { continue };
            if first.over.is_none_or(|ended| ended > second.at) {
                let (first, second) = (&first.call_id, &second.call_id);
                let both = format!("{first} was not over when {second} came");
                report.double_dials.push(both);
            }
        }
        let service = Service::of(number.parse().unwrap_or_default()).name();
        let path = format!("/genesys/1/service/callback/{service}?_customer_number={number}");
        let records = api.get(&path).await.body;
        // A request that got no answer may have made a record; a call needs one in any case.
        let [record] = records.as_array().map_or(&[][..], Vec::as_slice) else {
            report
                .lost
                .push(format!("{} calls without a single record", calls.len()));
            continue;
        };
        let id = record["_id"].as_str().unwrap_or_default();
        let log = api.events(id).await;
        let begun = |event: &&Value| event["event_id"] == "_cbe_on_dial_init";
        let dials = log.iter().filter(begun).count();
        if calls.len() > dials {
            let calls = calls.len();
            report
                .double_dials
                .push(format!("{id}: {calls} calls for {dials} dials"));
        }
    }
}
