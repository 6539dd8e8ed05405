//! Passwords of the agents' phones, shared with the registrar of the telephony driver.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use callback::agent::AgentConfig;
use telephony::port::PhoneDirectory;

/// Extension → password of every configured agent.
#[derive(Default)]
pub struct AgentDirectory {
    passwords: RwLock<HashMap<String, String>>,
}

impl fmt::Debug for AgentDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentDirectory").finish_non_exhaustive()
    }
}

impl AgentDirectory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Replaces what is known by the given agents.
    pub(crate) fn replace(&self, agents: &[AgentConfig]) {
        let map = agents
            .iter()
            .filter(|agent| !agent.password.is_empty())
            .map(|agent| (agent.extension.clone(), agent.password.clone()))
            .collect();
        *self
            .passwords
            .write()
            .unwrap_or_else(PoisonError::into_inner) = map;
    }
}

impl PhoneDirectory for AgentDirectory {
    fn password(&self, extension: &str) -> Option<String> {
        self.passwords
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(extension)
            .cloned()
    }
}
