//! Which transitions are taken, and what they leave (Appendix D).

use super::Session;
use crate::event::Descriptor;
use crate::model::{Condition, Document, Domain, Kind, Transition};

impl Session {
    /// Fills the list of enabled transitions; without an event those that need none.
    pub(super) fn select(&mut self, doc: &Document, event: Option<&str>) {
        self.scratch.enabled.clear();
        let mut enabled = std::mem::take(&mut self.scratch.enabled);
        let mut from = 0;
        while let Some(atomic) = self.config.next(from) {
            from = atomic + 1;
            if !doc.atomic.contains(atomic) {
                continue;
            }
            let mut at = atomic;
            loop {
                if let Some(found) = self.first_enabled(doc, at, event) {
                    if !enabled.contains(&found) {
                        enabled.push(found);
                    }
                    break;
                }
                if at == 0 {
                    break;
                }
                at = doc.state(at).parent;
            }
        }
        if enabled.len() > 1 {
            self.remove_conflicts(doc, &mut enabled);
        }
        self.scratch.enabled = enabled;
    }

    fn first_enabled(&mut self, doc: &Document, state: u32, event: Option<&str>) -> Option<u32> {
        for number in &doc.state(state).transitions {
            let transition = doc.transition(*number);
            let meant = match event {
                None => transition.events.is_empty(),
                Some(name) => transition
                    .events
                    .iter()
                    .any(|word| Descriptor::matches(word, name)),
            };
            if meant && self.holds(doc, transition.condition.as_ref()) {
                return Some(*number);
            }
        }
        None
    }

    /// Evaluates a condition; a fault is an error event and false.
    pub(super) fn holds(&mut self, doc: &Document, condition: Option<&Condition>) -> bool {
        match condition {
            None => true,
            Some(Condition::In(state)) => self.config.contains(*state),
            Some(Condition::Script(snippet)) => match self.model.truth(*snippet) {
                Ok(truth) => {
                    self.take_calls();
                    truth
                }
                Err(error) => {
                    self.condition_error(doc, &error);
                    false
                }
            },
            Some(Condition::Invalid(message)) => {
                self.execution_error(doc, message, None);
                false
            }
        }
    }

    /// Of two transitions that leave the same state, the inner one wins, then the first.
    fn remove_conflicts(&self, doc: &Document, enabled: &mut Vec<u32>) {
        let mut kept: Vec<(u32, Option<u32>)> = Vec::with_capacity(enabled.len());
        for number in enabled.iter() {
            let transition = doc.transition(*number);
            let domain = self.domain(doc, transition);
            let overlaps = |other: Option<u32>| match (domain, other) {
                (Some(a), Some(b)) => a == b || doc.is_within(a, b) || doc.is_within(b, a),
                _ => false,
            };
            let preempted = kept.iter().any(|(other, other_domain)| {
                let outer = doc.transition(*other).source;
                overlaps(*other_domain) && !doc.is_within(transition.source, outer)
            });
            if preempted {
                continue;
            }
            kept.retain(|(_, other_domain)| !overlaps(*other_domain));
            kept.push((*number, domain));
        }
        enabled.clear();
        enabled.extend(kept.into_iter().map(|(number, _)| number));
    }

    pub(super) fn domain(&self, doc: &Document, transition: &Transition) -> Option<u32> {
        match transition.domain {
            Domain::None => None,
            Domain::Fixed(state) => Some(state),
            Domain::ByHistory => Some(doc.domain_of(
                transition,
                &self.effective_targets(doc, &transition.targets),
            )),
        }
    }

    /// Targets with histories replaced by what they remember.
    pub(super) fn effective_targets(&self, doc: &Document, targets: &[u32]) -> Vec<u32> {
        let mut effective = Vec::new();
        for target in targets {
            let state = doc.state(*target);
            if !state.is_history() {
                effective.push(*target);
            } else if let Some(remembered) = self.history.get(target) {
                effective.extend(remembered);
            } else if let Some(default) = state.initial {
                // A default may name another history only inside its own state: no endless loop.
                let inner = doc
                    .transition(default)
                    .targets
                    .iter()
                    .filter(|inner| *inner > target);
                effective.extend(self.effective_targets(doc, &inner.copied().collect::<Vec<_>>()));
            }
        }
        effective
    }

    /// Leaves the states of the enabled transitions, innermost first.
    pub(super) fn exit_states(&mut self, doc: &Document) {
        let mut exit = std::mem::take(&mut self.scratch.exit);
        exit.clear();
        for number in &self.scratch.enabled {
            let Some(domain) = self.domain(doc, doc.transition(*number)) else {
                continue;
            };
            let last = doc.state(domain).last;
            let mut from = domain + 1;
            while let Some(state) = self.config.next(from).filter(|state| *state <= last) {
                exit.insert(state);
                from = state + 1;
            }
        }
        if !exit.is_empty() {
            let mut before = u32::try_from(doc.states.len())
                .ok()
                .and_then(|count| count.checked_sub(1));
            while let Some(state) = before.and_then(|before| exit.previous(before)) {
                self.to_invoke.remove(state);
                self.remember(doc, state);
                before = state.checked_sub(1);
            }
            let mut before = u32::try_from(doc.states.len())
                .ok()
                .and_then(|count| count.checked_sub(1));
            while let Some(state) = before.and_then(|before| exit.previous(before)) {
                self.leave(doc, state);
                before = state.checked_sub(1);
            }
        }
        self.scratch.exit = exit;
    }

    /// Records what the histories of a state will restore.
    fn remember(&mut self, doc: &Document, state: u32) {
        for history in &doc.state(state).histories {
            let last = doc.state(state).last;
            let remembered: Vec<u32> = if doc.state(*history).kind == Kind::DeepHistory {
                let inner = self
                    .config
                    .iter()
                    .filter(|inner| *inner > state && *inner <= last);
                inner.filter(|inner| doc.atomic.contains(*inner)).collect()
            } else {
                let children = doc.state(state).children.iter().copied();
                children
                    .filter(|child| self.config.contains(*child))
                    .collect()
            };
            self.history.insert(*history, remembered);
        }
    }

    fn leave(&mut self, doc: &Document, state: u32) {
        for block in &doc.state(state).on_exit {
            self.run_block(doc, block);
        }
        if !self.invoked.is_empty() {
            self.cancel_invocations(Some(state));
        }
        self.config.remove(state);
        self.model.set_active(state, false);
    }

    /// Leaves everything, innermost first.
    pub(super) fn exit_all(&mut self, doc: &Document) {
        let mut before = u32::try_from(doc.states.len())
            .ok()
            .and_then(|count| count.checked_sub(1));
        while let Some(state) = before.and_then(|before| self.config.previous(before)) {
            self.leave(doc, state);
            before = state.checked_sub(1);
        }
    }
}
