//! Session timers (RFC 4028): who refreshes a session, when, and when it is given up.
//!
//! Offered are [`WANTED_S`] seconds with a least of [`MIN_SE_S`]. The refresher acts after half of
//! the interval; both sides end the call min(32 s, a third) before it runs out.

/// Interval we offer, s.
pub const WANTED_S: u32 = 1_800;
/// Shortest interval we accept, s (RFC 4028 §4: never below 90).
pub const MIN_SE_S: u32 = 90;
/// After a refresh that the peer could not take now, the next one follows so much later, ms.
const RETRY_MS: u64 = 2_100;

/// A side of the transaction that carried the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that sent the request.
    Uac,
    /// The side that answered.
    Uas,
}

/// A `Session-Expires` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Interval, s.
    pub seconds: u32,
    /// Who refreshes, if it is said.
    pub refresher: Option<Role>,
}

impl SessionExpires {
    /// Reads `1800;refresher=uac`; `None` when it is no number.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (seconds, parameters) = value.split_once(';').unwrap_or((value, ""));
        let refresher = crate::header::parameter(parameters, "refresher");
        Some(Self {
            seconds: seconds.trim().parse().ok()?,
            refresher: match refresher.unwrap_or_default().to_ascii_lowercase().as_str() {
                "uac" => Some(Role::Uac),
                "uas" => Some(Role::Uas),
                _ => None,
            },
        })
    }

    /// The value as text.
    #[must_use]
    pub fn text(&self) -> String {
        let seconds = self.seconds;
        match self.refresher {
            None => seconds.to_string(),
            Some(Role::Uac) => format!("{seconds};refresher=uac"),
            Some(Role::Uas) => format!("{seconds};refresher=uas"),
        }
    }
}

/// What a request wants of the timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Its `Session-Expires`.
    pub expires: Option<SessionExpires>,
    /// Its `Min-SE`, s.
    pub min_se_s: Option<u32>,
    /// It names `timer` in `Supported` or `Require`.
    pub supported: bool,
}

/// The answer to a request that asks for a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No timer: the header is left out.
    Off,
    /// 422 with our `Min-SE`.
    TooSmall,
    /// `Session-Expires` of the 2xx; with refresher `uac` also `Require: timer`.
    On(SessionExpires),
}

/// Answers a request of the peer.
#[must_use]
pub fn answer(wish: &Wish) -> Answer {
    let Some(expires) = wish.expires else {
        return Answer::Off;
    };
    if expires.seconds < MIN_SE_S && wish.supported {
        return Answer::TooSmall;
    }
    let least_s = wish.min_se_s.unwrap_or(0).max(MIN_SE_S);
    let seconds = expires.seconds.min(WANTED_S).max(least_s);
    // A peer without timers cannot refresh; else it does, unless it wants us to.
    let refresher = match expires.refresher {
        Some(role) if wish.supported => role,
        None if wish.supported => Role::Uac,
        Some(_) | None => Role::Uas,
    };
    Answer::On(SessionExpires {
        seconds,
        refresher: Some(refresher),
    })
}

/// Whose turn it is to refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Ours.
    We,
    /// The peer's.
    Peer,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// UPDATE or re-INVITE.
    Refresh,
    /// BYE.
    GiveUp,
}

/// How a refresh of ours ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// 2xx with or without `Session-Expires`.
    Accepted(Option<SessionExpires>),
    /// 422 with the peer's `Min-SE`, s.
    TooSmall(u32),
    /// 408, 481 or nothing: the peer does not know the call any longer.
    Gone,
    /// Anything else; the session lives until its end.
    Refused,
}

/// The timer of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    interval_s: u32,
    min_se_s: u32,
    refresher: Refresher,
    /// When the interval began.
    began_ms: u64,
    /// When we refresh, while no refresh is under way.
    refresh_at_ms: Option<u64>,
}

impl Timer {
    /// Begins with a 2xx to a request; `ours` says that the request was ours. `None` without
    /// `Session-Expires`: the session does not expire.
    #[must_use]
    pub fn begin(expires: Option<SessionExpires>, ours: bool, now_ms: u64) -> Option<Self> {
        let expires = expires?;
        let refresher = match (expires.refresher, ours) {
            (Some(Role::Uac), true) | (Some(Role::Uas), false) | (None, true) => Refresher::We,
            (Some(Role::Uac), false) | (Some(Role::Uas), true) | (None, false) => Refresher::Peer,
        };
        let mut timer = Self {
            interval_s: expires.seconds.max(MIN_SE_S),
            min_se_s: MIN_SE_S,
            refresher,
            began_ms: now_ms,
            refresh_at_ms: None,
        };
        timer.arm(now_ms);
        Some(timer)
    }

    fn arm(&mut self, now_ms: u64) {
        self.began_ms = now_ms;
        let half_ms = u64::from(self.interval_s) * 500;
        self.refresh_at_ms =
            (self.refresher == Refresher::We).then(|| now_ms.saturating_add(half_ms));
    }

    /// Headers of a refresh of ours: `Session-Expires` and `Min-SE`.
    #[must_use]
    pub fn wish(&self) -> (SessionExpires, u32) {
        let expires = SessionExpires {
            seconds: self.interval_s,
            refresher: Some(Role::Uac),
        };
        (expires, self.min_se_s)
    }

    /// Interval, s.
    #[must_use]
    pub fn interval_s(&self) -> u32 {
        self.interval_s
    }

    /// Who refreshes.
    #[must_use]
    pub fn refresher(&self) -> Refresher {
        self.refresher
    }

