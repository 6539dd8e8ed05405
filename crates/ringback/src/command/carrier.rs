//! `ringback carrier`: the simulated carrier as a process of its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use sip::admission::Limits;
use sip::registrar::Policy;
use telephony::embedded::{Config, Embedded, SipTimers, Started};
use telephony::media_engine::MediaConfig;
use telephony::port::{Account, Event, PhoneDirectory, Telephony};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::carrier::Carrier as Running;
use crate::carrier::journal::{Form, Journal};
use crate::carrier::script::Script;
use crate::outcome::Status;

/// Lifetime that agents' phones ask for.
const REGISTRATION: Duration = Duration::from_secs(600);
/// Longest wait for calls to end when the carrier is told to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// How often a missing server file is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// Plays customers, machines, faxes, busy lines and agents' phones over SIP and RTP.
#[derive(Args, Debug)]
pub(crate) struct Carrier {
    /// Address for SIP, UDP and TCP; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Registrar of the agents' phones, e.g. sip:127.0.0.1:5060
    #[arg(long, value_name = "SIP")]
    server: Option<String>,
    /// Waits for this file and registers at its "sip" address (JSON, as a server's ready file)
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    server_file: Option<PathBuf>,
    /// An agent's phone; may be repeated
    #[arg(long = "agent", value_name = "EXT:PASSWORD")]
    agent: Vec<Phone>,
    /// Number of further agents' phones
    #[arg(long, default_value_t = 0, value_name = "N")]
    agents: u32,
    /// Extension of the first of them
    #[arg(long, default_value_t = 7001, value_name = "EXT")]
    agent_first_extension: u32,
    /// Their password
    #[arg(long, default_value = "secret", value_name = "P")]
    agent_password: String,
    /// Ports for RTP
    #[arg(long, default_value = "10000-19999", value_name = "FIRST-LAST")]
    rtp_ports: PortRange,
    /// Behaviours: a file, JSON, or `PATTERN=BEHAVIOUR[,key=value ...][;...]`
    #[arg(long, default_value = "", value_name = "FILE|TEXT")]
    script: String,
    /// Writes the ready line to this file as well
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Ends when standard input closes, so that it never outlives who started it
    #[arg(long)]
    until_stdin_closes: bool,
}

/// An extension with its password.
#[derive(Clone, Debug)]
struct Phone {
    extension: String,
    password: String,
}

impl FromStr for Phone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (extension, password) = text.split_once(':').ok_or("expected EXT:PASSWORD")?;
        Ok(Self {
            extension: extension.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// First and last port of a range.
#[derive(Clone, Copy, Debug)]
struct PortRange(u16, u16);

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').ok_or("expected FIRST-LAST")?;
        let port = |t: &str| t.trim().parse::<u16>().map_err(|e| format!("'{t}': {e}"));
        match (port(first)?, port(last)?) {
            (first, last) if first < last => Ok(Self(first, last)),
            _ => Err(String::from("the first port must be below the last")),
        }
    }
}

/// Nobody registers at the carrier.
#[derive(Debug)]
struct NoPhones;

impl PhoneDirectory for NoPhones {
    fn password(&self, _extension: &str) -> Option<String> {
        None
    }
}

/// Runs the carrier until it is told to stop.
///
/// # Errors
/// The script is wrong, the address is taken, or a file cannot be read or written.
pub(crate) async fn run(args: Carrier, json: bool) -> anyhow::Result<Status> {
    let script = read_script(&args.script)?;
    let form = if json { Form::Json } else { Form::Text };
    let started = start(&args).await?;
    let (driver, mut events, sip) = (started.telephony, started.events, started.sip_address);
    let telephony: Arc<dyn Telephony> = Arc::clone(&driver) as Arc<dyn Telephony>;
    let mut carrier = Running::new(
        telephony,
        script,
        Journal::new(Box::new(io::stdout()), form),
    );
    let ready = json!({"event": "ready", "sip": sip.to_string(), "pid": std::process::id()});
    carrier.journal().json(&ready)?;
    if let Some(path) = &args.ready_file {
        publish(path, &ready)?;
    }
    let phones = phones(&args);
    let mut stop = std::pin::pin!(stop(args.until_stdin_closes));
    let mut registrar = std::pin::pin!(registrar(&args));
    let mut unregistered = !phones.is_empty();
    loop {
        tokio::select! {
            more = carrier.turn(&mut events) => if !more? {
                bail!("the telephony driver has ended");
            },
            server = &mut registrar, if unregistered => {
                unregistered = false;
                carrier.register(accounts(&phones, &server?));
            }
            () = &mut stop => break,
        }
    }
    finish(&mut carrier, &mut events).await?;
    driver.shutdown().await;
    Ok(Status::Ok)
}

