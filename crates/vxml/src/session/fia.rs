//! The form interpretation algorithm: entering dialogs and choosing items.

use std::sync::Arc;

use script::{Argument, Base};
use serde_json::Value as Json;

use super::run::{After, Run};
use super::{Phase, Session, Visit};
use crate::effect::{Ending, Trace};
use crate::model::{Dialog, GrammarRef, ItemKind, Scoped, Text};
use crate::world::{Thrown, Try};

impl Session {
    /// A jump to a dialog of the page in use.
    pub(super) fn goto_dialog(&mut self, id: &str) -> Try<()> {
        let context = self.context();
        let found = context.leaf.as_ref().and_then(|leaf| {
            let at = leaf.doc.ids.get(id)?;
            leaf.doc.dialogs.get(*at).cloned()
        });
        let Some(dialog) = found else {
            return Err(Box::new(Thrown::bad_fetch(format!(
                "there is no dialog {id}"
            ))));
        };
        self.effect(crate::effect::Effect::Trace(Trace::Goto(format!("#{id}"))));
        self.enter_dialog(&dialog)
    }

    /// Enters a form or menu: everything it counts and holds begins anew.
    pub(super) fn enter_dialog(&mut self, dialog: &Arc<Dialog>) -> Try<()> {
        let context = self.context();
        context.dialog = Some(Arc::clone(dialog));
        context.item = None;
        context.next_item = None;
        context.skips_prompts = false;
        context.just_filled.clear();
        context.visits = vec![Visit::default(); dialog.items.len()];
        context.dialog_visit = Visit::default();
        if dialog.clear_keys == Some(true) {
            self.keys.clear();
        }
        let names = dialog.items.iter().map(|item| Json::from(&*item.name));
        let names = Json::Array(names.collect());
        self.world
            .apply(self.world.parts.dialog, &[Argument::Json(&names)])?;
        let given = self.world.call(self.world.parts.param_names, &[])?;
        for name in given
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
        {
            if !dialog.variables.iter().any(|variable| **variable == *name) {
                self.world.apply(self.world.parts.no_params, &[])?;
                let message = format!("the dialog has no variable {name} for the parameter");
                return Err(Box::new(Thrown::semantic(message)));
            }
        }
        let base = self.base();
        self.phase = Phase::Run(Run::new(&dialog.init, base, After::Dialog));
        Ok(())
    }

    pub(super) fn dialog_ready(&mut self) -> Try<()> {
        self.world.apply(self.world.parts.no_params, &[])?;
        self.phase = Phase::Select;
        match self.carried.take() {
            Some(carried) => self.take_carried(&carried),
            None => Ok(()),
        }
    }

    /// Chooses the next item and visits it.
    pub(super) fn select(&mut self) -> Try<()> {
        let dialog = self.dialog()?;
        let base = self.base();
        let context = self.context();
        context.item = None;
        context.just_filled.clear();
        let chosen = match context.next_item.take() {
            Some(named) => Some(named),
            None => self.first_open(&dialog, base)?,
        };
        match chosen {
            Some(at) => {
                self.context().item = Some(at);
                self.visit(&dialog, at)
            }
            None => self.nothing_left(),
        }
    }

    /// The first item that is not filled and whose condition holds.
    fn first_open(&mut self, dialog: &Dialog, base: Base) -> Try<Option<usize>> {
        let mut from = 0;
        loop {
            let number = Json::from(from);
            let found = self
                .world
                .call(self.world.parts.next, &[Argument::Json(&number)])?;
            let found = found.as_u64().and_then(|found| usize::try_from(found).ok());
            let Some(at) = found else { return Ok(None) };
            let cond = dialog.items.get(at).and_then(|item| item.cond);
            let holds = match cond {
                Some(cond) => self.world.truth(cond.of(base))?,
                None => true,
            };
            if holds {
                return Ok(Some(at));
            }
            from = at + 1;
        }
    }

    pub(super) fn is_filled(&mut self, at: usize) -> Try<bool> {
        let number = Json::from(at);
        let found = self
            .world
            .call(self.world.parts.next, &[Argument::Json(&number)])?;
        Ok(found.as_u64().and_then(|found| usize::try_from(found).ok()) != Some(at))
    }

