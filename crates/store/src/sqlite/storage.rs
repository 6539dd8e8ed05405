//! What apps keep with a callback: texts and attachments.

use callback::CallbackId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::failure::Failure;
use crate::{StorageRow, StorageValue};

/// Everything of one callback by key; attachments without their bytes.
pub(super) fn all(conn: &Connection, id: &CallbackId) -> Result<Vec<StorageRow>, Failure> {
    let sql = "SELECT key, binary, media_type, CASE binary WHEN 0 THEN value ELSE x'' END,
            length(value)
        FROM storage WHERE callback_id = ?1 ORDER BY key";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_str()])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(decoded(row, id)?);
    }
    Ok(out)
}

/// One key with its value.
pub(super) fn one(
    conn: &Connection,
    id: &CallbackId,
    key: &str,
) -> Result<Option<StorageRow>, Failure> {
    let sql = "SELECT key, binary, media_type, value, length(value) FROM storage
        WHERE callback_id = ?1 AND key = ?2";
    conn.prepare_cached(sql)?
        .query_row(params![id.as_str(), key], |row| Ok(decoded(row, id)))
        .optional()?
        .transpose()
}

/// Inserts or replaces keys.
pub(super) fn put(conn: &Connection, id: &CallbackId, rows: &[StorageRow]) -> Result<(), Failure> {
    let sql = "INSERT INTO storage (callback_id, key, binary, media_type, value)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (callback_id, key) DO UPDATE SET binary = excluded.binary,
            media_type = excluded.media_type, value = excluded.value";
    let mut statement = conn.prepare_cached(sql)?;
    for row in rows {
        let (binary, media_type, bytes) = match &row.value {
            StorageValue::Text(text) => (false, "", text.as_bytes()),
            StorageValue::Binary { media_type, bytes } => {
                (true, media_type.as_str(), bytes.as_slice())
            }
        };
        statement.execute(params![id.as_str(), row.key, binary, media_type, bytes])?;
    }
    Ok(())
}

/// Removes one key; returns how many went.
pub(super) fn remove(conn: &Connection, id: &CallbackId, key: &str) -> Result<u64, Failure> {
    let sql = "DELETE FROM storage WHERE callback_id = ?1 AND key = ?2";
    Ok(conn
        .prepare_cached(sql)?
        .execute(params![id.as_str(), key])? as u64)
}

fn decoded(row: &Row<'_>, id: &CallbackId) -> Result<StorageRow, Failure> {
    let key: String = row.get(0)?;
    let binary: bool = row.get(1)?;
    let bytes: Vec<u8> = row.get(3)?;
    let size: i64 = row.get(4)?;
    let value = if binary {
        StorageValue::Binary {
            media_type: row.get(2)?,
            bytes,
        }
    } else {
        let text = String::from_utf8(bytes)
            .map_err(|e| Failure::Damaged(format!("storage {id} {key}: {e}")))?;
        StorageValue::Text(text)
    };
    Ok(StorageRow {
        key,
        value,
        size: usize::try_from(size).unwrap_or(0),
    })
}
