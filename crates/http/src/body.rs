//! Request bodies and queries become keys and values.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use callback::ErrorCode;
use futures_util::StreamExt as _;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::Failure;
use crate::limits::{BODY_TIMEOUT, KEYS_MAX, LINGER_MAX, LINGER_TIME};

/// A body as it came, at most as large as allowed.
#[derive(Debug)]
pub(crate) struct RawBody {
    /// The bytes.
    pub(crate) bytes: Bytes,
    /// `Content-Type` in lower case without parameters, empty when absent.
    media_type: String,
    /// The whole header, for the boundary of a multipart body.
    content_type: Option<axum::http::HeaderValue>,
}

/// One key of a body.
#[derive(Debug)]
pub(crate) struct Part {
    /// The key.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) content: Content,
}

/// What a key of a body holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// A text; JSON that is no text is its JSON text.
    Text(String),
    /// A file of a multipart body.
    File {
        /// Its media type, `application/octet-stream` when the part names none.
        media_type: String,
        /// Its bytes.
        bytes: Bytes,
    },
}

/// Reads a body to its end, within the limit and the time.
pub(crate) async fn read(request: Request, max: usize) -> Result<RawBody, Failure> {
    let too_large = || {
        Failure::new(
            ErrorCode::TooLarge,
            format!("The body is larger than {max} bytes"),
        )
    };
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    if announced_length(request.headers()).is_some_and(|length| length > max as u64) {
        // A client that still sends would get a reset instead of the answer.
        drop(tokio::time::timeout(LINGER_TIME, linger(request)).await);
        return Err(too_large());
    }
    let mut request = request;
    DefaultBodyLimit::max(max).apply(&mut request);
    let reading = Bytes::from_request(request, &());
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Err(_) => return Err(Failure::TooSlow),
        Ok(Ok(bytes)) => bytes,
        Ok(Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)))) => {
            return Err(too_large());
        }
        Ok(Err(_)) => {
            return Err(Failure::new(
                ErrorCode::BadParameter,
                "The body could not be read",
            ));
        }
    };
    let media_type = content_type
        .as_ref()
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_ascii_lowercase())
        .unwrap_or_default();
    Ok(RawBody {
        bytes,
        media_type,
        content_type,
    })
}

/// Takes a body that is too large, up to a bound, and forgets it.
async fn linger(request: Request) {
    let mut data = request.into_body().into_data_stream();
    let mut taken = 0;
    while let Some(Ok(chunk)) = data.next().await {
        taken += chunk.len();
        if taken > LINGER_MAX {
            return;
        }
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

impl RawBody {
    /// SHA-256 of the bytes in hex, to tell whether two requests are the same.
    pub(crate) fn hash(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in Sha256::digest(&self.bytes) {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        }
        text
    }

    /// The body as UTF-8 text.
    pub(crate) fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            Failure::new(
                ErrorCode::BadParameter,
                format!("The body is not UTF-8 at byte {}", error.valid_up_to()),
            )
        })
    }

    /// The keys of a JSON, form or multipart body.
    pub(crate) async fn keys(self) -> Result<Map<String, Value>, Failure> {
        let keys = match self.media_type.as_str() {
            "application/json" | "text/json" => json_keys(&self.bytes)?,
            "application/x-www-form-urlencoded" => form_keys(&self.bytes)?,
            "multipart/form-data" => self.multipart_keys().await?,
            // Clients that send no type send JSON.
            "" if self.bytes.trim_ascii().is_empty() => Map::new(),
            "" if self.bytes.trim_ascii_start().starts_with(b"{") => json_keys(&self.bytes)?,
            _ => {
                return Err(Failure::new(
                    ErrorCode::MediaType,
                    "Send application/json, application/x-www-form-urlencoded \
                     or multipart/form-data",
                ));
            }
        };
        check_keys(keys)
    }

    /// The members of a JSON object; nothing but JSON is read.
    pub(crate) fn json(&self) -> Result<Map<String, Value>, Failure> {
        if !matches!(
            self.media_type.as_str(),
            "" | "application/json" | "text/json"
        ) {
            return Err(Failure::new(ErrorCode::MediaType, "Send application/json"));
        }
        check_keys(json_keys(&self.bytes)?)
    }

    /// The keys of a JSON, form or multipart body, files of a multipart body as such.
    pub(crate) async fn parts(self) -> Result<Vec<Part>, Failure> {
        if self.media_type == "multipart/form-data" {
            return self.multipart_parts().await;
        }
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let keys = self.keys().await?.into_iter();
        Ok(keys
            .map(|(name, value)| Part {
                name,
                content: Content::Text(text(value)),
            })
            .collect())
    }

    async fn multipart_parts(self) -> Result<Vec<Part>, Failure> {
        let mut multipart = self.multipart().await?;
        let mut parts = Vec::new();
        while let Ok(next) = multipart.next_field().await {
            let Some(field) = next else {
                return Ok(parts);
            };
            let name = field.name().unwrap_or_default().to_owned();
            if name.trim().is_empty() || parts.len() >= KEYS_MAX {
                break;
            }
            let media_type = field.file_name().map(|_file| {
                let media_type = field.content_type().unwrap_or("application/octet-stream");
                media_type.to_owned()
            });
            let content = match media_type {
                Some(media_type) => match field.bytes().await {
                    Ok(bytes) => Content::File { media_type, bytes },
                    Err(_) => break,
                },
                None => match field.text().await {
                    Ok(text) => Content::Text(text),
                    Err(_) => break,
                },
            };
            parts.push(Part { name, content });
        }
        Err(not_multipart())
    }

    async fn multipart(self) -> Result<Multipart, Failure> {
        let mut request = Request::new(axum::body::Body::from(self.bytes));
        if let Some(value) = self.content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        // The bytes are here and were counted.
        DefaultBodyLimit::disable().apply(&mut request);
        Multipart::from_request(request, &())
            .await
            .map_err(|_rejection| not_multipart())
    }

    async fn multipart_keys(self) -> Result<Map<String, Value>, Failure> {
        let mut multipart = self.multipart().await?;
        let mut keys = Map::new();
        loop {
            let Ok(next) = multipart.next_field().await else {
                return Err(not_multipart());
            };
            let Some(field) = next else {
                return Ok(keys);
            };
            let name = field.name().unwrap_or_default().to_owned();
            let Ok(value) = field.text().await else {
                return Err(not_multipart());
            };
            if keys.insert(name.clone(), Value::String(value)).is_some() {
                return Err(repeated(&name));
            }
            if keys.len() > KEYS_MAX {
                return Err(too_many_keys());
            }
        }
    }
}

