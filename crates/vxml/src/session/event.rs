//! Events: which handler takes them, and what happens without one.

use std::sync::Arc;

use script::{Argument, Base};
use serde_json::Value as Json;

use super::run::{After, Run};
use super::{Phase, Session, Visit};
use crate::effect::{Effect, Ending, Trace};
use crate::model::Catch;
use crate::world::{Thrown, Try};

impl Visit {
    /// Counts an event under its name and every prefix of it.
    fn count(&mut self, event: &str) {
        *self.events.entry(String::new()).or_default() += 1;
        for (at, _) in event.match_indices('.').chain([(event.len(), "")]) {
            let prefix = event.get(..at).unwrap_or_default();
            *self.events.entry(prefix.to_owned()).or_default() += 1;
        }
    }

    fn counted(&self, name: &str) -> u32 {
        self.events.get(name).copied().unwrap_or_default()
    }
}

/// The name in a handler that an event has, if any.
fn matching<'a>(catch: &'a Catch, event: &str) -> Option<&'a str> {
    if catch.events.is_empty() {
        return Some("");
    }
    let names = catch.events.iter().map(|name| name.trim_end_matches('.'));
    let mut names = names.filter(|name| {
        event
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    names.next()
}

impl Session {
    /// Throws an event where the page is.
    pub(super) fn throw(&mut self, thrown: Thrown) {
        if self.is_over() {
            return;
        }
        self.stop_outside();
        // A long time since the last wait is no reason to deny the handler its scripts, once.
        if self.world.is_timed_out() && !self.had_grace {
            self.had_grace = true;
            self.world.begin(self.now_ms);
        }
        self.effect(Effect::Trace(Trace::Event {
            name: thrown.event.clone(),
            message: thrown.message.clone().unwrap_or_default(),
        }));
        self.carried = None;
        if !self.step() {
            return;
        }
        if let Err(inner) = self.dispatch(&thrown) {
            // A condition of a handler fails: nobody can handle that.
            self.queue.clear();
            self.finish(inner.into_ending());
        }
    }

    fn dispatch(&mut self, thrown: &Thrown) -> Try<()> {
        let context = self.context();
        let visit = match context.item.and_then(|item| context.visits.get_mut(item)) {
            Some(visit) => visit,
            None => &mut context.dialog_visit,
        };
        visit.count(&thrown.event);
        let visit = visit.clone();
        let Some((catch, base)) = self.handler(&thrown.event, &visit, thrown)? else {
            return self.default_handler(thrown);
        };
        self.set_event(thrown)?;
        let after = After::Catch {
            reprompts: false,
            is_error: thrown.is_error(),
        };
        self.phase = Phase::Run(Run::new(&catch.block, base, after));
        Ok(())
    }

    /// The handler for an event: the highest fitting count, then the nearest scope, then document
    /// order (`VoiceXML` 2.0, 5.2.4).
    fn handler(
        &mut self,
        event: &str,
        visit: &Visit,
        thrown: &Thrown,
    ) -> Try<Option<(Arc<Catch>, Base)>> {
        let mut best: Option<(Arc<Catch>, Base)> = None;
        let mut has_scope = false;
        for (catch, base) in self.catches() {
            let Some(name) = matching(&catch, event) else {
                continue;
            };
            let count = catch.count;
            if count > visit.counted(name)
                || best.as_ref().is_some_and(|(best, _)| best.count >= count)
            {
                continue;
            }
            if let Some(cond) = catch.cond {
                if !has_scope {
                    self.set_event(thrown)?;
                    has_scope = true;
                }
                if !self.world.truth(cond.of(base))? {
                    continue;
                }
            }
            best = Some((catch, base));
        }
        // The platform's own handlers count from 1, in the outermost scope.
        Ok(best)
    }

    /// All handlers, innermost scope first, as if copied to where the page is.
    fn catches(&mut self) -> Vec<(Arc<Catch>, Base)> {
        let context = self.context();
        let leaf = context.leaf.as_ref();
        let base = leaf.map_or_else(Base::default, |leaf| leaf.base);
        let mut all: Vec<(Arc<Catch>, Base)> = Vec::new();
        let mut add = |list: &[Arc<Catch>], base| {
            all.extend(list.iter().map(|catch| (Arc::clone(catch), base)));
        };
        if let Some(dialog) = &context.dialog {
            if let Some(item) = context.item.and_then(|item| dialog.items.get(item)) {
                add(&item.scoped.catches, base);
            }
            add(&dialog.scoped.catches, base);
        }
        if let Some(leaf) = leaf {
            add(&leaf.doc.scoped.catches, leaf.base);
        }
        if let Some(root) = &context.root {
            let same = leaf.is_some_and(|leaf| Arc::ptr_eq(&leaf.doc, &root.doc));
            if !same {
                add(&root.doc.scoped.catches, root.base);
            }
        }
        all
    }

    fn set_event(&mut self, thrown: &Thrown) -> Try<()> {
        let url = {
            let context = self.context();
            let loaded = context.leaf.as_ref().or(context.root.as_ref());
            loaded.map_or_else(|| "".into(), |loaded| Arc::clone(&loaded.doc.url))
        };
        let line = Json::from(thrown.place.line);
        let message = match &thrown.message {
            Some(message) => Argument::Text(message),
            None => Argument::Undefined,
        };
        let arguments = [
            Argument::Text(&thrown.event),
            message,
            Argument::Text(thrown.element),
            Argument::Json(&line),
            Argument::Text(&url),
        ];
        self.world.apply(self.world.parts.event, &arguments)
    }

    /// What the platform does (`VoiceXML` 2.0, 5.2.5).
    fn default_handler(&mut self, thrown: &Thrown) -> Try<()> {
        let event = thrown.event.as_str();
        let is = |name: &str| {
            event
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let loops = self.context().dialog.is_some();
        if loops && (is("help") || is("nomatch") || is("noinput") || is("maxspeechtimeout")) {
            self.context().skips_prompts = false;
            self.phase = Phase::Select;
        } else if loops && is("cancel") {
            self.context().skips_prompts = true;
            self.phase = Phase::Select;
        } else if is("connection.disconnect.hangup") {
            self.end(Ending::Hangup);
        } else if is("connection.disconnect.transfer") {
            self.end(Ending::Transferred);
        } else if is("exit") {
            self.end(Ending::Exit {
                names: serde_json::Map::new(),
                value: None,
            });
        } else {
            self.end(thrown.clone().into_ending());
        }
        Ok(())
    }
}
