//! `ringback completions SHELL`: completions for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::Arguments;
use crate::outcome::Status;
use crate::output;

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, as_json: bool) -> Status {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Arguments::command(),
            "ringback",
            &mut script,
        );
        let script = String::from_utf8_lossy(&script);
        if as_json {
            output::line(&json!({"script": script}).to_string());
        } else {
            output::raw(&script);
        }
        Status::Ok
    }
}