fn not_multipart() -> Failure {
    Failure::new(
        ErrorCode::BadParameter,
        "The multipart body is not well formed",
    )
}

fn json_keys(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    if !bytes.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<Value>(bytes).is_ok()
    {
        let message = "The body must be a JSON object";
        return Err(Failure::new(ErrorCode::BadParameter, message));
    }
    match serde_json::from_slice::<Keys>(bytes) {
        Ok(Keys {
            repeated: Some(key),
            ..
        }) => Err(repeated(&key)),
        Ok(Keys { map, .. }) => Ok(map),
        // The text of the parser's error may repeat what was sent; its place says enough.
        Err(error) => Err(Failure::new(
            ErrorCode::BadParameter,
            format!(
                "The body is not JSON: error at line {}, column {}",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// A JSON object that remembers when a key stood in it twice: a plain map keeps the last value,
/// other parsers keep the first, and whoever checks and whoever acts must not read differently.
#[derive(Default)]
struct Keys {
    map: Map<String, Value>,
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            if keys.map.insert(key.clone(), value).is_some() {
                keys.repeated.get_or_insert(key);
            }
        }
        Ok(keys)
    }
}

fn repeated(key: &str) -> Failure {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
    let message = format!("The key '{shown}' is there twice; give it once");
    Failure::field(ErrorCode::BadParameter, &shown, message)
}

fn form_keys(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    let mut keys = Map::new();
    for (key, value) in form_urlencoded::parse(bytes).take(KEYS_MAX + 1) {
        let (key, value) = (key.into_owned(), Value::String(value.into_owned()));
        if keys.insert(key.clone(), value).is_some() {
            return Err(repeated(&key));
        }
    }
    Ok(keys)
}

fn too_many_keys() -> Failure {
    Failure::new(
        ErrorCode::BadParameter,
        format!("More than {KEYS_MAX} keys"),
    )
}

fn check_keys(keys: Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    if keys.len() > KEYS_MAX {
        return Err(too_many_keys());
    }
    if keys.keys().any(|key| key.trim().is_empty()) {
        return Err(Failure::new(
            ErrorCode::BadParameter,
            "A key of the body is empty",
        ));
    }
    Ok(keys)
}

/// The pairs of a query, in order.
pub(crate) fn query_pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
    let pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .take(KEYS_MAX + 1)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    if pairs.len() > KEYS_MAX {
        return Err(too_many_keys());
    }
    Ok(pairs)
}

/// Reads `true`, `false` and their other spellings (options §1).
pub(crate) fn parse_bool(key: &str, value: &str) -> Result<bool, Failure> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(Failure::field(
            ErrorCode::BadParameter,
            key,
            format!("{key} must be true or false"),
        )),
    }
}

