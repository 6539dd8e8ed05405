//! Settings of functions that are not built yet: known, and refused when they ask for something.

use toml::{Table, Value};

use super::keys::defaults;
use super::schema::Config;

/// Key and what stands behind it. Only the default is taken: it asks for what is built.
const NOT_BUILT: &[(&str, &str)] = &[
    (
        "http.tls_cert",
        "HTTPS by the server itself; put a reverse proxy in front of it",
    ),
    (
        "http.tls_key",
        "HTTPS by the server itself; put a reverse proxy in front of it",
    ),
];

/// The keys that ask for something that is not built, with what it is.
pub(super) fn asked_for(config: &Config) -> Vec<(&'static str, &'static str)> {
    let defaults = defaults();
    let table = Table::try_from(config).expect("a configuration is a table of plain values");
    NOT_BUILT
        .iter()
        .copied()
        .filter(|(key, _)| get(&table, key) != get(&defaults, key))
        .collect()
}

fn get<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, rest)) => get(table.get(section)?.as_table()?, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_names_a_key() {
        let defaults = defaults();
        for (key, _) in NOT_BUILT {
            assert!(get(&defaults, key).is_some(), "{key}");
        }
    }

    #[test]
    fn the_defaults_ask_for_nothing() {
        assert_eq!(asked_for(&Config::default()), []);
    }
}
