//! Opening the file: whose it is, which schema it has, bringing it up to date.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::failure::Failure;
use super::limits::{BUSY_TIMEOUT, STATEMENTS_MAX, WAL_BYTES_KEPT, WRITER_CACHE_KIB};
use crate::StoreError;

/// `RBCK` in the header of the file: a SQLite file of another program is refused.
const APPLICATION_ID: u32 = 0x5242_434b;

/// The n-th entry leads from schema n to n + 1. Entries are never changed once released.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_notifications.sql"),
    include_str!("../../migrations/0003_storage.sql"),
    include_str!("../../migrations/0004_changes.sql"),
    include_str!("../../migrations/0005_changes_of_lists.sql"),
];

/// The schema of a file and the newest one this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Schema number of the file, 0 when it is empty or absent.
    pub found: u32,
    /// Highest schema number this version knows.
    pub known: u32,
}

/// Reads whose file it is and its schema, without a change.
pub(super) fn inspect(path: &Path) -> Result<Schema, StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if !path.try_exists().map_err(Failure::from)? {
        return Ok(Schema { found: 0, known });
    }
    let conn = open_reader(path)?;
    let found = identify(&conn, path)?;
    Ok(Schema { found, known })
}

/// Opens the connection that writes, with the newest schema.
pub(super) fn open_writer(path: &Path, max_bytes: Option<u64>) -> Result<Connection, StoreError> {
    create_private(path)
        .or_else(|e| {
            if e.kind() == io::ErrorKind::AlreadyExists {
                Ok(())
            } else {
                Err(e)
            }
        })
        .map_err(Failure::from)?;
    // Asked before the first pragma, so that a foreign file is left as it is.
    let schema = inspect(path)?;
    if schema.found > schema.known {
        return Err(StoreError::Newer {
            found: schema.found,
            known: schema.known,
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(Failure::from)?;
    prepare_writer(&conn, max_bytes)?;
    migrate(&conn, schema)?;
    Ok(conn)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(conn)
}

/// Opens a connection that makes checkpoints and nothing else.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    // The database is synced before the log may be overwritten.
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}

/// Creates a file that only its owner reads: it holds numbers of customers.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Two servers on one file would dial every customer twice; the lock ends with the process.
///
/// It is a file of its own (`<path>-lock`): closing a second handle of the database would drop
/// SQLite's own locks, which belong to the process and not to the handle.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = PathBuf::from(path).into_os_string();
    name.push("-lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&name)
        .map_err(Failure::from)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!("{} is in use by another process", path.display());
            Err(Failure::from(io::Error::new(io::ErrorKind::ResourceBusy, text)).into())
        }
        Err(TryLockError::Error(e)) => Err(Failure::from(e).into()),
    }
}

/// The schema number, or the name of what is wrong with the file.
fn identify(conn: &Connection, path: &Path) -> Result<u32, Failure> {
    let place = path.display().to_string();
    let read = || -> Result<(i64, i64, i64), rusqlite::Error> {
        let application = conn.pragma_query_value(None, "application_id", |r| r.get(0))?;
        let version = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
        let objects = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        Ok((application, version, objects))
    };
    let (application, version, objects) = read().map_err(|e| Failure::from(e).of_row(&place))?;
    if application == 0 && version == 0 && objects == 0 {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(Failure::Damaged(format!(
            "{place} is a SQLite file of another program (application id {application})"
        )));
    }
    u32::try_from(version)
        .map_err(|e| Failure::Damaged(format!("{place}: schema number {version}: {e}")))
}

/// Lets SQLite look at every page.
pub(super) fn verify(conn: &Connection, path: &Path) -> Result<(), Failure> {
    let place = path.display().to_string();
    let said: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| Failure::from(e).of_row(&place))?;
    if said == "ok" {
        return Ok(());
    }
    Err(Failure::Damaged(format!("{place}: {said}")))
}

fn prepare_writer(conn: &Connection, max_bytes: Option<u64>) -> Result<(), Failure> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    if conn.is_readonly(MAIN_DB)? {
        let error = io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "the file is read-only");
        return Err(error.into());
    }
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let text = format!("write-ahead logging is not possible here (got {mode})");
        return Err(io::Error::new(io::ErrorKind::Unsupported, text).into());
    }
    // FULL: the log is synced before a commit is answered, so that it survives a power cut.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    if let Some(bytes) = max_bytes {
        let page: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        conn.pragma_update(None, "max_page_count", pages.max(1))?;
    }
    Ok(())
}

fn migrate(conn: &Connection, schema: Schema) -> Result<(), Failure> {
    for number in schema.found..schema.known {
        let Some(script) = MIGRATIONS.get(number as usize) else {
            break;
        };
        let step = conn.unchecked_transaction()?;
        step.execute_batch(script)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", number + 1)?;
        step.commit()?;
        tracing::info!(schema = number + 1, "the store has a new schema");
    }
    Ok(())
}
