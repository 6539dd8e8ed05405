//! `bench recover`: start with many pending callbacks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use callback::lifecycle::{self, Context, Input};
use callback::number::Dialplan;
use callback::record::TimerKind;
use callback::service::{Resolver, ServerDefaults, Service};
use callback::{Callback, CallbackId, Timestamp, request};
use clap::Args;
use engine::clock::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};
use store::{Batch, EventRow, SqliteStore, Store};
use tokio::time::Instant;

use super::create::{READY_WITHIN, TRUNK, import};
use super::{Goal, Outcome, number, rounded, subfolder, usage};
use crate::harness::assets;
use crate::harness::process::Process;
use crate::harness::site::start_server;

/// Callbacks written in one commit while the store is prepared.
const CHUNK: u64 = 1_000;
/// One of so many callbacks is booked for a later day, the others wait in the queue.
const BOOKED_EVERY: u64 = 10;
/// Callbacks that become due soon after the start.
const DUE: u64 = 500;
/// The first of them is due so long after the store was written, in ms.
const DUE_AFTER_MS: u64 = 4_000;
/// And one more each so many ms.
const DUE_STEP_MS: u64 = 4;
/// How often the server is started; the median counts.
const STARTS: usize = 3;
/// Longest wait for the last timer after its time.
const LATE_MAX: Duration = Duration::from_secs(10);

/// Arguments of `bench recover`.
#[derive(Args, Debug)]
pub(super) struct RecoverArgs {
    /// Callbacks that wait in the store
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
    pending: u64,
    /// Only prepare a site in this folder, to look at it with `serve`
    #[arg(long, value_name = "DIR")]
    pub(super) site: Option<PathBuf>,
}

/// A callback whose timer is watched.
#[derive(Debug)]
struct Watched {
    due: Timestamp,
    /// Number of its last event before the start.
    seq: u64,
}

/// Prepares a site with its configuration and a store of pending callbacks.
pub(super) async fn prepare(args: &RecoverArgs, site: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(site)?;
    let site = site.canonicalize().context("folder of the site")?;
    assets::write(&site.join("treatments"))?;
    first_start(&site).await?;
    fill(&site.join("ringback.db"), args.pending).await?;
    Ok(())
}

/// Prepares a store, starts servers on it and looks at what they did.
pub(super) async fn run(args: &RecoverArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let site = subfolder(dir, "site")?;
    assets::write(&site.join("treatments"))?;
    let empty_mb = first_start(&site).await?;
    let path = site.join("ringback.db");
    let watched = fill(&path, args.pending).await?;
    let file_bytes = std::fs::metadata(&path)?.len();

    let started = Instant::now();
    let processor = usage::processor()?;
    let mut ready_ms = Vec::with_capacity(STARTS);
    let (server, ms) = start(&site).await?;
    ready_ms.push(ms);
    let rss_mb = usage::rss_mb(server.pid())?;
    let ready_cpu_s = usage::cpu_s(server.pid())?;
    let last = watched.values().map(|w| w.due).max().unwrap_or_default();
    let rest = Duration::from_millis(last.millis_since(SystemClock.now()));
    tokio::time::sleep(rest + Duration::from_secs(1)).await;
    server.stop().await?;
    while ready_ms.len() < STARTS {
        let (server, ms) = start(&site).await?;
        ready_ms.push(ms);
        server.stop().await?;
    }
    let late = lateness_ms(&path, &watched).await?;
    let seconds = started.elapsed().as_secs_f64();

    ready_ms.sort_by(f64::total_cmp);
    let ready = ready_ms.get(STARTS / 2).copied().unwrap_or_default();
    let late_p99 = late.get(late.len() * 99 / 100).copied().unwrap_or_default();
    let pending = number(args.pending);
    let result = json!({
        "pending": args.pending,
        "ready_ms": rounded(ready),
        "ready_cpu_ms": rounded(ready_cpu_s * 1_000.0),
        "bytes_each": rounded((rss_mb - empty_mb) * 1_048_576.0 / pending),
        "store_bytes_each": rounded(number(file_bytes) / pending),
        "late_p99_ms": rounded(late_p99),
    });
    Ok(Outcome {
        bench: "recover",
        settings: json!({
            "booked_each": BOOKED_EVERY, "due_soon": DUE, "starts": STARTS,
            "all_ready_ms": ready_ms.iter().map(|ms| rounded(*ms)).collect::<Vec<_>>(),
        }),
        seconds,
        cpu_s: ready_cpu_s,
        peer_cpu_s: 0.0,
        processor: (processor, usage::processor()?),
        rss_mb,
        goals: vec![Goal::below(
            "ready_ms",
            ready * 100_000.0 / pending.max(100_000.0),
            1_000.0,
        )],
        result: result.as_object().cloned().unwrap_or_default(),
    })
}

