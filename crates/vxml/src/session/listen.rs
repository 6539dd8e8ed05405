//! Waiting for keys: prompts, grammars, timing (`VoiceXML` 2.0, appendix D).

use std::collections::VecDeque;
use std::sync::Arc;

use script::Base;

use super::document::Purpose;
use super::input::{Carried, Owner};
use super::line::Watch;
use super::marks::Marks;
use super::meaning::no_match;
use super::prompt::Group;
use super::{Phase, Session, Then};
use crate::address;
use crate::effect::{Effect, Ending, FetchKind, Trace};
use crate::grammar::{self, Grammar, Linked, Matcher, Unlinked};
use crate::limits::KEYS_AHEAD_MAX;
use crate::model::{Dialog, Fetching, GrammarRef, GrammarSource, ItemKind};
use crate::world::{Thrown, Try};

/// Wait for the first key where nothing else is said.
const TIMEOUT_MS: u64 = 5_000;
/// Wait for the next key where nothing else is said.
pub(super) const INTERDIGIT_MS: u64 = 3_000;
/// Keys of one input.
const INPUT_MAX: usize = 256;

/// A grammar that listens.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) matcher: Matcher,
    pub(super) owner: Owner,
}

#[derive(Debug)]
struct Timing {
    timeout_ms: u64,
    interdigit_ms: u64,
    term_ms: u64,
    term: Option<char>,
}

/// Waiting for an input.
#[derive(Debug)]
pub(super) struct Listen {
    groups: VecDeque<Group>,
    /// What is being played.
    playing: Option<Sound>,
    active: Vec<Active>,
    keys: String,
    timing: Timing,
    deadline: Option<i64>,
    /// When nothing that counts is no input.
    noinput_at: Option<i64>,
    /// Keys during a prompt that is played to its end are kept.
    keeps_keys: bool,
    /// Keys that no grammar takes are nothing.
    hotword: bool,
}

/// A play while the page listens.
#[derive(Clone, Copy, Debug)]
struct Sound {
    id: u64,
    /// A key stops it.
    barge_in: bool,
    /// Only keys that a grammar takes stop it.
    hotword: bool,
}

impl Listen {
    pub(super) fn deadline(&self) -> Option<i64> {
        self.deadline
    }

    pub(super) fn playing(&self) -> Option<u64> {
        self.playing.map(|sound| sound.id)
    }

    /// Some keys are there and more may come.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// A prompt that cannot be interrupted is being played.
    pub(super) fn is_deaf(&self) -> bool {
        self.playing.is_some_and(|sound| !sound.barge_in)
    }

    /// The first grammar that takes the keys as they are.
    fn complete(&self) -> Option<&Active> {
        self.active
            .iter()
            .find(|active| active.matcher.state().complete)
    }

    fn extendable(&self) -> bool {
        self.active
            .iter()
            .any(|active| active.matcher.state().extendable)
    }
}

/// A grammar of the place where the page is.
struct Candidate {
    grammar: GrammarRef,
    owner: Owner,
    base: Base,
    /// Against what its address is resolved.
    address_base: Arc<str>,
}

/// A grammar with a rule to begin with and the address it stands at.
type Placed = (Arc<Grammar>, Option<String>, String);

/// What came of looking for grammars.
enum Found {
    /// With the number of grammars for speech that are left out.
    Ready(Vec<Active>, u32),
    /// One has to be fetched first.
    Fetching,
}

impl Session {
    /// Visits an item that wants an input.
    pub(super) fn activate(&mut self) -> Try<()> {
        if self.hung_up {
            if std::mem::take(&mut self.hangup_pending) {
                return Err(Box::new(Thrown::plain("connection.disconnect.hangup")));
            }
            self.finish(Ending::Hangup);
            return Ok(());
        }
        if self.is_record() {
            if let Found::Ready(active, _) = self.found()? {
                self.flush(Then::Record(active));
            }
            return Ok(());
        }
        if self.is_transfer() {
            // Only its own grammars listen, and it needs none (V2.0 2.3.7).
            if let Found::Ready(active, _) = self.found()? {
                let matchers = active.into_iter().map(|active| active.matcher);
                self.flush(Then::Transfer(Watch::new(matchers.collect())));
            }
            return Ok(());
        }
        let active = match self.active()? {
            Found::Ready(active, _) => active,
            Found::Fetching => return Ok(()),
        };
        let timeout_ms = match self.queue.iter().rev().find_map(|queued| queued.timeout_ms) {
            Some(timeout_ms) => timeout_ms,
            None => self.time_property("timeout", TIMEOUT_MS)?,
        };
        let term = match self.property("termchar")? {
            Some(text) => text.trim().chars().next(),
            None => Some('#'),
        };
        let timing = Timing {
            timeout_ms,
            interdigit_ms: self.time_property("interdigittimeout", INTERDIGIT_MS)?,
            term_ms: self.time_property("termtimeout", 0)?,
            term,
        };
        let keeps_keys = self
            .context()
            .dialog
            .as_ref()
            .is_some_and(|dialog| dialog.clear_keys == Some(false));
        let hotword = self.queue.last().is_some_and(|queued| queued.hotword);
        let groups = self.take_queue();
        self.marks = Marks::default();
        let listen = Box::new(Listen {
            groups,
            playing: None,
            active,
            keys: String::new(),
            timing,
            deadline: None,
            noinput_at: None,
            keeps_keys,
            hotword,
        });
        self.next_group(listen);
        Ok(())
    }

