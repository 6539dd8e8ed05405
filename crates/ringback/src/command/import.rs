//! What the imports of services, agents and Transaction Lists share.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of an import.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// The file; - reads standard input
    file: PathBuf,
    /// Report only, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Refuse what would be repaired
    #[arg(long)]
    strict: bool,
}

impl Import {
    /// Sends the file and shows the report; `what` is `services` or `agents`.
    pub(super) async fn run(
        &self,
        client: &Client,
        what: &str,
        as_json: bool,
    ) -> Result<Status, Failure> {
        self.run_with(client, what, &[], as_json).await
    }

    /// The name of the file without its extension; `None` for standard input.
    pub(super) fn stem(&self) -> Option<String> {
        let stem = self.file.file_stem().and_then(|stem| stem.to_str());
        stem.filter(|stem| *stem != "-").map(str::to_owned)
    }

    /// Like [`Self::run`], with more to say in the query.
    pub(super) async fn run_with(
        &self,
        client: &Client,
        what: &str,
        more: &[(&str, &str)],
        as_json: bool,
    ) -> Result<Status, Failure> {
        let text = self.read()?;
        let flag = |on: bool| if on { "true" } else { "false" };
        let mut query = vec![
            ("dry_run", flag(self.dry_run)),
            ("strict", flag(self.strict)),
        ];
        query.extend(more);
        let report = client
            .import(&format!("/api/v1/{what}/import"), &query, text)
            .await?;
        self.show(what, &report);
        if as_json {
            output::line(&report.to_string());
        }
        let accepted = report.get("ok").and_then(Value::as_bool).unwrap_or(false);
        Ok(if accepted {
            Status::Ok
        } else {
            Status::BadInput
        })
    }

    fn read(&self) -> Result<String, Failure> {
        let read = if self.file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(&self.file)
        };
        read.map_err(|error| {
            Failure::bad_input(
                format!("{} cannot be read: {error}", self.file.display()),
                "name a UTF-8 text file",
            )
        })
    }

    /// Tells people on standard error; standard output belongs to the report.
    fn show(&self, what: &str, report: &Value) {
        let file = self.file.display();
        let list = |key: &str| {
            report
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let part = |entry: &Value, key: &str| output::cell(entry.get(key));
        for repair in list("repairs") {
            let (line, from, to) = (
                part(repair, "line"),
                part(repair, "from"),
                part(repair, "to"),
            );
            output::note(&format!("{file}:{line}: repaired: {from} -> {to}"));
        }
        for (key, word) in [("warnings", "warning"), ("errors", "error")] {
            for entry in list(key) {
                let place: Vec<String> = ["service", "section", "agent", "option"]
                    .iter()
                    .map(|key| part(entry, key))
                    .filter(|text| !text.is_empty())
                    .collect();
                let allowed = match part(entry, "allowed") {
                    allowed if allowed.is_empty() => String::new(),
                    allowed => format!(" (allowed: {allowed})"),
                };
                // The message may begin with the option already.
                let message = part(entry, "message");
                let option = part(entry, "option");
                let rest = message.strip_prefix(&format!("{option}: "));
                let message = rest.filter(|_| !option.is_empty()).unwrap_or(&message);
                let place = match place.join(" ") {
                    place if place.is_empty() => place,
                    place => format!("{place}: "),
                };
                let code = match part(entry, "code") {
                    code if code.is_empty() => code,
                    code => format!(" [{code}]"),
                };
                output::note(&format!(
                    "{file}:{}: {word}: {place}{message}{allowed}{code}",
                    part(entry, "line"),
                ));
            }
        }
        let what = if what == "transactions" {
            let (events, repairs) = (list("events").count(), list("repairs").count());
            format!("1 Transaction List with {events} events ({repairs} repairs)")
        } else {
            match list(what).count() {
                1 => format!("1 {}", what.trim_end_matches('s')),
                count => format!("{count} {what}"),
            }
        };
        let accepted = report.get("ok").and_then(Value::as_bool).unwrap_or(false);
        output::note(&match (accepted, self.dry_run) {
            (true, false) => format!("{what} imported"),
            (true, true) => format!("{what} would be imported; nothing was changed"),
            (false, _) => format!("nothing was imported: correct {file} and try again"),
        });
    }
}
