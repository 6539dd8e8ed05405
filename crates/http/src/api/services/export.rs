//! `GET /api/v1/services/export`: all services as the text that an import reads.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::Api;
use crate::api::Operator;

pub(in crate::api) async fn export(_: Operator, State(api): State<Arc<Api>>) -> Response {
    let mut text = String::new();
    for service in api.engine.services() {
        section(&mut text, service.name.as_str(), &service.options);
    }
    ([(header::CONTENT_TYPE, "text/plain;charset=utf-8")], text).into_response()
}

fn section(text: &mut String, name: &str, options: &[(String, String)]) {
    let gap = if text.is_empty() { "" } else { "\n" };
    writeln!(text, "{gap}[service.{name}]").expect("writing to a String cannot fail");
    for (key, value) in options {
        writeln!(text, "{key} = {value}").expect("writing to a String cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_written_as_sections() {
        let mut text = String::new();
        section(&mut text, "a", &[("_type".into(), "ors".into())]);
        section(&mut text, "b", &[]);
        assert_eq!(text, "[service.a]\n_type = ors\n\n[service.b]\n");
    }
}
