//! `bench vxml --calls N`: dialogs on calls. A whole server with its pool of threads, pages over
//! HTTP and prompts over RTP; the callers are the carrier in another process, each presses a key
//! every second.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header;
use axum::routing::get;
use media::tone;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{FIELDS, KEY_EVERY_S, VxmlArgs};
use crate::command::bench::{Goal, Outcome, rounded, subfolder, usage};
use crate::harness::assets::wav;
use crate::harness::site::{Plan, Site, answer};

/// Execution name of the service.
const SERVICE: &str = "bench";
/// Time between two requests for a callback.
const BETWEEN_CALLS: Duration = Duration::from_millis(30);
/// Longest wait until all dialogs are through with their first page.
const BEGUN_WITHIN: Duration = Duration::from_secs(90);
/// Length of a prompt, ms.
const PROMPT_MS: u32 = 400;
/// Longest name of a dialog.
const ID_MAX: usize = 200;

/// What the pages told.
#[derive(Debug, Default)]
struct Seen {
    /// Dialogs that finished a page, by their call.
    dialogs: HashSet<String>,
    /// Pages that were finished.
    pages: u64,
}

type Shared = Arc<Mutex<Seen>>;

fn take(seen: &Shared) -> Seen {
    std::mem::take(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs so many dialogs and measures what they cost the server.
pub(super) async fn run(args: &VxmlArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let seen = Shared::default();
    let (base, _pages) = pages(&seen).await?;
    let plan = plan(&subfolder(dir, "site")?, &base);
    let mut site = Site::start(&plan).await?;
    let measured = measure(args, &mut site, &seen).await;
    let stopped = site.stop().await;
    let outcome = measured?;
    stopped?;
    Ok(outcome)
}

async fn measure(args: &VxmlArgs, site: &mut Site, seen: &Shared) -> anyhow::Result<Outcome> {
    let calls = usize::from(args.calls);
    let mut requests = JoinSet::new();
    for number in 0..calls {
        request(&mut requests, site, number);
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
    while let Some(done) = requests.join_next().await {
        done??;
    }
    wait_for_all(calls, site, seen).await?;
    // The figures are those of dialogs that go on, not of calls that begin.
    let _begun = take(seen);
    let (started, processor) = (Instant::now(), usage::processor()?);
    let (server, peers) = (site.server.pid(), site.carrier.pid());
    let before = (usage::cpu_s(server)?, usage::cpu_s(peers)?);
    // Lines of the carrier must not fill their channel meanwhile.
    let until = started + Duration::from_secs_f64(args.seconds.clamp(1.0, 600.0));
    while let Ok(line) = tokio::time::timeout_at(until, site.calls.recv()).await {
        line.context("the carrier ended")?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let after = (usage::cpu_s(server)?, usage::cpu_s(peers)?);
    let found = take(seen);
    let metrics = site.get_text("/metrics").await?;
    let metric = |name: &str| usage::metric(&metrics, name).unwrap_or_default();
    let cpu_s = after.0 - before.0;
    let wanted = count(args.calls.into()) * seconds / (KEY_EVERY_S * fields()?);
    let (alive, rate) = (count(found.dialogs.len()), count_u64(found.pages) / wanted);
    let mut result = Map::new();
    for (name, value) in [
        ("dialogs", alive),
        ("pages", count_u64(found.pages)),
        ("pages_of_wanted", rate),
        ("cores", cpu_s / seconds),
        ("tick_p999_ms", metric("ringback_media_tick_p999_ms")),
        ("rtp_lost", metric("ringback_rtp_lost_total")),
    ] {
        result.insert(name.to_owned(), json!(rounded(value)));
    }
    Ok(Outcome {
        bench: "vxml",
        settings: json!({
            "calls": args.calls, "seconds": args.seconds, "fields": FIELDS,
            "key_every_s": KEY_EVERY_S, "prompt_ms": PROMPT_MS,
        }),
        seconds,
        cpu_s,
        peer_cpu_s: after.1 - before.1,
        rss_mb: usage::rss_mb(server)?,
        processor: (processor, usage::processor()?),
        goals: vec![
            Goal::at_least("dialogs", alive, count(calls)),
            Goal::at_least("pages_of_wanted", rate, 0.95),
            Goal::at_most("cores", cpu_s / seconds, 1.0),
        ],
        result,
    })
}

/// Waits until every dialog has finished a page.
async fn wait_for_all(calls: usize, site: &mut Site, seen: &Shared) -> anyhow::Result<()> {
    let until = Instant::now() + BEGUN_WITHIN;
    loop {
        let begun = {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.dialogs.len()
        };
        if begun >= calls {
            return Ok(());
        }
        if Instant::now() >= until {
            bail!("{begun} of {calls} dialogs began within {BEGUN_WITHIN:?}");
        }
        let pause = Instant::now() + Duration::from_millis(200);
        while let Ok(line) = tokio::time::timeout_at(pause, site.calls.recv()).await {
            line.context("the carrier ended")?;
        }
    }
}

fn request(requests: &mut JoinSet<anyhow::Result<Value>>, site: &Site, number: usize) {
    let path = format!("/genesys/1/service/callback/{SERVICE}");
    let body = json!({"_customer_number": format!("+1312{:07}", 5_550_000 + number)});
    let url = format!("{}{path}", site.http);
    let request = site.client().post(url).json(&body);
    requests.spawn(async move { answer(request, &path).await });
}

fn plan(dir: &Path, base: &str) -> Plan {
    Plan {
        dir: dir.to_owned(),
        // The queue needs somebody; nobody is ever called.
        agents: vec![String::from("agent1")],
        first_extension: 7001,
        group: String::from("Bench"),
        script: json!({
            "numbers": [{
                "number": "*", "behaviour": "human", "ring_ms": 200, "speech_ms": 200,
                "patience_ms": 3_600_000, "key_every_ms": 1_000,
            }],
            "agents": [{"extension": "*", "behaviour": "answer"}],
        }),
        services: format!(
            "[service.{SERVICE}]\n\
             _type = ors\n\
             _service = callback\n\
             _call_direction = USERTERMINATED\n\
             _wait_for_agent = false\n\
             _urs_virtual_queue = VQ_Bench\n\
             _target = Bench@Stats.GA\n\
             _cpd_enable = false\n\
             _max_dial_attempts = 1\n\
             _throttle_request_parameters_limit = 0\n\
             _on_customer_connect_treatment_url = {base}/page.vxml\n\
             _plugin_on_dial_timeout = 900\n"
        ),
    }
}

/// Serves page, prompt and the place that each finished page asks for.
async fn pages(seen: &Shared) -> anyhow::Result<(String, JoinSet<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let prompt = wav(&tone::voice(PROMPT_MS, -18.0, 7));
    let kept = || (header::CACHE_CONTROL, "max-age=3600");
    let router = Router::new()
        .route("/page.vxml", get(move || async move { ([kept()], page()) }))
        .route(
            "/prompt.wav",
            get(move || async move {
                let kind = (header::CONTENT_TYPE, "audio/x-wav");
                ([kept(), kind], prompt)
            }),
        )
        .route("/finished", get(finished))
        .with_state(Arc::clone(seen));
    let mut server = JoinSet::new();
    server.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the pages are gone");
        }
    });
    Ok((base, server))
}

#[derive(Deserialize)]
struct Finished {
    id: String,
}

async fn finished(
    State(seen): State<Shared>,
    Query(finished): Query<Finished>,
) -> ([(header::HeaderName, &'static str); 2], &'static str) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.pages += 1;
    if finished.id.len() <= ID_MAX {
        seen.dialogs.insert(finished.id);
    }
    let kind = (header::CONTENT_TYPE, "application/json");
    ([(header::CACHE_CONTROL, "no-store"), kind], "{}")
}

/// The form of the other measurements with a prompt that is heard; at its end it tells its server
/// and is entered anew.
fn page() -> String {
    let prompt = "<audio src='prompt.wav'/>";
    let end = "<block><data name='told' srcexpr=\"'finished?id=' + encodeURIComponent(session.connection.uuid)\"/>\
        <goto next='page.vxml'/></block>";
    super::page(|_field| prompt.to_owned(), end)
}

fn fields() -> anyhow::Result<f64> {
    Ok(f64::from(
        u32::try_from(FIELDS).context("number of fields")?,
    ))
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

fn count_u64(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
