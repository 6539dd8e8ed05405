//! The calls of one session.

use scxml::ActionElement;
use serde_json::Value;

use super::dialog::plain;
use super::interaction::{Interaction, Stage};
use crate::shard::Line;

/// Calls by their interaction ids, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Interactions(Vec<(String, Interaction)>);

/// An element that means no call of the session: the error word.
pub(super) type Foreign = &'static str;

impl Interactions {
    pub(super) fn add(&mut self, id: String, interaction: Interaction) {
        self.0.push((id, interaction));
    }

    pub(super) fn get(&self, id: &str) -> Option<&Interaction> {
        let found = self.0.iter().find(|(known, _)| known == id);
        found.map(|(_, interaction)| interaction)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Interaction> {
        let found = self.0.iter_mut().find(|(known, _)| known == id);
        found.map(|(_, interaction)| interaction)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Interaction> {
        let at = self.0.iter().position(|(known, _)| known == id)?;
        Some(self.0.remove(at).1)
    }

    /// Calls and legs that the session placed.
    pub(super) fn placed(&self) -> usize {
        let lines = self.0.iter();
        lines
            .map(|(_, i)| {
                usize::from(matches!(i.line, Line::Placed(_))) + usize::from(i.leg.is_some())
            })
            .sum()
    }

    /// The call that an element means: the one it names, else the first.
    ///
    /// # Errors
    /// `unknown` for one that is not the session's, `invalidstate.null` when it has none.
    pub(super) fn meant(&self, element: &ActionElement) -> Result<String, Foreign> {
        let named = named(element);
        if named.is_empty() {
            let first = self.0.first().map(|(id, _)| id.clone());
            return first.ok_or("invalidstate.null");
        }
        if self.get(&named).is_some() {
            return Ok(named);
        }
        Err(if self.0.is_empty() {
            "invalidstate.null"
        } else {
            "unknown"
        })
    }

    /// The call whose treatment has this request id.
    pub(super) fn of_request(&self, request: &str) -> Option<String> {
        let asked = |(_, i): &&(String, Interaction)| {
            let treatment = i.treatment.as_ref();
            treatment.is_some_and(|treatment| treatment.request == request)
        };
        self.0.iter().find(asked).map(|(id, _)| id.clone())
    }

    /// The line of an application that a session started, by its request or the first.
    pub(super) fn application_of(&self, session: &str, request: Option<&str>) -> Option<Line> {
        let found = self.0.iter().map(|(_, interaction)| interaction).find(|i| {
            i.treatment.as_ref().is_some_and(|treatment| {
                treatment.element == "start"
                    && treatment.session == session
                    && request.is_none_or(|request| treatment.request == request)
            })
        });
        found.map(|interaction| interaction.line.clone())
    }

    /// The call with a request to a virtual queue; empty = whichever has one.
    pub(super) fn queued(&self, request: &str) -> Option<String> {
        let asked = |(_, i): &&(String, Interaction)| {
            let waits = i.waits.as_ref();
            waits.is_some_and(|waits| request.is_empty() || waits.is(request))
        };
        self.0.iter().find(asked).map(|(id, _)| id.clone())
    }

    /// Another call of the session that could be joined with this one.
    pub(super) fn partner(&self, of: &str, to: &str) -> Option<&Interaction> {
        let other = self.get(to).filter(|_| to != of)?;
        let idle = other.stage == Stage::Talking && other.treatment.is_none();
        (idle && matches!(other.line, Line::Placed(_))).then_some(other)
    }
}

/// The id that an element names; empty when it names none.
pub(super) fn named(element: &ActionElement) -> String {
    let meant = element.attribute("interactionid").map(plain);
    meant.unwrap_or_default()
}

/// A place to call: a text, a number, or an object that names one as resources of the original do.
pub(super) fn device(value: Option<&Value>) -> String {
    match value {
        Some(Value::Object(object)) => {
            let names = ["dn", "device", "number", "extension", "id", "name"];
            let found = names.iter().find_map(|name| object.get(*name));
            match (found, object.get("resource")) {
                (Some(found), _) => plain(found),
                (None, inner) => device(inner),
            }
        }
        Some(value) => plain(value),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_a_text_a_number_or_a_resource() {
        assert_eq!(device(Some(&json!(" 5100@North "))), "5100@North");
        assert_eq!(device(Some(&json!(5115.0))), "5115");
        assert_eq!(device(Some(&json!({"dn": "7001", "type": 1}))), "7001");
        assert_eq!(device(Some(&json!({"resource": {"id": "kim"}}))), "kim");
        assert_eq!(device(Some(&json!({"x": 1}))), "");
        assert_eq!(device(None), "");
    }
}
