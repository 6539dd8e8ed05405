//! What a final answer means for an attempt: SIP status and Q.850 cause to call state and detail.
//!
//! A Q.850 cause that the table lists decides (480 with cause 17 is busy); else the status does.
//! The numbers are the call states of the callback protocol, e.g. 6 busy, 7 no answer.

use std::sync::LazyLock;

/// Call state numbers that this table can give.
pub mod state {
    /// The called side refused, e.g. 603.
    pub const REMOTE_RELEASE: u8 = 5;
    /// Busy.
    pub const BUSY: u8 = 6;
    /// Nobody answered in time.
    pub const NO_ANSWER: u8 = 7;
    /// The network failed; another trunk may help.
    pub const GENERAL_ERROR: u8 = 3;
    /// Our own set-up is wrong, e.g. a refused password.
    pub const SYSTEM_ERROR: u8 = 4;
    /// No trunk had room.
    pub const ALL_TRUNKS_BUSY: u8 = 10;
    /// The number does not exist or has changed.
    pub const SIT_INVALID_NUMBER: u8 = 11;
    /// Redirected and not followed.
    pub const REDIRECTED: u8 = 22;
    /// Ended by ourselves or lost before anything was known.
    pub const DROPPED: u8 = 26;
    /// Anything else.
    pub const UNKNOWN: u8 = 28;
}

/// Why we had asked the network to give the attempt up, if we had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// We had not: the answer is the network's own.
    Nothing,
    /// Our ring timer ran out.
    RingTimeout,
    /// The callback was given up.
    GivenUp,
    /// The call was not needed any longer, or ended for another reason of ours.
    NotNeeded,
}

/// How an attempt without an answer came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final {
    /// A final status of 300 or more from the network.
    Status(u16),
    /// Nothing at all until the transaction gave up, or the transport failed.
    Silence,
}

/// What it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Call state number, see [`state`].
    pub call_state: u8,
    /// Fixed detail word, e.g. `busy`.
    pub detail: &'static str,
    /// Another trunk may carry the call.
    pub try_next_trunk: bool,
}

const fn outcome(call_state: u8, detail: &'static str) -> Outcome {
    Outcome {
        call_state,
        detail,
        try_next_trunk: false,
    }
}

const NETWORK: Outcome = Outcome {
    call_state: state::GENERAL_ERROR,
    detail: "network",
    try_next_trunk: true,
};
const CONGESTION: Outcome = Outcome {
    call_state: state::ALL_TRUNKS_BUSY,
    detail: "congestion",
    try_next_trunk: true,
};

/// A 200 followed by a BYE before the detector had a verdict.
pub const HANGUP_BEFORE_VERDICT: Outcome = outcome(state::DROPPED, "hangup_before_verdict");
/// Our own limit is reached or no trunk is usable.
pub const NO_TRUNK: Outcome = CONGESTION;
/// The extension that was called has no phone registered.
pub const NOT_REGISTERED: Outcome = outcome(state::NO_ANSWER, "not_registered");

/// Maps the end of an attempt that was never answered.
#[must_use]
pub fn map(end: Final, q850: Option<u8>, asked: Asked) -> Outcome {
    match asked {
        Asked::GivenUp => return outcome(state::DROPPED, "given_up"),
        Asked::NotNeeded => return outcome(state::DROPPED, "dropped"),
        Asked::RingTimeout if matches!(end, Final::Status(487) | Final::Silence) => {
            return outcome(state::NO_ANSWER, "no_answer");
        }
        Asked::RingTimeout | Asked::Nothing => {}
    }
    let Final::Status(status) = end else {
        return NETWORK;
    };
    q850.and_then(by_cause).unwrap_or_else(|| by_status(status))
}

fn by_cause(cause: u8) -> Option<Outcome> {
    Some(match cause {
        17 => outcome(state::BUSY, "busy"),
        18 | 19 => outcome(state::NO_ANSWER, "no_answer"),
        20 => outcome(state::NO_ANSWER, "absent"),
        1 => outcome(state::SIT_INVALID_NUMBER, "unallocated"),
        22 => outcome(state::SIT_INVALID_NUMBER, "changed"),
        28 => outcome(state::SIT_INVALID_NUMBER, "incomplete"),
        21 => outcome(state::REMOTE_RELEASE, "rejected"),
        34 | 42 | 44 | 47 => CONGESTION,
        27 | 38 | 41 => NETWORK,
        _ => return None,
    })
}

fn by_status(status: u16) -> Outcome {
    match status {
        486 | 600 => outcome(state::BUSY, "busy"),
        480 | 408 => outcome(state::NO_ANSWER, "no_answer"),
        404 | 604 => outcome(state::SIT_INVALID_NUMBER, "unallocated"),
        410 => outcome(state::SIT_INVALID_NUMBER, "changed"),
        484 | 485 => outcome(state::SIT_INVALID_NUMBER, "incomplete"),
        603 | 403 => outcome(state::REMOTE_RELEASE, "rejected"),
        607 => outcome(state::REMOTE_RELEASE, "unwanted"),
        608 => outcome(state::REMOTE_RELEASE, "blocked"),
        401 | 405 | 407 | 415 | 420 | 421 | 482 | 483 | 488 | 501 | 505 | 513 | 606 => {
            outcome(state::SYSTEM_ERROR, "configuration")
        }
        500..=599 => NETWORK,
        300..=399 => outcome(state::REDIRECTED, "redirect"),
        487 => outcome(state::DROPPED, "dropped"),
        other => outcome(state::UNKNOWN, status_word(other)),
    }
}

