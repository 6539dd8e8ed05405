//! What apps keep with a callback (callback-api §9.3).

use callback::limits::{
    STORAGE_ATTACHMENT_MAX, STORAGE_ATTACHMENTS_MAX, STORAGE_KEYS_MAX, STORAGE_TEXT_MAX,
};
use callback::{CallbackId, Error, ErrorCode};
use store::{StorageRow, StorageValue};

use super::{Engine, read_error, write_error};

impl Engine {
    /// Everything kept with a callback, by key; attachments without their bytes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn storage(&self, id: &CallbackId) -> Result<Vec<StorageRow>, Error> {
        self.inner.store.storage(id).await.map_err(read_error)
    }

    /// One key with its value.
    ///
    /// # Errors
    /// `NOT_FOUND`, or the store cannot be read.
    pub async fn storage_value(&self, id: &CallbackId, key: &str) -> Result<StorageRow, Error> {
        let found = self.inner.store.storage_value(id, key).await;
        found.map_err(read_error)?.ok_or_else(no_such_key)
    }

    /// Adds or replaces keys; answers when that is durable.
    ///
    /// # Errors
    /// `TOO_LARGE` beyond the limits, or the store does not take the write.
    pub async fn put_storage(&self, id: &CallbackId, rows: Vec<StorageRow>) -> Result<(), Error> {
        // One at a time: the limits are those of everything together.
        let _one_at_a_time = self.inner.locks.storage.lock().await;
        let mut all = self.storage(id).await?;
        all.retain(|known| rows.iter().all(|row| row.key != known.key));
        check_limits(all.iter().chain(&rows))?;
        let written = self.inner.store.put_storage(id, rows).await;
        written.map_err(write_error)
    }

    /// Removes one key; answers when that is durable.
    ///
    /// # Errors
    /// `NOT_FOUND`, or the store does not take the write.
    pub async fn remove_storage(&self, id: &CallbackId, key: &str) -> Result<(), Error> {
        let removed = self.inner.store.remove_storage(id, key).await;
        match removed.map_err(write_error)? {
            true => Ok(()),
            false => Err(no_such_key()),
        }
    }
}

fn no_such_key() -> Error {
    Error::new(ErrorCode::NotFound, "There is no such key in the storage")
}

fn check_limits<'a>(rows: impl Iterator<Item = &'a StorageRow>) -> Result<(), Error> {
    let (mut keys, mut text, mut attachments) = (0, 0_usize, 0);
    for row in rows {
        keys += 1;
        match &row.value {
            StorageValue::Text(_) => text = text.saturating_add(row.key.len() + row.size),
            StorageValue::Binary { .. } => {
                attachments += 1;
                if row.size > STORAGE_ATTACHMENT_MAX {
                    let message =
                        format!("An attachment is larger than {STORAGE_ATTACHMENT_MAX} bytes");
                    return Err(too_large(message));
                }
            }
        }
    }
    if attachments > STORAGE_ATTACHMENTS_MAX {
        let message = format!("More than {STORAGE_ATTACHMENTS_MAX} attachments");
        return Err(too_large(message));
    }
    if text > STORAGE_TEXT_MAX {
        let message = format!("The texts of the storage are larger than {STORAGE_TEXT_MAX} bytes");
        return Err(too_large(message));
    }
    if keys > STORAGE_KEYS_MAX {
        return Err(too_large(format!("More than {STORAGE_KEYS_MAX} keys")));
    }
    Ok(())
}

fn too_large(message: String) -> Error {
    Error::new(ErrorCode::TooLarge, message)
}
