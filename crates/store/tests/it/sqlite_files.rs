//! The file itself: reopening after a kill, foreign and newer files, damage, copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use callback::Timestamp;
use store::{DeliveryQuery, Schema, SqliteStore, Store, StoreError};

use crate::fixture::{
    Place, callback, completed, creation, delivery, event, id, intent, of_callbacks, raw, run,
    settings,
};

#[test]
fn what_was_answered_is_there_after_a_kill() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        for n in 0..50 {
            store.commit(creation(n, &settings)).await.unwrap();
            if n % 10 != 0 {
                continue;
            }
            // What a killed process leaves: the files as they are, without a last checkpoint.
            let copy = Place::new();
            for end in ["", "-wal"] {
                std::fs::copy(beside(&place.path, end), beside(&copy.path, end)).unwrap();
            }
            let reopened = copy.open();
            assert_eq!(
                reopened.open_callbacks().await.unwrap().len(),
                n as usize + 1
            );
            assert_eq!(reopened.events(&id(n)).await.unwrap(), [event(&id(n), 1)]);
            reopened.commit(creation(n + 1, &settings)).await.unwrap();
        }
    });
}

#[test]
fn a_half_written_log_is_cut_at_the_last_commit() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        store.commit(creation(1, &settings)).await.unwrap();
        let complete = std::fs::metadata(beside(&place.path, "-wal"))
            .unwrap()
            .len();
        store.commit(creation(2, &settings)).await.unwrap();
        let longer = std::fs::metadata(beside(&place.path, "-wal"))
            .unwrap()
            .len();
        for cut in [complete, complete + 1, (complete + longer) / 2, longer - 1] {
            let copy = Place::new();
            std::fs::copy(&place.path, &copy.path).unwrap();
            let log = std::fs::read(beside(&place.path, "-wal")).unwrap();
            let cut = usize::try_from(cut).unwrap();
            std::fs::write(beside(&copy.path, "-wal"), &log[..cut]).unwrap();
            let open = copy.open().open_callbacks().await.unwrap();
            assert_eq!(open, [Arc::new(callback(1, &settings))], "cut at {cut}");
        }
    });
}

#[test]
fn a_dropped_store_can_be_opened_again_at_once() {
    run(async {
        let place = Place::new();
        let settings = Arc::new(settings("sales"));
        for n in 0..5 {
            let store = place.open();
            store.commit(creation(n, &settings)).await.unwrap();
        }
        assert_eq!(place.open().open_callbacks().await.unwrap().len(), 5);
    });
}

#[test]
fn a_closed_store_leaves_one_file_with_everything() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        store.commit(creation(1, &settings)).await.unwrap();
        store.callback(&id(1)).await.unwrap();
        store.close().await;
        assert!(!beside(&place.path, "-wal").exists());
        let copy = Place::new();
        std::fs::copy(&place.path, &copy.path).unwrap();
        assert_eq!(copy.open().open_callbacks().await.unwrap().len(), 1);
    });
}

#[test]
fn a_second_process_is_refused() {
    let place = Place::new();
    let first = place.open();
    let Err(StoreError::Unavailable(source)) = SqliteStore::open(&place.path) else {
        panic!("opened twice")
    };
    assert!(
        source.to_string().contains("in use by another process"),
        "{source}"
    );
    drop(first);
    place.open();
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let place = Place::new();
    assert_eq!(
        SqliteStore::schema(&place.path).unwrap(),
        Schema { found: 0, known: 5 }
    );
    drop(place.open());
    assert_eq!(
        SqliteStore::schema(&place.path).unwrap(),
        Schema { found: 5, known: 5 }
    );
    place.raw().pragma_update(None, "user_version", 7).unwrap();
    let error = SqliteStore::open(&place.path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store has schema 7, this version knows 5"
    );
    assert!(matches!(error, StoreError::Newer { found: 7, known: 5 }));
}

#[test]
fn a_file_with_broken_pages_is_found_by_looking_at_all_of_it() {
    let place = Place::new();
    let settings = Arc::new(settings("sales"));
    let store = place.open();
    run(async {
        for n in 0..50 {
            store.commit(creation(n, &settings)).await.unwrap();
        }
        store.close().await;
    });
    drop(store);
    SqliteStore::verify(&place.path).unwrap();
    let mut bytes = std::fs::read(&place.path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0xa5;
    }
    std::fs::write(&place.path, bytes).unwrap();
    let what = damaged(SqliteStore::verify(&place.path));
    assert!(what.contains("ringback.db"), "{what}");
}

#[test]
fn a_foreign_file_is_refused_by_name_and_left_alone() {
    let place = Place::new();
    let foreign = place.raw();
    foreign
        .execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
        .unwrap();
    drop(foreign);
    let before = std::fs::read(&place.path).unwrap();
    let what = damaged(SqliteStore::open(&place.path).map(drop));
    assert!(
        what.contains("ringback.db is a SQLite file of another program"),
        "{what}"
    );
    assert_eq!(std::fs::read(&place.path).unwrap(), before);

    let text = place.dir.path().join("notes.txt");
    std::fs::write(&text, "no database at all ".repeat(99)).unwrap();
    let what = damaged(SqliteStore::open(&text).map(drop));
    assert!(what.contains("notes.txt: file is not a database"), "{what}");
}

