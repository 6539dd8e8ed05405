//! What all tasks of the driver share: stack, media, tables, limits, counters.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rsipstack::sip::{Request, Response};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::transaction::Transaction;
use sip::admission::Admission;
use sip::digest::Nonces;
use sip::network::Network;
use sip::registrar::Registrar;
use sip::trunk::Trunks;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::notices::Notices;
use super::{SipTimers, Trunk};
use crate::limits::{CALL_QUEUE_MAX, FINISHED_MAX};
use crate::media_engine::{MediaEngine, MediaEvent};
use crate::port::{CallId, Event, EventKind, HangUpCause, PhoneDirectory};

/// How long the key of a finished call is remembered, ms.
const FINISHED_KEPT_MS: u64 = 10 * 60 * 1000;

/// What a call is told.
pub(super) enum Input {
    /// Send 180.
    Ring,
    /// Send 183 with a session description.
    Progress,
    /// Send 200.
    Answer,
    /// Refuse with a status and a Q.850 cause.
    Reject(u16, Option<u8>),
    /// End the call.
    HangUp(HangUpCause),
    /// Ask the other side to call somebody else: user part, headers.
    Refer(String, Vec<(String, String)>),
    /// The answer to that; none came.
    Referred(Option<Box<Response>>),
    /// Result of the media engine.
    Media(MediaEvent),
    /// Answer to our INVITE, with the INVITE's `CSeq`.
    Response(u32, Box<Response>),
    /// The INVITE with this `CSeq` could not be sent.
    Unsent(u32),
    /// The transaction of the INVITE is over (outgoing: its `CSeq`; incoming: no ACK may follow).
    Over(u32),
    /// The caller gave up.
    Cancelled,
    /// The answer to an INVITE was acknowledged.
    Ack(Box<Request>),
    /// A request inside the dialog.
    Request(Box<Transaction>),
    /// The final answer to a refresh of the session; none came.
    Refreshed(Option<Box<Response>>),
}

/// Fixed settings.
pub(super) struct Settings {
    pub(super) realm: String,
    pub(super) user_agent: String,
    pub(super) trunks: Vec<Trunk>,
    /// Address that peers are told.
    pub(super) advertised: SocketAddr,
    pub(super) timers: SipTimers,
    pub(super) allow_sources: Vec<Network>,
}

/// Call-ID and local tag.
type DialogKey = (String, String);

#[derive(Default)]
struct Tables {
    calls: HashMap<CallId, mpsc::Sender<Input>>,
    dialogs: HashMap<DialogKey, mpsc::Sender<Input>>,
    /// Finished calls with the end of their memory, ms.
    finished: HashMap<CallId, u64>,
    finished_order: VecDeque<CallId>,
    accounts: HashMap<(String, String), CancellationToken>,
}

/// Shared by all tasks.
pub(super) struct Core {
    pub(super) endpoint: EndpointInnerRef,
    pub(super) media: MediaEngine,
    pub(super) phones: Arc<dyn PhoneDirectory>,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) registrar: Mutex<Registrar>,
    pub(super) nonces: Mutex<Nonces>,
    pub(super) admission: Mutex<Admission>,
    pub(super) trunks: Mutex<Trunks>,
    /// Addresses that the trunks' names were last found at.
    pub(super) trunk_addresses: Mutex<HashMap<String, IpAddr>>,
    /// A trunk may be due for a ping.
    pub(super) trunks_changed: Notify,
    /// Incoming INVITEs whose transactions are not over.
    pub(super) ongoing: Mutex<HashSet<super::checks::Origin>>,
    /// Incoming INVITEs without a final answer.
    pub(super) half_open: AtomicU32,
    /// When strangers were logged last.
    pub(super) notices: Mutex<Notices>,
    /// REGISTER requests that were refused for their credentials.
    pub(super) logins_failed: AtomicU64,
    events: mpsc::Sender<Event>,
    tables: Mutex<Tables>,
    legs: AtomicU64,
    legs_peak: AtomicU64,
    /// Calls and what ends calls; waited for at shutdown.
    pub(super) calls: TaskTracker,
    /// Everything else.
    pub(super) others: TaskTracker,
    /// Calls are asked to end.
    pub(super) ending: CancellationToken,
    /// Every task stops where it is.
    pub(super) stop: CancellationToken,
}

