//! Documents: the needed ones exist, name what exists, and have one title each.

use super::rules::DOCUMENTS;
use super::{Finding, House, TextFile, has_extension};

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Looks at the documents.
pub(super) fn check(house: &House) -> Vec<Finding> {
    let exists = |path: &str| house.root.join(path).exists();
    let mut findings: Vec<Finding> = DOCUMENTS
        .iter()
        .filter(|path| !exists(path))
        .map(|path| Finding::error(*path, 1, "the file is missing", "write it"))
        .collect();
    for file in &house.texts {
        if has_extension(&file.path, &["md"]) {
            findings.extend(title_problem(file));
        }
        findings.extend(change_name_problem(&file.path));
    }
    for document in DOCUMENTS.iter().filter(|path| has_extension(path, &["md"])) {
        let text = house.text(document).unwrap_or_default();
        for (line, path) in named_paths(text).filter(|(_, path)| !exists(path)) {
            let problem = format!("{path} does not exist");
            findings.push(Finding::error(*document, line, problem, "correct the page"));
        }
    }
    if let Some(text) = house.text(ARCHITECTURE) {
        for package in house.metadata.own() {
            if !names_package(text, &package.name) {
                findings.push(Finding::error(
                    ARCHITECTURE,
                    1,
                    format!("package `{}` is not named", package.name),
                    "say in one line what it is for",
                ));
            }
        }
    }
    findings
}

/// Exactly one `# ` heading outside code blocks, and nothing but blank lines before it.
fn title_problem(file: &TextFile) -> Option<Finding> {
    let remedy = "begin with one `# Title`; parts have `## `";
    let mut titles = prose(&file.text).filter(|(_, line)| line.starts_with("# "));
    let Some((first, _)) = titles.next() else {
        return Some(Finding::error(
            &file.path,
            1,
            "the document has no title",
            remedy,
        ));
    };
    if let Some((second, _)) = titles.next() {
        return Some(Finding::error(&file.path, second, "a second title", remedy));
    }
    let before = file.text.lines().take(first - 1);
    let late = before.into_iter().any(|line| !line.trim().is_empty());
    late.then(|| Finding::error(&file.path, first, "the title is not the first line", remedy))
}

/// Entries of the change log are `changes/<issue>-<words>.md`.
fn change_name_problem(path: &str) -> Option<Finding> {
    let name = path.strip_prefix("changes/")?;
    let well_named = name
        .strip_suffix(".md")
        .and_then(|name| name.split_once('-'))
        .is_some_and(|(issue, words)| {
            let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            !issue.is_empty()
                && issue.chars().all(|c| c.is_ascii_digit())
                && words
                    .split('-')
                    .all(|word| !word.is_empty() && word.chars().all(lower))
        });
    (!well_named).then(|| {
        Finding::error(
            path,
            1,
            "the name of a change is <issue>-<words>.md",
            "rename it, e.g. changes/2-busy-numbers-are-retried.md",
        )
    })
}

/// Paths of this repository between backticks, also in code blocks, with their lines.
fn named_paths(text: &str) -> impl Iterator<Item = (usize, &str)> {
    const TOPS: &[&str] = &[
        ".cargo/", ".ci/", ".config/", "changes/", "crates/", "docs/", "fuzz/", "web/", "xtask/",
    ];
    (1..).zip(text.lines()).flat_map(|(number, line)| {
        line.split(|c: char| c.is_whitespace() || "`()[],;\"".contains(c))
            .map(|word| word.trim_end_matches(['.', ':']))
            .filter(|word| TOPS.iter().any(|top| word.starts_with(top)))
            // `<issue>` and `*` stand for many.
            .filter(|word| !word.contains(['<', '*']))
            .map(move |word| (number, word))
    })
}

fn names_package(text: &str, name: &str) -> bool {
    text.contains(&format!("`{name}`")) || text.contains(&format!("`crates/{name}`"))
}

/// Lines outside fenced code blocks, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_title(text: &str, expected: Option<(usize, &str)>) {
        let file = TextFile {
            path: "a.md".to_owned(),
            text: text.to_owned(),
        };
        let found = title_problem(&file);
        let found = found
            .as_ref()
            .map(|finding| (finding.line, finding.problem.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_document_has_one_title_at_its_top() {
        check_title("# A\n\n## B\n", None);
        check_title("# A\n```sh\n# comment\n```\n", None);
        check_title("text\n", Some((1, "the document has no title")));
        check_title("# A\n# B\n", Some((2, "a second title")));
        check_title("x\n\n# A\n", Some((3, "the title is not the first line")));
    }

    #[test]
    fn changes_are_named_by_issue_and_words() {
        assert!(change_name_problem("changes/2-busy-is-retried.md").is_none());
        assert!(change_name_problem("docs/glossary.md").is_none());
        for name in [
            "busy.md",
            "2.md",
            "2-.md",
            "2-Busy.md",
            "x-busy.md",
            "2-a--b.md",
            "2-a.txt",
        ] {
            assert!(
                change_name_problem(&format!("changes/{name}")).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn paths_are_found_with_and_without_backticks() {
        let text = "see `crates/sip`, (docs/glossary.md).\nnot http://x/crates/y, sip/ or `changes/<issue>-x.md`\n";
        let found: Vec<_> = named_paths(text).collect();
        assert_eq!(found, [(1, "crates/sip"), (1, "docs/glossary.md")]);
    }

    #[test]
    fn packages_are_named_by_name_or_path() {
        assert!(names_package("`sip`: x", "sip"));
        assert!(names_package("`crates/sip`: x", "sip"));
        assert!(!names_package("sip: x", "sip"));
    }
}
