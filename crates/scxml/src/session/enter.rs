//! Which states are entered, and what happens then (Appendix D).

use super::Session;
use crate::event::{Data, Event};
use crate::model::{Document, Domain, Kind, ROOT};

impl Session {
    /// Enters the states that the enabled transitions lead to, outermost first.
    pub(super) fn enter_states(&mut self, doc: &Document) {
        self.entry_set(doc);
        let enter = std::mem::take(&mut self.scratch.enter);
        let default_entry = std::mem::take(&mut self.scratch.default_entry);
        let histories = std::mem::take(&mut self.scratch.default_history);
        let mut from = 0;
        while let Some(index) = enter.next(from) {
            from = index + 1;
            let state = doc.state(index);
            self.config.insert(index);
            self.model.set_active(index, true);
            if !state.invokes.is_empty() {
                self.to_invoke.insert(index);
            }
            if doc.late_binding && !state.data.is_empty() && self.bound.insert(index) {
                self.bind(doc, index);
            }
            for block in &state.on_entry {
                self.run_block(doc, block);
            }
            if default_entry.contains(index)
                && let Some(initial) = state.initial
            {
                self.run_block(doc, &doc.transition(initial).content);
            }
            for (_, transition) in histories.iter().filter(|(parent, _)| *parent == index) {
                self.run_block(doc, &doc.transition(*transition).content);
            }
            if state.kind == Kind::Final {
                self.arrive(doc, index);
            }
        }
        self.scratch.enter = enter;
        self.scratch.default_entry = default_entry;
        self.scratch.default_history = histories;
    }

    /// A final state was entered: its parent is done, and perhaps the parallel around that.
    fn arrive(&mut self, doc: &Document, index: u32) {
        let state = doc.state(index);
        if state.parent == ROOT {
            self.reached = Some(index);
            return;
        }
        let data = state
            .done_data
            .as_ref()
            .map_or(Data::None, |payload| self.done_data(payload));
        let parent = doc.state(state.parent);
        self.raise(Event::platform(parent.done_event.as_str(), data));
        if parent.parent == ROOT && state.parent == ROOT {
            return;
        }
        let outer = doc.state(parent.parent);
        if outer.kind == Kind::Parallel
            && outer.children.iter().all(|child| self.is_done(doc, *child))
        {
            self.raise(Event::platform(outer.done_event.as_str(), Data::None));
        }
    }

    fn is_done(&self, doc: &Document, index: u32) -> bool {
        let state = doc.state(index);
        match state.kind {
            Kind::Compound => state
                .children
                .iter()
                .any(|child| doc.state(*child).kind == Kind::Final && self.config.contains(*child)),
            Kind::Parallel => state.children.iter().all(|child| self.is_done(doc, *child)),
            Kind::Final => self.config.contains(index),
            Kind::Root | Kind::Atomic | Kind::ShallowHistory | Kind::DeepHistory => false,
        }
    }

    /// Computes the states to enter, those entered by default, and defaults of histories.
    fn entry_set(&mut self, doc: &Document) {
        let mut set = EntrySet {
            doc,
            history: &self.history,
            enter: std::mem::take(&mut self.scratch.enter),
            default_entry: std::mem::take(&mut self.scratch.default_entry),
            default_history: std::mem::take(&mut self.scratch.default_history),
        };
        set.enter.clear();
        set.default_entry.clear();
        set.default_history.clear();
        for number in &self.scratch.enabled {
            let transition = doc.transition(*number);
            let Some(domain) = self.domain(doc, transition) else {
                continue;
            };
            for target in &transition.targets {
                set.descend(*target);
            }
            if transition.domain == Domain::ByHistory {
                for target in self.effective_targets(doc, &transition.targets) {
                    set.ascend(target, domain);
                }
            } else {
                for target in &transition.targets {
                    set.ascend(*target, domain);
                }
            }
        }
        let EntrySet {
            enter,
            default_entry,
            default_history,
            ..
        } = set;
        self.scratch.enter = enter;
        self.scratch.default_entry = default_entry;
        self.scratch.default_history = default_history;
    }
}

struct EntrySet<'a> {
    doc: &'a Document,
    history: &'a std::collections::HashMap<u32, Vec<u32>>,
    enter: crate::bits::Bits,
    default_entry: crate::bits::Bits,
    default_history: Vec<(u32, u32)>,
}

impl EntrySet<'_> {
    /// `addDescendantStatesToEnter`.
    fn descend(&mut self, index: u32) {
        let doc = self.doc;
        let state = doc.state(index);
        match state.kind {
            Kind::ShallowHistory | Kind::DeepHistory => self.restore(index),
            Kind::Compound => {
                self.enter.insert(index);
                self.default_entry.insert(index);
                let Some(initial) = state.initial else { return };
                let targets = &doc.transition(initial).targets;
                for target in targets {
                    self.descend(*target);
                }
                for target in targets {
                    self.ascend(*target, index);
                }
            }
            Kind::Parallel => {
                self.enter.insert(index);
                self.fill(index);
            }
            Kind::Atomic | Kind::Final => {
                self.enter.insert(index);
            }
            Kind::Root => {}
        }
    }

    fn restore(&mut self, index: u32) {
        let doc = self.doc;
        let state = doc.state(index);
        let targets: &[u32] = match (self.history.get(&index), state.initial) {
            (Some(remembered), _) => remembered,
            (None, Some(default)) => {
                self.default_history.push((state.parent, default));
                &doc.transition(default).targets
            }
            (None, None) => return,
        };
        for target in targets.iter().filter(|target| **target != index) {
            self.descend(*target);
        }
        for target in targets {
            self.ascend(*target, state.parent);
        }
    }

    /// `addAncestorStatesToEnter`.
    fn ascend(&mut self, index: u32, outer: u32) {
        let doc = self.doc;
        for ancestor in doc
            .ancestors(index)
            .take_while(|ancestor| *ancestor != outer && *ancestor != ROOT)
        {
            self.enter.insert(ancestor);
            if doc.state(ancestor).kind == Kind::Parallel {
                self.fill(ancestor);
            }
        }
    }

    /// Every region of a parallel state is entered.
    fn fill(&mut self, parallel: u32) {
        for child in &self.doc.state(parallel).children {
            if !self.enter.any_within(*child, self.doc.state(*child).last) {
                self.descend(*child);
            }
        }
    }
}
