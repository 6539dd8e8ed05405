//! `GET /api/v1/openapi.json`: the OpenAPI 3.1 document of both surfaces.
//!
//! The operations stand in one table, the forms of bodies in another; a test reads the routers'
//! sources, so that no route is without its description and no description without its route.

mod operations;
mod schemas;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Map, Value, json};

use self::operations::OPERATIONS;
use crate::error::ApiError;
use crate::{Api, answer};

/// One operation of a path.
#[derive(Debug)]
struct Operation {
    method: &'static str,
    /// As the router has it; `{app}` in front is the prefix of the compatible surface.
    path: &'static str,
    summary: &'static str,
    /// Keys of the query with their meaning.
    query: &'static [(&'static str, &'static str)],
    body: Body,
    /// Content of the answer with status 200.
    answer: Answer,
}

/// What a request carries.
#[derive(Clone, Copy, Debug)]
enum Body {
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// JSON, form or multipart keys of this schema.
    Keys(&'static str),
    /// The text of a file.
    Text,
    /// The bytes of a file.
    Bytes,
}

/// What an answer carries.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Empty,
    /// JSON of this schema.
    Json(&'static str),
    /// A JSON array of this schema.
    Array(&'static str),
    /// Text or bytes of this media type.
    Other(&'static str),
}

/// Serves the document; it holds nothing that only operators may know.
pub(crate) async fn serve(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    Ok(answer::ok(&document(&api.app, &api.public_url))?)
}

/// The document as text, for whoever generates a client; the compatible prefix is the default.
#[must_use]
pub fn openapi_text() -> String {
    let document = document(crate::DEFAULT_APP, "/");
    let mut text = format!("{document:#}");
    text.push('\n');
    text
}

/// The whole document.
fn document(app: &str, public_url: &str) -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = operation.path.replacen("{app}", app, 1);
        let slot = paths.entry(path).or_insert_with(|| json!({}));
        slot[operation.method] = operation.to_json();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Callbacks for contact centres: the API compatible with GMS Callback, \
                and the native one for operators.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "security": [{"basic": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": schemas::all(),
        },
    })
}

impl Operation {
    fn is_native(&self) -> bool {
        !self.path.starts_with("{app}")
    }

    fn to_json(&self) -> Value {
        let (error_type, error) = if self.is_native() {
            ("application/problem+json", "Problem")
        } else {
            ("application/json", "Refusal")
        };
        let tag = match self.path {
            path if path.starts_with("/api/") => "native",
            path if path.starts_with("{app}") => "compatible",
            path if path.starts_with("/scxml/") => "sessions",
            _ => "probes",
        };
        let mut operation = json!({
            "operationId": self.id(),
            "tags": [tag],
            "summary": self.summary,
            "parameters": self.parameters(),
            "responses": {
                "200": self.answer.to_json(),
                "default": {
                    "description": "Refused; the phrases are those of ErrorCode",
                    "content": {error_type: {"schema": reference(error)}},
                },
            },
        });
        if let Some(body) = self.body.to_json() {
            operation["requestBody"] = body;
        }
        operation
    }

    /// Unique and a legal identifier: method and path.
    fn id(&self) -> String {
        let mut id = self.method.to_owned();
        let words = self.path.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words.filter(|word| !word.is_empty() && *word != "app") {
            id.push('_');
            id.push_str(word);
        }
        id
    }

