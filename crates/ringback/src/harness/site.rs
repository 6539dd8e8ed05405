//! A whole small site: the server with a fresh store, and the carrier as its only trunk.

use std::ffi::OsString;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::assets;
use super::process::Process;

/// Longest wait for a child to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for all agents' phones to register.
const REGISTERED_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for an answer of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Password of the agents' phones: they only ever talk over loopback.
const PHONE_PASSWORD: &str = "loopback-only";
/// RTP ports of the server.
const SERVER_PORTS: &str = "20000-25999";
/// A site of its own is no public desk: nobody is throttled.
pub(crate) const LIMITS_OFF: &str = "[callback]\n\
    _enable_in_queue_checking = false\n\
    _throttle_request_parameters_limit = 0\n\
    _throttle_callbacks_per_service_1 = 0\n\
    _throttle_callbacks_per_service_2 = 0\n\
    max_queued_callbacks_per_service = 0\n";
/// RTP ports of the carrier.
const CARRIER_PORTS: &str = "12000-17999";

/// What a site is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Folder for configuration, store, logs and treatments.
    pub(crate) dir: PathBuf,
    /// Names of the agents; their extensions count from [`Plan::first_extension`].
    pub(crate) agents: Vec<String>,
    /// Extension of the first agent.
    pub(crate) first_extension: u32,
    /// Group of all agents.
    pub(crate) group: String,
    /// Behaviours of numbers and phones (the carrier's script as JSON).
    pub(crate) script: Value,
    /// Services as INI text.
    pub(crate) services: String,
}

/// A running site.
#[derive(Debug)]
pub(crate) struct Site {
    /// The server.
    pub(crate) server: Process,
    /// The carrier with the agents' phones.
    pub(crate) carrier: Process,
    /// Objects the carrier prints.
    pub(crate) calls: mpsc::Receiver<Value>,
    /// Base URL of the server.
    pub(crate) http: String,
    /// SIP address of the server.
    pub(crate) sip: String,
    client: Client,
}

impl Site {
    /// Starts server and carrier, imports services and agents, and makes the agents ready.
    ///
    /// # Errors
    /// A child ends early, the server refuses something, or phones do not register in time.
    pub(crate) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        assets::write(&plan.dir.join("treatments"))?;
        let registrar_file = plan.dir.join("registrar.json");
        // A file left over from an earlier run would send the phones to a server that is gone.
        std::fs::remove_file(&registrar_file).ok();
        let mut carrier = start_carrier(plan, &registrar_file)?;
        let ready = carrier.ready(READY_WITHIN).await?;
        let trunk: SocketAddr = text(&ready, "sip")?
            .parse()
            .context("address of the carrier")?;
        let mut server = start_server(&plan.dir, Some(trunk))?;
        let ready = server.ready(READY_WITHIN).await?;
        let mut site = Self {
            server,
            calls: carrier.take_lines(),
            carrier,
            http: text(&ready, "http")?,
            sip: text(&ready, "sip")?,
            client: client()?,
        };
        site.import("/api/v1/services/import", &plan.services)
            .await?;
        site.import("/api/v1/agents/import", &agents(plan)).await?;
        std::fs::write(&registrar_file, json!({"sip": site.sip}).to_string())?;
        site.registered(plan.agents.len()).await?;
        site.make_ready(&plan.agents).await?;
        Ok(site)
    }

    /// Posts JSON to the server.
    ///
    /// # Errors
    /// The server cannot be reached or answers with another status than 200.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.http)).json(body);
        answer(request, path).await
    }

    /// Gets a text from the server.
    ///
    /// # Errors
    /// The server cannot be reached or answers with an error.
    pub(crate) async fn get_text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self
            .client
            .get(format!("{}{path}", self.http))
            .send()
            .await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Client for requests of the caller's own.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Ends the carrier, then the server, and returns what the carrier still printed.
    ///
    /// # Errors
    /// A child does not end as it should.
    pub(crate) async fn stop(self) -> anyhow::Result<Vec<Value>> {
        let Self {
            server,
            carrier,
            mut calls,
            ..
        } = self;
        let drain = async {
            let mut rest = Vec::new();
            while let Some(line) = calls.recv().await {
                rest.push(line);
            }
            rest
        };
        let (stopped, rest) = tokio::join!(carrier.stop(), drain);
        server.stop().await?;
        stopped?;
        Ok(rest)
    }

    async fn import(&self, path: &str, body: &str) -> anyhow::Result<()> {
        let request = self
            .client
            .post(format!("{}{path}", self.http))
            .header("content-type", "text/plain; charset=utf-8")
            .body(body.to_owned());
        let report = answer(request, path).await?;
        if report["ok"] == json!(false) {
            bail!("{path} was refused: {report}");
        }
        Ok(())
    }

    /// Waits until the phones of all agents are registered.
    async fn registered(&mut self, phones: usize) -> anyhow::Result<()> {
        let all = async {
            let mut left = phones;
            while left > 0 {
                let Some(line) = self.calls.recv().await else {
                    return false;
                };
                if line["kind"] == "account" && line["registered"] == json!(true) {
                    left -= 1;
                }
            }
            true
        };
        match tokio::time::timeout(REGISTERED_WITHIN, all).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.carrier.died().await),
            Err(_) => {
                bail!("not all of the {phones} phones registered within {REGISTERED_WITHIN:?}")
            }
        }
    }

    async fn make_ready(&self, agents: &[String]) -> anyhow::Result<()> {
        for agent in agents {
            let path = format!("/api/v1/agents/{agent}/state");
            self.post(&path, &json!({"state": "ready"})).await?;
        }
        Ok(())
    }
}

