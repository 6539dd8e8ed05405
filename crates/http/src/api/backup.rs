//! `POST /api/v1/backup`: a consistent copy of the running store as the answer's body.
//!
//! The caller names no path on the server: the copy is made beside the store, opened, unlinked
//! and streamed, so it disappears whatever happens to the connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use callback::ErrorCode;
use tokio::fs;
use tokio_util::io::ReaderStream;

use crate::Api;
use crate::api::Operator;
use crate::error::{ApiError, Failure};

pub(super) async fn backup(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    // A second copy at the same time would only fill the disk.
    let Ok(running) = Arc::clone(&api.backup).try_acquire_owned() else {
        return Err(Failure::new(ErrorCode::TooMany, "A backup is running already").into());
    };
    let path = api
        .store_dir
        .join(format!(".ringback-backup-{}.tmp", std::process::id()));
    let copied = copy(&api, &path).await;
    // Also after a failure: half a copy is of no use.
    let removed = fs::remove_file(&path).await;
    let (file, bytes) = copied?;
    if let Err(error) = removed {
        tracing::warn!(%error, "the temporary copy of a backup could not be removed");
    }
    drop(running);
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.sqlite3".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

async fn copy(api: &Api, path: &Path) -> Result<(fs::File, u64), Failure> {
    remove_leftover(path).await?;
    api.engine.backup(PathBuf::from(path)).await?;
    let file = fs::File::open(path).await.map_err(|e| unreadable(&e))?;
    let bytes = file.metadata().await.map_err(|e| unreadable(&e))?.len();
    Ok((file, bytes))
}

async fn remove_leftover(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unreadable(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorCode::NotReady,
        format!("The copy could not be made: {error}"),
    )
}