/// What [`Core::new`] needs.
pub(super) struct CoreParts {
    pub(super) endpoint: EndpointInnerRef,
    pub(super) media: MediaEngine,
    pub(super) phones: Arc<dyn PhoneDirectory>,
    pub(super) settings: Settings,
    pub(super) admission: Admission,
    pub(super) registrar: Registrar,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: CancellationToken,
}

/// Nonces are good for five minutes.
const NONCE_LIFETIME_MS: u64 = 5 * 60 * 1000;

/// Locks, also after a panic of another task: every table stays usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(super) fn new(parts: CoreParts) -> Self {
        let trunks = parts.settings.trunks.iter().map(Trunk::limits).collect();
        Self {
            endpoint: parts.endpoint,
            media: parts.media,
            phones: parts.phones,
            settings: parts.settings,
            trunks: Mutex::new(Trunks::new(trunks, 0)),
            trunk_addresses: Mutex::default(),
            trunks_changed: Notify::new(),
            clock: Clock::start(),
            registrar: Mutex::new(parts.registrar),
            nonces: Mutex::new(Nonces::new(super::clock::bytes(), NONCE_LIFETIME_MS)),
            admission: Mutex::new(parts.admission),
            notices: Mutex::default(),
            logins_failed: AtomicU64::new(0),
            ongoing: Mutex::default(),
            half_open: AtomicU32::new(0),
            events: parts.events,
            tables: Mutex::default(),
            legs: AtomicU64::new(0),
            legs_peak: AtomicU64::new(0),
            calls: TaskTracker::new(),
            others: TaskTracker::new(),
            ending: CancellationToken::new(),
            stop: parts.stop,
        }
    }

    /// Runs a task of a call; shutdown waits for it.
    pub(super) fn spawn_call(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.calls
            .spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Runs any other task.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.others
            .spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Reports something about a call; waits while the engine is behind.
    pub(super) async fn emit(&self, call: &CallId, kind: EventKind) {
        self.report(Event::Call {
            call: call.clone(),
            kind,
        })
        .await;
    }

    /// Reports something; when nobody listens any longer it is dropped.
    pub(super) async fn report(&self, event: Event) {
        self.events.send(event).await.ok();
    }

    /// Enters a call; `None` when its key is or was in use.
    pub(super) fn enter(self: &Arc<Self>, call: &CallId) -> Option<(Leg, mpsc::Receiver<Input>)> {
        let (sender, inbox) = mpsc::channel(CALL_QUEUE_MAX);
        let mut tables = lock(&self.tables);
        if tables.calls.contains_key(call) || tables.finished.contains_key(call) {
            return None;
        }
        tables.calls.insert(call.clone(), sender.clone());
        drop(tables);
        let legs = self.legs.fetch_add(1, Ordering::Relaxed) + 1;
        self.legs_peak.fetch_max(legs, Ordering::Relaxed);
        let leg = Leg {
            core: Arc::clone(self),
            call: call.clone(),
            sender,
            dialog: None,
        };
        Some((leg, inbox))
    }

    /// The inbox of a call that is not over.
    pub(super) fn inbox(&self, call: &CallId) -> Option<mpsc::Sender<Input>> {
        lock(&self.tables).calls.get(call).cloned()
    }

    /// The inbox of the call that owns a dialog.
    pub(super) fn dialog_inbox(&self, call_id: &str, tag: &str) -> Option<mpsc::Sender<Input>> {
        let key = (call_id.to_owned(), tag.to_owned());
        lock(&self.tables).dialogs.get(&key).cloned()
    }

    /// Takes the place of an earlier registration of the same account.
    pub(super) fn enter_account(&self, key: (String, String)) -> Option<CancellationToken> {
        let mut tables = lock(&self.tables);
        if tables.accounts.len() >= crate::limits::ACCOUNTS_MAX
            && !tables.accounts.contains_key(&key)
        {
            return None;
        }
        let token = self.ending.child_token();
        if let Some(earlier) = tables.accounts.insert(key, token.clone()) {
            earlier.cancel();
        }
        Some(token)
    }

    /// Forgets keys of calls that finished long ago.
    pub(super) fn forget_finished(&self) {
        let now_ms = self.clock.now_ms();
        let mut tables = lock(&self.tables);
        let Tables {
            finished,
            finished_order,
            ..
        } = &mut *tables;
        while let Some(oldest) = finished_order.front() {
            let over = finished.get(oldest).is_none_or(|&end_ms| end_ms <= now_ms);
            if !over && finished_order.len() <= FINISHED_MAX {
                break;
            }
            if let Some(oldest) = finished_order.pop_front() {
                finished.remove(&oldest);
            }
        }
    }

    /// Legs now, most legs so far, dialogs now.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let dialogs = lock(&self.tables).dialogs.len();
        (
            self.legs.load(Ordering::Relaxed),
            self.legs_peak.load(Ordering::Relaxed),
            u64::try_from(dialogs).unwrap_or(u64::MAX),
        )
    }

    /// Our address for `Contact`.
    pub(super) fn contact(&self, user: &str, tcp: bool) -> String {
        let host = sip::sdp::host(self.settings.advertised.ip());
        let port = self.settings.advertised.port();
        let transport = if tcp { ";transport=tcp" } else { "" };
        format!(
            "<sip:{}@{host}:{port}{transport}>",
            sip::header::encode_user(user)
        )
    }

    /// A Via header value with a fresh branch.
    pub(super) fn via(&self, tcp: bool) -> String {
        let transport = if tcp { "TCP" } else { "UDP" };
        let host = sip::sdp::host(self.settings.advertised.ip());
        let port = self.settings.advertised.port();
        let branch = super::clock::branch();
        format!("SIP/2.0/{transport} {host}:{port};branch={branch};rport")
    }
}

