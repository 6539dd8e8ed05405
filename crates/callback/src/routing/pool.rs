//! Which agents belong to a combination of target elements; worked out once, not per callback.

use std::collections::{BTreeMap, HashMap};

use super::state::Agent;
use super::target::{Selector, TargetStep};
use crate::AgentId;

/// Number of a pool; never used again for another combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PoolId(u64);

/// The agents that a combination of target elements means.
#[derive(Debug)]
pub(super) struct Pool {
    /// The elements as written.
    key: Vec<String>,
    /// `None` = the element cannot be read and means nobody.
    selectors: Vec<Option<Selector>>,
    /// The agents, each with the number of the first element that means it.
    pub(super) members: HashMap<AgentId, usize>,
    /// Callbacks that wait for it.
    users: usize,
}

/// All pools somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Pools {
    by_key: HashMap<Vec<String>, PoolId>,
    pools: HashMap<PoolId, Pool>,
    next: u64,
}

impl Pools {
    pub(super) fn get(&self, id: PoolId) -> Option<&Pool> {
        self.pools.get(&id)
    }

    pub(super) fn contains(&self, id: PoolId, agent: &AgentId) -> bool {
        self.get(id)
            .is_some_and(|pool| pool.members.contains_key(agent))
    }

    /// The pool of these elements, made when nobody waits for it yet.
    pub(super) fn acquire(
        &mut self,
        steps: &[TargetStep],
        agents: &BTreeMap<AgentId, Agent>,
    ) -> PoolId {
        let key: Vec<String> = steps.iter().map(|step| step.target.clone()).collect();
        if let Some(id) = self.by_key.get(&key)
            && let Some(pool) = self.pools.get_mut(id)
        {
            pool.users += 1;
            return *id;
        }
        let id = PoolId(self.next);
        self.next += 1;
        let selectors = key.iter().map(|text| Selector::parse(text).ok()).collect();
        let mut pool = Pool {
            key: key.clone(),
            selectors,
            members: HashMap::new(),
            users: 1,
        };
        pool.rebuild(agents);
        self.by_key.insert(key, id);
        self.pools.insert(id, pool);
        id
    }

    /// Gives the pool back; the last user takes it away.
    pub(super) fn release(&mut self, id: PoolId) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        pool.users = pool.users.saturating_sub(1);
        if pool.users == 0
            && let Some(pool) = self.pools.remove(&id)
        {
            self.by_key.remove(&pool.key);
        }
    }

    /// Works out the members anew after agents changed.
    pub(super) fn rebuild(&mut self, agents: &BTreeMap<AgentId, Agent>) {
        for pool in self.pools.values_mut() {
            pool.rebuild(agents);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_key.len(), self.pools.len());
        self.pools.len()
    }
}

impl Pool {
    fn rebuild(&mut self, agents: &BTreeMap<AgentId, Agent>) {
        let first_match = |agent: &Agent| {
            self.selectors
                .iter()
                .position(|s| s.as_ref().is_some_and(|s| s.matches(&agent.config)))
        };
        self.members = agents
            .iter()
            .filter_map(|(id, agent)| Some((id.clone(), first_match(agent)?)))
            .collect();
    }
}
