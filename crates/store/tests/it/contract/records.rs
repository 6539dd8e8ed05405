//! Promises about what is written and read back.

use std::sync::Arc;

use callback::record::State;
use callback::{AgentId, Callback, ServiceName, Timestamp};
use store::{
    AgentRow, AgentStateRow, Batch, ChangeRow, DeliveryAttempt, DeliveryQuery, DeliveryRow,
    DeliveryState, ListsChange, OptionChange, Query, ServiceRow, ServicesChange, Store, StoreError,
    Subject, Trace, TransactionListRow,
};

use super::queries::{found, ids};
use crate::fixture::{
    attempt, callback, completed, creation, delivery, event, id, idempotency, intent, of_callbacks,
    settings,
};

pub(crate) async fn a_callback_comes_back_as_it_was_written(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    let (new, over) = (callback(1, &settings), completed(callback(2, &settings)));
    store
        .commit(of_callbacks(vec![new.clone(), over.clone()]))
        .await
        .unwrap();
    assert_eq!(store.callback(&new.id).await.unwrap(), Some(new));
    assert_eq!(store.callback(&over.id).await.unwrap(), Some(over));
    assert_eq!(store.callback(&id(3)).await.unwrap(), None);
}

pub(crate) async fn a_changed_callback_replaces_the_former(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    store.commit(creation(1, &settings)).await.unwrap();
    let mut changed = completed(callback(1, &settings));
    changed.settings = Arc::new(crate::fixture::settings("support"));
    store
        .commit(of_callbacks(vec![changed.clone()]))
        .await
        .unwrap();
    assert_eq!(store.callback(&id(1)).await.unwrap(), Some(changed));
}

pub(crate) async fn settings_of_the_same_content_are_shared(store: &dyn Store) {
    let batch = (1..=3)
        .map(|n| callback(n, &Arc::new(settings("sales"))))
        .collect();
    store.commit(of_callbacks(batch)).await.unwrap();
    let read = store.open_callbacks().await.unwrap();
    assert_eq!(read.len(), 3);
    assert!(
        read.iter()
            .all(|c| Arc::ptr_eq(&c.settings, &read[0].settings))
    );
}

pub(crate) async fn open_callbacks_are_those_not_completed(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    let mut paused = callback(3, &settings);
    paused.state = State::Paused;
    let over = completed(callback(2, &settings));
    store
        .commit(of_callbacks(vec![
            callback(1, &settings),
            over,
            paused.clone(),
        ]))
        .await
        .unwrap();
    let mut open = store.open_callbacks().await.unwrap();
    open.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(open, [callback(1, &settings), paused].map(Arc::new));
}

pub(crate) async fn the_event_log_comes_back_in_order(store: &dyn Store) {
    let rows: Vec<_> = (1..=12).map(|seq| event(&id(1), seq)).collect();
    let mut events = rows.clone();
    events.reverse();
    events.push(event(&id(2), 1));
    store
        .commit(Batch {
            events,
            ..Batch::default()
        })
        .await
        .unwrap();
    assert_eq!(store.events(&id(1)).await.unwrap(), rows);
    assert_eq!(store.events(&id(3)).await.unwrap(), []);
}

