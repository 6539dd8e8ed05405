//! Who may book now: throttles, the in-queue rule, the cap of a service and the horizon
//! (callback-api §8.2, options §6 and §11).
//!
//! [`Rules`] are what a service asks for, [`Ledger`] is what happened so far. Only accepted
//! requests count. A limit of 0 is off, and what is off is not counted either: a limit that is
//! switched on later begins with the requests after that.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::{Callback, State};
use crate::time::Span;
use crate::{Error, ErrorCode, ServiceName, Timestamp};

/// Time over which equal values are counted (options §6), s.
pub const VALUES_WINDOW_S: i64 = 86_400;
/// Creations remembered per service; a larger limit counts no further.
pub const CREATIONS_KEPT_MAX: usize = 1_000_000;
/// Equal values remembered in all; beyond it the oldest are forgotten before their time.
pub const VALUES_KEPT_MAX: usize = 2_000_000;
/// Bytes of a counted value that are compared.
pub const VALUE_MAX: usize = 256;

/// At most so many callbacks of one service in so many seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// `_throttle_callbacks_per_service_<n>`; 0 = off.
    pub max: u32,
    /// `_throttle_ttl_<n>`, s; 0 = off.
    pub seconds: i64,
}

/// What a service asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The two windows of the service.
    pub windows: [Window; 2],
    /// Names of `_throttle_request_parameters`.
    pub names: Vec<String>,
    /// `_throttle_request_parameters_limit`; 0 = off.
    pub per_value_max: u32,
    /// `_enable_throttle_header_parameters`.
    pub headers: bool,
    /// `_enable_in_queue_checking`: queued callbacks per number; 0 = off.
    pub per_number_max: u32,
    /// `max_queued_callbacks_per_service`; 0 = off.
    pub queued_max: u32,
}

/// What of one callback counts; part of its record, so that the counts survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counted {
    /// The number in its one form: `+…`, or as cleaned when it is internal or unparseable.
    pub number: String,
    /// Throttled names with their values; empty for a booked time and while the limit is off.
    pub values: Vec<(String, String)>,
}

impl Rules {
    /// The values of a request that count. A header goes before the body (options §6).
    #[must_use]
    pub fn values_of(
        &self,
        callback: &Callback,
        headers: &[(String, String)],
    ) -> Vec<(String, String)> {
        if self.per_value_max == 0 || callback.scheduled {
            return Vec::new();
        }
        let value = |name: &String| {
            let header = headers
                .iter()
                .find(|(header, _)| self.headers && header.eq_ignore_ascii_case(name));
            let value = match header {
                Some((_, value)) => value.clone(),
                None if name == "_customer_number" => callback.counted.number.clone(),
                None => crate::service::parameter_text(&callback.parameters, name)
                    .or_else(|| crate::service::parameter_text(&callback.user_data, name))?,
            };
            Some((name.clone(), shortened(value)))
        };
        self.names.iter().filter_map(value).collect()
    }
}

fn shortened(mut value: String) -> String {
    if value.len() > VALUE_MAX {
        let end = (0..=VALUE_MAX).rev().find(|n| value.is_char_boundary(*n));
        value.truncate(end.unwrap_or(0));
    }
    value
}

/// Refuses a time beyond the horizon of bookings; `None` = no horizon.
///
/// # Errors
/// `TOO_FAR`.
pub fn check_horizon(
    horizon: Option<Span>,
    desired: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(last) = horizon.and_then(|span| span.after(now)) else {
        return Ok(());
    };
    if desired <= last {
        return Ok(());
    }
    let message = format!("The desired time is too far ahead: times up to {last} can be booked");
    Err(Error::new(ErrorCode::TooFar, message).field("_desired_time"))
}

type ValueKey = (ServiceName, String, String);

/// What happened so far; pure state, owned by whoever decides about new callbacks.
#[derive(Debug, Default)]
pub struct Ledger {
    services: HashMap<ServiceName, PerService>,
    /// Accepted requests of the last 24 h by service, name and value.
    values: HashMap<Arc<ValueKey>, u32>,
    /// The same in the order of their time.
    order: VecDeque<(Timestamp, Arc<ValueKey>)>,
}

#[derive(Debug, Default)]
struct PerService {
    /// Times of the creations, oldest first.
    created: VecDeque<Timestamp>,
    queued: u32,
    numbers: HashMap<String, u32>,
}

impl PerService {
    /// When the window has room again; `None` = now.
    fn full_until(&self, window: Window, now: Timestamp) -> Option<Timestamp> {
        if window.max == 0 || window.seconds <= 0 {
            return None;
        }
        let nth = self.created.len().checked_sub(window.max as usize)?;
        let free = self.created.get(nth)?.plus_seconds(window.seconds);
        (free > now).then_some(free)
    }
}

impl Ledger {
    /// Whether a new callback may be taken now, in the order of callback-api §3; `paused`: its
    /// service is.
    ///
    /// # Errors
    /// `TOO_MANY`, `ALREADY_QUEUED`, `QUEUE_FULL`, `PAUSED` or `TOO_FAR`.
    pub fn check(
        &mut self,
        callback: &Callback,
        rules: &Rules,
        paused: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.forget_old(now);
        self.check_throttles(callback, rules, now)?;
        if !callback.scheduled {
            self.check_queue(callback, rules)?;
        }
        if paused {
            let message = "The service is paused: it takes no callbacks now";
            return Err(Error::new(ErrorCode::Paused, message));
        }
        if callback.scheduled {
            check_horizon(callback.settings.horizon, callback.desired, now)?;
        }
        Ok(())
    }

