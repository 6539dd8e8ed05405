//! Agents as configured: `[agent.<id>]` of the agents file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::AgentId;

/// Keys of an `[agent.<id>]` section.
pub const KEYS: [&str; 7] = [
    "extension",
    "password",
    "groups",
    "skills",
    "place",
    "switch",
    "employee_id",
];

/// Longest id and extension, bytes: both travel in SIP headers and notifications.
const NAME_MAX: usize = 64;

/// One configured agent.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// Id: the `<id>` of `[agent.<id>]`.
    pub id: AgentId,
    /// Extension of the phone: the user name it registers with and is called by.
    pub extension: String,
    /// Password of the phone's registration; never printed.
    pub password: String,
    /// Groups, in the order given; targets of the types GA, GP and GC mean them.
    pub groups: Vec<String>,
    /// Skills and their levels.
    pub skills: BTreeMap<String, i64>,
    /// Place name; empty when not given.
    pub place: String,
    /// Switch name; empty when not given.
    pub switch: String,
    /// Employee id for reports; empty when not given.
    pub employee_id: String,
}

impl AgentConfig {
    /// Reads an agent from the options of its section; keys that are not in [`KEYS`] are left
    /// out, of a repeated key the last value holds.
    ///
    /// # Errors
    ///
    /// The option and what is wrong with it, never the password.
    pub fn from_options(id: AgentId, options: &[(String, String)]) -> Result<Self, OptionError> {
        let value = |key: &str| {
            let found = options.iter().rev().find(|(name, _)| name == key);
            found.map_or("", |(_, value)| value.trim())
        };
        if !is_name(id.as_str(), |c| !c.is_control() && !c.is_whitespace()) {
            return Err(OptionError::new(
                "",
                "an agent's id has 1 to 64 bytes without blanks",
            ));
        }
        let extension = value("extension");
        if !is_name(extension, |c| {
            c.is_ascii_alphanumeric() || "+-_.*#".contains(c)
        }) {
            return Err(OptionError::new(
                "extension",
                "has to be set: 1 to 64 letters, digits or signs of + - _ . * #",
            ));
        }
        let password = value("password");
        if password.is_empty() {
            return Err(OptionError::new(
                "password",
                "has to be set: the phone registers with it",
            ));
        }
        let mut groups: Vec<String> = Vec::new();
        for group in csv(value("groups")) {
            if !groups.iter().any(|known| known == group) {
                groups.push(group.to_owned());
            }
        }
        Ok(Self {
            extension: extension.to_owned(),
            password: password.to_owned(),
            groups,
            skills: skills_of(value("skills"))?,
            place: value("place").to_owned(),
            switch: value("switch").to_owned(),
            employee_id: value("employee_id").to_owned(),
            id,
        })
    }
}

impl fmt::Debug for AgentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            extension,
            password: _,
            groups,
            skills,
            place,
            switch,
            employee_id,
        } = self;
        f.debug_struct("AgentConfig")
            .field("id", id)
            .field("extension", extension)
            .field("groups", groups)
            .field("skills", skills)
            .field("place", place)
            .field("switch", switch)
            .field("employee_id", employee_id)
            .finish_non_exhaustive()
    }
}

/// Why an option of an agent cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if option.is_empty() { String::new() } else { format!("`{option}` ") })]
pub struct OptionError {
    /// The option; empty when the section itself is meant.
    pub option: String,
    /// What is wrong with it and what is allowed.
    pub message: String,
}

impl OptionError {
    fn new(option: &str, message: impl Into<String>) -> Self {
        Self {
            option: option.to_owned(),
            message: message.into(),
        }
    }
}

/// One section of an agents file: its name, its line, and key, value, line of each option.
pub type Section = (String, usize, Vec<(String, String, usize)>);

/// What an agents file contains.
#[derive(Debug, Default)]
pub struct AgentImport {
    /// The agents that are right in themselves, in file order.
    pub agents: Vec<ImportedAgent>,
    /// What does not keep the file from being used.
    pub warnings: Vec<ImportNote>,
    /// What does: nothing of the file may be taken over when there is one.
    pub errors: Vec<ImportNote>,
}

/// One agent of an agents file.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedAgent {
    /// The agent as read.
    pub config: AgentConfig,
    /// The options of the section as written, password included: what is stored.
    pub options: Vec<(String, String)>,
    /// Line of the section.
    pub line: usize,
}

