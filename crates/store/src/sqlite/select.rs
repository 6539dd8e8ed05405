//! Reading rows back; a row that cannot be read is named by table and key.

use std::ops::Range;
use std::sync::Arc;

use callback::settings::Settings;
use callback::transaction_list::TransactionList;
use callback::{AgentId, Callback, CallbackId, ServiceName, Timestamp};
use rusqlite::types::{ToSql, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::failure::Failure;
use super::record::{Columns, by_name};
use super::settings::{Key, SettingsCache};
use crate::{
    AgentRow, CountedRow, DeliveryAttempt, DeliveryExtra, DeliveryQuery, DeliveryRow,
    DeliveryState, EventCursor, EventRow, IdempotencyRow, IntentRow, ServiceRow, SubscriptionRow,
    Trace, TransactionListRow,
};

/// Callbacks that a statement of [`super::query`] or [`callbacks_where`] selects.
pub(super) fn callbacks(
    conn: &Connection,
    cache: &SettingsCache,
    sql: &str,
    values: impl Params,
) -> Result<Vec<Callback>, Failure> {
    all(conn, sql, values, "callbacks", |row| {
        callback(conn, cache, row)
    })
}

/// The same, each in its own place from the beginning.
pub(super) fn shared_callbacks(
    conn: &Connection,
    cache: &SettingsCache,
    sql: &str,
    values: impl Params,
) -> Result<Vec<Arc<Callback>>, Failure> {
    all(conn, sql, values, "callbacks", |row| {
        callback(conn, cache, row).map(Arc::new)
    })
}

/// Numbers of rows that divide the open callbacks in four parts of about the same size.
pub(super) fn open_parts(conn: &Connection) -> Result<[Range<i64>; 4], Failure> {
    let count = "SELECT count(*) FROM callbacks WHERE open = 1";
    let count: i64 = conn.query_row(count, [], |row| row.get(0))?;
    let nth = "SELECT row FROM callbacks WHERE open = 1 ORDER BY row LIMIT 1 OFFSET ?1";
    let mut nth = conn.prepare(nth)?;
    let mut border = |part: i64| -> Result<i64, Failure> {
        let row = nth.query_row([count * part / 4], |row| row.get(0));
        Ok(row.optional()?.unwrap_or(i64::MAX))
    };
    let (a, b, c) = (border(1)?, border(2)?, border(3)?);
    Ok([i64::MIN..a, a..b, b..c, c..i64::MAX])
}

/// The statement that selects callbacks by a condition, which is fixed text with parameters.
pub(super) fn callbacks_where(condition: &str) -> String {
    format!(
        "SELECT id, state, reason, number, desired_ms, expires_ms, created_ms, settings_id, body
        FROM callbacks WHERE {condition}"
    )
}

/// What the callbacks count that were made after `since`, oldest first. Rows are made in the order
/// of their creation, give or take a commit: the walk goes back from the newest and ends a little
/// before `since`.
pub(super) fn counted_since(
    conn: &Connection,
    since: Timestamp,
) -> Result<Vec<CountedRow>, Failure> {
    /// How much earlier than its neighbours a row may have been made, ms.
    const SLACK_MS: i64 = 60_000;
    let sql = "SELECT id, service, created_ms, json_extract(body, '$.counted.values')
        FROM callbacks ORDER BY row DESC";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let created = Timestamp(row.get(2)?);
        if created.0 < since.0.saturating_sub(SLACK_MS) {
            break;
        }
        if created <= since {
            continue;
        }
        let values: Option<String> = row.get(3)?;
        let values = match values.as_deref() {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|e| Failure::Damaged(format!("callbacks {}: {e}", key_text(row))))?,
        };
        out.push(CountedRow {
            service: ServiceName::new(text(row, 1)?),
            created,
            values,
        });
    }
    out.sort_by_key(|row| row.created);
    Ok(out)
}

/// All rows of an event log.
pub(super) fn events(conn: &Connection, id: &CallbackId) -> Result<Vec<EventRow>, Failure> {
    let sql = "SELECT callback_id, seq, at_ms, event_id, state, data FROM events
        WHERE callback_id = ?1 ORDER BY seq";
    all(conn, sql, [id.as_str()], "events", event)
}

