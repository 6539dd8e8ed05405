//! `ringback serve` as a process of its own with a folder of its own.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::api::Api;
use crate::audio;
use crate::ports::Ports;
use crate::process::Process;
use crate::wait::{PATIENCE, until};

/// RTP ports of a test's server.
const RTP_PORTS: u16 = 40;
/// Frequency of the waiting music that [`ServerBuilder`] writes, Hz.
pub(crate) const MUSIC_HZ: f64 = 440.0;
/// Limits of requests, switched off.
const LIMITS_OFF: &[&str] = &[
    "_enable_in_queue_checking = false",
    "_throttle_request_parameters_limit = 0",
    "_throttle_callbacks_per_service_1 = 0",
    "_throttle_callbacks_per_service_2 = 0",
    "max_queued_callbacks_per_service = 0",
];
/// Lines of the log that a failing test shows.
const LOG_LINES: usize = 120;

/// A configuration of a server that is not started yet.
#[derive(Debug)]
pub struct ServerBuilder {
    program: PathBuf,
    trunks: String,
    sections: Vec<(String, String)>,
    ports: Ports,
}

/// A running server; killed on drop, its log is shown when the test fails.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    folder: TempDir,
    process: Process,
    ready: Value,
    /// Ports for the peers of this test.
    pub ports: Ports,
    /// A client without credentials.
    pub api: Api,
}

impl ServerBuilder {
    /// Adds a trunk to a port of 127.0.0.1.
    #[must_use]
    pub fn trunk(self, name: &str, port: u16) -> Self {
        self.trunk_with(name, port, "")
    }

    /// Adds a trunk with further lines, e.g. `max_calls = 1`.
    #[must_use]
    pub fn trunk_with(mut self, name: &str, port: u16, more: &str) -> Self {
        writeln!(
            self.trunks,
            "[[trunk]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\n{more}\n"
        )
        .expect("writing to a String cannot fail");
        self
    }

    /// Adds a line to a section, e.g. `("dialplan", "block = [\"5559\"]")`.
    #[must_use]
    pub fn set(mut self, section: &str, line: &str) -> Self {
        self.put(section, line);
        self
    }

    fn put(&mut self, section: &str, line: &str) {
        match self.sections.iter_mut().find(|(name, _)| name == section) {
            Some((_, lines)) => {
                lines.push('\n');
                lines.push_str(line);
            }
            None => self.sections.push((section.to_owned(), line.to_owned())),
        }
    }

    /// Ports of this test, for peers that must be known before the server starts.
    pub const fn ports(&mut self) -> &mut Ports {
        &mut self.ports
    }

    /// Writes configuration and treatments into a new folder, without starting anything.
    fn write(&mut self) -> TempDir {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let treatments = folder.path().join("treatments");
        std::fs::create_dir(&treatments).expect("a new folder is writable");
        // Music for the customer, a short greeting, a message for machines and an apology.
        for (name, hz, ms) in [
            ("music.wav", MUSIC_HZ, 4000),
            ("greeting.wav", 520.0, 600),
            ("message.wav", 700.0, 1500),
            ("sorry.wav", 620.0, 600),
        ] {
            audio::write_wav(&treatments.join(name), &audio::tone(hz, ms, 8000));
        }
        let (first, last) = self.ports.range(RTP_PORTS);
        let (http, sip) = (self.ports.port(), self.ports.pair());
        if !self
            .sections
            .iter()
            .any(|(name, lines)| name == "http" && lines.contains("listen"))
        {
            self.put("http", &format!("listen = \"127.0.0.1:{http}\""));
        }
        self.put("sip", &format!("listen = \"127.0.0.1:{sip}\""));
        if !self.sections.iter().any(|(name, _)| name == "callback") {
            // A test that is not about throttles may ask as often as it likes.
            for line in LIMITS_OFF {
                self.put("callback", line);
            }
        }
        let store = folder.path().join("ringback.db");
        self.put("store", &format!("path = \"{}\"", store.display()));
        self.put("media", &format!("rtp_ports = \"{first}-{last}\""));
        self.put(
            "media",
            &format!("treatments_dir = \"{}\"", treatments.display()),
        );
        let mut text = String::new();
        for (name, lines) in &self.sections {
            writeln!(text, "[{name}]\n{lines}\n").expect("writing to a String cannot fail");
        }
        text.push_str(&self.trunks);
        std::fs::write(folder.path().join("ringback.toml"), text)
            .expect("a new folder is writable");
        folder
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(mut self) -> Server {
        let folder = self.write();
        let process = serve(&self.program, folder.path());
        let mut server = Server {
            program: self.program,
            folder,
            process,
            ready: Value::Null,
            ports: self.ports,
            api: Api::new(""),
        };
        server.wait_ready().await;
        server
    }

    /// Writes the configuration and returns its folder; for tests of the command itself.
    #[must_use]
    pub fn folder(mut self) -> TempDir {
        self.write()
    }
}

impl Server {
    /// A configuration for the given executable: loopback, free ports, an empty store.
    #[must_use]
    pub fn builder(program: &str) -> ServerBuilder {
        ServerBuilder {
            program: PathBuf::from(program),
            trunks: String::new(),
            sections: Vec::new(),
            ports: Ports::block(),
        }
    }

