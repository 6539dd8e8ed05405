//! `RINGBACK_<SECTION>_<KEY>`: the environment wins over the file.

use toml::{Table, Value};

use super::schema::Config;
use super::{Problem, keys};

/// What every variable of ours begins with.
const PREFIX: &str = "RINGBACK_";

/// The variables of this process that begin with `RINGBACK_`; the one place that reads them.
pub(super) fn of_process() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// Sets the keys that variables name; variables that name no section are somebody else's.
pub(super) fn apply(
    config: Config,
    variables: &[(String, String)],
) -> Result<Config, Vec<Problem>> {
    let paths = keys::all();
    let mut config = config;
    let mut problems = Vec::new();
    for (name, text) in variables {
        if name.starts_with("RINGBACK_TRUNK_") {
            problems.push(problem(
                name,
                "trunks are set in the file only".to_owned(),
                "",
            ));
            continue;
        }
        match paths.iter().find(|path| variable(path) == *name) {
            Some(path) => match with(&config, path, text) {
                Ok(changed) => config = changed,
                Err(message) => problems.push(problem(name, message, "")),
            },
            None if names_a_section(name) => {
                let known: Vec<String> = paths.iter().map(|path| variable(path)).collect();
                let hint = keys::hint(name, known.iter().map(String::as_str));
                problems.push(problem(name, "unknown key".to_owned(), &hint));
            }
            None => {}
        }
    }
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

fn problem(name: &str, message: String, remedy: &str) -> Problem {
    Problem {
        line: None,
        key: format!("environment variable {name}"),
        message,
        remedy: remedy.to_owned(),
    }
}

fn variable(path: &str) -> String {
    format!(
        "{PREFIX}{}",
        path.replace(['.', '-'], "_").to_ascii_uppercase()
    )
}

fn names_a_section(name: &str) -> bool {
    keys::defaults()
        .keys()
        .any(|section| name.starts_with(&format!("{}_", variable(section))))
}

/// The configuration with one key set from text.
fn with(config: &Config, path: &str, text: &str) -> Result<Config, String> {
    let mut table = Table::try_from(config).expect("a configuration is a table of plain values");
    let slot = slot(&mut table, path).expect("the path was collected from the same table");
    *slot = typed(slot, text)?;
    Table::try_into(table).map_err(|error: toml::de::Error| error.message().to_owned())
}

fn slot<'a>(table: &'a mut Table, path: &str) -> Option<&'a mut Value> {
    match path.split_once('.') {
        None => table.get_mut(path),
        Some((section, rest)) => slot(table.get_mut(section)?.as_table_mut()?, rest),
    }
}

/// Reads the text as the type that the key has.
fn typed(like: &Value, text: &str) -> Result<Value, String> {
    match like {
        Value::Boolean(_) => text
            .parse()
            .map(Value::Boolean)
            .map_err(|_text| "must be true or false".to_owned()),
        Value::Integer(_) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_text| "must be a whole number".to_owned()),
        Value::Array(_) => {
            let table: Table = toml::from_str(&format!("list = {text}"))
                .map_err(|_text| "must be a list such as [\"a\", \"b\"]".to_owned())?;
            match table.get("list") {
                Some(list @ Value::Array(_)) if table.len() == 1 => Ok(list.clone()),
                _ => Err("must be a list such as [\"a\", \"b\"]".to_owned()),
            }
        }
        Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            Ok(Value::String(text.to_owned()))
        }
    }
}
