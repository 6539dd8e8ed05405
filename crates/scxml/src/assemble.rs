//! From a URL to one tree: files are asked for, includes put in place, prefixes applied.

use std::collections::HashMap;
use std::sync::Arc;

use crate::address::resolve;
use crate::compile;
use crate::dialect::{Dialect, XINCLUDE};
use crate::limits::{
    DOCUMENT_BYTES_MAX, INCLUDE_DEPTH_MAX, INCLUDED_BYTES_MAX, INCLUDED_FILES_MAX,
};
use crate::model::Document;
use crate::prefix;
use crate::problem::{Place, Problem};
use crate::xml::{self, Child, Element};

/// Files by their address: the text, or why it cannot be had.
pub(crate) type Files = HashMap<String, Result<Arc<str>, String>>;

/// Loads a document with all it includes; whoever owns it does the fetching.
///
/// ```
/// let page = "<scxml xmlns='http://www.w3.org/2005/07/scxml'><final id='end'/></scxml>";
/// let mut loader = scxml::Loader::new("page.scxml", page, None);
/// while let Some(url) = loader.poll_missing() {
///     loader.handle_file(&url, Err("not found".to_owned()));
/// }
/// let document = loader.finish().unwrap();
/// assert_eq!(document.state_count(), 1);
/// ```
#[derive(Debug)]
pub struct Loader {
    url: String,
    dialect: Option<Dialect>,
    files: Files,
    asked: Vec<String>,
    bytes: usize,
}

impl Loader {
    /// Begins with the text of the document itself; without a dialect it is chosen by what the
    /// document looks like.
    pub fn new(
        url: impl Into<String>,
        text: impl Into<Arc<str>>,
        dialect: Option<Dialect>,
    ) -> Self {
        let (url, text) = (url.into(), text.into());
        let mut loader = Self {
            url: url.clone(),
            dialect,
            files: HashMap::new(),
            asked: Vec::new(),
            bytes: text.len(),
        };
        loader.discover(&url, &text);
        loader.files.insert(url, Ok(text));
        loader
    }

    /// The next file that is needed.
    pub fn poll_missing(&mut self) -> Option<String> {
        self.asked.pop()
    }

    /// Hands in a file, or why it cannot be had.
    pub fn handle_file(&mut self, url: &str, text: Result<String, String>) {
        let text = text.and_then(|text| {
            self.bytes = self.bytes.saturating_add(text.len());
            match self.bytes {
                0..=INCLUDED_BYTES_MAX => Ok(Arc::from(text)),
                _ => Err(format!(
                    "the document is larger than {INCLUDED_BYTES_MAX} bytes in all"
                )),
            }
        });
        if let Ok(text) = &text {
            self.discover(url, text);
        }
        self.files.insert(url.to_owned(), text);
    }

    /// Compiles what was loaded.
    ///
    /// # Errors
    /// Everything that keeps the document from running, at most a hundred problems.
    pub fn finish(self) -> Result<Document, Vec<Problem>> {
        let text = match self.files.get(&self.url) {
            Some(Ok(text)) => Arc::clone(text),
            _ => Arc::from(""),
        };
        if text.len() > DOCUMENT_BYTES_MAX {
            let message = format!("the document is larger than {DOCUMENT_BYTES_MAX} bytes");
            return Err(vec![Problem::new(&Place::default(), message)]);
        }
        let mut root = xml::parse(&text, &"".into()).map_err(|problem| vec![problem])?;
        let dialect = self.dialect.unwrap_or_else(|| Dialect::of(&root));
        let mut includer = Includer {
            files: &self.files,
            open: vec![self.url.clone()],
            count: 0,
            problems: Vec::new(),
        };
        includer.expand(&mut root, &self.url);
        if !includer.problems.is_empty() {
            return Err(includer.problems);
        }
        let options = compile::Options {
            url: Arc::from(self.url.as_str()),
            dialect: Some(dialect),
            files: &self.files,
            inline_depth: 0,
        };
        compile::compile(&root, &options)
    }

