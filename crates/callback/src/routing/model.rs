//! Compares the router with a slow, obvious choice over random histories.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::scenarios::{agent, at, id, waiting};
use super::target::Selector;
use super::{AgentState, Decision, EARMARK_S, Need, Released, Router, Target, Waiting};
use crate::agent::AgentConfig;
use crate::{AgentId, CallbackId, Timestamp};

/// `SplitMix64`: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        usize::try_from(z % u64::try_from(n).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn seconds(&mut self, n: usize) -> i64 {
        i64::try_from(self.below(n)).unwrap()
    }
}

const AGENTS: [&str; 5] = ["a0", "a1", "a2", "a3", "a4"];
const CALLBACKS: [&str; 9] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
const TARGETS: [&str; 7] = [
    "A@S.GA",
    "B@S.GP",
    "a1@S.A",
    "Desk_a2@S.AP",
    "?:s>=2|t!=1@S.GA",
    r#"[{"target":"A@S.GA","timeout":7},{"target":"B@S.GA","timeout":9},{"target":"a1@S.A","clear":true}]"#,
    "",
];

fn random_agents(random: &mut Random) -> Vec<AgentConfig> {
    let mut agents = Vec::new();
    for name in AGENTS {
        if random.below(8) > 0 {
            let groups = random.pick(&["A", "B", "A,B", ""]);
            agents.push(agent(
                name,
                groups,
                random.pick(&["", "s=1", "s=2,t=1", "t=0"]),
            ));
        }
    }
    agents
}

fn random_waiting(random: &mut Random, now: Timestamp) -> Waiting {
    let back = random.seconds(40);
    Waiting {
        callback: id(random.pick(&CALLBACKS)),
        need: random.pick(&[
            Need::Agent,
            Need::Agent,
            Need::Contact,
            Need::Contact,
            Need::ContactNow,
        ]),
        queue: random.pick(&["V1", "V2"]).to_owned(),
        target: Target::parse(random.pick(&TARGETS)).unwrap(),
        priority: random.seconds(3),
        increment: random.pick(&[0, 1, 5, -1]),
        interval_s: random.pick(&[0, 1, 7]),
        started: now.plus_seconds(-back),
        ..waiting("", now.as_seconds())
    }
}

/// One random thing that may happen.
fn happen(router: &mut Router, random: &mut Random, now: Timestamp) {
    let agent = AgentId::new(random.pick(&AGENTS));
    let busy = router
        .agents
        .get(&agent)
        .and_then(|a| a.state.callback())
        .cloned();
    let callback = busy.unwrap_or_else(|| id(random.pick(&CALLBACKS)));
    match random.below(24) {
        0..=6 => router.enqueue(random_waiting(random, now), now),
        7 => router.leave(&id(random.pick(&CALLBACKS))),
        8..=11 => drop(router.set_ready(&agent, Ok(()), now)),
        12 => drop(router.set_ready(&agent, Err(String::from("break")), now)),
        13..=14 => router.set_registered(&format!("x-{agent}"), random.below(5) > 0, now),
        15 => router.ringing(&agent, &callback, now),
        16 => router.talking(&agent, &callback, now),
        17..=22 => {
            let how = [
                Released::Done,
                Released::Done,
                Released::NoAnswer,
                Released::Rejected,
                Released::Unreachable,
            ];
            let how = random.pick(&how);
            router.release(&agent, &callback, how, now);
        }
        _ => {
            if random.below(4) == 0 {
                router.set_agents(random_agents(random), now);
            }
        }
    }
}

/// What is decided, worked out by looking at everybody for everybody.
struct Slow {
    now: Timestamp,
    /// Available agents: idle since, configuration, for whom it is kept.
    agents: BTreeMap<AgentId, (Timestamp, AgentConfig, Option<CallbackId>)>,
}

