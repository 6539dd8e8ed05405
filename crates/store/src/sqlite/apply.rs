//! Batches as SQL. Statements are prepared once per connection.

use std::sync::Arc;

use rusqlite::{Connection, ToSql, params};

use super::failure::Failure;
use super::limits::IDEMPOTENCY_MS;
use super::record::Record;
use super::settings::{SettingsCache, StoredSettings, text};
use crate::{
    AgentRow, Batch, DeliveryAttempt, DeliveryRow, DeliveryState, EventRow, IdempotencyRow,
    IntentRow, ServiceRow, SubscriptionRow, TransactionListRow,
};

/// A batch whose callbacks are serialised already, which the callers do in parallel.
#[derive(Debug)]
pub(super) struct Rows {
    records: Vec<Record>,
    rest: Arc<Batch>,
}

impl Rows {
    pub(super) fn of(batch: Arc<Batch>, cache: &SettingsCache) -> Result<Self, Failure> {
        let records = batch
            .callbacks
            .iter()
            .map(|callback| Record::of(callback, cache))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            records,
            rest: batch,
        })
    }

    pub(super) fn len(&self) -> usize {
        let rest = &self.rest;
        self.records.len()
            + rest.events.len()
            + rest.deliveries.len()
            + rest.attempts.len()
            + rest.intents.len()
            + rest.dialogs.len()
            + rest.intents_over.len()
            + rest.idempotency.len()
            + rest.subscriptions.len()
            + rest.subscriptions_over.len()
            + rest.retries.len()
            + rest.agent_states.len()
    }
}

/// Writes a batch.
pub(super) fn batch(
    conn: &Connection,
    rows: &Rows,
    stored: &mut StoredSettings,
) -> Result<(), Failure> {
    for record in &rows.records {
        callback(conn, record, stored)
            .map_err(|f| f.of_row(&format!("callbacks {}", record.id)))?;
    }
    let rest = &rows.rest;
    for row in &rest.events {
        event(conn, row).map_err(|f| f.of_row(&format!("events {} {}", row.callback, row.seq)))?;
    }
    for row in &rest.deliveries {
        delivery(conn, row).map_err(|f| f.of_row(&format!("deliveries {}", row.id)))?;
    }
    for row in &rest.attempts {
        attempt(conn, row).map_err(|f| f.of_row(&format!("attempts {}", row.delivery)))?;
    }
    for row in &rest.intents {
        intent(conn, row).map_err(|f| f.of_row(&format!("intents {}", row.leg)))?;
    }
    for (leg, dialog) in &rest.dialogs {
        // A leg that is over has no row any more: its dialog is of no use.
        let sql = "UPDATE intents SET dialog = ?2 WHERE leg = ?1";
        conn.prepare_cached(sql)?.execute(params![leg, dialog])?;
    }
    for leg in &rest.intents_over {
        conn.prepare_cached("DELETE FROM intents WHERE leg = ?1")?
            .execute([leg])?;
    }
    for row in &rest.idempotency {
        idempotency(conn, row)?;
    }
    for row in &rest.agent_states {
        // What the agent asked for meanwhile counts more.
        let sql = "UPDATE agents SET ready = ?2, reason = ?3, since_ms = ?4
            WHERE id = ?1 AND since_ms <= ?4";
        let values = params![row.id.as_str(), row.ready, row.reason, row.since.0];
        conn.prepare_cached(sql)?.execute(values)?;
    }
    notifications(conn, rest)
}

/// Subscriptions and retries by hand.
fn notifications(conn: &Connection, rest: &Batch) -> Result<(), Failure> {
    for row in &rest.subscriptions {
        subscription(conn, row).map_err(|f| f.of_row(&format!("subscriptions {}", row.id)))?;
    }
    for id in &rest.subscriptions_over {
        conn.prepare_cached("DELETE FROM subscriptions WHERE id = ?1")?
            .execute([id])?;
    }
    for (id, at) in &rest.retries {
        let sql = "UPDATE deliveries SET state = 0, next_at_ms = ?2, base = attempts
            WHERE id = ?1 AND state = 2";
        conn.prepare_cached(sql)?.execute(params![id, at.0])?;
    }
    Ok(())
}

