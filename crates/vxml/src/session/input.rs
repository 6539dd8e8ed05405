//! What an input does: it fills variables, takes a choice, follows a link or enters a dialog.

use std::sync::Arc;

use script::{Argument, Base};
use serde_json::{Value as Json, json};

use super::Session;
use crate::model::{Dialog, ItemKind, Jump, Link};
use crate::world::{Thrown, Try};

/// Whose grammar took the keys.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    Item,
    Choice(usize),
    Form,
    /// With the place of its scripts and what its addresses are resolved against.
    Link(Arc<Link>, Base, Arc<str>),
    /// Another dialog whose grammars listen in all of its document.
    Dialog {
        is_root: bool,
        at: usize,
        choice: Option<usize>,
    },
}

/// An input on its way.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) owner: Owner,
    pub(super) keys: String,
}

impl Session {
    /// Takes an input whose value is ready on the script side.
    pub(super) fn take_input(&mut self, carried: &Carried) -> Try<()> {
        match &carried.owner {
            Owner::Item => self.fill_item(&carried.keys),
            Owner::Form => self.fill_form(&carried.keys),
            Owner::Choice(at) => {
                self.accept(&carried.keys, None)?;
                self.take_choice(*at)
            }
            Owner::Link(link, base, from) => {
                self.accept(&carried.keys, None)?;
                self.jump(&link.jump, *base, Some(from))
            }
            Owner::Dialog { is_root, at, .. } => {
                let context = self.context();
                if *is_root && let Some(root) = context.root.clone() {
                    // The root becomes the page in use; its variables are there already.
                    context.leaf = Some(root);
                    self.world
                        .apply(self.world.parts.document, &[Argument::Json(&json!(true))])?;
                }
                let leaf = self.context().leaf.as_ref();
                let dialog = leaf.and_then(|leaf| leaf.doc.dialogs.get(*at).cloned());
                let Some(dialog) = dialog else {
                    return Err(Box::new(Thrown::semantic("the dialog is gone")));
                };
                self.enter_dialog(&dialog)?;
                self.carried = Some(carried.clone());
                Ok(())
            }
        }
    }

    /// The dialog that was entered by its grammar is ready for the input.
    pub(super) fn take_carried(&mut self, carried: &Carried) -> Try<()> {
        match &carried.owner {
            Owner::Dialog {
                choice: Some(at), ..
            } => {
                self.context().item = Some(0);
                self.accept(&carried.keys, None)?;
                self.take_choice(*at)
            }
            _ => self.fill_form(&carried.keys),
        }
    }

    pub(super) fn accept(&mut self, keys: &str, fills: Option<(usize, &str)>) -> Try<()> {
        let (at, slot) = match fills {
            Some((at, slot)) => (json!(at), slot),
            None => (json!(-1), ""),
        };
        let (name, ago) = match self.marks.last() {
            Some((name, ago)) => (Argument::Text(name), json!(ago)),
            None => (Argument::Undefined, json!(0)),
        };
        let arguments = [
            Argument::Text(keys),
            Argument::Json(&at),
            Argument::Text(slot),
            name,
            Argument::Json(&ago),
        ];
        self.world.apply(self.world.parts.accept, &arguments)
    }

    fn fill_item(&mut self, keys: &str) -> Try<()> {
        let dialog = self.dialog()?;
        let Some(at) = self.context().item else {
            return Err(Box::new(Thrown::semantic("no item wants the input")));
        };
        let slot = match dialog.items.get(at).map(|item| &item.kind) {
            Some(ItemKind::Field(field)) => Arc::clone(&field.slot),
            _ => "".into(),
        };
        self.accept(keys, Some((at, &slot)))?;
        self.context().just_filled = vec![at];
        self.fill_on(0)
    }

    /// A grammar of the form: members of the value fill the fields of their names.
    fn fill_form(&mut self, keys: &str) -> Try<()> {
        let dialog = self.dialog()?;
        self.accept(keys, None)?;
        let slots = slots(&dialog);
        let filled = self
            .world
            .call(self.world.parts.slots, &[Argument::Json(&slots)])?;
        let filled: Vec<usize> = filled
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|at| usize::try_from(at.as_u64()?).ok())
            .collect();
        if !filled.is_empty() {
            for (at, item) in dialog.items.iter().enumerate() {
                if matches!(item.kind, ItemKind::Initial) {
                    self.fill(at, &Json::Bool(true), None)?;
                }
            }
        }
        self.context().just_filled = filled;
        self.fill_on(0)
    }

    fn take_choice(&mut self, at: usize) -> Try<()> {
        let dialog = self.dialog()?;
        let choice = match dialog.items.first().map(|item| &item.kind) {
            Some(ItemKind::Menu(choices)) => choices.get(at).cloned(),
            _ => None,
        };
        let Some(choice) = choice else {
            return Err(Box::new(Thrown::semantic("there is no such choice")));
        };
        let base = self.base();
        self.jump(&choice.jump, base, None)
    }

    /// `from`: what addresses are resolved against, when it is not the page in use.
    fn jump(&mut self, jump: &Jump, base: Base, from: Option<&str>) -> Try<()> {
        match jump {
            Jump::Goto(goto) => self.goto(goto, base, from),
            Jump::Throw(throw) => {
                let event = self.world.string(&throw.event, base)?;
                let message = match &throw.message {
                    Some(message) => Some(self.world.string(message, base)?),
                    None => None,
                };
                let mut thrown = Thrown::plain(&event);
                thrown.message = message;
                thrown.deliberate = true;
                Err(Box::new(thrown))
            }
        }
    }
}

/// Positions and slots of all fields.
fn slots(dialog: &Dialog) -> Json {
    let items = dialog.items.iter().enumerate();
    let slots = items.filter_map(|(at, item)| match &item.kind {
        ItemKind::Field(field) => Some(json!([at, &*field.slot])),
        _ => None,
    });
    Json::Array(slots.collect())
}
