//! `ringback serve`: wires store, telephony, engine and HTTP, and ends them in order.

mod ready;
mod wiring;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use engine::{AgentDirectory, Engine, StartError};
use http_api::{Api, ApiKeys, Credentials, MetricsToken, WebUi};
use store::{SqliteStore, Store, StoreError};
use telephony::embedded::{Embedded, Started};
use telephony::port::{PhoneDirectory, Telephony};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::outcome::{Failure, Status, chain};

/// Each part may take so long to end; four parts stay below the ten seconds that service
/// managers wait at least.
const PART_TIMEOUT: Duration = Duration::from_millis(2_400);

/// How often a draining server looks whether calls are left.
const CALLS_LOOK: Duration = Duration::from_millis(100);

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ringback.toml")]
    config: PathBuf,
    /// Write the ready line to this file once the server works
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(&self, started: Instant) -> Result<Status, Failure> {
        let config = config::load(&self.config)
            .map_err(|error| Failure::bad_input(error.to_string(), "correct the configuration"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::bad_input(format!("no runtime: {error}"), ""))?;
        let outcome = runtime.block_on(self.serve(config, started));
        // Whatever still runs after the drain is not worth waiting for.
        runtime.shutdown_background();
        outcome
    }

    async fn serve(&self, config: Config, started: Instant) -> Result<Status, Failure> {
        // A file left over by a crash would promise a server that is not there yet.
        ready::forget(self.ready_file.as_deref());
        let mut signals = Signals::new()?;
        let server = Server::start(config).await?;
        ready::tell(&server, self.ready_file.as_deref(), started)?;
        signals.next().await;
        server.calm_down(&mut signals).await;
        tracing::info!("stopping");
        let status = tokio::select! {
            () = server.stop() => Status::Ok,
            () = signals.next() => {
                tracing::warn!("stopped at once by a second signal");
                Status::Missed
            }
        };
        ready::forget(self.ready_file.as_deref());
        Ok(status)
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Caught, so that a file that may not grow is an error of the write and not our end.
    _file_size: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::bad_input(format!("no signals: {error}"), ""))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            _file_size: listen(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A running server.
struct Server {
    http_address: String,
    sip_address: String,
    store: Arc<dyn Store>,
    telephony: Arc<Embedded>,
    engine: Engine,
    drain: Duration,
    http: JoinSet<()>,
    stopping: CancellationToken,
}

impl Server {
    async fn start(config: Config) -> Result<Self, Failure> {
        for (key, reason) in config::without_meaning(&config) {
            tracing::warn!(
                key,
                reason,
                "a key of the configuration has no meaning here"
            );
        }
        // First the port: whoever connects from now on waits instead of being refused.
        let listener = listen(&config).await?;
        let address = listener
            .local_addr()
            .map_err(|e| Failure::bad_input(e.to_string(), ""))?;
        let http_address = format!("http://{address}");
        let store: Arc<dyn Store> = Arc::new(open_store(&config)?);
        let directory = AgentDirectory::new();
        let phones: Arc<dyn PhoneDirectory> = directory.clone();
        let Started {
            telephony,
            events,
            sip_address,
        } = Embedded::start(wiring::telephony(&config), phones)
            .await
            .map_err(|error| {
                Failure::bad_input(
                    format!("telephony does not start: {}", chain(&error)),
                    "check [sip] listen and [media] in the configuration; 'ringback doctor' \
                     looks closer",
                )
            })?;
        let line: Arc<dyn Telephony> = telephony.clone();
        let public_url = public_url(&config, &http_address);
        let settings = wiring::engine(&config, &public_url)?;
        let engine = Engine::start(settings, Arc::clone(&store), line, events, directory)
            .await
            .map_err(|error| {
                if let StartError::Store(error) = &error {
                    return store_failure(&config.store.path, error);
                }
                Failure::bad_input(format!("the engine does not start: {}", chain(&error)), "")
            })?;
        let stopping = CancellationToken::new();
        let mut api = Api::new(
            engine.clone(),
            credentials(&config),
            public_url,
            wiring::store_dir(&config),
            stopping.clone(),
        );
        api.app.clone_from(&config.http.app);
        api.contact_centers.clone_from(&config.http.contact_centers);
        api.web = web_ui(&config);
        api.api_keys = ApiKeys::new(config.http.api_keys.iter().map(|key| key.expose()));
        api.metrics_token = MetricsToken::new(config.http.metrics_token.expose());
        let mut http = JoinSet::new();
        http.spawn(http_api::serve(
            listener,
            http_api::router(api),
            stopping.clone(),
        ));
        Ok(Self {
            http_address,
            sip_address: sip_address.to_string(),
            store,
            telephony,
            engine,
            drain: Duration::from_secs(config.engine.drain_s.into()),
            http,
            stopping,
        })
    }

    /// Dials nobody any more and lets calls end by themselves, until a second signal or the limit.
    async fn calm_down(&self, signals: &mut Signals) {
        self.engine.begin_drain();
        let limit = tokio::time::sleep(self.drain);
        tokio::pin!(limit);
        let mut look = tokio::time::interval(CALLS_LOOK);
        let mut told = None;
        let mut was_quiet = false;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = &mut limit => {
                    tracing::warn!(legs = self.engine.legs(), "[engine] drain_s is over, calls are ended");
                    return;
                }
                () = signals.next() => {
                    tracing::warn!(legs = self.engine.legs(), "a second signal, calls are ended");
                    return;
                }
            }
            let legs = self.engine.legs();
            // A dial that was decided before the drain may become a leg only now.
            if legs == 0 && was_quiet {
                return;
            }
            was_quiet = legs == 0;
            if legs > 0 && told != Some(legs) {
                let seconds = self.drain.as_secs();
                tracing::info!(
                    legs,
                    seconds,
                    "waiting for calls to end; another signal ends them"
                );
                told = Some(legs);
            }
        }
    }

    /// Ends the parts in the order in which they depend on each other.
    async fn stop(mut self) {
        self.stopping.cancel();
        in_time("http", async {
            while self.http.join_next().await.is_some() {}
        })
        .await;
        in_time("engine", self.engine.drain()).await;
        in_time("telephony", self.telephony.shutdown()).await;
        in_time("store", self.store.close()).await;
        tracing::info!("stopped");
    }
}

