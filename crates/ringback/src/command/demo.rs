//! `ringback demo`: the whole job on this machine, with a simulated carrier on the other side.
//!
//! Server and carrier are processes of their own; they and this command speak HTTP, SIP and RTP
//! with each other and nothing else. Every notification that is printed came in over HTTP.

mod report;
mod scenario;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::report::Report;
use self::scenario::{Progress, SCENARIOS};
use crate::harness::asked_to_stop;
use crate::harness::assets::{GREETING, MESSAGE, MUSIC, SORRY};
use crate::harness::receiver::{Notification, Receiver};
use crate::harness::site::{Plan, Site};
use crate::outcome::Status;

/// Longest wait for the end of all scenarios.
const SCENARIOS_WITHIN: Duration = Duration::from_secs(80);
/// Longest wait for the carrier's word that both sides heard each other.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// Execution name of the demo service.
const SERVICE: &str = "demo";
/// Time a call may ring, s.
const RING_S: u32 = 5;
/// Pause between two attempts, s.
const RETRY_S: u32 = 3;
/// Attempts per callback.
const ATTEMPTS: u32 = 2;

/// Starts a server, a simulated carrier and four agents, and runs five callbacks.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Stops after the summary; the exit status says whether every callback ended as it should
    #[arg(long)]
    exit: bool,
    /// Keeps configuration, store and logs in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// A demo that runs.
#[derive(Debug)]
struct Running {
    site: Site,
    receiver: Receiver,
    report: Report,
    progress: Vec<Progress>,
    /// Notifications of callbacks whose create request has not been answered yet.
    early: Vec<Notification>,
    /// Index of the scenario by callback id.
    by_id: HashMap<String, usize>,
    started: Instant,
}

/// Runs the demo.
///
/// # Errors
/// The site cannot be started, or a part of it dies.
pub(crate) async fn run(args: Demo, json: bool) -> anyhow::Result<Status> {
    let temporary = tempfile::Builder::new()
        .prefix("ringback-demo-")
        .tempdir()?;
    let dir = args
        .keep
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&dir).with_context(|| format!("folder {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    if dir.join("ringback.db").exists() {
        bail!(
            "{} holds a store already; choose an empty folder for --keep",
            dir.display()
        );
    }
    let report = Report::new(json);
    let started = Instant::now();
    report.intro(RING_S, RETRY_S, ATTEMPTS);
    let receiver = Receiver::start().await?;
    let site = tokio::select! {
        site = start_site(&dir, &receiver.url) => site?,
        () = asked_to_stop() => return Ok(Status::Missed),
    };
    report.site(&site, &receiver.url, started.elapsed());
    let mut demo = Running {
        site,
        receiver,
        report,
        progress: SCENARIOS.iter().map(Progress::new).collect(),
        early: Vec::new(),
        by_id: HashMap::new(),
        started,
    };
    let finished = tokio::select! {
        result = demo.scenarios() => result.map(|()| true),
        () = asked_to_stop() => Ok(false),
    };
    let ok = match finished {
        Ok(true) => demo.report.summary(&demo.progress, demo.started.elapsed()),
        Ok(false) => false,
        Err(error) => {
            // What has been seen so far helps to understand what is missing.
            demo.report.summary(&demo.progress, demo.started.elapsed());
            demo.site.stop().await.ok();
            return Err(error);
        }
    };
    if finished.is_ok_and(|all| all) && !args.exit {
        demo.serve(&dir).await?;
    }
    demo.site.stop().await?;
    Ok(if ok { Status::Ok } else { Status::Missed })
}

async fn start_site(dir: &Path, target: &str) -> anyhow::Result<Site> {
    let plan = Plan {
        dir: dir.to_owned(),
        agents: ["ada", "ben", "cleo", "dan"].map(String::from).to_vec(),
        first_extension: 7001,
        group: String::from("Demo"),
        script: scenario::script(),
        services: services(target),
    };
    Site::start(&plan).await
}

