//! Why a script could not be compiled or evaluated.

use rquickjs::{Coerced, Ctx, Value};

/// What kind of failure it is; callers decide by this, never by the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The source is no ECMAScript.
    Syntax,
    /// The script threw something, or a built-in did.
    Thrown,
    /// The time limit was reached.
    Time,
    /// The heap limit was reached.
    Memory,
    /// The sandbox could not be made, or a value does not belong to it.
    Internal,
}

/// A failure of a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// Name of the exception's class, e.g. `ReferenceError`.
    pub name: String,
    /// Text of the exception.
    pub message: String,
    /// Line within the source that was handed in, from 1, when known.
    pub line: Option<u32>,
}

impl Error {
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Internal,
            name: "InternalError".to_owned(),
            message: message.into(),
            line: None,
        }
    }

    /// The pending exception of a context, or what the binding itself says.
    pub(crate) fn take(ctx: &Ctx<'_>, error: &rquickjs::Error, timed_out: bool) -> Self {
        if timed_out {
            // The exception of an interrupt cannot be caught by the script; it is only cleared.
            drop(ctx.catch());
            return Self::timed_out();
        }
        match error {
            rquickjs::Error::Exception => Self::from_thrown(ctx.catch()),
            rquickjs::Error::Allocation => Self::memory(),
            other => Self {
                kind: ErrorKind::Thrown,
                name: "TypeError".to_owned(),
                message: other.to_string(),
                line: None,
            },
        }
    }

    pub(crate) fn memory() -> Self {
        Self {
            kind: ErrorKind::Memory,
            name: "InternalError".to_owned(),
            message: "out of memory".to_owned(),
            line: None,
        }
    }

    fn timed_out() -> Self {
        Self {
            kind: ErrorKind::Time,
            name: "InternalError".to_owned(),
            message: "the time limit of the script was reached".to_owned(),
            line: None,
        }
    }

    fn from_thrown(thrown: Value<'_>) -> Self {
        let ctx = thrown.ctx().clone();
        let Some(object) = thrown.as_object().filter(|_| thrown.is_error()) else {
            // Out of memory may leave no room for the exception object itself.
            if thrown.is_null() {
                return Self::memory();
            }
            return Self {
                kind: ErrorKind::Thrown,
                name: "Error".to_owned(),
                message: text(thrown),
                line: None,
            };
        };
        let field = |name: &str| {
            object
                .get::<_, Value<'_>>(name)
                .map_or_else(|_| cleared(&ctx), text)
        };
        let name = field("name");
        let message = field("message");
        let line = line_of(&field("stack"));
        let kind = match name.as_str() {
            "InternalError" if message.contains("out of memory") => ErrorKind::Memory,
            _ => ErrorKind::Thrown,
        };
        Self {
            kind,
            name,
            message,
            line,
        }
    }
}

/// Drops an exception that came up while another was read.
fn cleared(ctx: &Ctx<'_>) -> String {
    drop(ctx.catch());
    String::new()
}

fn text(value: Value<'_>) -> String {
    let ctx = value.ctx().clone();
    value
        .get::<Coerced<String>>()
        .map_or_else(|_| cleared(&ctx), |text| text.0)
}

/// The line of the innermost frame: `    at name (file:LINE:COLUMN)`.
fn line_of(stack: &str) -> Option<u32> {
    let frame = stack
        .lines()
        .find(|line| line.contains(crate::bytecode::FILE))?;
    let (_, place) = frame.split_once(crate::bytecode::FILE)?;
    place
        .trim_start_matches(':')
        .split([':', ')'])
        .next()?
        .parse()
        .ok()
}
