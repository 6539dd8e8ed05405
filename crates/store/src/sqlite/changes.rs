//! What operators changed at services and Transaction Lists, and what goes with it.

use callback::Timestamp;
use rusqlite::{Connection, params};

use super::apply;
use super::failure::Failure;
use super::limits::CHANGES_KEPT;
use crate::{ChangeRow, ListsChange, OptionChange, ServicesChange, Subject};

/// Writes services, removes services and notes both.
pub(super) fn services(conn: &Connection, change: &ServicesChange) -> Result<(), Failure> {
    apply::services(conn, &change.put)?;
    let mut remove = conn.prepare_cached("DELETE FROM services WHERE name = ?1")?;
    for name in &change.removed {
        remove.execute([name.as_str()])?;
    }
    note(conn, &change.notes)
}

/// Writes Transaction Lists, removes some and notes both.
pub(super) fn lists(conn: &Connection, change: &ListsChange) -> Result<(), Failure> {
    apply::transaction_lists(conn, &change.put)?;
    let mut remove = conn.prepare_cached("DELETE FROM transaction_lists WHERE name = ?1")?;
    for name in &change.removed {
        remove.execute([name])?;
    }
    note(conn, &change.notes)
}

/// Adds to histories; the oldest changes go.
fn note(conn: &Connection, notes: &[ChangeRow]) -> Result<(), Failure> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO changes (kind, service, at_ms, who, address, how, options)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut forget = conn.prepare_cached(
        "DELETE FROM changes WHERE kind = ?1 AND service = ?2 AND row <=
            (SELECT row FROM changes WHERE kind = ?1 AND service = ?2
                ORDER BY row DESC LIMIT 1 OFFSET ?3)",
    )?;
    for row in notes {
        let options: Vec<(&str, Option<&str>, Option<&str>)> = row
            .options
            .iter()
            .map(|o| (o.name.as_str(), o.before.as_deref(), o.after.as_deref()))
            .collect();
        let options = serde_json::to_string(&options)
            .map_err(|e| Failure::Damaged(format!("changes: {e}")))?;
        let (kind, name) = (row.subject.kind(), row.subject.name());
        insert.execute(params![
            kind,
            name,
            row.at.0,
            row.who,
            row.address,
            row.how,
            options
        ])?;
        forget.execute(params![kind, name, CHANGES_KEPT])?;
    }
    Ok(())
}

/// The changes of one service or list, the last one first.
pub(super) fn of(
    conn: &Connection,
    subject: &Subject,
    limit: i64,
) -> Result<Vec<ChangeRow>, Failure> {
    let sql = "SELECT at_ms, who, address, how, options FROM changes
        WHERE kind = ?1 AND service = ?2 ORDER BY row DESC LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![subject.kind(), subject.name(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let options: String = row.get(4)?;
        let options: Vec<(String, Option<String>, Option<String>)> = serde_json::from_str(&options)
            .map_err(|e| Failure::Damaged(format!("changes of {}: {e}", subject.name())))?;
        found.push(ChangeRow {
            subject: subject.clone(),
            at: Timestamp(row.get(0)?),
            who: row.get(1)?,
            address: row.get(2)?,
            how: row.get(3)?,
            options: options
                .into_iter()
                .map(|(name, before, after)| OptionChange {
                    name,
                    before,
                    after,
                })
                .collect(),
        });
    }
    Ok(found)
}

/// Removes an agent; returns how many went.
pub(super) fn remove_agent(conn: &Connection, id: &str) -> Result<u64, Failure> {
    let sql = "DELETE FROM agents WHERE id = ?1";
    Ok(conn.prepare_cached(sql)?.execute([id])? as u64)
}
