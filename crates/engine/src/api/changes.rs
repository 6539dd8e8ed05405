//! What operators changed at services and Transaction Lists, and removing services and Transaction Lists.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use callback::record::State;
use callback::service::Service;
use callback::transaction_list::{ListSection, TransactionList};
use callback::{Error, ErrorCode, ServiceName, Timestamp};
use store::{ChangeRow, ListsChange, OptionChange, Query, ServicesChange, Subject};

use super::{Engine, read_error, write_error};
use crate::limits;

/// Names the Transaction List of paused services.
const PAUSE_LIST: &str = "rb.pause_list";
/// What stands for a password.
const HIDDEN: &str = "***";

/// Who changes something, for the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Name of the login; empty where nobody has to log in.
    pub who: String,
    /// Network address; empty when unknown.
    pub address: String,
    /// By which way: `form`, `import` or `delete`.
    pub how: &'static str,
}

/// What differs between a service and what it was; nothing to note when nothing does.
pub(super) fn note(
    service: &Service,
    before: Option<&[(String, String)]>,
    by: &Author,
    now: Timestamp,
) -> Option<ChangeRow> {
    let is_new = before.is_none();
    let options = differences(before.unwrap_or_default(), &service.options);
    let subject = Subject::Service(service.name.clone());
    (is_new || !options.is_empty()).then(|| row(subject, options, by, now))
}

/// What differs between a Transaction List and what it was; nothing to note when nothing does.
pub(super) fn note_list(
    list: &TransactionList,
    before: Option<&TransactionList>,
    by: &Author,
    now: Timestamp,
) -> Option<ChangeRow> {
    let old = before.map(entries).unwrap_or_default();
    let options = differences(&old, &entries(list));
    let subject = Subject::List(list.name.clone());
    (before.is_none() || !options.is_empty()).then(|| row(subject, options, by, now))
}

/// The sections of a list as `[section]`, their entries as `[section] key`.
fn entries(list: &TransactionList) -> Vec<(String, String)> {
    let of = |section: &ListSection| {
        let name = format!("[{}]", section.name);
        let keys = section.entries.iter();
        let inner: Vec<_> = keys
            .map(|(key, value)| (format!("{name} {key}"), value.clone()))
            .collect();
        [(name, String::new())].into_iter().chain(inner)
    };
    list.sections.iter().flat_map(of).collect()
}

fn row(subject: Subject, options: Vec<OptionChange>, by: &Author, at: Timestamp) -> ChangeRow {
    ChangeRow {
        subject,
        at,
        who: by.who.clone(),
        address: by.address.clone(),
        how: by.how.to_owned(),
        options,
    }
}

/// By name; passwords are told as changed and not shown.
fn differences(before: &[(String, String)], after: &[(String, String)]) -> Vec<OptionChange> {
    let mut by_name: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for (name, value) in before {
        by_name.entry(name).or_default().0 = Some(value);
    }
    for (name, value) in after {
        by_name.entry(name).or_default().1 = Some(value);
    }
    let shown = |name: &str, value: Option<&str>| {
        value.map(|value| {
            if name == "password" && !value.is_empty() {
                HIDDEN.to_owned()
            } else {
                value.to_owned()
            }
        })
    };
    by_name
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(name, (before, after))| OptionChange {
            name: name.to_owned(),
            before: shown(name, before),
            after: shown(name, after),
        })
        .collect()
}

