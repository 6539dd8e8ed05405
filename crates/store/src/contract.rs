//! What the engine asks of a store; everything in plain data.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use callback::record::State;
use callback::transaction_list::TransactionList;
use callback::{AgentId, Callback, CallbackId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

/// One entry of a callback's event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The callback.
    pub callback: CallbackId,
    /// Gapless per callback, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// `_cbe_on_…` or a native `rb.…` id.
    pub event_id: String,
    /// State after the event.
    pub state: State,
    /// JSON object with the details.
    pub data: String,
}

/// A place in the events of all callbacks: by time, callback and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCursor {
    /// Time of the event.
    pub at: Timestamp,
    /// Its callback; an empty text comes before all.
    pub callback: String,
    /// Its number.
    pub seq: u64,
}

/// A notification waiting to be delivered, or its final fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Unique id, constant over retries (`webhook-id`).
    pub id: String,
    /// The callback.
    pub callback: CallbackId,
    /// Sequence of the event in the callback's log.
    pub seq: u64,
    /// Sequence among the callback's notifications (header `Ringback-Sequence`).
    pub notification_seq: u64,
    /// The event.
    pub event_id: String,
    /// When the event was raised.
    pub at: Timestamp,
    /// `httpcb`, …
    pub channel: String,
    /// URL or other address.
    pub target: String,
    /// The target was supplied by an API caller: the address guard applies.
    pub guarded: bool,
    /// `Content-Language`, or empty.
    pub language: String,
    /// The exact bytes of the body.
    pub body: String,
    /// Attempts made.
    pub attempts: u32,
    /// Attempts made before the last retry by hand; the schedule counts from there.
    pub base: u32,
    /// Next attempt; `None` once delivered or given up.
    pub next_at: Option<Timestamp>,
    /// How it stands.
    pub state: DeliveryState,
    /// What few deliveries need.
    pub extra: DeliveryExtra,
}

/// What few deliveries need beside their target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryExtra {
    /// Base64 of `user:password`, sent as Basic credentials; empty = none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorization: String,
    /// Request and answer are kept, the receiver is told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub debug: bool,
    /// The subscription that asked for it; empty = the callback's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subscription: String,
    /// Why it cannot be sent at all; empty = it can.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fault: String,
    /// The body is a form, not JSON.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_form: bool,
    /// Pauses before the attempts, s; empty = the built-in schedule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedule_s: Vec<u32>,
    /// Any certificate of the receiver is taken (`http.ssl_trust_all` of the service).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_all: bool,
}

impl DeliveryExtra {
    /// Nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A subscription of the notification API (notifications §7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRow {
    /// Our id.
    pub id: String,
    /// `subscriberId`, chosen by the subscriber.
    pub subscriber: String,
    /// Matched against the tag of an event.
    pub filter: String,
    /// `notificationDetails.type`.
    pub channel: String,
    /// `notificationDetails.deviceId`: URL, session id or opaque id.
    pub device: String,
    /// `providerName`; empty = the default provider.
    pub provider: String,
    /// Base64 of `user:password` for customhttp, or empty.
    pub authorization: String,
    /// Language of texts, or empty.
    pub language: String,
    /// Debug mode.
    pub debug: bool,
    /// Made by a caller without operator credentials: the address guard applies.
    pub guarded: bool,
    /// When it ends unless it is renewed.
    pub expires: Timestamp,
}

/// A stored Transaction List.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListRow {
    /// The list.
    pub list: TransactionList,
    /// Last change.
    pub changed: Timestamp,
}

/// What operators and subscribers have set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// All services.
    pub services: Vec<ServiceRow>,
    /// All Transaction Lists.
    pub lists: Vec<TransactionListRow>,
    /// All subscriptions, ended ones included.
    pub subscriptions: Vec<SubscriptionRow>,
}

/// Request and answer of an attempt in debug mode, kept for a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The request: line, headers, body; secrets and attached data masked.
    pub request: String,
    /// The answer: status, headers, the beginning of the body.
    pub answer: String,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Waiting for its (next) attempt.
    Pending,
    /// Accepted by the receiver.
    Delivered,
    /// Given up.
    Failed,
}

/// One attempt of a delivery and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The delivery.
    pub delivery: String,
    /// When the attempt began.
    pub at: Timestamp,
    /// HTTP status, 0 when there was no answer.
    pub status: u16,
    /// What went wrong, a short text without secrets; empty on success.
    pub error: String,
    /// How long it took, ms.
    pub ms: u32,
    /// State afterwards.
    pub state: DeliveryState,
    /// Next attempt when still pending.
    pub next_at: Option<Timestamp>,
    /// Request and answer, in debug mode.
    pub trace: Option<Trace>,
}

