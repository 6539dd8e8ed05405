//! Media through the whole driver: digits and packets over a bridge, clips, early media.

use media::audio::Clip;
use media::cpd::Outcome;
use telephony::port::{
    CallId, Command, Detection, Event, EventKind, HangUpCause, Originate, Repeat, Telephony,
};

use crate::support::{Side, config, eventually, originate, trunk};

async fn talking(a: &mut Side, b: &mut Side, key: &str) -> (CallId, CallId) {
    let out = a.call(key);
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Answer {
        call: incoming.clone(),
    });
    a.answered(&out).await;
    (out, incoming)
}

async fn digit(side: &mut Side, call: &CallId) -> char {
    side.until_call(call, |kind| match kind {
        EventKind::Digit(digit) => Some(digit),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn digits_travel_both_ways_over_a_bridge_of_two_calls() {
    let (mut a, mut b) = Side::pair().await;
    let (customer, customer_phone) = talking(&mut a, &mut b, "c1.1").await;
    let (agent, agent_phone) = talking(&mut a, &mut b, "c1.1.a1").await;
    a.send(Command::Bridge {
        a: customer.clone(),
        b: agent.clone(),
    });
    b.send(Command::SendDigits {
        call: customer_phone.clone(),
        digits: "5".to_owned(),
    });
    assert_eq!(digit(&mut b, &agent_phone).await, '5');
    b.send(Command::SendDigits {
        call: agent_phone.clone(),
        digits: "#".to_owned(),
    });
    assert_eq!(digit(&mut b, &customer_phone).await, '#');
    a.hang_up(&customer, HangUpCause::Normal);
    a.hang_up(&agent, HangUpCause::Normal);
    b.ended(&agent_phone).await;
    a.empty().await;
    assert!(a.telephony.stats().rtp_received > 10);
}

#[tokio::test]
async fn a_clip_that_is_played_once_is_reported() {
    let (mut a, mut b) = Side::pair().await;
    let (out, _) = talking(&mut a, &mut b, "c1.1").await;
    let clip = Clip::from_samples(media::tone::tone(&[440.0], 200, -10.0));
    for (token, repeat) in [(1, Repeat::Once), (2, Repeat::Forever), (3, Repeat::Once)] {
        a.send(Command::Play {
            call: out.clone(),
            token,
            clip: clip.clone(),
            repeat,
        });
        if token == 2 {
            continue;
        }
        let mut played = Vec::new();
        while played.last() != Some(&(token, true)) {
            played.push(
                a.until_call(&out, |kind| match kind {
                    EventKind::Played { token, finished } => Some((token, finished)),
                    _ => None,
                })
                .await,
            );
        }
        let expected: &[(u64, bool)] = if token == 1 {
            &[(1, true)]
        } else {
            &[(2, false), (3, true)]
        };
        assert_eq!(played, expected);
    }
    a.hang_up(&out, HangUpCause::Normal);
    a.ended(&out).await;
}

#[tokio::test]
async fn early_media_of_an_incoming_call_reaches_the_caller() {
    let (mut a, mut b) = Side::pair().await;
    let out = a.call("c1.1");
    let (incoming, ..) = b.incoming().await;
    b.send(Command::Progress {
        call: incoming.clone(),
    });
    a.until_call(&out, |kind| {
        matches!(kind, EventKind::EarlyMedia).then_some(())
    })
    .await;
    let clip = Clip::from_samples(media::tone::busy(2_000));
    b.send(Command::Play {
        call: incoming.clone(),
        token: 1,
        clip,
        repeat: Repeat::Forever,
    });
    let telephony = std::sync::Arc::clone(&a.telephony);
    eventually("early media arrives", || {
        telephony.stats().rtp_received > 20
    })
    .await;
    b.send(Command::Answer {
        call: incoming.clone(),
    });
    a.answered(&out).await;
    b.hang_up(&incoming, HangUpCause::Normal);
    a.ended(&out).await;
    a.empty().await;
    b.empty().await;
}

#[tokio::test]
async fn tones_travel_both_ways_over_a_bridge_and_are_recognised() {
    let mut server = Side::start(config(0)).await;
    let mut own = config(0);
    own.trunks.push(trunk(server.address));
    let mut phones = Side::start(own).await;
    let mut legs = Vec::new();
    for key in ["x.1", "y.1"] {
        let settings = media::cpd::Settings {
            silence_ms: 14_000,
            ..Default::default()
        };
        let settings = media::cpd::Settings {
            hard_stop_ms: 14_000,
            ..settings
        };
        let detection = Some(Detection {
            early: false,
            settings,
        });
        let out = phones.originate(Originate {
            detection,
            ..originate(key)
        });
        let (incoming, ..) = server.incoming().await;
        server.send(Command::Answer {
            call: incoming.clone(),
        });
        phones.answered(&out).await;
        legs.push((out, incoming));
    }
    server.send(Command::Bridge {
        a: legs[0].1.clone(),
        b: legs[1].1.clone(),
    });
    let tones = [media::tone::busy(10_000), media::tone::ced(3_500)];
    for ((out, _), samples) in legs.iter().zip(tones) {
        let clip = Clip::from_samples(samples);
        let (call, repeat) = (out.clone(), Repeat::Forever);
        phones.send(Command::Play {
            call,
            token: 1,
            clip,
            repeat,
        });
    }
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let found = phones
            .until(|event| match event {
                Event::Call {
                    call,
                    kind: EventKind::Verdict(verdict),
                } => Some((call, verdict.outcome)),
                _ => None,
            })
            .await;
        heard.push(found);
    }
    heard.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        (legs[0].0.clone(), Outcome::Fax),
        (legs[1].0.clone(), Outcome::Busy),
    ];
    assert_eq!(heard, expected);
}
