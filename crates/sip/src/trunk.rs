//! Trunks in order of preference: which one may take a call, which one is down, and for how long.
//!
//! The order is that of the priorities, then that of the configuration. Trunks of one priority
//! that have weights share the calls in proportion, by a smooth round robin and not by chance: of
//! any few calls in a row each trunk gets its part. One that is down or full leaves its part to
//! the others.
//!
//! A trunk is down while its OPTIONS ping fails (no answer, or 503; any other final means alive),
//! while its registration fails, or, where it is not pinged, after [`FAILURES_MAX`] calls in a row
//! that found nobody there. Waits between tries begin at [`BACK_OFF_FIRST_MS`] and double up to
//! [`BACK_OFF_LONGEST_MS`], with jitter, so that many servers do not come back at the same moment.
//!
//! A call holds its place on a trunk from [`Trunks::reserve`] to [`Trunks::release`]; a call that
//! moves to another trunk releases the one and reserves the other, so that the limits hold.

use std::collections::HashMap;

/// First wait after a failure, ms.
pub const BACK_OFF_FIRST_MS: u64 = 5_000;
/// Longest wait after failures, ms.
pub const BACK_OFF_LONGEST_MS: u64 = 300_000;
/// Calls in a row that find nobody there before a trunk that is not pinged is down.
pub const FAILURES_MAX: u32 = 3;
/// So long a dial waits for a trunk that just went down, instead of failing at once, ms.
const GRACE_MS: u64 = BACK_OFF_FIRST_MS;

/// What is configured of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name.
    pub name: String,
    /// Trunks with a lower number are tried first.
    pub priority: u16,
    /// Part of the calls among the trunks of this priority; 0 = only after those with a weight,
    /// in the order of the configuration.
    pub weight: u16,
    /// Calls at once; 0 = no limit.
    pub max_calls: u32,
    /// New calls a second; 0 = no limit.
    pub cps: u32,
    /// Time between two OPTIONS pings, ms; 0 = no pings.
    pub ping_every_ms: u64,
    /// We have to be registered there.
    pub registers: bool,
}

/// Whether a call finds room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// On this trunk; the place is taken.
    Taken(String),
    /// Not before this time, ms: every trunk that is up has its calls a second, or went down just
    /// now.
    Later(u64),
    /// Only after a call has ended.
    Full,
    /// No trunk is up.
    Down,
    /// None of the names is a trunk.
    Unknown,
}

/// A trunk went up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name.
    pub name: String,
    /// It is up now.
    pub up: bool,
    /// Fixed word: `answers`, `no_answer`, `unavailable`, `calls_fail`, `registered`,
    /// `not_registered`, `retry`.
    pub reason: &'static str,
}

/// How a trunk stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Name.
    pub name: String,
    /// It takes calls.
    pub up: bool,
    /// Why, as in [`Change::reason`]; empty before anything is known.
    pub reason: &'static str,
    /// Since when, ms of the caller's clock.
    pub since_ms: u64,
    /// Calls on it.
    pub calls: u32,
    /// As configured.
    pub max_calls: u32,
    /// As configured.
    pub cps: u32,
    /// Whether we are registered there; `None` when that is not asked for.
    pub registered: Option<bool>,
    /// Failed pings, or failed calls where it is not pinged, since the last success.
    pub failures: u32,
    /// When it is tried again, ms, while it is down.
    pub retry_at_ms: Option<u64>,
}

/// What a ping found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// A final answer other than 503.
    Alive,
    /// 503.
    Unavailable,
    /// Nothing, or no way there.
    Silence,
}

impl Ping {
    /// The meaning of a final status, `None` when none came.
    #[must_use]
    pub fn of_status(status: Option<u16>) -> Self {
        match status {
            None => Self::Silence,
            Some(503) => Self::Unavailable,
            Some(_) => Self::Alive,
        }
    }
}

/// Whether a trunk takes a call.
enum Open {
    Now,
    /// Not before this time, ms.
    At(u64),
    Full,
    Down,
}

#[derive(Debug)]
struct Trunk {
    settings: Settings,
    calls: u32,
    /// What the smooth round robin owes this trunk, in weights.
    owed: i64,
    next_call_us: u64,
    alive: bool,
    registered: bool,
    reason: &'static str,
    since_ms: u64,
    /// Failures since the last success.
    failures: u32,
    /// When the next ping is due, or a trunk without pings is tried again.
    next_ms: Option<u64>,
    pinging: bool,
}

impl Trunk {
    fn up(&self) -> bool {
        self.alive && (self.registered || !self.settings.registers)
    }

    fn full(&self) -> bool {
        self.settings.max_calls > 0 && self.calls >= self.settings.max_calls
    }

