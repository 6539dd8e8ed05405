//! Rust files: each begins with a sentence, none is called `mod.rs`, each belongs to a target.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Finding, House, RustFile};
use crate::source::Source;

/// Looks at every Rust file.
pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.rust {
        findings.extend(header_problem(file));
        if file.path == "mod.rs" || file.path.ends_with("/mod.rs") {
            findings.push(Finding::error(
                &file.path,
                1,
                "module files are named after the module",
                "rename it to `<module>.rs` beside its directory",
            ));
        }
    }
    let packages: Vec<String> = house
        .metadata
        .own()
        .iter()
        .filter_map(|package| package.manifest.parent())
        .map(|directory| format!("{}/", house.relative(directory)))
        .collect();
    let roots = house
        .metadata
        .own()
        .iter()
        .flat_map(|package| &package.targets)
        .map(|target| house.relative(&target.file))
        .collect();
    for path in forgotten(&house.rust, roots) {
        if packages.iter().any(|package| path.starts_with(package)) {
            findings.push(Finding::error(
                path,
                1,
                "no module includes this file",
                "name it with `mod` where it belongs, or delete it",
            ));
        }
    }
    findings
}

fn header_problem(file: &RustFile) -> Option<Finding> {
    let first = file.source.whole.lines().next().unwrap_or_default();
    let text = first.strip_prefix("//! ").unwrap_or_default().trim();
    text.is_empty().then(|| {
        Finding::error(
            &file.path,
            1,
            "the file does not begin with a `//!` sentence",
            "say in one sentence what the file is for",
        )
    })
}

/// Files that cannot be reached from the first files of the targets, in the order given.
fn forgotten(files: &[RustFile], roots: BTreeSet<String>) -> Vec<&str> {
    let by_path: BTreeMap<&str, &RustFile> = files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let mut included = roots.clone();
    let mut waiting: Vec<String> = roots.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        let Some(file) = by_path.get(path.as_str()) else {
            continue;
        };
        for candidate in included_by(&path, roots.contains(&path), &file.source) {
            if by_path.contains_key(candidate.as_str()) && included.insert(candidate.clone()) {
                waiting.push(candidate);
            }
        }
    }
    files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| !included.contains(*path))
        .collect()
}

/// Where the modules that a file declares may lie; both layouts for each, missing ones included.
fn included_by(path: &str, is_root: bool, source: &Source) -> Vec<String> {
    let path = Path::new(path);
    let beside = path.parent().unwrap_or_else(|| Path::new(""));
    let below = if is_root || path.ends_with("mod.rs") {
        beside.to_path_buf()
    } else {
        beside.join(path.file_stem().unwrap_or_default())
    };
    let mut candidates = Vec::new();
    for module in declarations(source) {
        match module.path {
            Some(explicit) => candidates.push(beside.join(explicit)),
            None => {
                let directory = module
                    .inside
                    .iter()
                    .fold(below.clone(), |at, name| at.join(name));
                candidates.push(directory.join(format!("{}.rs", module.name)));
                candidates.push(directory.join(&module.name).join("mod.rs"));
            }
        }
    }
    candidates.iter().map(|path| normalised(path)).collect()
}

/// A path without `.` and `..`.
fn normalised(path: &Path) -> String {
    let mut clean = PathBuf::new();
    for part in path {
        match part.to_str() {
            Some(".") => {}
            Some("..") => {
                clean.pop();
            }
            _ => clean.push(part),
        }
    }
    clean.display().to_string()
}

/// `mod name;` somewhere in a file.
#[derive(Debug, PartialEq, Eq)]
struct Declaration {
    name: String,
    /// Names of the inline modules around it.
    inside: Vec<String>,
    /// Value of its `#[path]`, or the file of an `include!`.
    path: Option<String>,
}