/// A call in the tables; leaves them, and frees its media, when dropped.
pub(super) struct Leg {
    pub(super) core: Arc<Core>,
    pub(super) call: CallId,
    sender: mpsc::Sender<Input>,
    dialog: Option<DialogKey>,
}

impl Leg {
    /// The inbox, for tasks that feed it.
    pub(super) fn sender(&self) -> mpsc::Sender<Input> {
        self.sender.clone()
    }

    /// Enters the dialog, so that requests inside it find the call; an earlier one is left.
    pub(super) fn enter_dialog(&mut self, call_id: &str, local_tag: &str) {
        let key = (call_id.to_owned(), local_tag.to_owned());
        let mut tables = lock(&self.core.tables);
        tables.dialogs.insert(key.clone(), self.sender.clone());
        if let Some(earlier) = self.dialog.replace(key) {
            tables.dialogs.remove(&earlier);
        }
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.core.media.close(&self.call);
        lock(&self.core.trunks).release(self.call.as_str());
        let mut tables = lock(&self.core.tables);
        tables.calls.remove(&self.call);
        if let Some(key) = self.dialog.take() {
            tables.dialogs.remove(&key);
        }
        let end_ms = self.core.clock.now_ms().saturating_add(FINISHED_KEPT_MS);
        tables.finished.insert(self.call.clone(), end_ms);
        tables.finished_order.push_back(self.call.clone());
        drop(tables);
        self.core.legs.fetch_sub(1, Ordering::Relaxed);
    }
}