    fn check_queue(&self, callback: &Callback, rules: &Rules) -> Result<(), Error> {
        let Some(service) = self.services.get(callback.service()) else {
            return Ok(());
        };
        let same = service.numbers.get(&callback.counted.number).copied();
        if rules.per_number_max > 0 && same.unwrap_or(0) >= rules.per_number_max {
            let message = "This number waits for a callback of this service already";
            return Err(Error::new(ErrorCode::AlreadyQueued, message).field("_customer_number"));
        }
        if rules.queued_max > 0 && service.queued >= rules.queued_max {
            let message = "The queue of this service is full, try again later";
            return Err(Error::new(ErrorCode::QueueFull, message));
        }
        Ok(())
    }

    fn check_throttles(
        &self,
        callback: &Callback,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<(), Error> {
        for (name, value) in &callback.counted.values {
            let key = (callback.service().clone(), name.clone(), value.clone());
            let count = self.values.get(&key).copied().unwrap_or(0);
            if count >= rules.per_value_max {
                let message = format!("Too many requests with the same {name} within 24 hours");
                return Err(Error::new(ErrorCode::TooMany, message).field(name.clone()));
            }
        }
        let Some(service) = self.services.get(callback.service()) else {
            return Ok(());
        };
        let free = rules
            .windows
            .iter()
            .filter_map(|window| service.full_until(*window, now))
            .max();
        match free {
            None => Ok(()),
            Some(free) => {
                let message = format!("Too many requests to this service; try again after {free}");
                Err(Error::new(ErrorCode::TooMany, message))
            }
        }
    }

    /// Counts a callback that was accepted.
    pub fn record(&mut self, callback: &Callback, rules: &Rules) {
        let keep = rules
            .windows
            .iter()
            .map(|window| window.max as usize)
            .max()
            .unwrap_or(0);
        self.count(
            callback.service(),
            callback.created,
            &callback.counted.values,
            keep,
        );
    }

    /// Counts a callback of before a restart; oldest first.
    pub fn restore(
        &mut self,
        service: &ServiceName,
        created: Timestamp,
        values: &[(String, String)],
    ) {
        self.count(service, created, values, CREATIONS_KEPT_MAX);
    }

    fn count(
        &mut self,
        service: &ServiceName,
        created: Timestamp,
        values: &[(String, String)],
        keep: usize,
    ) {
        let times = &mut self.services.entry(service.clone()).or_default().created;
        let keep = keep.min(CREATIONS_KEPT_MAX);
        if keep > 0 {
            times.push_back(created);
        }
        while times.len() > keep {
            times.pop_front();
        }
        for (name, value) in values {
            let key = Arc::new((service.clone(), name.clone(), value.clone()));
            *self.values.entry(key.clone()).or_default() += 1;
            self.order.push_back((created, key));
        }
        while self.order.len() > VALUES_KEPT_MAX {
            self.drop_oldest();
        }
    }

    /// Takes back a callback that could not be stored after all.
    pub fn take_back(&mut self, callback: &Callback) {
        let service = callback.service();
        if let Some(known) = self.services.get_mut(service)
            && let Some(at) = known.created.iter().rposition(|t| *t == callback.created)
        {
            known.created.remove(at);
        }
        for (name, value) in &callback.counted.values {
            let same = |(at, key): &(Timestamp, Arc<ValueKey>)| {
                *at == callback.created && key.0 == *service && key.1 == *name && key.2 == *value
            };
            if let Some(at) = self.order.iter().rposition(same)
                && let Some((_, key)) = self.order.remove(at)
            {
                self.uncount(&key);
            }
        }
    }

    /// Notes a change of state; `before` is `None` for a record that the ledger does not know.
    pub fn moved(&mut self, before: Option<State>, after: Option<State>, callback: &Callback) {
        let (was, is) = (before.is_some_and(is_queued), after.is_some_and(is_queued));
        if was == is {
            return;
        }
        let service = self.services.entry(callback.service().clone()).or_default();
        let number = match callback.counted.number.as_str() {
            // A record of a version that did not count.
            "" => &callback.dial_number,
            _ => &callback.counted.number,
        };
        if is {
            service.queued += 1;
            *service.numbers.entry(number.clone()).or_default() += 1;
        } else {
            service.queued = service.queued.saturating_sub(1);
            if let Some(count) = service.numbers.get_mut(number) {
                *count -= 1;
                if *count == 0 {
                    service.numbers.remove(number);
                }
            }
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        let oldest = now.plus_seconds(-VALUES_WINDOW_S);
        while self.order.front().is_some_and(|(at, _)| *at <= oldest) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.uncount(&key);
        }
    }

    fn uncount(&mut self, key: &Arc<ValueKey>) {
        if let Some(count) = self.values.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.values.remove(key);
            }
        }
    }
}

/// Submitted and not with an agent yet.
const fn is_queued(state: State) -> bool {
    match state {
        State::Queued | State::Routing => true,
        State::Scheduled | State::Processing | State::Completed | State::Paused => false,
    }
}

#[cfg(test)]
mod tests;