    async fn wait_ready(&mut self) {
        let file = self.folder.path().join("ready.json");
        let process = &mut self.process;
        let ready: Value = until("the server is ready", PATIENCE, async || {
            if let Some(status) = process.ended() {
                panic!("the server ended with {status} before it was ready");
            }
            serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
        })
        .await;
        self.ready = ready;
        self.api = Api::new(&self.url());
    }

    /// The object of the ready file.
    #[must_use]
    pub const fn ready(&self) -> &Value {
        &self.ready
    }

    /// Base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.ready["http"]
            .as_str()
            .expect("the ready file has a text \"http\"")
            .to_owned()
    }

    /// SIP address, `127.0.0.1:port`.
    #[must_use]
    pub fn sip(&self) -> String {
        self.ready["sip"]
            .as_str()
            .expect("the ready file has a text \"sip\"")
            .to_owned()
    }

    /// Process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Folder of configuration, store and logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// Standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.out")).unwrap_or_default()
    }

    /// `true` while the process runs.
    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// SIGKILL.
    pub async fn kill_hard(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again with the same configuration and store; one that still runs is killed first,
    /// as two cannot have the same ports.
    pub async fn restart(&mut self) {
        if self.is_running() {
            self.kill_hard().await;
        }
        std::fs::remove_file(self.folder.path().join("ready.json")).ok();
        self.process = serve(&self.program, self.folder.path());
        self.wait_ready().await;
    }

    /// SIGTERM; panics unless it ends with status 0 in time.
    pub async fn terminate(&mut self, within: Duration) {
        let status = self.process.terminate(within).await;
        assert!(status.success(), "the server ended with {status}");
    }

    /// Resident memory of the process, KiB.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        figure.unwrap_or_else(|| panic!("no VmRSS in {path}"))
    }
}

impl Drop for Server {
    #[expect(
        clippy::print_stderr,
        reason = "a failing test shows the log of its server"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            // Polling a condition fills the log with GET requests.
            let lines: Vec<&str> = log
                .lines()
                .filter(|line| !line.contains("method=GET"))
                .collect();
            let tail = lines
                .get(lines.len().saturating_sub(LOG_LINES)..)
                .unwrap_or_default();
            eprintln!("last lines of the server's log:\n{}", tail.join("\n"));
        }
    }
}

fn serve(program: &Path, folder: &Path) -> Process {
    Process::start("server", program.as_os_str(), folder, |command| {
        let args = [
            "serve",
            "--config",
            "ringback.toml",
            "--ready-file",
            "ready.json",
        ];
        command.args(args.map(OsString::from));
    })
}
