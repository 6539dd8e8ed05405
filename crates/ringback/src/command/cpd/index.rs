//! The index of a corpus: a table with commas, quotes and a head line.

use std::collections::HashMap;
use std::path::Path;

use crate::outcome::Failure;

/// A clip with its truth.
#[derive(Clone, Debug, Default)]
pub(in crate::command) struct Entry {
    /// Path below the folder of the corpus.
    pub(in crate::command) file: String,
    pub(in crate::command) label: String,
    pub(in crate::command) kind: String,
    pub(in crate::command) source: String,
    pub(in crate::command) noise: String,
    pub(in crate::command) snr_db: String,
    pub(in crate::command) codec: String,
    pub(in crate::command) loss_percent: String,
    /// Start of the first sound, ms.
    pub(in crate::command) onset_ms: Option<f64>,
    /// End of the first utterance, ms.
    pub(in crate::command) offset_ms: Option<f64>,
    /// Length of a cycle of the tone, ms.
    pub(in crate::command) cycle_ms: f64,
    /// End of the beep, ms.
    pub(in crate::command) beep_off_ms: Option<f64>,
}

impl Entry {
    /// Whether the noise is at most this strong; without noise it always is.
    pub(in crate::command) fn snr_at_least(&self, db: f64) -> bool {
        self.snr_db.parse::<f64>().map_or(true, |snr| snr >= db)
    }

    /// Length of the first utterance, ms.
    pub(in crate::command) fn utterance_ms(&self) -> Option<f64> {
        Some(self.offset_ms? - self.onset_ms?)
    }

    /// Whether the clip holds speech.
    pub(in crate::command) fn is_speech(&self) -> bool {
        matches!(self.label.as_str(), "human" | "machine")
    }

    /// The country of the tone, empty when the source is none.
    pub(in crate::command) fn country(&self) -> &str {
        match self.label.as_str() {
            "busy" | "congestion" | "ring" | "sit" => &self.source,
            _ => "",
        }
    }
}

/// Reads `index.csv` of a corpus.
pub(in crate::command) fn read(dir: &Path) -> Result<Vec<Entry>, Failure> {
    let path = dir.join("index.csv");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let remedy = "generate a corpus, or write an index.csv with the columns file and label";
        Failure::bad_input(format!("{}: {error}", path.display()), remedy)
    })?;
    parse(&text).map_err(|what| Failure::bad_input(format!("{}: {what}", path.display()), ""))
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut records = records(text).into_iter();
    let head = records.next().ok_or("the file is empty")?;
    for needed in ["file", "label"] {
        if !head.iter().any(|name| name == needed) {
            return Err(format!("no column `{needed}`"));
        }
    }
    let entries = records.map(|fields| {
        let row: HashMap<&str, &str> = head
            .iter()
            .map(String::as_str)
            .zip(fields.iter().map(String::as_str))
            .collect();
        let text = |name: &str| row.get(name).copied().unwrap_or_default().to_owned();
        let ms = |name: &str| row.get(name)?.parse::<f64>().ok().map(|s| s * 1_000.0);
        Entry {
            file: text("file"),
            label: text("label"),
            kind: text("kind"),
            source: text("source"),
            noise: text("noise"),
            snr_db: text("snr_db"),
            codec: text("codec"),
            loss_percent: text("loss_percent"),
            onset_ms: ms("onset_s"),
            offset_ms: ms("offset_s"),
            cycle_ms: cycle_ms(row.get("content").copied().unwrap_or_default()),
            beep_off_ms: ms("beep_off_s"),
        }
    });
    Ok(entries.collect())
}

/// Length of the part of a tone plan that repeats, ms; 0 of other texts.
fn cycle_ms(plan: &str) -> f64 {
    let part = |element: &str| element.split_once('/')?.1.parse::<f64>().ok();
    let parts = plan.split(',').filter(|e| !e.starts_with('!'));
    parts.map(part).sum::<Option<f64>>().unwrap_or(0.0)
}

/// Records of a table as RFC 4180 describes it.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut fields));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        records.push(fields);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_hold_commas_and_quotes() {
        let text = "file,label,content,onset_s,offset_s,snr_db\n\
                    a.wav,human,\"Yes, \"\"hello\"\"?\",0.5,1.25,\n\
                    b.wav,busy,\"425/500,0/500\",,,15";
        let entries = parse(text).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].utterance_ms(), Some(750.0));
        assert!(entries[0].snr_at_least(25.0) && !entries[1].snr_at_least(25.0));
        assert_eq!(
            (entries[1].file.as_str(), entries[1].onset_ms),
            ("b.wav", None)
        );
    }

    #[test]
    fn columns_that_are_needed_are_named() {
        assert_eq!(parse("file,kind\n").unwrap_err(), "no column `label`");
        assert!(parse("").is_err());
    }
}
