//! Sessions of operators' browsers: random ids, kept in memory as digests, bounded.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use callback::Timestamp;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use crate::limits::SESSIONS_MAX;

/// Who is logged in; a restart of the server logs everybody out.
#[derive(Default)]
pub(crate) struct Sessions {
    /// Ends by the digest of the id: what leaks from here opens nothing.
    ends: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl Sessions {
    /// Begins a session and returns its id, 64 hexadecimal digits.
    pub(crate) fn begin(&self, now: Timestamp, seconds: i64) -> String {
        let random = rand::rng().random::<[u8; 32]>();
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.retain(|_, end| *end > now);
        if ends.len() >= SESSIONS_MAX {
            let first = ends.iter().min_by_key(|(_, end)| **end).map(|(id, _)| *id);
            first.map(|id| ends.remove(&id));
        }
        ends.insert(digest(&id), now.plus_seconds(seconds));
        id
    }

    /// Whether the id is one of a session that has not ended.
    pub(crate) fn is_open(&self, id: &str, now: Timestamp) -> bool {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(&digest(id)).is_some_and(|end| *end > now)
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: &str) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.remove(&digest(id));
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(hidden)")
    }
}

fn digest(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_open_until_its_end_or_the_logout() {
        let sessions = Sessions::default();
        let (now, later) = (Timestamp(1_000), Timestamp(61_000));
        let (one, two) = (sessions.begin(now, 60), sessions.begin(now, 61));
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
        assert!(sessions.is_open(&one, now) && sessions.is_open(&two, now));
        assert!(!sessions.is_open(&one, later));
        assert!(sessions.is_open(&two, later));
        sessions.end(&two);
        assert!(!sessions.is_open(&two, now));
    }

    #[test]
    fn forged_ids_open_nothing() {
        let sessions = Sessions::default();
        let id = sessions.begin(Timestamp(0), 60);
        for forged in ["", "0", &id[..63], &id.to_uppercase(), &"0".repeat(64)] {
            assert!(!sessions.is_open(forged, Timestamp(1)), "{forged}");
        }
    }

    #[test]
    fn the_session_that_ends_first_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin(Timestamp(0), 60);
        for n in 0..SESSIONS_MAX {
            let more = i64::try_from(n).unwrap();
            sessions.begin(Timestamp(1), 100 + more);
        }
        assert!(!sessions.is_open(&first, Timestamp(1)));
        let ends = sessions.ends.lock().unwrap();
        assert_eq!(ends.len(), SESSIONS_MAX);
    }
}