    fn give_up_at_ms(&self) -> u64 {
        let lead_s = (self.interval_s / 3).min(32);
        self.began_ms
            .saturating_add(u64::from(self.interval_s - lead_s) * 1000)
    }

    /// When [`Self::due`] has something to say.
    #[must_use]
    pub fn next_ms(&self) -> u64 {
        let end_ms = self.give_up_at_ms();
        self.refresh_at_ms.map_or(end_ms, |at_ms| at_ms.min(end_ms))
    }

    /// What is to be done now; a refresh is asked for once.
    pub fn due(&mut self, now_ms: u64) -> Option<Due> {
        if now_ms >= self.give_up_at_ms() {
            return Some(Due::GiveUp);
        }
        if self.refresh_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.refresh_at_ms = None;
            return Some(Due::Refresh);
        }
        None
    }

    /// A refresh of ours came to its end.
    pub fn handle(&mut self, refreshed: Refreshed, now_ms: u64) -> Option<Due> {
        match refreshed {
            Refreshed::Accepted(expires) => {
                if let Some(timer) = Self::begin(expires, true, now_ms) {
                    *self = timer;
                } else {
                    // Without the header the peer has no timer any longer; ours goes on.
                    self.arm(now_ms);
                }
                None
            }
            Refreshed::TooSmall(min_s) if min_s > self.interval_s => {
                self.interval_s = min_s;
                self.min_se_s = self.min_se_s.max(min_s);
                Some(Due::Refresh)
            }
            Refreshed::Gone => Some(Due::GiveUp),
            Refreshed::Refused | Refreshed::TooSmall(_) => {
                self.refresh_at_ms = Some(now_ms.saturating_add(RETRY_MS));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expires(seconds: u32, refresher: Option<Role>) -> SessionExpires {
        SessionExpires { seconds, refresher }
    }

    #[test]
    fn values_are_read_and_written() {
        for (text, expected) in [
            ("1800", Some(expires(1800, None))),
            (" 90 ; refresher=UAC", Some(expires(90, Some(Role::Uac)))),
            ("600;x=1;refresher=uas", Some(expires(600, Some(Role::Uas)))),
            ("600;refresher=me", Some(expires(600, None))),
            ("soon", None),
            ("", None),
            ("-1", None),
            ("99999999999", None),
        ] {
            assert_eq!(SessionExpires::parse(text), expected, "{text}");
        }
        let value = expires(1800, Some(Role::Uac));
        assert_eq!(SessionExpires::parse(&value.text()), Some(value));
    }

    #[test]
    fn requests_are_answered_as_rfc_4028_wants() {
        let wish = |seconds, refresher, supported| Wish {
            expires: Some(expires(seconds, refresher)),
            min_se_s: None,
            supported,
        };
        for (wish, expected) in [
            (Wish::default(), Answer::Off),
            (wish(89, None, true), Answer::TooSmall),
            (
                wish(89, None, false),
                Answer::On(expires(90, Some(Role::Uas))),
            ),
            (
                wish(600, None, true),
                Answer::On(expires(600, Some(Role::Uac))),
            ),
            (
                wish(600, Some(Role::Uas), true),
                Answer::On(expires(600, Some(Role::Uas))),
            ),
            (
                wish(7200, Some(Role::Uac), true),
                Answer::On(expires(1800, Some(Role::Uac))),
            ),
        ] {
            assert_eq!(answer(&wish), expected, "{wish:?}");
        }
        let long = Wish {
            min_se_s: Some(3600),
            ..wish(7200, None, true)
        };
        assert_eq!(answer(&long), Answer::On(expires(3600, Some(Role::Uac))));
    }

    #[test]
    fn the_refresher_acts_at_half_time_and_once() {
        let mut timer = Timer::begin(Some(expires(1800, Some(Role::Uac))), true, 1000).unwrap();
        assert_eq!(timer.next_ms(), 901_000);
        assert_eq!(timer.due(900_999), None);
        assert_eq!(timer.due(901_000), Some(Due::Refresh));
        assert_eq!(timer.due(901_001), None);
        assert_eq!(timer.handle(Refreshed::Accepted(None), 902_000), None);
        assert_eq!(timer.next_ms(), 1_802_000);
    }

    #[test]
    fn the_call_is_given_up_before_the_session_runs_out() {
        // 1,800 s: 32 s before the end; 90 s: a third, 30 s.
        for (seconds, end_ms) in [(1800, 1_768_000), (90, 60_000)] {
            let mut timer = Timer::begin(Some(expires(seconds, Some(Role::Uas))), true, 0).unwrap();
            assert_eq!(timer.refresher(), Refresher::Peer);
            assert_eq!(timer.next_ms(), end_ms);
            assert_eq!(timer.due(end_ms - 1), None);
            assert_eq!(timer.due(end_ms), Some(Due::GiveUp));
        }
    }

    #[test]
    fn a_refused_refresh_is_repeated_and_a_lost_peer_ends_the_call() {
        let mut timer = Timer::begin(Some(expires(90, Some(Role::Uas))), false, 0).unwrap();
        assert_eq!(timer.due(45_000), Some(Due::Refresh));
        assert_eq!(timer.handle(Refreshed::Refused, 45_100), None);
        assert_eq!(timer.due(47_200), Some(Due::Refresh));
        let more = timer.handle(Refreshed::TooSmall(120), 47_300);
        assert_eq!((more, timer.interval_s()), (Some(Due::Refresh), 120));
        assert_eq!(timer.wish().1, 120);
        assert_eq!(timer.handle(Refreshed::Gone, 47_400), Some(Due::GiveUp));
    }

    #[test]
    fn without_the_header_nothing_expires() {
        assert_eq!(Timer::begin(None, true, 0), None);
    }
}