/// The demo service as INI text.
fn services(target: &str) -> String {
    format!(
        "[service.{SERVICE}]\n\
         _type = ors\n\
         _service = callback\n\
         _call_direction = USERTERMINATED\n\
         _wait_for_agent = false\n\
         _urs_virtual_queue = VQ_Demo\n\
         _target = Demo@Stats.GA\n\
         _cpd_enable = true\n\
         _ixn_createcall_timeout = {RING_S}\n\
         _dial_retry_timeout = {RETRY_S}\n\
         _max_dial_attempts = {ATTEMPTS}\n\
         _treatment_customer_connect = {GREETING}\n\
         _treatment_waiting_for_agent = {MUSIC}\n\
         _treatment_find_agent_fail = {SORRY}\n\
         _treatment_call_failure_answering_machine = \
         {{\"file\":\"{MESSAGE}\",\"hints\":{{\"am-beep-detection\":\"on\"}}}}\n\
         _enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n\
         _status_notification_target = {target}\n"
    )
}

impl Running {
    /// Requests all scenarios and follows them to their end.
    async fn scenarios(&mut self) -> anyhow::Result<()> {
        self.request_all().await?;
        let until = Instant::now() + SCENARIOS_WITHIN;
        while !self.progress.iter().all(Progress::over) {
            if !self.next_before(until).await? {
                return Ok(());
            }
        }
        // The notification of the end and the carrier's last lines come in no fixed order.
        let until = Instant::now() + HEARD_WITHIN;
        while !self.progress.iter().all(Progress::heard_as_expected) {
            if !self.next_before(until).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn request_all(&mut self) -> anyhow::Result<()> {
        for (index, scenario) in SCENARIOS.iter().enumerate() {
            let path = format!("/genesys/1/service/callback/{SERVICE}");
            let body = json!({"_customer_number": scenario.number, "scenario": scenario.name});
            let answer = self.site.post(&path, &body).await?;
            let id = answer["_id"]
                .as_str()
                .context("the answer to a request has no _id")?;
            if let Some(progress) = self.progress.get_mut(index) {
                progress.callback_id = id.to_owned();
            }
            self.by_id.insert(id.to_owned(), index);
            self.report.requested(scenario, id, self.started.elapsed());
            for notification in std::mem::take(&mut self.early) {
                self.notified(notification);
            }
        }
        Ok(())
    }

    /// Handles one thing that happens; `false` when the time is over.
    async fn next_before(&mut self, until: Instant) -> anyhow::Result<bool> {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(until) => return Ok(false),
            Some(notification) = self.receiver.notifications.recv() => self.notified(notification),
            Some(line) = self.site.calls.recv() => self.called(&line),
            error = self.site.server.died() => return Err(error),
            error = self.site.carrier.died() => return Err(error),
        }
        Ok(true)
    }

    fn notified(&mut self, notification: Notification) {
        let Some(index) = self.by_id.get(notification.text("_service_id")) else {
            self.early.push(notification);
            return;
        };
        let Some(progress) = self.progress.get_mut(*index) else {
            return;
        };
        if progress.take(&notification) {
            let after = notification.received - self.started;
            self.report
                .notification(progress.scenario, &notification, after);
        }
    }

    /// A line of the carrier: which call heard whom.
    fn called(&mut self, line: &Value) {
        if line["what"] == "heard_agent" {
            let number = line["number"].as_str().unwrap_or_default();
            let progress = self
                .progress
                .iter_mut()
                .find(|p| p.scenario.number == number);
            if let Some(progress) = progress {
                progress.customer_heard = true;
            }
        }
        if line["what"] == "heard_customer" {
            let customer = line["calling"].as_str().unwrap_or_default();
            scenario::agent_heard(&mut self.progress, customer);
        }
    }

    /// Keeps the site up until somebody ends it.
    async fn serve(&mut self, dir: &Path) -> anyhow::Result<()> {
        self.report.serving(&self.site, SERVICE, dir);
        let stop = asked_to_stop();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                Some(notification) = self.receiver.notifications.recv() => {
                    let after = notification.received - self.started;
                    self.report.other(&notification, after);
                }
                Some(_) = self.site.calls.recv() => {}
                error = self.site.server.died() => return Err(error),
                error = self.site.carrier.died() => return Err(error),
            }
        }
    }
}