/// The words `status_100` to `status_699`.
static STATUS_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    (100..700)
        .map(|status| format!("status_{status}"))
        .collect()
});

fn status_word(status: u16) -> &'static str {
    usize::from(status)
        .checked_sub(100)
        .and_then(|index| STATUS_WORDS.get(index))
        .map_or("status_unknown", String::as_str)
}

/// Reads the Q.850 cause of a `Reason` header value (RFC 3326); other protocols are passed over.
#[must_use]
pub fn q850_of_reason(value: &str) -> Option<u8> {
    value.split(',').find_map(|reason| {
        let mut parts = reason.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("q.850") {
            return None;
        }
        parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("cause") {
                return None;
            }
            value.trim().parse().ok()
        })
    })
}

/// Writes a `Reason` header value with a Q.850 cause.
#[must_use]
pub fn reason_of_q850(cause: u8) -> String {
    format!("Q.850;cause={cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, q850: Option<u8>, expected: (u8, &str, bool)) {
        let got = map(Final::Status(status), q850, Asked::Nothing);
        assert_eq!(
            (got.call_state, got.detail, got.try_next_trunk),
            expected,
            "status {status}, cause {q850:?}"
        );
    }

    #[test]
    fn every_status_of_the_table_has_its_result() {
        for (statuses, expected) in [
            (&[486, 600][..], (6, "busy", false)),
            (&[480, 408], (7, "no_answer", false)),
            (&[404, 604], (11, "unallocated", false)),
            (&[410], (11, "changed", false)),
            (&[484, 485], (11, "incomplete", false)),
            (&[603, 403], (5, "rejected", false)),
            (&[607], (5, "unwanted", false)),
            (&[608], (5, "blocked", false)),
            (&[500, 502, 503, 504, 580], (3, "network", true)),
            (
                &[
                    401, 407, 405, 415, 420, 421, 482, 483, 488, 501, 505, 513, 606,
                ],
                (4, "configuration", false),
            ),
            (&[300, 301, 302, 305, 380], (22, "redirect", false)),
            (&[487], (26, "dropped", false)),
            (&[400], (28, "status_400", false)),
            (&[699], (28, "status_699", false)),
            (&[700, 0], (28, "status_unknown", false)),
        ] {
            for &status in statuses {
                check(status, None, expected);
            }
        }
    }

    #[test]
    fn a_listed_cause_wins_over_the_status() {
        for (causes, expected) in [
            (&[17][..], (6, "busy", false)),
            (&[18, 19], (7, "no_answer", false)),
            (&[20], (7, "absent", false)),
            (&[1], (11, "unallocated", false)),
            (&[22], (11, "changed", false)),
            (&[28], (11, "incomplete", false)),
            (&[21], (5, "rejected", false)),
            (&[34, 42, 44, 47], (10, "congestion", true)),
            (&[27, 38, 41], (3, "network", true)),
        ] {
            for &cause in causes {
                for status in [480, 503, 404, 500] {
                    check(status, Some(cause), expected);
                }
            }
        }
        check(480, Some(16), (7, "no_answer", false));
        check(486, Some(127), (6, "busy", false));
    }

    #[test]
    fn our_own_cancel_decides_what_487_means() {
        let end = Final::Status(487);
        assert_eq!(map(end, None, Asked::RingTimeout).detail, "no_answer");
        assert_eq!(map(end, None, Asked::GivenUp).detail, "given_up");
        assert_eq!(map(end, None, Asked::NotNeeded).detail, "dropped");
        assert_eq!(map(end, None, Asked::Nothing).call_state, 26);
        // the called side was faster than our CANCEL
        assert_eq!(
            map(Final::Status(486), None, Asked::RingTimeout).detail,
            "busy"
        );
    }

    #[test]
    fn silence_is_a_network_error() {
        let got = map(Final::Silence, None, Asked::Nothing);
        assert_eq!(
            (got.call_state, got.detail, got.try_next_trunk),
            (3, "network", true)
        );
        assert_eq!(
            map(Final::Silence, None, Asked::RingTimeout).detail,
            "no_answer"
        );
    }

    #[test]
    fn the_reason_header_is_read() {
        for (value, expected) in [
            ("Q.850;cause=17;text=\"User busy\"", Some(17)),
            ("q.850 ; Cause = 19", Some(19)),
            ("SIP;cause=200;text=\"elsewhere\", Q.850;cause=26", Some(26)),
            ("SIP;cause=480", None),
            ("Q.850;cause=1000", None),
            ("Q.850", None),
            ("", None),
            (";;,=,", None),
        ] {
            assert_eq!(q850_of_reason(value), expected, "{value}");
        }
        assert_eq!(q850_of_reason(&reason_of_q850(16)), Some(16));
    }
}