/// A call leg we are about to start; written before the INVITE leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentRow {
    /// Text of the leg key.
    pub leg: String,
    /// The callback.
    pub callback: CallbackId,
    /// When.
    pub at: Timestamp,
    /// The dialog as the telephony driver reported it last (its JSON), to end it after a crash.
    pub dialog: Option<String>,
}

/// The first answer to a create request that carried an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// Service and key.
    pub key: String,
    /// Hash of the request body.
    pub body_hash: String,
    /// The callback it made.
    pub callback: CallbackId,
    /// When; forgotten after 24 h.
    pub at: Timestamp,
}

/// Everything that becomes durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// New or changed callbacks (whole records; inserted or replaced).
    pub callbacks: Vec<Arc<Callback>>,
    /// New events.
    pub events: Vec<EventRow>,
    /// New deliveries.
    pub deliveries: Vec<DeliveryRow>,
    /// Attempts made; each updates its delivery.
    pub attempts: Vec<DeliveryAttempt>,
    /// New dial intents.
    pub intents: Vec<IntentRow>,
    /// Dialogs that became known, by leg.
    pub dialogs: Vec<(String, String)>,
    /// Legs that are over: their intents are removed.
    pub intents_over: Vec<String>,
    /// Idempotency keys.
    pub idempotency: Vec<IdempotencyRow>,
    /// New or renewed subscriptions (whole rows; inserted or replaced).
    pub subscriptions: Vec<SubscriptionRow>,
    /// Ids of subscriptions that are over.
    pub subscriptions_over: Vec<String>,
    /// Failed deliveries that are tried again from now on, by id; others are left as they are.
    pub retries: Vec<(String, Timestamp)>,
    /// States of agents; of agents that are not stored nothing is written.
    pub agent_states: Vec<AgentStateRow>,
}

impl Batch {
    /// Nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.callbacks.is_empty()
            && self.events.is_empty()
            && self.deliveries.is_empty()
            && self.attempts.is_empty()
            && self.intents.is_empty()
            && self.dialogs.is_empty()
            && self.intents_over.is_empty()
            && self.idempotency.is_empty()
            && self.subscriptions.is_empty()
            && self.subscriptions_over.is_empty()
            && self.retries.is_empty()
            && self.agent_states.is_empty()
    }
}

/// A query over callbacks; all given conditions hold together unless `any` is set.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only this service.
    pub service: Option<ServiceName>,
    /// `operand=OR`.
    pub any: bool,
    /// Conditions: key (`_id`, `_callback_state`, `_customer_number`, a parameter or a user
    /// data key) and the accepted values. `_customer_number` is compared with the record's
    /// dial number, already cleaned by the caller.
    pub conditions: Vec<(String, Vec<String>)>,
    /// Records whose `_ttl` is over at this time are left out; `None` = all.
    pub alive_at: Option<Timestamp>,
    /// Only records desired at this time or later.
    pub desired_from: Option<Timestamp>,
    /// Only records desired before this time.
    pub desired_until: Option<Timestamp>,
    /// So many of the first ones are left out: earlier pages.
    pub skip: usize,
    /// At most so many.
    pub limit: usize,
    /// The last made come first, instead of the order of the desired time.
    pub newest_first: bool,
}

/// Which deliveries are read; all given conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct DeliveryQuery {
    /// Those of this callback, in the order of its events; else of all, the newest first.
    pub callback: Option<CallbackId>,
    /// Those that stand so.
    pub state: Option<DeliveryState>,
    /// Those that were made before the one with this id: the next page of all.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl DeliveryQuery {
    /// The newest of all.
    #[must_use]
    pub fn newest(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Those of one callback.
    #[must_use]
    pub fn of(callback: &CallbackId, limit: usize) -> Self {
        Self {
            callback: Some(callback.clone()),
            ..Self::newest(limit)
        }
    }
}

/// What of an earlier callback still counts for throttles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedRow {
    /// Its service.
    pub service: ServiceName,
    /// When it was made.
    pub created: Timestamp,
    /// Throttled names with their values.
    pub values: Vec<(String, String)>,
}

/// A stored service: its options as text, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Name.
    pub name: ServiceName,
    /// Options.
    pub options: Vec<(String, String)>,
    /// Last change.
    pub changed: Timestamp,
}

