//! `bench detect`: clips over real calls, many at once, against the detector on the same files.

mod clips;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::Client;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::clips::Clip;
use super::{Goal, Outcome, number, rounded, subfolder, usage};
use crate::harness::site::{Plan, Site, answer};

/// Goal: results that are those of the offline run, %.
const SAME_MIN: f64 = 98.0;
/// Pause between the first calls, which would all ring at the same moment.
const BETWEEN_CALLS: Duration = Duration::from_millis(60);
/// Pause between two looks at a callback.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Longest time of a detection, on calls and offline, ms: beyond the server's default of 6 s, so
/// that no clip is cut before its decision.
const HARD_STOP_MS: u32 = 8_000;
/// Longest wait for the end of a dial attempt.
const DONE_WITHIN: Duration = Duration::from_secs(60);
/// Differences that are listed.
const LISTED_MAX: usize = 20;

/// Arguments of `bench detect`.
#[derive(Args, Debug)]
pub(super) struct DetectArgs {
    /// Folder of a labelled corpus with its index.csv; without it clips of every kind are made
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Clips, as many of each kind as there are
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=80_000))]
    clips: u32,
    /// Calls at once
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    at_once: u16,
}

/// What a call or an offline run said to a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    /// Call state number; 0 with the detail `none` when nothing was decided.
    call_state: u64,
    detail: String,
    at_ms: u64,
}

impl Said {
    fn none() -> Self {
        Self {
            call_state: 0,
            detail: "none".to_owned(),
            at_ms: 0,
        }
    }

    /// The verdict in the log of a callback.
    fn of(trace: &Value) -> Self {
        Self {
            call_state: trace["call_state"].as_u64().unwrap_or_default(),
            detail: trace["detail"].as_str().unwrap_or_default().to_owned(),
            at_ms: trace["decided_after_ms"].as_u64().unwrap_or_default(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.call_state, &self.detail) == (other.call_state, &other.detail)
    }
}

/// All clips and what was said to them, in the same order.
#[derive(Debug, Default)]
struct Compared {
    heard: Vec<(usize, Said)>,
    failed: u64,
}

/// Starts a site, plays the clips and compares.
pub(super) async fn run(args: &DetectArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let count = usize::try_from(args.clips)?;
    let clips = match &args.corpus {
        Some(corpus) => clips::of_corpus(corpus, count)?,
        None => clips::made(&subfolder(dir, "clips")?, count)?,
    };
    let site = Site::start(&plan(&subfolder(dir, "site")?, &clips)).await?;
    let (started, processor) = (Instant::now(), usage::processor()?);
    let before = usage::cpu_s(site.server.pid())?;
    let peers = usage::cpu_s(site.carrier.pid())?;
    let compared = play(args, &site, &clips).await;
    let outcome = Outcome {
        bench: "detect",
        settings: json!({
            "clips": clips.len(), "at_once": args.at_once, "corpus": args.corpus.is_some(),
        }),
        seconds: started.elapsed().as_secs_f64(),
        cpu_s: usage::cpu_s(site.server.pid())? - before,
        peer_cpu_s: usage::cpu_s(site.carrier.pid())? - peers,
        rss_mb: usage::rss_mb(site.server.pid())?,
        processor: (processor, usage::processor()?),
        goals: Vec::new(),
        result: Map::new(),
    };
    site.stop().await?;
    Ok(judge(outcome, &clips, &compared))
}

fn plan(dir: &Path, clips: &[Clip]) -> Plan {
    let numbers: Vec<Value> = clips
        .iter()
        .map(|clip| {
            json!({
                "number": clip.number, "behaviour": "clip", "file": clip.path,
                "early": clip.early, "ring_ms": 100, "speak_after_ms": 0,
            })
        })
        .collect();
    let mut countries: Vec<&str> = clips.iter().map(|c| c.country.as_str()).collect();
    countries.sort_unstable();
    countries.dedup();
    Plan {
        dir: dir.to_owned(),
        // A group needs somebody, who never takes a call.
        agents: vec![String::from("nobody")],
        first_extension: 7001,
        group: String::from("Nobody"),
        script: json!({
            "numbers": numbers,
            "agents": [{"extension": "*", "behaviour": "never"}],
        }),
        services: countries.into_iter().map(service).collect(),
    }
}

/// A service whose customers live in a country.
fn service(country: &str) -> String {
    format!(
        "[service.{country}]\n\
         _type = ors\n\
         _service = callback\n\
         _call_direction = USERTERMINATED\n\
         _wait_for_agent = false\n\
         _urs_virtual_queue = VQ_Bench\n\
         _target = Nobody@Stats.GA\n\
         _default_country = {country}\n\
         _cpd_enable = true\n\
         _call_timeguard_timeout = {HARD_STOP_MS}\n\
         _max_dial_attempts = 1\n\
         _throttle_request_parameters_limit = 0\n\
         _treatment_call_failure_answering_machine = {{ }}\n"
    )
}

/// Requests the callbacks, so many at once, and collects what was found.
async fn play(args: &DetectArgs, site: &Site, clips: &[Clip]) -> Compared {
    let slots = Arc::new(Semaphore::new(args.at_once.into()));
    let mut calls: JoinSet<anyhow::Result<(usize, Said)>> = JoinSet::new();
    for (index, clip) in clips.iter().enumerate() {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        let (client, http) = (site.client(), site.http.clone());
        let (country, number) = (clip.country.clone(), clip.number.clone());
        calls.spawn(async move {
            let said = call(&client, &http, &country, &number).await;
            drop(slot);
            Ok((index, said.with_context(|| format!("call to {number}"))?))
        });
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
    let mut compared = Compared::default();
    while let Some(done) = calls.join_next().await {
        match done.map_err(Into::into).flatten() {
            Ok(heard) => compared.heard.push(heard),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a call failed");
                compared.failed += 1;
            }
        }
    }
    compared.heard.sort_by_key(|(index, _)| *index);
    compared
}

/// Has a number called back; what the detector said to it.
async fn call(client: &Client, http: &str, country: &str, number: &str) -> anyhow::Result<Said> {
    let path = format!("/genesys/1/service/callback/{country}");
    let request = client
        .post(format!("{http}{path}"))
        .json(&json!({"_customer_number": number}));
    let created = answer(request, &path).await?;
    let id = created["_id"].as_str().context("no _id")?.to_owned();
    let log = format!("/api/v1/callbacks/{id}/events");
    let until = Instant::now() + DONE_WITHIN;
    let events = loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let seen = answer(client.get(format!("{http}{log}")), &log).await?;
        let events = seen["events"].as_array().cloned().unwrap_or_default();
        if events.iter().any(|e| e["event_id"] == "_cbe_on_dial_done") {
            break events;
        }

        anyhow::ensure!(
            Instant::now() < until,
            "no end of the dial attempt after {:?}",
            events.last()
        );
    };
    // Most are over by now, which is as good.
    let cancelled = client.delete(format!("{http}{path}/{id}")).send().await;
    cancelled.context("cancelling")?;
    let verdict = events.iter().find(|e| e["event_id"] == "rb.verdict");
    Ok(verdict.map_or_else(Said::none, |entry| {
        let nested = entry
            .pointer("/data/verdict")
            .or_else(|| entry.get("verdict"));
        Said::of(nested.unwrap_or(&Value::Null))
    }))
}

