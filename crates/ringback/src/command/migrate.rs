//! `ringback migrate`: brings an older store up to date, or says what that would do.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use store::SqliteStore;

use crate::config;
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `migrate`.
#[derive(Args, Debug)]
pub(super) struct Migrate {
    /// The configuration that names the store
    #[arg(long, value_name = "FILE", default_value = "ringback.toml")]
    config: PathBuf,
    /// Report only, change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Migrate {
    pub(super) fn run(&self, as_json: bool) -> Result<Status, Failure> {
        let config = config::load(&self.config)
            .map_err(|error| Failure::bad_input(error.to_string(), "correct the configuration"))?;
        let path = PathBuf::from(&config.store.path);
        let shown = path.display();
        if !path.exists() {
            return Err(Failure::bad_input(
                format!("there is no store {shown}"),
                "check [store] path; serve creates a new store by itself",
            ));
        }
        let failed = |error| super::serve::store_failure(&config.store.path, &error);
        let schema = SqliteStore::schema(&path).map_err(failed)?;
        if schema.found > schema.known {
            let (found, known) = (schema.found, schema.known);
            return Err(failed(store::StoreError::Newer { found, known }));
        }
        let is_old = schema.found < schema.known;
        if is_old && !self.dry_run {
            drop(SqliteStore::open(&path).map_err(failed)?);
        }
        if as_json {
            let report = json!({
                "ok": true, "store": config.store.path, "found": schema.found,
                "known": schema.known, "migrated": is_old && !self.dry_run,
            });
            output::line(&report.to_string());
            return Ok(Status::Ok);
        }
        let (found, known) = (schema.found, schema.known);
        output::line(&match (is_old, self.dry_run) {
            (false, _) => format!("{shown} is up to date (schema {found})"),
            (true, true) => format!("{shown} would go from schema {found} to {known}"),
            (true, false) => format!("{shown} went from schema {found} to {known}"),
        });
        Ok(Status::Ok)
    }
}
