//! baresip as the phone of an agent or of a customer, with recordings of what it heard.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ports::Ports;
use crate::process::Process;
use crate::sipp::listens;
use crate::wait::{PATIENCE, until};
use crate::{audio, material};

/// RTP ports of a phone.
const RTP_PORTS: u16 = 10;

/// What a phone is to be.
#[derive(Clone, Copy, Debug)]
pub struct Phone<'a> {
    /// User part of its address.
    pub name: &'a str,
    /// What it says all the time.
    pub say: &'a [i16],
    /// Registrar and password of an agent's phone; `None` registers nowhere.
    pub registrar: Option<(&'a str, &'a str)>,
    /// It answers every call at once; otherwise it rings until the caller gives up.
    pub answers: bool,
}

impl<'a> Phone<'a> {
    /// A customer's phone that answers.
    #[must_use]
    pub const fn customer(name: &'a str, say: &'a [i16]) -> Self {
        Self {
            name,
            say,
            registrar: None,
            answers: true,
        }
    }

    /// An agent's phone that answers and says little.
    #[must_use]
    pub const fn agent(name: &'a str, registrar: &'a str, password: &'a str) -> Self {
        Self {
            name,
            say: &[0; 8000],
            registrar: Some((registrar, password)),
            answers: true,
        }
    }
}

/// A running phone; killed on drop.
#[derive(Debug)]
pub struct Baresip {
    /// Its SIP port.
    pub port: u16,
    control: u16,
    process: Process,
    folder: TempDir,
}

impl Baresip {
    /// Starts a phone on ports of the block and waits until it listens.
    pub async fn start(phone: Phone<'_>, ports: &mut Ports) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let script = copy_template(folder.path(), phone.answers);
        audio::write_wav(&folder.path().join("say.wav"), phone.say);
        let (port, control) = (ports.pair(), ports.port());
        let (first, last) = ports.range(RTP_PORTS);
        let process = Process::start("baresip", "sh".as_ref(), folder.path(), |command| {
            command.arg(script).arg(if phone.registrar.is_some() {
                "agent"
            } else {
                "customer"
            });
            command.arg(folder.path());
            if let Some((registrar, password)) = phone.registrar {
                command.args([registrar, password]);
            }
            command
                .env("NAME", phone.name)
                .env("SIP_PORT", port.to_string());
            command.env("RTP_PORTS", format!("{first}-{last}"));
            command.env("CTRL_PORT", control.to_string());
        });
        let mut started = Self {
            port,
            control,
            process,
            folder,
        };
        until("baresip listens", PATIENCE, async || {
            assert!(
                started.process.ended().is_none(),
                "baresip ended: {}",
                started.output()
            );
            listens(port).then_some(())
        })
        .await;
        started
    }

    /// Hangs up the call it has.
    pub async fn hang_up(&self) {
        self.command("hangup").await;
    }

    /// Puts the call on hold: a re-INVITE with `sendonly`.
    pub async fn hold(&self) {
        self.command("hold").await;
    }

    /// Takes the call from hold: a re-INVITE with `sendrecv`.
    pub async fn resume(&self) {
        self.command("resume").await;
    }

    /// Presses a key: a telephone event when that was agreed.
    pub async fn press(&self, key: char) {
        self.send(&format!(r#"{{"command":"sndcode","params":"{key}"}}"#))
            .await;
    }

    async fn command(&self, name: &str) {
        self.send(&format!(r#"{{"command":"{name}"}}"#)).await;
    }

    /// Sends a command: JSON in a netstring.
    async fn send(&self, command: &str) {
        let message = format!("{}:{command},", command.len());
        let stream = TcpStream::connect(("127.0.0.1", self.control)).await;
        let mut stream = stream.unwrap_or_else(|error| panic!("control of baresip: {error}"));
        let sent = stream.write_all(message.as_bytes()).await;
        sent.unwrap_or_else(|error| panic!("control of baresip: {error}"));
        // The answer says that the command was taken.
        let answer = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        assert!(
            matches!(answer, Ok(Ok(_))),
            "baresip does not answer: {answer:?}"
        );
    }

    /// What it printed.
    #[must_use]
    pub fn output(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name));
        read("baresip.out").unwrap_or_default() + &read("baresip.log").unwrap_or_default()
    }

    /// What it heard in its calls so far, one after the other.
    #[must_use]
    pub fn heard(&self) -> Vec<i16> {
        let mut files = recordings(self.folder.path());
        files.sort();
        files
            .iter()
            .flat_map(|path| audio::read_wav(path))
            .collect()
    }

    /// Waits until it has heard a tone for so long; says what it heard otherwise.
    pub async fn wait_for_tone(&self, hz: f64, ms: u32, within: Duration) {
        until(
            &format!("a tone of {hz} Hz for {ms} ms"),
            within,
            async || (audio::tone_ms(&self.heard(), hz) >= ms).then_some(()),
        )
        .await;
    }
}

/// Copies the template; a phone that does not answer has another line in its account.
fn copy_template(folder: &Path, answers: bool) -> PathBuf {
    let source = material::baresip().unwrap_or_else(|reason| panic!("{reason}"));
    let to = folder.join("template");
    std::fs::create_dir(&to).expect("own folder");
    for name in ["phone.sh", "config", "accounts.template"] {
        let text = std::fs::read_to_string(source.join(name));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mode = if answers {
            "answermode=auto"
        } else {
            "answermode=manual"
        };
        std::fs::write(to.join(name), text.replace("answermode=auto", mode)).expect("own folder");
    }
    to.join("phone.sh")
}

/// Files `dump-<time>-dec.wav`: what was heard.
fn recordings(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("own folder");
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
        .collect()
}