pub(crate) async fn deliveries_count_their_attempts(store: &dyn Store) {
    let row = delivery("d1", &id(1), 3);
    store
        .commit(of_deliveries(vec![row.clone()]))
        .await
        .unwrap();
    assert_eq!(
        store.deliveries(DeliveryQuery::newest(9)).await.unwrap(),
        [(row.clone(), vec![])]
    );

    let (first, second) = (
        attempt("d1", DeliveryState::Pending),
        attempt("d1", DeliveryState::Delivered),
    );
    for one in [&first, &second] {
        let batch = Batch {
            attempts: vec![one.clone()],
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
        let (row, _) = store
            .deliveries(DeliveryQuery::newest(9))
            .await
            .unwrap()
            .remove(0);
        assert_eq!((row.state, row.next_at), (one.state, one.next_at));
    }
    let (row, attempts) = store
        .deliveries(DeliveryQuery::of(&id(1), 9))
        .await
        .unwrap()
        .remove(0);
    assert_eq!((row.attempts, attempts), (2, vec![first, second]));
    assert_eq!(store.pending_deliveries().await.unwrap(), []);
}

pub(crate) async fn traces_of_debug_mode_are_kept_until_they_are_too_old(store: &dyn Store) {
    let row = delivery("d1", &id(1), 3);
    store.commit(of_deliveries(vec![row])).await.unwrap();
    let trace = Trace {
        request: "POST".to_owned(),
        answer: "200".to_owned(),
    };
    let traced = DeliveryAttempt {
        trace: Some(trace.clone()),
        ..attempt("d1", DeliveryState::Delivered)
    };
    let batch = Batch {
        attempts: vec![traced.clone()],
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
    let kept = async || {
        let (_, attempts) = store
            .deliveries(DeliveryQuery::newest(9))
            .await
            .unwrap()
            .remove(0);
        attempts
    };
    store.purge_traces(traced.at).await.unwrap();
    assert_eq!(kept().await[0].trace, Some(trace), "not older than that");
    store
        .purge_traces(Timestamp(traced.at.0 + 1))
        .await
        .unwrap();
    let attempts = kept().await;
    assert_eq!(
        (attempts.len(), &attempts[0].trace),
        (1, &None),
        "the attempt stays"
    );
}

pub(crate) async fn deliveries_of_all_are_the_newest_first(store: &dyn Store) {
    let rows = [("a", 2), ("b", 1), ("c", 2)].map(|(name, n)| delivery(name, &id(n), 1));
    for row in &rows {
        store
            .commit(of_deliveries(vec![row.clone()]))
            .await
            .unwrap();
    }
    let names = |rows: Vec<(DeliveryRow, _)>| -> Vec<String> {
        rows.into_iter()
            .map(|(row, _): (_, Vec<_>)| row.id)
            .collect()
    };
    assert_eq!(
        names(store.deliveries(DeliveryQuery::newest(2)).await.unwrap()),
        ["c", "b"]
    );
    assert_eq!(
        names(
            store
                .deliveries(DeliveryQuery::of(&id(2), 9))
                .await
                .unwrap()
        ),
        ["a", "c"]
    );
}

pub(crate) async fn deliveries_are_read_by_state_and_page_by_page(store: &dyn Store) {
    let mut rows = Vec::new();
    for (n, state) in [
        DeliveryState::Failed,
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Failed,
    ]
    .into_iter()
    .enumerate()
    {
        let mut row = delivery(&format!("d{n}"), &id(u32::from(n > 1)), 1);
        row.state = state;
        rows.push(row);
    }
    store.commit(of_deliveries(rows)).await.unwrap();
    let names = async |query: DeliveryQuery| -> Vec<String> {
        let rows = store.deliveries(query).await.unwrap();
        rows.into_iter().map(|(row, _)| row.id).collect()
    };
    let newest = DeliveryQuery::newest;
    let of_state = |state| DeliveryQuery {
        state: Some(state),
        ..newest(9)
    };
    assert_eq!(names(of_state(DeliveryState::Failed)).await, ["d3", "d0"]);
    assert_eq!(names(of_state(DeliveryState::Pending)).await, ["d1"]);
    assert_eq!(names(of_state(DeliveryState::Delivered)).await, ["d2"]);
    let older = |before: &str, query| DeliveryQuery {
        before: Some(before.to_owned()),
        ..query
    };
    assert_eq!(names(older("d3", newest(2))).await, ["d2", "d1"]);
    let failed = older("d3", of_state(DeliveryState::Failed));
    assert_eq!(names(failed).await, ["d0"]);
    let of_one = DeliveryQuery {
        state: Some(DeliveryState::Failed),
        ..DeliveryQuery::of(&id(1), 9)
    };
    assert_eq!(names(of_one).await, ["d3"]);
}

pub(crate) async fn pending_deliveries_are_ordered_by_callback_and_seq(store: &dyn Store) {
    let mut failed = delivery("f", &id(1), 1);
    failed.state = DeliveryState::Failed;
    let rows = vec![
        delivery("d", &id(2), 4),
        delivery("c", &id(2), 3),
        failed,
        delivery("b", &id(1), 10),
        delivery("a", &id(1), 9),
    ];
    store.commit(of_deliveries(rows)).await.unwrap();
    let pending = store.pending_deliveries().await.unwrap();
    let names: Vec<_> = pending.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

pub(crate) async fn attempts_and_dialogs_of_what_is_gone_are_ignored(store: &dyn Store) {
    let batch = Batch {
        attempts: vec![attempt("gone", DeliveryState::Delivered)],
        dialogs: vec![(String::from("gone.1"), String::from("{}"))],
        intents_over: vec![String::from("gone.2")],
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
    assert_eq!(store.open_intents().await.unwrap(), []);
}

pub(crate) async fn intents_live_until_their_leg_is_over(store: &dyn Store) {
    let (mut first, second) = (intent(&id(1), 1), intent(&id(1), 2));
    let intents = vec![second.clone(), first.clone()];
    store
        .commit(Batch {
            intents,
            ..Batch::default()
        })
        .await
        .unwrap();
    assert_eq!(
        store.open_intents().await.unwrap(),
        [first.clone(), second.clone()]
    );

    let dialogs = vec![(first.leg.clone(), String::from(r#"{"tag":1}"#))];
    store
        .commit(Batch {
            dialogs,
            ..Batch::default()
        })
        .await
        .unwrap();
    first.dialog = Some(String::from(r#"{"tag":1}"#));
    let intents_over = vec![second.leg.clone()];
    store
        .commit(Batch {
            intents_over,
            ..Batch::default()
        })
        .await
        .unwrap();
    assert_eq!(store.open_intents().await.unwrap(), [first.clone()]);

    // A second intent for a leg would be a second call.
    let twice = Batch {
        intents: vec![intent(&id(1), 1)],
        ..Batch::default()
    };
    assert!(store.commit(twice).await.is_err());
    assert_eq!(store.open_intents().await.unwrap(), [first]);
}

pub(crate) async fn an_idempotency_key_keeps_its_first_answer_for_a_day(store: &dyn Store) {
    const DAY_MS: i64 = 86_400_000;
    let of = |n, at| Batch {
        idempotency: vec![idempotency("sales/k", &id(n), Timestamp(at))],
        ..Batch::default()
    };
    store.commit(of(1, 1000)).await.unwrap();
    let first = idempotency("sales/k", &id(1), Timestamp(1000));
    let key = |not_before| store.idempotency("sales/k", Timestamp(not_before));
    assert_eq!(key(1000).await.unwrap(), Some(first.clone()));
    assert_eq!(key(1001).await.unwrap(), None);
    assert!(store.commit(of(2, 2000)).await.is_err(), "the key is taken");
    assert_eq!(key(0).await.unwrap(), Some(first));
    store.commit(of(3, 1000 + DAY_MS)).await.unwrap();
    assert_eq!(key(0).await.unwrap().unwrap().callback, id(3));
}

pub(crate) async fn services_and_agents_are_replaced_by_name(store: &dyn Store) {
    let service = |name: &str, value: &str| ServiceRow {
        name: ServiceName::new(name),
        options: vec![
            (String::from("_ttl"), String::from(value)),
            (String::from("_a"), String::from("kept in file order")),
        ],
        changed: Timestamp(4),
    };
    store
        .put_services(vec![service("b", "1"), service("a", "2")])
        .await
        .unwrap();
    store.put_services(vec![service("b", "3")]).await.unwrap();
    assert_eq!(
        store.services().await.unwrap(),
        [service("a", "2"), service("b", "3")]
    );

    let agent = |name: &str, ready| AgentRow {
        id: AgentId::new(name),
        options: vec![(String::from("extension"), String::from("7001"))],
        ready,
        reason: String::from("lunch"),
        since: Timestamp(5),
    };
    store
        .put_agents(vec![agent("zoe", true), agent("anna", true)])
        .await
        .unwrap();
    store.put_agents(vec![agent("zoe", false)]).await.unwrap();
    assert_eq!(
        store.agents().await.unwrap(),
        [agent("anna", true), agent("zoe", false)]
    );
    let zoe = AgentId::new("zoe");
    assert!(store.remove_agent(&zoe).await.unwrap());
    assert!(!store.remove_agent(&zoe).await.unwrap());
    assert_eq!(store.agents().await.unwrap(), [agent("anna", true)]);
    assert_eq!(store.open_deliveries().await.unwrap(), (0, 0));
}

pub(crate) async fn changes_of_services_are_kept_with_them(store: &dyn Store) {
    let (sales, other) = (ServiceName::new("sales"), ServiceName::new("other"));
    let note = |at, how: &str| ChangeRow {
        subject: Subject::Service(sales.clone()),
        at: Timestamp(at),
        who: String::from("kim"),
        address: String::from("192.0.2.1"),
        how: String::from(how),
        options: vec![OptionChange {
            name: String::from("_ttl"),
            before: (at > 0).then(|| String::from("1")),
            after: None,
        }],
    };
    let row = ServiceRow {
        name: sales.clone(),
        options: Vec::new(),
        changed: Timestamp(1),
    };
    for at in 0..502 {
        let change = ServicesChange {
            put: vec![row.clone()],
            removed: Vec::new(),
            notes: vec![note(at, "form")],
        };
        store.change_services(change).await.unwrap();
    }
    let change = ServicesChange {
        put: Vec::new(),
        removed: vec![sales.clone(), other.clone()],
        notes: vec![note(900, "delete")],
    };
    store.change_services(change).await.unwrap();
    assert!(store.services().await.unwrap().is_empty());
    let [sales, other] = [sales.clone(), other].map(Subject::Service);
    let kept = store.changes(&sales, 1000).await.unwrap();
    assert_eq!(kept.len(), 500, "older ones went");
    assert_eq!(kept[0], note(900, "delete"));
    assert_eq!(kept[499], note(3, "form"));
    assert_eq!(store.changes(&sales, 2).await.unwrap().len(), 2);
    assert!(store.changes(&other, 9).await.unwrap().is_empty());

    let text = "[_cbe_on_service_exit]\nnotify_params = _service_name\n";
    let list = callback::transaction_list::import("sales", text, false).list;
    let of_list = Subject::List(String::from("sales"));
    let row = TransactionListRow {
        list,
        changed: Timestamp(1),
    };
    let noted = ChangeRow {
        subject: of_list.clone(),
        ..note(5, "import")
    };
    let change = ListsChange {
        put: vec![row.clone()],
        removed: Vec::new(),
        notes: vec![noted.clone()],
    };
    store.change_lists(change).await.unwrap();
    assert_eq!(store.transaction_lists().await.unwrap(), [row]);
    let change = ListsChange {
        removed: vec![String::from("sales"), String::from("never there")],
        ..ListsChange::default()
    };
    store.change_lists(change).await.unwrap();
    assert_eq!(store.changes(&of_list, 9).await.unwrap(), [noted]);
    assert_eq!(store.changes(&sales, 1000).await.unwrap().len(), 500);
    assert!(store.transaction_lists().await.unwrap().is_empty());
}

pub(crate) async fn a_state_of_an_agent_gives_way_to_a_younger_one(store: &dyn Store) {
    let agent = |ready, since| AgentRow {
        id: AgentId::new("zoe"),
        options: Vec::new(),
        ready,
        reason: String::new(),
        since: Timestamp(since),
    };
    let state = |since| Batch {
        agent_states: vec![AgentStateRow {
            id: AgentId::new("zoe"),
            ready: false,
            reason: String::from("no_answer"),
            since: Timestamp(since),
        }],
        ..Batch::default()
    };
    store.commit(state(1)).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [], "nobody is made by it");
    store.put_agents(vec![agent(true, 5)]).await.unwrap();
    store.commit(state(4)).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [agent(true, 5)]);
    store.commit(state(6)).await.unwrap();
    let found = store.agents().await.unwrap();
    assert_eq!((found[0].ready, found[0].since), (false, Timestamp(6)));
    assert_eq!(found[0].reason, "no_answer");
}

pub(crate) async fn a_batch_that_fails_leaves_nothing_behind(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    store.commit(creation(1, &settings)).await.unwrap();
    let bad = Batch {
        callbacks: shared([completed(callback(1, &settings)), callback(2, &settings)]),
        deliveries: vec![delivery("d", &id(1), 1)],
        intents: vec![intent(&id(2), 1)],
        // The log has this number already.
        events: vec![event(&id(2), 1), event(&id(1), 1)],
        ..Batch::default()
    };
    let Err(StoreError::Damaged { what }) = store.commit(bad).await else {
        panic!("a second event 1 was taken")
    };
    assert!(what.starts_with(&format!("events {} 1:", id(1))), "{what}");
    assert_eq!(
        store.open_callbacks().await.unwrap(),
        [Arc::new(callback(1, &settings))]
    );
    assert_eq!(store.events(&id(2)).await.unwrap(), []);
    assert_eq!(store.pending_deliveries().await.unwrap(), []);
    assert_eq!(store.open_intents().await.unwrap(), []);
    // The settings of the failed batch were rolled back with it.
    let other = Arc::new(crate::fixture::settings("other"));
    let bad = Batch {
        callbacks: shared([callback(3, &other)]),
        events: vec![event(&id(1), 1)],
        ..Batch::default()
    };
    store.commit(bad).await.unwrap_err();
    store.commit(creation(3, &other)).await.unwrap();
    assert_eq!(
        store.callback(&id(3)).await.unwrap(),
        Some(callback(3, &other))
    );
}

pub(crate) async fn purge_removes_what_is_over_and_too_old(store: &dyn Store) {
    let (shared, lone) = (Arc::new(settings("shared")), Arc::new(settings("lone")));
    let over = Batch {
        callbacks: self::shared([
            completed(callback(1, &lone)),
            completed(callback(2, &shared)),
            callback(3, &shared),
            completed(callback(4, &shared)),
        ]),
        events: (1..=4).map(|n| event(&id(n), 1)).collect(),
        deliveries: (1..=4)
            .map(|n| delivery(&format!("d{n}"), &id(n), 1))
            .collect(),
        attempts: (1..=4)
            .map(|n| attempt(&format!("d{n}"), DeliveryState::Pending))
            .collect(),
        idempotency: vec![
            idempotency("old", &id(1), Timestamp(3999)),
            idempotency("new", &id(1), Timestamp(4500)),
        ],
        ..Batch::default()
    };
    store.commit(over).await.unwrap();
    // Callback 4 is over at 4,500, the open one stays whatever its time.
    assert_eq!(store.purge(Timestamp(4500)).await.unwrap(), 2);
    let left = Query {
        limit: 9,
        ..Query::default()
    };
    assert_eq!(found(store, left).await, ids(&[3, 4]));
    for (n, rows) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        assert_eq!(store.events(&id(n)).await.unwrap().len(), rows, "{n}");
        let deliveries = store
            .deliveries(DeliveryQuery::of(&id(n), 9))
            .await
            .unwrap();
        assert_eq!(
            deliveries.iter().map(|d| d.1.len()).sum::<usize>(),
            rows,
            "{n}"
        );
    }
    assert_eq!(store.idempotency("old", Timestamp(0)).await.unwrap(), None);
    assert!(
        store
            .idempotency("new", Timestamp(0))
            .await
            .unwrap()
            .is_some()
    );
    // Settings that went with their last callback are stored again when needed.
    store.commit(creation(5, &lone)).await.unwrap();
    assert_eq!(
        store.callback(&id(5)).await.unwrap(),
        Some(callback(5, &lone))
    );
}

pub(crate) async fn purge_takes_more_than_one_step(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    let batch: Vec<Callback> = (1..=1001)
        .map(|n| completed(callback(n, &settings)))
        .collect();
    store.commit(of_callbacks(batch)).await.unwrap();
    assert_eq!(store.purge(Timestamp(i64::MAX)).await.unwrap(), 1001);
    assert_eq!(
        found(
            store,
            Query {
                limit: 9,
                ..Query::default()
            }
        )
        .await,
        ids(&[])
    );
}

pub(crate) async fn a_closed_store_says_so(store: &dyn Store) {
    let settings = Arc::new(settings("sales"));
    store.commit(creation(1, &settings)).await.unwrap();
    store.close().await;
    let written = store.commit(creation(2, &settings)).await;
    assert!(matches!(written, Err(StoreError::Closed)), "{written:?}");
    let read = store.callback(&id(1)).await;
    assert!(matches!(read, Err(StoreError::Closed)), "{read:?}");
    store.close().await;
}

fn of_deliveries(deliveries: Vec<DeliveryRow>) -> Batch {
    Batch {
        deliveries,
        ..Batch::default()
    }
}

fn shared<const N: usize>(callbacks: [Callback; N]) -> Vec<Arc<Callback>> {
    callbacks.into_iter().map(Arc::new).collect()
}
