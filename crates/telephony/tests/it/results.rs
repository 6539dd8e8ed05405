//! Every row of the table of final answers (telephony §5.1), each from a peer over SIP.

use std::time::Duration;

use crate::raw::{AUDIO, Raw, sdp};
use crate::support::{Side, config, originate, trunk};

/// What the peer ends the call with and what the call is reported as; 0 = no cause.
const ROWS: &[(u16, u8, u8, &str)] = &[
    (486, 0, 6, "busy"),
    (600, 0, 6, "busy"),
    (480, 17, 6, "busy"),
    (480, 0, 7, "no_answer"),
    (408, 0, 7, "no_answer"),
    (480, 18, 7, "no_answer"),
    (480, 19, 7, "no_answer"),
    (480, 20, 7, "absent"),
    (404, 0, 11, "unallocated"),
    (604, 0, 11, "unallocated"),
    (500, 1, 11, "unallocated"),
    (410, 0, 11, "changed"),
    (480, 22, 11, "changed"),
    (484, 0, 11, "incomplete"),
    (485, 0, 11, "incomplete"),
    (480, 28, 11, "incomplete"),
    (603, 0, 5, "rejected"),
    (403, 0, 5, "rejected"),
    (480, 21, 5, "rejected"),
    (607, 0, 5, "unwanted"),
    (608, 0, 5, "blocked"),
    (503, 34, 10, "congestion"),
    (503, 42, 10, "congestion"),
    (503, 44, 10, "congestion"),
    (503, 47, 10, "congestion"),
    (503, 0, 3, "network"),
    (500, 0, 3, "network"),
    (502, 0, 3, "network"),
    (504, 0, 3, "network"),
    (580, 0, 3, "network"),
    (480, 27, 3, "network"),
    (480, 38, 3, "network"),
    (480, 41, 3, "network"),
    (401, 0, 4, "configuration"),
    (407, 0, 4, "configuration"),
    (405, 0, 4, "configuration"),
    (415, 0, 4, "configuration"),
    (420, 0, 4, "configuration"),
    (421, 0, 4, "configuration"),
    (482, 0, 4, "configuration"),
    (483, 0, 4, "configuration"),
    (488, 0, 4, "configuration"),
    (501, 0, 4, "configuration"),
    (505, 0, 4, "configuration"),
    (513, 0, 4, "configuration"),
    (606, 0, 4, "configuration"),
    (302, 0, 22, "redirect"),
    (380, 0, 22, "redirect"),
    (487, 0, 26, "dropped"),
    (499, 0, 28, "status_499"),
    (486, 31, 6, "busy"),
];

#[tokio::test]
async fn every_final_answer_of_the_table_has_its_result() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    let mut side = Side::start(config).await;
    for (n, (status, cause, state, detail)) in ROWS.iter().enumerate() {
        let call = side.call(&format!("c{n}.1"));
        let invite = raw.until("INVITE").await;
        raw.answer(&invite, 100, "").await;
        let reason = match cause {
            0 => String::new(),
            cause => format!("Reason: SIP;cause={status}, Q.850;cause={cause};text=\"x\"\r\n"),
        };
        raw.answer(&invite, *status, &reason).await;
        raw.until("ACK").await;
        let ended = side.ended(&call).await;
        assert_eq!(
            (ended.call_state, ended.detail, ended.status),
            (*state, *detail, *status),
            "cause {cause}"
        );
        assert_eq!(ended.q850, (*cause > 0).then_some(*cause));
        assert_eq!(ended.trunk.as_deref(), Some("peer"));
        if *cause > 0 {
            assert_eq!(ended.reason.as_deref(), Some("x"));
        }
    }
    side.empty().await;
}

#[tokio::test]
async fn a_refusal_after_early_media_and_ringing_is_mapped_the_same() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    let mut side = Side::start(config).await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 180, "").await;
    raw.answer(&invite, 183, &sdp(AUDIO)).await;
    raw.answer(&invite, 603, "Reason: Q.850;cause=21\r\n").await;
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.detail), (5, "rejected"));
    side.empty().await;
}

#[tokio::test]
async fn our_ends_say_why_in_q850() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    let mut side = Side::start(config).await;
    let mut ringing = originate("c1.1");
    ringing.ring_timeout = Duration::from_millis(200);
    let call = side.originate(ringing);
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 180, "").await;
    let cancel = raw.until("CANCEL").await;
    assert!(cancel.header("Reason").starts_with("Q.850;cause="));
    raw.answer(&cancel, 200, "").await;
    raw.answer(&invite, 487, "").await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (7, "no_answer", 487)
    );
    side.empty().await;
}

#[tokio::test]
async fn peers_are_told_the_external_address_and_answers_still_find_us() {
    let raw = Raw::start().await;
    let mut behind_nat = config(0);
    behind_nat.external_address = Some("203.0.113.9".parse().unwrap());
    behind_nat.media.advertised = "203.0.113.8".parse().unwrap();
    behind_nat.trunks.push(trunk(raw.address));
    let mut side = Side::start(behind_nat).await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    let port = side.address.port();
    let told = format!("203.0.113.9:{port}");
    assert!(invite.header("Via").contains(&told), "{invite:?}");
    assert!(invite.header("Via").ends_with(";rport"), "{invite:?}");
    assert!(invite.header("Contact").contains(&told), "{invite:?}");
    assert!(
        invite.body.contains("c=IN IP4 203.0.113.8\r\n"),
        "{invite:?}"
    );
    raw.answer(&invite, 200, &sdp(AUDIO)).await;
    raw.until("ACK").await;
    side.answered(&call).await;
    raw.request(&invite, "BYE", 1, "").await;
    side.ended(&call).await;
}