    /// Notes what a file refers to.
    fn discover(&mut self, url: &str, text: &str) {
        if text.len() > DOCUMENT_BYTES_MAX || self.files.len() > INCLUDED_FILES_MAX {
            return;
        }
        if let Ok(root) = xml::parse(text, &"".into()) {
            self.discover_in(url, &root);
        }
    }

    fn discover_in(&mut self, url: &str, element: &Element) {
        let reference = match element.name.as_str() {
            "include" if &*element.namespace == XINCLUDE => element.attribute("href"),
            "script" | "data" => element.attribute("src"),
            _ => None,
        };
        if let Some(reference) = reference {
            let address = resolve(url, reference);
            if !self.files.contains_key(&address) && !self.asked.contains(&address) {
                self.asked.push(address);
            }
        }
        for inner in element.elements() {
            self.discover_in(url, inner);
        }
    }
}

struct Includer<'a> {
    files: &'a Files,
    /// The files that are being included, the document first.
    open: Vec<String>,
    count: usize,
    problems: Vec<Problem>,
}

impl Includer<'_> {
    /// Replaces every include below an element by what it names.
    fn expand(&mut self, element: &mut Element, url: &str) {
        // The place of a script or data file is relative to the file that names it.
        if matches!(element.name.as_str(), "script" | "data") && url != self.first() {
            for attribute in element
                .attributes
                .iter_mut()
                .filter(|attribute| attribute.name == "src")
            {
                attribute.value = resolve(url, &attribute.value);
            }
        }
        let children = std::mem::take(&mut element.children);
        for child in children {
            match child {
                Child::Element(include)
                    if &*include.namespace == XINCLUDE && include.name == "include" =>
                {
                    match self.included(&include, url) {
                        Ok(content) => element.children.extend(content),
                        Err(message) => self.problems.push(Problem::new(&include.place, message)),
                    }
                }
                Child::Element(mut inner) => {
                    self.expand(&mut inner, url);
                    element.children.push(Child::Element(inner));
                }
                text @ Child::Text(_) => element.children.push(text),
            }
        }
    }

    fn first(&self) -> &str {
        self.open.first().map_or("", String::as_str)
    }

    fn included(&mut self, include: &Element, url: &str) -> Result<Vec<Child>, String> {
        let reference = include.attribute("href").ok_or("an include needs `href`")?;
        let address = resolve(url, reference);
        self.count += 1;
        if self.count > INCLUDED_FILES_MAX {
            return Err(format!("more than {INCLUDED_FILES_MAX} files are included"));
        }
        if self.open.contains(&address) {
            return Err(format!("`{address}` includes itself"));
        }
        if self.open.len() > INCLUDE_DEPTH_MAX {
            return Err(format!(
                "includes are nested deeper than {INCLUDE_DEPTH_MAX}"
            ));
        }
        let text = match self.files.get(&address) {
            Some(Ok(text)) => Arc::clone(text),
            Some(Err(message)) => return Err(format!("`{address}` cannot be included: {message}")),
            None => return Err(format!("`{address}` was not loaded")),
        };
        let own_prefix = include
            .attribute("resolveid")
            .map(str::trim)
            .unwrap_or_default();
        let text = prefix::in_text(&text, own_prefix);
        if include.attribute("parse") == Some("text") {
            return Ok(vec![Child::Text(text.into_owned())]);
        }
        let mut root = xml::parse(&text, &Arc::from(address.as_str()))
            .map_err(|problem| problem.to_string())?;
        self.open.push(address.clone());
        self.expand(&mut root, &address);
        self.open.pop();
        let mut part = match include.attribute("xpointer") {
            None => root,
            Some(pointer) => take(root, pointer.trim())
                .ok_or_else(|| format!("`{address}` has no element with the id `{pointer}`"))?,
        };
        if !own_prefix.is_empty() {
            prefix::in_tree(&mut part, own_prefix);
        }
        Ok(vec![Child::Element(part)])
    }
}

/// Cuts the element with an id out of a tree.
fn take(root: Element, id: &str) -> Option<Element> {
    if root.attribute("id") == Some(id) {
        return Some(root);
    }
    root.children.into_iter().find_map(|child| match child {
        Child::Element(element) => take(element, id),
        Child::Text(_) => None,
    })
}
