//! The arguments of `cargo xtask test`.

use std::fmt::Write as _;

use super::stage::{STAGES, Stage};

/// Which packages are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The whole workspace.
    All,
    /// Those with files that differ from the last commit, and only the quick stages.
    Changed,
}

/// How the gate runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Go on after a stage failed.
    pub(super) keep_going: bool,
    /// Which packages.
    pub(super) scope: Scope,
    /// Names of the wanted stages; empty = all that belong to the scope.
    pub(super) stages: Vec<String>,
}

/// What the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The gate.
    Run(Options),
    /// The help text.
    Help,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) fn parse(arguments: &[String]) -> Result<Request, String> {
        let mut options = Self {
            keep_going: false,
            scope: Scope::All,
            stages: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--keep-going" => options.keep_going = true,
                "--quick" => options.scope = Scope::Changed,
                "--stage" => {
                    let name = arguments.next().ok_or("`--stage` needs a name")?;
                    if !STAGES.iter().any(|stage| stage.name == name) {
                        let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
                        return Err(format!(
                            "there is no stage `{name}`, but {}",
                            names.join(", ")
                        ));
                    }
                    options.stages.push(name.clone());
                }
                "--help" | "-h" => return Ok(Request::Help),
                other => return Err(format!("`test` does not know `{other}`")),
            }
        }
        Ok(Request::Run(options))
    }

    /// Whether a stage is to run.
    pub(super) fn wants(&self, stage: &Stage) -> bool {
        if self.stages.is_empty() {
            self.scope == Scope::All || stage.quick
        } else {
            self.stages.iter().any(|name| name == stage.name)
        }
    }
}

/// The help text.
pub(super) fn help() -> String {
    let mut text = "\
Usage: cargo xtask test [--quick] [--keep-going] [--stage NAME]…

  --quick        fewer stages, and only packages that differ from the last commit
  --keep-going   run the later stages even when one failed
  --stage NAME   this stage only; may be repeated

Stages (* also with --quick):
"
    .to_owned();
    for stage in STAGES {
        let mark = if stage.quick { '*' } else { ' ' };
        let minutes = stage.limit.as_secs() / 60;
        // Writing into a text cannot fail.
        let _infallible = writeln!(
            text,
            "{mark} {:10} {} (limit {minutes} min)",
            stage.name, stage.purpose
        );
    }
    text.push_str(
        "
RINGBACK_TEST_DATA names the directory of the shared test material; tests that need it are
skipped and counted while it is unset. Durations are appended to gate-times.csv in the target
directory.
",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[track_caller]
    fn wanted(line: &str) -> Vec<&'static str> {
        match parse(line) {
            Ok(Request::Run(options)) => STAGES
                .iter()
                .filter(|stage| options.wants(stage))
                .map(|stage| stage.name)
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn stages_follow_from_the_arguments() {
        assert_eq!(wanted("").len(), STAGES.len());
        assert_eq!(wanted("--quick"), ["fmt", "tidy", "clippy", "tests"]);
        assert_eq!(wanted("--stage rustdoc --stage fmt"), ["fmt", "rustdoc"]);
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        assert_eq!(parse("--stage"), Err("`--stage` needs a name".to_owned()));
        assert_eq!(parse("-x"), Err("`test` does not know `-x`".to_owned()));
        assert!(parse("--stage nosuch").is_err_and(|problem| problem.contains("clippy")));
    }

    #[test]
    fn help_names_every_stage() {
        assert_eq!(parse("--quick --help"), Ok(Request::Help));
        let text = help();
        for stage in STAGES {
            assert!(text.contains(stage.name), "{}", stage.name);
        }
    }
}
