//! The engine as its users see it: start it, ask it, drain it.

mod admin;
mod asks;
mod changes;
mod create;
mod notification;
mod overview;
mod plugin;
mod preview;
mod publishing;
mod storage;
mod transactions;
mod treatments;

pub use changes::Author;
pub use notification::{Tail, Tailed};
pub use treatments::TreatmentView;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use callback::agent::AgentConfig;
use callback::number::Dialplan;
use callback::options;
use callback::pause::Pauses;
use callback::service::{Resolver, ServerDefaults, Service};
use callback::{Callback, CallbackId, Error, ErrorCode, ServiceName, Timestamp};
use serde_json::{Map, Value};
use store::{AgentRow, Query, Store, StoreError};
use telephony::port::{Event, Telephony, TrunkView};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::directory::AgentDirectory;
use crate::limits;
use crate::load::QueueLoad;
use crate::metrics::{Metrics, Standing};
use crate::notify::Subscriptions;
use crate::notify::{self, Notifier, NotifyConfig, Outbox, Publisher, Sender, SenderConfig};
use crate::plugin::{HostConfig, PluginHost};
use crate::sessions::SessionsConfig;
use crate::shard::{self, Command, Parts, Shard, Shared};
use crate::supervisor::Supervisor;
use crate::trunks::{TrunkInfo, Trunks};
use crate::voicexml::VoiceXmlConfig;

/// What the engine has to know from the configuration.
#[derive(Debug)]
pub struct EngineConfig {
    /// Number rules.
    pub dialplan: Dialplan,
    /// Trunks in order of preference.
    pub trunks: Vec<TrunkInfo>,
    /// Server-wide defaults of services.
    pub defaults: ServerDefaults,
    /// Folder of treatment files.
    pub treatments_dir: PathBuf,
    /// How notifications are sent.
    pub sender: SenderConfig,
    /// How notifications are wrapped, and their providers.
    pub notify: NotifyConfig,
    /// `engine.max_running_callbacks`; 0 = no limit.
    pub max_running_callbacks: usize,
    /// Number of this node, the first part of its callback ids.
    pub node: u16,
    /// `retention.days`.
    pub retention_days: u32,
    /// Base of every URL that is handed out, `http.public_url`.
    pub public_url: String,
    /// How SCXML sessions are hosted.
    pub sessions: SessionsConfig,
    /// How `VoiceXML` applications are hosted.
    pub voicexml: VoiceXmlConfig,
}

/// A create request.
#[derive(Clone, Debug)]
pub struct NewCallback {
    /// The service.
    pub service: ServiceName,
    /// Keys with a leading `_`.
    pub parameters: Map<String, Value>,
    /// Attached data.
    pub user_data: Map<String, Value>,
    /// Header `gms_user`.
    pub gms_user: Option<String>,
    /// Headers that may take part in throttling.
    pub headers: Vec<(String, String)>,
    /// Header `Idempotency-Key` with the hash of the body.
    pub idempotency: Option<Idempotency>,
}

/// An idempotency key.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// Hash of the request's body.
    pub body_hash: String,
}

/// Whether the engine can work.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    /// The last write succeeded.
    pub store: bool,
    /// It goes down and takes no new callbacks.
    pub draining: bool,
    /// Callbacks that run.
    pub running: usize,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read or does not take writes.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Http(#[from] reqwest::Error),
}

/// A running engine; cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    telephony: Arc<dyn Telephony>,
    clock: Arc<dyn Clock>,
    commands: mpsc::Sender<Command>,
    services: RwLock<HashMap<ServiceName, Arc<Service>>>,
    subscriptions: Arc<Subscriptions>,
    subscription_default_s: u32,
    publisher: Arc<Publisher>,
    plugins: PluginHost,
    outbox: Outbox,
    directory: Arc<AgentDirectory>,
    dialplan: Arc<Dialplan>,
    resolver: Arc<Resolver>,
    allow_hosts: Vec<String>,
    node: u16,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    supervisor: Supervisor,
    stop_shard: CancellationToken,
    started: Timestamp,
    locks: Locks,
}

/// What is done by one at a time.
#[derive(Debug, Default)]
struct Locks {
    imports: tokio::sync::Mutex<()>,
    storage: tokio::sync::Mutex<()>,
    census: tokio::sync::Mutex<overview::KeptCensus>,
}

