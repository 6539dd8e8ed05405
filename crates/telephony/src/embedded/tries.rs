//! The ways an outgoing call may go, one after the other.

use std::time::Duration;

use sip::result::NO_TRUNK;

use super::core::{Core, lock};
use super::plan::{CONFIGURATION, Impossible};
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

    /// The way for the next try, with its place taken.
    ///
    /// # Errors
    /// No trunk is usable, or none is known.
    pub(super) async fn next(&mut self, core: &Core, call: &CallId) -> Result<Way, Impossible> {
        if let Some(extension) = self.extension.take() {
            return Ok(Way::Extension(extension));
        }
        let mut waited = Duration::ZERO;
        loop {
            let names: Vec<&str> = self.trunks.iter().map(|t| t.trunk.as_str()).collect();
            match core.reserve(call, &names) {
                Room::Taken(name) => {
                    let at = self.trunks.iter().position(|t| t.trunk == name);
                    let at = at.ok_or((CONFIGURATION, 0))?;
                    return Ok(Way::Trunk(self.trunks.remove(at)));
                }
                Room::Later(wait) if waited + wait <= ROOM_PATIENCE => {
                    waited += wait;
                    tokio::time::sleep(wait).await;
                }
                Room::Unknown if !self.trunks.is_empty() => return Err((CONFIGURATION, 0)),
                Room::Later(_) | Room::Full | Room::Down | Room::Unknown => {
                    return Err((NO_TRUNK, 0));
                }
            }
        }
    }

    /// The trunk of the last try is given up; its place is free for others.
    pub(super) fn leave(core: &Core, call: &CallId) {
        lock(&core.trunks).release(call.as_str());
    }
}
