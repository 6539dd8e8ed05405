//! sipp as a customer with one exact behaviour.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::material;
use crate::ports::Ports;
use crate::process::Process;
use crate::wait::{PATIENCE, until};

/// A sipp that is not started yet.
#[derive(Debug)]
pub struct SippBuilder {
    scenario: String,
    folder: TempDir,
}

/// A running sipp; killed on drop.
#[derive(Debug)]
pub struct Sipp {
    /// Its SIP port.
    pub port: u16,
    process: Process,
    folder: TempDir,
}

/// A SIP message that sipp received or sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// It came from the server.
    pub received: bool,
    /// The whole text, lines ended by `\n`.
    pub text: String,
}

impl Message {
    /// The first line.
    #[must_use]
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Value of a header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim()
                .eq_ignore_ascii_case(name)
                .then_some(value.trim())
        });
        found.unwrap_or_default()
    }
}

impl SippBuilder {
    /// Replaces text of the scenario, e.g. a ringing time.
    #[must_use]
    pub fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.scenario.contains(from), "the scenario has no {from:?}");
        self.scenario = self.scenario.replace(from, to);
        self
    }

    /// Replaces an audio file of the scenario, e.g. `play.ulaw`.
    #[must_use]
    pub fn audio(self, name: &str, samples: &[i16]) -> Self {
        crate::audio::write_ulaw(&self.folder.path().join(name), samples);
        self
    }

    /// Replaces an audio file of the scenario by another one that the peers bring along.
    #[must_use]
    pub fn copy_audio(self, from: &str, to: &str) -> Self {
        let folder = self.folder.path();
        std::fs::copy(folder.join(from), folder.join(to)).expect("audio files are there");
        self
    }

    /// Starts it on ports of the block and waits until it listens.
    pub async fn start(self, ports: &mut Ports) -> Sipp {
        let (port, media) = (ports.pair(), ports.pair());
        let folder = self.folder.path();
        std::fs::write(folder.join("scenario.xml"), &self.scenario).expect("own folder");
        let process = Process::start("sipp", "sipp".as_ref(), folder, |command| {
            command.args(["-sf", "scenario.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1"]);
            command.args([
                "-p",
                &port.to_string(),
                "-mp",
                &media.to_string(),
                "-nostdin",
            ]);
            command.args(["-trace_msg", "-message_file", "messages.log"]);
            command.args(["-trace_err", "-error_file", "errors.log"]);
            command
                .stdout(std::process::Stdio::null())
                .env("TERM", "dumb");
        });
        let mut sipp = Sipp {
            port,
            process,
            folder: self.folder,
        };
        until("sipp listens", PATIENCE, async || {
            assert!(
                sipp.process.ended().is_none(),
                "sipp ended: {}",
                sipp.complaint()
            );
            listens(port).then_some(())
        })
        .await;
        sipp
    }
}

impl Sipp {
    /// Prepares a scenario of `RINGBACK_TEST_DATA/peers/sipp`.
    ///
    /// # Errors
    /// What is missing, for [`crate::require!`].
    pub fn scenario(name: &str) -> Result<SippBuilder, String> {
        let source = material::sipp()?;
        let audio = material::audio_files()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        for entry in std::fs::read_dir(&audio)
            .map_err(|error| error.to_string())?
            .flatten()
        {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "ulaw")
            {
                let to = folder.path().join(entry.file_name());
                std::fs::copy(entry.path(), to).map_err(|error| error.to_string())?;
            }
        }
        let path = source.join(format!("{name}.xml"));
        let scenario =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(SippBuilder { scenario, folder })
    }

    /// All messages so far, OPTIONS and their answers left out.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let path = self.folder.path().join("messages.log");
        let log = std::fs::read(&path).unwrap_or_default();
        let mut messages = parse(&String::from_utf8_lossy(&log));
        messages.retain(|message| !message.header("CSeq").ends_with("OPTIONS"));
        messages
    }

    /// Requests of this method that arrived, repetitions included.
    #[must_use]
    pub fn received(&self, method: &str) -> Vec<Message> {
        let mut messages = self.messages();
        messages.retain(|message| {
            message.received && message.start_line().split(' ').next() == Some(method)
        });
        messages
    }

    /// Distinct calls that arrived, by Call-ID, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let mut calls: Vec<String> = Vec::new();
        for invite in self.received("INVITE") {
            let id = invite.header("Call-ID").to_owned();
            if !calls.contains(&id) {
                calls.push(id);
            }
        }
        calls
    }

    /// Waits until a request of this method has arrived.
    pub async fn wait_for(&self, method: &str, within: Duration) -> Message {
        until(&format!("{method} at sipp"), within, async || {
            self.received(method).into_iter().next()
        })
        .await
    }

    fn complaint(&self) -> String {
        let folder = self.folder.path();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        read("errors.log") + &read("sipp.log")
    }
}

/// Somebody has bound this UDP port, as the kernel's table says.
pub(crate) fn listens(port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    let table = std::fs::read_to_string(Path::new("/proc/net/udp")).unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .any(|at| at.ends_with(&wanted))
}

/// Parts the log of `-trace_msg`: a line of dashes with the time, `UDP message received [n] bytes
/// :` or `UDP message sent (n bytes):`, an empty line, the message.
fn parse(log: &str) -> Vec<Message> {
    let log = log.replace("\r\n", "\n");
    let parts = log
        .split("\n-----------------------------------------------")
        .map(|part| {
            let (direction, text) = part.split_once("\n\n")?;
            let direction = direction.lines().last()?;
            let received = direction.contains("message received");
            (received || direction.contains("message sent")).then(|| Message {
                received,
                text: text.to_owned(),
            })
        });
    parts.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_log_is_read() {
        let log = "----------------------------------------------- 2026-01-01 10:00:00.1\n\
                   UDP message received [20] bytes :\n\nINVITE sip:1@h SIP/2.0\r\nCall-ID: a\r\n\r\n\n\
                   ----------------------------------------------- 2026-01-01 10:00:00.2\n\
                   UDP message sent (20 bytes):\n\nSIP/2.0 180 Ringing\r\nCall-ID: a\r\n\r\n\n";
        let messages = parse(log);
        assert_eq!(messages.len(), 2);
        assert!(messages[0].received && !messages[1].received);
        assert_eq!(messages[0].header("call-id"), "a");
        assert_eq!(messages[1].start_line(), "SIP/2.0 180 Ringing");
    }
}