    fn parameters(&self) -> Vec<Value> {
        let placed = |name: &str, place: &str, text: &str| {
            json!({"name": name, "in": place, "required": place == "path",
                "description": text, "schema": {"type": "string"}})
        };
        let in_path = names_in(self.path)
            .filter(|name| *name != "app")
            .map(|name| placed(name, "path", ""));
        let in_query = self.query.iter().map(|(n, text)| placed(n, "query", text));
        in_path.chain(in_query).collect()
    }
}

impl Body {
    fn to_json(self) -> Option<Value> {
        let content = match self {
            Self::Nothing => return None,
            Self::Json(name) => json!({"application/json": {"schema": reference(name)}}),
            Self::Keys(name) => json!({
                "application/json": {"schema": reference(name)},
                "application/x-www-form-urlencoded": {"schema": reference(name)},
                "multipart/form-data": {"schema": reference(name)},
            }),
            Self::Bytes => json!({"application/octet-stream": {}}),
            Self::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
        };
        Some(json!({"required": true, "content": content}))
    }
}

impl Answer {
    fn to_json(self) -> Value {
        let content = match self {
            Self::Empty => return json!({"description": "Done"}),
            Self::Json(name) => json!({"application/json": {"schema": reference(name)}}),
            Self::Array(name) => {
                let schema = json!({"type": "array", "items": reference(name)});
                json!({"application/json": {"schema": schema}})
            }
            Self::Other(media_type) => json!({media_type: {}}),
        };
        json!({"description": "Done", "content": content})
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Names between braces.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// Every phrase of a refusal.
fn phrases() -> Vec<&'static str> {
    ErrorCode::ALL.iter().map(|code| code.phrase()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Methods and paths of the `.route(` calls of a source.
    fn routes(source: &str, prefix: &str) -> BTreeSet<(String, String)> {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let mut found = BTreeSet::new();
        for call in source.split(".route(").skip(1) {
            let path = call.split('"').nth(1).unwrap();
            let handlers = call.split_once(&format!("{path}\"")).unwrap().1;
            let handlers = handlers.split(';').next().unwrap_or_default();
            for method in ["get", "post", "put", "delete"] {
                let mut before = handlers.split(&format!("{method}(")).collect::<Vec<_>>();
                before.pop();
                let called = before.iter().any(|text| text.ends_with([' ', '.', '\n']));
                if called {
                    found.insert((method.to_owned(), format!("{prefix}{path}")));
                }
            }
        }
        found
    }

    #[test]
    fn every_route_is_described_and_every_description_has_a_route() {
        let mut routed = routes(include_str!("api.rs"), "");
        routed.extend(routes(include_str!("health.rs"), ""));
        routed.extend(routes(include_str!("session.rs"), ""));
        routed.extend(routes(include_str!("gms.rs"), "{app}"));
        let described: BTreeSet<(String, String)> = OPERATIONS
            .iter()
            .map(|o| (o.method.to_owned(), o.path.to_owned()))
            .collect();
        assert_eq!(described.len(), OPERATIONS.len(), "one stands twice");
        let missing: Vec<_> = routed.difference(&described).collect();
        assert!(missing.is_empty(), "not described: {missing:?}");
        let stale: Vec<_> = described.difference(&routed).collect();
        assert!(stale.is_empty(), "described without a route: {stale:?}");
    }

    /// Every `$ref` of a value.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|inner| references(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn references_lead_somewhere_and_identifiers_are_unique() {
        let document = document("/genesys", "http://127.0.0.1:8080");
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let name = reference.rsplit('/').next().unwrap();
            assert!(schemas.contains_key(name), "{reference}");
        }
        let ids: BTreeSet<String> = OPERATIONS.iter().map(Operation::id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
        let path = "/genesys/1/service/callback/{service}/{id}";
        let put = &document["paths"][path]["put"];
        assert_eq!(put["tags"], json!(["compatible"]));
        assert_eq!(put["parameters"].as_array().map(Vec::len), Some(2));
        assert_eq!(document["openapi"], "3.1.0");
    }

    #[test]
    fn the_document_that_the_browser_ui_is_generated_from_is_up_to_date() {
        let kept = include_str!("../../../web/openapi.json");
        assert!(
            kept == openapi_text(),
            "web/openapi.json is out of date: run `cargo xtask web-types`"
        );
    }

    #[test]
    fn the_document_follows_the_prefix() {
        let document = document("", "http://127.0.0.1:8080");
        assert!(document["paths"]["/1/service/callback"]["get"].is_object());
    }
}
