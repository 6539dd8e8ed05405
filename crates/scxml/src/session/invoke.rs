//! `<invoke>`: sessions under this one.

use std::sync::Arc;

use super::content::Aborted;
use super::{ActiveInvoke, Session};
use crate::address::resolve;
use crate::effect::{Effect, Invocation, Source};
use crate::event::{Data, Event};
use crate::model::{Content, Document, Invoke};
use crate::send::Processor;

impl Session {
    /// Starts what the states entered in this macrostep invoke.
    pub(super) fn start_invocations(&mut self, doc: &Document) {
        let mut from = 0;
        while let Some(state) = self.to_invoke.next(from) {
            from = state + 1;
            for (number, invoke) in doc.state(state).invokes.iter().enumerate() {
                // An error event was raised; the others are started all the same.
                let _aborted = self.invoke(doc, state, number, invoke);
            }
        }
        self.to_invoke.clear();
    }

    fn invoke(
        &mut self,
        doc: &Document,
        state: u32,
        number: usize,
        invoke: &Invoke,
    ) -> Result<(), Aborted> {
        let place = &invoke.place;
        let id = match &invoke.id {
            Some(id) => id.clone(),
            None => format!("{}.{}", doc.state(state).id, self.next_number()),
        };
        if let Some(location) = invoke.id_location {
            let stored = self.model.store(location, &Data::Json(id.as_str().into()));
            self.check_or_abort(stored, place)?;
        }
        let kind = match &invoke.kind {
            Some(kind) => self.text(kind, place)?,
            None => String::new(),
        };
        if Processor::of(kind.trim(), false) != Some(Processor::Scxml) {
            self.execution_error(
                doc,
                &format!("a service of type `{kind}` cannot be invoked"),
                Some(place),
            );
            return Err(Aborted);
        }
        let params = self.pairs(&invoke.payload.params, place)?;
        let source = self.invoke_source(doc, invoke)?;
        self.invoked.push(ActiveInvoke {
            state,
            number,
            id: id.clone(),
            auto_forward: invoke.auto_forward,
        });
        self.effect(Effect::Invoke(Invocation {
            invoke_id: id,
            source,
            params,
        }));
        Ok(())
    }

    fn invoke_source(&mut self, doc: &Document, invoke: &Invoke) -> Result<Source, Aborted> {
        let place = &invoke.place;
        if let Some(address) = &invoke.source {
            let address = self.text(address, place)?;
            return Ok(Source::Address(resolve(&doc.url, &address)));
        }
        match &invoke.payload.content {
            Some(Content::Document(Ok(document))) => Ok(Source::Inline(Arc::clone(document))),
            Some(Content::Document(Err(message))) => {
                self.execution_error(doc, message, Some(place));
                Err(Aborted)
            }
            Some(content) => match self.content(content, place)? {
                Data::Xml(text) => Ok(Source::Text(text)),
                Data::Json(serde_json::Value::String(text)) => Ok(Source::Text(text)),
                Data::None | Data::Json(_) => {
                    self.execution_error(doc, "the content is no document", Some(place));
                    Err(Aborted)
                }
            },
            None => {
                self.execution_error(doc, "`invoke` needs `src` or `content`", Some(place));
                Err(Aborted)
            }
        }
    }

    /// Ends what a state invoked, or everything.
    pub(super) fn cancel_invocations(&mut self, state: Option<u32>) {
        let (ended, kept) = std::mem::take(&mut self.invoked)
            .into_iter()
            .partition(|invoke| state.is_none_or(|state| invoke.state == state));
        self.invoked = kept;
        let ended: Vec<ActiveInvoke> = ended;
        for invoke in ended {
            self.effect(Effect::Uninvoke {
                invoke_id: invoke.id,
            });
        }
    }

    /// `<finalize>` of the invocation that an event comes from, then forwarding to all that want it.
    pub(super) fn finalize_and_forward(&mut self, doc: &Document, event: &Event) {
        for at in 0..self.invoked.len() {
            let Some(active) = self.invoked.get(at).cloned() else {
                return;
            };
            if event.invoke_id.as_deref() == Some(active.id.as_str()) {
                self.finalize(doc, &active, event);
            }
            if active.auto_forward {
                self.effect(Effect::Forward {
                    invoke_id: active.id,
                    event: event.clone(),
                });
            }
        }
    }

    fn finalize(&mut self, doc: &Document, active: &ActiveInvoke, event: &Event) {
        let Some(invoke) = doc.state(active.state).invokes.get(active.number) else {
            return;
        };
        let Some(block) = &invoke.finalize else {
            return;
        };
        if !block.is_empty() {
            self.run_block(doc, block);
            return;
        }
        // An empty one copies what came back to the places it was given from (6.5).
        for param in &invoke.payload.params {
            if let (Some(store), Some(value)) = (param.store, event.data.get(&param.name)) {
                let stored = self.model.store(store, &Data::Json(value.clone()));
                if self.check_or_abort(stored, &invoke.place).is_err() {
                    return;
                }
            }
        }
    }
}
