//! Trunks of a site: order, failover, limits, and what operators see of them.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Receiver, Server, until};

use crate::common::{PROGRAM, agents, check, service};

/// A server with the trunks `first` and `second`.
async fn site(
    first: (u16, &str),
    second: (u16, &str),
    receiver: &Receiver,
    extra: &[&str],
) -> Server {
    let server = Server::builder(PROGRAM)
        .trunk_with("first", first.0, first.1)
        .trunk_with("second", second.0, second.1)
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let services = service("desk", receiver, extra);
    server.api.import_services(&services).await;
    server
}

#[tokio::test]
async fn a_failing_trunk_costs_no_attempt_and_the_number_is_that_of_the_next() {
    let failing = Line::start(|_, _| Behaviour::Fail(503)).await;
    let working = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = site(
        (failing.port, "number_format = \"e164\""),
        (working.port, "number_format = \"national\""),
        &receiver,
        &["_max_dial_attempts = 1", "_default_country = DE"],
    )
    .await;

    let id = server.api.call_back("desk", "+49 (30) 901820").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    check(
        &notes,
        &[
            "service_create",
            "virtual_ixn_create",
            "dial_init",
            "dial_done(6,1)",
            "service_exit",
        ],
        "FAIL_CALL_TO_CUSTOMER",
    );
    assert_eq!(notes[2].get("c_dialed_number"), "4930901820");
    assert_eq!(notes[3].get("c_dialed_number"), "030901820");
    assert_eq!(failing.calls_to("4930901820").len(), 1);
    assert_eq!(working.calls_to("030901820").len(), 1);

    let trunks = server.api.get("/api/v1/trunks").await;
    let trunks = trunks.body["trunks"].as_array().unwrap().clone();
    assert_eq!(trunks[0]["name"], "first");
    assert_eq!(
        (&trunks[0]["up"], &trunks[1]["calls"]),
        (&true.into(), &0.into())
    );
    let metrics = server.api.get("/metrics").await.text;
    assert!(
        metrics.contains("ringback_trunk_up{trunk=\"first\"} 1"),
        "{metrics}"
    );
    let ready = server.api.get("/readyz").await;
    assert_eq!(
        (&ready.body["trunks"], &ready.body["trunks_up"]),
        (&2.into(), &2.into())
    );
}

#[tokio::test]
async fn dials_wait_while_every_trunk_is_full() {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 1", "_ixn_createcall_timeout = 3"];
    let one = (line.port, "max_calls = 1");
    let server = site(one, one, &receiver, &extra).await;

    let mut ids = Vec::new();
    for number in ["5551", "5552", "5553"] {
        ids.push(server.api.call_back("desk", number).await);
    }
    until("two calls ring", PATIENCE, async || {
        (line.calls().len() == 2).then_some(())
    })
    .await;
    // The third one is dialed when a place is free, and has lost no attempt by waiting.
    for id in &ids {
        let notes = receiver.whole(id, PATIENCE).await;
        check(
            &notes,
            &[
                "service_create",
                "virtual_ixn_create",
                "dial_init",
                "dial_done(7,1)",
                "service_exit",
            ],
            "FAIL_CALL_TO_CUSTOMER",
        );
    }
    let calls = line.calls();
    assert_eq!(calls.len(), 3);
    let free = calls[..2].iter().filter_map(|call| call.over).min();
    assert!(calls[2].at >= free.unwrap(), "not before a place was free");
}

/// Callbacks over two trunks, each refused at once; what the two carriers got.
async fn spread(first: &str, second: &str, calls: usize) -> (Line, Line) {
    let one = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let two = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let extra = ["_max_dial_attempts = 1"];
    let server = site((one.port, first), (two.port, second), &receiver, &extra).await;
    let mut ids = Vec::new();
    for n in 0..calls {
        ids.push(server.api.call_back("desk", &format!("555{n}")).await);
    }
    for id in &ids {
        receiver.whole(id, PATIENCE).await;
    }
    (one, two)
}

#[tokio::test]
async fn trunks_share_the_calls_by_their_weights() {
    let (one, two) = spread("weight = 1", "weight = 3", 12).await;
    assert_eq!((one.calls().len(), two.calls().len()), (3, 9));
}

#[tokio::test]
async fn the_trunk_of_the_lower_priority_number_gets_the_calls() {
    let (one, two) = spread("priority = 2\nweight = 9", "priority = 1", 4).await;
    assert_eq!((one.calls().len(), two.calls().len()), (0, 4));
}

#[tokio::test]
async fn a_trunk_gets_no_more_calls_a_second_than_it_takes() {
    let (one, two) = spread("cps = 5", "cps = 5\npriority = 1", 8).await;
    for line in [one, two] {
        let calls = line.calls();
        assert!(calls.len() >= 2, "both are used: {}", calls.len());
        for pair in calls.windows(2) {
            let gap = pair[1].at - pair[0].at;
            // 200 ms apart when they are decided; the way here takes its time.
            assert!(gap >= Duration::from_millis(120), "{gap:?}");
        }
    }
}

#[tokio::test]
async fn a_trunk_that_is_down_fails_the_attempt_and_the_server_goes_on() {
    let nobody = testkit::Ports::block().port();
    let working = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let down = "transport = \"tcp\"\noptions_ping_s = 1";
    let extra = ["_max_dial_attempts = 1", "_route_point = first"];
    let server = site((nobody, down), (working.port, ""), &receiver, &extra).await;
    until("the trunk is down", PATIENCE, async || {
        let trunks = server.api.get("/api/v1/trunks").await;
        let trunk = &trunks.body["trunks"][0];
        // A dial waits for a trunk that went down a moment ago.
        let long = trunk["for_ms"].as_u64().unwrap_or_default() > 5_000;
        (trunk["up"] == false && long).then_some(())
    })
    .await;

    let id = server.api.call_back("desk", "5551").await;
    let notes = receiver.whole(&id, PATIENCE).await;
    check(
        &notes,
        &[
            "service_create",
            "virtual_ixn_create",
            "dial_init",
            "dial_done(10,1)",
            "service_exit",
        ],
        "FAIL_CALL_TO_CUSTOMER",
    );

    // With both trunks to choose from the other one carries the call.
    let services = service("other", &receiver, &["_max_dial_attempts = 1"]);
    server.api.import_services(&services).await;
    let id = server.api.call_back("other", "5552").await;
    let note = receiver.wait_for(&id, "dial_done", PATIENCE).await;
    assert_eq!(note.body["c_call_result"], 6);
    let ready = server.api.get("/readyz").await;
    assert_eq!(ready.body["trunks_up"], 1);
}