/// Starts a server once on an empty store: it makes the file and takes service and agent.
/// Returns the memory it takes, MB.
async fn first_start(site: &Path) -> anyhow::Result<f64> {
    let mut server = start_server(site, Some(TRUNK))?;
    let ready = server.ready(READY_WITHIN).await?;
    let http = ready["http"].as_str().context("address of the server")?;
    import(http).await?;
    let rss_mb = usage::rss_mb(server.pid())?;
    server.stop().await?;
    Ok(rss_mb)
}

async fn start(site: &Path) -> anyhow::Result<(Process, f64)> {
    let started = Instant::now();
    let mut server = start_server(site, Some(TRUNK))?;
    server.ready(READY_WITHIN).await?;
    Ok((server, started.elapsed().as_secs_f64() * 1_000.0))
}

/// Writes pending callbacks as the server itself would, by the same checks and steps.
async fn fill(path: &Path, pending: u64) -> anyhow::Result<HashMap<CallbackId, Watched>> {
    let store = SqliteStore::open(path)?;
    let row = store.services().await?.into_iter().next();
    let row = row.context("the store has no service")?;
    let service = Arc::new(Service {
        name: row.name,
        options: row.options,
    });
    let maker = Maker {
        service,
        dialplan: Dialplan::new("US", &[], &[], &[]).map_err(anyhow::Error::msg)?,
        resolver: Resolver::new(ServerDefaults::default()),
    };
    let mut watched = HashMap::new();
    let mut number = 0;
    while number < pending {
        let mut batch = Batch::default();
        let now = SystemClock.now();
        for _ in 0..CHUNK.min(pending - number) {
            number += 1;
            let due = (number + DUE > pending).then(|| {
                let after = DUE_AFTER_MS + (number + DUE - pending) * DUE_STEP_MS;
                now + Duration::from_millis(after)
            });
            let callback = maker.add(number, due, now, &mut batch)?;
            if let Some(due) = due {
                let seq = callback.seq;
                watched.insert(callback.id.clone(), Watched { due, seq });
            }
        }
        store.commit(batch).await?;
    }
    store.close().await;
    Ok(watched)
}

struct Maker {
    service: Arc<Service>,
    dialplan: Dialplan,
    resolver: Resolver,
}

impl Maker {
    /// Adds one callback to a batch; `due` sets the time of its timer.
    fn add(
        &self,
        number: u64,
        due: Option<Timestamp>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> anyhow::Result<Arc<Callback>> {
        let booked = due.is_some() || number.is_multiple_of(BOOKED_EVERY);
        let mut parameters = Map::new();
        let customer = format!("+1312{:07}", 5_550_000 + number % 4_000_000);
        parameters.insert("_customer_number".to_owned(), json!(customer));
        if booked {
            let desired = now.plus_seconds(3 * 86_400);
            parameters.insert("_desired_time".to_owned(), json!(desired.to_iso()));
        }
        let mut user_data = Map::new();
        for (key, value) in [
            ("account", format!("A-{number:08}")),
            ("first_name", "Kim".to_owned()),
            ("topic", "invoice".to_owned()),
        ] {
            user_data.insert(key.to_owned(), Value::String(value));
        }
        let request = request::Request {
            parameters,
            user_data,
            gms_user: None,
        };
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        let id = CallbackId::at_time(1, now, random);
        let (callback, resolved) = request::prepare(
            &self.service,
            request,
            &self.dialplan,
            &self.resolver,
            id,
            now,
        )
        .map_err(|error| anyhow::anyhow!("{error}"))?;
        let context = Context {
            now,
            submission: Ok(()),
            random: 0,
            paused: false,
            line: None,
        };
        let notes = resolved.notes.clone();
        let mut step = lifecycle::step(callback, Input::Create { notes }, &context)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        if let Some(due) = due {
            ensure!(
                step.callback.timers.insert(TimerKind::Due, due).is_some(),
                "a booked callback has no timer"
            );
        }
        let callback = Arc::new(step.callback);
        batch.callbacks.push(Arc::clone(&callback));
        batch
            .events
            .extend(step.events.into_iter().map(|event| EventRow {
                callback: callback.id.clone(),
                seq: event.seq,
                at: event.at,
                event_id: event.id.as_str().to_owned(),
                state: event.state,
                data: Value::Object(event.data).to_string(),
            }));
        Ok(callback)
    }
}

/// How late the watched timers were, sorted, ms.
async fn lateness_ms(
    path: &Path,
    watched: &HashMap<CallbackId, Watched>,
) -> anyhow::Result<Vec<f64>> {
    let store = SqliteStore::open(path)?;
    let mut late = Vec::with_capacity(watched.len());
    for (id, Watched { due, seq }) in watched {
        let events = store.events(id).await?;
        let first = events.iter().find(|event| event.seq == seq + 1);
        let first = first.with_context(|| format!("the timer of {id} did nothing"))?;
        late.push(number(first.at.millis_since(*due)));
    }
    store.close().await;
    late.sort_by(f64::total_cmp);
    let last = late.last().copied().unwrap_or_default();
    ensure!(
        last < LATE_MAX.as_secs_f64() * 1_000.0,
        "a timer was {last} ms late"
    );
    Ok(late)
}