impl fmt::Debug for ImportedAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedAgent")
            .field("config", &self.config)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// One warning or error of an import.
#[derive(serde::Serialize, Clone, Debug, PartialEq, Eq)]
pub struct ImportNote {
    /// Line of the file, from 1; 0 when no line is to blame.
    pub line: usize,
    /// The section, e.g. `agent.kim`.
    pub section: String,
    /// The option; empty when the section itself is meant.
    pub option: String,
    /// A sentence; never contains a password.
    pub message: String,
}

/// Reads the sections of an agents file.
///
/// Sections have to be called `agent.<id>`; two agents with one id or one extension are errors,
/// unknown and repeated keys are warnings.
pub fn from_sections(sections: impl IntoIterator<Item = Section>) -> AgentImport {
    let mut import = AgentImport::default();
    for section in sections {
        import.read_section(section);
    }
    import.find_duplicates();
    import.errors.sort_by_key(|e| e.line);
    import
}

impl AgentImport {
    /// Adds an error for each agent of the file whose extension belongs to a known agent that
    /// the file does not replace.
    pub fn check_against<'a>(&mut self, known: impl IntoIterator<Item = &'a AgentConfig>) {
        for known in known {
            if self.agents.iter().any(|new| new.config.id == known.id) {
                continue;
            }
            for new in self
                .agents
                .iter()
                .filter(|a| a.config.extension == known.extension)
            {
                self.errors.push(new.note(
                    "extension",
                    format!(
                        "extension {} belongs to agent {}",
                        known.extension, known.id
                    ),
                ));
            }
        }
    }

    fn read_section(&mut self, (name, line, options): Section) {
        let note = |line, option: &str, message: String| ImportNote {
            line,
            section: name.clone(),
            option: option.to_owned(),
            message,
        };
        let Some(id) = name.strip_prefix("agent.").map(str::trim) else {
            let message = String::from("a section of an agents file is called agent.<id>");
            self.errors.push(note(line, "", message));
            return;
        };
        for (i, (key, _, line)) in options.iter().enumerate() {
            if !KEYS.contains(&key.as_str()) {
                let message = format!("`{key}` is unknown and not used");
                self.warnings.push(note(*line, key, message));
            } else if options.iter().take(i).any(|(earlier, ..)| earlier == key) {
                let message = format!("`{key}` is set more than once, the last value holds");
                self.warnings.push(note(*line, key, message));
            }
        }
        let line_of = |option: &str| {
            options
                .iter()
                .rev()
                .find(|(key, ..)| key == option)
                .map_or(line, |(.., line)| *line)
        };
        let raw: Vec<_> = options
            .iter()
            .map(|(k, v, _)| (k.clone(), v.clone()))
            .collect();
        match AgentConfig::from_options(AgentId::new(id), &raw) {
            Ok(config) => self.agents.push(ImportedAgent {
                config,
                options: raw,
                line,
            }),
            Err(e) => self
                .errors
                .push(note(line_of(&e.option), &e.option, e.to_string())),
        }
    }

    fn find_duplicates(&mut self) {
        let mut ids = HashMap::new();
        let mut extensions = HashMap::new();
        for agent in &self.agents {
            let id = &agent.config.id;
            if let Some(line) = ids.insert(id, agent.line) {
                let message = format!("agent {id} is already in line {line}");
                self.errors.push(agent.note("", message));
                continue;
            }
            let extension = agent.config.extension.as_str();
            if let Some(other) = extensions.insert(extension, id) {
                let message = format!("extension {extension} belongs to agent {other}");
                self.errors.push(agent.note("extension", message));
            }
        }
    }
}

impl ImportedAgent {
    fn note(&self, option: &str, message: String) -> ImportNote {
        ImportNote {
            line: self.line,
            section: format!("agent.{}", self.config.id),
            option: option.to_owned(),
            message,
        }
    }
}

fn is_name(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= NAME_MAX && text.chars().all(allowed)
}