fn subscription(conn: &Connection, row: &SubscriptionRow) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO subscriptions (id, subscriber, filter, channel, device,
            provider, authorization, language, debug, guarded, expires_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values: [&dyn ToSql; 11] = [
        &row.id,
        &row.subscriber,
        &row.filter,
        &row.channel,
        &row.device,
        &row.provider,
        &row.authorization,
        &row.language,
        &row.debug,
        &row.guarded,
        &row.expires.0,
    ];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Inserts or replaces Transaction Lists.
pub(super) fn transaction_lists(
    conn: &Connection,
    rows: &[TransactionListRow],
) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO transaction_lists (name, sections, changed_ms)
        VALUES (?1, ?2, ?3)";
    let mut statement = conn.prepare_cached(sql)?;
    for row in rows {
        let sections = serde_json::to_string(&row.list.sections)
            .map_err(|e| Failure::Damaged(format!("sections: {e}")))?;
        statement.execute(params![row.list.name, sections, row.changed.0])?;
    }
    Ok(())
}

/// Inserts or replaces services.
pub(super) fn services(conn: &Connection, rows: &[ServiceRow]) -> Result<(), Failure> {
    let sql = "INSERT INTO services (name, options, changed_ms) VALUES (?1, ?2, ?3)
        ON CONFLICT (name) DO UPDATE SET
            options = excluded.options, changed_ms = excluded.changed_ms";
    let mut statement = conn.prepare_cached(sql)?;
    for row in rows {
        let options = options_text(&row.options)?;
        statement.execute(params![row.name.as_str(), options, row.changed.0])?;
    }
    Ok(())
}

/// Inserts or replaces agents.
pub(super) fn agents(conn: &Connection, rows: &[AgentRow]) -> Result<(), Failure> {
    let sql = "INSERT INTO agents (id, options, ready, reason, since_ms)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET options = excluded.options, ready = excluded.ready,
            reason = excluded.reason, since_ms = excluded.since_ms";
    let mut statement = conn.prepare_cached(sql)?;
    for row in rows {
        let options = options_text(&row.options)?;
        statement.execute(params![
            row.id.as_str(),
            options,
            row.ready,
            row.reason,
            row.since.0
        ])?;
    }
    Ok(())
}

/// Number of a delivery state in the tables.
pub(super) const fn delivery_state(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Pending => 0,
        DeliveryState::Delivered => 1,
        DeliveryState::Failed => 2,
    }
}

fn callback(
    conn: &Connection,
    record: &Record,
    stored: &mut StoredSettings,
) -> Result<(), Failure> {
    if !stored.contains(&record.settings_key) {
        let sql = "INSERT OR IGNORE INTO settings (id, body) VALUES (?1, ?2)";
        let body = text(&record.settings)?;
        conn.prepare_cached(sql)?
            .execute(params![record.settings_key, body])?;
        stored.written(record.settings_key);
    }
    // What never changes after creation is not touched by the update, nor are its indexes.
    let sql = "INSERT INTO callbacks (id, service, state, reason, number, desired_ms, expires_ms,
            created_ms, next_timer_ms, open, settings_id, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT (id) DO UPDATE SET service = excluded.service, state = excluded.state,
            reason = excluded.reason, number = excluded.number, desired_ms = excluded.desired_ms,
            expires_ms = excluded.expires_ms, created_ms = excluded.created_ms,
            next_timer_ms = excluded.next_timer_ms, open = excluded.open,
            settings_id = excluded.settings_id, body = excluded.body";
    let open = record.state != callback::record::State::Completed;
    let values: [&dyn ToSql; 12] = [
        &record.id.as_str(),
        &record.settings.service.as_str(),
        &record.state.as_str(),
        &record.reason.as_ref().map(callback::record::Reason::as_str),
        &record.number,
        &record.desired.0,
        &record.expires.0,
        &record.created.0,
        &record.next_timer.map(|t| t.0),
        &open,
        &record.settings_key,
        &record.body,
    ];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// A number that is there already is refused: the log has no gaps and no second versions.
fn event(conn: &Connection, row: &EventRow) -> Result<(), Failure> {
    let sql = "INSERT INTO events (callback_id, seq, at_ms, event_id, state, data)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    conn.prepare_cached(sql)?.execute(params![
        row.callback.as_str(),
        integer(row.seq)?,
        row.at.0,
        row.event_id,
        row.state.as_str(),
        row.data,
    ])?;
    Ok(())
}

