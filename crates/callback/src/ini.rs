//! The INI dialect of services, agents and Transaction Lists, read with line numbers and repairs.
//!
//! The rules are those of notifications §5.1; every text in gives a file or one error with its
//! line, never a panic. Names are not judged here: whoever knows them asks [`repair`] for names
//! that lost their underscores (notifications §5.2) and reports the answer as a [`Repair`].

use serde::Serialize;

use crate::limits::{IMPORT_MAX, IMPORT_SECTIONS_MAX};

/// Keys of one section; keys are compared one by one, so their number must not grow freely.
const SECTION_ENTRIES_MAX: usize = 4096;

/// A read file: sections in the order of their first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The sections; names are unique.
    pub sections: Vec<Section>,
    /// What was read all the same but looks like a mistake.
    pub warnings: Vec<Warning>,
}

/// One `[name]` with its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Text between the brackets, trimmed.
    pub name: String,
    /// Line of the first header with this name, from 1.
    pub line: u32,
    /// The values in the order of their first appearance; keys are unique.
    pub entries: Vec<Entry>,
}

impl Section {
    /// The value of `key`, as written.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|e| e.key == key)
            .map(|e| e.value.as_str())
    }
}

/// One `key = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Text before the first `=`, trimmed.
    pub key: String,
    /// Text after it with its continuation lines, joined by one blank, trimmed.
    pub value: String,
    /// Line of the key, from 1.
    pub line: u32,
}

/// Something that was read all the same but looks like a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Line in the file, from 1.
    pub line: u32,
    /// Section it is about.
    pub section: String,
    /// Key it is about, if one.
    pub key: Option<String>,
    /// What was found and what was done.
    pub message: String,
}

/// A name that was put right on import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// Line in the file, from 1.
    pub line: u32,
    /// The name as written.
    pub from: String,
    /// The name it was read as.
    pub to: String,
}

/// The text is not in this dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    /// Line in the file, from 1.
    pub line: u32,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Reads a file whose names nobody knows beforehand.
///
/// # Errors
///
/// A line that is neither section, `key = value`, comment nor continuation; a key before the
/// first section; a file above the bounds of [`crate::limits`].
pub fn parse(text: &str) -> Result<File, ParseError> {
    parse_known(text, &|_| false)
}

/// Reads a file. An indented line continues the value above, unless its key is `known`, as it is
/// or after [`repair`]: a leading underscore that became a blank looks like an indentation.
///
/// # Errors
///
/// Like [`parse`].
pub fn parse_known(text: &str, known: &dyn Fn(&str) -> bool) -> Result<File, ParseError> {
    if text.len() > IMPORT_MAX {
        let message = format!("the file is larger than {IMPORT_MAX} bytes; split it");
        return Err(ParseError { line: 1, message });
    }
    let mut reader = Reader {
        file: File::default(),
        known,
        section: None,
        entry: None,
        after_blank: false,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.split('\n').enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let line = line.strip_suffix('\r').unwrap_or(line);
        reader.line(number, line).map_err(|message| ParseError {
            line: number,
            message,
        })?;
    }
    Ok(reader.file)
}

/// Proposes the right spelling of `name`: inner runs of blanks become `_`, and a leading `_` is
/// added when only that makes the name known. `None` when the name is fine as it is.
pub fn repair(name: &str, known: &dyn Fn(&str) -> bool) -> Option<String> {
    if known(name) {
        return None;
    }
    let joined = name.split_whitespace().collect::<Vec<_>>().join("_");
    if !known(&joined) {
        let led = format!("_{joined}");
        if known(&led) {
            return Some(led);
        }
    }
    (joined != name).then_some(joined)
}

/// Tells whether a value is a text to be filled in, e.g. `<your URL>`, `{Specify a queue}`,
/// `{unset}`. Such a value counts as unset. `{ }` and JSON objects are values.
#[must_use]
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('<').and_then(|v| v.strip_suffix('>')) {
        return !inner.contains(['<', '>']);
    }
    let Some(inner) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) else {
        return false;
    };
    let inner = inner.trim();
    // A JSON object starts with a quoted key; broken JSON is an error elsewhere, not "unset".
    !inner.is_empty() && !inner.starts_with(['"', '{', '[', '\'']) && !inner.contains(['{', '}'])
}

/// Splits a comma list: items trimmed, empty ones dropped.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

struct Reader<'k> {
    file: File,
    known: &'k dyn Fn(&str) -> bool,
    /// Index of the section and entry that a continuation line belongs to.
    section: Option<usize>,
    entry: Option<usize>,
    /// The last line was blank: a list broken after a comma has ended.
    after_blank: bool,
}

