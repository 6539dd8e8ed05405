//! Who wants to hear of which events (notifications §7.4).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use callback::{Callback, Timestamp};
use store::SubscriptionRow;

/// The live subscriptions; the store has the same.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    rows: RwLock<HashMap<String, Arc<SubscriptionRow>>>,
}

/// A subscription that somebody wants.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// `subscriberId`.
    pub subscriber: String,
    /// `filter`.
    pub filter: String,
    /// `notificationDetails.type`.
    pub channel: String,
    /// `notificationDetails.deviceId`.
    pub device: String,
    /// `providerName`.
    pub provider: String,
    /// `authorization`.
    pub authorization: String,
    /// `language`.
    pub language: String,
    /// `notificationDetails.properties.debug`.
    pub debug: bool,
    /// The caller has no operator credentials: the address guard applies.
    pub guarded: bool,
    /// `expire`, s; `None` = the default.
    pub expire_s: Option<i64>,
}

/// What a published event is matched with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication<'a> {
    /// `callback.<service name>.<service id>.<event id>`, or what a publisher says.
    pub(crate) tag: &'a str,
    /// A target that matches whatever its filter says; empty = none.
    pub(crate) target: &'a str,
    /// Now.
    pub(crate) now: Timestamp,
}

/// The tag of an event of a callback.
pub(crate) fn tag(callback: &Callback, event_id: &str) -> String {
    format!("callback.{}.{}.{event_id}", callback.service(), callback.id)
}

impl Subscriptions {
    /// Takes up what the store holds.
    pub(crate) fn new(rows: Vec<SubscriptionRow>) -> Self {
        let rows = rows
            .into_iter()
            .map(|row| (row.id.clone(), Arc::new(row)))
            .collect();
        Self {
            rows: RwLock::new(rows),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.read(HashMap::len)
    }

    /// The one that a subscriber has for a device already; an operator's is nobody else's.
    pub(crate) fn same(&self, new: &SubscriptionRow) -> Option<Arc<SubscriptionRow>> {
        self.read(|rows| {
            rows.values()
                .find(|row| {
                    row.subscriber == new.subscriber
                        && row.channel == new.channel
                        && row.device == new.device
                        && row.guarded == new.guarded
                })
                .cloned()
        })
    }

    /// Whether a live one has this device.
    pub(crate) fn has_device(&self, device: &str, now: Timestamp) -> bool {
        let is_it = |row: &Arc<SubscriptionRow>| row.device == device && row.expires > now;
        self.read(|rows| rows.values().any(is_it))
    }

    /// Adds or replaces one.
    pub(crate) fn put(&self, row: SubscriptionRow) {
        self.write(|rows| rows.insert(row.id.clone(), Arc::new(row)));
    }

    /// Removes one.
    pub(crate) fn remove(&self, id: &str) {
        self.write(|rows| rows.remove(id));
    }

    /// Removes those that are over and tells their ids.
    pub(crate) fn remove_expired(&self, now: Timestamp) -> Vec<String> {
        let over: Vec<String> = self.read(|rows| {
            let over = rows.values().filter(|row| row.expires <= now);
            over.map(|row| row.id.clone()).collect()
        });
        self.write(|rows| rows.retain(|_, row| row.expires > now));
        over
    }

    /// Those that have not ended, by their end.
    pub(crate) fn live(&self, now: Timestamp) -> Vec<Arc<SubscriptionRow>> {
        let mut rows: Vec<_> = self.read(|rows| rows.values().cloned().collect());
        rows.retain(|row| row.expires > now);
        rows.sort_by(|a, b| (a.expires, &a.id).cmp(&(b.expires, &b.id)));
        rows
    }

    /// Those that are to hear of a publication, by id.
    pub(crate) fn matching(&self, publication: Publication<'_>) -> Vec<Arc<SubscriptionRow>> {
        let mut found: Vec<_> = self.read(|rows| {
            if rows.is_empty() {
                return Vec::new();
            }
            rows.values()
                .filter(|row| row.expires > publication.now)
                .filter(|row| {
                    matches_filter(&row.filter, publication.tag)
                        || (!publication.target.is_empty() && row.device == publication.target)
                })
                .cloned()
                .collect()
        });
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    fn read<T>(&self, f: impl FnOnce(&HashMap<String, Arc<SubscriptionRow>>) -> T) -> T {
        f(&self.rows.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut HashMap<String, Arc<SubscriptionRow>>) -> T) -> T {
        f(&mut self.rows.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A filter is an exact tag, a prefix followed by `*`, or a comma list of those.
fn matches_filter(filter: &str, tag: &str) -> bool {
    filter.split(',').map(str::trim).any(|one| {
        one.strip_suffix('*')
            .map_or(one == tag, |prefix| tag.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, filter: &str, device: &str) -> SubscriptionRow {
        SubscriptionRow {
            id: id.to_owned(),
            subscriber: "crm".to_owned(),
            filter: filter.to_owned(),
            channel: "httpcb".to_owned(),
            device: device.to_owned(),
            provider: String::new(),
            authorization: String::new(),
            language: String::new(),
            debug: false,
            guarded: false,
            expires: Timestamp(100),
        }
    }

    fn matching(all: &Subscriptions, tag: &str, target: &str, now: i64) -> Vec<String> {
        let now = Timestamp(now);
        let found = all.matching(Publication { tag, target, now });
        found.iter().map(|row| row.id.clone()).collect()
    }

    #[test]
    fn filters_are_exact_prefixes_or_lists() {
        for (filter, tag, expected) in [
            ("*", "callback.billing.1.x", true),
            ("callback.billing.*", "callback.billing.1.x", true),
            ("callback.billing.*", "callback.billing2.1.x", false),
            ("callback.billing", "callback.billing.1.x", false),
            ("a, callback.b*", "callback.billing.1.x", true),
            ("a,b", "b", true),
            ("", "b", false),
            ("a*b", "a*b", true),
        ] {
            assert_eq!(matches_filter(filter, tag), expected, "{filter} {tag}");
        }
    }

    #[test]
    fn a_publication_reaches_every_live_subscription_that_matches() {
        let all = Subscriptions::new(vec![
            row("1", "callback.billing.*", "http://a/"),
            row("2", "*", "http://b/"),
            row("3", "other", "http://c/"),
        ]);
        assert_eq!(matching(&all, "callback.billing.7.x", "", 99), ["1", "2"]);
        assert_eq!(
            matching(&all, "callback.sales.7.x", "http://c/", 99),
            ["2", "3"]
        );
        assert_eq!(
            matching(&all, "callback.sales.7.x", "", 100),
            [""; 0],
            "expired"
        );
        assert_eq!(all.remove_expired(Timestamp(100)).len(), 3);
        assert_eq!(all.len(), 0);
    }

    #[test]
    fn the_same_subscriber_type_and_device_is_the_same_subscription() {
        let all = Subscriptions::new(vec![row("1", "*", "http://a/")]);
        assert!(all.same(&row("2", "other", "http://a/")).is_some());
        assert!(all.same(&row("2", "*", "http://b/")).is_none());
        let mut strangers = row("2", "*", "http://a/");
        strangers.guarded = !strangers.guarded;
        assert!(all.same(&strangers).is_none());
    }
}