/// Events of all callbacks behind a place.
pub(super) fn events_since(
    conn: &Connection,
    after: &EventCursor,
    limit: i64,
) -> Result<Vec<EventRow>, Failure> {
    let sql = "SELECT callback_id, seq, at_ms, event_id, state, data FROM events
        WHERE (at_ms, callback_id, seq) > (?1, ?2, ?3)
        ORDER BY at_ms, callback_id, seq LIMIT ?4";
    let seq = i64::try_from(after.seq).unwrap_or(i64::MAX);
    let values = params![after.at.0, after.callback, seq, limit];
    all(conn, sql, values, "events", event)
}

fn event(row: &Row<'_>) -> Result<EventRow, Failure> {
    Ok(EventRow {
        callback: CallbackId::new(text(row, 0)?),
        seq: counter(row, 1)?,
        at: Timestamp(row.get(2)?),
        event_id: row.get(3)?,
        state: by_name(text(row, 4)?)?,
        data: row.get(5)?,
    })
}

/// All Transaction Lists by name.
pub(super) fn transaction_lists(conn: &Connection) -> Result<Vec<TransactionListRow>, Failure> {
    let sql = "SELECT name, sections, changed_ms FROM transaction_lists ORDER BY name";
    all(conn, sql, [], "transaction_lists", |row| {
        Ok(TransactionListRow {
            list: TransactionList {
                name: row.get(0)?,
                sections: serde_json::from_str(text(row, 1)?)
                    .map_err(|e| Failure::Damaged(format!("sections: {e}")))?,
            },
            changed: Timestamp(row.get(2)?),
        })
    })
}

/// All subscriptions.
pub(super) fn subscriptions(conn: &Connection) -> Result<Vec<SubscriptionRow>, Failure> {
    let sql = "SELECT id, subscriber, filter, channel, device, provider, authorization, language,
        debug, guarded, expires_ms FROM subscriptions ORDER BY id";
    all(conn, sql, [], "subscriptions", |row| {
        Ok(SubscriptionRow {
            id: row.get(0)?,
            subscriber: row.get(1)?,
            filter: row.get(2)?,
            channel: row.get(3)?,
            device: row.get(4)?,
            provider: row.get(5)?,
            authorization: row.get(6)?,
            language: row.get(7)?,
            debug: row.get(8)?,
            guarded: row.get(9)?,
            expires: Timestamp(row.get(10)?),
        })
    })
}