/// All declarations of modules that live in files of their own.
fn declarations(source: &Source) -> Vec<Declaration> {
    let mut found = Vec::new();
    // Inline modules we are in, each with the depth of braces at which it ends.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut path = None;
    let tokens = tokens(source);
    for (index, token) in tokens.iter().enumerate() {
        let next = |distance: usize| tokens.get(index + distance).copied().unwrap_or_default();
        match *token {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.retain(|(_, ends_at)| *ends_at <= depth);
            }
            ";" => path = None,
            "path" if next(1) == "=" => path = text_in(next(2)),
            "include" if next(1) == "!" => found.extend(text_in(next(3)).map(|path| Declaration {
                name: String::new(),
                inside: Vec::new(),
                path: Some(path),
            })),
            "mod" if next(2) == ";" => found.push(Declaration {
                name: next(1).trim_start_matches("r#").to_owned(),
                inside: inline.iter().map(|(name, _)| name.clone()).collect(),
                path: path.take(),
            }),
            "mod" if next(2) == "{" => inline.push((next(1).to_owned(), depth + 1)),
            _ => {}
        }
    }
    found
}

/// The content of a text token.
fn text_in(token: &str) -> Option<String> {
    Some(token.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Names, texts (with their quotation marks) and single signs; comments and blanks are left out.
fn tokens(source: &Source) -> Vec<&str> {
    let code = source.code.as_str();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = code.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = code.get(at..).unwrap_or_default();
        let length = if first == '"' {
            // The inside is blank in `code`, so the next mark is the closing one.
            rest.get(1..)
                .and_then(|rest| rest.find('"'))
                .map_or(rest.len(), |end| end + 2)
        } else if is_name(first) {
            rest.find(|c| !is_name(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push(source.whole.get(at..at + length).unwrap_or_default());
        }
        at += length;
    }
    tokens
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '#'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], roots: &[&str], expected: &[&str]) {
        let files: Vec<RustFile> = files
            .iter()
            .map(|(path, whole)| RustFile::example(path, whole))
            .collect();
        let roots = roots.iter().map(|root| (*root).to_owned()).collect();
        assert_eq!(forgotten(&files, roots), expected);
    }

    #[test]
    fn files_are_found_beside_and_below() {
        check(
            &[
                ("a/src/lib.rs", "pub mod b;\nmod c;"),
                ("a/src/b.rs", "pub(crate) mod d;"),
                ("a/src/b/d.rs", ""),
                ("a/src/c.rs", ""),
                ("a/src/d.rs", ""),
            ],
            &["a/src/lib.rs"],
            &["a/src/d.rs"],
        );
    }

    #[test]
    fn a_test_binary_has_its_modules_beside_its_first_file() {
        check(
            &[
                ("a/tests/it/main.rs", "mod busy;"),
                ("a/tests/it/busy.rs", ""),
                ("a/tests/it/late.rs", ""),
            ],
            &["a/tests/it/main.rs"],
            &["a/tests/it/late.rs"],
        );
    }

    #[test]
    fn inline_modules_paths_and_includes_are_followed() {
        check(
            &[
                ("a/src/lib.rs", "mod x { fn f() {} mod y; } mod z;"),
                ("a/src/x/y.rs", ""),
                ("a/src/z.rs", "#[path = \"other/w.rs\"]\nmod w;\nmod v;"),
                ("a/src/other/w.rs", "include!(\"part.rs\");"),
                ("a/src/other/part.rs", ""),
                ("a/src/z/v.rs", ""),
            ],
            &["a/src/lib.rs"],
            &[],
        );
    }

    #[test]
    fn a_module_in_a_comment_or_text_includes_nothing() {
        check(
            &[
                ("a/src/lib.rs", "// mod b;\nconst C: &str = \"mod b;\";"),
                ("a/src/b.rs", ""),
            ],
            &["a/src/lib.rs"],
            &["a/src/b.rs"],
        );
    }

    #[test]
    fn the_first_line_is_a_sentence() {
        assert!(header_problem(&RustFile::example("a.rs", "//! Reads a file.\n")).is_none());
        assert!(header_problem(&RustFile::example("a.rs", "//!\n//! Reads.\n")).is_some());
        assert!(header_problem(&RustFile::example("a.rs", "use a;\n")).is_some());
        assert!(header_problem(&RustFile::example("a.rs", "")).is_some());
    }
}
