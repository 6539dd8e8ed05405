//! What goes wrong inside the SQLite store, and what the caller is told.

use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::StoreError;

/// A failure that can be told to every member of a group.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Not now; the next try may go well.
    Unavailable(Arc<dyn std::error::Error + Send + Sync>),
    /// Stored data does not have the form it must have.
    Damaged(String),
}

/// A source that several callers share.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<dyn std::error::Error + Send + Sync>);

impl Failure {
    /// Names the table and key of a row that could not be read.
    pub(super) fn of_row(self, place: &str) -> Self {
        match self {
            Self::Damaged(what) => Self::Damaged(format!("{place}: {what}")),
            other @ Self::Unavailable(_) => other,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NoLargeFileSupport
                | ErrorCode::OperationInterrupted
                | ErrorCode::TooBig,
            ) => Self::Unavailable(Arc::new(error)),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(source) => Self::Unavailable(Box::new(Shared(source))),
            Failure::Damaged(what) => Self::Damaged { what },
        }
    }
}
