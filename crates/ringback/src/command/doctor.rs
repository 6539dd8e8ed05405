//! `ringback doctor`: looks at everything that would keep the server from working.

mod checks;
mod line;
mod publishing;
mod services;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::config;
use crate::outcome::Status;
use crate::output;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ringback.toml")]
    config: PathBuf,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    message: String,
    remedy: String,
}

impl Check {
    fn good(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            message: message.into(),
            remedy: String::new(),
        }
    }

    /// It works, and could work better.
    fn advice(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    fn bad(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            ok: false,
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl Doctor {
    pub(super) fn run(&self, as_json: bool) -> Status {
        let (checks, otherwise) = match config::load(&self.config) {
            Ok(config) => {
                let good = Check::good("configuration", "every key is known and every value fits");
                let mut checks = vec![good];
                checks.extend(checks::all(&config));
                (checks, Status::Missed)
            }
            Err(error) => {
                let remedy = "correct the configuration; ringback.example.toml shows every key";
                (
                    vec![Check::bad("configuration", error.to_string(), remedy)],
                    Status::BadInput,
                )
            }
        };
        let ok = checks.iter().all(|check| check.ok);
        if as_json {
            output::line(&json!({"ok": ok, "checks": checks}).to_string());
        } else {
            for check in &checks {
                let mark = if check.ok { "ok  " } else { "FAIL" };
                output::line(&format!("{mark}  {}: {}", check.name, check.message));
                if !check.remedy.is_empty() {
                    output::line(&format!(
                        "      {}: {}",
                        if check.ok { "better" } else { "what to do" },
                        check.remedy
                    ));
                }
            }
        }
        if ok { Status::Ok } else { otherwise }
    }
}