impl Engine {
    /// Takes up what the store holds and starts to work.
    ///
    /// # Errors
    /// [`StartError`] when the store cannot be read or does not take writes.
    pub async fn start(
        config: EngineConfig,
        store: Arc<dyn Store>,
        telephony: Arc<dyn Telephony>,
        events: mpsc::Receiver<Event>,
        directory: Arc<AgentDirectory>,
    ) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (supervisor, shared) = (Supervisor::default(), Arc::new(Shared::default()));
        let (metrics, dialplan) = (Arc::new(Metrics::new()), Arc::new(config.dialplan));
        let allow_hosts = config.sender.allow_hosts.clone();
        let (commands, receiver) = mpsc::channel(limits::COMMAND_QUEUE_MAX);
        let subscriptions = Arc::new(Subscriptions::new(store.subscriptions().await?));
        let subscription_default_s = config.notify.subscription_default_s;
        let publisher = Arc::new(Publisher {
            config: config.notify,
            subscriptions: subscriptions.clone(),
        });
        let host = HostConfig::new(config.sessions, config.voicexml, config.treatments_dir)?;
        let plugins = PluginHost::start(&config.public_url, host, &clock, &commands, &supervisor)?;
        let parts = notify::Parts {
            store: store.clone(),
            clock: clock.clone(),
            sender: Sender::new(config.sender)?.with_sessions(plugins.sessions.clone()),
            metrics: metrics.clone(),
            subscriptions: subscriptions.clone(),
        };
        let outbox = Notifier::start(parts, &supervisor).await?;
        let mut shard = Shard::new(Parts {
            store: store.clone(),
            telephony: telephony.clone(),
            clock: clock.clone(),
            outbox: outbox.clone(),
            publisher: publisher.clone(),
            metrics: metrics.clone(),
            supervisor: supervisor.clone(),
            treatments: plugins.treatments.clone(),
            plugins: plugins.clone(),
            dialplan: dialplan.clone(),
            trunks: Trunks::new(config.trunks),
            max_running: config.max_running_callbacks,
            shared: shared.clone(),
            commands: commands.clone(),
        });
        let resolver = Arc::new(with_lists(config.defaults, store.as_ref()).await?);
        plugins.sessions.use_lists(resolver.clone());
        shard.set_pauses(pauses(&resolver));
        take_up(&mut shard, store.as_ref(), &directory).await?;
        let services = stored_services(store.as_ref()).await?;
        let stop_shard = CancellationToken::new();
        supervisor.spawn_to_end(shard.run(receiver, events, stop_shard.clone()));
        let engine = Self::of(Inner {
            store,
            telephony,
            started: clock.now(),
            clock,
            commands,
            services: RwLock::new(services),
            subscriptions,
            subscription_default_s,
            publisher,
            plugins,
            outbox,
            directory,
            dialplan,
            resolver,
            allow_hosts,
            node: config.node,
            metrics,
            shared,
            supervisor,
            stop_shard,
            locks: Locks::default(),
        });
        Ok(engine.looked_after(config.retention_days))
    }

    fn of(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        Self { inner }
    }

    /// Removes what was over long ago, again and again.
    fn looked_after(self, retention_days: u32) -> Self {
        let sweep = self.clone().sweep(retention_days);
        self.inner.supervisor.spawn("retention", sweep);
        self
    }

    /// Now, by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// An option of `[callback]` of the configuration, else its default (options §11).
    #[must_use]
    pub fn application_option(&self, name: &str) -> &str {
        application_option(&self.inner.resolver, name)
    }

    /// The number rules.
    #[must_use]
    pub fn dialplan(&self) -> &Dialplan {
        &self.inner.dialplan
    }

    /// The place of a callback in its virtual queue, from 1, and how many wait there; `None` when
    /// it does not wait.
    ///
    /// # Errors
    /// The engine is overloaded.
    pub async fn position(&self, id: CallbackId) -> Result<Option<(usize, usize)>, Error> {
        self.ask(|reply| Command::Position { id, reply }).await
    }

    /// What a virtual queue has to do; a name that nobody uses has nothing to do.
    ///
    /// # Errors
    /// The engine is overloaded.
    pub async fn queue_load(&self, queue: &str) -> Result<QueueLoad, Error> {
        let queue = queue.to_owned();
        self.ask(|reply| Command::Load { queue, reply }).await
    }

    /// One callback, completed ones included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn callback(&self, id: &CallbackId) -> Result<Option<Callback>, Error> {
        self.inner.store.callback(id).await.map_err(read_error)
    }

    /// Callbacks that match.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn query(&self, query: Query) -> Result<Vec<Callback>, Error> {
        self.inner.store.query(query).await.map_err(read_error)
    }

    /// How many callbacks match, whatever the bounds of the query.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn count(&self, query: Query) -> Result<usize, Error> {
        self.inner.store.count(query).await.map_err(read_error)
    }

    /// The services as they are stored, with the time of their last change.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn stored_services(&self) -> Result<Vec<store::ServiceRow>, Error> {
        self.inner.store.services().await.map_err(read_error)
    }

    /// The event log of a callback.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events(&self, id: &CallbackId) -> Result<Vec<store::EventRow>, Error> {
        self.inner.store.events(id).await.map_err(read_error)
    }

    /// A service by name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<Arc<Service>> {
        self.inner
            .services
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// All services by name.
    #[must_use]
    pub fn services(&self) -> Vec<Arc<Service>> {
        let services = self
            .inner
            .services
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = services.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Writes a consistent copy of the store.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub async fn backup(&self, path: PathBuf) -> Result<(), Error> {
        self.inner.store.backup(path).await.map_err(write_error)
    }

    /// Whether the engine can work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let shared = &self.inner.shared;
        Readiness {
            // Without its shard the engine takes nothing, whatever the store says.
            store: shared.store_ok.load(Ordering::Acquire) && !self.inner.commands.is_closed(),
            draining: shared.draining.load(Ordering::Acquire),
            running: shared.running.load(Ordering::Relaxed),
        }
    }

    /// How the trunks stand, in order of preference.
    #[must_use]
    pub fn trunks(&self) -> Vec<TrunkView> {
        self.inner.telephony.trunks()
    }

    /// All metrics as Prometheus text; figures that cannot be had in time are left out.
    pub async fn render_metrics(&self) -> String {
        let figures = self.ask(|reply| Command::Figures { reply });
        let figures = tokio::time::timeout(limits::METRICS_WAIT, figures);
        let deliveries = self.inner.store.open_deliveries();
        let deliveries = tokio::time::timeout(limits::METRICS_WAIT, deliveries);
        let (figures, deliveries) = tokio::join!(figures, deliveries);
        let standing = Standing {
            figures: figures.ok().and_then(Result::ok),
            deliveries: deliveries.ok().and_then(Result::ok),
        };
        let telephony = &self.inner.telephony;
        self.inner
            .metrics
            .render(&telephony.stats(), &telephony.trunks(), &standing)
    }

    /// Counts a request whose credentials open nothing.
    pub fn login_failed(&self) {
        self.inner.metrics.login_failed();
    }

    /// Takes no new callbacks and dials nobody any more from now on; calls in progress go on.
    pub fn begin_drain(&self) {
        self.inner.shared.draining.store(true, Ordering::Release);
    }

    /// Call legs that are not over, agents' included.
    #[must_use]
    pub fn legs(&self) -> u64 {
        self.inner.telephony.stats().legs
    }

    /// As [`Engine::begin_drain`], and ends the tasks. What is under way is taken up again at
    /// the next start.
    pub async fn drain(&self) {
        self.begin_drain();
        self.inner.stop_shard.cancel();
        self.inner.plugins.stop();
        self.inner.supervisor.stop(limits::DRAIN_MAX).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(shard::Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.inner
            .commands
            .try_send(command(reply))
            .map_err(|_full| {
                Error::new(
                    ErrorCode::NotReady,
                    "The server is overloaded, try again in a moment",
                )
            })?;
        match tokio::time::timeout(limits::ASK_MAX, answer).await {
            Ok(answer) => answer
                .map_err(|_closed| Error::new(ErrorCode::NotReady, "The server is going down")),
            // Changes of callbacks that were not looked at yet are left out: their answers are not
            // waited for any more. What an operator sets is stored by then and counts all the same.
            Err(_elapsed) => Err(Error::new(
                ErrorCode::NotReady,
                "The server did not get to it in time; look how things stand, then try again",
            )),
        }
    }

    /// Asks for a change to its end: a client that goes away has asked all the same, and only the
    /// answer that it could not be done in time takes it back.
    async fn ask_to_end<T: Send + 'static>(
        &self,
        command: impl FnOnce(shard::Reply<T>) -> Command + Send + 'static,
    ) -> Result<T, Error> {
        let engine = self.clone();
        self.to_end(async move { engine.ask(command).await })
            .await?
    }

    /// Runs a change to its end even when the client that asked for it goes away: what is stored
    /// and what is in memory must not part.
    async fn to_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, answer) = oneshot::channel();
        self.inner.supervisor.spawn_to_end(async move {
            // Nobody may be waiting any more; the change is made all the same.
            drop(done.send(change.await));
        });
        answer
            .await
            .map_err(|_stopped| Error::new(ErrorCode::NotReady, "The server is going down"))
    }

    async fn sweep(self, days: u32) {
        loop {
            tokio::time::sleep(limits::SWEEP_EVERY).await;
            self.sweep_notifications().await;
            purge(self.inner.store.as_ref(), days, self.now()).await;
        }
    }
}