async fn in_time(part: &str, end: impl Future<Output = ()>) {
    if tokio::time::timeout(PART_TIMEOUT, end).await.is_err() {
        tracing::warn!(part, "did not end in time");
    }
}

async fn listen(config: &Config) -> Result<TcpListener, Failure> {
    let address = config.http.listen.0;
    TcpListener::bind(address).await.map_err(|error| {
        Failure::bad_input(
            format!("HTTP cannot listen on {address}: {error}"),
            "stop what uses the port, or choose another one with [http] listen",
        )
    })
}

fn open_store(config: &Config) -> Result<SqliteStore, Failure> {
    let path = &config.store.path;
    refuse_empty(path)?;
    SqliteStore::open(path.as_ref()).map_err(|error| store_failure(path, &error))
}

/// A file without a byte is what a broken backup or copy leaves: taken for a new store, it would
/// hide that everything is missing.
pub(super) fn refuse_empty(path: &str) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(file) if file.is_file() && file.len() == 0 => Err(Failure::bad_input(
            format!("the store {path} is an empty file"),
            "restore a backup, or remove the file to begin with a new store",
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Why a store cannot be used, with what helps.
pub(super) fn store_failure(path: &str, error: &StoreError) -> Failure {
    let remedy = match error {
        StoreError::Newer { .. } => {
            "start the newer version of Ringback that wrote it, or restore a backup of before"
        }
        StoreError::Damaged { .. } => {
            "restore a backup ('ringback backup' makes them) or set [store] path to another file; \
             keep the damaged one, what can be read of it is not lost"
        }
        StoreError::Unavailable(_) | StoreError::Closed => {
            "check [store] path, the rights of its directory, and that no other server uses it"
        }
    };
    Failure::bad_input(
        format!("the store {path} cannot be opened: {}", chain(error)),
        remedy,
    )
}

fn credentials(config: &Config) -> Option<Credentials> {
    let server = &config.server;
    (!server.username.is_empty())
        .then(|| Credentials::new(&server.username, server.password.expose()))
}

fn web_ui(config: &Config) -> WebUi {
    WebUi {
        enabled: config.http.web_ui,
        session_hours: config.http.session_hours,
    }
}

fn public_url(config: &Config, http_address: &str) -> String {
    if !config.http.public_url.is_empty() {
        return config.http.public_url.clone();
    }
    if config.http.listen.0.ip().is_unspecified() {
        tracing::warn!("set http.public_url: clients cannot use the address {http_address}");
    }
    http_address.to_owned()
}
