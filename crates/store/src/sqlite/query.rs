//! Queries over callbacks. Keys and values of a caller are bound, never part of the SQL.

use callback::Callback;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::failure::Failure;
use super::select::{callbacks, callbacks_where};
use super::settings::SettingsCache;
use crate::Query;

/// Runs a query.
pub(super) fn run(
    conn: &Connection,
    cache: &SettingsCache,
    query: &Query,
) -> Result<Vec<Callback>, Failure> {
    let (mut form, filter) = filter(query)?;
    let limit = form.bind(Value::Integer(
        i64::try_from(query.limit).unwrap_or(i64::MAX),
    ));
    let skip = form.bind(Value::Integer(
        i64::try_from(query.skip).unwrap_or(i64::MAX),
    ));
    let sql = format!(
        "{} ORDER BY {} LIMIT ?{limit} OFFSET ?{skip}",
        callbacks_where(&filter),
        // Rows are numbered as they are made, and walked without sorting.
        if query.newest_first {
            "row DESC"
        } else {
            "desired_ms, id"
        },
    );
    callbacks(conn, cache, &sql, params_from_iter(form.values))
}

/// Counts what a query would find without its bounds.
pub(super) fn count(conn: &Connection, query: &Query) -> Result<usize, Failure> {
    let (form, filter) = filter(query)?;
    let sql = format!("SELECT count(*) FROM callbacks WHERE {filter}");
    let count: i64 = conn.query_row(&sql, params_from_iter(form.values), |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The condition of a query with its values.
fn filter(query: &Query) -> Result<(Form, String), Failure> {
    let mut form = Form::default();
    let mut all = Vec::new();
    if let Some(service) = &query.service {
        let n = form.bind(Value::Text(String::from(service.as_str())));
        all.push(format!("service = ?{n}"));
    }
    if let Some(at) = query.alive_at {
        let n = form.bind(Value::Integer(at.0));
        all.push(format!("expires_ms > ?{n}"));
    }
    if let Some(at) = query.desired_from {
        let n = form.bind(Value::Integer(at.0));
        all.push(format!("desired_ms >= ?{n}"));
    }
    if let Some(at) = query.desired_until {
        let n = form.bind(Value::Integer(at.0));
        all.push(format!("desired_ms < ?{n}"));
    }
    let mut conditions = Vec::new();
    for (key, values) in &query.conditions {
        conditions.push(form.condition(key, values)?);
    }
    if !conditions.is_empty() {
        let operand = if query.any { " OR " } else { " AND " };
        all.push(format!("({})", conditions.join(operand)));
    }
    let filter = if all.is_empty() {
        String::from("1")
    } else {
        all.join(" AND ")
    };
    Ok((form, filter))
}

#[derive(Default)]
struct Form {
    values: Vec<Value>,
}

impl Form {
    /// Binds a value, returns the number of its parameter.
    fn bind(&mut self, value: Value) -> usize {
        self.values.push(value);
        self.values.len()
    }

    fn condition(&mut self, key: &str, accepted: &[String]) -> Result<String, Failure> {
        let list = serde_json::to_string(accepted)
            .map_err(|e| Failure::Damaged(format!("query values: {e}")))?;
        let values = self.bind(Value::Text(list));
        let one_of = format!("IN (SELECT value FROM json_each(?{values}))");
        let column = match key {
            "_id" => "id",
            "_callback_state" => "state",
            "_callback_reason" => "reason",
            "_customer_number" => "number",
            "_vq" => {
                "(SELECT json_extract(settings.body, '$.virtual_queue') FROM settings\n                    WHERE settings.id = settings_id)"
            }
            _ => return Ok(self.stored_pair(key, &one_of)),
        };
        Ok(format!("{column} {one_of}"))
    }

    /// A pair inside the body. The key is compared, not used as a path: a path could not hold
    /// every key. Numbers and booleans are compared by their JSON text.
    fn stored_pair(&mut self, key: &str, one_of: &str) -> String {
        let place = if key.starts_with('_') {
            "$.parameters"
        } else {
            "$.user_data"
        };
        let name = self.bind(Value::Text(String::from(key)));
        format!(
            "EXISTS (SELECT 1 FROM json_each(body, '{place}') AS pair WHERE pair.key = ?{name}
                AND (CASE pair.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
                     ELSE CAST(pair.value AS TEXT) END) {one_of})"
        )
    }
}
