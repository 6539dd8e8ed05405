//! Frozen settings: stored once per content, shared in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use callback::settings::Settings;
use sha2::{Digest as _, Sha256};

use super::failure::Failure;
use super::limits::{SETTINGS_SWEEP_MIN, STORED_SETTINGS_MAX};

/// Key of one content: the first 16 bytes of the SHA-256 of its JSON.
pub(super) type Key = [u8; 16];

/// Knows the key of settings in memory and the settings in memory of a key.
///
/// It holds weak references only: what nobody uses is read again. A weak reference keeps the
/// allocation, so an address in `by_address` cannot come to mean other settings.
#[derive(Debug, Default)]
pub(super) struct SettingsCache(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_address: HashMap<usize, (Weak<Settings>, Key)>,
    by_key: HashMap<Key, Weak<Settings>>,
    sweep_at: usize,
}

impl SettingsCache {
    /// The key of settings; hashes the content at most once per allocation.
    pub(super) fn key_of(&self, settings: &Arc<Settings>) -> Result<Key, Failure> {
        let address = Arc::as_ptr(settings).addr();
        if let Some((_, key)) = self.lock().by_address.get(&address) {
            return Ok(*key);
        }
        let key = key_of_text(&text(settings)?);
        self.lock().remember(key, settings);
        Ok(key)
    }

    /// The settings of a key, if they are in memory.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Settings>> {
        self.lock().by_key.get(key).and_then(Weak::upgrade)
    }

    /// Keeps settings that were read; of several readers at once all get the first one's.
    pub(super) fn put(&self, key: Key, settings: Arc<Settings>) -> Arc<Settings> {
        let mut known = self.lock();
        if let Some(first) = known.by_key.get(&key).and_then(Weak::upgrade) {
            return first;
        }
        known.remember(key, &settings);
        settings
    }

    /// The maps hold no invariant across calls, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remember(&mut self, key: Key, settings: &Arc<Settings>) {
        if self.by_address.len() >= self.sweep_at.max(SETTINGS_SWEEP_MIN) {
            self.by_address
                .retain(|_, (weak, _)| weak.strong_count() > 0);
            self.by_key.retain(|_, weak| weak.strong_count() > 0);
            // Twice what is alive: the sweep costs constant time per new entry.
            self.sweep_at = self.by_address.len().saturating_mul(2);
        }
        let weak = Arc::downgrade(settings);
        self.by_address
            .insert(Arc::as_ptr(settings).addr(), (Weak::clone(&weak), key));
        let shared = self.by_key.entry(key).or_default();
        if shared.strong_count() == 0 {
            *shared = weak;
        }
    }
}

/// What the writer knows to be in the table `settings`.
#[derive(Debug, Default)]
pub(super) struct StoredSettings {
    committed: HashSet<Key>,
    fresh: Vec<Key>,
}

impl StoredSettings {
    pub(super) fn contains(&self, key: &Key) -> bool {
        self.committed.contains(key) || self.fresh.contains(key)
    }

    /// Written by the running transaction.
    pub(super) fn written(&mut self, key: Key) {
        self.fresh.push(key);
    }

    /// Removed by the running transaction. Should it fail, the row is merely inserted once more.
    pub(super) fn removed(&mut self, key: &Key) {
        self.committed.remove(key);
        self.fresh.retain(|k| k != key);
    }

    /// A mark for [`Self::roll_back`].
    pub(super) fn mark(&self) -> usize {
        self.fresh.len()
    }

    pub(super) fn roll_back(&mut self, mark: usize) {
        self.fresh.truncate(mark);
    }

    pub(super) fn commit(&mut self) {
        if self.committed.len() >= STORED_SETTINGS_MAX {
            self.committed.clear();
        }
        self.committed.extend(self.fresh.drain(..));
    }
}

/// The stored form.
pub(super) fn text(settings: &Settings) -> Result<String, Failure> {
    serde_json::to_string(settings).map_err(|e| Failure::Damaged(format!("settings: {e}")))
}

fn key_of_text(text: &str) -> Key {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut key = Key::default();
    for (to, from) in key.iter_mut().zip(hash) {
        *to = from;
    }
    key
}
