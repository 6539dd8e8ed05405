//! Statistics that scripts ask the router for (`_genesys.statistic.sData`, ors-scxml §7).

use super::router::Router;
use super::state::{Agent, AgentState};
use super::target::Selector;
use crate::Timestamp;

/// Whether an agent counts.
type Counts = fn(&Agent) -> bool;

/// What is counted of agents, with the names that mean it.
const OF_AGENTS: &[(&str, Counts)] = &[
    ("RStatAgentsTotal", is_logged_in),
    ("StatAgentsTotal", is_logged_in),
    ("StatAgentsLoggedIn", is_logged_in),
    ("RStatAgentsReady", Agent::is_available),
    ("RStatAgentsReadyvoice", Agent::is_available),
    ("StatAgentsAvailable", Agent::is_available),
    ("StatAgentsBusy", is_busy),
    ("RStatAgentsBusy", is_busy),
];
/// Longest time that a ready agent has been idle, s.
const IDLE: &str = "StatTimeInReadyState";
/// Calls that wait in a queue.
const WAITING: &[&str] = &["StatCallsInQueue", "RStatCallsInQueue"];
/// How long the oldest of them has been waiting, s; the original's name is not known.
const OLDEST: &str = "rb.OldestWait";

const fn is_logged_in(agent: &Agent) -> bool {
    agent.registered
}

const fn is_busy(agent: &Agent) -> bool {
    matches!(
        agent.state,
        AgentState::Reserved { .. } | AgentState::Ringing { .. } | AgentState::Talking { .. }
    )
}

impl Router {
    /// A statistic of an object at this moment: counts, or whole seconds.
    ///
    /// The object is a target (`Billing@Stats.GA`, `?:English>5@Stats.GA`, `kim@Stats.A`) for
    /// statistics of agents, and a virtual queue (`VQ_Billing@North.Q`, `VQ_Billing`) for those of
    /// waiting calls. A group or queue that nobody uses counts nothing.
    ///
    /// # Errors
    /// A sentence that says what is unknown.
    pub fn statistic(&self, object: &str, name: &str, now: Timestamp) -> Result<i64, String> {
        let same = |known: &str| known.eq_ignore_ascii_case(name.trim());
        if let Some((_, counts)) = OF_AGENTS.iter().find(|(known, _)| same(known)) {
            let agents = self.meant(object)?;
            return Ok(count(agents.filter(|agent| counts(agent)).count()));
        }
        if same(IDLE) {
            let idle = self.meant(object)?.filter(|agent| agent.is_available());
            let longest = idle.map(|agent| seconds(now, agent.idle_since)).max();
            return Ok(longest.unwrap_or(0));
        }
        let queue = object.rsplit_once('@').map_or(object, |(name, _)| name);
        if WAITING.iter().any(|known| same(known)) {
            let waiting = self.queue_depths().get(queue.trim()).copied();
            return Ok(count(waiting.unwrap_or(0)));
        }
        if same(OLDEST) {
            let since = self.queue.oldest(queue.trim());
            return Ok(since.map_or(0, |since| seconds(now, since)));
        }
        Err(format!("the statistic {name} is not built"))
    }

    fn meant(&self, object: &str) -> Result<impl Iterator<Item = &Agent>, String> {
        let selector = Selector::parse(object)?;
        let agents = self.agents.values();
        Ok(agents.filter(move |agent| selector.matches(&agent.config)))
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn seconds(now: Timestamp, since: Timestamp) -> i64 {
    i64::try_from(now.millis_since(since) / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::AgentConfig;
    use crate::routing::{Decision, Need, Target, Waiting};
    use crate::{AgentId, CallbackId};

    fn agent(id: &str, extension: &str) -> AgentConfig {
        let options = [
            ("extension", extension),
            ("password", "x"),
            ("groups", "Billing"),
            ("skills", "English=7"),
        ];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        AgentConfig::from_options(AgentId::new(id), &options).unwrap()
    }

    fn waiting(id: &str, target: &str, started: i64) -> Waiting {
        Waiting {
            callback: CallbackId::new(id),
            need: Need::Agent,
            queue: "VQ".to_owned(),
            target: Target::parse(target).unwrap(),
            priority: 0,
            increment: 0,
            interval_s: 0,
            started: Timestamp(started),
            since: Timestamp(started),
        }
    }

    #[test]
    fn statistics_are_those_of_the_router() {
        let mut router = Router::new();
        let (start, now) = (Timestamp(1_000_000), Timestamp(1_030_000));
        let agents = [("kim", "7001"), ("lee", "7002"), ("max", "7003")];
        let configs = agents.map(|(id, extension)| agent(id, extension));
        router.set_agents(configs.into(), start);
        for (id, extension) in &agents[..2] {
            router.set_registered(extension, true, start);
            router.set_ready(&AgentId::new(*id), Ok(()), start).unwrap();
        }
        let of = |router: &Router, object: &str, name: &str| router.statistic(object, name, now);
        assert_eq!(of(&router, "Billing@Stats.GA", "RStatAgentsTotal"), Ok(2));
        assert_eq!(of(&router, "?:English>5@S.GA", "rstatagentsready"), Ok(2));
        assert_eq!(of(&router, "max@S.A", "RStatAgentsReadyvoice"), Ok(0));
        assert_eq!(of(&router, "Billing@S.GA", "StatTimeInReadyState"), Ok(30));
        router.enqueue(waiting("1", "kim@S.A", 1_000_000), now);
        let decided = router.assign(now);
        assert!(matches!(decided[..], [Decision::Agent { .. }]));
        router.enqueue(waiting("2", "max@S.A", 1_010_000), now);
        router.enqueue(waiting("3", "max@S.A", 1_020_000), now);
        assert_eq!(of(&router, "Billing@S.GA", "StatAgentsBusy"), Ok(1));
        assert_eq!(of(&router, "Billing@S.GA", "StatAgentsAvailable"), Ok(1));
        assert_eq!(of(&router, "VQ@North.Q", "RStatCallsInQueue"), Ok(2));
        assert_eq!(of(&router, "VQ", "rb.OldestWait"), Ok(20));
        assert_eq!(of(&router, "Other", "StatCallsInQueue"), Ok(0));
        assert!(of(&router, "VQ", "StatEstimatedWaitingTime").is_err());
        assert!(of(&router, "Billing", "RStatAgentsReady").is_err());
    }
}
