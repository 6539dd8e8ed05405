//! `GET /api/v1/callbacks/export?…`: callbacks as a table of text (callback-api §2, operation 11).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use callback::Callback;
use callback::limits::QUERY_MAX;
use callback::record::Reason;

use super::list::Filter;
use crate::api::{Operator, ui};
use crate::error::ApiError;
use crate::limits::EXPORT_MAX;
use crate::{Api, body};

const HEAD: &str = "_id,_service_name,_customer_number,_callback_state,_callback_reason,\
                    _desired_time,_rb_created,_rb_attempts,_rb_detail,_rb_user_data";

pub(in crate::api) async fn export(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    ui::check_bulk(&api)?;
    let columns = ui::columns(&api);
    let pairs = body::query_pairs(query.as_deref())?;
    let has_limit = pairs.iter().any(|(key, _)| key == "limit");
    let mut query = Filter::parse(pairs)?.into_query(&api);
    let mut text = HEAD.to_owned();
    for (_, title) in &columns {
        text.push(',');
        quoted(&mut text, title);
    }
    text.push_str("\r\n");
    let mut rows = 0;
    loop {
        let found = api.engine.query(query.clone()).await?;
        found
            .iter()
            .for_each(|callback| row(&mut text, callback, &columns));
        rows += found.len();
        if has_limit || found.len() < QUERY_MAX || rows >= EXPORT_MAX {
            break;
        }
        query.skip += found.len();
    }
    let headers = [
        (CONTENT_TYPE, "text/csv;charset=utf-8"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"callbacks.csv\"",
        ),
    ];
    Ok((headers, text).into_response())
}

fn row(text: &mut String, callback: &Callback, columns: &[(String, String)]) {
    let data = serde_json::to_string(&callback.user_data).unwrap_or_default();
    let cells = [
        callback.id.as_str(),
        callback.service().as_str(),
        &callback.customer_number,
        callback.state.as_str(),
        callback.reason.as_ref().map_or("", Reason::as_str),
        &callback.desired.to_iso(),
        &callback.created.to_iso(),
        &callback.attempts.to_string(),
        callback.detail.as_deref().unwrap_or_default(),
        &data,
    ];
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        quoted(text, cell);
    }
    for (key, _) in columns {
        text.push(',');
        quoted(text, &ui::cell(callback, key));
    }
    text.push_str("\r\n");
}

/// A cell as RFC 4180 writes it. A spreadsheet must not take what a stranger sent for a formula.
fn quoted(text: &mut String, cell: &str) {
    let is_formula =
        cell.starts_with(['=', '@', '\t']) || (cell.starts_with('-') && cell.len() > 1);
    if !is_formula && !cell.contains(['"', ',', '\r', '\n']) {
        text.push_str(cell);
        return;
    }
    text.push('"');
    if is_formula {
        text.push('\'');
    }
    text.push_str(&cell.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_disarmed() {
        let cell = |text: &str| {
            let mut out = String::new();
            quoted(&mut out, text);
            out
        };
        assert_eq!(cell("+4930555010"), "+4930555010");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell(""), "");
    }
}
