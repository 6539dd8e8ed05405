//! Trunks: failover inside one call, pings, registration, limits.

use std::time::Duration;

use telephony::embedded::{Transport, Trunk};
use telephony::port::{
    CallId, Command, Destination, EventKind, HangUpCause, Originate, Room, Telephony, TrunkNumber,
};

use crate::raw::{AUDIO, Raw, sdp};
use crate::support::{Side, config, eventually, originate, trunk};

fn named(name: &str, raw: &Raw) -> Trunk {
    Trunk {
        name: name.to_owned(),
        ..trunk(raw.address)
    }
}

/// A driver with the trunks `first` and `second`, each to a scripted peer.
async fn two(change: impl Fn(&mut Trunk)) -> (Side, Raw, Raw) {
    let (first, second) = (Raw::start().await, Raw::start().await);
    let mut config = config(0);
    config.trunks = vec![named("first", &first), named("second", &second)];
    config.trunks.iter_mut().for_each(change);
    (Side::start(config).await, first, second)
}

fn over_both(key: &str) -> Originate {
    let way = |trunk: &str, number: &str| TrunkNumber {
        trunk: trunk.to_owned(),
        number: number.to_owned(),
    };
    Originate {
        destination: Destination::Trunks(vec![way("first", "+4930222"), way("second", "030222")]),
        ..originate(key)
    }
}

async fn rerouted(side: &mut Side, call: &CallId) -> TrunkNumber {
    side.until_call(call, |kind| match kind {
        EventKind::Rerouted(way) => Some(way),
        EventKind::Ended(ended) => panic!("not rerouted: {ended:?}"),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_call_goes_on_over_the_next_trunk_in_the_same_attempt() {
    let (mut side, first, second) = two(|_| {}).await;
    let call = side.originate(over_both("c1.1"));
    let refused = first.until("INVITE").await;
    assert_eq!(refused.header("Call-ID"), "c1.1");
    first.answer(&refused, 503, "").await;
    first.until("ACK").await;
    let way = rerouted(&mut side, &call).await;
    assert_eq!(
        (way.trunk.as_str(), way.number.as_str()),
        ("second", "030222")
    );
    let invite = second.until("INVITE").await;
    assert!(invite.start.contains("sip:030222@"), "{}", invite.start);
    assert_eq!(invite.header("Call-ID"), "c1.1.t2");
    second.answer(&invite, 200, &sdp(AUDIO)).await;
    second.until("ACK").await;
    assert!(!side.answered(&call).await);
    let views = side.telephony.trunks();
    assert_eq!((views[0].calls, views[1].calls), (0, 1));
    side.hang_up(&call, HangUpCause::Normal);
    let bye = second.until("BYE").await;
    assert_eq!(bye.header("Call-ID"), "c1.1.t2");
    second.answer(&bye, 200, "").await;
    assert!(side.ended(&call).await.answered);
    side.empty().await;
    assert_eq!(side.telephony.trunks()[1].calls, 0);
}

#[tokio::test]
async fn results_about_the_called_number_are_not_tried_elsewhere() {
    for (n, status) in [(1, 486), (2, 404), (3, 603), (4, 480), (5, 488)] {
        let (mut side, first, second) = two(|_| {}).await;
        let call = side.originate(over_both(&format!("c{n}.1")));
        let invite = first.until("INVITE").await;
        first.answer(&invite, status, "").await;
        assert_eq!(side.ended(&call).await.status, status);
        second.never("INVITE", Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_result_is_that_of_the_last_trunk() {
    let (mut side, first, second) = two(|_| {}).await;
    let call = side.originate(over_both("c1.1"));
    let invite = first.until("INVITE").await;
    first.answer(&invite, 500, "").await;
    let invite = second.until("INVITE").await;
    second
        .answer(&invite, 503, "Reason: Q.850;cause=34\r\n")
        .await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status, ended.q850),
        (10, "congestion", 503, Some(34))
    );
    side.empty().await;
}

#[tokio::test]
async fn a_phone_that_rang_is_not_rung_again_through_another_trunk() {
    let (mut side, first, second) = two(|_| {}).await;
    let call = side.originate(over_both("c1.1"));
    let invite = first.until("INVITE").await;
    first.answer(&invite, 180, "").await;
    first.answer(&invite, 503, "").await;
    assert_eq!(side.ended(&call).await.detail, "network");
    second.never("INVITE", Duration::from_millis(100)).await;
}

#[tokio::test]
async fn a_silent_trunk_is_left_and_what_it_answers_late_is_ended() {
    let (mut side, first, second) = two(|_| {}).await;
    let call = side.originate(Originate {
        ring_timeout: Duration::from_millis(300),
        ..over_both("c1.1")
    });
    let silent = first.until("INVITE").await;
    let invite = second.until("INVITE").await;
    second.answer(&invite, 200, &sdp(AUDIO)).await;
    second.until("ACK").await;
    side.answered(&call).await;
    // The first trunk wakes up: its phone must not talk to nobody.
    first.answer(&silent, 180, "").await;
    let cancel = first.until("CANCEL").await;
    assert_eq!(cancel.header("Call-ID"), "c1.1");
    first.answer(&silent, 200, &sdp(AUDIO)).await;
    first.answer(&cancel, 200, "").await;
    let bye = first.until("BYE").await;
    first.answer(&bye, 200, "").await;
    side.hang_up(&call, HangUpCause::Normal);
    let bye = second.until("BYE").await;
    second.answer(&bye, 200, "").await;
    side.ended(&call).await;
}

#[tokio::test]
async fn a_trunk_alone_that_stays_silent_is_a_network_error() {
    let (mut side, first, _second) = two(|_| {}).await;
    let call = side.originate(Originate {
        ring_timeout: Duration::from_millis(300),
        destination: Destination::trunk("first", "1"),
        ..originate("c1.1")
    });
    first.until("INVITE").await;
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.detail), (3, "network"));
}

#[tokio::test]
async fn a_call_given_up_between_two_trunks_is_over() {
    let (mut side, first, second) = two(|trunk| trunk.cps = 2).await;
    // The second trunk's turn is half a second away.
    side.telephony.reserve(&CallId::new("other.1"), &["second"]);
    let call = side.originate(over_both("c1.1"));
    let invite = first.until("INVITE").await;
    first.answer(&invite, 503, "").await;
    first.until("ACK").await;
    side.hang_up(&call, HangUpCause::GivenUp);
    assert_eq!(side.ended(&call).await.detail, "given_up");
    second.never("INVITE", Duration::from_millis(50)).await;
}

#[tokio::test]
async fn limits_hold_across_failover() {
    let (mut side, first, second) = two(|trunk| trunk.max_calls = 1).await;
    assert_eq!(
        side.telephony.reserve(&CallId::new("x.1"), &["second"]),
        Room::Taken("second".to_owned())
    );
    let call = side.originate(over_both("c1.1"));
    let invite = first.until("INVITE").await;
    assert_eq!(
        side.telephony
            .reserve(&CallId::new("y.1"), &["first", "second"]),
        Room::Full
    );
    first.answer(&invite, 503, "").await;
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.status), (3, 503));
    second.never("INVITE", Duration::from_millis(50)).await;
    side.telephony.release(&CallId::new("x.1"));
    assert_eq!(
        side.telephony.reserve(&CallId::new("y.1"), &["second"]),
        Room::Taken("second".to_owned())
    );
}

