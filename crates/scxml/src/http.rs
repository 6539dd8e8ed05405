//! The `BasicHTTP` processor without HTTP: messages to requests and requests to events (C.2).

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use crate::effect::Message;
use crate::event::{Data, Event};
use crate::send::BASIC_HTTP;

/// Parameter that names the event.
const EVENT_NAME: &str = "_scxmleventname";

const FORM: &str = "application/x-www-form-urlencoded";

/// A request of the `BasicHTTP` processor, to be sent or as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `POST` when we send.
    pub method: String,
    /// Address or path.
    pub target: String,
    /// Type of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl HttpRequest {
    /// The request for a message to an address.
    pub fn from_message(message: &Message, address: &str) -> Self {
        let mut form = String::new();
        if !message.event.name.is_empty() {
            pair(&mut form, EVENT_NAME, &message.event.name);
        }
        let (content_type, body) = match &message.content {
            // A text is a value of the form: the event's name may have to travel with it.
            Some(Data::Json(Json::String(text))) => {
                pair(&mut form, "content", text);
                (FORM, form)
            }
            Some(Data::Json(json)) => ("application/json", json.to_string()),
            Some(Data::Xml(text)) => ("application/xml", text.clone()),
            Some(Data::None) | None => {
                for (name, value) in &message.pairs {
                    pair(&mut form, name, &plain(value));
                }
                (FORM, form)
            }
        };
        Self {
            method: "POST".to_owned(),
            target: address.to_owned(),
            content_type: content_type.to_owned(),
            body,
        }
    }

    /// The event that a received request is.
    pub fn into_event(self) -> Event {
        let mut members = Map::new();
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        let mut fields = fields(query);
        if self.content_type.starts_with(FORM) {
            fields.extend(self::fields(&self.body));
        }
        for (name, value) in fields {
            members.insert(name, Json::String(value));
        }
        let named = members.shift_remove(EVENT_NAME);
        let name = match named {
            Some(Json::String(name)) => name,
            _ => format!("HTTP.{}", self.method),
        };
        let data = if self.content_type.starts_with(FORM) || self.body.is_empty() {
            if members.is_empty() {
                Data::None
            } else {
                Data::Json(Json::Object(members))
            }
        } else {
            Data::from_text(&self.body)
        };
        let raw = format!(
            "{} {} HTTP/1.1\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
            self.method,
            self.target,
            self.content_type,
            self.body.len(),
            self.body
        );
        let mut event = Event::external(name, data);
        event.origin_type = Some(BASIC_HTTP.to_owned());
        event.raw = Some(raw);
        event
    }
}

fn plain(value: &Data) -> String {
    match value {
        Data::None => String::new(),
        Data::Xml(text) | Data::Json(Json::String(text)) => text.clone(),
        Data::Json(json) => json.to_string(),
    }
}

fn pair(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    encode(form, name);
    form.push('=');
    encode(form, value);
}

/// Percent encoding with `%20` for spaces, which every decoder of forms understands.
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _written = write!(out, "%{byte:02X}");
        }
    }
}

fn fields(form: &str) -> Vec<(String, String)> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                        rest = ahead;
                    }
                    _ => bytes.push(byte),
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn received(content_type: &str, target: &str, body: &str) -> Event {
        let request = HttpRequest {
            method: "POST".to_owned(),
            target: target.to_owned(),
            content_type: content_type.to_owned(),
            body: body.to_owned(),
        };
        request.into_event()
    }

    #[test]
    fn forms_become_events() {
        let event = received(FORM, "/x?q=1", "_scxmleventname=go&a=b%20c+d%C3%A4%zz");
        assert_eq!(event.name, "go");
        assert_eq!(event.data, Data::Json(json!({"q": "1", "a": "b c dä%zz"})));
        assert!(event.raw.unwrap().starts_with("POST /x?q=1 "));
    }

    #[test]
    fn other_bodies_are_named_by_their_method() {
        let event = received("application/json", "/", "{\"a\": 1}");
        assert_eq!(
            (event.name.as_str(), event.data),
            ("HTTP.POST", Data::Json(json!({"a": 1})))
        );
    }
}
