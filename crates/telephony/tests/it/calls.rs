//! Calls between two drivers: answers, refusals, ends from both sides.

use std::time::Duration;

use telephony::port::{CallId, CallerId, Command, EndedBy, EventKind, HangUpCause, Telephony};

use crate::support::{Side, originate};

async fn talking(a: &mut Side, b: &mut Side, key: &str) -> (CallId, CallId) {
    let out = a.call(key);
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Answer {
        call: incoming.clone(),
    });
    assert!(!a.answered(&out).await);
    b.answered(&incoming).await;
    (out, incoming)
}

#[tokio::test]
async fn a_call_is_answered_and_ended_by_the_caller() {
    let (mut a, mut b) = Side::pair().await;
    let mut wanted = originate("c1.1");
    wanted.caller_id = CallerId {
        number: "+4930999".to_owned(),
        display_name: "Anna \"A\"".to_owned(),
    };
    wanted.headers = vec![
        ("X-Callback".to_owned(), "id=7; a\r\nb".to_owned()),
        ("Via".to_owned(), "never".to_owned()),
    ];
    let out = a.originate(wanted);
    let (incoming, called, calling, headers) = b.incoming().await;
    assert_eq!(
        (called.as_str(), calling.as_str()),
        ("+4930222", "+4930999")
    );
    assert_eq!(
        headers,
        [("X-Callback".to_owned(), "id=7; a  b".to_owned())]
    );
    b.send(Command::Ring {
        call: incoming.clone(),
    });
    a.until_call(&out, |kind| {
        matches!(kind, EventKind::Ringing).then_some(())
    })
    .await;
    b.send(Command::Answer {
        call: incoming.clone(),
    });
    assert!(!a.answered(&out).await);
    b.answered(&incoming).await;
    a.hang_up(&out, HangUpCause::Normal);
    let ended = a.ended(&out).await;
    assert!(ended.answered && ended.by == EndedBy::Local, "{ended:?}");
    let ended = b.ended(&incoming).await;
    assert!(ended.answered && ended.by == EndedBy::Remote, "{ended:?}");
    assert_eq!(ended.q850, Some(16));
    a.empty().await;
    b.empty().await;
}

#[tokio::test]
async fn a_call_is_ended_by_the_called_side() {
    let (mut a, mut b) = Side::pair().await;
    let (out, incoming) = talking(&mut a, &mut b, "c1.1").await;
    b.hang_up(&incoming, HangUpCause::Normal);
    assert_eq!(a.ended(&out).await.by, EndedBy::Remote);
    assert_eq!(b.ended(&incoming).await.by, EndedBy::Local);
    a.empty().await;
    b.empty().await;
}

#[tokio::test]
async fn refusals_have_their_results() {
    let (mut a, mut b) = Side::pair().await;
    for (n, status, q850, expected) in [
        (1, 486, Some(17), (6, "busy")),
        (2, 603, Some(21), (5, "rejected")),
        (3, 480, Some(17), (6, "busy")),
        (4, 404, None, (11, "unallocated")),
        (5, 503, None, (3, "network")),
    ] {
        let out = a.call(&format!("c1.{n}"));
        let (incoming, ..) = b.incoming().await;
        b.send(Command::Reject {
            call: incoming.clone(),
            status,
            q850,
        });
        let ended = a.ended(&out).await;
        assert_eq!((ended.call_state, ended.detail), expected);
        assert_eq!(
            (ended.status, ended.q850, ended.answered),
            (status, q850, false)
        );
        assert_eq!(b.ended(&incoming).await.by, EndedBy::Local);
    }
    a.empty().await;
    b.empty().await;
}

#[tokio::test]
async fn nobody_answers_and_the_ring_timer_cancels() {
    let (mut a, mut b) = Side::pair().await;
    let mut wanted = originate("c1.1");
    wanted.ring_timeout = Duration::from_millis(500);
    let out = a.originate(wanted);
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Ring {
        call: incoming.clone(),
    });
    let ended = a.ended(&out).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (7, "no_answer", 487)
    );
    let ended = b.ended(&incoming).await;
    assert_eq!((ended.by, ended.status), (EndedBy::Remote, 487));
    a.empty().await;
    b.empty().await;
}