impl Reader<'_> {
    fn line(&mut self, number: u32, line: &str) -> Result<(), String> {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            self.after_blank = true;
            return Ok(());
        }
        if line.starts_with([';', '#']) {
            return Ok(());
        }
        let indented = line.starts_with(char::is_whitespace) && !self.is_known_key(trimmed);
        let after_blank = std::mem::take(&mut self.after_blank);
        if let Some(entry) = self.current() {
            let broken_list = entry.value.ends_with(',')
                && !after_blank
                && !trimmed.contains('=')
                && !trimmed.contains('[');
            if indented || broken_list {
                if !entry.value.is_empty() {
                    entry.value.push(' ');
                }
                entry.value.push_str(trimmed);
                return Ok(());
            }
        } else if trimmed.starts_with([';', '#']) {
            return Ok(());
        }
        if trimmed.starts_with('[') {
            self.open_section(number, trimmed)
        } else {
            self.add_entry(number, trimmed)
        }
    }

    fn is_known_key(&self, line: &str) -> bool {
        line.split_once('=').is_some_and(|(key, _)| {
            let key = key.trim();
            let known = self.known;
            known(key) || repair(key, known).is_some_and(|repaired| known(&repaired))
        })
    }

    fn current(&mut self) -> Option<&mut Entry> {
        let section = self.file.sections.get_mut(self.section?)?;
        section.entries.get_mut(self.entry?)
    }

    fn open_section(&mut self, line: u32, text: &str) -> Result<(), String> {
        let (name, rest) = text
            .strip_prefix('[')
            .and_then(|t| t.split_once(']'))
            .ok_or("the section has no closing bracket; write [name]")?;
        let (name, rest) = (name.trim(), rest.trim());
        if name.is_empty() {
            return Err(String::from("the section has no name; write [name]"));
        }
        if !rest.is_empty() && !rest.starts_with([';', '#']) {
            return Err(String::from(
                "text after the section; write it on a line of its own",
            ));
        }
        self.entry = None;
        if let Some(at) = self.file.sections.iter().position(|s| s.name == name) {
            let message = format!("section [{name}] appears again; the last value of a key wins");
            self.section = Some(at);
            self.warn(line, name, None, message);
            return Ok(());
        }
        if self.file.sections.len() >= IMPORT_SECTIONS_MAX {
            return Err(format!(
                "more than {IMPORT_SECTIONS_MAX} sections; split the file"
            ));
        }
        self.section = Some(self.file.sections.len());
        self.file.sections.push(Section {
            name: name.to_owned(),
            line,
            entries: Vec::new(),
        });
        Ok(())
    }

    fn add_entry(&mut self, line: u32, text: &str) -> Result<(), String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("neither [section], key = value nor comment (; or #)")?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err(String::from("no key before the ="));
        }
        let section = self
            .section
            .and_then(|at| self.file.sections.get_mut(at))
            .ok_or("a key before the first [section]")?;
        let name = section.name.clone();
        let entry = Entry {
            key: key.to_owned(),
            value: value.to_owned(),
            line,
        };
        let at = section.entries.iter().position(|e| e.key == key);
        let count = section.entries.len();
        self.entry = Some(at.unwrap_or(count));
        match at.and_then(|at| section.entries.get_mut(at)) {
            Some(former) => {
                let message = format!("{key} was set in line {}; this value wins", former.line);
                *former = entry;
                self.warn(line, &name, Some(key), message);
            }
            None if count >= SECTION_ENTRIES_MAX => {
                return Err(format!(
                    "more than {SECTION_ENTRIES_MAX} keys in one section"
                ));
            }
            None => section.entries.push(entry),
        }
        Ok(())
    }

    fn warn(&mut self, line: u32, section: &str, key: Option<&str>, message: String) {
        let section = section.to_owned();
        let key = key.map(str::to_owned);
        self.file.warnings.push(Warning {
            line,
            section,
            key,
            message,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, key: &str) -> String {
        parse(text).unwrap().sections[0]
            .get(key)
            .unwrap_or("(none)")
            .to_owned()
    }

    #[test]
    fn sections_keys_and_lines_are_read() {
        let text = "\u{feff}; top\r\n[service.billing]\r\n  _ttl = 5 \r\n# note\r\n_x=a=b\r\n";
        let file = parse(text).unwrap();
        assert_eq!(file.warnings, []);
        let section = &file.sections[0];
        assert_eq!(
            (section.name.as_str(), section.line),
            ("service.billing", 2)
        );
        let entries: Vec<_> = section
            .entries
            .iter()
            .map(|e| (e.key.as_str(), e.value.as_str(), e.line))
            .collect();
        assert_eq!(entries, [("_ttl", "5", 3), ("_x", "a=b", 5)]);
    }

    #[test]
    fn indented_lines_continue_a_value() {
        assert_eq!(
            value("[s]\na = {\"x\":\n  1,\n\t\"y\": 2}\n", "a"),
            "{\"x\": 1, \"y\": 2}"
        );
        assert_eq!(value("[s]\na =\n  long\n", "a"), "long");
    }

    #[test]
    fn an_indented_known_key_is_no_continuation() {
        let known = |n: &str| n == "_ttl";
        let text = "[s]\n target = a\n ttl = 5\n _ttl = 6\n German = 5\n";
        let section = parse_known(text, &known).unwrap().sections.remove(0);
        let keys: Vec<_> = section
            .entries
            .iter()
            .map(|e| (e.key.as_str(), e.value.as_str()))
            .collect();
        assert_eq!(
            keys,
            [("target", "a"), ("ttl", "5"), ("_ttl", "6 German = 5")]
        );
    }

    #[test]
    fn a_list_broken_after_a_comma_is_one_list() {
        let text = "[s]\nnotify_params = _a, _b,\n_c,\n_d\nnext = 1\n";
        assert_eq!(value(text, "notify_params"), "_a, _b, _c, _d");
        assert_eq!(value(text, "next"), "1");
        assert_eq!(value("[s]\na = 1,\nb = 2\n", "b"), "2");
        assert_eq!(parse("[s]\na = 1,\n[t]\n").unwrap().sections.len(), 2);
        assert!(
            parse("[s]\na = 1,\n\nstray\n").is_err(),
            "a blank line ends the list"
        );
    }

    #[test]
    fn repeated_sections_and_keys_are_merged_with_a_warning() {
        let file = parse("[s]\na=1\nb=1\n[t]\n[s]\na=2\n").unwrap();
        assert_eq!(file.sections.len(), 2);
        assert_eq!(file.sections[0].get("a"), Some("2"));
        assert_eq!(file.sections[0].get("b"), Some("1"));
        let lines: Vec<_> = file
            .warnings
            .iter()
            .map(|w| (w.line, w.key.as_deref()))
            .collect();
        assert_eq!(lines, [(5, None), (6, Some("a"))]);
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line) in [
            ("a = 1", 1),
            ("[s]\nstray", 2),
            ("[s\n", 1),
            ("\n[]\n", 2),
            ("[s]\n= 1", 2),
            ("[s] x", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn bounds_hold() {
        assert!(parse(&" ".repeat(IMPORT_MAX + 1)).is_err());
        let many: String = (0..=IMPORT_SECTIONS_MAX)
            .map(|n| format!("[s{n}]\n"))
            .collect();
        let error = parse(&many).unwrap_err();
        assert_eq!(error.line as usize, IMPORT_SECTIONS_MAX + 1);
        let keys: String = (0..=SECTION_ENTRIES_MAX)
            .map(|n| format!("k{n}=\n"))
            .collect();
        assert!(parse(&format!("[s]\n{keys}")).is_err());
    }

    #[test]
    fn placeholders_are_told_from_values() {
        for text in [
            "<your URL>",
            "{Specify a queue}",
            "{unset}",
            " <x> ",
            "{Enter URL, please}",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "{ }",
            "{}",
            r#"{"file":"a.wav"}"#,
            "a<b>",
            "<a> or <b>",
            "",
            "{",
            "x",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn lost_underscores_are_found() {
        let known = |n: &str| ["_status_notification_type", "notify_params", "_ttl"].contains(&n);
        for (from, to) in [
            (
                "status notification type",
                Some("_status_notification_type"),
            ),
            (
                " status   notification type",
                Some("_status_notification_type"),
            ),
            ("notify params", Some("notify_params")),
            ("ttl", Some("_ttl")),
            ("_ttl", None),
            ("own_key", None),
            ("own key", Some("own_key")),
        ] {
            assert_eq!(repair(from, &known).as_deref(), to, "{from}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        // A small linear congruential generator: the same garbage on every run.
        let alphabet: Vec<char> = "[]=;#,\n\r\t \u{feff}\u{0}äaé_{<>}\u{2028}"
            .chars()
            .collect();
        let mut seed = 1_u64;
        for _ in 0..2000 {
            let text: String = (0..60)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    alphabet[usize::try_from(seed >> 33).unwrap() % alphabet.len()]
                })
                .collect();
            if let Ok(file) = parse(&text) {
                for section in &file.sections {
                    assert!(!section.name.is_empty());
                    for entry in &section.entries {
                        let _placeholder = is_placeholder(&entry.value);
                        let _repaired = repair(&entry.key, &|_| false);
                    }
                }
            }
        }
    }
}
