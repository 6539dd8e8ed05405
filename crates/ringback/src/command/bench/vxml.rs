//! `bench vxml`: the `VoiceXML` engine alone, on one thread; with `--calls` hosted on calls.

mod hosted;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, json};
use vxml::{Answer, Effect, Input, Library, Session, Start, Waiting, Watch};

use super::{Goal, Outcome, rounded, usage};
use crate::clock;

/// Fields of the form.
const FIELDS: usize = 10;
/// Dialogs that are alive at once.
const DIALOGS: usize = 500;
/// A caller presses a key this often.
const KEY_EVERY_S: f64 = 1.0;
/// Starts of one repetition; the median of the repetitions counts.
const STARTS: usize = 50;
/// Repetitions of the measurement of starts.
const REPETITIONS: usize = 15;
const URL: &str = "http://bench.test/page.vxml";

/// Arguments of `bench vxml`.
#[derive(Args, Debug)]
pub(crate) struct VxmlArgs {
    /// Seconds for the interpretation of pages
    #[arg(long, default_value_t = 5.0, value_name = "S")]
    seconds: f64,
    /// So many dialogs at once on calls of a server; 0 = the engine alone
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1_500))]
    calls: u16,
}

struct Stopwatch(Instant);

impl Watch for Stopwatch {
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Measures everything.
pub(super) async fn run(args: &VxmlArgs, dir: &Path) -> anyhow::Result<Outcome> {
    if args.calls > 0 {
        return hosted::run(args, dir).await;
    }
    alone(args)
}

fn alone(args: &VxmlArgs) -> anyhow::Result<Outcome> {
    let started = clock::now();
    let pid = std::process::id();
    let before = usage::cpu_s(pid)?;
    let processor = usage::processor()?;
    let bench = Bench {
        library: Arc::default(),
        watch: Arc::new(Stopwatch(clock::now())),
        page: page(
            |field| format!("Field {field}, so far <value expr='total'/>"),
            "<block><exit namelist='total'/></block>",
        ),
    };
    // The first one compiles the page.
    bench.whole()?;
    let dialogs = bench.dialogs(pid)?;
    let pages = bench.pages_per_s(Duration::from_secs_f64(args.seconds.clamp(0.1, 600.0)))?;
    let start_ms = bench.page_start_ms()?;
    let mut result = Map::new();
    for (name, value) in [
        ("pages_per_s", pages.round()),
        ("page_start_ms", start_ms),
        ("dialogs", dialogs.on_one_core.floor()),
        ("alive", dialogs.alive),
        ("core_pct", dialogs.core_pct),
        ("slowest_step_ms", dialogs.slowest_ms),
        ("bytes_per_dialog", dialogs.bytes.round()),
    ] {
        result.insert(name.to_owned(), json!(rounded(value)));
    }
    Ok(Outcome {
        bench: "vxml",
        settings: json!({
            "seconds": args.seconds, "fields": FIELDS, "dialogs": DIALOGS, "key_every_s": KEY_EVERY_S,
            "page_bytes": bench.page.len(),
        }),
        seconds: started.elapsed().as_secs_f64(),
        cpu_s: usage::cpu_s(pid)? - before,
        peer_cpu_s: 0.0,
        rss_mb: usage::rss_mb(pid)?,
        processor: (processor, usage::processor()?),
        goals: vec![
            Goal::at_least("pages_per_s", pages, 2_000.0),
            Goal::at_most("page_start_ms", start_ms, 2.0),
            Goal::at_least("dialogs", dialogs.on_one_core, 500.0),
        ],
        result,
    })
}

struct Bench {
    library: Arc<Library>,
    watch: Arc<dyn Watch>,
    page: String,
}

struct Dialogs {
    alive: f64,
    on_one_core: f64,
    core_pct: f64,
    slowest_ms: f64,
    bytes: f64,
}

impl Bench {
    /// A session that waits for the first key.
    fn begin(&self) -> anyhow::Result<Session> {
        let start = Start {
            speech: true,
            watch: Arc::clone(&self.watch),
            library: Arc::clone(&self.library),
            ..Start::default()
        };
        let mut session = Session::new(start)?;
        session.start(URL, 0);
        let Some(Effect::Fetch(request)) = session.poll_effect() else {
            bail!("the session asks for no page");
        };
        let answer = Answer {
            body: self.page.clone().into_bytes(),
            ..Answer::default()
        };
        let id = request.id;
        session.handle(
            Input::Fetched {
                id,
                answer: Ok(answer),
            },
            0,
        );
        while session.poll_effect().is_some() {}
        if session.waiting() != Waiting::Input {
            bail!("the session waits for no key");
        }
        Ok(session)
    }

