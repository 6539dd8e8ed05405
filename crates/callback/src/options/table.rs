//! The catalogue as `ringback options` prints it (cli-and-config §3).

use serde::Serialize;

use super::{Entry, Status, all};

/// The whole catalogue with counts by status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Number of options.
    pub total: usize,
    /// Those that change behaviour.
    pub effective: usize,
    /// Those without a meaning here.
    pub accepted: usize,
    /// Those to come.
    pub pending: usize,
    /// Those that cannot be set.
    pub refused: usize,
    /// One row per option.
    pub options: Vec<Row>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Name.
    pub name: &'static str,
    /// Title of its section.
    pub section: &'static str,
    /// Word of its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Unit of the number.
    pub unit: Option<&'static str>,
    /// Default; may be empty.
    pub default: &'static str,
    /// What may be written.
    pub allowed: String,
    /// It has to be set.
    pub mandatory: bool,
    /// Shown among the advanced ones.
    pub advanced: bool,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// `effective`, `accepted`, `pending` or `refused`.
    pub status: &'static str,
    /// Why, or what happens instead; empty for effective ones.
    pub reason: &'static str,
    /// The test that shows that it changes behaviour.
    pub test: Option<&'static str>,
    /// What it does.
    pub meaning: &'static str,
    /// Values whose status differs from the option's.
    pub values: Vec<ValueRow>,
}

/// A value whose status differs from its option's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueRow {
    /// The value.
    pub value: &'static str,
    /// Its status.
    pub status: &'static str,
    /// Why, or what happens instead.
    pub reason: &'static str,
}

impl From<&Entry> for Row {
    fn from(entry: &Entry) -> Self {
        let value = |(value, status): &(&'static str, Status)| ValueRow {
            value,
            status: status.word(),
            reason: status.reason(),
        };
        Self {
            name: entry.name,
            section: entry.section.title(),
            kind: entry.kind.word(),
            unit: entry.unit,
            default: entry.default,
            allowed: entry.kind.allowed(),
            mandatory: entry.mandatory,
            advanced: entry.advanced,
            aliases: entry.aliases,
            status: entry.status.word(),
            reason: entry.status.reason(),
            test: entry.test(),
            meaning: entry.meaning,
            values: entry.values.iter().map(value).collect(),
        }
    }
}

/// The catalogue in the order of the reference.
#[must_use]
pub fn table() -> Table {
    let options: Vec<Row> = all().map(Row::from).collect();
    let count = |word: &str| options.iter().filter(|row| row.status == word).count();
    Table {
        total: options.len(),
        effective: count("effective"),
        accepted: count("accepted"),
        pending: count("pending"),
        refused: count("refused"),
        options,
    }
}

impl Table {
    /// The catalogue as a page of the documentation.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = format!(
            "# Service options\n\nMade by `ringback options --markdown`; do not edit.\n\n\
             {} options: {} effective, {} accepted, {} pending, {} refused.\n",
            self.total, self.effective, self.accepted, self.pending, self.refused
        );
        let mut section = "";
        for row in &self.options {
            if row.section != section {
                section = row.section;
                out.push_str(&format!(
                    "\n## {section}\n\n| option | type | default | status | meaning |\n\
                     |---|---|---|---|---|\n"
                ));
            }
            out.push_str(&row.to_markdown());
        }
        out
    }
}

impl Row {
    fn to_markdown(&self) -> String {
        let unit = self.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        let status = match self.reason {
            "" => self.status.to_owned(),
            reason => format!("{}: {reason}", self.status),
        };
        let values = self
            .values
            .iter()
            .map(|v| format!("; `{}` is {}: {}", v.value, v.status, v.reason));
        let aliases = match self.aliases {
            [] => String::new(),
            aliases => format!(" Also written {}.", aliases.join(", ")),
        };
        let cells = [
            format!("`{}`", self.name),
            format!("{}{unit}", self.kind),
            if self.default.is_empty() {
                String::new()
            } else {
                format!("`{}`", self.default)
            },
            status + &values.collect::<String>(),
            format!("{}{aliases}", self.meaning),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        format!("| {} |\n", cells.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_documentation_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/options.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == table().to_markdown(),
            "docs/options.md is old: run 'ringback options --markdown > docs/options.md'"
        );
    }

    #[test]
    fn the_counts_add_up_and_reasons_are_given() {
        let table = table();
        let sum = table.effective + table.accepted + table.pending + table.refused;
        assert_eq!(sum, table.total);
        assert!(table.total > 170, "{}", table.total);
        for row in &table.options {
            assert_eq!(
                row.reason.is_empty(),
                row.status == "effective",
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn a_row_has_the_keys_that_scripts_rely_on() {
        let json = serde_json::to_value(table()).unwrap();
        let row = &json["options"][0];
        for key in [
            "name",
            "section",
            "type",
            "unit",
            "default",
            "allowed",
            "mandatory",
            "advanced",
            "aliases",
            "status",
            "reason",
        ] {
            assert!(row.get(key).is_some(), "{key}");
        }
    }
}
