//! What every package of ours has in common: directory, lints, first lines, one test binary.

use super::{Finding, House};
use crate::metadata::Package;
use crate::source::line_where;

/// Looks at the packages of the workspace.
pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in house.metadata.own() {
        let manifest = house.relative(&package.manifest);
        let text = house.text(&manifest).unwrap_or_default();
        if let Some(finding) = directory_problem(&manifest, &package.name) {
            findings.push(finding);
        }
        if !inherits_lints(text) {
            findings.push(Finding::error(
                &manifest,
                text.lines().count().max(1),
                "the package does not inherit the lints of the workspace",
                "add `[lints]` with `workspace = true`",
            ));
        }
        findings.extend(several_test_binaries(&manifest, package));
        findings.extend(unsafe_allowed(house, package));
    }
    findings
}

fn directory_problem(manifest: &str, name: &str) -> Option<Finding> {
    let expected = if name == "xtask" {
        "xtask/Cargo.toml".to_owned()
    } else {
        format!("crates/{name}/Cargo.toml")
    };
    (manifest != expected).then(|| {
        Finding::error(
            manifest,
            1,
            format!("package `{name}` is expected at {expected}"),
            "give directory and package one name",
        )
    })
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

/// Each test binary links the whole product once more.
fn several_test_binaries(manifest: &str, package: &Package) -> Option<Finding> {
    let count = package
        .targets
        .iter()
        .filter(|target| target.kind == "test")
        .count();
    (count > 1).then(|| {
        Finding::error(
            manifest,
            1,
            format!("`{}` has {count} test binaries", package.name),
            "keep tests/it/main.rs with one module per topic, `autotests = false`",
        )
    })
}

/// Only `script` may hold unsafe code; its interpreter is foreign.
fn unsafe_allowed(house: &House, package: &Package) -> Option<Finding> {
    if package.name == "script" {
        return None;
    }
    let roots = package
        .targets
        .iter()
        .filter(|target| matches!(target.kind.as_str(), "lib" | "bin"));
    for root in roots {
        let path = house.relative(&root.file);
        let file = house.rust.iter().find(|file| file.path == path)?;
        let forbids = |line: &str| line.starts_with("#![forbid(unsafe_code");
        if line_where(&file.source.code, forbids).is_none() {
            return Some(Finding::error(
                path,
                1,
                "unsafe code is not forbidden",
                "write `#![forbid(unsafe_code)]` below the header",
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_and_package_have_one_name() {
        assert!(directory_problem("crates/sip/Cargo.toml", "sip").is_none());
        assert!(directory_problem("xtask/Cargo.toml", "xtask").is_none());
        assert!(directory_problem("crates/sips/Cargo.toml", "sip").is_some());
        assert!(directory_problem("sip/Cargo.toml", "sip").is_some());
    }

    #[test]
    fn lints_are_inherited() {
        assert!(inherits_lints("[package]\n\n[lints]\nworkspace = true\n"));
        assert!(!inherits_lints("[package]\n"));
        assert!(!inherits_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
    }
}
