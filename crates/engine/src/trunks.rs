//! Which trunk may take the next dial: `max_calls` and `cps` of each (callback-api §13.1).

use std::collections::HashMap;

use callback::Timestamp;
use callback::number::NumberFormat;

/// What the engine knows of a `[[trunk]]`.
#[derive(Clone, Debug)]
pub struct TrunkInfo {
    /// Name.
    pub name: String,
    /// How numbers are written on it.
    pub number_format: NumberFormat,
    /// Calls at once; 0 = no limit.
    pub max_calls: u32,
    /// New calls a second; 0 = no limit.
    pub cps: u32,
}

/// May a dial go out now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Yes.
    Open,
    /// Not before this time.
    Later(Timestamp),
    /// Only after a call has ended.
    Full,
    /// There is no such trunk.
    Unknown,
}

#[derive(Debug)]
struct Trunk {
    info: TrunkInfo,
    calls: u32,
    next_dial: Timestamp,
}

/// All trunks in order of preference and the calls on them.
#[derive(Debug)]
pub(crate) struct Trunks {
    trunks: Vec<Trunk>,
    by_leg: HashMap<String, usize>,
}

impl Trunks {
    pub(crate) fn new(infos: Vec<TrunkInfo>) -> Self {
        let trunks = infos
            .into_iter()
            .map(|info| Trunk {
                info,
                calls: 0,
                next_dial: Timestamp(0),
            })
            .collect();
        Self {
            trunks,
            by_leg: HashMap::new(),
        }
    }

    fn index(&self, route_point: &str) -> Option<usize> {
        if route_point.is_empty() {
            return (!self.trunks.is_empty()).then_some(0);
        }
        self.trunks
            .iter()
            .position(|trunk| trunk.info.name == route_point)
    }

    /// The trunk of a routing point (empty = the first).
    pub(crate) fn info(&self, route_point: &str) -> Option<&TrunkInfo> {
        Some(&self.trunks.get(self.index(route_point)?)?.info)
    }

    pub(crate) fn gate(&self, route_point: &str, now: Timestamp) -> Gate {
        let Some(trunk) = self.index(route_point).and_then(|i| self.trunks.get(i)) else {
            return Gate::Unknown;
        };
        if trunk.info.max_calls > 0 && trunk.calls >= trunk.info.max_calls {
            return Gate::Full;
        }
        if trunk.next_dial > now {
            Gate::Later(trunk.next_dial)
        } else {
            Gate::Open
        }
    }

    /// A dial starts.
    pub(crate) fn begin(&mut self, trunk_name: &str, leg: &str, now: Timestamp) {
        let Some(index) = self.index(trunk_name) else {
            return;
        };
        if self.by_leg.insert(leg.to_owned(), index).is_some() {
            return;
        }
        if let Some(trunk) = self.trunks.get_mut(index) {
            trunk.calls += 1;
            if let Some(gap_ms) = 1000_i64.checked_div(i64::from(trunk.info.cps)) {
                trunk.next_dial = Timestamp(now.0 + gap_ms);
            }
        }
    }

    /// A call is over.
    pub(crate) fn end(&mut self, leg: &str) {
        if let Some(index) = self.by_leg.remove(leg)
            && let Some(trunk) = self.trunks.get_mut(index)
        {
            trunk.calls = trunk.calls.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunks(max_calls: u32, cps: u32) -> Trunks {
        Trunks::new(vec![TrunkInfo {
            name: "carrier".into(),
            number_format: NumberFormat::AsGiven,
            max_calls,
            cps,
        }])
    }

    #[test]
    fn dials_are_spaced_and_calls_counted() {
        let mut trunks = trunks(2, 10);
        let now = Timestamp(1000);
        assert_eq!(trunks.gate("", now), Gate::Open);
        trunks.begin("carrier", "a", now);
        assert_eq!(trunks.gate("carrier", now), Gate::Later(Timestamp(1100)));
        trunks.begin("carrier", "b", Timestamp(1100));
        assert_eq!(trunks.gate("", Timestamp(2000)), Gate::Full);
        trunks.end("a");
        trunks.end("a");
        assert_eq!(trunks.gate("", Timestamp(2000)), Gate::Open);
        assert_eq!(trunks.gate("other", now), Gate::Unknown);
    }

    #[test]
    fn zero_means_no_limit() {
        let mut trunks = trunks(0, 0);
        for n in 0..100 {
            assert_eq!(trunks.gate("", Timestamp(5)), Gate::Open);
            trunks.begin("", &n.to_string(), Timestamp(5));
        }
    }
}
