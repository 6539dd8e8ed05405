//! Pages: loading them with their root, and moving from one to the next.

use std::sync::Arc;

use script::Base;

use super::run::{After, Run};
use super::{Context, Loaded, Phase, Session};
use crate::access;
use crate::address;
use crate::effect::{Answer, Body, Effect, FetchError, FetchKind, Trace};
use crate::grammar::Grammar;
use crate::limits::{DATA_BYTES_MAX, DOCUMENT_BYTES_MAX, GRAMMAR_BYTES_MAX, SCRIPT_BYTES_MAX};
use crate::model::{Assignable, Document, Fetching, Goto, Target};
use crate::world::{Thrown, Try};
use crate::xml;

/// Why something is fetched.
#[derive(Debug)]
pub(super) enum Purpose {
    Document(Arrival),
    Root {
        leaf: Arc<Document>,
        arrival: Arrival,
    },
    Script {
        run: Box<Run>,
        url: String,
        charset: Option<String>,
    },
    Grammar(String),
    Data {
        run: Box<Run>,
        name: Option<Assignable>,
        declares: Option<Arc<str>>,
        /// Where it is asked for.
        url: String,
    },
}

/// Where a page is entered and by whom.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) url: String,
    pub(super) fragment: Option<String>,
    pub(super) is_subdialog: bool,
    /// By `<submit>`.
    pub(super) is_submitted: bool,
}

impl Session {
    pub(super) fn first_page(&mut self, address: &str) {
        let arrival = Arrival::new("", address, false);
        let done = self.fetch_page(arrival, None, &Fetching::default());
        self.caught(done);
    }

    /// `goto`, `link` and `choice`.
    ///
    /// `from`: what the address is resolved against, when it is not the page in use.
    pub(super) fn goto(&mut self, goto: &Goto, base: Base, from: Option<&str>) -> Try<()> {
        match &goto.target {
            Target::Item(name) => {
                let name = self.world.string(name, base)?;
                let dialog = self.dialog()?;
                let at = dialog.items.iter().position(|item| *item.name == *name);
                if at.is_none() {
                    let message = format!("there is no item {name} in this form");
                    return Err(Box::new(Thrown::bad_fetch(message)));
                }
                self.context().next_item = at;
                self.phase = Phase::Select;
                Ok(())
            }
            Target::Address(address) => {
                let mut address = self.world.string(address, base)?;
                if let Some(from) = from.filter(|from| **from != *self.address_base()) {
                    address = address::resolve(from, &address);
                }
                match address.trim().strip_prefix('#') {
                    Some(id) => self.goto_dialog(id),
                    None => self.goto_page(&address, None, &goto.request.fetch, false),
                }
            }
        }
    }

    pub(super) fn goto_page(
        &mut self,
        address: &str,
        body: Option<Body>,
        fetch: &Fetching,
        is_subdialog: bool,
    ) -> Try<()> {
        let arrival = Arrival::new(&self.address_base(), address, is_subdialog);
        self.fetch_page(arrival, body, fetch)
    }

    pub(super) fn fetch_page(
        &mut self,
        arrival: Arrival,
        body: Option<Body>,
        fetch: &Fetching,
    ) -> Try<()> {
        let url = arrival.url.clone();
        let id = self.fetch(FetchKind::Document, url, body, fetch)?;
        let purpose = Box::new(Purpose::Document(arrival));
        self.phase = Phase::Fetch { id, purpose };
        Ok(())
    }

