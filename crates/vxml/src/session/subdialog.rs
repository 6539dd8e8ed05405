//! Subdialogs: an application of their own, called like a function.

use script::Argument;
use serde_json::{Map, Value as Json};

use super::document::Arrival;
use super::{Context, Session};
use crate::model::{Subdialog, Text};
use crate::world::{Thrown, Try};

impl Session {
    /// Visits a `<subdialog>`.
    pub(super) fn call_subdialog(&mut self, _at: usize, subdialog: &Subdialog) -> Try<()> {
        let base = self.base();
        let part = self.world.parts.param;
        for param in &subdialog.params {
            match &param.value {
                Text::Fixed(value) => {
                    self.world
                        .apply(part, &[Argument::Text(&param.name), Argument::Text(value)])?;
                }
                Text::Expression(code) => {
                    self.world
                        .hand(code.of(base), part, &[Argument::Text(&param.name)])?;
                }
            }
        }
        let address = self.world.string(&subdialog.address, base)?;
        let names = &subdialog.request;
        if address.trim().starts_with('#') && names.names.is_none() {
            let leaf = self.context().leaf.clone();
            let Some(leaf) = leaf else {
                return Err(Box::new(Thrown::bad_fetch("there is no page")));
            };
            let mut arrival = Arrival::new(&leaf.doc.url, &address, true);
            arrival.url = leaf.doc.url.to_string();
            return self.found_page(leaf.doc, arrival);
        }
        let (address, body) = self.request(&address, names, false, base)?;
        self.goto_page(&address, body, &names.fetch, true)
    }

    /// Begins the application of a subdialog.
    pub(super) fn push_context(&mut self) -> Try<()> {
        if self.contexts.len() > self.start.limits.subdialogs {
            return Err(Box::new(Thrown::limit("subdialogs are nested too deeply")));
        }
        self.world.apply(self.world.parts.push, &[])?;
        self.contexts.push(Context::default());
        Ok(())
    }

    /// `<return>`: back to the caller, with values or an event.
    pub(super) fn leave_subdialog(
        &mut self,
        names: &Map<String, Json>,
        event: Option<Thrown>,
    ) -> Try<()> {
        if self.contexts.len() < 2 {
            return Err(Box::new(Thrown::semantic(
                "<return> stands in no subdialog",
            )));
        }
        let old = self.contexts.pop().unwrap_or_default();
        self.world.apply(self.world.parts.pop, &[])?;
        self.forget_unused(&old);
        self.grammars.clear();
        if let Some(event) = event {
            self.throw(event);
            return Ok(());
        }
        let Some(at) = self.context().item else {
            return Err(Box::new(Thrown::semantic("nobody called the subdialog")));
        };
        self.fill(at, &Json::Object(names.clone()), None)?;
        self.context().just_filled = vec![at];
        self.fill_on(0)
    }
}
