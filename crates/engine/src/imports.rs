//! Reports of imports, and agents' files checked against the agents that are known.

use callback::agent::{self, AgentConfig, AgentImport as Parsed};
use callback::ini::Repair;
use callback::service::{Fault, Import, Notice};
use callback::{Error, ErrorCode, ServiceName, ini, limits, transaction_list};
use serde::Serialize;

/// How an import is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportMode {
    /// Reports only.
    pub dry_run: bool,
    /// Refuses repairs.
    pub strict: bool,
}

/// The report of a services import (cli-and-config §3).
#[derive(Clone, Debug, Serialize)]
pub struct ServiceImport {
    /// Nothing is wrong; the services are stored unless it was a dry run.
    pub ok: bool,
    /// The services of the file.
    pub services: Vec<ImportedService>,
    /// Names that were put right.
    pub repairs: Vec<Repair>,
    /// What an operator should know.
    pub warnings: Vec<Notice>,
    /// What has to be changed.
    pub errors: Vec<Fault>,
}

/// One service of the report.
#[derive(Clone, Debug, Serialize)]
pub struct ImportedService {
    /// Name.
    pub name: String,
    /// It was not known before; of a refused file nothing is created.
    pub created: bool,
    /// How many options were set.
    pub options: usize,
}

impl ServiceImport {
    pub(crate) fn new(import: &Import, is_new: impl Fn(&ServiceName) -> bool) -> Self {
        Self {
            ok: import.errors.is_empty(),
            services: import
                .services
                .iter()
                .map(|service| ImportedService {
                    name: service.name.to_string(),
                    created: import.errors.is_empty() && is_new(&service.name),
                    options: service.options.len(),
                })
                .collect(),
            repairs: import.repairs.clone(),
            warnings: import.warnings.clone(),
            errors: import.errors.clone(),
        }
    }
}

/// The report of a Transaction List's import (cli-and-config §3).
#[derive(Clone, Debug, Serialize)]
pub struct TransactionImport {
    /// Nothing is wrong; the list is stored unless it was a dry run.
    pub ok: bool,
    /// Name of the list.
    pub list: String,
    /// It was not known before; of a refused file nothing is created.
    pub created: bool,
    /// The parameters that it sets.
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// The events that it names.
    pub events: Vec<&'static str>,
    /// Names that were put right.
    pub repairs: Vec<Repair>,
    /// What an operator should know.
    pub warnings: Vec<transaction_list::Notice>,
    /// What has to be changed.
    pub errors: Vec<transaction_list::Fault>,
}

impl TransactionImport {
    pub(crate) fn new(import: &transaction_list::Import, created: bool) -> Self {
        let list = &import.list;
        Self {
            ok: import.errors.is_empty(),
            list: list.name.clone(),
            created: created && import.errors.is_empty(),
            properties: list
                .properties()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
            events: list.wanted().iter().map(|w| w.event.as_str()).collect(),
            repairs: import.repairs.clone(),
            warnings: import.warnings.clone(),
            errors: import.errors.clone(),
        }
    }
}

/// The report of an agents import (cli-and-config §3).
#[derive(Clone, Debug, Serialize)]
pub struct AgentImport {
    /// Nothing is wrong; the agents are stored unless it was a dry run.
    pub ok: bool,
    /// The agents of the file.
    pub agents: Vec<ImportedAgent>,
    /// Repairs made (none yet: agents' files were never printed with lost underscores).
    pub repairs: Vec<String>,
    /// What is odd.
    pub warnings: Vec<agent::ImportNote>,
    /// What is wrong.
    pub errors: Vec<agent::ImportNote>,
}

/// One agent of the report.
#[derive(Clone, Debug, Serialize)]
pub struct ImportedAgent {
    /// Id.
    pub id: String,
    /// It was not known before; of a refused file nothing is created.
    pub created: bool,
}

/// Reads an agents' file and checks it against the known agents.
pub(crate) fn read_agents(text: &str, known: &[AgentConfig]) -> Result<Parsed, Error> {
    if text.len() > limits::IMPORT_MAX {
        return Err(Error::new(
            ErrorCode::TooLarge,
            format!("an import file may have {} bytes", limits::IMPORT_MAX),
        ));
    }
    let file =
        ini::parse(text).map_err(|error| Error::new(ErrorCode::BadParameter, error.to_string()))?;
    let line = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let sections = file.sections.into_iter().map(|section| {
        let entries = section
            .entries
            .into_iter()
            .map(|entry| (entry.key, entry.value, line(entry.line)));
        (section.name, line(section.line), entries.collect())
    });
    let mut parsed = agent::from_sections(sections);
    parsed.check_against(known);
    Ok(parsed)
}
