//! Which keys exist, where they stand in a file, and which one was meant.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::Problem;
use super::outgoing::PushProvider;
use super::schema::{Config, Trunk};

/// Problems of one kind that are told at once.
pub(super) const PROBLEMS_MAX: usize = 20;
/// Names that are told when none is near.
const NAMES_TOLD_MAX: usize = 25;
/// The nearest of very many.
const NEAREST_TOLD: usize = 3;

/// Lines of the keys of one file.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<(String, usize)>);

impl Lines {
    /// Line of a key such as `http.listen`; for trunks `trunk[0].name`.
    pub(super) fn of(&self, key: &str) -> Option<usize> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, line)| *line)
    }

    /// The last key that begins at or before a line, without the numbers of trunks.
    pub(super) fn key_at(&self, line: usize) -> Option<String> {
        let (key, _) = self.0.iter().rfind(|(_, at)| *at == line)?;
        Some(without_index(key))
    }
}

/// `trunk[0].name` as people write it: `trunk.name`.
pub(super) fn without_index(key: &str) -> String {
    match (key.find('['), key.find(']')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &key[..from], &key[to + 1..]),
        _ => key.to_owned(),
    }
}

/// The number of the line at a byte offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// Every key with a default, as `section.key`.
pub(super) fn all() -> Vec<String> {
    let mut keys = Vec::new();
    collect(&mut keys, "", &defaults());
    keys
}

fn collect(keys: &mut Vec<String>, prefix: &str, table: &Table) {
    for (name, value) in table {
        let path = join(prefix, name);
        match value {
            Value::Table(inner) => collect(keys, &path, inner),
            Value::Array(_) if path == "trunk" => {}
            _ => keys.push(path),
        }
    }
}

/// The defaults of the whole file as a table.
pub(super) fn defaults() -> Table {
    Table::try_from(Config::default()).expect("the defaults are tables of plain values")
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// Finds the lines of all keys and refuses those that do not exist.
pub(super) fn check(text: &str) -> Result<Lines, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(malformed(text, &errors));
    }
    let mut walk = Walk {
        text,
        lines: Lines::default(),
        problems: Vec::new(),
    };
    walk.table("", document.get_ref(), &defaults());
    if walk.problems.is_empty() {
        Ok(walk.lines)
    } else {
        Err(walk.problems)
    }
}

/// Every line that is no TOML, up to a bound: one error may bring others with it.
fn malformed(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for error in errors {
        // The rendered error shows the line, where a secret may stand; the message does not.
        let line = error.span().map(|span| line_at(text, span.start));
        if problems.iter().any(|known| known.line == line) {
            continue;
        }
        problems.push(Problem {
            line,
            key: line.map(|line| key_of_line(text, line)).unwrap_or_default(),
            message: format!("not well-formed TOML: {}", error.message()),
            remedy: String::new(),
        });
    }
    problems.sort_by_key(|problem| problem.line);
    problems.truncate(PROBLEMS_MAX);
    problems
}

/// The key of a line that could not be parsed, as far as it can be told.
fn key_of_line(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let key = lines
        .last()
        .and_then(|last| last.split_once('='))
        .map_or("", |(key, _)| key.trim());
    let section = lines
        .iter()
        .rev()
        .find_map(|line| line.trim().strip_prefix('['))
        .map_or("", |rest| rest.trim_matches(['[', ']', ' ']));
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || "_-.".contains(c))
    };
    if key.is_empty() || !plain(key) || !plain(section) {
        return String::new();
    }
    join(section, key)
}

struct Walk<'a> {
    text: &'a str,
    lines: Lines,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>, known: &Table) {
        for (name, value) in table {
            let path = join(prefix, name.get_ref());
            self.key(&path, name.span());
            match (known.get(name.get_ref().as_ref()), value.get_ref()) {
                (None, _) => self.unknown(&path, name.get_ref(), name.span(), known),
                (Some(_), DeValue::Table(inner)) if path == "push.provider" => {
                    self.providers(inner);
                }
                (Some(Value::Table(known)), DeValue::Table(inner)) => {
                    self.table(&path, inner, known);
                }
                (Some(_), DeValue::Array(elements)) if path == "trunk" => self.trunks(elements),
                (Some(_), _) => {}
            }
        }
    }

    fn trunks(&mut self, elements: &[Spanned<DeValue<'_>>]) {
        let known = Table::try_from(Trunk::default()).expect("a trunk is a table of plain values");
        for (n, element) in elements.iter().enumerate() {
            let path = format!("trunk[{n}]");
            self.key(&path, element.span());
            if let DeValue::Table(inner) = element.get_ref() {
                self.table(&path, inner, &known);
            }
        }
    }

    /// Providers have names of the operator's choice.
    fn providers(&mut self, table: &DeTable<'_>) {
        let known = Table::try_from(PushProvider::default())
            .expect("a provider is a table of plain values");
        for (name, value) in table {
            let path = join("push.provider", name.get_ref());
            self.key(&path, name.span());
            if let DeValue::Table(inner) = value.get_ref() {
                self.table(&path, inner, &known);
            }
        }
    }

    fn key(&mut self, path: &str, span: Range<usize>) {
        self.lines
            .0
            .push((path.to_owned(), line_at(self.text, span.start)));
    }

    fn unknown(&mut self, path: &str, name: &str, span: Range<usize>, known: &Table) {
        self.problems.push(Problem {
            line: Some(line_at(self.text, span.start)),
            key: without_index(path),
            message: "unknown key".to_owned(),
            remedy: hint(name, known.keys().map(String::as_str)),
        });
    }
}

/// Which of the known names was probably meant, and which exist; of very many the nearest.
pub(super) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |candidate: &'a str| (strsim::damerau_levenshtein(name, candidate), candidate);
    let mut known: Vec<(usize, &str)> = known.map(distance).collect();
    let nearest = known.iter().min();
    let nearest = nearest.filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3);
    if let Some((_, candidate)) = nearest {
        return format!("did you mean '{candidate}'?");
    }
    if known.len() <= NAMES_TOLD_MAX {
        let names: Vec<&str> = known.into_iter().map(|(_, name)| name).collect();
        return format!("known here: {}", names.join(", "));
    }
    known.sort_unstable();
    let names: Vec<&str> = known
        .into_iter()
        .take(NEAREST_TOLD)
        .map(|(_, name)| name)
        .collect();
    format!(
        "nearest are {}; ringback.example.toml shows all",
        names.join(", ")
    )
}
