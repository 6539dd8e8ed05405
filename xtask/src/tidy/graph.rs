//! Which of our packages use which, and what the packages without input and output reach.

use std::collections::{BTreeMap, VecDeque};

use super::rules::{
    CONFINED, EDGES, IO_CRATES, MayUse, TEST_PACKAGE_USERS, TEST_PACKAGES, WITHOUT_IO,
};
use super::{Finding, House};
use crate::metadata::{Dependency, Metadata, Need, Package};
use crate::source::line_where;

/// Holds the graph of `cargo metadata` against the tables.
pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in house.metadata.own() {
        let manifest = house.relative(&package.manifest);
        let text = house.text(&manifest).unwrap_or_default();
        for dependency in &package.dependencies {
            let line = line_of(text, dependency);
            if let Some((problem, remedy)) = edge_problem(&package.name, dependency) {
                findings.push(Finding::error(&manifest, line, problem, remedy));
            }
        }
        if !EDGES.iter().any(|(name, _)| *name == package.name) {
            findings.push(Finding::error(
                &manifest,
                1,
                format!(
                    "package `{}` is not in the table of allowed edges",
                    package.name
                ),
                "put it there (xtask/src/tidy/rules.rs) and say in the commit what it is for",
            ));
        }
        if WITHOUT_IO.contains(&package.name.as_str()) {
            for path in forbidden_paths(&house.metadata, package) {
                findings.push(Finding::error(
                    &manifest,
                    1,
                    format!(
                        "package without input and output reaches it: {}",
                        path.join(" -> ")
                    ),
                    "drop the dependency or switch off the feature that brings it",
                ));
            }
        }
    }
    findings
}

/// What is wrong with one entry of a manifest, and what to do.
fn edge_problem(user: &str, dependency: &Dependency) -> Option<(String, String)> {
    let used = dependency.name.as_str();
    if !dependency.by_path {
        let confined = CONFINED.iter().find(|confined| confined.name == used)?;
        return (confined.package != user).then(|| {
            (
                format!(
                    "`{user}` uses `{used}`, which only `{}` may name",
                    confined.package
                ),
                format!(
                    "ask for what is needed through the port of `{}`",
                    confined.package
                ),
            )
        });
    }
    let is_test_package = TEST_PACKAGES.contains(&used);
    if is_test_package {
        let allowed = dependency.need == Need::Dev || TEST_PACKAGE_USERS.contains(&(user, used));
        return (!allowed).then(|| {
            (
                format!("`{user}` uses `{used}` outside tests"),
                "move it to [dev-dependencies]".to_owned(),
            )
        });
    }
    let (_, may_use) = EDGES.iter().find(|(name, _)| *name == user)?;
    let allowed = match may_use {
        MayUse::All => used != "xtask",
        MayUse::Only(names) => names.contains(&used),
    };
    (!allowed).then(|| {
        (
            format!("`{user}` must not use `{used}`"),
            "move the shared part down, or turn the call around (ARCHITECTURE.md)".to_owned(),
        )
    })
}

/// For each forbidden crate that a package reaches by normal dependencies, the shortest way there.
fn forbidden_paths(metadata: &Metadata, package: &Package) -> Vec<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([package.id.as_str()]);
    let mut paths = Vec::new();
    while let Some(id) = queue.pop_front() {
        let Some(here) = metadata.packages.get(id) else {
            continue;
        };
        if IO_CRATES.contains(&here.name.as_str()) {
            paths.push(way_to(metadata, &came_from, id));
            continue;
        }
        for (next, needs) in metadata.edges.get(id).into_iter().flatten() {
            let new = next != &package.id && !came_from.contains_key(next.as_str());
            if new && needs.contains(&Need::Normal) {
                came_from.insert(next, id);
                queue.push_back(next);
            }
        }
    }
    paths
}

fn way_to(metadata: &Metadata, came_from: &BTreeMap<&str, &str>, last: &str) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = Some(last);
    while let Some(id) = at {
        let name = metadata
            .packages
            .get(id)
            .map_or(id, |package| &package.name);
        path.push(name.to_owned());
        at = came_from.get(id).copied();
    }
    path.reverse();
    path
}