/// A key of a query that this operation does not know.
pub(crate) fn unknown_key(key: &str, allowed: &str) -> Failure {
    // The key comes back shortened and without control characters.
    let shown: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
    Failure::field(
        ErrorCode::BadParameter,
        &shown,
        format!("The query key '{shown}' is not known here; allowed: {allowed}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::phrase;

    async fn keys(content_type: &str, body: &[u8]) -> Result<Value, String> {
        let mut request = Request::new(axum::body::Body::from(body.to_vec()));
        if !content_type.is_empty() {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        let body = read(request, 4096).await.map_err(|f| phrase(&f))?;
        body.keys().await.map(Value::Object).map_err(|f| phrase(&f))
    }

    #[tokio::test]
    async fn json_form_and_multipart_give_the_same_keys() {
        let expected = serde_json::json!({"_customer_number": "+4930555010", "name": "R. Okafor"});
        let json = br#"{"_customer_number":"+4930555010","name":"R. Okafor"}"#;
        assert_eq!(
            keys("application/json; charset=utf-8", json).await.unwrap(),
            expected
        );
        assert_eq!(keys("Application/JSON", json).await.unwrap(), expected);
        assert_eq!(keys("", json).await.unwrap(), expected);
        let form = b"_customer_number=%2B4930555010&name=R.+Okafor";
        assert_eq!(
            keys("application/x-www-form-urlencoded", form)
                .await
                .unwrap(),
            expected
        );
        let parts = b"--b\r\nContent-Disposition: form-data; name=\"_customer_number\"\r\n\r\n\
            +4930555010\r\n--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n\
            R. Okafor\r\n--b--\r\n";
        assert_eq!(
            keys("multipart/form-data; boundary=b", parts)
                .await
                .unwrap(),
            expected
        );
    }

    #[tokio::test]
    async fn an_empty_body_has_no_keys() {
        for content_type in ["", "application/json", "application/x-www-form-urlencoded"] {
            assert_eq!(
                keys(content_type, b"").await.unwrap(),
                serde_json::json!({})
            );
        }
    }

    #[tokio::test]
    async fn hostile_bodies_are_refused_by_name() {
        let deep = [b"{\"a\":".as_slice(), &b"[".repeat(3000)].concat();
        for (content_type, body, expected) in [
            ("application/json", b"[1]".as_slice(), "BAD_PARAMETER"),
            ("application/json", b"{\"a\":1", "BAD_PARAMETER"),
            ("application/json", b"\xff\xfe{}", "BAD_PARAMETER"),
            ("application/json", b"{\"\":1}", "BAD_PARAMETER"),
            ("application/json", deep.as_slice(), "BAD_PARAMETER"),
            ("application/xml", b"<a/>", "MEDIA_TYPE"),
            ("text/plain", b"_customer_number=1", "MEDIA_TYPE"),
            ("", b"_customer_number=1", "MEDIA_TYPE"),
            ("multipart/form-data", b"--b\r\n", "BAD_PARAMETER"),
            (
                "multipart/form-data; boundary=b",
                b"--b\r\nContent-Disposition: form",
                "BAD_PARAMETER",
            ),
            (
                "multipart/form-data; boundary=b",
                b"\x00\x01\x02",
                "BAD_PARAMETER",
            ),
            ("application/x-www-form-urlencoded", b"=x", "BAD_PARAMETER"),
            ("application/json", &[b' '; 5000], "TOO_LARGE"),
        ] {
            assert_eq!(
                keys(content_type, body).await,
                Err(expected.to_owned()),
                "{body:?}"
            );
        }
        assert!(
            keys("application/x-www-form-urlencoded", b"%ff=%00%zz")
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_key_that_is_there_twice_is_refused_by_name() {
        let multipart = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
            --b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n2\r\n--b--\r\n";
        for (content_type, body) in [
            ("application/json", br#"{"a":1,"b":2,"a":3}"#.as_slice()),
            ("application/x-www-form-urlencoded", b"a=1&b=2&a=3"),
            ("multipart/form-data; boundary=b", multipart),
        ] {
            assert_eq!(
                keys(content_type, body).await,
                Err("BAD_PARAMETER".to_owned()),
                "{content_type}"
            );
        }
        // Inside a value it is the sender's own matter.
        let inner = keys("application/json", br#"{"a":{"x":1,"x":2}}"#).await;
        assert_eq!(inner.unwrap(), serde_json::json!({"a": {"x": 2}}));
    }

    #[tokio::test]
    async fn too_many_keys_are_refused() {
        let body: Vec<u8> = (0..=KEYS_MAX)
            .flat_map(|n| format!("{n}&").into_bytes())
            .collect();
        assert_eq!(
            keys("application/x-www-form-urlencoded", &body).await,
            Err("BAD_PARAMETER".to_owned())
        );
        let query = String::from_utf8(body).unwrap();
        assert!(query_pairs(Some(&query)).is_err());
        assert_eq!(query_pairs(None).unwrap(), Vec::new());
    }

    #[tokio::test]
    async fn a_parse_error_never_repeats_what_was_sent() {
        let mut request = Request::new(axum::body::Body::from("{\"n\": +4930555010}"));
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let failure = read(request, 4096).await.unwrap().keys().await.unwrap_err();
        assert!(!format!("{failure:?}").contains("4930"), "{failure:?}");
    }
}
