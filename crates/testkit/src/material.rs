//! Shared test material and the programs that tests use as peers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment;

/// The folder of shared test material, `None` when `RINGBACK_TEST_DATA` is not set.
#[must_use]
pub fn test_data() -> Option<PathBuf> {
    environment::test_data()
}

/// Folder of the sipp scenarios, when sipp and the audio tools are there.
///
/// # Errors
/// What is missing, for [`crate::require!`].
pub fn sipp() -> Result<PathBuf, String> {
    program("sipp", "sip-tester")?;
    program("sox", "sox")?;
    program("espeak-ng", "espeak-ng")?;
    peer("sipp")
}

/// Folder of the baresip template, when baresip is there.
///
/// # Errors
/// What is missing, for [`crate::require!`].
pub fn baresip() -> Result<PathBuf, String> {
    program("baresip", "baresip-core")?;
    peer("baresip")
}

/// Folder of the configuration of Kamailio, when it is there.
///
/// # Errors
/// What is missing, for [`crate::require!`].
pub fn kamailio() -> Result<PathBuf, String> {
    program("kamailio", "kamailio")?;
    peer("kamailio")
}

fn peer(name: &str) -> Result<PathBuf, String> {
    let data = test_data().ok_or("RINGBACK_TEST_DATA is not set")?;
    let folder = data.join("peers").join(name);
    let folder = folder
        .canonicalize()
        .map_err(|error| format!("no peers/{name}: {error}"))?;
    Ok(folder)
}

/// A program is installed, or the Debian package to install is named.
fn program(name: &str, package: &str) -> Result<(), String> {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if found {
        Ok(())
    } else {
        Err(format!(
            "{name} is not installed (apt-get install {package})"
        ))
    }
}

/// A folder with the speech and tones of the peers, made once per machine.
///
/// # Errors
/// What is missing, for [`crate::require!`].
pub fn audio_files() -> Result<PathBuf, String> {
    let script = sipp()?.join("make_audio.sh");
    let text = std::fs::read(&script).map_err(|error| format!("{}: {error}", script.display()))?;
    let key = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let folder = std::env::temp_dir().join(format!("ringback-test-audio-{key:016x}"));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if !folder.join("done").exists() {
        make_audio(&script, &folder)?;
        File::create(folder.join("done")).map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

fn make_audio(script: &Path, folder: &Path) -> Result<(), String> {
    let status = Command::new("sh")
        .arg(script)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("make_audio.sh: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("make_audio.sh ended with {status}"))
    }
}
