//! Logs to standard error; never numbers of customers, whatever filter is set.

mod lines;

use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use self::lines::Lines;
use crate::outcome::Failure;

/// Form of the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging with a filter such as `info` or `info,telephony=debug`.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::bad_input(
            format!("the log filter cannot be read: {error}"),
            "write e.g. --log info or --log info,telephony=debug",
        )
    })?;
    let filter = filter.and(filter_fn(is_harmless));
    let cannot_start = |error: &dyn std::fmt::Display| {
        Failure::bad_input(format!("logging cannot start: {error}"), "")
    };
    let lines = Lines::start(std::io::stderr()).map_err(|error| cannot_start(&error))?;
    // Logging starts once.
    drop(LINES.set(lines.clone()));
    let registry = tracing_subscriber::registry();
    let started = match format {
        LogFormat::Text => {
            let layer = fmt::layer().with_writer(lines).with_ansi(false);
            registry.with(layer.with_filter(filter)).try_init()
        }
        LogFormat::Json => {
            let layer = fmt::layer().json().with_writer(lines);
            registry.with(layer.with_filter(filter)).try_init()
        }
    };
    started.map_err(|error| cannot_start(&error))
}

/// Waits until what was logged is written; to be called before the program ends.
pub(crate) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

/// What is logged, once logging has started.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Some libraries log what they transport: the SIP stack whole messages with credentials and
/// numbers from INFO on and, at WARN, the part of a message that it could not read, once for each
/// packet that anybody sends; the HTTP client addresses of receivers from DEBUG on.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let from = |name: &str| {
        metadata
            .target()
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    if from("rsipstack") {
        return *metadata.level() <= Level::ERROR;
    }
    if ["reqwest", "hyper", "hyper_util", "rusqlite"]
        .into_iter()
        .any(from)
    {
        return *metadata.level() <= Level::INFO;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_sip_stack_stays_silent_whatever_the_filter_says() {
        let sink = Sink::default();
        let writer = sink.clone();
        let filter = EnvFilter::builder()
            .parse("trace,rsipstack::transport=trace")
            .unwrap();
        let layer = fmt::layer()
            .with_writer(move || writer.clone())
            .with_filter(filter.and(filter_fn(is_harmless)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(target: "rsipstack::transport", "INVITE sip:+4930555010@x");
            tracing::warn!(target: "rsipstack::transaction", "missing '>' in: <sip:+4930555010@x");
            tracing::error!(target: "rsipstack", "an error");
            tracing::debug!(target: "reqwest::connect", "http://u:p@x");
            tracing::debug!(target: "engine", "ours");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("ours") && text.contains("an error"), "{text}");
        assert!(
            !text.contains("4930555010") && !text.contains("u:p"),
            "{text}"
        );
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused() {
        assert!(start("info,=,", LogFormat::Text).is_err());
    }
}