impl Slow {
    fn decide(router: &Router, now: Timestamp) -> Vec<Decision> {
        let available = router.agents.iter().filter(|(_, a)| a.is_available());
        let agents = available
            .map(|(id, a)| {
                (
                    id.clone(),
                    (a.idle_since, a.config.clone(), a.earmark.clone()),
                )
            })
            .collect();
        let mut slow = Self { now, agents };
        let mut entries: Vec<_> = router.queue.entries().collect();
        entries.sort_by_key(|e| {
            let w = &e.waiting;
            (Reverse(w.priority_at(now)), w.started, w.callback.clone())
        });
        let mut decisions = Vec::new();
        for entry in entries.iter().filter(|e| e.waiting.need == Need::Agent) {
            let Some(agent) = slow.best(&entry.waiting, true) else {
                continue;
            };
            slow.agents.remove(&agent);
            let callback = &entry.waiting.callback;
            decisions.push((callback.clone(), Some(agent)));
            for (.., kept) in slow.agents.values_mut() {
                kept.take_if(|c| c == callback);
            }
        }
        let called = |e: &&&super::waiting::Entry| e.contacted.is_some_and(|until| until > now);
        for entry in entries.iter().filter(called) {
            let callback = &entry.waiting.callback;
            if !slow
                .agents
                .values()
                .any(|(.., kept)| kept.as_ref() == Some(callback))
            {
                slow.keep(&entry.waiting);
            }
        }
        for entry in &entries {
            if router.queue.is_at_once(&entry.waiting.callback) {
                decisions.push((entry.waiting.callback.clone(), None));
            }
        }
        for entry in &entries {
            let open = entry.waiting.need == Need::Contact && entry.contacted.is_none();
            if open && slow.keep(&entry.waiting) {
                decisions.push((entry.waiting.callback.clone(), None));
            }
        }
        decisions
            .into_iter()
            .map(|(c, agent)| decision(router, c, agent, now))
            .collect()
    }

    /// The agent kept for the callback, else the one idle longest that is kept for nobody, else
    /// the one idle longest.
    fn best(&self, waiting: &Waiting, online: bool) -> Option<AgentId> {
        let own = |kept: &Option<CallbackId>| kept.as_ref() == Some(&waiting.callback);
        self.agents
            .iter()
            .filter(|(_, (_, config, _))| matching(waiting, config, self.now).is_some())
            .filter(|(_, (.., kept))| online || kept.is_none())
            .min_by_key(|(id, (idle, _, kept))| (!own(kept), kept.is_some(), *idle, (*id).clone()))
            .map(|(id, _)| id.clone())
    }

    fn keep(&mut self, waiting: &Waiting) -> bool {
        let agent = self
            .best(waiting, false)
            .and_then(|id| self.agents.get_mut(&id));
        let Some((.., kept)) = agent else {
            return false;
        };
        *kept = Some(waiting.callback.clone());
        true
    }
}

/// The number of the first active element that means the agent.
fn matching(waiting: &Waiting, config: &AgentConfig, now: Timestamp) -> Option<usize> {
    let mut steps = waiting.target.active(waiting.since, now).steps;
    steps.find(|i| {
        Selector::parse(&waiting.target.steps[*i].target)
            .unwrap()
            .matches(config)
    })
}

fn decision(
    router: &Router,
    callback: CallbackId,
    agent: Option<AgentId>,
    now: Timestamp,
) -> Decision {
    let Some(agent) = agent else {
        return Decision::Contact { callback };
    };
    let config = &router.agents[&agent].config;
    let waiting = &router.queue.get(&callback).unwrap().waiting;
    let step = &waiting.target.steps[matching(waiting, config, now).unwrap()];
    let found = super::Found {
        dn: config.extension.clone(),
        id: step.name().to_owned(),
        place: config.place.clone(),
        switch: config.switch.clone(),
        kind: step.kind(),
        vq: waiting.queue.clone(),
        agent,
    };
    Decision::Agent { callback, found }
}