    /// An answer came.
    pub(super) fn fetched(&mut self, id: u64, answer: Result<Answer, FetchError>) {
        let Some(answer) = self.past_hold(id, answer) else {
            return;
        };
        let purpose = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Fetch {
                id: waited,
                purpose,
            } if waited == id => *purpose,
            other => {
                self.phase = other;
                return;
            }
        };
        let done = match purpose {
            Purpose::Document(arrival) => self.page_arrived(answer, arrival),
            Purpose::Root { leaf, arrival } => self.root_arrived(answer, leaf, &arrival),
            Purpose::Script { run, url, charset } => {
                self.script_arrived(answer, run, &url, charset.as_deref())
            }
            Purpose::Grammar(url) => {
                self.grammar_arrived(answer, url);
                Ok(())
            }
            Purpose::Data {
                run,
                name,
                declares,
                url,
            } => self.data_arrived(answer, run, (name.as_ref(), declares.as_deref()), &url),
        };
        self.caught(done);
    }

    fn compiled(&self, answer: Result<Answer, FetchError>, url: &str) -> Try<Arc<Document>> {
        let answer = answer.map_err(|error| failed(&error))?;
        let url = if answer.url.is_empty() {
            url
        } else {
            &answer.url
        };
        let text = text_of(&answer, DOCUMENT_BYTES_MAX)?;
        self.start.library.document(url, &text).map_err(|problems| {
            let first = problems
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            Box::new(Thrown::bad_fetch(format!("{url}: {first}")))
        })
    }

    fn page_arrived(&mut self, answer: Result<Answer, FetchError>, arrival: Arrival) -> Try<()> {
        let leaf = self.compiled(answer, &arrival.url)?;
        self.found_page(leaf, arrival)
    }

    /// A page is there; its root may have to be fetched first.
    pub(super) fn found_page(&mut self, leaf: Arc<Document>, arrival: Arrival) -> Try<()> {
        find_entry(&leaf, &arrival)?;
        let application = leaf
            .application
            .clone()
            .filter(|application| *application != leaf.url);
        let Some(application) = application else {
            return self.enter_page(leaf, None, &arrival);
        };
        let known = self
            .context()
            .root
            .clone()
            .filter(|root| root.doc.url == application);
        if let Some(known) = known {
            return self.enter_page(leaf, Some(known.doc), &arrival);
        }
        let url = application.to_string();
        let id = self.fetch(FetchKind::Document, url, None, &Fetching::default())?;
        let purpose = Box::new(Purpose::Root { leaf, arrival });
        self.phase = Phase::Fetch { id, purpose };
        Ok(())
    }

    fn root_arrived(
        &mut self,
        answer: Result<Answer, FetchError>,
        leaf: Arc<Document>,
        arrival: &Arrival,
    ) -> Try<()> {
        let url = leaf.application.clone().unwrap_or_else(|| "".into());
        let root = self.compiled(answer, &url)?;
        if root.application.is_some() {
            let message = "the application root names a root of its own";
            return Err(Box::new(Thrown::semantic(message)));
        }
        self.enter_page(leaf, Some(root), arrival)
    }

    /// Moves to a page: from here on errors belong to it.
    fn enter_page(
        &mut self,
        leaf: Arc<Document>,
        root: Option<Arc<Document>>,
        arrival: &Arrival,
    ) -> Try<()> {
        let entry = find_entry(&leaf, arrival)?;
        if arrival.is_subdialog {
            self.push_context()?;
        }
        self.documents += 1;
        let mut goto = leaf.url.to_string();
        if let Some(fragment) = &arrival.fragment {
            goto.push('#');
            goto.push_str(fragment);
        }
        self.effect(Effect::Trace(Trace::Goto(goto)));
        self.grammars.clear();
        // Type-ahead holds within a page.
        self.keys.clear();
        let old = std::mem::take(self.context());
        let known_root = old
            .root
            .as_ref()
            .filter(|root| !arrival.is_subdialog && is_same_root(root, &leaf))
            // A root that is submitted to begins anew (V2.0 1.5.2).
            .filter(|root| !arrival.is_submitted || root.doc.url != leaf.url);
        let parts = self.world.parts;
        let done = match (root, known_root.cloned()) {
            // Within one application the variables of the root stay.
            (Some(_), Some(known)) => {
                self.context().root = Some(known);
                self.world
                    .apply(parts.document, &[script::Argument::Json(&false.into())])
                    .map(|()| (leaf, After::Document))
            }
            (None, Some(known)) => {
                let context = self.context();
                context.root = Some(known.clone());
                context.leaf = Some(known);
                context.entry = entry;
                self.forget_unused(&old);
                self.world
                    .apply(parts.document, &[script::Argument::Json(&true.into())])?;
                return self.document_ready();
            }
            (Some(root), None) => {
                self.context().pending = Some(leaf);
                self.world
                    .apply(parts.application, &[])
                    .map(|()| (root, After::Root))
            }
            (None, None) => self
                .world
                .apply(parts.application, &[])
                .map(|()| (leaf, After::Document)),
        };
        self.context().entry = entry;
        let (doc, after) = done?;
        let loaded = self.load(&doc, &old);
        let context = self.context();
        if context.root.is_none() {
            context.root = Some(loaded.clone());
        }
        if matches!(after, After::Document) {
            context.leaf = Some(loaded.clone());
        }
        self.forget_unused(&old);
        self.phase = Phase::Run(Run::new(&doc.init, loaded.base, after));
        Ok(())
    }

    /// The root is initialised: now the page.
    pub(super) fn root_ready(&mut self) -> Try<()> {
        let Some(doc) = self.context().pending.take() else {
            return self.document_ready();
        };
        self.world.apply(
            self.world.parts.document,
            &[script::Argument::Json(&false.into())],
        )?;
        let loaded = self.load(&doc, &Context::default());
        self.context().leaf = Some(loaded.clone());
        self.phase = Phase::Run(Run::new(&doc.init, loaded.base, After::Document));
        Ok(())
    }

    /// The page is initialised: now its dialog.
    pub(super) fn document_ready(&mut self) -> Try<()> {
        let context = self.context();
        let dialog = context.entry.zip(context.leaf.as_ref());
        let dialog = dialog.and_then(|(at, leaf)| leaf.doc.dialogs.get(at).cloned());
        match dialog {
            Some(dialog) => self.enter_dialog(&dialog),
            None => self.nothing_left(),
        }
    }

    /// Brings the scripts of a page into the sandbox, once.
    fn load(&mut self, doc: &Arc<Document>, old: &Context) -> Loaded {
        let all = self.contexts.iter().chain([old]);
        let mut loaded = all
            .flat_map(|context| [context.root.as_ref(), context.leaf.as_ref()])
            .flatten();
        if let Some(known) = loaded.find(|known| Arc::ptr_eq(&known.doc, doc)) {
            return known.clone();
        }
        Loaded {
            doc: Arc::clone(doc),
            base: self.world.extend(&doc.program),
        }
    }

    /// Gives back the scripts of pages that nobody uses any more.
    pub(super) fn forget_unused(&mut self, old: &Context) {
        for candidate in [&old.root, &old.leaf].into_iter().flatten() {
            let uses = |loaded: &Option<Loaded>| {
                loaded
                    .as_ref()
                    .is_some_and(|loaded| loaded.base == candidate.base)
            };
            let used = self
                .contexts
                .iter()
                .any(|context| uses(&context.root) || uses(&context.leaf));
            if !used {
                self.world.forget(candidate.base);
            }
        }
        let bases = std::mem::take(&mut self.grammar_bases);
        for (_, base) in bases {
            self.world.forget(base);
        }
    }

    fn grammar_arrived(&mut self, answer: Result<Answer, FetchError>, url: String) {
        let made = answer.map_err(|error| failed(&error)).and_then(|answer| {
            let text = text_of(&answer, GRAMMAR_BYTES_MAX)?;
            let made = self.start.library.grammar(&url, &text);
            made.map_err(|problem| Box::new(Thrown::bad_fetch(format!("{url}: {problem}"))))
        });
        let made: Result<Arc<Grammar>, (String, String)> =
            made.map_err(|thrown| (thrown.event, thrown.message.unwrap_or_default()));
        self.grammars.insert(url, made);
        self.phase = Phase::Activate;
    }

    fn script_arrived(
        &mut self,
        answer: Result<Answer, FetchError>,
        run: Box<Run>,
        url: &str,
        charset: Option<&str>,
    ) -> Try<()> {
        let answer = answer.map_err(|error| failed(&error))?;
        let text = text_in(&answer, charset, SCRIPT_BYTES_MAX)?;
        let file = self.start.library.script(url, &text);
        let file = file.map_err(|problem| Box::new(Thrown::bad_fetch(problem.to_string())))?;
        let base = self.world.extend(&file.program);
        let done = self.world.run(file.code.of(base));
        self.world.forget(base);
        done?;
        self.phase = Phase::Run(run);
        Ok(())
    }

    fn data_arrived(
        &mut self,
        answer: Result<Answer, FetchError>,
        run: Box<Run>,
        (name, declares): (Option<&Assignable>, Option<&str>),
        url: &str,
    ) -> Try<()> {
        let answer = answer.map_err(|error| failed(&error))?;
        let text = text_of(&answer, DATA_BYTES_MAX)?;
        let file = if answer.url.is_empty() {
            url
        } else {
            &answer.url
        };
        let kind = answer
            .content_type
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let is_json =
            kind.contains("json") || (kind.is_empty() && !text.trim_start().starts_with('<'));
        let base = run.base;
        if is_json {
            let value: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| Box::new(Thrown::bad_fetch(format!("no JSON: {error}"))))?;
            self.put(name, declares, script::Argument::Json(&value), base)?;
        } else {
            let page = self
                .context()
                .leaf
                .as_ref()
                .map(|leaf| leaf.doc.url.to_string());
            if !access::may_read(&page.unwrap_or_default(), file, &text) {
                let message = "its access-control does not name this page's host";
                return Err(Box::new(Thrown::new("error.noauthorization", message)));
            }
            let tree = self.world.xml(&text)?;
            let done = self.put(name, declares, script::Argument::Kept(tree), base);
            self.world.release(tree);
            done?;
        }
        self.phase = Phase::Run(run);
        Ok(())
    }

    fn put(
        &mut self,
        name: Option<&Assignable>,
        declares: Option<&str>,
        value: script::Argument<'_>,
        base: Base,
    ) -> Try<()> {
        match (declares, name) {
            (Some(name), _) => {
                let part = self.world.parts.put;
                self.world
                    .apply(part, &[script::Argument::Text(name), value])
            }
            (None, Some(name)) => self.world.store(name, value, base),
            (None, None) => Ok(()),
        }
    }
}