/// Removes what was over `days` before now.
async fn purge(store: &dyn Store, days: u32, now: Timestamp) {
    match store
        .purge(now.plus_seconds(-i64::from(days) * 86_400))
        .await
    {
        Ok(0) => {}
        Ok(callbacks) => tracing::info!(callbacks, "old callbacks were removed"),
        Err(error) => tracing::warn!(%error, "old callbacks cannot be removed"),
    }
}

fn application_option<'a>(resolver: &'a Resolver, name: &str) -> &'a str {
    let set = resolver.defaults.application.get(name);
    set.map_or_else(|| options::default_of(name), String::as_str)
}

/// What the pause list says (`rb.pause_list`).
fn pauses(resolver: &Resolver) -> Pauses {
    let list = resolver.list(application_option(resolver, "rb.pause_list"));
    Pauses::of(list.as_deref())
}

/// Gives the shard its agents, then everything that was open.
async fn take_up(
    shard: &mut Shard,
    store: &dyn Store,
    directory: &AgentDirectory,
) -> Result<(), StoreError> {
    let agents = load_agents(&store.agents().await?);
    let configs: Vec<_> = agents.iter().map(|(config, _)| config.clone()).collect();
    directory.replace(&configs);
    if !configs.is_empty() {
        // Where phones are is kept in memory only.
        tracing::info!(
            agents = configs.len(),
            "agents get calls again when their phones have registered anew"
        );
    }
    shard.set_agents(agents);
    shard.recover().await
}