/// Deliveries that were given up.
pub(super) fn failed_deliveries(
    conn: &Connection,
    id: Option<&str>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, Failure> {
    match id {
        Some(id) => {
            let sql = format!("{DELIVERIES} WHERE id = ?1 AND state = 2 LIMIT ?2");
            all(conn, &sql, params![id, limit], "deliveries", delivery)
        }
        None => {
            let sql = format!("{DELIVERIES} WHERE state = 2 ORDER BY at_ms, row LIMIT ?1");
            all(conn, &sql, [limit], "deliveries", delivery)
        }
    }
}

const DELIVERIES: &str = "SELECT id, callback_id, seq, notification_seq, event_id, at_ms, channel,
    target, guarded, language, body, attempts, next_at_ms, state, row, base, extra
    FROM deliveries";

/// How many deliveries are pending, and how many were given up; each from its own index.
pub(super) fn open_deliveries(conn: &Connection) -> Result<(u64, u64), Failure> {
    let count = |state: u8| -> Result<u64, Failure> {
        let sql = format!("SELECT COUNT(*) FROM deliveries WHERE state = {state}");
        let count: i64 = conn.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    Ok((count(0)?, count(2)?))
}

/// What still has to be delivered.
pub(super) fn pending_deliveries(conn: &Connection) -> Result<Vec<DeliveryRow>, Failure> {
    let sql = format!("{DELIVERIES} WHERE state = 0 ORDER BY callback_id, seq, row");
    all(conn, &sql, [], "deliveries", delivery)
}

/// How many callbacks are over; from the index of those alone.
pub(super) fn count_over(conn: &Connection) -> Result<u64, Failure> {
    let sql = "SELECT count(*) FROM callbacks WHERE open = 0";
    let count: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Deliveries with their attempts: those of one callback by `seq`, or all, newest first.
pub(super) fn deliveries(
    conn: &Connection,
    query: &DeliveryQuery,
) -> Result<Vec<(DeliveryRow, Vec<DeliveryAttempt>)>, Failure> {
    let mut conditions = Vec::new();
    conditions.extend(query.state.map(|state| match state {
        DeliveryState::Pending => "state = 0",
        DeliveryState::Delivered => "state = 1",
        DeliveryState::Failed => "state = 2",
    }));
    conditions.extend(query.callback.as_ref().map(|_| "callback_id = :callback"));
    let before = "row < (SELECT row FROM deliveries WHERE id = :before)";
    conditions.extend(query.before.as_ref().map(|_| before));
    // What waits and what was given up has an index of its own; most was delivered.
    let (index, order) = match (&query.callback, query.state) {
        (Some(_), _) => ("", "seq, row"),
        (None, Some(DeliveryState::Pending)) => ("INDEXED BY deliveries_pending", "row DESC"),
        (None, Some(DeliveryState::Failed)) => ("INDEXED BY deliveries_failed", "row DESC"),
        (None, _) => ("", "row DESC"),
    };
    let filter = if conditions.is_empty() {
        String::from("1")
    } else {
        conditions.join(" AND ")
    };
    let sql = format!("{DELIVERIES} {index} WHERE {filter} ORDER BY {order} LIMIT :limit");
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let callback = query.callback.as_ref().map(CallbackId::as_str);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
    if callback.is_some() {
        values.push((":callback", &callback));
    }
    if query.before.is_some() {
        values.push((":before", &query.before));
    }
    all(conn, &sql, values.as_slice(), "deliveries", |row| {
        let decoded = delivery(row)?;
        let attempts = attempts(conn, &decoded.id, row.get(14)?)?;
        Ok((decoded, attempts))
    })
}

/// Intents whose legs are not over, oldest first.
pub(super) fn intents(conn: &Connection) -> Result<Vec<IntentRow>, Failure> {
    let sql = "SELECT leg, callback_id, at_ms, dialog FROM intents ORDER BY at_ms, leg";
    all(conn, sql, [], "intents", |row| {
        Ok(IntentRow {
            leg: row.get(0)?,
            callback: CallbackId::new(text(row, 1)?),
            at: Timestamp(row.get(2)?),
            dialog: row.get(3)?,
        })
    })
}

/// One idempotency key.
pub(super) fn idempotency(
    conn: &Connection,
    key: &str,
    not_before: Timestamp,
) -> Result<Option<IdempotencyRow>, Failure> {
    let sql = "SELECT key, body_hash, callback_id, at_ms FROM idempotency
        WHERE key = ?1 AND at_ms >= ?2";
    let rows = all(
        conn,
        sql,
        params![key, not_before.0],
        "idempotency",
        |row| {
            Ok(IdempotencyRow {
                key: row.get(0)?,
                body_hash: row.get(1)?,
                callback: CallbackId::new(text(row, 2)?),
                at: Timestamp(row.get(3)?),
            })
        },
    )?;
    Ok(rows.into_iter().next())
}

/// All services by name.
pub(super) fn services(conn: &Connection) -> Result<Vec<ServiceRow>, Failure> {
    let sql = "SELECT name, options, changed_ms FROM services ORDER BY name";
    all(conn, sql, [], "services", |row| {
        Ok(ServiceRow {
            name: ServiceName::new(text(row, 0)?),
            options: options(text(row, 1)?)?,
            changed: Timestamp(row.get(2)?),
        })
    })
}

/// All agents by id.
pub(super) fn agents(conn: &Connection) -> Result<Vec<AgentRow>, Failure> {
    let sql = "SELECT id, options, ready, reason, since_ms FROM agents ORDER BY id";
    all(conn, sql, [], "agents", |row| {
        Ok(AgentRow {
            id: AgentId::new(text(row, 0)?),
            options: options(text(row, 1)?)?,
            ready: row.get(2)?,
            reason: row.get(3)?,
            since: Timestamp(row.get(4)?),
        })
    })
}

/// Decodes every row; the first column is the key that names a damaged one.
fn all<T>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
    table: &str,
    mut decode: impl FnMut(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = conn
        .prepare_cached(sql)
        .map_err(|e| Failure::from(e).of_row(table))?;
    let mut rows = statement.query(values)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(|e| Failure::from(e).of_row(table))? {
        out.push(decode(row).map_err(|f| f.of_row(&format!("{table} {}", key_text(row))))?);
    }
    Ok(out)
}

fn callback(conn: &Connection, cache: &SettingsCache, row: &Row<'_>) -> Result<Callback, Failure> {
    let key: Key = row.get(7)?;
    let columns = Columns {
        id: text(row, 0)?,
        state: text(row, 1)?,
        reason: row
            .get_ref(2)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)?,
        number: text(row, 3)?,
        desired_ms: row.get(4)?,
        expires_ms: row.get(5)?,
        created_ms: row.get(6)?,
        body: text(row, 8)?,
    };
    columns.join(settings(conn, cache, key)?)
}

fn settings(conn: &Connection, cache: &SettingsCache, key: Key) -> Result<Arc<Settings>, Failure> {
    if let Some(settings) = cache.get(&key) {
        return Ok(settings);
    }
    let body: Option<String> = conn
        .prepare_cached("SELECT body FROM settings WHERE id = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    let Some(body) = body else {
        return Err(Failure::Damaged(String::from("its settings are not there")));
    };
    let settings: Arc<Settings> =
        serde_json::from_str(&body).map_err(|e| Failure::Damaged(format!("settings: {e}")))?;
    Ok(cache.put(key, settings))
}

fn delivery(row: &Row<'_>) -> Result<DeliveryRow, Failure> {
    let next_at: Option<i64> = row.get(12)?;
    Ok(DeliveryRow {
        id: row.get(0)?,
        callback: CallbackId::new(text(row, 1)?),
        seq: counter(row, 2)?,
        notification_seq: counter(row, 3)?,
        event_id: row.get(4)?,
        at: Timestamp(row.get(5)?),
        channel: row.get(6)?,
        target: row.get(7)?,
        guarded: row.get(8)?,
        language: row.get(9)?,
        body: row.get(10)?,
        attempts: row.get(11)?,
        next_at: next_at.map(Timestamp),
        state: delivery_state(row.get(13)?)?,
        base: row.get(15)?,
        extra: match text(row, 16)? {
            "" => DeliveryExtra::default(),
            extra => {
                serde_json::from_str(extra).map_err(|e| Failure::Damaged(format!("extra: {e}")))?
            }
        },
    })
}

fn attempts(conn: &Connection, id: &str, row: i64) -> Result<Vec<DeliveryAttempt>, Failure> {
    let sql = "SELECT a.delivery, a.at_ms, a.status, a.error, a.took_ms, a.state, a.next_at_ms,
            t.request, t.answer
        FROM attempts a LEFT JOIN traces t ON t.delivery = a.delivery AND t.n = a.n
        WHERE a.delivery = ?1 ORDER BY a.n";
    all(conn, sql, [row], "attempts", |row| {
        let next_at: Option<i64> = row.get(6)?;
        let request: Option<String> = row.get(7)?;
        let answer: Option<String> = row.get(8)?;
        Ok(DeliveryAttempt {
            trace: request
                .zip(answer)
                .map(|(request, answer)| Trace { request, answer }),
            delivery: String::from(id),
            at: Timestamp(row.get(1)?),
            status: row.get(2)?,
            error: row.get(3)?,
            ms: row.get(4)?,
            state: delivery_state(row.get(5)?)?,
            next_at: next_at.map(Timestamp),
        })
    })
}

fn delivery_state(number: i64) -> Result<DeliveryState, Failure> {
    match number {
        0 => Ok(DeliveryState::Pending),
        1 => Ok(DeliveryState::Delivered),
        2 => Ok(DeliveryState::Failed),
        _ => Err(Failure::Damaged(format!("unknown delivery state {number}"))),
    }
}

fn options(text: &str) -> Result<Vec<(String, String)>, Failure> {
    serde_json::from_str(text).map_err(|e| Failure::Damaged(format!("options: {e}")))
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Failure> {
    Ok(row
        .get_ref(column)?
        .as_str()
        .map_err(rusqlite::Error::from)?)
}

fn counter(row: &Row<'_>, column: usize) -> Result<u64, Failure> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|e| Failure::Damaged(format!("{number}: {e}")))
}

fn key_text(row: &Row<'_>) -> String {
    match row.get_ref(0) {
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        Ok(ValueRef::Integer(number)) => number.to_string(),
        _ => String::from("(unreadable key)"),
    }
}