    /// A whole page: every field is asked for and answered.
    fn whole(&self) -> anyhow::Result<()> {
        let mut session = self.begin()?;
        for _ in 0..FIELDS {
            press(&mut session);
        }
        if !session.is_ended() {
            bail!("the page did not end");
        }
        Ok(())
    }

    fn pages_per_s(&self, each: Duration) -> anyhow::Result<f64> {
        let begun = clock::now();
        let mut count: u32 = 0;
        while begun.elapsed() < each {
            self.whole()?;
            count += 1;
        }
        Ok(f64::from(count) / begun.elapsed().as_secs_f64())
    }

    /// Milliseconds from nothing to a cached page that waits.
    fn page_start_ms(&self) -> anyhow::Result<f64> {
        let mut times = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            let begun = clock::now();
            let sessions: anyhow::Result<Vec<Session>> =
                (0..STARTS).map(|_| self.begin()).collect();
            let spent = begun.elapsed();
            drop(sessions?);
            let count = u32::try_from(STARTS).unwrap_or(u32::MAX);
            times.push(spent.as_secs_f64() * 1_000.0 / f64::from(count));
        }
        times.sort_by(f64::total_cmp);
        Ok(times.get(REPETITIONS / 2).copied().unwrap_or_default())
    }

    /// Many dialogs at once, one key each in turn.
    fn dialogs(&self, pid: u32) -> anyhow::Result<Dialogs> {
        let before = usage::rss_mb(pid)?;
        let begun = clock::now();
        let sessions: anyhow::Result<Vec<Session>> = (0..DIALOGS).map(|_| self.begin()).collect();
        let mut sessions = sessions?;
        let after = usage::rss_mb(pid)?;
        let mut slowest: f64 = 0.0;
        for _ in 0..FIELDS {
            for session in &mut sessions {
                let step = clock::now();
                press(session);
                slowest = slowest.max(step.elapsed().as_secs_f64());
            }
        }
        // Starting and ending belongs to the life of a dialog as well.
        if !sessions.iter().all(Session::is_ended) {
            bail!("a dialog did not end");
        }
        drop(sessions);
        let busy_s = begun.elapsed().as_secs_f64();
        let alive = f64::from(u32::try_from(DIALOGS).context("number of dialogs")?);
        let fields = f64::from(u32::try_from(FIELDS).context("number of fields")?);
        let life_s = fields * KEY_EVERY_S;
        Ok(Dialogs {
            alive,
            on_one_core: alive * life_s / busy_s,
            core_pct: 100.0 * busy_s / life_s,
            slowest_ms: slowest * 1_000.0,
            bytes: (after - before) * 1_048_576.0 / alive,
        })
    }
}

fn press(session: &mut Session) {
    session.handle(Input::Key('7'), 0);
    while session.poll_effect().is_some() {}
}

/// A form of ten fields with scripts, as a person writes it; with what each field says and what
/// stands behind them.
fn page(prompt: impl Fn(usize) -> String, end: &str) -> String {
    let mut page = "<vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'>\
        <var name='total' expr='0'/><var name='log' expr='[]'/>\
        <script>function add(list, name, value) { list.push({name: name, value: value}); \
        var sum = 0; for (var i = 0; i &lt; list.length; i++) sum += Number(list[i].value); return sum; }</script>\
        <catch event='nomatch noinput'><reprompt/></catch><form id='f'>"
        .to_owned();
    for field in 0..FIELDS {
        // Writing to a String cannot fail.
        let _written = write!(
            page,
            "<field name='f{field}' type='digits?length=1'>\
             <prompt>{}</prompt>\
             <noinput count='3'><exit expr='total'/></noinput>\
             <filled><script>total = add(log, 'f{field}', f{field});</script>\
             <if cond='total &gt; 1000'><clear namelist='f{field}'/></if></filled></field>",
            prompt(field)
        );
    }
    page.push_str(end);
    page.push_str("</form></vxml>");
    page
}