    /// Plays the next prompts, or begins to wait.
    fn next_group(&mut self, mut listen: Box<Listen>) {
        while let Some(group) = listen.groups.pop_front() {
            if group.hotword {
            } else if group.barge_in {
                // Keys are there already: the prompt would be interrupted at once.
                if !self.keys.is_empty() {
                    continue;
                }
            } else if !listen.keeps_keys {
                self.keys.clear();
            }
            listen.playing = Some(Sound {
                id: self.play_group(&group),
                barge_in: group.barge_in,
                hotword: group.hotword,
            });
            match self.keys.pop_front().filter(|_| group.hotword) {
                Some(key) => self.press(listen, key),
                None => self.phase = Phase::Listen(listen),
            }
            return;
        }
        listen.playing = None;
        if let Some(key) = self.keys.pop_front() {
            self.press(listen, key);
            return;
        }
        listen.noinput_at = Some(self.after(listen.timing.timeout_ms));
        if listen.keys.is_empty() {
            listen.deadline = listen.noinput_at;
        }
        self.phase = Phase::Listen(listen);
    }

    fn play_group(&mut self, group: &Group) -> u64 {
        self.play(Group {
            prompts: group.prompts.clone(),
            barge_in: group.barge_in,
            hotword: group.hotword,
        })
    }

    pub(super) fn played_group(&mut self, listen: Box<Listen>) {
        self.next_group(listen);
    }

