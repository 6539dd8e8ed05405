//! What a customer's app shows: the built-in texts, or those of `rb.message_file`.

use serde::{Deserialize, Serialize};

use crate::ini::{self, File};

/// Section of the texts for every language; `messages.de` has those for one.
const SECTION: &str = "messages";
/// Longest text, characters: it has to fit on a phone.
const TEXT_MAX: usize = 500;

/// The texts of a question and of the answers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Texts {
    /// Goes along with the push as `_text`; empty = the push has none.
    pub push: String,
    /// Above the choices.
    pub question: String,
    /// Name of the group of choices.
    pub group: String,
    /// The choice "now".
    pub confirm: String,
    /// The choice "later".
    pub later: String,
    /// The choice "not at all".
    pub cancel: String,
    /// After the choice "now".
    pub confirmed: String,
    /// After the choice "later".
    pub postponed: String,
    /// After the choice "not at all".
    pub cancelled: String,
    /// The button of the last dialog.
    pub ok: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            push: String::new(),
            question: "An agent is free for your callback.".to_owned(),
            group: "Your callback".to_owned(),
            confirm: "Call me now".to_owned(),
            later: "Call me later".to_owned(),
            cancel: "Do not call me".to_owned(),
            confirmed: "Thank you. We call you now.".to_owned(),
            postponed: "We call you later.".to_owned(),
            cancelled: "Your callback is cancelled.".to_owned(),
            ok: "OK".to_owned(),
        }
    }
}

impl Texts {
    /// Reads the texts for a language, e.g. `de-AT`: those of `[messages.de-AT]`, else of
    /// `[messages.de]`, else of `[messages]`, else the built-in ones, text by text.
    ///
    /// # Errors
    /// The file is no INI text, has none of these sections, an unknown key or a text that is too
    /// long.
    pub fn read(text: &str, language: &str) -> Result<Self, String> {
        let file = ini::parse(text).map_err(|e| format!("line {}: {}", e.line, e.message))?;
        let ours = |name: &str| name == SECTION || name.starts_with("messages.");
        if !file.sections.iter().any(|section| ours(&section.name)) {
            return Err(format!("there is no section [{SECTION}]"));
        }
        let mut texts = Self::default();
        let short = language.split(['-', '_']).next().unwrap_or_default();
        let names = [
            SECTION.to_owned(),
            format!("{SECTION}.{short}"),
            format!("{SECTION}.{language}"),
        ];
        for name in names {
            texts.take(&file, &name)?;
        }
        Ok(texts)
    }

    /// Takes over what a section has.
    fn take(&mut self, file: &File, name: &str) -> Result<(), String> {
        let found = file
            .sections
            .iter()
            .find(|section| section.name.eq_ignore_ascii_case(name));
        let entries = found.map_or(&[][..], |section| &section.entries);
        for entry in entries {
            if entry.value.chars().count() > TEXT_MAX {
                let (line, key) = (entry.line, &entry.key);
                return Err(format!(
                    "line {line}: {key} is longer than {TEXT_MAX} characters"
                ));
            }
            let place = self.place(&entry.key);
            let place =
                place.ok_or_else(|| format!("line {}: {} is no text", entry.line, entry.key))?;
            place.clone_from(&entry.value);
        }
        Ok(())
    }

    fn place(&mut self, key: &str) -> Option<&mut String> {
        Some(match key {
            "push" => &mut self.push,
            "question" => &mut self.question,
            "group" => &mut self.group,
            "confirm" => &mut self.confirm,
            "later" => &mut self.later,
            "cancel" => &mut self.cancel,
            "confirmed" => &mut self.confirmed,
            "postponed" => &mut self.postponed,
            "cancelled" => &mut self.cancelled,
            "ok" => &mut self.ok,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[messages]\nquestion = Shall we call?\npush = Your turn\n\
        [messages.de]\nquestion = Sollen wir anrufen?\nok = Gut\n[messages.de-AT]\nok = Passt\n";

    #[test]
    fn texts_are_those_of_the_language_then_of_all_then_built_in() {
        let read = |language: &str| {
            let texts = Texts::read(FILE, language).unwrap();
            (texts.question, texts.ok, texts.push, texts.later)
        };
        let told = |texts: [&str; 4]| {
            let [question, ok, push, later] = texts.map(str::to_owned);
            (question, ok, push, later)
        };
        let later = "Call me later";
        assert_eq!(read(""), told(["Shall we call?", "OK", "Your turn", later]));
        assert_eq!(
            read("fr"),
            told(["Shall we call?", "OK", "Your turn", later])
        );
        let german = ["Sollen wir anrufen?", "Gut", "Your turn", later];
        assert_eq!(read("DE"), told(german));
        assert_eq!(read("de_CH"), told(german));
        let austrian = ["Sollen wir anrufen?", "Passt", "Your turn", later];
        assert_eq!(read("de-at"), told(austrian));
    }

    #[test]
    fn files_that_hold_no_texts_are_refused_with_their_line() {
        let long = format!("[messages]\nok = {}", "x".repeat(501));
        for (file, why) in [
            ("", "there is no section"),
            ("[other]\na = b", "there is no section"),
            ("question = where?", "line 1"),
            ("[messages]\nqestion = x", "line 2: qestion"),
            (long.as_str(), "line 2: ok is longer"),
        ] {
            let error = Texts::read(file, "").unwrap_err();
            assert!(error.starts_with(why), "{file}: {error}");
        }
    }
}