#[tokio::test]
async fn a_callback_that_is_given_up_cancels_the_ringing_phone() {
    let (mut a, mut b) = Side::pair().await;
    let out = a.call("c1.1");
    let (incoming, ..) = b.incoming().await;
    a.hang_up(&out, HangUpCause::GivenUp);
    let ended = a.ended(&out).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.by),
        (26, "given_up", EndedBy::Local)
    );
    b.ended(&incoming).await;
    a.empty().await;
    b.empty().await;
}

#[tokio::test]
async fn the_same_key_calls_once() {
    let (mut a, mut b) = Side::pair().await;
    let (out, incoming) = talking(&mut a, &mut b, "c1.1").await;
    a.call("c1.1");
    a.hang_up(&out, HangUpCause::Normal);
    a.ended(&out).await;
    b.ended(&incoming).await;
    a.empty().await;
    a.call("c1.1");
    let other = a.call("c1.2");
    // the next call that arrives is the new one
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Reject {
        call: incoming,
        status: 486,
        q850: None,
    });
    assert_eq!(a.ended(&other).await.detail, "busy");
    a.empty().await;
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_a_network_error() {
    let (mut a, b) = Side::pair().await;
    drop(b);
    let out = a.call("c1.1");
    let ended = a.ended(&out).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (3, "network", 0)
    );
    a.empty().await;
}

#[tokio::test]
async fn the_dialog_record_is_reported_before_the_invite_and_when_it_changes() {
    let (mut a, mut b) = Side::pair().await;
    let out = a.call("c1.1");
    let first = a.dialog(&out).await;
    assert_eq!(first.call_id, "c1.1");
    assert_eq!(first.destination, format!("udp:{}", b.address));
    assert!(first.via.contains(";branch=z9hG4bK") && !first.confirmed);
    assert_eq!(first.remote_target, None);
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Ring {
        call: incoming.clone(),
    });
    let early = a.dialog(&out).await;
    assert!(early.to.contains(";tag=") && early.remote_target.is_some() && !early.confirmed);
    b.send(Command::Answer {
        call: incoming.clone(),
    });
    assert!(a.dialog(&out).await.confirmed);
    a.answered(&out).await;
    a.hang_up(&out, HangUpCause::Normal);
    b.ended(&incoming).await;
}

#[tokio::test]
async fn shutdown_ends_all_calls_within_two_seconds() {
    let (mut a, mut b) = Side::pair().await;
    let (out, incoming) = talking(&mut a, &mut b, "c1.1").await;
    let ringing = a.call("c2.1");
    let (rings, ..) = b.incoming().await;
    let stop = tokio::time::timeout(Duration::from_secs(2), a.telephony.shutdown());
    stop.await.expect("shutdown is quick");
    assert_eq!(b.ended(&incoming).await.by, EndedBy::Remote);
    assert_eq!(b.ended(&rings).await.status, 487);
    a.ended(&out).await;
    a.ended(&ringing).await;
    b.empty().await;
    let refused = a.telephony.send(Command::Stop { call: out }).unwrap_err();
    assert_eq!(refused, telephony::port::Refused::Stopped);
}

#[tokio::test]
async fn many_calls_leave_nothing_behind() {
    const CALLS: usize = 100;
    let (mut a, mut b) = Side::pair().await;
    for n in 0..CALLS {
        a.call(&format!("c{n}.1"));
    }
    let mut ended = 0;
    while ended < CALLS {
        tokio::select! {
            event = a.event() => match event {
                telephony::port::Event::Call { call, kind: EventKind::Answered { .. } } => {
                    a.hang_up(&call, HangUpCause::Normal);
                }
                telephony::port::Event::Call { kind: EventKind::Ended(end), .. } => {
                    assert!(end.answered, "{end:?}");
                    ended += 1;
                }
                _ => {}
            },
            event = b.event() => if let telephony::port::Event::Call {
                call, kind: EventKind::Incoming { .. },
            } = event {
                b.send(Command::Answer { call });
            },
        }
    }
    a.empty().await;
    b.empty().await;
    assert!(a.telephony.stats().legs_peak <= CALLS as u64);
}
