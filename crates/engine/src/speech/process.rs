//! A synthesiser that is an installed program: one process for each text, never a shell.

use std::process::Stdio;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::SpeechError;
use crate::limits;

/// Where programs are looked for that are named without their folder.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What espeak-ng needs to read SSML and to write WAV.
const ESPEAK: &[&str] = &["--stdin", "--stdout", "-m", "-v", "{lang}"];
/// What espeak-ng says about a language that it does not speak.
const NO_VOICE: &str = "voice does not exist";
/// What is read of a program's complaints, bytes.
const COMPLAINT_BYTES_MAX: u64 = 2_000;
/// Processor time of one text, s.
const CPU_S: u64 = 10;
/// Address space of one process: large voices are mapped, not read.
const MEMORY_BYTES: u64 = 2 << 30;

/// Ends the process and all that it started.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0
            && let Err(error) = kill_process_group(pid, Signal::KILL)
        {
            tracing::debug!(%error, "a synthesiser is gone already");
        }
    }
}

/// The arguments for a language.
fn arguments(words: &[String], lang: &str) -> Vec<String> {
    let given = words.get(1..).unwrap_or_default();
    let is_espeak = words.first().is_some_and(|program| {
        std::path::Path::new(program)
            .file_name()
            .is_some_and(|name| name == "espeak-ng")
    });
    if given.is_empty() && is_espeak {
        return ESPEAK
            .iter()
            .map(|word| word.replace("{lang}", lang))
            .collect();
    }
    given
        .iter()
        .map(|word| word.replace("{lang}", lang))
        .collect()
}

/// Runs the program on a document; dropping the future ends it.
pub(super) async fn run(
    words: &[String],
    lang: &str,
    document: String,
) -> Result<Vec<u8>, SpeechError> {
    let failed =
        |what: &str, error: std::io::Error| SpeechError::Failed(format!("{what}: {error}"));
    let program = words.first().map(String::as_str).unwrap_or_default();
    let mut child = Command::new(program)
        .args(arguments(words, lang))
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(program, error))?;
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut group = Group(pid);
    limit(pid);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let stderr = child.stderr.take();
    let write = async move {
        if let Some(mut stdin) = stdin
            && let Err(error) = stdin.write_all(document.as_bytes()).await
        {
            // It may have read enough; its audio tells.
            tracing::debug!(%error, "a synthesiser does not read its text");
        }
    };
    let read = async move {
        let mut audio = Vec::new();
        if let Some(stdout) = stdout {
            let most = u64::try_from(limits::SPEECH_BYTES_MAX).unwrap_or(u64::MAX);
            stdout.take(most + 1).read_to_end(&mut audio).await?;
        }
        Ok::<_, std::io::Error>(audio)
    };
    let complain = async move {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let mut first = (&mut stderr).take(COMPLAINT_BYTES_MAX);
            drop(first.read_to_end(&mut said).await);
            // What follows is read away: the program must not wait for a reader.
            drop(tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await);
        }
        String::from_utf8_lossy(&said).into_owned()
    };
    let said = async { tokio::join!(write, read, complain) };
    let ((), audio, complaint) = said.await;
    let audio = audio.map_err(|error| failed("its output", error))?;
    if audio.len() > limits::SPEECH_BYTES_MAX {
        return Err(SpeechError::TooLarge);
    }
    let status = child.wait().await.map_err(|error| failed(program, error))?;
    // It ended by itself: its number may belong to somebody else from here on.
    group.0 = None;
    if !status.success() && complaint.contains(NO_VOICE) {
        return Err(SpeechError::Language(lang.to_owned()));
    }
    if !status.success() {
        return Err(SpeechError::Failed(format!("{program}: {status}")));
    }
    Ok(audio)
}

fn limit(pid: Option<Pid>) {
    for (resource, most) in [
        (Resource::Cpu, CPU_S),
        (Resource::As, MEMORY_BYTES),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        if pid.is_some()
            && let Err(error) = prlimit(pid, resource, limit)
        {
            // A short text is over before.
            tracing::debug!(%error, "a synthesiser runs without a limit");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_program_gets_its_own_arguments_and_espeak_those_that_it_needs() {
        let espeak = arguments(&words("/usr/bin/espeak-ng"), "de-DE");
        assert_eq!(espeak, ["--stdin", "--stdout", "-m", "-v", "de-DE"]);
        assert_eq!(arguments(&words("say {lang} -x"), "fr"), ["fr", "-x"]);
        assert_eq!(arguments(&words("say"), "fr"), [""; 0]);
        assert_eq!(arguments(&words("espeak-ng -q"), "fr"), ["-q"]);
    }
}
