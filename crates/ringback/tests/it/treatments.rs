//! Treatments in real calls: files that are not there, and addresses.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Receiver};

use crate::common::{site, story};

#[tokio::test]
async fn files_that_cannot_be_played_count_as_played_and_the_call_goes_on() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let extra = [
        "_treatment_customer_connect = missing.wav",
        "_treatment_waiting_for_agent = http://127.0.0.1:9/music.wav",
        "_treatment_find_agent_fail = also-missing.wav",
        "_max_time_to_wait_for_agent_on_the_call = 2",
    ];
    let server = site(line.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let told = story(&notes);
    let rest = ["connect_treatment_start", "customer_queued", "service_exit"];
    assert_eq!(told.get(told.len() - 3..).unwrap_or_default(), rest);
    let last = notes.last().expect("the story is not empty");
    assert_eq!(
        last.get("c_termination_type"),
        "COMPLETED.FAIL_TARGET_NOT_FOUND"
    );
    assert!(server.log().contains("a treatment"), "a warning is logged");
}