fn csv(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn skills_of(text: &str) -> Result<BTreeMap<String, i64>, OptionError> {
    let mut skills = BTreeMap::new();
    for item in csv(text) {
        let parsed = item.split_once('=').and_then(|(name, level)| {
            let name = name.trim();
            Some((name, level.trim().parse().ok()?)).filter(|_| !name.is_empty())
        });
        let Some((name, level)) = parsed else {
            let message = format!("has to be a list of <name>=<integer>, not `{item}`");
            return Err(OptionError::new("skills", message));
        };
        if skills.insert(name.to_owned(), level).is_some() {
            return Err(OptionError::new("skills", format!("names `{name}` twice")));
        }
    }
    Ok(skills)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<(String, String)> {
        text.split(';')
            .filter_map(|o| o.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    fn section(name: &str, line: usize, text: &str) -> Section {
        let with_lines = (line + 1..)
            .zip(options(text))
            .map(|(line, (k, v))| (k, v, line));
        (name.to_owned(), line, with_lines.collect())
    }

    fn read(text: &str) -> Result<AgentConfig, OptionError> {
        AgentConfig::from_options(AgentId::new("kim"), &options(text))
    }

    #[test]
    fn an_agent_is_read_from_its_options() {
        let agent = read(
            "extension= 7001;password=secret;groups=Billing, Sales ,,Billing;\
             skills=English=20, Home Loans = -2;place=Desk_7001;switch=North;employee_id=E1",
        )
        .unwrap();
        assert_eq!(agent.extension, "7001");
        assert_eq!(agent.groups, ["Billing", "Sales"]);
        let skills: Vec<_> = agent.skills.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(skills, [("English", 20), ("Home Loans", -2)]);
        assert_eq!(
            (
                agent.place.as_str(),
                agent.switch.as_str(),
                agent.employee_id.as_str()
            ),
            ("Desk_7001", "North", "E1")
        );
    }

    #[test]
    fn all_but_extension_and_password_may_be_left_out() {
        let agent = read("extension=7001;password=p").unwrap();
        assert!(agent.groups.is_empty() && agent.skills.is_empty());
        assert!(agent.place.is_empty() && agent.switch.is_empty() && agent.employee_id.is_empty());
        assert_eq!(read("password=p").unwrap_err().option, "extension");
        assert_eq!(
            read("extension=7 1;password=p").unwrap_err().option,
            "extension"
        );
        assert_eq!(read("extension=7001").unwrap_err().option, "password");
    }

    #[test]
    fn broken_skills_are_refused() {
        for skills in ["English", "English=x", "=4", "English=1,English=2"] {
            let error = read(&format!("extension=1;password=p;skills={skills}")).unwrap_err();
            assert_eq!(error.option, "skills", "{skills}");
            assert!(error.to_string().starts_with("`skills` "), "{error}");
        }
    }

    #[test]
    fn the_password_is_never_printed() {
        let agent = read("extension=7001;password=hunter2").unwrap();
        assert!(!format!("{agent:?}").contains("hunter2"));
        let import = from_sections([section("agent.kim", 1, "extension=7001;password=hunter2")]);
        assert_eq!(import.agents.len(), 1);
        assert!(!format!("{import:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_is_read_with_its_faults_and_their_lines() {
        let import = from_sections([
            section("agent.kim", 1, "extension=7001;password=a;color=red"),
            section("agent.lee", 10, "extension=7001;password=b"),
            section("agent.kim", 20, "extension=7002;password=c"),
            section("service.billing", 30, "_target=x"),
            section(
                "agent.max",
                40,
                "extension=7003;password=d;skills=oops;skills=a=b",
            ),
        ]);
        let seen: Vec<_> = import
            .errors
            .iter()
            .map(|e| (e.line, e.section.as_str(), e.option.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (10, "agent.lee", "extension"),
                (20, "agent.kim", ""),
                (30, "service.billing", ""),
                (44, "agent.max", "skills")
            ]
        );
        let warned: Vec<_> = import
            .warnings
            .iter()
            .map(|w| (w.line, w.option.as_str()))
            .collect();
        assert_eq!(warned, [(4, "color"), (44, "skills")]);
    }

    #[test]
    fn an_extension_of_another_known_agent_is_refused() {
        let known = [read("extension=7001;password=p").unwrap()];
        let mut replaced = from_sections([section("agent.kim", 1, "extension=7001;password=a")]);
        replaced.check_against(&known);
        assert_eq!(replaced.errors, []);
        let mut stolen = from_sections([section("agent.lee", 1, "extension=7001;password=a")]);
        stolen.check_against(&known);
        assert_eq!(stolen.errors.len(), 1);
    }
}
