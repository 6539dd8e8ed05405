//! Writes that are not possible now: full, locked, read-only; and that they are possible later.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use callback::Timestamp;
use store::{SqliteStore, Store, StoreError};

use crate::fixture::{Place, callback, completed, creation, id, of_callbacks, run, settings};

#[test]
fn a_full_store_refuses_and_recovers() {
    run(async {
        let place = Place::new();
        let store = SqliteStore::open_bounded(&place.path, 600_000).unwrap();
        let settings = Arc::new(settings("sales"));
        let mut written = 0;
        let error = loop {
            let batch = of_callbacks(vec![completed(callback(written, &settings))]);
            match store.commit(batch).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
            assert!(written < 5000, "the bound does not hold");
        };
        unavailable(Err(error), "full");
        // Everything that was acknowledged is there, reads go on, a batch that is too big fails.
        assert!(store.callback(&id(written - 1)).await.unwrap().is_some());
        assert_eq!(store.callback(&id(written)).await.unwrap(), None);
        let big = (9000..9500).map(|n| callback(n, &settings)).collect();
        unavailable(store.commit(of_callbacks(big)).await, "full");

        assert_eq!(
            store.purge(Timestamp(i64::MAX)).await.unwrap(),
            u64::from(written)
        );
        store.commit(creation(8000, &settings)).await.unwrap();
        assert_eq!(
            store.open_callbacks().await.unwrap(),
            [Arc::new(callback(8000, &settings))]
        );
    });
}

#[test]
fn in_a_full_store_callers_fail_one_by_one() {
    run(async {
        let place = Place::new();
        let store = Arc::new(SqliteStore::open_bounded(&place.path, 600_000).unwrap());
        let settings = Arc::new(settings("sales"));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..1000 {
            let (store, settings) = (Arc::clone(&store), Arc::clone(&settings));
            tasks.spawn(async move { (n, store.commit(creation(n, &settings)).await) });
        }
        let mut written = Vec::new();
        while let Some(task) = tasks.join_next().await {
            match task.unwrap() {
                (n, Ok(())) => written.push(id(n)),
                (_, Err(StoreError::Unavailable(_))) => {}
                (n, Err(error)) => panic!("{n}: {error}"),
            }
        }
        assert!(
            !written.is_empty() && written.len() < 1000,
            "{}",
            written.len()
        );
        let mut open: Vec<_> = store
            .open_callbacks()
            .await
            .unwrap()
            .into_iter()
            .map(|c| c.id.clone())
            .collect();
        open.sort();
        written.sort();
        assert_eq!(open, written);
    });
}

#[test]
fn a_locked_file_refuses_and_recovers() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        let foreign = place.raw();
        foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
        unavailable(store.commit(creation(1, &settings)).await, "locked");
        unavailable(store.purge(Timestamp(0)).await.map(drop), "locked");
        foreign.execute_batch("ROLLBACK").unwrap();
        store.commit(creation(1, &settings)).await.unwrap();
        assert_eq!(store.open_callbacks().await.unwrap().len(), 1);
    });
}

#[test]
fn a_directory_that_takes_no_files_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing/ringback.db");
    unavailable(SqliteStore::open(&missing).map(drop), "");
    let read_only = read_only_directory(dir.path());
    unavailable(
        SqliteStore::open(&read_only.join("ringback.db")).map(drop),
        "",
    );
    let source = dir.path().join("nothing.db");
    unavailable(SqliteStore::copy(&source, &dir.path().join("copy.db")), "");
}

/// A directory that refuses new files, also to root, whom permissions do not bind.
fn read_only_directory(inside: &Path) -> PathBuf {
    let dir = inside.join("read-only");
    std::fs::create_dir(&dir).unwrap();
    let mut permissions = std::fs::metadata(&dir).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&dir, permissions).unwrap();
    match std::fs::File::create(dir.join("probe")) {
        Err(_) => dir,
        Ok(_) => PathBuf::from("/proc"),
    }
}

fn unavailable(result: Result<(), StoreError>, reason: &str) {
    let Err(StoreError::Unavailable(source)) = result else {
        panic!("not unavailable: {result:?}")
    };
    assert!(source.to_string().contains(reason), "{source}");
}