/// The line of a manifest that names the dependency.
fn line_of(manifest: &str, dependency: &Dependency) -> usize {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    line_where(manifest, |line| {
        line.strip_prefix(name.as_str())
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    })
    .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(name: &str, need: Need) -> Dependency {
        Dependency {
            name: name.to_owned(),
            rename: None,
            need,
            by_path: true,
        }
    }

    fn foreign(name: &str) -> Dependency {
        Dependency {
            by_path: false,
            ..ours(name, Need::Normal)
        }
    }

    #[track_caller]
    fn check(user: &str, dependency: &Dependency, problem: Option<&str>) {
        let found = edge_problem(user, dependency).map(|(problem, _)| problem);
        assert_eq!(found.as_deref(), problem);
    }

    #[test]
    fn edges_of_the_table_are_allowed_and_no_others() {
        check("telephony", &ours("sip", Need::Normal), None);
        check("ringback", &ours("http", Need::Normal), None);
        check(
            "callback",
            &ours("store", Need::Normal),
            Some("`callback` must not use `store`"),
        );
        check(
            "http",
            &ours("sip", Need::Dev),
            Some("`http` must not use `sip`"),
        );
        check(
            "ringback",
            &ours("xtask", Need::Normal),
            Some("`ringback` must not use `xtask`"),
        );
    }

    #[test]
    fn a_foreign_crate_with_the_name_of_ours_is_no_edge() {
        check("callback", &foreign("http"), None);
    }

    #[test]
    fn packages_for_tests_stay_in_tests() {
        check("callback", &ours("testkit", Need::Dev), None);
        check("ringback", &ours("simulation", Need::Normal), None);
        check(
            "ringback",
            &ours("testkit", Need::Normal),
            Some("`ringback` uses `testkit` outside tests"),
        );
    }

    #[test]
    fn the_sip_stack_has_one_user() {
        check("telephony", &foreign("rsipstack"), None);
        check(
            "engine",
            &foreign("rsipstack"),
            Some("`engine` uses `rsipstack`, which only `telephony` may name"),
        );
    }

    #[test]
    fn every_allowed_edge_leads_to_a_package_of_the_table() {
        for (user, may_use) in EDGES {
            if let MayUse::Only(names) = may_use {
                for used in *names {
                    assert!(
                        EDGES.iter().any(|(name, _)| name == used),
                        "{user} -> {used}"
                    );
                }
            }
        }
    }

    #[test]
    fn forbidden_crates_are_found_through_others_but_not_through_tests() {
        let metadata = Metadata::parse(
            r#"{"packages":[
                {"id":"a","name":"callback","version":"1","manifest_path":"/w/a","dependencies":[],"targets":[]},
                {"id":"b","name":"nice","version":"1","manifest_path":"/w/b","dependencies":[],"targets":[]},
                {"id":"c","name":"mio","version":"1","manifest_path":"/w/c","dependencies":[],"targets":[]},
                {"id":"d","name":"tokio","version":"1","manifest_path":"/w/d","dependencies":[],"targets":[]}],
              "workspace_members":["a"],"target_directory":"/w/target",
              "resolve":{"nodes":[
                {"id":"a","deps":[{"pkg":"b","dep_kinds":[{"kind":null}]},{"pkg":"d","dep_kinds":[{"kind":"dev"}]}]},
                {"id":"b","deps":[{"pkg":"c","dep_kinds":[{"kind":"build"},{"kind":null}]}]}]}}"#,
        )
        .unwrap();
        let package = metadata.packages.get("a").unwrap();
        assert_eq!(
            forbidden_paths(&metadata, package),
            [["callback", "nice", "mio"]]
        );
    }

    #[test]
    fn the_line_of_a_dependency_is_found() {
        let manifest = "[dependencies]\nsip-x = 1\nsip.workspace = true\n";
        assert_eq!(line_of(manifest, &ours("sip", Need::Normal)), 3);
    }
}
