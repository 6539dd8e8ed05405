//! Many callers at once: group commit, order, reads beside it, closing under load.

use std::sync::Arc;
use std::time::Duration;

use store::{Store, StoreError};

use crate::fixture::{Place, callback, creation, event, id, of_callbacks, run, settings};

const COMMITTERS: u32 = 64;

#[test]
fn concurrent_committers_each_get_their_own_answer() {
    run(async {
        let place = Place::new();
        let store = Arc::new(place.open());
        let settings = Arc::new(settings("sales"));
        store.commit(creation(0, &settings)).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..COMMITTERS {
            let (store, settings) = (Arc::clone(&store), Arc::clone(&settings));
            tasks.spawn(async move {
                for round in 0..20 {
                    let n = 1 + task * 20 + round;
                    let mut batch = creation(n, &settings);
                    // Every fifth batch fails: its last event is there already.
                    let bad = n % 5 == 0;
                    if bad {
                        batch.events.push(event(&id(0), 1));
                    }
                    let result = store.commit(batch).await;
                    assert_eq!(result.is_err(), bad, "{n}: {result:?}");
                    // What was answered is seen at once, what failed never.
                    assert_eq!(store.callback(&id(n)).await.unwrap().is_none(), bad, "{n}");
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let expected = 1 + COMMITTERS as usize * 20 * 4 / 5;
        assert_eq!(store.open_callbacks().await.unwrap().len(), expected);
    });
}

#[test]
fn batches_take_effect_in_the_order_of_the_calls() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        let mut last = 0;
        for round in 0..20 {
            let writes: Vec<_> = (0..50)
                .map(|i| {
                    let mut changed = callback(1, &settings);
                    changed.play_token = round * 50 + i;
                    last = changed.play_token;
                    store.commit(of_callbacks(vec![changed]))
                })
                .collect();
            // Polled in this order, all before the first one is answered.
            for result in join_in_order(writes).await {
                result.unwrap();
            }
            let stored = store.callback(&id(1)).await.unwrap().unwrap();
            assert_eq!(stored.play_token, last);
        }
    });
}

#[test]
fn closing_finishes_what_was_accepted() {
    run(async {
        let place = Place::new();
        let store = Arc::new(place.open());
        let settings = Arc::new(settings("sales"));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..400 {
            let (store, settings) = (Arc::clone(&store), Arc::clone(&settings));
            tasks.spawn(async move { (n, store.commit(creation(n, &settings)).await) });
        }
        let mut written = Vec::new();
        while let Some(task) = tasks.join_next().await {
            let (n, result) = task.unwrap();
            match result {
                Ok(()) => written.push(n),
                Err(StoreError::Closed) => {}
                Err(error) => panic!("{error}"),
            }
            if written.len() == 10 {
                store.close().await;
            }
        }
        drop(store);
        let store = place.open();
        assert_eq!(store.open_callbacks().await.unwrap().len(), written.len());
        for n in written {
            assert!(
                store.callback(&id(n)).await.unwrap().is_some(),
                "{n} was acknowledged"
            );
        }
    });
}

#[test]
fn a_caller_that_goes_away_does_not_undo_its_batch() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        // Polled once: queued, then dropped.
        drop(tokio::time::timeout(Duration::ZERO, store.commit(creation(1, &settings))).await);
        store.commit(creation(2, &settings)).await.unwrap();
        assert!(store.callback(&id(1)).await.unwrap().is_some());
    });
}

#[test]
fn reads_do_not_wait_for_a_blocked_writer() {
    run(async {
        let place = Place::new();
        let store = Arc::new(place.open());
        let settings = Arc::new(settings("sales"));
        store.commit(creation(1, &settings)).await.unwrap();
        let foreign = place.raw();
        foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut writer = tokio::task::JoinSet::new();
        {
            let (store, settings) = (Arc::clone(&store), Arc::clone(&settings));
            writer.spawn(async move { store.commit(creation(2, &settings)).await });
        }
        for _ in 0..20 {
            assert_eq!(store.open_callbacks().await.unwrap().len(), 1);
        }
        assert!(writer.try_join_next().is_none());
        foreign.execute_batch("COMMIT").unwrap();
        writer.join_next().await.unwrap().unwrap().unwrap();
    });
}

/// Polls all once in order, then awaits each.
async fn join_in_order<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut out: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (slot, future) in out.iter_mut().zip(&mut futures) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = std::pin::Pin::new(future).poll(cx)
            {
                *slot = Some(value);
            }
        }
        if out.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    out.into_iter().flatten().collect()
}