async fn with_lists(defaults: ServerDefaults, store: &dyn Store) -> Result<Resolver, StoreError> {
    let resolver = Resolver::new(defaults);
    let lists = store.transaction_lists().await?;
    resolver.put_lists(lists.into_iter().map(|row| row.list));
    Ok(resolver)
}

async fn stored_services(
    store: &dyn Store,
) -> Result<HashMap<ServiceName, Arc<Service>>, StoreError> {
    let rows = store.services().await?.into_iter();
    Ok(rows
        .map(|row| Service {
            name: row.name,
            options: row.options,
        })
        .map(|service| (service.name.clone(), Arc::new(service)))
        .collect())
}

fn load_agents(rows: &[AgentRow]) -> Vec<(AgentConfig, Result<(), String>)> {
    rows.iter()
        .filter_map(
            |row| match AgentConfig::from_options(row.id.clone(), &row.options) {
                Ok(config) => {
                    let ready = if row.ready {
                        Ok(())
                    } else {
                        Err(row.reason.clone())
                    };
                    Some((config, ready))
                }
                Err(error) => {
                    tracing::error!(agent = %row.id, %error, "a stored agent cannot be read");
                    None
                }
            },
        )
        .collect()
}

fn not_ready() -> Error {
    Error::new(
        ErrorCode::NotReady,
        "The store does not take writes now, try again later",
    )
}

fn read_error(error: StoreError) -> Error {
    tracing::error!(%error, "the store cannot be read");
    Error::new(
        ErrorCode::NotReady,
        "The store cannot be read now, try again later",
    )
}

fn write_error(error: StoreError) -> Error {
    tracing::error!(%error, "the store refused a write");
    not_ready()
}

#[cfg(test)]
mod tests;