    pub(super) fn after(&self, ms: u64) -> i64 {
        self.now_ms
            .saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// A key while waiting.
    pub(super) fn heard(&mut self, mut listen: Box<Listen>, key: char) {
        if listen.is_deaf() {
            if listen.keeps_keys && self.keys.len() < KEYS_AHEAD_MAX {
                self.keys.push_back(key);
            }
            self.phase = Phase::Listen(listen);
            return;
        }
        if !listen.playing.is_some_and(|sound| sound.hotword) {
            self.stop_prompts(&mut listen);
        }
        self.press(listen, key);
    }

    fn stop_prompts(&mut self, listen: &mut Listen) {
        if let Some(sound) = listen.playing.take() {
            self.effect(Effect::StopPlay(sound.id));
            self.silent(sound.id);
            listen.groups.clear();
        }
    }

    /// With hot words keys that are none were nothing: the wait goes on.
    fn forget_keys(&mut self, listen: &mut Listen) {
        listen.keys.clear();
        listen.deadline = listen.noinput_at.filter(|_| listen.playing.is_none());
        for active in &mut listen.active {
            active.matcher = Matcher::new(&Arc::clone(active.matcher.linked()));
        }
    }

    /// Takes a key, and those that wait behind it.
    fn press(&mut self, mut listen: Box<Listen>, mut key: char) {
        loop {
            let is_term = listen.timing.term == Some(key);
            let is_wanted = listen
                .active
                .iter()
                .any(|active| active.matcher.accepts(key));
            if is_term && !is_wanted && (listen.complete().is_some() || !listen.hotword) {
                self.decide(listen);
                return;
            }
            if listen.complete().is_some() && !is_wanted {
                // The input is complete and waits for its end only: the key belongs to the next.
                self.keys.push_front(key);
                self.decide(listen);
                return;
            }
            listen.keys.push(key);
            for active in &mut listen.active {
                active.matcher.press(key);
            }
            let (complete, extendable) = (listen.complete().is_some(), listen.extendable());
            let leads_nowhere = !complete && !extendable;
            if leads_nowhere && listen.hotword {
                self.forget_keys(&mut listen);
                match self.keys.pop_front() {
                    Some(next) => {
                        key = next;
                        continue;
                    }
                    None => break,
                }
            }
            if leads_nowhere || listen.keys.len() >= INPUT_MAX {
                self.decide(listen);
                return;
            }
            if complete && !extendable && listen.timing.term_ms == 0 {
                // What ends the input is no key for the next one.
                if listen.timing.term.is_some() && self.keys.front().copied() == listen.timing.term
                {
                    self.keys.pop_front();
                }
                self.decide(listen);
                return;
            }
            let wait = if extendable {
                listen.timing.interdigit_ms
            } else {
                listen.timing.term_ms
            };
            listen.deadline = Some(self.after(wait));
            match self.keys.pop_front() {
                Some(next) => key = next,
                None => break,
            }
        }
        self.phase = Phase::Listen(listen);
    }

    pub(super) fn time_of_listen(&mut self, mut listen: Box<Listen>) {
        if listen
            .deadline
            .is_none_or(|deadline| deadline > self.now_ms)
        {
            self.phase = Phase::Listen(listen);
        } else if listen.keys.is_empty() {
            self.throw(Thrown::plain("noinput"));
        } else if listen.hotword && listen.complete().is_none() {
            self.forget_keys(&mut listen);
            self.time_of_listen(listen);
        } else {
            self.decide(listen);
        }
    }

    /// The input is over: it matches or it does not.
    fn decide(&mut self, mut listen: Box<Listen>) {
        self.stop_prompts(&mut listen);
        let keys = listen.keys.clone();
        let matched = listen.complete();
        self.effect(Effect::Trace(Trace::Input {
            keys: keys.clone(),
            matched: matched.is_some(),
        }));
        let Some(active) = matched else {
            // What was typed ahead belonged to an input that failed.
            self.keys.clear();
            self.throw(no_match());
            return;
        };
        let carried = Carried {
            owner: active.owner.clone(),
            keys,
        };
        let done = self
            .interpret(&active.matcher, &carried.keys)
            .and_then(|()| self.take_input(&carried));
        self.caught(done);
    }

    /// All grammars that can listen, in the order of precedence.
    fn found(&mut self) -> Try<Found> {
        let mut active = Vec::new();
        let mut voices = 0_u32;
        for candidate in self.candidates()? {
            let is_own = matches!(candidate.owner, Owner::Item | Owner::Choice(_));
            if candidate.grammar.voice {
                voices += u32::from(is_own);
                continue;
            }
            let Some((grammar, rule, base)) = self.find_grammar(&candidate)? else {
                return Ok(Found::Fetching);
            };
            if grammar.voice {
                voices += u32::from(is_own);
                continue;
            }
            let linked = match Linked::new(&grammar, rule.as_deref(), &base, &self.grammars) {
                Ok(linked) => Arc::new(linked),
                Err(Unlinked::Missing(url)) => {
                    if let Some(builtin) = url.split_once("builtin:dtmf/").map(|(_, name)| name) {
                        let made = grammar::builtin(builtin).map(Arc::new).map_err(|refused| {
                            let (event, message) = refused.event(builtin);
                            (event.to_owned(), message)
                        });
                        self.grammars.insert(url, made);
                        return self.found();
                    }
                    self.ask_for_grammar(url, &Fetching::default())?;
                    return Ok(Found::Fetching);
                }
                Err(Unlinked::Broken(event, message)) => {
                    return Err(Box::new(Thrown::new(event, message)));
                }
            };
            active.push(Active {
                matcher: Matcher::new(&linked),
                owner: candidate.owner,
            });
        }
        Ok(Found::Ready(active, voices))
    }

    /// All grammars that listen to an input, in the order of precedence.
    fn active(&mut self) -> Try<Found> {
        let (active, voices) = match self.found()? {
            Found::Ready(active, voices) => (active, voices),
            Found::Fetching => return Ok(Found::Fetching),
        };
        let own_keys = active
            .iter()
            .any(|active| matches!(active.owner, Owner::Item | Owner::Choice(_) | Owner::Form));
        if voices > 0 && !own_keys {
            let message = "there is no speech recogniser and no grammar for keys";
            return Err(Box::new(Thrown::new("error.noresource", message)));
        }
        if voices > 0 {
            self.warn("grammars for speech are not used");
        }
        if active.is_empty() {
            return Err(Box::new(Thrown::semantic("no grammar listens")));
        }
        Ok(Found::Ready(active, voices))
    }

    /// The grammar itself, with a rule and the address it stands at; none when it is on its way.
    fn find_grammar(&mut self, candidate: &Candidate) -> Try<Option<Placed>> {
        match &candidate.grammar.source {
            GrammarSource::Inline(grammar) => Ok(Some((
                Arc::clone(grammar),
                None,
                candidate.address_base.to_string(),
            ))),
            GrammarSource::Broken(event, message) => {
                Err(Box::new(Thrown::new(*event, message.as_str())))
            }
            GrammarSource::External { address, fetch } => {
                let written = self.world.string(address, candidate.base)?;
                if let Some(builtin) = written.strip_prefix("builtin:dtmf/") {
                    let made = grammar::builtin(builtin).map_err(|refused| {
                        let (event, message) = refused.event(builtin);
                        Box::new(Thrown::new(event, message))
                    })?;
                    return Ok(Some((Arc::new(made), None, String::new())));
                }
                let (_, rule) = address::split_fragment(&written);
                let rule = rule.map(str::to_owned);
                let url = address::resolve(&candidate.address_base, &written);
                match self.grammars.get(&url) {
                    Some(Ok(grammar)) => Ok(Some((Arc::clone(grammar), rule, url))),
                    Some(Err((event, message))) => {
                        let thrown = Thrown::new(event.as_str(), message.as_str());
                        self.grammars.remove(&url);
                        Err(Box::new(thrown))
                    }
                    None => {
                        self.ask_for_grammar(url, fetch)?;
                        Ok(None)
                    }
                }
            }
        }
    }

    fn ask_for_grammar(&mut self, url: String, fetch: &Fetching) -> Try<()> {
        let id = self.fetch(FetchKind::Grammar, url.clone(), None, fetch)?;
        let purpose = Box::new(Purpose::Grammar(url));
        self.phase = Phase::Fetch { id, purpose };
        Ok(())
    }

    /// Grammars of the item, the form, links, the page and its root.
    fn candidates(&mut self) -> Try<Vec<Candidate>> {
        let dialog = self.dialog()?;
        let context = self.context();
        let (leaf, root) = (context.leaf.clone(), context.root.clone());
        let item = context.item.and_then(|at| dialog.items.get(at));
        let (Some(leaf), Some(item)) = (leaf, item) else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        let mut add = |grammars: &[GrammarRef], owner: &Owner, base: Base, from: &Arc<str>| {
            all.extend(grammars.iter().map(|grammar| Candidate {
                grammar: grammar.clone(),
                owner: owner.clone(),
                base,
                address_base: Arc::clone(from),
            }));
        };
        let (base, from) = (leaf.base, &leaf.doc.base);
        add(&item.grammars, &Owner::Item, base, from);
        if let ItemKind::Menu(choices) = &item.kind {
            for (at, choice) in choices.iter().enumerate() {
                add(&choice.grammars, &Owner::Choice(at), base, from);
            }
        }
        if item.modal || matches!(item.kind, ItemKind::Transfer(_)) {
            return Ok(all);
        }
        for link in &item.scoped.links {
            add(
                &link.grammars,
                &Owner::Link(Arc::clone(link), base, Arc::clone(from)),
                base,
                from,
            );
        }
        add(&dialog.grammars, &Owner::Form, base, from);
        for link in &dialog.scoped.links {
            add(
                &link.grammars,
                &Owner::Link(Arc::clone(link), base, Arc::clone(from)),
                base,
                from,
            );
        }
        let roots = root.filter(|root| !Arc::ptr_eq(&root.doc, &leaf.doc));
        for (is_root, loaded) in [(false, Some(leaf)), (true, roots)] {
            let Some(loaded) = loaded else { continue };
            let (base, from) = (loaded.base, &loaded.doc.base);
            for (at, other) in loaded.doc.dialogs.iter().enumerate() {
                if !Arc::ptr_eq(other, &dialog) {
                    for (grammar, choice) in document_grammars(other) {
                        let owner = Owner::Dialog {
                            is_root,
                            at,
                            choice,
                        };
                        add(std::slice::from_ref(&grammar), &owner, base, from);
                    }
                }
            }
            for link in &loaded.doc.scoped.links {
                add(
                    &link.grammars,
                    &Owner::Link(Arc::clone(link), base, Arc::clone(from)),
                    base,
                    from,
                );
            }
        }
        Ok(all)
    }
}

/// Grammars of a dialog that listen in all of its document.
fn document_grammars(dialog: &Dialog) -> Vec<(GrammarRef, Option<usize>)> {
    let wanted = |grammar: &&GrammarRef| dialog.document_scope || grammar.document_scope;
    let mut out: Vec<_> = dialog
        .grammars
        .iter()
        .filter(wanted)
        .map(|grammar| (grammar.clone(), None))
        .collect();
    if let Some(ItemKind::Menu(choices)) = dialog.items.first().map(|item| &item.kind) {
        for (at, choice) in choices.iter().enumerate() {
            let grammars = choice.grammars.iter().filter(wanted);
            out.extend(grammars.map(|grammar| (grammar.clone(), Some(at))));
        }
    }
    out
}
