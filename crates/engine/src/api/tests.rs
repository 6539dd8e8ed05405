//! What is kept for how long; time comes in as an argument.

use callback::record::{Phase, Reason, State};
use callback::request::{self, Request};
use serde_json::json;
use store::{Batch, SqliteStore};

use super::*;

const DAY_S: i64 = 86_400;

/// A callback made at the given time.
fn made(number: u8, at: Timestamp) -> Callback {
    let options = [
        ("_type", "ors"),
        ("_service", "callback"),
        ("_call_direction", "USERTERMINATED"),
        ("_ttl", "86400"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let service = Service {
        name: ServiceName::new("billing"),
        options,
    };
    let request = Request {
        parameters: json!({"_customer_number": "+12025550123"})
            .as_object()
            .cloned()
            .unwrap(),
        ..Request::default()
    };
    let dialplan = Dialplan::new("US", &[], &[], &[]).unwrap();
    let id = CallbackId::from_random(1, [number; 16]);
    let resolver = Resolver::default();
    request::prepare(&Arc::new(service), request, &dialplan, &resolver, id, at)
        .unwrap()
        .0
}

#[tokio::test]
async fn history_is_kept_for_the_days_of_retention_after_the_ttl() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ringback.db")).unwrap();
    let start = Timestamp(1_790_000_000_000);
    let open = made(1, start);
    let mut over = made(2, start);
    over.state = State::Completed;
    over.phase = Phase::Over;
    over.reason = Some(Reason::Cancelled);
    let ids = [open.id.clone(), over.id.clone()];
    let batch = Batch {
        callbacks: vec![Arc::new(open), Arc::new(over)],
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
    let kept_after = async |seconds: i64| {
        purge(&store, 30, start.plus_seconds(seconds)).await;
        let mut kept = Vec::new();
        for id in &ids {
            kept.push(store.callback(id).await.unwrap().is_some());
        }
        kept
    };
    assert_eq!(
        kept_after(31 * DAY_S).await,
        [true, true],
        "a day of _ttl, then 30 days"
    );
    assert_eq!(
        kept_after(31 * DAY_S + 1).await,
        [true, false],
        "what is open is never removed"
    );
    assert_eq!(kept_after(999 * DAY_S).await, [true, false]);
}