/// Starts a server with a fresh configuration in a folder; without a trunk it cannot dial.
///
/// # Errors
/// The configuration cannot be written or the program not be started.
pub(crate) fn start_server(dir: &Path, trunk: Option<SocketAddr>) -> anyhow::Result<Process> {
    let config = dir.join("ringback.toml");
    std::fs::write(&config, configuration(dir, trunk)).context("configuration of the server")?;
    let args: Vec<OsString> = vec!["serve".into(), "--config".into(), config.into()];
    Process::start("the server", args, dir.join("server.log"))
}

fn start_carrier(plan: &Plan, registrar_file: &Path) -> anyhow::Result<Process> {
    let mut args: Vec<OsString> = vec!["carrier".into(), "--json".into()];
    args.push("--until-stdin-closes".into());
    // A long script does not fit into an argument.
    let script = plan.dir.join("carrier.json");
    std::fs::write(&script, plan.script.to_string()).context("script of the carrier")?;
    let options: [(&str, OsString); 6] = [
        ("--agents", plan.agents.len().to_string().into()),
        (
            "--agent-first-extension",
            plan.first_extension.to_string().into(),
        ),
        ("--agent-password", PHONE_PASSWORD.into()),
        ("--rtp-ports", CARRIER_PORTS.into()),
        ("--server-file", registrar_file.into()),
        ("--script", script.into()),
    ];
    for (name, value) in options {
        args.extend([name.into(), value]);
    }
    Process::start("the carrier", args, plan.dir.join("carrier.log"))
}

fn configuration(dir: &Path, trunk: Option<SocketAddr>) -> String {
    let quoted = |path: PathBuf| Value::from(path.display().to_string()).to_string();
    let mut out = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n\n\
         [store]\npath = {}\n\n\
         {LIMITS_OFF}\n\
         [sip]\nlisten = \"127.0.0.1:0\"\n\n\
         [engine]\nmax_running_callbacks = 0\n\n\
         [media]\nrtp_ports = \"{SERVER_PORTS}\"\ntreatments_dir = {}\n",
        quoted(dir.join("ringback.db")),
        quoted(dir.join("treatments")),
    );
    if let Some(trunk) = trunk {
        write!(
            out,
            "\n[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\nport = {}\n",
            trunk.ip(),
            trunk.port()
        )
        .expect("writing to a String cannot fail");
    }
    out
}

fn agents(plan: &Plan) -> String {
    let mut out = String::new();
    for (name, extension) in plan.agents.iter().zip(plan.first_extension..) {
        write!(
            out,
            "[agent.{name}]\nextension = {extension}\npassword = {PHONE_PASSWORD}\n\
             groups = {}\nplace = Desk_{extension}\nswitch = North\n\n",
            plan.group
        )
        .expect("writing to a String cannot fail");
    }
    out
}

/// An HTTP client that keeps its connections.
///
/// # Errors
/// The client cannot be made.
pub(crate) fn client() -> anyhow::Result<Client> {
    // Refused when a provider is there already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Ok(Client::builder()
        .timeout(ANSWER_WITHIN)
        .no_proxy()
        .build()?)
}

/// The object in the answer to a request that must succeed.
///
/// # Errors
/// The server cannot be reached or answers with another status than 200.
pub(crate) async fn answer(request: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Value> {
    let answer = request
        .send()
        .await
        .with_context(|| format!("{path} cannot be reached"))?;
    let status = answer.status();
    let body = answer
        .text()
        .await
        .with_context(|| format!("{path} broke off"))?;
    if status != reqwest::StatusCode::OK {
        bail!("{path} answered {status}: {body}");
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).with_context(|| format!("{path} answered no JSON: {body}"))
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value[key]
        .as_str()
        .with_context(|| format!("the ready line has no \"{key}\""))?;
    Ok(text.to_owned())
}
