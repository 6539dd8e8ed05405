//! `ringback backup FILE`: a consistent copy of the running server's store.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Response;
use serde_json::json;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::client::{Client, is_of};
use crate::outcome::{Failure, Status};
use crate::output;

/// What every store begins with (SQLite file format, §1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub(super) struct Backup {
    /// The file to write, on this machine
    file: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        if !self.force && self.file.exists() {
            return Err(Failure::bad_input(
                format!("{} exists", self.file.display()),
                "choose another name, or add --force",
            ));
        }
        let answer = client.post("/api/v1/backup").await?;
        if !is_of(&answer, "application/vnd.sqlite3") {
            return Err(client.no_ringback());
        }
        // The name appears when everything is there: half a backup never looks like one.
        let mut part = self.file.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let copy = write(client, answer, &part);
        let bytes = match output::with_clock("backup", copy).await {
            Ok(bytes) => bytes,
            Err(failure) => {
                let _nothing_to_remove = fs::remove_file(&part).await;
                return Err(failure);
            }
        };
        fs::rename(&part, &self.file)
            .await
            .map_err(|error| unwritable(&self.file, &error))?;
        if as_json {
            let report = json!({"ok": true, "file": self.file, "bytes": bytes});
            output::line(&report.to_string());
        } else {
            output::line(&format!("{bytes} bytes written to {}", self.file.display()));
        }
        Ok(Status::Ok)
    }
}

async fn write(client: &Client, mut answer: Response, path: &Path) -> Result<u64, Failure> {
    // It holds passwords and numbers: readable by its owner only.
    let opened = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .await;
    let mut file = opened.map_err(|error| unwritable(path, &error))?;
    let mut bytes = 0;
    let mut head: Vec<u8> = Vec::with_capacity(MAGIC.len());
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| client.unreachable(error))?
    {
        file.write_all(&chunk)
            .await
            .map_err(|error| unwritable(path, &error))?;
        bytes += chunk.len() as u64;
        head.extend(chunk.iter().take(MAGIC.len() - head.len()));
    }
    // An answer of somebody else, or nothing at all, must not pass for a copy.
    if head != MAGIC {
        return Err(client.no_ringback());
    }
    file.sync_all()
        .await
        .map_err(|error| unwritable(path, &error))?;
    Ok(bytes)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::bad_input(
        format!("{} cannot be written: {error}", path.display()),
        "choose a directory that exists and has room",
    )
}