impl Arrival {
    pub(super) fn new(base: &str, address: &str, is_subdialog: bool) -> Self {
        let (_, fragment) = address::split_fragment(address.trim());
        Self {
            url: address::resolve(base, address),
            fragment: fragment
                .filter(|fragment| !fragment.is_empty())
                .map(str::to_owned),
            is_subdialog,
            is_submitted: false,
        }
    }
}

/// Whether the root in use is the one of this page.
fn is_same_root(root: &Loaded, leaf: &Document) -> bool {
    let wanted = leaf.application.as_ref().unwrap_or(&leaf.url);
    root.doc.url == *wanted
}

/// The dialog that a page is entered by.
fn find_entry(doc: &Document, arrival: &Arrival) -> Try<Option<usize>> {
    match &arrival.fragment {
        None => Ok((!doc.dialogs.is_empty()).then_some(0)),
        Some(id) => match doc.ids.get(id) {
            Some(at) => Ok(Some(*at)),
            None => Err(Box::new(Thrown::bad_fetch(format!(
                "there is no dialog {id} in {}",
                doc.url
            )))),
        },
    }
}

/// The event for a fetch that failed.
fn failed(error: &FetchError) -> Box<Thrown> {
    let event = match error.status {
        _ if error.forbidden => "error.noauthorization".to_owned(),
        Some(status) => format!("error.badfetch.http.{status}"),
        None => "error.badfetch".to_owned(),
    };
    Box::new(Thrown::new(event, error.message.as_str()))
}

fn text_of(answer: &Answer, bytes_max: usize) -> Try<String> {
    text_in(answer, None, bytes_max)
}

/// The text of an answer, in an encoding that the page names.
fn text_in(answer: &Answer, charset: Option<&str>, bytes_max: usize) -> Try<String> {
    if answer.body.len() > bytes_max {
        let message = format!("the answer is larger than {bytes_max} bytes");
        return Err(Box::new(Thrown::bad_fetch(message)));
    }
    xml::decode(&answer.body, charset)
        .ok_or_else(|| Box::new(Thrown::bad_fetch("the answer is no text")))
}
