//! `kill -9` at random moments: nothing acknowledged is lost, nobody is dialed twice for one
//! attempt, and calls that a crash left over are ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Behaviour, Call, Line, Note, Receiver, now, until};

use crate::common::{agents, server, service};

/// Kills of each of the two tests, which run side by side: 20 in all.
const KILLS: u32 = 10;
/// Callbacks that are asked for in each life of the server.
const PER_LIFE: u32 = 4;
const END: Duration = Duration::from_secs(40);

/// A small generator (SplitMix64): the same seed, the same moments.
struct Rng(u64);

impl Rng {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A customer's behaviour follows from the last digit of the number.
fn customer(number: &str) -> Behaviour {
    let ms = Duration::from_millis;
    match number.bytes().last().unwrap_or_default() % 5 {
        0 => Behaviour::Refuse(ms(20), 486),
        1 => Behaviour::Refuse(ms(300), 486),
        2 => Behaviour::AnswerAndLeave(ms(100), ms(300)),
        3 => Behaviour::AnswerAndLeave(ms(400), ms(900)),
        _ => Behaviour::NoAnswer,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hard_kills_lose_nothing_and_dial_nobody_twice() {
    kill_again_and_again(0x5eed_0001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hard_kills_at_other_moments_lose_nothing_and_dial_nobody_twice() {
    kill_again_and_again(0x5eed_0002).await;
}

async fn kill_again_and_again(seed: u64) {
    let line = Line::start(|number, _| customer(number)).await;
    let receiver = Receiver::start().await;
    let mut server = server(line.port)
        .set(
            "notifications",
            "signing_secret = \"whsec_dGhlIHNlY3JldCBvZiB0aGUga2lsbCB0ZXN0\"",
        )
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let extra = [
        "_ixn_createcall_timeout = 1",
        "_treatment_customer_connect = greeting.wav",
    ];
    server
        .api
        .import_services(&service("desk", &receiver, &extra))
        .await;

    let mut rng = Rng(seed);
    let mut number = 500_000;
    let mut acknowledged = BTreeMap::new();
    for _ in 0..KILLS {
        let life = now() + Duration::from_millis(50 + rng.below(700));
        let pause = Duration::from_millis(rng.below(60));
        let mut left = PER_LIFE;
        while now() < life {
            if left > 0 {
                left -= 1;
                number += 1;
                // The moment of the kill may fall into a request: then nothing was promised.
                let request = json!({"_customer_number": number.to_string()});
                let create = server.api.try_create("desk", &request);
                let create = tokio::time::timeout_at(life.into(), create);
                if let Ok(Some(id)) = create.await {
                    acknowledged.insert(id, number.to_string());
                }
            }
            tokio::time::sleep_until((now() + pause).min(life).into()).await;
        }
        server.kill_hard().await;
        server.restart().await;
    }

    assert!(
        acknowledged.len() > 20,
        "only {} callbacks were created",
        acknowledged.len()
    );
    for id in acknowledged.keys() {
        finished(&server.api, &receiver, id).await;
    }
    no_double_dials(&server.api, &line.calls()).await;
    until("left-over calls are ended", END, async || {
        line.calls()
            .iter()
            .all(|call| call.over.is_some())
            .then_some(())
    })
    .await;
    println!(
        "{} callbacks, {} calls, {KILLS} kills",
        acknowledged.len(),
        line.calls().len()
    );
}

/// A callback is over, its log has no gap, its notifications all came, in order, once or more.
async fn finished(api: &Api, receiver: &Receiver, id: &str) {
    api.state(id, "COMPLETED", END).await;
    let log = api.events(id).await;
    let numbers: Vec<u64> = log
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert_eq!(
        numbers,
        (1..).take(log.len()).collect::<Vec<u64>>(),
        "{id}: {log:?}"
    );
    let published: Vec<&Value> = log
        .iter()
        .filter(|event| event["event_id"].as_str().is_some_and(is_session_event))
        .collect();
    let notes = until(&format!("all notifications of {id}"), END, async || {
        let notes = receiver.of(id);
        let arrived: BTreeSet<u64> = notes.iter().map(Note::sequence).collect();
        (arrived.len() >= published.len()).then_some(notes)
    })
    .await;

    let mut last = 0;
    let mut first: BTreeMap<u64, &Note> = BTreeMap::new();
    for note in &notes {
        let sequence = note.sequence();
        assert!(sequence <= last + 1, "{id}: {sequence} after {last}");
        last = last.max(sequence);
        let known = first.entry(sequence).or_insert(note);
        assert_eq!(known.header("webhook-id"), note.header("webhook-id"));
        assert!(!note.header("webhook-id").is_empty());
        assert_eq!(known.text, note.text);
    }
    let events: Vec<&str> = first.values().map(|note| note.get("event_id")).collect();
    let expected: Vec<&str> = published
        .iter()
        .filter_map(|e| e["event_id"].as_str())
        .collect();
    assert_eq!(events, expected, "{id}");
    let exits = events
        .iter()
        .filter(|event| **event == "_cbe_on_service_exit")
        .count();
    assert_eq!(
        (exits, events.last()),
        (1, Some(&"_cbe_on_service_exit")),
        "{id}"
    );
}

/// The default set is what is not native and not a server event (notifications §9.1).
fn is_session_event(id: &str) -> bool {
    id.starts_with("_cbe_on_") && !id.starts_with("_cbe_on_callback_")
}

/// One transaction per call, one call per dial of the log, never two calls of a number at once.
async fn no_double_dials(api: &Api, calls: &[Call]) {
    let mut by_number: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        assert_eq!(
            call.branches.len(),
            1,
            "sent as several transactions: {call:?}"
        );
        by_number.entry(&call.number).or_default().push(call);
    }
    for (number, calls) in by_number {
        let answer = api
            .get(&format!(
                "/genesys/1/service/callback/desk?_customer_number={number}"
            ))
            .await;
        let records = answer.body.as_array().expect("a query answers an array");
        for pair in calls.windows(2) {
            let over = pair[0].over.is_some_and(|ended| ended <= pair[1].at);
            assert!(over, "two calls at once: {pair:?}");
        }
        assert_eq!(records.len(), 1, "calls to {number}, but {records:?}");
        let id = records[0]["_id"].as_str().expect("an id");
        let log = api.events(id).await;
        let dials = log
            .iter()
            .filter(|e| e["event_id"] == "_cbe_on_dial_init")
            .count();
        assert!(
            calls.len() <= dials,
            "{} calls for {dials} dials of {id}",
            calls.len()
        );
    }
}
