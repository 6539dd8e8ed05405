//! Imports of agents: the file is read, checked against the others and stored as a whole.

use callback::agent::{self, AgentConfig, AgentImport as Parsed};
use callback::{Error, ErrorCode, ini, limits};
use serde::Serialize;

/// How an import is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportMode {
    /// Reports only.
    pub dry_run: bool,
    /// Refuses repairs.
    pub strict: bool,
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
    /// It was not known before.
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
    let file = ini::parse(text)
        .map_err(|error| Error::new(ErrorCode::BadParameter, error.to_string()))?;
    let sections = file.sections.into_iter().map(|section| {
        let entries =
            section.entries.into_iter().map(|entry| (entry.key, entry.value, entry.line)).collect();
        (section.name, section.line, entries)
    });
    let mut parsed = agent::from_sections(sections);
    parsed.check_against(known);
    Ok(parsed)
}
