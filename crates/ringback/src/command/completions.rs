//! `ringback completions SHELL`: completions for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

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
    pub(super) fn run(&self) -> Status {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Arguments::command(),
            "ringback",
            &mut script,
        );
        output::raw(&String::from_utf8_lossy(&script));
        Status::Ok
    }
}
