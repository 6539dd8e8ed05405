//! `bench contain`: sessions of a server beside others that want everything.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::extract::Path as Name;
use axum::http::StatusCode;
use axum::routing::get;
use clap::Args;
use reqwest::Client;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Goal, Outcome, median, rounded, subfolder, usage};
use crate::harness::assets;
use crate::harness::site::{client, start_server};

/// Longest wait for the server.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Well-behaved sessions.
const SESSIONS: usize = 50;
/// Measurements alone and beside hostile sessions.
const PAIRS: usize = 5;
/// Sessions that hang for good when the last figure is taken.
const HANGING: usize = 3;
/// Time between two requests: they must not become a load of their own.
const PACE: Duration = Duration::from_millis(2);
/// What a hostile session does, again and again: each ends in a limit.
const ATTACKS: &[(&str, &str)] = &[
    ("loop", "while (true) {}"),
    (
        "memory",
        "var a = []; for (;;) a.push(new Array(1000).fill(1));",
    ),
    ("regexp", "/(a+)+$/.test('a'.repeat(40) + 'b');"),
    ("join", "new Array(1e9) + '';"),
    (
        "sort",
        "var a = []; for (var i = 0; i &lt; 1e5; i++) a.push(i); for (;;) a.sort(function (x, y) { return y - x; });",
    ),
];
/// Megabytes of text made a number, fifty times a round: the interrupt is looked at every ten
/// thousand rounds, and no wrapper can stand before an operator.
fn hang() -> String {
    let additions = "n += +s;".repeat(50);
    format!("var n = 0, s = 'x'.repeat(8e6); for (;;) {{ {additions} }}")
}

/// Arguments of `bench contain`.
#[derive(Args, Debug)]
pub(crate) struct ContainArgs {
    /// Seconds for each measurement
    #[arg(long, default_value_t = 4.0, value_name = "S")]
    seconds: f64,
}

/// Measures requests to well-behaved sessions alone, beside sessions that end in limits, and
/// beside threads that hang.
pub(super) async fn run(args: &ContainArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let dir = subfolder(dir, "contain")?;
    assets::write(&dir.join("treatments"))?;
    let (base, _documents) = documents().await?;
    let mut server = start_server(&dir, None)?;
    let ready = server.ready(READY_WITHIN).await?;
    let http = ready["http"]
        .as_str()
        .context("the ready line has no http")?;
    let site = Site {
        client: client()?,
        http: http.to_owned(),
        base,
    };
    let before = usage::cpu_s(server.pid())?;
    let processor = usage::processor()?;
    let each = Duration::from_secs_f64(args.seconds.clamp(0.2, 60.0));
    let mut good = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        good.push(site.start("good").await?);
    }
    let Figures {
        alone,
        beside,
        hung,
        ratio,
    } = measure(&site, &good, each).await?;
    let mut result = Map::new();
    for (name, value) in [
        ("p99_alone_ms", alone),
        ("p99_beside_ms", beside),
        ("p99_hung_ms", hung),
        ("ratio", ratio),
        ("ratio_hung", hung / alone),
    ] {
        result.insert(name.to_owned(), json!(rounded(value)));
    }
    let outcome = Outcome {
        bench: "contain",
        settings: json!({"seconds": args.seconds, "sessions": SESSIONS, "pairs": PAIRS,
            "attacks": ATTACKS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "hanging": HANGING}),
        seconds: started.elapsed().as_secs_f64(),
        cpu_s: usage::cpu_s(server.pid())? - before,
        peer_cpu_s: 0.0,
        rss_mb: usage::rss_mb(server.pid())?,
        processor: (processor, usage::processor()?),
        goals: vec![
            Goal::at_most("ratio", ratio, 1.10),
            Goal::at_most("ratio_hung", hung / alone, 1.10),
        ],
        result,
    };
    server.stop().await?;
    Ok(outcome)
}

/// What was measured, ms.
struct Figures {
    alone: f64,
    beside: f64,
    hung: f64,
    /// Median of the pairs.
    ratio: f64,
}

