//! A consistent copy of a running store.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::failure::Failure;
use super::schema::create_private;

/// Copies what was committed when the copy began to the new file `to`.
///
/// The copy is made beside it as `<to>.part` and renamed when it is complete and synced, so that
/// a file of that name is always whole. Writers go on meanwhile; their log grows until it ends.
pub(super) fn copy(conn: &Connection, to: &Path) -> Result<(), Failure> {
    if to.try_exists()? {
        let text = format!("{} exists already", to.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text).into());
    }
    let mut part = PathBuf::from(to).into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let copied = write(conn, &part).and_then(|()| Ok(std::fs::rename(&part, to)?));
    if copied.is_err() {
        // It may not have come into being; the error that counts is the first one.
        std::fs::remove_file(&part).ok();
        return copied;
    }
    sync_directory(to)
}

fn write(conn: &Connection, part: &Path) -> Result<(), Failure> {
    // Left over from a copy that was interrupted.
    match std::fs::remove_file(part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    create_private(part)?;
    let Some(name) = part.to_str() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8").into());
    };
    // A temporary index of the copy would otherwise go to a directory that may be small.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.execute("VACUUM INTO ?1", [name])?;
    // `VACUUM INTO` does not sync what it wrote.
    File::open(part)?.sync_all()?;
    Ok(())
}

fn sync_directory(of: &Path) -> Result<(), Failure> {
    let parent = match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()?;
    Ok(())
}