#[test]
fn damaged_rows_are_named() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let settings = Arc::new(settings("sales"));
        let mut batch = creation(1, &settings);
        batch.deliveries = vec![delivery("d1", &id(1), 1)];
        batch.intents = vec![intent(&id(1), 1)];
        store.commit(batch).await.unwrap();
        let whole = |sql: &str| place.raw().execute_batch(sql).unwrap();
        let one = id(1);

        whole("UPDATE callbacks SET body = '{\"cut'");
        let what = damaged(store.callback(&one).await.map(drop));
        assert!(
            what.starts_with(&format!("callbacks {one}: body:")),
            "{what}"
        );
        damaged(store.open_callbacks().await.map(drop));
        // Written anew it is sound again.
        store
            .commit(of_callbacks(vec![callback(1, &settings)]))
            .await
            .unwrap();
        whole("UPDATE callbacks SET state = 'LOST'");
        let what = damaged(store.callback(&one).await.map(drop));
        assert!(what.contains("unknown variant `LOST`"), "{what}");

        whole("UPDATE events SET seq = -5");
        let what = damaged(store.events(&one).await.map(drop));
        assert!(what.starts_with(&format!("events {one}: -5")), "{what}");
        whole("UPDATE deliveries SET state = 9");
        let what = damaged(store.deliveries(DeliveryQuery::newest(9)).await.map(drop));
        assert_eq!(what, "deliveries d1: unknown delivery state 9");
        whole("UPDATE intents SET at_ms = 'noon'");
        let what = damaged(store.open_intents().await.map(drop));
        assert!(what.starts_with(&format!("intents {one}.1: ")), "{what}");
    });
}

#[test]
fn callbacks_without_their_settings_are_named() {
    run(async {
        let place = Place::new();
        let settings = Arc::new(settings("sales"));
        place.open().commit(creation(1, &settings)).await.unwrap();
        place.raw().execute_batch("DELETE FROM settings").unwrap();
        let what = damaged(place.open().callback(&id(1)).await.map(drop));
        assert_eq!(
            what,
            format!("callbacks {}: its settings are not there", id(1))
        );
    });
}

#[test]
fn settings_are_stored_once_and_go_with_their_last_callback() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let rows = || -> i64 {
            place
                .raw()
                .query_row("SELECT count(*) FROM settings", [], |r| r.get(0))
                .unwrap()
        };
        for n in 0..5 {
            // Each its own allocation, as after parsing.
            let settings = Arc::new(settings("sales"));
            store
                .commit(of_callbacks(vec![completed(callback(n, &settings))]))
                .await
                .unwrap();
        }
        assert_eq!(rows(), 1);
        assert_eq!(store.purge(Timestamp(4500)).await.unwrap(), 4);
        assert_eq!(rows(), 1);
        assert_eq!(store.purge(Timestamp(4501)).await.unwrap(), 1);
        assert_eq!(rows(), 0);
    });
}

#[test]
fn a_backup_taken_while_writing_is_whole() {
    run(async {
        let place = Place::new();
        let store = Arc::new(place.open());
        let settings = Arc::new(settings("sales"));
        for n in 0..200 {
            store.commit(creation(n, &settings)).await.unwrap();
        }
        let mut writer = tokio::task::JoinSet::new();
        {
            let (store, settings) = (Arc::clone(&store), Arc::clone(&settings));
            writer.spawn(async move {
                for n in 200..600 {
                    store.commit(creation(n, &settings)).await.unwrap();
                }
            });
        }
        for (round, from_outside) in [(0, false), (1, true), (2, false)] {
            let to = place.dir.path().join(format!("copy{round}.db"));
            if from_outside {
                SqliteStore::copy(&place.path, &to).unwrap();
            } else {
                store.backup(to.clone()).await.unwrap();
            }
            let copy = SqliteStore::open(&to).unwrap();
            let open = copy.open_callbacks().await.unwrap();
            assert!(open.len() >= 200);
            for one in &open {
                // Callback and event were one batch.
                assert_eq!(copy.events(&one.id).await.unwrap().len(), 1);
            }
            let check: String = raw(&to)
                .query_row("PRAGMA integrity_check", [], |r| r.get(0))
                .unwrap();
            assert_eq!(check, "ok");
        }
        writer.join_next().await.unwrap().unwrap();
    });
}

#[test]
fn a_backup_replaces_no_file() {
    run(async {
        let place = Place::new();
        let store = place.open();
        let to = place.dir.path().join("precious");
        std::fs::write(&to, "precious").unwrap();
        let result = store.backup(to.clone()).await;
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
        assert_eq!(std::fs::read(&to).unwrap(), b"precious");
        let nowhere = store
            .backup(place.dir.path().join("no/such/directory"))
            .await;
        assert!(
            matches!(nowhere, Err(StoreError::Unavailable(_))),
            "{nowhere:?}"
        );
        // What an interrupted copy left does not stand in the way.
        let to = place.dir.path().join("copy.db");
        std::fs::write(beside(&to, ".part"), "half").unwrap();
        store.backup(to.clone()).await.unwrap();
        assert!(!beside(&to, ".part").exists());
        assert_eq!(SqliteStore::schema(&to).unwrap().found, 5);
    });
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    run(async {
        let place = Place::new();
        let store = place.open();
        let to = place.dir.path().join("copy.db");
        store
            .commit(creation(1, &Arc::new(settings("sales"))))
            .await
            .unwrap();
        store.backup(to.clone()).await.unwrap();
        for file in [place.path.clone(), beside(&place.path, "-wal"), to] {
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", file.display());
        }
    });
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(end);
    PathBuf::from(name)
}

fn damaged(result: Result<(), StoreError>) -> String {
    match result {
        Err(StoreError::Damaged { what }) => what,
        other => panic!("not damaged: {other:?}"),
    }
}