    /// Whether a call may start now, and when else.
    fn open(&self, now_ms: u64) -> Open {
        if !self.up() {
            let grace_ms = self.since_ms.saturating_add(GRACE_MS);
            return if grace_ms > now_ms {
                Open::At(grace_ms)
            } else {
                Open::Down
            };
        }
        if self.full() {
            return Open::Full;
        }
        if self.next_call_us > now_ms.saturating_mul(1000) {
            return Open::At(self.next_call_us.div_ceil(1000));
        }
        Open::Now
    }

    fn pings(&self) -> bool {
        self.settings.ping_every_ms > 0
    }

    /// Notes a failure and when to try again.
    fn back_off(&mut self, now_ms: u64, random: u8) {
        self.failures = self.failures.saturating_add(1);
        self.next_ms = Some(now_ms.saturating_add(back_off_ms(self.failures, random)));
    }

    /// Applies a change of the health and says when the state changed with it.
    fn turn(
        &mut self,
        now_ms: u64,
        reason: &'static str,
        change: impl FnOnce(&mut Self),
    ) -> Option<Change> {
        let before = self.up();
        change(self);
        let up = self.up();
        if up == before {
            if self.reason.is_empty() || !up {
                self.reason = reason;
            }
            return None;
        }
        self.reason = reason;
        self.since_ms = now_ms;
        Some(Change {
            name: self.settings.name.clone(),
            up,
            reason,
        })
    }
}

/// The wait after so many failures: 5 s doubling to 5 min, less up to a fifth by chance.
#[must_use]
pub fn back_off_ms(failures: u32, random: u8) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = BACK_OFF_FIRST_MS
        .saturating_mul(1 << doublings)
        .min(BACK_OFF_LONGEST_MS);
    whole - whole * u64::from(random) / (5 * 255)
}

/// All trunks in order of preference and the calls on them.
#[derive(Debug)]
pub struct Trunks {
    trunks: Vec<Trunk>,
    by_call: HashMap<String, usize>,
}

impl Trunks {
    /// All trunks are taken to be up until something else is known; those that have to be
    /// registered are not before they are.
    #[must_use]
    pub fn new(settings: Vec<Settings>, now_ms: u64) -> Self {
        let trunks = settings
            .into_iter()
            .map(|settings| Trunk {
                next_ms: (settings.ping_every_ms > 0).then_some(now_ms),
                reason: if settings.registers {
                    "not_registered"
                } else {
                    ""
                },
                settings,
                calls: 0,
                owed: 0,
                next_call_us: 0,
                alive: true,
                registered: false,
                since_ms: now_ms,
                failures: 0,
                pinging: false,
            })
            .collect();
        Self {
            trunks,
            by_call: HashMap::new(),
        }
    }

    fn named(&mut self, name: &str) -> Option<&mut Trunk> {
        self.trunks
            .iter_mut()
            .find(|trunk| trunk.settings.name == name)
    }

    /// Takes a place for a call on the first of the named trunks that is up and below its limits,
    /// in the order that the head of this module describes; a call that has a place keeps it.
    pub fn reserve(&mut self, call: &str, wanted: &[&str], now_ms: u64) -> Room {
        if let Some(trunk) = self.by_call.get(call).and_then(|at| self.trunks.get(*at)) {
            return Room::Taken(trunk.settings.name.clone());
        }
        let (mut later_ms, mut full, mut known) = (None::<u64>, false, false);
        let mut ready: Vec<usize> = Vec::new();
        for name in wanted {
            let found = self.trunks.iter().position(|t| t.settings.name == *name);
            let Some((at, trunk)) = found.and_then(|at| Some((at, self.trunks.get(at)?))) else {
                continue;
            };
            known = true;
            match trunk.open(now_ms) {
                Open::Now => ready.push(at),
                Open::At(ms) => later_ms = Some(later_ms.map_or(ms, |least| least.min(ms))),
                Open::Full => full = true,
                Open::Down => {}
            }
        }
        if let Some(at) = self.choose(&ready) {
            return self.take(call, at, now_ms);
        }
        match later_ms {
            Some(ms) => Room::Later(ms),
            None if full => Room::Full,
            None if known => Room::Down,
            None => Room::Unknown,
        }
    }

    /// Which of the trunks that are open gets the call.
    fn choose(&mut self, open: &[usize]) -> Option<usize> {
        let settings = |at: &usize| self.trunks.get(*at).map(|trunk| &trunk.settings);
        let first = open.iter().filter_map(settings).map(|s| s.priority).min()?;
        let of_first = |at: &&usize| settings(at).is_some_and(|s| s.priority == first);
        let group: Vec<usize> = open.iter().filter(of_first).copied().collect();
        let weights: i64 = group
            .iter()
            .filter_map(settings)
            .map(|s| i64::from(s.weight))
            .sum();
        if weights == 0 {
            return group.first().copied();
        }
        let mut best: Option<(i64, usize)> = None;
        for at in group {
            let Some(trunk) = self.trunks.get_mut(at) else {
                continue;
            };
            if trunk.settings.weight == 0 {
                continue;
            }
            trunk.owed += i64::from(trunk.settings.weight);
            if best.is_none_or(|(owed, _)| trunk.owed > owed) {
                best = Some((trunk.owed, at));
            }
        }
        let (_, at) = best?;
        if let Some(trunk) = self.trunks.get_mut(at) {
            trunk.owed -= weights;
        }
        Some(at)
    }