#[tokio::test]
async fn pings_take_a_trunk_down_and_bring_it_back() {
    let (mut side, first, second) =
        two(|trunk| trunk.ping_every = Duration::from_millis(200)).await;
    for (raw, status) in [(&first, 503), (&second, 405)] {
        let ping = raw.until("OPTIONS").await;
        raw.answer(&ping, status, "").await;
    }
    let down = side
        .until(|event| match event {
            telephony::port::Event::Trunk { name, up, reason } => Some((name, up, reason)),
            _ => None,
        })
        .await;
    assert_eq!(down, ("first".to_owned(), false, "unavailable"));
    // Calls pass it over.
    let call = side.originate(over_both("c1.1"));
    let invite = second.until("INVITE").await;
    second.answer(&invite, 486, "").await;
    assert_eq!(side.ended(&call).await.detail, "busy");
    let view = &side.telephony.trunks()[0];
    assert_eq!((view.up, view.failures), (false, 1));
    assert!(view.retry_in_ms.is_some_and(|ms| ms <= 5_000));
    // A call over it alone has no trunk that is usable.
    let call = side.originate(Originate {
        destination: Destination::trunk("first", "1"),
        ..originate("c2.1")
    });
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.detail), (10, "congestion"));
    // After the back-off it answers.
    let ping = first.until("OPTIONS").await;
    first.answer(&ping, 200, "").await;
    eventually("the trunk is up again", || side.telephony.trunks()[0].up).await;
}

