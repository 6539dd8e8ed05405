//! Removing what is over and too old, a step at a time.

use callback::Timestamp;
use rusqlite::{Connection, params};

use super::failure::Failure;
use super::limits::PURGE_STEP;
use super::settings::{Key, StoredSettings};

/// Everything that belongs to one callback; `?1` is its id.
const PARTS: [&str; 7] = [
    "DELETE FROM traces WHERE delivery IN (SELECT row FROM deliveries WHERE callback_id = ?1)",
    "DELETE FROM storage WHERE callback_id = ?1",
    "DELETE FROM attempts WHERE delivery IN (SELECT row FROM deliveries WHERE callback_id = ?1)",
    "DELETE FROM deliveries WHERE callback_id = ?1",
    "DELETE FROM events WHERE callback_id = ?1",
    "DELETE FROM intents WHERE callback_id = ?1",
    "DELETE FROM callbacks WHERE id = ?1",
];

/// Removes up to [`PURGE_STEP`] completed callbacks; returns how many.
pub(super) fn callbacks(
    conn: &Connection,
    before: Timestamp,
    stored: &mut StoredSettings,
) -> Result<u64, Failure> {
    let over = over(conn, before)?;
    for (id, _) in &over {
        for sql in PARTS {
            conn.prepare_cached(sql)?.execute([id])?;
        }
    }
    for (_, key) in &over {
        let sql = "DELETE FROM settings WHERE id = ?1
            AND NOT EXISTS (SELECT 1 FROM callbacks WHERE settings_id = ?1)";
        if conn.prepare_cached(sql)?.execute([key])? > 0 {
            stored.removed(key);
        }
    }
    Ok(over.len() as u64)
}

/// Removes up to [`PURGE_STEP`] idempotency keys; returns how many.
pub(super) fn idempotency(conn: &Connection, before: Timestamp) -> Result<u64, Failure> {
    let sql = "DELETE FROM idempotency WHERE key IN
        (SELECT key FROM idempotency WHERE at_ms < ?1 LIMIT ?2)";
    Ok(conn
        .prepare_cached(sql)?
        .execute(params![before.0, PURGE_STEP])? as u64)
}

/// Removes up to [`PURGE_STEP`] notifications that were published by hand; returns how many.
/// Their ids begin with [`crate::PUBLISHED_PREFIX`], so that they belong to no callback.
pub(super) fn published(conn: &Connection, before: Timestamp) -> Result<u64, Failure> {
    let sql = "SELECT DISTINCT callback_id FROM deliveries
        WHERE callback_id >= 'publish-' AND callback_id < 'publish.' AND at_ms < ?1 AND state <> 0
        LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let ids: Vec<String> = statement
        .query_map(params![before.0, PURGE_STEP], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    for id in &ids {
        for sql in PARTS {
            conn.prepare_cached(sql)?.execute([id])?;
        }
    }
    Ok(ids.len() as u64)
}

/// Removes up to [`PURGE_STEP`] traces; returns how many.
pub(super) fn traces(conn: &Connection, before: Timestamp) -> Result<u64, Failure> {
    let sql = "DELETE FROM traces WHERE (delivery, n) IN
        (SELECT delivery, n FROM traces WHERE at_ms < ?1 LIMIT ?2)";
    Ok(conn
        .prepare_cached(sql)?
        .execute(params![before.0, PURGE_STEP])? as u64)
}

fn over(conn: &Connection, before: Timestamp) -> Result<Vec<(String, Key)>, Failure> {
    let sql = "SELECT id, settings_id FROM callbacks WHERE open = 0 AND expires_ms < ?1
        ORDER BY expires_ms LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![before.0, PURGE_STEP], |r| {
        Ok((r.get(0)?, r.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
