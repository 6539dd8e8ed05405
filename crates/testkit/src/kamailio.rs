//! Kamailio as the proxy between the server and its phones.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tokio::net::UdpSocket;

use crate::material;
use crate::ports::Ports;
use crate::process::Process;
use crate::sipp::listens;
use crate::wait::{PATIENCE, until};

/// The address of the ready configuration.
const WRITTEN_ADDRESS: &str = "127.0.0.1:5360";
/// Where the ready configuration keeps registrations to itself.
const KEPT: &str = "\t\tsave(\"location\");\n";
/// The password of every user with [`Options::password`].
pub const KAMAILIO_PASSWORD: &str = "secret";

/// How the proxy differs from the ready configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// It asks for a password: 401 to REGISTER, 407 to INVITE.
    pub password: bool,
    /// Registrations of numbers that begin with 7 go on to this port, with a Path: agents' phones
    /// are registered with the server, behind the proxy.
    pub registrar: Option<u16>,
}

/// A running proxy; killed on drop.
#[derive(Debug)]
pub struct Kamailio {
    /// Its port, UDP and TCP.
    pub port: u16,
    process: Process,
    folder: TempDir,
}

impl Kamailio {
    /// Starts the proxy of `RINGBACK_TEST_DATA/peers/kamailio` on a port of the block.
    pub async fn start(options: Options, ports: &mut Ports) -> Self {
        Self::start_at(ports.port(), options).await
    }

    /// Starts it on a port that the caller owns.
    pub async fn start_at(port: u16, options: Options) -> Self {
        let source = material::kamailio().unwrap_or_else(|reason| panic!("{reason}"));
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        write_configuration(&source, folder.path(), port, options);
        let run = folder.path().join("run");
        std::fs::create_dir(&run).expect("own folder");
        let process = Process::start("kamailio", "kamailio".as_ref(), folder.path(), |command| {
            command.args(["-f", "kamailio.cfg", "-DD", "-E", "-m", "64", "-M", "8"]);
            command.arg("-w").arg(&run).arg("-Y").arg(&run);
            command.arg("-P").arg(run.join("kamailio.pid"));
            if options.password {
                command.args(["-A", "WITH_AUTH"]);
            }
        });
        let mut started = Self {
            port,
            process,
            folder,
        };
        until("Kamailio listens", PATIENCE, async || {
            assert!(
                started.process.ended().is_none(),
                "Kamailio ended: {}",
                started.output()
            );
            listens(port).then_some(())
        })
        .await;
        started
    }

    /// Registers a phone that cannot do it itself: calls to the user go to the port.
    pub async fn register(&self, user: &str, port: u16) {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await;
        let socket = socket.expect("a free port");
        let mut authorization = String::new();
        for cseq in 1..=2 {
            let text = self.registration(user, port, &socket, (cseq, &authorization));
            let answer = exchange(&socket, self.port, &text).await;
            if answer.starts_with("SIP/2.0 200") {
                return;
            }
            let challenge = answer
                .lines()
                .find_map(|line| line.strip_prefix("WWW-Authenticate: "))
                .unwrap_or_else(|| panic!("no challenge: {answer}"));
            let account = sip::digest::Account {
                username: user,
                password: KAMAILIO_PASSWORD,
                method: "REGISTER",
                uri: "sip:127.0.0.1",
            };
            let answer = sip::digest::authorization(challenge, &account, "0a4f113b");
            let answer = answer.expect("a challenge that we can answer");
            authorization = format!("Authorization: {answer}\r\n");
        }
        panic!("Kamailio does not register {user}");
    }

    fn registration(
        &self,
        user: &str,
        port: u16,
        socket: &UdpSocket,
        (cseq, authorization): (u32, &str),
    ) -> String {
        let us = socket.local_addr().expect("a bound socket");
        let proxy = self.port;
        format!(
            "REGISTER sip:127.0.0.1:{proxy} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {us};branch=z9hG4bKreg{cseq}{user};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@127.0.0.1>;tag=reg\r\nTo: <sip:{user}@127.0.0.1>\r\n\
             Call-ID: reg-{us}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{user}@127.0.0.1:{port}>;expires=120\r\n{authorization}\
             Content-Length: 0\r\n\r\n"
        )
    }

    /// What it printed.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("kamailio.log")).unwrap_or_default()
    }
}

/// A proxy whose first process is killed leaves its workers behind, and they keep its port.
impl Drop for Kamailio {
    fn drop(&mut self) {
        let mut pids = vec![self.process.pid().to_string()];
        pids.extend(children(self.process.pid()));
        let command = format!("kill -KILL {}", pids.join(" "));
        let ended = Command::new("sh").args(["-c", &command]).output();
        drop(ended);
    }
}

/// Processes that this one has started.
fn children(parent: u32) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_child = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // pid (name) state parent …
        let after = stat.rsplit_once(") ").map(|(_, after)| after.to_owned());
        after.is_some_and(|after| after.split(' ').nth(1) == Some(&parent.to_string()))
    };
    pids.filter(|pid| pid.parse::<u32>().is_ok())
        .filter(is_child)
        .collect()
}

/// Sends until an answer comes.
async fn exchange(socket: &UdpSocket, port: u16, text: &str) -> String {
    until("an answer of Kamailio", PATIENCE, async || {
        let sent = socket.send_to(text.as_bytes(), ("127.0.0.1", port)).await;
        sent.ok()?;
        let mut buffer = vec![0; 4_096];
        let received = socket.recv(&mut buffer);
        let wait = tokio::time::timeout(std::time::Duration::from_millis(500), received);
        let length = wait.await.ok()?.ok()?;
        Some(String::from_utf8_lossy(buffer.get(..length)?).into_owned())
    })
    .await
}

fn write_configuration(source: &Path, folder: &Path, port: u16, options: Options) {
    let path = source.join("kamailio.cfg");
    let text = std::fs::read_to_string(&path);
    let mut text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.contains(WRITTEN_ADDRESS), "the address has changed");
    text = text.replace(WRITTEN_ADDRESS, &format!("127.0.0.1:{port}"));
    if let Some(registrar) = options.registrar {
        assert!(text.contains(KEPT), "the registrar has changed");
        let forward = format!(
            "\t\tif ($tU =~ \"^7\") {{\n\t\t\tadd_path();\n\
             \t\t\t$du = \"sip:127.0.0.1:{registrar}\";\n\t\t\tt_relay();\n\t\t\texit;\n\t\t}}\n"
        );
        text = text.replace(KEPT, &(forward + KEPT));
        text = text.replace(
            "loadmodule \"maxfwd.so\"\n",
            "loadmodule \"maxfwd.so\"\nloadmodule \"path.so\"\n",
        );
    }
    std::fs::write(folder.join("kamailio.cfg"), text).expect("own folder");
}
