//! Legs that are joined, or called for others, and who leaves meanwhile.

use callback::record::Phase;
use callback::routing::Found;
use telephony::port::{Ended, EndedBy, HangUpCause};

use super::*;

fn ended(call: &LegKey) -> TelephonyEvent {
    TelephonyEvent::Call {
        call: CallId::new(call.to_string().as_str()),
        kind: EventKind::Ended(hung_up()),
    }
}

fn hung_up() -> Ended {
    Ended {
        by: EndedBy::Remote,
        answered: true,
        call_state: 0,
        detail: "hangup",
        status: 200,
        q850: None,
        reason: None,
        trunk: None,
    }
}

fn answered(call: &LegKey) -> TelephonyEvent {
    TelephonyEvent::Call {
        call: CallId::new(call.to_string().as_str()),
        kind: EventKind::Answered { late: false },
    }
}

/// A callback whose customer hears music while the destination of `route_to_rp` rings.
async fn routing_out(stage: &mut Stage) -> (LegKey, LegKey) {
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
    (callback.attempts, callback.agent_legs) = (1, 1);
    callback.phase = Phase::RoutingOut {
        destination: "5100".to_owned(),
        tries: 1,
    };
    let legs = (callback.customer_leg(), callback.agent_leg());
    stage.shard.callbacks.insert(id, Arc::new(callback));
    legs
}

#[tokio::test]
async fn a_destination_is_not_left_alone_whenever_the_customer_leaves() {
    for together in [false, true] {
        let mut stage = Stage::new(ROOMY, 0).await;
        let (customer, destination) = routing_out(&mut stage).await;
        let mut round = Round::default();
        stage.shard.on_event(answered(&destination), &mut round);
        if !together {
            stage.shard.commit(round).await;
            round = Round::default();
        }
        stage.shard.on_event(ended(&customer), &mut round);
        stage.shard.commit(round).await;
        let hang_up = TelephonyCommand::HangUp {
            call: CallId::new(destination.to_string().as_str()),
            cause: HangUpCause::Normal,
        };
        let told = stage.line.told.lock().unwrap();
        let told: Vec<String> = told.iter().map(|told| format!("{told:?}")).collect();
        assert!(told.contains(&format!("{hang_up:?}")), "{told:?}");
        assert!(stage.shard.handed.is_empty());
    }
}

#[tokio::test]
async fn what_becomes_of_a_redirection_is_told_when_it_is_durable() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let (customer, destination) = routing_out(&mut stage).await;
    let (reply, mut answer) = oneshot::channel();
    stage.shard.routes.insert(customer.callback, reply);
    let mut round = Round::default();
    stage.shard.on_event(answered(&destination), &mut round);
    assert!(answer.try_recv().is_err(), "nothing is written yet");
    stage.shard.commit(round).await;
    assert_eq!(answer.try_recv(), Ok(Ok(())));
}

#[tokio::test]
async fn an_agent_who_was_let_go_is_not_called() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let customer = CallId::new("s-customer");
    let shard = &mut stage.shard;
    shard.placed.insert("s-customer".to_owned());
    let order = QueueOrder {
        request: "r1".to_owned(),
        queue: None,
        target: callback::routing::Target::parse("kim@Stats.A").unwrap(),
        priority: None,
        timeout_s: 0,
        clear_on_timeout: false,
        route: true,
        since: None,
    };
    shard.queue_placed(&customer, order).unwrap();
    let found = Found {
        agent: AgentId::new("kim"),
        dn: "7001".into(),
        id: "kim".into(),
        place: String::new(),
        switch: String::new(),
        kind: "A".into(),
        vq: String::new(),
    };
    assert!(shard.found_for_placed(&CallbackId::new("s-customer"), &found));
    let place = async |shard: &mut Shard, call: &str, round: &mut Round| {
        let order = Box::new(Order {
            call: CallId::new(call),
            target: Target::Agent,
            to: "7001".to_owned(),
            agent: Some((customer.clone(), AgentId::new("kim"))),
            from: "5000".to_owned(),
            shown: None,
            headers: Vec::new(),
            first: false,
        });
        let (reply, mut answer) = oneshot::channel();
        let command = Command::OfSession(SessionCommand::Place { order, reply });
        shard.on_command(command, round).await;
        answer.try_recv().unwrap()
    };
    let mut round = Round::default();
    assert_eq!(place(shard, "s-agent-1", &mut round).await, Ok(()));
    shard.queued.clear();
    let refused = place(shard, "s-agent-2", &mut round).await;
    assert!(
        matches!(refused, Err(NotPlaced::Refused(..))),
        "{refused:?}"
    );
    assert_eq!(round.places.len(), 1);
}