fn judge(outcome: Outcome, clips: &[Clip], compared: &Compared) -> Outcome {
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut different = Vec::new();
    let mut apart_ms = Vec::new();
    for (index, said) in &compared.heard {
        let Some(clip) = clips.get(*index) else {
            continue;
        };
        let same = said.is_same(&clip.offline);
        let (sames, all) = kinds.entry(&clip.label).or_default();
        (*sames, *all) = (*sames + u64::from(same), *all + 1);
        if same {
            apart_ms.push(said.at_ms.abs_diff(clip.offline.at_ms));
        } else {
            different.push(json!({
                "file": clip.name, "label": clip.label,
                "call": [said.call_state, said.detail, said.at_ms],
                "offline": [clip.offline.call_state, clip.offline.detail, clip.offline.at_ms],
            }));
        }
    }
    apart_ms.sort_unstable();
    let at = |share: usize| apart_ms.get(apart_ms.len() * share / 100).copied();
    let percent = 100.0 * number(apart_ms.len() as u64) / number(clips.len().max(1) as u64);
    let kinds: Map<String, Value> = kinds
        .into_iter()
        .map(|(label, (same, all))| (label.to_owned(), json!([same, all])))
        .collect();
    let differing = different.len();
    different.truncate(LISTED_MAX);
    let result = [
        ("same", json!(apart_ms.len())),
        ("same_pct", json!(rounded(percent))),
        ("by_label", Value::Object(kinds)),
        ("apart_p50_ms", json!(at(50))),
        ("apart_p95_ms", json!(at(95))),
        ("different", json!(differing)),
        ("list", json!(different)),
        ("failed", json!(compared.failed)),
    ];
    Outcome {
        goals: vec![
            Goal::at_least("same_pct", percent, SAME_MIN),
            Goal::at_most("failed", number(compared.failed), 0.0),
        ],
        result: result.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        ..outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_the_log_is_read() {
        let trace = json!({"call_state": 17, "detail": "cng", "decided_after_ms": 900});
        let said = Said::of(&trace);
        assert_eq!(
            (said.call_state, said.detail.as_str(), said.at_ms),
            (17, "cng", 900)
        );
        assert!(!said.is_same(&Said::none()));
        assert!(Said::none().is_same(&Said {
            at_ms: 7,
            ..Said::none()
        }));
    }
}
