//! Session timers (RFC 4028) with a scripted peer; a second of them lasts 10 ms here.

use std::time::Duration;

use telephony::port::{CallId, EndedBy};

use crate::raw::{AUDIO, Message, Raw, sdp};
use crate::support::{Side, config, trunk};

async fn site() -> (Side, Raw) {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.timers.session_second = Duration::from_millis(10);
    config.trunks.push(trunk(raw.address));
    (Side::start(config).await, raw)
}

/// A call that the peer answered with these headers.
async fn answered(side: &mut Side, raw: &Raw, headers: &str) -> (CallId, Message) {
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    assert_eq!(invite.header("Session-Expires"), "1800");
    assert_eq!(invite.header("Min-SE"), "90");
    assert_eq!(invite.header("Supported"), "timer");
    raw.answer(&invite, 200, &format!("{headers}{}", sdp(AUDIO)))
        .await;
    raw.until("ACK").await;
    side.answered(&call).await;
    (call, invite)
}

#[tokio::test]
async fn we_refresh_by_update_at_half_time_and_go_on() {
    let (mut side, raw) = site().await;
    let headers =
        "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\nAllow: INVITE, UPDATE\r\n";
    let (call, _) = answered(&mut side, &raw, headers).await;
    for _ in 0..3 {
        let update = raw.until("UPDATE").await;
        assert_eq!(update.header("Session-Expires"), "90;refresher=uac");
        assert_eq!(update.body, "");
        raw.answer(&update, 200, "Session-Expires: 90;refresher=uac\r\n")
            .await;
    }
    side.hang_up(&call, telephony::port::HangUpCause::Normal);
    let bye = raw.until("BYE").await;
    raw.answer(&bye, 200, "").await;
    assert_eq!(side.ended(&call).await.detail, "normal");
    side.empty().await;
}

#[tokio::test]
async fn a_peer_without_update_gets_a_reinvite_with_what_was_agreed() {
    let (mut side, raw) = site().await;
    let headers = "Session-Expires: 90;refresher=uac\r\nAllow: INVITE, BYE\r\n";
    let (_, invite) = answered(&mut side, &raw, headers).await;
    let again = raw.until("INVITE").await;
    assert_ne!(again.header("CSeq"), invite.header("CSeq"));
    assert!(again.header("To").ends_with(";tag=raw"));
    assert!(again.body.contains("m=audio"));
    // Both sides ask at once: ours comes again later.
    raw.answer(&again, 491, "").await;
    let again = raw.until("INVITE").await;
    raw.answer(
        &again,
        200,
        &format!("Session-Expires: 90;refresher=uac\r\n{}", sdp(AUDIO)),
    )
    .await;
    raw.until("ACK").await;
    raw.until("INVITE").await;
}

#[tokio::test]
async fn an_update_that_is_not_allowed_is_followed_by_a_reinvite() {
    let (mut side, raw) = site().await;
    let headers = "Session-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n";
    answered(&mut side, &raw, headers).await;
    let update = raw.until("UPDATE").await;
    raw.answer(&update, 501, "").await;
    raw.until("INVITE").await;
}

#[tokio::test]
async fn a_session_that_the_peer_does_not_refresh_ends_before_its_time() {
    let (mut side, raw) = site().await;
    let (call, _) = answered(&mut side, &raw, "Session-Expires: 90;refresher=uas\r\n").await;
    let bye = raw.until("BYE").await;
    assert_eq!(bye.header("Reason"), "Q.850;cause=102");
    raw.answer(&bye, 200, "").await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.by, ended.detail),
        (EndedBy::Local, "session_expired")
    );
    side.empty().await;
}

#[tokio::test]
async fn a_peer_that_forgot_the_call_ends_it() {
    let (mut side, raw) = site().await;
    let headers = "Session-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n";
    let (call, _) = answered(&mut side, &raw, headers).await;
    let update = raw.until("UPDATE").await;
    raw.answer(&update, 481, "").await;
    raw.until("BYE").await;
    assert_eq!(side.ended(&call).await.detail, "session_expired");
}

#[tokio::test]
async fn the_peers_refresh_keeps_the_session_alive() {
    let (mut side, raw) = site().await;
    let (call, invite) = answered(&mut side, &raw, "Session-Expires: 90;refresher=uas\r\n").await;
    for cseq in 1..=4 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let wish = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
        raw.request(&invite, "UPDATE", cseq, wish).await;
        let ok = raw.until("200").await;
        assert_eq!(ok.header("Session-Expires"), "90;refresher=uac");
        assert_eq!(ok.header("Require"), "timer");
    }
    raw.request(
        &invite,
        "UPDATE",
        5,
        "Supported: timer\r\nSession-Expires: 30\r\n",
    )
    .await;
    assert_eq!(raw.until("422").await.header("Min-SE"), "90");
    raw.request(&invite, "BYE", 6, "").await;
    raw.until("200").await;
    side.ended(&call).await;
}

#[tokio::test]
async fn a_peer_that_wants_longer_sessions_is_asked_again_in_the_same_attempt() {
    let (mut side, raw) = site().await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 422, "Min-SE: 3600\r\n").await;
    raw.until("ACK").await;
    let again = raw.until("INVITE").await;
    assert_eq!(again.header("Call-ID"), invite.header("Call-ID"));
    assert_eq!(again.header("CSeq"), "2 INVITE");
    assert_eq!(again.header("Session-Expires"), "3600");
    assert_eq!(again.header("Min-SE"), "3600");
    raw.answer(&again, 422, "Min-SE: 7200\r\n").await;
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.status), (28, 422));
}

#[tokio::test]
async fn a_peer_without_timers_is_left_alone() {
    let (mut side, raw) = site().await;
    answered(&mut side, &raw, "").await;
    raw.never("UPDATE", Duration::from_millis(1_200)).await;
}

#[tokio::test]
async fn two_of_us_agree_on_a_timer() {
    let mut peer_config = config(0);
    peer_config.timers.session_second = Duration::from_millis(1);
    let mut peer = Side::start(peer_config.clone()).await;
    peer_config.trunks.push(trunk(peer.address));
    let mut side = Side::start(peer_config).await;
    let call = side.call("c1.1");
    let (incoming, ..) = peer.incoming().await;
    peer.send(telephony::port::Command::Answer {
        call: incoming.clone(),
    });
    side.answered(&call).await;
    // Longer than a whole session of 1,800 seconds of 1 ms.
    let quiet = tokio::time::timeout(Duration::from_millis(2_500), side.ended(&call));
    assert!(quiet.await.is_err(), "the session is kept alive");
    side.hang_up(&call, telephony::port::HangUpCause::Normal);
    peer.ended(&incoming).await;
}
