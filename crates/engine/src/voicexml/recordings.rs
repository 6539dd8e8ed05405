//! What callers said to an application; gone with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telephony::media::audio::Clip;

/// Recordings of one application by their handles; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Recordings {
    kept: Arc<Mutex<HashMap<String, Kept>>>,
}

/// One recording.
#[derive(Clone, Debug)]
struct Kept {
    clip: Clip,
    file: Arc<[u8]>,
}

impl Recordings {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sound of a recording.
    pub(super) fn clip(&self, handle: &str) -> Option<Clip> {
        self.lock().get(handle).map(|kept| kept.clip.clone())
    }

    /// The bytes of its file.
    pub(super) fn file(&self, handle: &str) -> Option<Vec<u8>> {
        self.lock().get(handle).map(|kept| kept.file.to_vec())
    }
}