async fn measure(site: &Site, good: &[String], each: Duration) -> anyhow::Result<Figures> {
    site.p99(good, each).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        alone.push(site.p99(good, each).await?);
        let mut hostile = Vec::new();
        for (name, _) in ATTACKS {
            hostile.push(site.start(name).await?);
        }
        beside.push(site.p99(good, each).await?);
        for id in &hostile {
            site.end(id).await?;
        }
    }
    for _ in 0..HANGING {
        site.start("hang").await?;
    }
    // Their threads are set aside after two seconds.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let hung = site.p99(good, each).await?;
    let url = format!("{}/livez", site.http);
    let alive = site.client.get(url).send().await?;
    ensure!(alive.status().is_success(), "{HANGING} threads are allowed");
    let ratios = alone
        .iter()
        .zip(&beside)
        .map(|(alone, beside)| beside / alone);
    Ok(Figures {
        ratio: median(ratios.collect()),
        alone: median(alone),
        beside: median(beside),
        hung,
    })
}

/// A server with a place for documents.
struct Site {
    client: Client,
    http: String,
    base: String,
}

impl Site {
    async fn start(&self, document: &str) -> anyhow::Result<String> {
        let body = json!({"src": format!("{}/{document}", self.base)});
        let url = format!("{}/scxml/session/start", self.http);
        let answer = self.client.post(url).json(&body).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let id = answer["sessionId"].as_str();
        Ok(id.context("the session has no id")?.to_owned())
    }

    async fn end(&self, id: &str) -> anyhow::Result<()> {
        let url = format!("{}/scxml/session/{id}/terminate", self.http);
        self.client.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// Asks the sessions in turn for a while; the longest but one in a hundred, ms.
    async fn p99(&self, sessions: &[String], each: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let mut times = Vec::new();
        for id in sessions.iter().cycle() {
            if begun.elapsed() >= each {
                break;
            }
            let url = format!("{}/scxml/session/{id}/request/add?by=1", self.http);
            let asked = Instant::now();
            let answer = self.client.get(url).send().await?;
            if !answer.status().is_success() {
                bail!("a session answered {}", answer.status());
            }
            answer.bytes().await?;
            times.push(asked.elapsed().as_secs_f64() * 1_000.0);
            tokio::time::sleep(PACE).await;
        }
        times.sort_by(f64::total_cmp);
        let at = times.len().saturating_sub(1) * 99 / 100;
        times.get(at).copied().context("nothing was measured")
    }
}

/// Serves the documents as long as the set lives.
async fn documents() -> anyhow::Result<(String, JoinSet<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/{name}", get(document));
    let mut server = JoinSet::new();
    server.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the documents are gone");
        }
    });
    Ok((base, server))
}

async fn document(Name(name): Name<String>) -> Result<String, StatusCode> {
    if name == "good" {
        return Ok(GOOD.to_owned());
    }
    let attack = ATTACKS.iter().find(|(known, _)| *known == name);
    let attack = attack.map(|(_, script)| (*script).to_owned());
    let script = attack.or_else(|| (name == "hang").then(hang));
    let script = script.ok_or(StatusCode::NOT_FOUND)?;
    Ok(format!(
        "<scxml xmlns='http://www.w3.org/2005/07/scxml' profile='ecmascript'><state id='s'>\
         <onentry><send event=\"'again'\" delay=\"'20ms'\"/><script>{script}</script></onentry>\
         <transition event='again' target='s'/></state></scxml>"
    ))
}

/// Adds up what it is sent and tells the sum.
const GOOD: &str = "<scxml xmlns='http://www.w3.org/2005/07/scxml' profile='ecmascript' \
    xmlns:session='http://www.genesyslab.com/modules/session'>\
    <datamodel><data id='sum' expr='0'/></datamodel>\
    <state id='s'><transition event='add'>\
    <assign location='_data.sum' expr='_data.sum + Number(_event.data.by)'/>\
    <session:response><param name='sum' expr='_data.sum'/></session:response></transition></state></scxml>";