/// Everything that is kept twice agrees.
fn check_consistency(router: &Router) {
    let mut deadlines = 0;
    let mut lined_up = 0;
    let mut pools = BTreeSet::new();
    let mut depth = 0;
    for entry in router.queue.entries() {
        let waiting = &entry.waiting;
        depth += 1;
        deadlines += usize::from(entry.stage_until.is_some());
        let targets: Vec<_> = waiting.target.steps[entry.steps.clone()]
            .iter()
            .map(|s| s.target.clone())
            .collect();
        pools.insert(targets);
        lined_up += usize::from(match waiting.need {
            Need::Agent => true,
            Need::Contact => entry.contacted.is_none(),
            Need::ContactNow => false,
        });
        if let Some(until) = entry.contacted {
            assert_eq!(waiting.need, Need::Contact);
            let running = super::router::Deadline::Earmark(waiting.callback.clone());
            let running = router.deadlines.contains(&(until, running));
            deadlines += usize::from(running);
            assert!(running || entry.earmark.is_none(), "an earmark ends");
            let unkept = running && entry.earmark.is_none();
            assert_eq!(router.unkept.contains(&waiting.callback), unkept);
        }
        if let Some(agent) = &entry.earmark {
            assert_eq!(
                router.agents[agent].earmark.as_ref(),
                Some(&waiting.callback)
            );
            assert!(router.pools.contains(entry.pool, agent));
        }
    }
    let (mut free, mut earmarked) = (BTreeSet::new(), BTreeSet::new());
    for (id, agent) in &router.agents {
        deadlines += usize::from(agent.blocked_until.is_some());
        if let Some(callback) = &agent.earmark {
            assert!(agent.is_available());
            assert_eq!(
                router.queue.get(callback).and_then(|e| e.earmark.as_ref()),
                Some(id)
            );
        }
        if agent.is_available() {
            let set = if agent.earmark.is_some() {
                &mut earmarked
            } else {
                &mut free
            };
            set.insert((agent.idle_since, id.clone()));
        }
    }
    assert_eq!((&router.free, &router.earmarked), (&free, &earmarked));
    assert_eq!(router.deadlines.len(), deadlines);
    assert_eq!(router.queue.lined_up(), lined_up);
    assert_eq!(router.pools.len(), pools.len());
    assert_eq!(router.queue_depths().values().sum::<usize>(), depth);
    for (callback, agent) in &router.offers {
        assert_eq!(router.agents[agent].state.callback(), Some(callback));
    }
}

/// Decides, compares with the slow choice, checks that no agent is given away twice.
fn decide(router: &mut Router, now: Timestamp) -> Vec<Decision> {
    router.expire(now);
    check_consistency(router);
    let slow = Slow::decide(router, now);
    let decisions = router.assign(now);
    assert_eq!(decisions, slow);
    check_consistency(router);
    let mut given = BTreeSet::new();
    for decision in &decisions {
        if let Decision::Agent { callback, found } = decision {
            assert!(given.insert(found.agent.clone()), "given to two callbacks");
            let reserved = AgentState::Reserved {
                callback: callback.clone(),
            };
            assert_eq!(router.agents[&found.agent].state, reserved);
        }
    }
    assert_eq!(router.assign(now), [], "nothing is decided twice");
    decisions
}

#[test]
fn random_histories_lead_to_the_obvious_choice() {
    let mut seen = [0, 0];
    for seed in 0..250 {
        let mut random = Random(seed);
        let mut router = Router::new();
        let mut now = at(1000);
        router.set_agents(random_agents(&mut random), now);
        for _ in 0..250 {
            happen(&mut router, &mut random, now);
            if random.below(3) > 0 {
                for decision in decide(&mut router, now) {
                    seen[usize::from(matches!(decision, Decision::Agent { .. }))] += 1;
                }
            }
            let step = random.seconds(4);
            now = match router.next_deadline(now) {
                Some(at) if random.below(6) == 0 => at,
                _ => now.plus_seconds(step),
            };
        }
        // Everybody leaves and nothing is left behind.
        for callback in CALLBACKS {
            router.leave(&id(callback));
        }
        router.expire(now.plus_seconds(EARMARK_S));
        check_consistency(&router);
        assert!(router.earmarked.is_empty() && router.deadlines.is_empty());
        assert_eq!((router.pools.len(), router.queue_depths().len()), (0, 0));
    }
    assert!(
        seen.iter().all(|n| *n > 1000),
        "the histories are worth something: {seen:?}"
    );
}

#[test]
fn a_long_queue_is_served_in_order_to_the_last() {
    let mut random = Random(7);
    let mut router = Router::new();
    router.set_agents(vec![agent("kim", "A,B", ""), agent("lee", "B", "")], at(0));
    for name in ["kim", "lee"] {
        router.set_registered(&format!("x-{name}"), true, at(0));
        router
            .set_ready(&AgentId::new(name), Ok(()), at(0))
            .unwrap();
    }
    for n in 0..400 {
        let mut waiting = random_waiting(&mut random, at(100));
        waiting.callback = id(&format!("c{n:03}"));
        waiting.need = Need::Agent;
        waiting.target = Target::parse(random.pick(&["A@S.GA", "B@S.GA"])).unwrap();
        router.enqueue(waiting, at(100));
    }
    let mut served = 0;
    let mut now = at(100);
    while router.queue_depths().values().sum::<usize>() > 0 {
        for decision in decide(&mut router, now) {
            let Decision::Agent { callback, found } = decision else {
                panic!("an agent")
            };
            served += 1;
            router.release(&found.agent, &callback, Released::Done, now);
        }
        now = now.plus_seconds(1);
    }
    assert_eq!(served, 400);
}
