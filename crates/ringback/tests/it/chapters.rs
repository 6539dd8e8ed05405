//! The options that the reference's chapters on notifications and treatments name, read from the
//! chapters themselves: none of them may be pending.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use callback::options::{Status, all};

/// Words of the chapters that are called like an option and are something else there.
const OTHERWISE: [&str; 1] = [
    // A filter of queries; the option belongs to the builtin service urs-stat.
    "_vq",
];

/// Everything between backquotes, cut at what ends a name, and the keys of the sample lists.
fn words(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let parts = quoted.flat_map(|part| part.split([' ', '=', ',', '(', '"', '{', '}']));
    let lines = text.lines().filter_map(|line| line.split_once('='));
    parts.chain(lines.map(|(name, _)| name.trim())).collect()
}

#[test]
fn no_option_that_the_chapters_name_is_pending() {
    testkit::require!(testkit::test_data().ok_or("RINGBACK_TEST_DATA names no folder"));
    let data = testkit::test_data().expect("looked for before");
    let catalogue: BTreeMap<&str, Status> = all().map(|e| (e.name, e.status)).collect();
    let mut named = BTreeSet::new();
    for chapter in ["notifications.md", "play-treatments.md"] {
        let path = data.join("reference").join(chapter);
        let text = std::fs::read_to_string(&path).expect("the chapter is readable");
        let known = words(&text).into_iter();
        let known = known.filter_map(|word| catalogue.get_key_value(word).map(|(name, _)| *name));
        named.extend(known.filter(|name| !OTHERWISE.contains(name)));
    }
    assert!(named.len() > 45, "{}: {named:?}", named.len());
    let pending: Vec<_> = named
        .iter()
        .filter(|name| matches!(catalogue.get(*name), Some(Status::Pending(_))))
        .collect();
    assert!(pending.is_empty(), "{pending:?}");
}
