//! What the crates of others must be like: licence, origin, not banned, one version each.

use std::collections::BTreeMap;

use anyhow::bail;

use super::licence;
use super::rules::{
    BANNED, Exception, LICENCE_EXCEPTIONS, LICENCES, OWN_LICENCE, REGISTRIES, SECOND_VERSIONS,
};
use super::{Finding, House};
use crate::metadata::Package;

const LOCK: &str = "Cargo.lock";

/// Looks at every package of the graph.
pub(super) fn check(house: &House) -> anyhow::Result<Vec<Finding>> {
    for exception in LICENCE_EXCEPTIONS.iter().chain(SECOND_VERSIONS) {
        if exception.reason.is_empty() || exception.decided.len() != "yyyy-mm-dd".len() {
            bail!(
                "the exception for `{}` needs a reason and a date",
                exception.name
            );
        }
    }
    let lock = house.text(LOCK).unwrap_or_default();
    let packages: Vec<&Package> = house.metadata.packages.values().collect();
    let mut findings = Vec::new();
    for package in &packages {
        let own = house.metadata.members.contains(&package.id);
        let line = lock_line(lock, package);
        let problem = if own {
            own_problem(package)
        } else {
            foreign_problem(package)
        };
        if let Some((problem, remedy)) = problem {
            findings.push(Finding::error(LOCK, line, problem, remedy));
        }
    }
    for (name, versions) in second_versions(&packages, SECOND_VERSIONS) {
        let line = packages
            .iter()
            .find(|package| package.name == name)
            .map_or(1, |package| lock_line(lock, package));
        let problem = format!("`{name}` is there in versions {}", versions.join(", "));
        let remedy = "align the versions, or list it with reason and date (SECOND_VERSIONS)";
        findings.push(Finding::error(LOCK, line, problem, remedy).warning());
    }
    findings.extend(useless_exceptions(&packages));
    Ok(findings)
}

fn own_problem(package: &Package) -> Option<(String, String)> {
    (package.licence.as_deref() != Some(OWN_LICENCE)).then(|| {
        (
            format!("our package `{}` is not under {OWN_LICENCE}", package.name),
            "say `license.workspace = true` in its manifest".to_owned(),
        )
    })
}

fn foreign_problem(package: &Package) -> Option<(String, String)> {
    let Package { name, version, .. } = package;
    if let Some((_, remedy)) = BANNED.iter().find(|(banned, _)| banned == name) {
        return Some((format!("`{name}` is banned"), (*remedy).to_owned()));
    }
    let source = package
        .source
        .as_deref()
        .unwrap_or("a path outside the workspace");
    if !REGISTRIES.contains(&source) {
        return Some((
            format!("`{name}` comes from {source}"),
            "use a release from crates.io".to_owned(),
        ));
    }
    if LICENCE_EXCEPTIONS
        .iter()
        .any(|exception| exception.name == name)
    {
        return None;
    }
    let problem = match &package.licence {
        None => format!("`{name}` {version} names no licence"),
        Some(expression) => match licence::accepted(expression, LICENCES) {
            Ok(true) => return None,
            Ok(false) => format!("`{name}` {version} is under {expression}"),
            Err(error) => format!("licence `{expression}` of `{name}` {version}: {error}"),
        },
    };
    let remedy = "choose another crate, or list it with reason and date (LICENCE_EXCEPTIONS)";
    Some((problem, remedy.to_owned()))
}

/// Names with more than one version that are not on the list, and the versions.
fn second_versions<'a>(
    packages: &[&'a Package],
    known: &[Exception],
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    // Ours have no source; one of them bears the name of a foreign crate.
    for package in packages.iter().filter(|package| package.source.is_some()) {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    versions.retain(|name, versions| {
        versions.len() > 1 && !known.iter().any(|exception| exception.name == *name)
    });
    versions
}

/// Exceptions that nothing needs any more.
fn useless_exceptions(packages: &[&Package]) -> Vec<Finding> {
    let count = |name: &str| {
        packages
            .iter()
            .filter(|package| package.name == name)
            .count()
    };
    let licences = LICENCE_EXCEPTIONS
        .iter()
        .filter(|known| count(known.name) == 0);
    let versions = SECOND_VERSIONS.iter().filter(|known| count(known.name) < 2);
    licences
        .chain(versions)
        .map(|known| {
            Finding::error(
                "xtask/src/tidy/rules.rs",
                1,
                format!("the exception for `{}` is no longer needed", known.name),
                "remove it",
            )
            .warning()
        })
        .collect()
}

/// The line of the lock file where a package stands.
fn lock_line(lock: &str, package: &Package) -> usize {
    let name = format!("name = \"{}\"", package.name);
    let version = format!("version = \"{}\"", package.version);
    lock.lines()
        .zip(lock.lines().skip(1))
        .position(|(first, second)| first == name && second == version)
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, licence: Option<&str>, source: Option<&str>) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
            manifest: "Cargo.toml".into(),
            dependencies: Vec::new(),
            targets: Vec::new(),
        }
    }

    #[track_caller]
    fn check(name: &str, licence: Option<&str>, source: Option<&str>, problem: Option<&str>) {
        let found = foreign_problem(&package(name, licence, source)).map(|(problem, _)| problem);
        assert_eq!(found.as_deref(), problem);
    }

    const CRATES_IO: Option<&str> = Some("registry+https://github.com/rust-lang/crates.io-index");

    #[test]
    fn licence_origin_and_bans_are_looked_at() {
        check("serde", Some("MIT OR Apache-2.0"), CRATES_IO, None);
        check(
            "readline",
            Some("GPL-3.0-only"),
            CRATES_IO,
            Some("`readline` 1.0.0 is under GPL-3.0-only"),
        );
        check("x", None, CRATES_IO, Some("`x` 1.0.0 names no licence"));
        check(
            "native-tls",
            Some("MIT"),
            CRATES_IO,
            Some("`native-tls` is banned"),
        );
        check(
            "x",
            Some("MIT"),
            Some("git+https://example.net/x"),
            Some("`x` comes from git+https://example.net/x"),
        );
        check(
            "x",
            Some("MIT"),
            None,
            Some("`x` comes from a path outside the workspace"),
        );
    }

    #[test]
    fn our_packages_have_our_licence() {
        assert!(own_problem(&package("sip", Some("Apache-2.0"), None)).is_none());
        assert!(own_problem(&package("sip", None, None)).is_some());
    }

    #[test]
    fn second_versions_are_found_unless_known() {
        let (a, b) = (package("a", None, CRATES_IO), package("b", None, CRATES_IO));
        let a2 = Package {
            version: "2.0.0".to_owned(),
            ..a.clone()
        };
        let ours = package("b", Some(OWN_LICENCE), None);
        let packages = [&a, &b, &a2, &ours];
        let found = second_versions(&packages, &[]);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("a", vec!["1.0.0", "2.0.0"])]
        );
        let known = Exception {
            name: "a",
            reason: "test",
            decided: "2026-01-01",
        };
        assert!(second_versions(&packages, &[known]).is_empty());
    }

    #[test]
    fn the_line_in_the_lock_file_belongs_to_the_version() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"0.9.0\"\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        assert_eq!(lock_line(lock, &package("a", None, None)), 6);
    }
}
