//! Rust source without its comments and texts, so that a search for a word finds code only.

use std::ops::Range;

/// What a stretch of Rust source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// One Rust file, cut into code, comments and texts.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file as it is.
    pub(crate) whole: String,
    /// The file with comments and the inside of texts blanked; offsets and lines are unchanged.
    pub(crate) code: String,
    /// The file with the inside of texts blanked; comments are still there.
    pub(crate) without_texts: String,
    /// The file with comments and code blanked: only the inside of texts is left.
    pub(crate) texts: String,
    /// Lines before the tests at the end (`#[cfg(test)] mod …`); all lines when there are none.
    pub(crate) lines_before_tests: usize,
}

impl Source {
    /// Cuts a file.
    pub(crate) fn new(whole: String) -> Self {
        let parts = cut(&whole);
        let code = keep(&whole, &parts, &[Kind::Code]);
        let without_texts = keep(&whole, &parts, &[Kind::Code, Kind::Comment]);
        let texts = keep(&whole, &parts, &[Kind::Text]);
        let lines_before_tests = lines_before_tests(&code);
        Self {
            whole,
            code,
            without_texts,
            texts,
            lines_before_tests,
        }
    }
}

/// Number, from 1, of the first line that satisfies the condition.
pub(crate) fn line_where(text: &str, condition: impl Fn(&str) -> bool) -> Option<usize> {
    text.lines().position(condition).map(|index| index + 1)
}

/// Whether the text has the word, not as a part of a longer one.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, found)| {
        let before = text.get(..start).and_then(|t| t.chars().next_back());
        let after = text
            .get(start + found.len()..)
            .and_then(|t| t.chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// Lines up to the first `mod` that stands directly under `#[cfg(test)]`; tests come last.
fn lines_before_tests(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let is_test_module = |index: usize| {
        lines.get(index).is_some_and(|line| *line == "#[cfg(test)]")
            && lines
                .iter()
                .skip(index + 1)
                .find(|line| !line.is_empty() && !line.starts_with("#["))
                .is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    (0..lines.len())
        .find(|index| is_test_module(*index))
        .unwrap_or(lines.len())
}

/// Blanks what is not wanted, byte by byte; line ends stay.
fn keep(whole: &str, parts: &[(Kind, Range<usize>)], wanted: &[Kind]) -> String {
    let mut kept = String::with_capacity(whole.len());
    for (kind, range) in parts {
        let part = whole.get(range.clone()).unwrap_or_default();
        if wanted.contains(kind) {
            kept.push_str(part);
        } else {
            kept.extend(
                part.bytes()
                    .map(|byte| if byte == b'\n' { '\n' } else { ' ' }),
            );
        }
    }
    kept
}

/// Cuts source into neighbouring parts; quotation marks count as code, what is between as text.
fn cut(whole: &str) -> Vec<(Kind, Range<usize>)> {
    let bytes = whole.as_bytes();
    let mut parts = Vec::new();
    let mut code_start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let found = special(bytes, at);
        let Some((kind, range)) = found else {
            at += 1;
            continue;
        };
        parts.push((Kind::Code, code_start..range.start));
        code_start = range.end;
        // A closing quotation mark must not be taken for an opening one.
        at = if kind == Kind::Text {
            after_closing(bytes, range.end)
        } else {
            range.end
        };
        parts.push((kind, range));
    }
    parts.push((Kind::Code, code_start..bytes.len()));
    parts
}

/// The comment or text that begins at this byte.
fn special(bytes: &[u8], at: usize) -> Option<(Kind, Range<usize>)> {
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"//") {
        return Some((Kind::Comment, at..find(bytes, at, b"\n")));
    }
    if rest.starts_with(b"/*") {
        return Some((Kind::Comment, at..end_of_block_comment(bytes, at)));
    }
    match rest.first()? {
        b'"' => Some((Kind::Text, at + 1..end_of_text(bytes, at + 1))),
        b'\'' => character(rest).map(|length| (Kind::Text, at + 1..at + 1 + length)),
        b'r' if !follows_word(bytes, at) => raw_text(bytes, at),
        _ => None,
    }
}

