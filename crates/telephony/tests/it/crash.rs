//! What a crash leaves over is ended by the next start, from the stored record alone.

use std::time::Duration;

use telephony::embedded::Embedded;
use telephony::port::{CallId, Command, DialogRecord, EndedBy, EventKind};

use crate::raw::{AUDIO, Raw, sdp};
use crate::support::{Phones, Side, config, trunk};

/// Drops a driver without a goodbye and starts another one on its port.
async fn crash(side: Side) -> Side {
    let port = side.address.port();
    drop(side);
    let restart = async {
        loop {
            let phones = std::sync::Arc::new(Phones::default());
            if let Ok(started) = Embedded::start(config(port), phones).await {
                return Side::of(started);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), restart)
        .await
        .expect("the port is free again")
}

fn end(side: &Side, record: DialogRecord) {
    let call = CallId::new("c1.1");
    let record = Box::new(record);
    side.send(Command::EndLeftover { call, record });
}

#[tokio::test]
async fn an_answered_call_gets_bye() {
    let (mut a, mut b) = Side::pair().await;
    let out = a.call("c1.1");
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Answer {
        call: incoming.clone(),
    });
    let record = a
        .until_call(&out, |kind| match kind {
            EventKind::Dialog(record, _) if record.confirmed => Some(*record),
            _ => None,
        })
        .await;
    b.answered(&incoming).await;
    let mut a = crash(a).await;
    end(&a, record);
    assert_eq!(b.ended(&incoming).await.by, EndedBy::Remote);
    assert!(a.ended(&out).await.answered);
    b.empty().await;
}

#[tokio::test]
async fn a_ringing_call_gets_cancel_with_any_record_of_it() {
    for with_tag in [false, true] {
        let (mut a, mut b) = Side::pair().await;
        let out = a.call("c1.1");
        let mut record = a.dialog(&out).await;
        let (incoming, ..) = b.incoming().await;
        b.send(Command::Ring {
            call: incoming.clone(),
        });
        if with_tag {
            record = a.dialog(&out).await;
        }
        a.until_call(&out, |kind| {
            matches!(kind, EventKind::Ringing).then_some(())
        })
        .await;
        let mut a = crash(a).await;
        end(&a, record);
        let ended = b.ended(&incoming).await;
        assert_eq!(
            (ended.by, ended.status),
            (EndedBy::Remote, 487),
            "tag: {with_tag}"
        );
        assert_eq!(a.ended(&out).await.detail, "given_up");
        b.empty().await;
    }
}

#[tokio::test]
async fn a_200_that_came_after_the_crash_is_acknowledged_and_ended() {
    let raw = Raw::start().await;
    let mut own = config(0);
    own.trunks.push(trunk(raw.address));
    let mut a = Side::start(own).await;
    let out = a.call("c1.1");
    let record = a.dialog(&out).await;
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 180, "").await;
    a.until_call(&out, |kind| {
        matches!(kind, EventKind::Ringing).then_some(())
    })
    .await;
    let mut a = crash(a).await;
    end(&a, record);
    let cancel = raw.until("CANCEL").await;
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    assert_eq!(cancel.header("To"), invite.header("To"));
    raw.answer(&cancel, 200, "").await;
    raw.answer(&invite, 200, &sdp(AUDIO)).await;
    raw.until("ACK").await;
    let bye = raw.until("BYE").await;
    assert!(bye.header("To").ends_with(";tag=raw"));
    raw.answer(&bye, 200, "").await;
    assert_eq!(a.ended(&out).await.by, EndedBy::Local);
}

#[tokio::test]
async fn a_call_that_was_answered_unseen_gets_bye_by_its_tag() {
    let raw = Raw::start().await;
    let mut own = config(0);
    own.trunks.push(trunk(raw.address));
    let mut a = Side::start(own).await;
    let out = a.call("c1.1");
    a.dialog(&out).await;
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 180, "").await;
    let record = a.dialog(&out).await;
    let mut a = crash(a).await;
    end(&a, record);
    let cancel = raw.until("CANCEL").await;
    raw.answer(&cancel, 481, "").await;
    let bye = raw.until("BYE").await;
    assert!(bye.header("To").ends_with(";tag=raw") && bye.start.contains("sip:raw@"));
    raw.answer(&bye, 200, "").await;
    assert_eq!(a.ended(&out).await.by, EndedBy::Local);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_does_no_harm() {
    let mut a = Side::start(config(0)).await;
    end(
        &a,
        DialogRecord {
            call_id: "x".to_owned(),
            from: String::new(),
            to: "<".to_owned(),
            request_uri: "::".to_owned(),
            remote_target: None,
            route_set: vec![">".to_owned()],
            cseq: 0,
            via: String::new(),
            destination: "udp:127.0.0.1:9".to_owned(),
            confirmed: false,
        },
    );
    assert_eq!(a.ended(&CallId::new("c1.1")).await.detail, "given_up");
    let ended = a.call("c1.2");
    assert_eq!(a.ended(&ended).await.detail, "configuration");
    a.empty().await;
}