impl Engine {
    /// What was changed at a service or list, the last change first; also of one that was removed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn changes(&self, subject: &Subject) -> Result<Vec<ChangeRow>, Error> {
        let changes = self.inner.store.changes(subject, limits::CHANGES_SHOWN_MAX);
        changes.await.map_err(read_error)
    }

    /// Removes a service.
    ///
    /// # Errors
    /// There is none, callbacks of it are open, or the store does not take the write.
    pub async fn remove_service(&self, name: &ServiceName, by: Author) -> Result<(), Error> {
        let (engine, name) = (self.clone(), name.clone());
        self.to_end(async move { engine.forget_service(&name, &by).await })
            .await?
    }

    async fn forget_service(&self, name: &ServiceName, by: &Author) -> Result<(), Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let Some(service) = self.service(name) else {
            return Err(Error::new(ErrorCode::NotFound, "There is no such service"));
        };
        let states = State::ALL
            .iter()
            .filter(|state| **state != State::Completed);
        let states = states.map(|state| state.as_str().to_owned()).collect();
        let open = self.count(Query {
            service: Some(name.clone()),
            conditions: vec![("_callback_state".to_owned(), states)],
            ..Query::default()
        });
        let open = open.await?;
        if open > 0 {
            let message = format!("{open} callbacks of {name} are not over: cancel them first");
            return Err(Error::new(ErrorCode::Conflict, message));
        }
        let options = differences(&service.options, &[]);
        let change = ServicesChange {
            put: Vec::new(),
            removed: vec![name.clone()],
            notes: vec![row(Subject::Service(name.clone()), options, by, self.now())],
        };
        let stored = self.inner.store.change_services(change).await;
        stored.map_err(write_error)?;
        self.inner
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        Ok(())
    }

    /// Removes a Transaction List.
    ///
    /// # Errors
    /// There is none, services name it, it is the pause list, or the store does not take the
    /// write.
    pub async fn remove_transactions(&self, name: &str, by: Author) -> Result<(), Error> {
        let (engine, name) = (self.clone(), name.to_owned());
        self.to_end(async move { engine.forget_transactions(&name, &by).await })
            .await?
    }

    async fn forget_transactions(&self, name: &str, by: &Author) -> Result<(), Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let Some(list) = self.transaction_list(name) else {
            let message = "There is no such Transaction List";
            return Err(Error::new(ErrorCode::NotFound, message));
        };
        let services = self.services();
        let mut users: Vec<&str> = services
            .iter()
            .filter(|service| service.get("_callback_events_list") == Some(name))
            .map(|service| service.name.as_str())
            .collect();
        if self.application_option(PAUSE_LIST) == name {
            users.push("[callback] rb.pause_list");
        }
        if !users.is_empty() {
            let message = format!("It is in use by: {}", users.join(", "));
            return Err(Error::new(ErrorCode::Conflict, message));
        }
        let options = differences(&entries(&list), &[]);
        let subject = Subject::List(name.to_owned());
        let change = ListsChange {
            put: Vec::new(),
            removed: vec![name.to_owned()],
            notes: vec![row(subject, options, by, self.now())],
        };
        let gone = self.inner.store.change_lists(change).await;
        gone.map_err(write_error)?;
        self.inner.resolver.remove_list(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn sections_and_entries_of_lists_that_differ_are_told() {
        let list = |text: &str| callback::transaction_list::import("L", text, false).list;
        let before = list("[_cbe_on_service_exit]\nnotify_params = _service_name\n");
        let after =
            list("[_cbe_on_dial_init]\n\n[_cbe_on_service_exit]\nnotify_params = c_agent_id\n");
        let by = Author::default();
        let told = note_list(&after, Some(&before), &by, Timestamp(1)).unwrap();
        let names: Vec<&str> = told.options.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "[_cbe_on_dial_init]",
                "[_cbe_on_service_exit] notify_params"
            ]
        );
        assert!(note_list(&after, Some(&after), &by, Timestamp(1)).is_none());
        assert!(note_list(&list(""), None, &by, Timestamp(1)).is_some());
    }

    #[test]
    fn what_differs_is_told_and_passwords_are_not_shown() {
        let before = options(&[("_ttl", "5"), ("_target", "a"), ("password", "one")]);
        let after = options(&[("_ttl", "5"), ("_urs", "b"), ("password", "two")]);
        let found = differences(&before, &after);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found
            .iter()
            .map(|o| (o.name.as_str(), o.before.as_deref(), o.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("_target", Some("a"), None),
                ("_urs", None, Some("b")),
                ("password", Some(HIDDEN), Some(HIDDEN)),
            ]
        );
        let service = Service {
            name: ServiceName::new("a"),
            options: before.clone(),
        };
        let by = Author::default();
        assert!(note(&service, Some(&before), &by, Timestamp(1)).is_none());
        assert!(note(&service, None, &by, Timestamp(1)).is_some());
    }
}