    fn visit(&mut self, dialog: &Dialog, at: usize) -> Try<()> {
        let Some(item) = dialog.items.get(at) else {
            return self.nothing_left();
        };
        let prompts = match &item.kind {
            ItemKind::Block(_) | ItemKind::Broken(..) => Ok(()),
            ItemKind::Initial if !has_keys(&dialog.grammars) => Ok(()),
            _ => self.queue_prompts(),
        };
        self.context().skips_prompts = false;
        prompts?;
        match &item.kind {
            ItemKind::Block(block) => {
                self.fill(at, &Json::Bool(true), None)?;
                self.world.apply(self.world.parts.anonymous, &[])?;
                let base = self.base();
                self.phase = Phase::Run(Run::new(block, base, After::Block));
            }
            // Without speech and without keys there is nothing to wait for.
            ItemKind::Initial if !has_keys(&dialog.grammars) => {
                self.fill(at, &Json::Bool(true), None)?;
                self.phase = Phase::Select;
            }
            ItemKind::Initial | ItemKind::Field(_) | ItemKind::Menu(_) | ItemKind::Transfer(_) => {
                self.phase = Phase::Activate;
            }
            ItemKind::Subdialog(subdialog) => self.call_subdialog(at, subdialog)?,
            ItemKind::Record(record) => {
                Self::check_record(record)?;
                self.phase = Phase::Activate;
            }
            ItemKind::Broken(event, message) => {
                let mut thrown = Thrown::new(&**event, message.as_str());
                thrown.element = item.element;
                thrown.place = item.place;
                return Err(Box::new(thrown));
            }
        }
        Ok(())
    }

    /// Sets the variable of an item and its shadow.
    pub(super) fn fill(&mut self, at: usize, value: &Json, shadow: Option<&Json>) -> Try<()> {
        let number = Json::from(at);
        let arguments = [
            Argument::Json(&number),
            Argument::Json(value),
            shadow.map_or(Argument::Undefined, Argument::Json),
        ];
        self.world.apply(self.world.parts.fill, &arguments)
    }

    /// Clears the variable of an item and what was counted for it.
    pub(super) fn unset(&mut self, at: usize) -> Try<()> {
        if let Some(visit) = self.context().visits.get_mut(at) {
            *visit = Visit::default();
        }
        let number = Json::from(at);
        self.world
            .apply(self.world.parts.unset, &[Argument::Json(&number)])
    }

    /// The end of a dialog that says no more.
    pub(super) fn nothing_left(&mut self) -> Try<()> {
        if self.contexts.len() > 1 {
            return self.leave_subdialog(&serde_json::Map::new(), None);
        }
        self.end(Ending::End);
        Ok(())
    }

    /// The value of a property where the page is.
    pub(super) fn property(&mut self, name: &str) -> Try<Option<String>> {
        let Some((text, base)) = self.find_property(name) else {
            let set = self
                .start
                .properties
                .iter()
                .rev()
                .find(|(known, _)| known == name);
            return Ok(set.map(|(_, value)| value.clone()));
        };
        match text {
            Text::Fixed(text) => Ok(Some(text.to_string())),
            Text::Expression(code) => self.world.text(code.of(base)),
        }
    }

    fn find_property(&mut self, name: &str) -> Option<(Text, Base)> {
        let context = self.context();
        let in_scope = |scoped: &Scoped, base: Base| {
            let mut found = scoped
                .properties
                .iter()
                .rev()
                .filter(|(known, _)| known == name);
            found.next().map(|(_, text)| (text.clone(), base))
        };
        let leaf = context.leaf.as_ref();
        let base = leaf.map_or_else(Base::default, |leaf| leaf.base);
        let dialog = context.dialog.as_ref();
        let item = dialog
            .zip(context.item)
            .and_then(|(dialog, at)| dialog.items.get(at));
        item.and_then(|item| in_scope(&item.scoped, base))
            .or_else(|| dialog.and_then(|dialog| in_scope(&dialog.scoped, base)))
            .or_else(|| leaf.and_then(|leaf| in_scope(&leaf.doc.scoped, base)))
            .or_else(|| {
                context
                    .root
                    .as_ref()
                    .and_then(|root| in_scope(&root.doc.scoped, root.base))
            })
    }

    /// A property that is a time.
    pub(super) fn time_property(&mut self, name: &str, default_ms: u64) -> Try<u64> {
        match self.property(name)? {
            Some(text) => super::prompt::time_of(&text),
            None => Ok(default_ms),
        }
    }
}

/// Whether any of the grammars is for keys.
fn has_keys(grammars: &[GrammarRef]) -> bool {
    grammars.iter().any(|grammar| !grammar.voice)
}