#[tokio::test]
async fn a_trunk_is_down_until_it_is_registered() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks = vec![Trunk {
        register: true,
        username: "acme".to_owned(),
        password: "secret".to_owned(),
        ..named("first", &raw)
    }];
    let side = Side::start(config).await;
    assert!(!side.telephony.trunks()[0].up);
    let first = raw.until("REGISTER").await;
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\"\r\n";
    raw.answer(&first, 401, challenge).await;
    let second = raw.until("REGISTER").await;
    assert!(second.header("Authorization").contains("username=\"acme\""));
    // Refreshed before the two seconds are over; then refused.
    raw.answer(&second, 200, "Expires: 2\r\n").await;
    eventually("registered", || side.telephony.trunks()[0].up).await;
    let refresh = raw.until("REGISTER").await;
    raw.answer(&refresh, 403, "").await;
    eventually("refused", || !side.telephony.trunks()[0].up).await;
    let view = &side.telephony.trunks()[0];
    assert_eq!(
        (view.reason, view.registered),
        ("not_registered", Some(false))
    );
    // It is tried again after the back-off.
    let again = raw.until("REGISTER").await;
    raw.answer(&again, 200, "Expires: 60\r\n").await;
    eventually("registered again", || side.telephony.trunks()[0].up).await;
}

#[tokio::test]
async fn calls_a_second_space_the_dials() {
    let (mut side, first, _second) = two(|trunk| trunk.cps = 10).await;
    let one = side.telephony.reserve(&CallId::new("a.1"), &["first"]);
    assert_eq!(one, Room::Taken("first".to_owned()));
    let Room::Later(wait) = side.telephony.reserve(&CallId::new("b.1"), &["first"]) else {
        panic!("the second dial waits");
    };
    assert!(wait <= Duration::from_millis(100));
    // A call without a place waits for its turn by itself.
    let call = side.originate(Originate {
        destination: Destination::trunk("first", "1"),
        ..originate("c.1")
    });
    let invite = first.until("INVITE").await;
    first.answer(&invite, 486, "").await;
    side.ended(&call).await;
    side.send(Command::Stop { call });
}

#[tokio::test]
async fn a_trunk_over_tcp_is_pinged_called_and_left_when_it_is_gone() {
    let mut peer = Side::start(config(0)).await;
    let second = Raw::start().await;
    let mut config = config(0);
    config.trunks = vec![
        Trunk {
            name: "first".to_owned(),
            transport: Transport::Tcp,
            ping_every: Duration::from_millis(100),
            ..trunk(peer.address)
        },
        named("second", &second),
    ];
    let mut side = Side::start(config).await;
    let call = side.originate(over_both("c1.1"));
    let (incoming, ..) = peer.incoming().await;
    peer.send(Command::Answer {
        call: incoming.clone(),
    });
    side.answered(&call).await;
    eventually("the ping was answered", || {
        side.telephony.trunks()[0].reason == "answers"
    })
    .await;
    peer.hang_up(&incoming, HangUpCause::Normal);
    assert!(side.ended(&call).await.answered);
    peer.telephony.shutdown().await;
    drop(peer);
    eventually("the trunk is down", || !side.telephony.trunks()[0].up).await;
    side.originate(over_both("c2.1"));
    second.until("INVITE").await;
}

#[tokio::test]
async fn a_redirect_is_followed_where_the_trunk_allows_it() {
    let (mut side, first, second) = two(|_| {}).await;
    let third = Raw::start().await;
    let call = side.originate(over_both("c1.1"));
    let invite = first.until("INVITE").await;
    let contacts = format!(
        "Contact: <sip:+4930222@{}>;q=0.1, <sip:4930222@{}>;q=0.7\r\n\
         Contact: <sip:+4930999@{}>, <sip:+4930222@elsewhere.invalid>\r\n",
        second.address, third.address, second.address
    );
    first.answer(&invite, 302, &contacts).await;
    first.until("ACK").await;
    // The best of the allowed ones, in the same dialog to be.
    let busy = third.until("INVITE").await;
    assert!(
        busy.start
            .contains(&format!("sip:4930222@{}", third.address))
    );
    assert_eq!(busy.header("Call-ID"), invite.header("Call-ID"));
    assert_eq!(busy.header("CSeq"), "2 INVITE");
    third.answer(&busy, 480, "").await;
    let invite = second.until("INVITE").await;
    assert!(
        invite
            .start
            .contains(&format!("sip:+4930222@{}", second.address))
    );
    second.answer(&invite, 200, &sdp(AUDIO)).await;
    second.until("ACK").await;
    side.answered(&call).await;
    side.hang_up(&call, HangUpCause::Normal);
    second.until("BYE").await;
}

#[tokio::test]
async fn a_redirect_to_another_number_is_not_followed() {
    let (mut side, first, second) = two(|_| {}).await;
    let call = side.originate(over_both("c1.1"));
    let invite = first.until("INVITE").await;
    let contact = format!("Contact: <sip:112@{}>\r\n", second.address);
    first.answer(&invite, 302, &contact).await;
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.detail), (22, "redirect"));
    second.never("INVITE", Duration::from_millis(50)).await;
}
