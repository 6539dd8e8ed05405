//! Transaction Lists: import, find, list.

use std::sync::Arc;

use callback::Error;
use callback::pause;
use callback::service::Service;
use callback::transaction_list::{self, TransactionList};
use store::{ListsChange, TransactionListRow};

use super::changes::{Author, note_list};
use super::{Engine, write_error};
use crate::imports::{ImportMode, TransactionImport};
use crate::shard::Command;

/// Names the Transaction List of paused services.
const PAUSE_LIST: &str = "rb.pause_list";

impl Engine {
    /// Imports a Transaction List under a name.
    ///
    /// # Errors
    /// The store does not take the write; what is wrong in the file stands in the report.
    pub async fn import_transactions(
        &self,
        name: &str,
        text: &str,
        mode: ImportMode,
        by: &Author,
    ) -> Result<TransactionImport, Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let mut import = transaction_list::import(name, text, mode.strict);
        let target = import.list.property("_status_notification_target");
        if target.is_some_and(|target| self.is_subscribed(target)) {
            import
                .warnings
                .retain(|warning| warning.code != "NOTIFY_WITHOUT_SUBSCRIBER");
        }
        self.tell_pauses(&mut import);
        let before = self.transaction_list(name);
        let report = TransactionImport::new(&import, before.is_none());
        if !report.ok || mode.dry_run {
            return Ok(report);
        }
        let now = self.now();
        let change = ListsChange {
            put: vec![TransactionListRow {
                list: import.list.clone(),
                changed: now,
            }],
            removed: Vec::new(),
            notes: Vec::from_iter(note_list(&import.list, before.as_deref(), by, now)),
        };
        let engine = self.clone();
        self.to_end(async move {
            let stored = engine.inner.store.change_lists(change).await;
            stored.map_err(write_error)?;
            let is_pause_list = import.list.name == engine.application_option(PAUSE_LIST);
            engine.inner.resolver.put_lists([import.list]);
            if is_pause_list {
                let pauses = super::pauses(&engine.inner.resolver);
                engine
                    .ask(|reply| Command::SetPauses { pauses, reply })
                    .await?;
            }
            Ok(())
        })
        .await??;
        Ok(report)
    }

    /// Sections that pause a service do so in one list only.
    fn tell_pauses(&self, import: &mut transaction_list::Import) {
        let pause_list = self.application_option(PAUSE_LIST);
        if import.list.name == pause_list {
            self.tell_unknown_services(import);
            return;
        }
        for section in &import.list.sections {
            if section
                .entries
                .iter()
                .any(|(key, _)| pause::KEYS.contains(&key.as_str()))
            {
                import.warnings.push(transaction_list::Notice {
                    line: 1,
                    section: section.name.clone(),
                    option: String::new(),
                    code: "NOT_THE_PAUSE_LIST",
                    message: format!(
                        "[{}] pauses nothing: the pause list is {pause_list}",
                        section.name
                    ),
                });
            }
        }
    }

    /// A section of the pause list that no service goes by is a slip, mostly.
    fn tell_unknown_services(&self, import: &mut transaction_list::Import) {
        let services = self.services();
        let id = |service: &Arc<Service>| {
            let own = service.get("_paused_services_id");
            own.map_or_else(|| service.name.to_string(), str::to_owned)
        };
        let known: Vec<String> = services.iter().map(id).collect();
        for section in &import.list.sections {
            if !known.contains(&section.name) {
                let name = &section.name;
                import.warnings.push(transaction_list::Notice {
                    line: 1,
                    section: name.clone(),
                    option: String::new(),
                    code: "UNKNOWN_SERVICE",
                    message: format!("no service goes by the name or _paused_services_id {name}"),
                });
            }
        }
    }

    /// A Transaction List by name.
    #[must_use]
    pub fn transaction_list(&self, name: &str) -> Option<Arc<TransactionList>> {
        self.inner.resolver.list(name)
    }

    /// All Transaction Lists by name.
    #[must_use]
    pub fn transaction_lists(&self) -> Vec<Arc<TransactionList>> {
        self.inner.resolver.lists()
    }
}
