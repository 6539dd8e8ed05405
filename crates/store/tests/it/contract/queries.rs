//! Promises about queries.

use std::sync::Arc;

use callback::{CallbackId, ServiceName, Timestamp};
use store::{Query, Store};

use crate::fixture::{callback, completed, id, of_callbacks, settings};

pub(crate) async fn a_query_matches_all_or_any_of_its_conditions(store: &dyn Store) {
    let (sales, support) = (Arc::new(settings("sales")), Arc::new(settings("support")));
    let batch = vec![
        callback(1, &sales),
        completed(callback(2, &sales)),
        callback(3, &support),
        callback(4, &sales),
    ];
    store.commit(of_callbacks(batch)).await.unwrap();
    let check = async |query: Query, expected: &[u32]| {
        let query = Query {
            limit: 100,
            ..query
        };
        assert_eq!(
            found(store, query.clone()).await,
            ids(expected),
            "{query:?}"
        );
    };
    let number = || pair("_customer_number", &["49304", "49303"]);
    let state = || pair("_callback_state", &["COMPLETED"]);
    check(Query::default(), &[1, 2, 3, 4]).await;
    check(of_service("sales", Query::default()), &[1, 2, 4]).await;
    check(all_of(vec![number()]), &[3, 4]).await;
    check(all_of(vec![number(), state()]), &[]).await;
    check(any_of(vec![number(), state()]), &[2, 3, 4]).await;
    // The service and the time hold whatever the operand.
    check(
        of_service("sales", any_of(vec![number(), state()])),
        &[2, 4],
    )
    .await;
    check(of_service("sales", any_of(vec![])), &[1, 2, 4]).await;
    let three = id(3);
    check(all_of(vec![pair("_id", &[three.as_str()])]), &[3]).await;
    check(all_of(vec![pair("_id", &[])]), &[]).await;
    // Callback 2 is over at 2,500.
    check(alive_at(2500, Query::default()), &[3, 4]).await;
    check(alive_at(2499, Query::default()), &[2, 3, 4]).await;
    check(alive_at(2500, any_of(vec![number(), state()])), &[3, 4]).await;
}

pub(crate) async fn a_query_compares_keys_and_values_as_they_are(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    let batch = (1..=3).map(|n| callback(n, &settings)).collect();
    store.commit(of_callbacks(batch)).await.unwrap();
    let check = async |key: &str, values: &[&str], expected: &[u32]| {
        let query = Query {
            conditions: vec![pair(key, values)],
            limit: 100,
            ..Query::default()
        };
        assert_eq!(found(store, query).await, ids(expected), "{key}");
    };
    check("colour", &["blue"], &[1, 2, 3]).await;
    check("colour", &["Blue"], &[]).await;
    check("n", &["2", "7"], &[2]).await;
    check("_wait", &["true"], &[1, 2, 3]).await;
    check("_wait", &["1"], &[]).await;
    check("it's \"quoted\"", &["yes"], &[1, 2, 3]).await;
    check("it's \"quoted\"", &["no"], &[]).await;
    // Attached data and parameters are two places; fields of the record are a third.
    check("wait", &["true"], &[]).await;
    check("_colour", &["blue"], &[]).await;
    check("customer_number", &["+49 30 1"], &[]).await;
    check("' OR 1=1 --", &["' OR 1=1 --"], &[]).await;
    check("$.user_data", &["%"], &[]).await;
    check("", &[""], &[]).await;
}

pub(crate) async fn a_query_is_ordered_and_bounded(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    let mut early = callback(9, &settings);
    early.desired = Timestamp(2000);
    let batch = vec![callback(2, &settings), callback(3, &settings), early];
    store.commit(of_callbacks(batch)).await.unwrap();
    let query = |limit| Query {
        limit,
        ..Query::default()
    };
    assert_eq!(found(store, query(usize::MAX)).await, ids(&[2, 9, 3]));
    assert_eq!(found(store, query(2)).await, ids(&[2, 9]));
    assert_eq!(found(store, query(0)).await, ids(&[]));
    let newest = Query {
        newest_first: true,
        ..query(2)
    };
    assert_eq!(found(store, newest).await, ids(&[9, 3]));
    assert_eq!(store.count(query(1)).await.unwrap(), 3);
    let sales = of_service("support", query(1));
    assert_eq!(store.count(sales).await.unwrap(), 0);
}

fn all_of(conditions: Vec<(String, Vec<String>)>) -> Query {
    Query {
        conditions,
        ..Query::default()
    }
}

fn any_of(conditions: Vec<(String, Vec<String>)>) -> Query {
    Query {
        conditions,
        any: true,
        ..Query::default()
    }
}

fn of_service(name: &str, query: Query) -> Query {
    Query {
        service: Some(ServiceName::new(name)),
        ..query
    }
}

fn alive_at(at_ms: i64, query: Query) -> Query {
    Query {
        alive_at: Some(Timestamp(at_ms)),
        ..query
    }
}

fn pair(key: &str, values: &[&str]) -> (String, Vec<String>) {
    (
        String::from(key),
        values.iter().map(|v| String::from(*v)).collect(),
    )
}

pub(super) fn ids(numbers: &[u32]) -> Vec<CallbackId> {
    numbers.iter().map(|n| id(*n)).collect()
}

pub(super) async fn found(store: &dyn Store, query: Query) -> Vec<CallbackId> {
    store
        .query(query)
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.id)
        .collect()
}