fn delivery(conn: &Connection, row: &DeliveryRow) -> Result<(), Failure> {
    let sql = "INSERT INTO deliveries (id, callback_id, seq, notification_seq, event_id, at_ms,
            channel, target, guarded, language, body, attempts, next_at_ms, state, base, extra)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    let extra = if row.extra.is_empty() {
        String::new()
    } else {
        serde_json::to_string(&row.extra).map_err(|e| Failure::Damaged(format!("extra: {e}")))?
    };
    let values: [&dyn ToSql; 16] = [
        &row.id,
        &row.callback.as_str(),
        &integer(row.seq)?,
        &integer(row.notification_seq)?,
        &row.event_id,
        &row.at.0,
        &row.channel,
        &row.target,
        &row.guarded,
        &row.language,
        &row.body,
        &row.attempts,
        &row.next_at.map(|t| t.0),
        &delivery_state(row.state),
        &row.base,
        &extra,
    ];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn attempt(conn: &Connection, row: &DeliveryAttempt) -> Result<(), Failure> {
    let sql = "UPDATE deliveries SET attempts = attempts + 1, state = ?2, next_at_ms = ?3
        WHERE id = ?1 RETURNING row, attempts";
    let state = delivery_state(row.state);
    let next_at = row.next_at.map(|t| t.0);
    let mut update = conn.prepare_cached(sql)?;
    let mut found = update.query(params![row.delivery, state, next_at])?;
    // The delivery may have been purged while its receiver was slow.
    let Some(delivery) = found.next()? else {
        return Ok(());
    };
    let (number, n): (i64, i64) = (delivery.get(0)?, delivery.get(1)?);
    // Runs the update to its end.
    while found.next()?.is_some() {}
    let sql = "INSERT INTO attempts (delivery, n, at_ms, status, error, took_ms, state, next_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values: [&dyn ToSql; 8] = [
        &number,
        &n,
        &row.at.0,
        &row.status,
        &row.error,
        &row.ms,
        &state,
        &next_at,
    ];
    conn.prepare_cached(sql)?.execute(values)?;
    if let Some(trace) = &row.trace {
        let sql = "INSERT INTO traces (delivery, n, at_ms, request, answer)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        conn.prepare_cached(sql)?.execute(params![
            number,
            n,
            row.at.0,
            trace.request,
            trace.answer
        ])?;
    }
    Ok(())
}

/// A leg that is there already is refused: it would be dialed twice.
fn intent(conn: &Connection, row: &IntentRow) -> Result<(), Failure> {
    let sql = "INSERT INTO intents (leg, callback_id, at_ms, dialog) VALUES (?1, ?2, ?3, ?4)";
    conn.prepare_cached(sql)?.execute(params![
        row.leg,
        row.callback.as_str(),
        row.at.0,
        row.dialog
    ])?;
    Ok(())
}

/// Replaces a forgotten key only: of two requests at the same time one keeps the key.
fn idempotency(conn: &Connection, row: &IdempotencyRow) -> Result<(), Failure> {
    let sql = "INSERT INTO idempotency (key, body_hash, callback_id, at_ms)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (key) DO UPDATE SET body_hash = excluded.body_hash,
            callback_id = excluded.callback_id, at_ms = excluded.at_ms
        WHERE idempotency.at_ms <= excluded.at_ms - ?5";
    let values: [&dyn ToSql; 5] = [
        &row.key,
        &row.body_hash,
        &row.callback.as_str(),
        &row.at.0,
        &IDEMPOTENCY_MS,
    ];
    if conn.prepare_cached(sql)?.execute(values)? == 0 {
        return Err(Failure::Damaged(String::from(
            "idempotency: the key is taken",
        )));
    }
    Ok(())
}

fn options_text(options: &[(String, String)]) -> Result<String, Failure> {
    serde_json::to_string(options).map_err(|e| Failure::Damaged(format!("options: {e}")))
}

/// SQLite's integers are signed.
fn integer(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|e| Failure::Damaged(format!("{number}: {e}")))
}
