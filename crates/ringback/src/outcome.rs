//! How a command ends: exit statuses and failures (cli-and-config §1).

use std::fmt;
use std::process::ExitCode;

/// Exit status of the process; clap itself ends with 2 for wrong usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Ok = 0,
    /// A goal or expectation was missed.
    Missed = 1,
    /// Arguments that do not fit together.
    Usage = 2,
    /// Bad input or configuration.
    BadInput = 3,
    /// The server cannot be reached or cannot answer.
    Unreachable = 4,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) status: Status,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do; may be empty.
    pub(crate) remedy: String,
}

impl Failure {
    /// A failure with a remedy.
    pub(crate) fn new(
        status: Status,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Bad input or configuration.
    pub(crate) fn bad_input(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Status::BadInput, message, remedy)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The text of an error with everything behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
