//! `ringback options`: the catalogue of service options, no server needed.

use clap::Args;
use serde_json::json;

use crate::outcome::Status;
use crate::output;

/// Arguments of `options`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Show how far each option is built instead of its default and allowed values
    #[arg(long)]
    status: bool,
    /// Print the page of the documentation (docs/options.md)
    #[arg(long, conflicts_with = "status")]
    markdown: bool,
}

impl Options {
    pub(super) fn run(&self, as_json: bool) -> Status {
        if self.markdown && !as_json {
            output::raw(&callback::options::table().to_markdown());
            return Status::Ok;
        }
        let table = json!(callback::options::table());
        if as_json {
            output::line(&table.to_string());
            return Status::Ok;
        }
        let keys: &[&str] = if self.status {
            &["name", "section", "status", "test", "reason"]
        } else {
            &["name", "section", "type", "unit", "default", "allowed"]
        };
        let head: Vec<String> = keys.iter().map(|key| key.to_uppercase()).collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        output::raw(&output::table(
            &head,
            &output::rows(table.get("options"), keys),
        ));
        let count = |key: &str| output::cell(table.get(key));
        output::line(&format!(
            "\n{} options: {} effective, {} accepted, {} pending, {} refused",
            count("total"),
            count("effective"),
            count("accepted"),
            count("pending"),
            count("refused"),
        ));
        Status::Ok
    }
}
