//! Requests: what is asked for, with what, and how long it may take.

use script::Base;
use serde_json::Value as Json;

use super::Session;
use super::prompt::time_of;
use crate::address;
use crate::effect::{AudioFetch, Body, Effect, FetchKind, FetchRequest, Part, PartValue};
use crate::model::{Fetching, Request};
use crate::world::{Thrown, Try};

/// Wait for an answer where nothing else is said.
const FETCH_TIMEOUT_MS: u64 = 10_000;

impl Session {
    /// Asks for something; the caller sets the phase that waits for the answer.
    pub(super) fn fetch(
        &mut self,
        kind: FetchKind,
        url: String,
        body: Option<Body>,
        fetch: &Fetching,
    ) -> Try<u64> {
        self.fetches += 1;
        if self.fetches > self.start.limits.fetches {
            return Err(Box::new(Thrown::limit("too many documents were fetched")));
        }
        let prefix = match kind {
            FetchKind::Document => "document",
            FetchKind::Script => "script",
            FetchKind::Grammar => "grammar",
            FetchKind::Data => "data",
        };
        let timeout_ms = match &fetch.timeout {
            Some(text) => time_of(text)?,
            None => self.time_property("fetchtimeout", FETCH_TIMEOUT_MS)?,
        };
        let max_age_s = self.seconds(fetch.max_age.as_deref(), &format!("{prefix}maxage"))?;
        let max_stale_s = self.seconds(fetch.max_stale.as_deref(), &format!("{prefix}maxstale"))?;
        let audio = match (kind, &fetch.audio) {
            // There is none for scripts and grammars (V2.0 6.3.5).
            (FetchKind::Script | FetchKind::Grammar, _) => None,
            (_, Some(audio)) => Some(audio.clone()),
            _ => self.property("fetchaudio")?,
        };
        let id = self.id();
        self.effect(Effect::Fetch(Box::new(FetchRequest {
            id,
            kind,
            url,
            body,
            timeout_ms,
            max_age_s,
            max_stale_s,
        })));
        self.hold = None;
        if let Some(audio) = audio {
            let url = address::resolve(&self.address_base(), &audio);
            self.hold(url)?;
        }
        Ok(id)
    }

    /// How audio is fetched: as its element says, else as properties say.
    pub(super) fn audio_fetch(&mut self, fetch: &Fetching) -> Try<AudioFetch> {
        let timeout = match &fetch.timeout {
            Some(text) => Some(text.clone()),
            None => self.property("fetchtimeout")?,
        };
        Ok(AudioFetch {
            timeout_ms: timeout.as_deref().map(time_of).transpose()?,
            max_age_s: self.seconds(fetch.max_age.as_deref(), "audiomaxage")?,
            max_stale_s: self.seconds(fetch.max_stale.as_deref(), "audiomaxstale")?,
        })
    }

    fn seconds(&mut self, given: Option<&str>, property: &str) -> Try<Option<u64>> {
        let text = match given {
            Some(text) => Some(text.to_owned()),
            None => self.property(property)?,
        };
        let Some(text) = text else { return Ok(None) };
        let number = text.trim().trim_end_matches('s').parse();
        let number = number.map_err(|_none| {
            Box::new(Thrown::semantic(format!("{text} is no number of seconds")))
        })?;
        Ok(Some(number))
    }

    /// The address and body of a request with its values.
    pub(super) fn request(
        &mut self,
        url: &str,
        request: &Request,
        items: bool,
        base: Base,
    ) -> Try<(String, Option<Body>)> {
        let mut fields: Vec<(String, String)> = Vec::new();
        match &request.names {
            Some(names) => {
                for (name, code) in names.iter() {
                    if let Some(value) = self.world.text(code.of(base))? {
                        fields.push((name.to_string(), value));
                    }
                }
            }
            None if items => fields = self.item_fields()?,
            None => {}
        }
        if !request.post {
            return Ok((address::with_query(url, &address::form(&fields)), None));
        }
        if !request.multipart {
            return Ok((url.to_owned(), Some(Body::Form(address::form(&fields)))));
        }
        let parts = fields.into_iter().map(|(name, value)| {
            let value = if self.recordings.contains(&value) {
                PartValue::Recording(value)
            } else {
                PartValue::Text(value)
            };
            Part { name, value }
        });
        Ok((url.to_owned(), Some(Body::Multipart(parts.collect()))))
    }

    /// The named input items of the dialog, which `<submit>` sends when it names nothing.
    fn item_fields(&mut self) -> Try<Vec<(String, String)>> {
        let dialog = self.dialog()?;
        let items = dialog.items.iter().enumerate();
        let named: Vec<(usize, &str)> = items
            .filter(|(_, item)| item.kind.is_input() && !item.name.starts_with("unnamed$"))
            .map(|(at, item)| (at, &*item.name))
            .collect();
        let indexes = Json::Array(named.iter().map(|(at, _)| Json::from(*at)).collect());
        let values = self
            .world
            .call(self.world.parts.items, &[script::Argument::Json(&indexes)])?;
        let values = values.as_array().cloned().unwrap_or_default();
        let pairs = named.into_iter().zip(values);
        Ok(pairs
            .filter_map(|((_, name), value)| Some((name.to_owned(), value.as_str()?.to_owned())))
            .collect())
    }
}
