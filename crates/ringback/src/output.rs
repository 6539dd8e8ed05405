//! What commands print: results on standard output, notes on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::outcome::Failure;

/// Prints one line on standard output; a reader that went away is no reason to fail.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _gone = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints text as it is on standard output.
pub(crate) fn raw(text: &str) {
    let mut out = io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints one line on standard error.
pub(crate) fn note(text: &str) {
    let _gone = writeln!(io::stderr().lock(), "{text}");
}

/// Runs something long; on a terminal a line on standard error tells how long it has been going on.
pub(crate) async fn with_clock<T>(label: &str, work: impl Future<Output = T>) -> T {
    if !io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = pin!(work);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut seconds = 0_u64;
    loop {
        tokio::select! {
            done = &mut work => {
                // Erases the line: what follows is the result.
                let _gone = write!(io::stderr().lock(), "\r\u{1b}[2K");
                return done;
            }
            _ = tick.tick() => {
                let _gone = write!(io::stderr().lock(), "\r{label}: {seconds} s ");
                seconds += 1;
            }
        }
    }
}

/// Tells of a failure and turns it into the exit status.
pub(crate) fn failed(failure: &Failure, as_json: bool) -> ExitCode {
    let red = io::stderr().is_terminal();
    let (on, off) = if red {
        ("\u{1b}[31m", "\u{1b}[0m")
    } else {
        ("", "")
    };
    note(&format!("{on}error:{off} {}", failure.message));
    if !failure.remedy.is_empty() {
        note(&format!("  what to do: {}", failure.remedy));
    }
    if as_json {
        line(&failure_json(&failure.message, &failure.remedy));
    }
    failure.status.into()
}

/// What a script that asked for JSON reads of a failure.
pub(crate) fn failure_json(message: &str, remedy: &str) -> String {
    json!({"ok": false, "error": {"message": message, "remedy": remedy}}).to_string()
}

/// A table for people: columns as wide as their widest cell.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A JSON value as a cell: texts without quotes, nothing for null; control characters of foreign
/// data never reach the terminal.
pub(crate) fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The rows of an array of objects, by their keys.
pub(crate) fn rows(list: Option<&Value>, keys: &[&str]) -> Vec<Vec<String>> {
    let objects = list.and_then(Value::as_array).into_iter().flatten();
    objects
        .map(|object| keys.iter().map(|key| cell(object.get(key))).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["a".to_owned(), "bb".to_owned()],
            vec!["ccc".to_owned(), "d".to_owned()],
        ];
        assert_eq!(table(&["X", "Y"], &rows), "X    Y\na    bb\nccc  d\n");
    }

    #[test]
    fn foreign_control_characters_never_reach_the_terminal() {
        assert_eq!(cell(Some(&json!("a\u{1b}[31mb\n"))), "a [31mb ");
        assert_eq!(cell(Some(&json!(null))), "");
        assert_eq!(cell(Some(&json!({"a": 1}))), "{\"a\":1}");
    }
}
