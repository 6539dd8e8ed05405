//! The notifier without its task.

use store::{DeliveryExtra, SqliteStore};

use super::*;
use crate::clock::SystemClock;

fn row(at: Timestamp) -> DeliveryRow {
    DeliveryRow {
        id: "1.1".to_owned(),
        callback: callback::CallbackId::new("1"),
        seq: 1,
        notification_seq: 1,
        event_id: "_cbe_on_service_create".to_owned(),
        at,
        channel: "httpcb".to_owned(),
        target: "http://127.0.0.1:9/".to_owned(),
        guarded: false,
        language: String::new(),
        body: "{}".to_owned(),
        attempts: 0,
        base: 0,
        next_at: Some(at),
        state: DeliveryState::Pending,
        extra: DeliveryExtra::default(),
    }
}

#[tokio::test]
async fn a_delivery_that_panics_is_tried_again_and_keeps_no_place() {
    // The executable does so when it starts; here another test may have done it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("ringback.db")).unwrap());
    let mut notifier = Notifier::new(Parts {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        sender: Sender::new(SenderConfig::default()).unwrap(),
        metrics: Arc::new(Metrics::new()),
        subscriptions: Arc::new(Subscriptions::default()),
    });
    let now = notifier.now();
    let delivery = row(now);
    let deliveries = vec![delivery.clone()];
    let batch = store::Batch {
        deliveries,
        ..store::Batch::default()
    };
    store.commit(batch).await.unwrap();
    notifier.lanes.take(delivery, now);
    let Some(Next::Send(lane, row)) = notifier.lanes.next(now) else {
        panic!("it is due");
    };

    notifier.spawn(lane, row, async { panic!("on purpose") });
    let ended = notifier.sending.join_next_with_id().await.unwrap();
    notifier.ended(ended);
    assert!(notifier.begun.is_empty());
    notifier.save();
    let saved = notifier.saving.join_next().await.unwrap();
    notifier.stored(saved);

    let due = notifier.lanes.next_at().unwrap();
    assert!(due > now, "after the pause of a failed attempt");
    notifier.lanes.wake(due);
    assert!(matches!(notifier.lanes.next(due), Some(Next::Send(..))));
    let pending = store.pending_deliveries().await.unwrap();
    assert_eq!(pending[0].attempts, 1);
}