/// Services that change together, and what is noted about it.
#[derive(Clone, Debug, Default)]
pub struct ServicesChange {
    /// Inserted or replaced.
    pub put: Vec<ServiceRow>,
    /// Removed.
    pub removed: Vec<ServiceName>,
    /// Notes for the history; the store keeps the last 500 of each service.
    pub notes: Vec<ChangeRow>,
}

/// Transaction Lists that change together, and what is noted about it.
#[derive(Clone, Debug, Default)]
pub struct ListsChange {
    /// Inserted or replaced.
    pub put: Vec<TransactionListRow>,
    /// Names of those that are removed.
    pub removed: Vec<String>,
    /// Notes for the history; the store keeps the last 500 of each list.
    pub notes: Vec<ChangeRow>,
}

/// What has a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service.
    Service(ServiceName),
    /// A Transaction List, by name.
    List(String),
}

impl Subject {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Service(name) => name.as_str(),
            Self::List(name) => name,
        }
    }

    /// `service` or `list`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::List(_) => "list",
        }
    }
}

/// What somebody changed at a service or a Transaction List.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// Of what.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// Name of the login; empty where nobody has to log in.
    pub who: String,
    /// Network address that it came from; empty when unknown.
    pub address: String,
    /// By which way: `form`, `import` or `delete`.
    pub how: String,
    /// The options that differ; of a list its sections as `[section]` and their entries as
    /// `[section] key`.
    pub options: Vec<OptionChange>,
}

/// One option or entry that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionChange {
    /// Its name.
    pub name: String,
    /// Value before; `None` = not set.
    pub before: Option<String>,
    /// Value after; `None` = not set.
    pub after: Option<String>,
}

/// A stored agent: its options as text and the state its owner wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    /// Id.
    pub id: AgentId,
    /// Options (`extension`, `password`, `groups` …).
    pub options: Vec<(String, String)>,
    /// `ready` wish: true = ready.
    pub ready: bool,
    /// Reason of not ready.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A state that an agent came into without asking for it, e.g. after a call that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentStateRow {
    /// Id.
    pub id: AgentId,
    /// Takes calls.
    pub ready: bool,
    /// Reason of not ready.
    pub reason: String,
    /// Since when; a stored state that is younger stays.
    pub since: Timestamp,
}

/// Something that an app keeps with a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageRow {
    /// Name, unique per callback.
    pub key: String,
    /// What.
    pub value: StorageValue,
    /// Bytes of the value, also where it was left out of an answer.
    pub size: usize,
}

/// A value of the storage of a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageValue {
    /// A text.
    Text(String),
    /// An attachment.
    Binary {
        /// Its media type.
        media_type: String,
        /// Its bytes; empty in lists.
        bytes: Vec<u8>,
    },
}

