//! The ready line: on standard output and, whole or not at all, in a file.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::Server;
use crate::outcome::Failure;
use crate::{clock, output};

/// Tells that the server works.
pub(super) fn tell(server: &Server, file: Option<&Path>, started: Instant) -> Result<(), Failure> {
    let start_ms = u64::try_from((clock::now() - started).as_millis()).unwrap_or(u64::MAX);
    let line = json!({
        "event": "ready",
        "http": server.http_address,
        "sip": server.sip_address,
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "start_ms": start_ms,
    })
    .to_string();
    if let Some(path) = file {
        write(path, &line).map_err(|error| {
            Failure::bad_input(
                format!(
                    "the ready file {} cannot be written: {error}",
                    path.display()
                ),
                "choose a directory that exists and may be written",
            )
        })?;
    }
    output::line(&line);
    tracing::info!(
        http = server.http_address,
        sip = server.sip_address,
        duration_ms = start_ms,
        "ready"
    );
    Ok(())
}

/// A reader sees the whole line or no file: it is renamed into place.
fn write(path: &Path, line: &str) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    fs::write(&part, format!("{line}\n"))?;
    fs::rename(&part, path)
}

/// Removes the file: it would promise a server that is gone.
pub(super) fn forget(file: Option<&Path>) {
    if let Some(path) = file
        && let Err(error) = fs::remove_file(path)
    {
        tracing::debug!(%error, "the ready file could not be removed");
    }
}