    fn take(&mut self, call: &str, at: usize, now_ms: u64) -> Room {
        let Some(trunk) = self.trunks.get_mut(at) else {
            return Room::Unknown;
        };
        trunk.calls += 1;
        if let Some(gap_us) = 1_000_000_u64.checked_div(u64::from(trunk.settings.cps)) {
            trunk.next_call_us = now_ms.saturating_mul(1000).saturating_add(gap_us);
        }
        self.by_call.insert(call.to_owned(), at);
        Room::Taken(trunk.settings.name.clone())
    }

    /// A call is over; harmless when it has no place.
    pub fn release(&mut self, call: &str) {
        if let Some(trunk) = self
            .by_call
            .remove(call)
            .and_then(|at| self.trunks.get_mut(at))
        {
            trunk.calls = trunk.calls.saturating_sub(1);
        }
    }

    /// A call got an answer over this trunk: someone is there.
    pub fn reached(&mut self, name: &str, now_ms: u64) -> Option<Change> {
        let trunk = self.named(name)?;
        if trunk.pings() {
            // The ping is the judge; it looks at once after a call that failed.
            return None;
        }
        trunk.failures = 0;
        trunk.turn(now_ms, "answers", |trunk| {
            trunk.alive = true;
            trunk.next_ms = None;
        })
    }

    /// A call found nobody there: no answer, no way, or 503. A trunk with pings is pinged at once.
    pub fn failed(&mut self, name: &str, now_ms: u64, random: u8) -> Option<Change> {
        let trunk = self.named(name)?;
        if trunk.pings() {
            if trunk.alive {
                trunk.next_ms = Some(now_ms);
            }
            return None;
        }
        trunk.failures = trunk.failures.saturating_add(1);
        if trunk.failures < FAILURES_MAX {
            return None;
        }
        let rounds = trunk.failures - FAILURES_MAX + 1;
        trunk.next_ms = Some(now_ms.saturating_add(back_off_ms(rounds, random)));
        trunk.turn(now_ms, "calls_fail", |trunk| trunk.alive = false)
    }

    /// Names of the trunks that are to be pinged now, and what changes because a wait is over.
    pub fn due(&mut self, now_ms: u64) -> (Vec<String>, Vec<Change>) {
        let (mut pings, mut changes) = (Vec::new(), Vec::new());
        for trunk in &mut self.trunks {
            if trunk.pinging || trunk.next_ms.is_none_or(|at_ms| at_ms > now_ms) {
                continue;
            }
            if trunk.pings() {
                trunk.pinging = true;
                pings.push(trunk.settings.name.clone());
            } else {
                trunk.next_ms = None;
                changes.extend(trunk.turn(now_ms, "retry", |trunk| trunk.alive = true));
            }
        }
        (pings, changes)
    }

    /// When [`Self::due`] has something to say.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        self.trunks
            .iter()
            .filter(|trunk| !trunk.pinging)
            .filter_map(|trunk| trunk.next_ms)
            .min()
    }

    /// A ping came to its end.
    pub fn pinged(&mut self, name: &str, ping: Ping, now_ms: u64, random: u8) -> Option<Change> {
        let trunk = self.named(name)?;
        trunk.pinging = false;
        let reason = match ping {
            Ping::Alive => "answers",
            Ping::Unavailable => "unavailable",
            Ping::Silence => "no_answer",
        };
        if ping == Ping::Alive {
            trunk.failures = 0;
            let every_ms = trunk.settings.ping_every_ms;
            let jitter_ms = every_ms * u64::from(random) / (10 * 255);
            trunk.next_ms = Some(now_ms.saturating_add(every_ms - jitter_ms));
        } else {
            trunk.back_off(now_ms, random);
        }
        trunk.turn(now_ms, reason, |trunk| trunk.alive = ping == Ping::Alive)
    }

    /// Our registration there was accepted or not.
    pub fn registered(&mut self, name: &str, registered: bool, now_ms: u64) -> Option<Change> {
        let trunk = self.named(name)?;
        let reason = if registered {
            "registered"
        } else {
            "not_registered"
        };
        trunk.turn(now_ms, reason, |trunk| trunk.registered = registered)
    }

    /// All trunks in order.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.trunks
            .iter()
            .map(|trunk| View {
                name: trunk.settings.name.clone(),
                up: trunk.up(),
                reason: trunk.reason,
                since_ms: trunk.since_ms,
                calls: trunk.calls,
                max_calls: trunk.settings.max_calls,
                cps: trunk.settings.cps,
                registered: trunk.settings.registers.then_some(trunk.registered),
                failures: trunk.failures,
                retry_at_ms: trunk.next_ms.filter(|_| !trunk.alive),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