/// Why a store operation failed; variants by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not writable now (disk full, locked, read-only): answer 503, try later.
    #[error("the store does not take writes now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file was written by a newer version: refuse to start.
    #[error("the store has schema {found}, this version knows {known}")]
    Newer {
        /// Schema number in the file.
        found: u32,
        /// Highest schema number this version knows.
        known: u32,
    },
    /// What is stored cannot be read.
    #[error("stored data is damaged: {what}")]
    Damaged {
        /// Table and key.
        what: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// First part of the ids under which notifications that were published by hand are kept, where
/// those of callbacks have the callback's id.
pub const PUBLISHED_PREFIX: &str = "publish-";

/// A store. Answers come when the effect is durable.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Writes a batch in one transaction. Concurrent batches may share one commit (group commit);
    /// each still is all or nothing, and they take effect in the order of the calls.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.commit_shared(Arc::new(batch)).await
    }

    /// Like [`Self::commit`], for callers that keep the batch to try again.
    async fn commit_shared(&self, batch: Arc<Batch>) -> Result<(), StoreError>;

    /// All callbacks that are not completed; shared, so that a hundred thousand are not moved
    /// about.
    async fn open_callbacks(&self) -> Result<Vec<Arc<Callback>>, StoreError>;

    /// What the callbacks count that were made after `since`, oldest first.
    async fn counted_since(&self, since: Timestamp) -> Result<Vec<CountedRow>, StoreError>;

    /// One callback, completed ones included.
    async fn callback(&self, id: &CallbackId) -> Result<Option<Callback>, StoreError>;

    /// Callbacks that match, ordered by desired time, then id.
    async fn query(&self, query: Query) -> Result<Vec<Callback>, StoreError>;

    /// How many callbacks match a query, whatever its `skip` and `limit`.
    async fn count(&self, query: Query) -> Result<usize, StoreError>;

    /// How many callbacks are over and not purged yet.
    async fn count_over(&self) -> Result<u64, StoreError>;

    /// The event log of a callback, by `seq`.
    async fn events(&self, id: &CallbackId) -> Result<Vec<EventRow>, StoreError>;

    /// Deliveries that are pending, ordered by callback and seq.
    async fn pending_deliveries(&self) -> Result<Vec<DeliveryRow>, StoreError>;

    /// Deliveries with their attempts.
    async fn deliveries(
        &self,
        query: DeliveryQuery,
    ) -> Result<Vec<(DeliveryRow, Vec<DeliveryAttempt>)>, StoreError>;

    /// Dial intents whose legs are not over.
    async fn open_intents(&self) -> Result<Vec<IntentRow>, StoreError>;

    /// The answer to an idempotency key, if it is younger than `not_before`.
    async fn idempotency(
        &self,
        key: &str,
        not_before: Timestamp,
    ) -> Result<Option<IdempotencyRow>, StoreError>;

    /// Inserts, replaces and removes services and notes it, all or nothing.
    async fn change_services(&self, change: ServicesChange) -> Result<(), StoreError>;

    /// Inserts or replaces services without a note, all or nothing.
    async fn put_services(&self, services: Vec<ServiceRow>) -> Result<(), StoreError> {
        let change = ServicesChange {
            put: services,
            ..ServicesChange::default()
        };
        self.change_services(change).await
    }

    /// What was changed at a service or list, the last change first, at most `limit`; also of one
    /// that was removed.
    async fn changes(&self, subject: &Subject, limit: usize) -> Result<Vec<ChangeRow>, StoreError>;

    /// All services by name.
    async fn services(&self) -> Result<Vec<ServiceRow>, StoreError>;

    /// Inserts or replaces agents, all or nothing.
    async fn put_agents(&self, agents: Vec<AgentRow>) -> Result<(), StoreError>;

    /// All agents by id.
    async fn agents(&self) -> Result<Vec<AgentRow>, StoreError>;

    /// Removes an agent; `false` = there was none.
    async fn remove_agent(&self, id: &AgentId) -> Result<bool, StoreError>;

    /// How many deliveries wait for an attempt, and how many were given up.
    async fn open_deliveries(&self) -> Result<(u64, u64), StoreError>;

    /// Inserts, replaces and removes Transaction Lists and notes it, all or nothing.
    async fn change_lists(&self, change: ListsChange) -> Result<(), StoreError>;

    /// All Transaction Lists by name.
    async fn transaction_lists(&self) -> Result<Vec<TransactionListRow>, StoreError>;

    /// All subscriptions, those that have ended but were not removed included.
    async fn subscriptions(&self) -> Result<Vec<SubscriptionRow>, StoreError>;

    /// Deliveries that were given up, oldest first: the one with this id, or all; at most `limit`.
    async fn failed_deliveries(
        &self,
        id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError>;

    /// Events of all callbacks behind a place, oldest first, at most `limit`.
    async fn events_since(
        &self,
        after: EventCursor,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError>;

    /// Removes traces of debug mode that were made before `before`.
    async fn purge_traces(&self, before: Timestamp) -> Result<(), StoreError>;

    /// Inserts or replaces keys of a callback's storage, all or nothing; they go with it.
    async fn put_storage(
        &self,
        callback: &CallbackId,
        rows: Vec<StorageRow>,
    ) -> Result<(), StoreError>;

    /// A callback's storage by key; attachments come without their bytes.
    async fn storage(&self, callback: &CallbackId) -> Result<Vec<StorageRow>, StoreError>;

    /// One key of a callback's storage.
    async fn storage_value(
        &self,
        callback: &CallbackId,
        key: &str,
    ) -> Result<Option<StorageRow>, StoreError>;

    /// Removes one key of a callback's storage; tells whether it was there.
    async fn remove_storage(&self, callback: &CallbackId, key: &str) -> Result<bool, StoreError>;

    /// Removes completed callbacks with their events and deliveries whose `_ttl` ended before
    /// `before`, and idempotency keys older than it; returns how many callbacks went.
    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Writes a consistent copy to a new file while running.
    async fn backup(&self, path: std::path::PathBuf) -> Result<(), StoreError>;

    /// Finishes what was accepted and closes.
    async fn close(&self);
}
