//! `bench scxml`: the SCXML engine alone, on one thread.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::Args;
use scxml::{Data, Document, Event, Limits, Loader, Session, Start, Watch};
use serde_json::{Map, json};

use super::{Goal, Outcome, rounded, usage};
use crate::clock;

/// Sessions that are alive at once when memory is measured.
const SESSIONS: usize = 1_000;
/// Starts of one repetition; the median of the repetitions counts.
const STARTS: usize = 50;
/// Repetitions of the measurement of starts.
const REPETITIONS: usize = 15;
/// Bytes of script in the page that stands for a generated one.
const PAGE_SCRIPT_BYTES: usize = 118 << 10;
/// Files that such a page includes.
const PAGE_FILES: usize = 15;

/// Arguments of `bench scxml`.
#[derive(Args, Debug)]
pub(crate) struct ScxmlArgs {
    /// Seconds for each of events and microsteps
    #[arg(long, default_value_t = 3.0, value_name = "S")]
    seconds: f64,
}

struct Stopwatch(Instant);

impl Watch for Stopwatch {
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Measures everything.
pub(super) fn run(args: &ScxmlArgs) -> anyhow::Result<Outcome> {
    let started = clock::now();
    let pid = std::process::id();
    let before = usage::cpu_s(pid)?;
    let processor = usage::processor()?;
    let each = Duration::from_secs_f64(args.seconds.clamp(0.1, 600.0));
    let plain = document(&plain_page())?;
    // Memory first: what later measurements leave behind would blur it.
    let bytes = bytes_per_session(&plain, pid)?;
    let events = events_per_s(&plain, each);
    let microsteps = microsteps_per_s(each)?;
    let start_ms = start_ms(&plain);
    let page_start_ms = start_ms_of_page()?;
    let mut result = Map::new();
    for (name, value) in [
        ("events_per_s", events.round()),
        ("microsteps_per_s", microsteps.round()),
        ("start_ms", start_ms),
        ("page_start_ms", page_start_ms),
        ("bytes_per_session", bytes.round()),
    ] {
        result.insert(name.to_owned(), json!(rounded(value)));
    }
    Ok(Outcome {
        bench: "scxml",
        settings: json!({"seconds": args.seconds, "sessions": SESSIONS, "page_script_bytes": PAGE_SCRIPT_BYTES}),
        seconds: started.elapsed().as_secs_f64(),
        cpu_s: usage::cpu_s(pid)? - before,
        peer_cpu_s: 0.0,
        rss_mb: usage::rss_mb(pid)?,
        processor: (processor, usage::processor()?),
        goals: vec![
            Goal::at_least("events_per_s", events, 150_000.0),
            Goal::at_least("microsteps_per_s", microsteps, 1_000_000.0),
            Goal::at_most("start_ms", start_ms, 0.3),
            Goal::at_most("page_start_ms", page_start_ms, 2.0),
            Goal::at_most("bytes_per_session", bytes, 262_144.0),
        ],
        result,
    })
}

/// External events with a condition and an assignment each.
fn events_per_s(document: &Arc<Document>, each: Duration) -> f64 {
    let mut session = Session::new(Arc::clone(document), start());
    session.start(0);
    let data: Vec<Data> = (0..8)
        .map(|n| Data::Json(json!({"n": n, "caller": "4930123456", "vip": n % 2 == 0})))
        .collect();
    let begun = clock::now();
    let mut count: u32 = 0;
    while begun.elapsed() < each {
        for data in data.iter().cycle().take(1_000) {
            session.handle_event(Event::external("call.arrived", data.clone()), 0);
            while session.poll_effect().is_some() {}
            count += 1;
        }
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Eventless transitions between four states, each leaving and entering four levels.
fn microsteps_per_s(each: Duration) -> anyhow::Result<f64> {
    let mut page = "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='null'>".to_owned();
    for ring in 0..4 {
        let next = (ring + 1) % 4;
        write!(page, "<state id='s{ring}'>")?;
        write!(
            page,
            "<state><state><state><transition target='s{next}'/></state></state></state></state>"
        )?;
    }
    page.push_str("</scxml>");
    let document = document(&page)?;
    let begun = clock::now();
    let mut count = 0;
    while begun.elapsed() < each {
        let limits = Limits {
            microsteps: 200_000,
            ..Limits::default()
        };
        let mut session = Session::new(Arc::clone(&document), Start { limits, ..start() });
        session.start(0);
        count += session.microsteps();
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds of work")]
    let count = count as f64;
    Ok(count / begun.elapsed().as_secs_f64())
}

/// Milliseconds from a compiled document to a session that waits.
fn start_ms(document: &Arc<Document>) -> f64 {
    let mut times = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let mut sessions = Vec::with_capacity(STARTS);
        let begun = clock::now();
        for _ in 0..STARTS {
            let mut session = Session::new(Arc::clone(document), start());
            session.start(0);
            sessions.push(session);
        }
        let count = u32::try_from(STARTS).unwrap_or(u32::MAX);
        times.push(begun.elapsed().as_secs_f64() * 1_000.0 / f64::from(count));
    }
    times.sort_by(f64::total_cmp);
    times.get(REPETITIONS / 2).copied().unwrap_or_default()
}

/// As above for a page that includes as much script as generated ones do.
fn start_ms_of_page() -> anyhow::Result<f64> {
    let mut page = "<scxml xmlns='http://www.w3.org/2005/07/scxml' profile='ecmascript' \
        xmlns:xi='http://www.w3.org/2001/XInclude'>"
        .to_owned();
    for file in 0..PAGE_FILES {
        write!(
            page,
            "<script><xi:include href='f{file}.js' parse='text'/></script>"
        )?;
    }
    page.push_str("<state id='s'><transition event=\"go\" cond='f0_0(1) &gt; 0' target='e'/></state><final id='e'/></scxml>");
    let mut loader = Loader::new("page.scxml", page, None);
    while let Some(url) = loader.poll_missing() {
        let file = url
            .trim_start_matches('f')
            .trim_end_matches(".js")
            .to_owned();
        loader.handle_file(&url, Ok(library(&file)));
    }
    let document = loader
        .finish()
        .map_err(|problems| anyhow!("{problems:?}"))?;
    Ok(start_ms(&Arc::new(document)))
}

/// A file of functions and tables, the way libraries of generated pages look.
fn library(file: &str) -> String {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < PAGE_SCRIPT_BYTES / PAGE_FILES {
        // Writing to a String cannot fail.
        let _written = write!(
            text,
            "/* helper {number} */\nfunction f{file}_{number}(value, options) {{\n  var result = [], i;\n  \
             options = options || {{}};\n  for (i = 0; i < value; i++) {{\n    \
             if (options.skip && options.skip.indexOf(i) >= 0) continue;\n    \
             result.push({{ name: 'item' + i, value: i * {number}, text: String(i) }});\n  }}\n  \
             return result.length;\n}}\nvar table{file}_{number} = {{ a: 1, b: 'two', c: [3, 4, 5], d: null }};\n"
        );
        number += 1;
    }
    text
}

/// Memory of the process for many waiting sessions, divided by their number.
fn bytes_per_session(document: &Arc<Document>, pid: u32) -> anyhow::Result<f64> {
    let session = || {
        let mut session = Session::new(Arc::clone(document), start());
        session.start(0);
        session
    };
    let first = session();
    let before = usage::rss_mb(pid)?;
    let sessions: Vec<Session> = (0..SESSIONS).map(|_| session()).collect();
    let after = usage::rss_mb(pid)?;
    drop((first, sessions));
    let count = u32::try_from(SESSIONS).context("number of sessions")?;
    Ok((after - before) * 1_048_576.0 / f64::from(count))
}

fn start() -> Start {
    Start {
        watch: Arc::new(Stopwatch(clock::now())),
        ..Start::default()
    }
}

fn document(text: &str) -> anyhow::Result<Arc<Document>> {
    let loaded = Loader::new("bench.scxml", text, None).finish();
    loaded
        .map(Arc::new)
        .map_err(|problems| anyhow!("{problems:?}"))
}

/// A page as a person writes it.
fn plain_page() -> String {
    "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='ecmascript'>\
     <datamodel><data id='count' expr='0'/><data id='last'/></datamodel>\
     <state id='idle'>\
     <transition event='call.arrived' cond='_event.data.vip' target='busy'>\
     <assign location='count' expr='count + 1'/></transition>\
     <transition event='call.arrived' cond='!_event.data.vip'>\
     <assign location='last' expr='_event.data.n'/></transition></state>\
     <state id='busy'><transition event='call.arrived' cond='_event.data.n &gt;= 0' target='idle'>\
     <assign location='count' expr='count + _event.data.n'/></transition></state></scxml>"
        .to_owned()
}
