//! The callbacks of `bench deliver` and their events.

use std::sync::Arc;

use callback::record::State;
use callback::{CallbackId, Timestamp};
use serde_json::json;
use store::{Batch, DeliveryExtra, DeliveryRow, DeliveryState, EventRow};

use crate::clock::wall_us;

/// Events of one callback, as in a successful one with the default set.
pub(super) const EVENTS: &[&str] = &[
    "_cbe_on_service_create",
    "_cbe_on_virtual_ixn_create",
    "_cbe_on_dial_init",
    "_cbe_on_dial_done",
    "_cbe_on_connect_treatment_start",
    "_cbe_on_customer_queued",
    "_cbe_on_target_found",
    "_cbe_on_route_to_agent",
    "_cbe_on_service_exit",
];

/// A callback that raises events.
struct Raising {
    id: CallbackId,
    target: Arc<str>,
    raised: usize,
}

/// Makes callbacks and their events.
pub(super) struct Source {
    targets: Vec<Arc<str>>,
    /// How many of them, at the end, are not measured.
    bad: usize,
    callbacks: Vec<Raising>,
    next: usize,
    made: u64,
    /// Events for targets that are measured.
    pub(super) events: u64,
}

impl Source {
    pub(super) fn new(targets: Vec<Arc<str>>, bad: usize, callbacks: usize) -> Self {
        let mut source = Self {
            targets,
            bad,
            callbacks: Vec::new(),
            next: 0,
            made: 0,
            events: 0,
        };
        for _ in 0..callbacks {
            let fresh = source.fresh();
            source.callbacks.push(fresh);
        }
        source
    }

    fn fresh(&mut self) -> Raising {
        self.made += 1;
        let at = usize::try_from(self.made).unwrap_or(0) % self.targets.len();
        // Ids as the server makes them, by time; the number makes each of them different.
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.made.to_be_bytes());
        Raising {
            id: CallbackId::at_time(1, Timestamp(wall_us() / 1_000), random),
            target: Arc::clone(&self.targets[at]),
            raised: 0,
        }
    }

    /// The next event of so many callbacks, in one transaction.
    pub(super) fn batch(&mut self, events: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..events {
            self.next = (self.next + 1) % self.callbacks.len();
            if self.callbacks[self.next].raised == EVENTS.len() {
                self.callbacks[self.next] = self.fresh();
            }
            let good = self.targets.len() - self.bad;
            let raising = &mut self.callbacks[self.next];
            raising.raised += 1;
            if self.targets[..good].contains(&raising.target) {
                self.events += 1;
            }
            let (event, delivery) = rows(raising);
            batch.events.push(event);
            batch.deliveries.push(delivery);
        }
        batch
    }
}

fn rows(raising: &Raising) -> (EventRow, DeliveryRow) {
    let us = wall_us();
    let at = Timestamp(us / 1_000);
    let event_id = EVENTS[raising.raised - 1].to_owned();
    let number = raising.raised as u64;
    let details = json!({
        "_service_name": "bench", "_customer_number": "+13125550100",
        "c_dialed_number": "13125550100", "c_call_result": 0, "c_call_num_attempt": 1,
    });
    let body = json!({
        "event_id": event_id, "timestamp": at.as_seconds().to_string(),
        "_service_id": raising.id, "_callback_state": "QUEUED", "_service_name": "bench",
        "_customer_number": "+13125550100", "c_dialed_number": "13125550100",
        "c_call_result": 0, "c_call_num_attempt": 1, "sent_us": us.to_string(),
    });
    let event = EventRow {
        callback: raising.id.clone(),
        seq: number,
        at,
        event_id: event_id.clone(),
        state: State::Queued,
        data: details.to_string(),
    };
    let delivery = DeliveryRow {
        id: callback::events::delivery_id(&raising.id, number),
        callback: raising.id.clone(),
        seq: number,
        notification_seq: number,
        event_id,
        at,
        channel: "httpcb".to_owned(),
        target: raising.target.to_string(),
        guarded: false,
        language: String::new(),
        body: body.to_string(),
        attempts: 0,
        base: 0,
        next_at: Some(at),
        state: DeliveryState::Pending,
        extra: DeliveryExtra::default(),
    };
    (event, delivery)
}
