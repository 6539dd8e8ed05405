//! The ways an outgoing call may go, one after the other.

use std::time::Duration;

use super::core::{Core, lock};
use crate::port::{CallId, Destination, Room, TrunkNumber};

/// A call that changes its trunk waits so long for the next one's calls a second.
const ROOM_PATIENCE: Duration = Duration::from_secs(2);

/// A way to the called party.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Trunk(TrunkNumber),
    Extension(String),
}

/// The ways that are left.
#[derive(Debug)]
pub(super) struct Tries {
    trunks: Vec<TrunkNumber>,
    extension: Option<String>,
}

impl Tries {
    pub(super) fn of(destination: &Destination) -> Self {
        match destination {
            Destination::Trunks(trunks) => Self {
                trunks: trunks.clone(),
                extension: None,
            },
            Destination::Extension(extension) => Self {
                trunks: Vec::new(),
                extension: Some(extension.clone()),
            },
        }
    }

    /// Nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.trunks.is_empty() && self.extension.is_none()
    }

    /// The way for the next try, with its place taken; `None` when no trunk is usable.
    pub(super) async fn next(&mut self, core: &Core, call: &CallId) -> Option<Way> {
        if let Some(extension) = self.extension.take() {
            return Some(Way::Extension(extension));
        }
        let mut waited = Duration::ZERO;
        loop {
            let names: Vec<&str> = self.trunks.iter().map(|t| t.trunk.as_str()).collect();
            match core.reserve(call, &names) {
                Room::Taken(name) => {
                    let at = self.trunks.iter().position(|t| t.trunk == name)?;
                    return Some(Way::Trunk(self.trunks.remove(at)));
                }
                Room::Later(wait) if waited + wait <= ROOM_PATIENCE => {
                    waited += wait;
                    tokio::time::sleep(wait).await;
                }
                Room::Later(_) | Room::Full | Room::Down | Room::Unknown => return None,
            }
        }
    }

    /// The trunk of the last try is given up; its place is free for others.
    pub(super) fn leave(core: &Core, call: &CallId) {
        lock(&core.trunks).release(call.as_str());
    }
}
