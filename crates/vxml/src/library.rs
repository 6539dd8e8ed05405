//! Compiled pages, scripts and grammars, shared by sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use script::{Compiler, Program, Snippet};

use crate::compile::script_code;
use crate::grammar::Grammar;
use crate::model::Document;
use crate::problem::{Place, Problem};

/// Sources that are kept; the oldest makes room.
const ENTRIES_MAX: usize = 512;
/// Bytes of all sources that are kept.
const BYTES_MAX: usize = 32 << 20;

/// A compiled script file.
#[derive(Debug)]
pub(crate) struct ScriptFile {
    pub(crate) program: Arc<Program>,
    pub(crate) code: Snippet,
}

/// What was compiled, by address and source: the same source is compiled once.
///
/// Whether a source is still the right one is the business of whoever fetches it.
#[derive(Debug, Default)]
pub struct Library {
    documents: Mutex<Shelf<Document>>,
    scripts: Mutex<Shelf<ScriptFile>>,
    grammars: Mutex<Shelf<Grammar>>,
}

impl Library {
    /// The page that a source is.
    ///
    /// # Errors
    /// It is not well-formed, or its structure is not that of `VoiceXML` 2.0 or 2.1.
    pub fn document(&self, url: &str, text: &str) -> Result<Arc<Document>, Vec<Problem>> {
        if let Some(known) = lock(&self.documents).get(url, text) {
            return Ok(known);
        }
        let made = Arc::new(Document::compile(url, text)?);
        lock(&self.documents).put(url, text, &made);
        Ok(made)
    }

    /// The grammar that a source is.
    pub(crate) fn grammar(&self, url: &str, text: &str) -> Result<Arc<Grammar>, Problem> {
        if let Some(known) = lock(&self.grammars).get(url, text) {
            return Ok(known);
        }
        let made = Arc::new(Grammar::compile(text)?);
        lock(&self.grammars).put(url, text, &made);
        Ok(made)
    }

    /// The script that a source is.
    pub(crate) fn script(&self, url: &str, text: &str) -> Result<Arc<ScriptFile>, Problem> {
        if let Some(known) = lock(&self.scripts).get(url, text) {
            return Ok(known);
        }
        let refuse = |error: &script::Error| Problem::new(Place::default(), error.to_string());
        let mut compiler = Compiler::new().map_err(|error| refuse(&error))?;
        let code = compiler.function(&script_code(text));
        let program = Arc::new(compiler.finish());
        let made = Arc::new(ScriptFile { program, code });
        lock(&self.scripts).put(url, text, &made);
        Ok(made)
    }
}

fn lock<T>(shelf: &Mutex<Shelf<T>>) -> std::sync::MutexGuard<'_, Shelf<T>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Entry<T> {
    text: Arc<str>,
    made: Arc<T>,
    used: u64,
}

#[derive(Debug)]
struct Shelf<T> {
    entries: HashMap<String, Entry<T>>,
    bytes: usize,
    clock: u64,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
            clock: 0,
        }
    }
}

impl<T> Shelf<T> {
    fn get(&mut self, url: &str, text: &str) -> Option<Arc<T>> {
        self.clock += 1;
        let entry = self
            .entries
            .get_mut(url)
            .filter(|entry| *entry.text == *text)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.made))
    }

    fn put(&mut self, url: &str, text: &str, made: &Arc<T>) {
        self.remove(url);
        while !self.entries.is_empty()
            && (self.entries.len() >= ENTRIES_MAX || self.bytes + text.len() > BYTES_MAX)
        {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(url, _)| url.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        self.bytes += text.len();
        let entry = Entry {
            text: text.into(),
            made: Arc::clone(made),
            used: self.clock,
        };
        self.entries.insert(url.to_owned(), entry);
    }

    fn remove(&mut self, url: &str) {
        if let Some(entry) = self.entries.remove(url) {
            self.bytes -= entry.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_source_is_compiled_once_and_a_changed_one_again() {
        let library = Library::default();
        let page = "<vxml version='2.1'/>";
        let first = library.document("u", page).unwrap();
        assert!(Arc::ptr_eq(&first, &library.document("u", page).unwrap()));
        let other = library.document("u", "<vxml version='2.0'/>").unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
        for n in 0..2 * ENTRIES_MAX {
            library.document(&n.to_string(), page).unwrap();
        }
        assert_eq!(lock(&library.documents).entries.len(), ENTRIES_MAX);
    }
}
