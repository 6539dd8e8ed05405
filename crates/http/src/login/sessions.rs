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
    /// Ends and names by the digest of the id: what leaks from here opens nothing.
    ends: Mutex<HashMap<[u8; 32], (Timestamp, String)>>,
}

impl Sessions {
    /// Begins a session and returns its id, 64 hexadecimal digits.
    pub(crate) fn begin(&self, who: &str, now: Timestamp, seconds: i64) -> String {
        let random = rand::rng().random::<[u8; 32]>();
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.retain(|_, (end, _)| *end > now);
        if ends.len() >= SESSIONS_MAX {
            let first = ends
                .iter()
                .min_by_key(|(_, (end, _))| *end)
                .map(|(id, _)| *id);
            first.map(|id| ends.remove(&id));
        }
        let end = now.plus_seconds(seconds);
        ends.insert(digest(&id), (end, who.to_owned()));
        id
    }

    /// Who began the session with this id, if it has not ended.
    pub(crate) fn open_for(&self, id: &str, now: Timestamp) -> Option<String> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, who) = ends.get(&digest(id))?;
        (*end > now).then(|| who.clone())
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
        let (one, two) = (
            sessions.begin("kim", now, 60),
            sessions.begin("kim", now, 61),
        );
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
        assert!(sessions.open_for(&one, now).is_some() && sessions.open_for(&two, now).is_some());
        assert!(sessions.open_for(&one, later).is_none());
        assert_eq!(sessions.open_for(&two, later).as_deref(), Some("kim"));
        sessions.end(&two);
        assert!(sessions.open_for(&two, now).is_none());
    }

    #[test]
    fn forged_ids_open_nothing() {
        let sessions = Sessions::default();
        let id = sessions.begin("kim", Timestamp(0), 60);
        for forged in ["", "0", &id[..63], &id.to_uppercase(), &"0".repeat(64)] {
            assert!(
                sessions.open_for(forged, Timestamp(1)).is_none(),
                "{forged}"
            );
        }
    }

    #[test]
    fn the_session_that_ends_first_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin("kim", Timestamp(0), 60);
        for n in 0..SESSIONS_MAX {
            let more = i64::try_from(n).unwrap();
            sessions.begin("kim", Timestamp(1), 100 + more);
        }
        assert!(sessions.open_for(&first, Timestamp(1)).is_none());
        let ends = sessions.ends.lock().unwrap();
        assert_eq!(ends.len(), SESSIONS_MAX);
    }
}