async fn start(args: &Carrier) -> anyhow::Result<Started> {
    let config = Config {
        listen: args.listen,
        external_address: None,
        realm: String::from("carrier"),
        media: MediaConfig {
            bind: args.listen.ip(),
            advertised: args.listen.ip(),
            ports: args.rtp_ports.0..=args.rtp_ports.1,
            threads: 1,
        },
        trunks: Vec::new(),
        user_agent: String::from("Ringback simulated carrier"),
        timers: SipTimers::default(),
        admission: Limits::default(),
        // Whoever tests against it may call from anywhere.
        allow_sources: ["0.0.0.0/0", "::/0"]
            .iter()
            .filter_map(|n| n.parse().ok())
            .collect(),
        registrar: Policy::default(),
    };
    Embedded::start(config, Arc::new(NoPhones))
        .await
        .context("the carrier cannot start")
}

/// Hangs up what is still up, waits for it a little, and prints the summary.
async fn finish(carrier: &mut Running, events: &mut mpsc::Receiver<Event>) -> anyhow::Result<()> {
    carrier.hang_up_all();
    let until = Instant::now() + DRAIN;
    while carrier.calls() > 0 {
        match tokio::time::timeout_at(until, carrier.turn(events)).await {
            Ok(Ok(true)) => {}
            Ok(Err(error)) => return Err(error.into()),
            Ok(Ok(false)) | Err(_) => break,
        }
    }
    let summary = carrier.journal().summary();
    carrier.journal().json(&summary)?;
    Ok(())
}

fn read_script(text: &str) -> anyhow::Result<Script> {
    let path = Path::new(text);
    if !text.is_empty() && path.is_file() {
        let content = std::fs::read_to_string(path).with_context(|| format!("script {text}"))?;
        return Ok(Script::parse(&content)?);
    }
    Ok(Script::parse(text)?)
}

fn phones(args: &Carrier) -> Vec<Phone> {
    let numbered = (0..args.agents).map(|n| Phone {
        extension: (args.agent_first_extension + n).to_string(),
        password: args.agent_password.clone(),
    });
    args.agent.iter().cloned().chain(numbered).collect()
}

fn accounts(phones: &[Phone], server: &str) -> Vec<Account> {
    let account = |phone: &Phone| Account {
        registrar: server.to_owned(),
        username: phone.extension.clone(),
        password: phone.password.clone(),
        expires: REGISTRATION,
    };
    phones.iter().map(account).collect()
}

/// The registrar's address: given, or read from the server's file once that exists.
async fn registrar(args: &Carrier) -> anyhow::Result<String> {
    if let Some(server) = &args.server {
        return Ok(server.clone());
    }
    let Some(path) = &args.server_file else {
        bail!("agents' phones need --server or --server-file");
    };
    loop {
        // Written under another name and renamed, so a file that exists is complete.
        if let Ok(text) = tokio::fs::read_to_string(path).await {
            let ready: Value = serde_json::from_str(&text).context("server file")?;
            let sip = ready["sip"]
                .as_str()
                .context("the server file has no \"sip\"")?;
            return Ok(format!("sip:{sip}"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Writes a file that appears complete or not at all.
fn publish(path: &Path, value: &Value) -> anyhow::Result<()> {
    let draft = path.with_extension("part");
    std::fs::write(&draft, format!("{value}\n"))
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("ready file {}", path.display()))
}

/// Ends when the process is asked to end.
async fn stop(until_stdin_closes: bool) {
    let stdin_closed = async {
        if until_stdin_closes {
            tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink())
                .await
                .ok();
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = crate::harness::asked_to_stop() => {}
        () = stdin_closed => {}
    }
}