/// `r"…"` and `r#"…"#`, also as the tail of `br"…"` and `cr"…"`.
fn raw_text(bytes: &[u8], at: usize) -> Option<(Kind, Range<usize>)> {
    let hashes = bytes
        .get(at + 1..)?
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let start = at + 2 + hashes;
    let mut closing = vec![b'"'];
    closing.extend(std::iter::repeat_n(b'#', hashes));
    Some((Kind::Text, start..find(bytes, start, &closing)))
}

/// Whether the byte before belongs to a name; `b` and `c` alone are prefixes of a text.
fn follows_word(bytes: &[u8], at: usize) -> bool {
    let name = |index: Option<usize>| {
        index
            .and_then(|index| bytes.get(index))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let before = at.checked_sub(1);
    let is_prefix = matches!(before.and_then(|b| bytes.get(b)), Some(b'b' | b'c'));
    if is_prefix {
        name(at.checked_sub(2))
    } else {
        name(before)
    }
}

/// Bytes between the quotation marks of a character literal; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let end = rest.iter().skip(3).position(|byte| *byte == b'\'')?;
        return Some(end + 2);
    }
    let text = std::str::from_utf8(rest.get(1..rest.len().min(6))?);
    let first = match text {
        Ok(text) => text.chars().next(),
        Err(error) => std::str::from_utf8(rest.get(1..1 + error.valid_up_to())?)
            .ok()?
            .chars()
            .next(),
    }?;
    (rest.get(1 + first.len_utf8()) == Some(&b'\'')).then(|| first.len_utf8())
}

fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_block_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn after_closing(bytes: &[u8], end: usize) -> usize {
    (end + 1).min(bytes.len())
}

/// Offset of the next occurrence, or the end.
fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.windows(wanted.len()).position(|part| part == wanted))
        .map_or(bytes.len(), |position| from + position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(whole: &str, code: &str) {
        let source = Source::new(whole.to_owned());
        assert_eq!(source.code, code);
        assert_eq!(source.code.len(), whole.len());
    }

    #[test]
    fn comments_and_texts_are_blanked() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"f("x // y", 'z')"#, r#"f("      ", ' ')"#);
        check(r#"f("\"x\\")"#, r#"f("     ")"#);
        check(r##"f(r#"a"b"#, br"c\")"##, r##"f(r#"   "#, br"  ")"##);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        check("let r#type = r; // x", "let r#type = r;     ");
        check(
            r"('\'', '\\', '\u{41}', 'ä')",
            r"('  ', '  ', '      ', '  ')",
        );
    }

    #[test]
    fn unfinished_source_ends_at_its_end() {
        check("a \"b", "a \" ");
        check("a /* b", "a     ");
        check("'", "'");
    }

    #[test]
    fn only_the_inside_of_texts_can_be_had_too() {
        let source = Source::new("a(\"b\") // c".to_owned());
        assert_eq!(source.texts, "   b       ");
        assert_eq!(source.without_texts, "a(\" \") // c");
    }

    #[test]
    fn tests_at_the_end_are_not_counted() {
        let source = Source::new("a\nb\n#[cfg(test)]\n#[x]\nmod tests {\n}\n".to_owned());
        assert_eq!(source.lines_before_tests, 2);
        let source = Source::new("a\n#[cfg(test)]\nfn helper() {}\nb\n".to_owned());
        assert_eq!(source.lines_before_tests, 4);
        let source = Source::new("a\n#[cfg(test)]\nmod tests;\nb\n".to_owned());
        assert_eq!(source.lines_before_tests, 4);
    }

    #[test]
    fn words_are_whole_words() {
        assert!(has_word("use rsip::x;", "rsip"));
        assert!(!has_word("use rsip_x;", "rsip"));
        assert!(!has_word("use my_rsip;", "rsip"));
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(line_where("a\nb", |line| line == "b"), Some(2));
    }
}
