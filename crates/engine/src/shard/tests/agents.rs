//! Agents' phones: who is free again, and what a restart knows of it.

use callback::lifecycle::{Effect, Offer};
use callback::routing::{Decision, Need, Released, Target};
use store::AgentRow;

use super::*;

/// A callback for which kim is reserved and whose phone rings.
async fn ringing(stage: &mut Stage) -> (CallbackId, LegKey) {
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let shard = &mut stage.shard;
    shard.router.set_registered("7001", true, shard.now);
    shard.act(&id, Effect::Enqueue(Need::Agent));
    let decisions = shard.router.assign(shard.now);
    assert!(
        matches!(&decisions[..], [Decision::Agent { callback, .. }] if *callback == id),
        "{decisions:?}"
    );
    let leg = LegKey {
        callback: id.clone(),
        attempt: 1,
        agent: Some(1),
    };
    let offer = Offer {
        leg: leg.clone(),
        agent: AgentId::new("kim"),
        extension: "7001".to_owned(),
        caller_number: String::new(),
        ring_timeout_s: 10,
        user_data: Vec::new(),
    };
    shard.act(&id, Effect::Offer(Box::new(offer)));
    (id, leg)
}

fn state(stage: &Stage) -> (&'static str, Option<String>) {
    let kim = stage.shard.router.agent(&AgentId::new("kim")).unwrap();
    (kim.state, kim.reason)
}

#[tokio::test]
async fn an_agent_whose_leg_never_ends_is_free_again() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let (id, _) = ringing(&mut stage).await;
    let kim = AgentId::new("kim");
    stage
        .shard
        .act(&id, Effect::ReleaseAgent(kim, Released::Done));
    assert_eq!(state(&stage).0, "ringing", "the phone is not free yet");
    stage.shard.now = stage.shard.now + limits::AGENT_LEG_END_MAX;
    stage.shard.end_silent_legs();
    assert_eq!(state(&stage).0, "ready");
    assert!(stage.shard.next_silent_leg().is_none());
}

#[tokio::test]
async fn an_agent_who_did_not_answer_is_not_ready_after_a_restart() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let row = AgentRow {
        id: AgentId::new("kim"),
        options: Vec::new(),
        ready: true,
        reason: String::new(),
        since: stage.shard.now,
    };
    stage.store.put_agents(vec![row]).await.unwrap();
    let (id, leg) = ringing(&mut stage).await;
    let kim = AgentId::new("kim");
    stage
        .shard
        .act(&id, Effect::ReleaseAgent(kim, Released::NoAnswer));
    stage.shard.agent_leg_over(&leg.to_string());
    assert_eq!(state(&stage), ("not_ready", Some("no_answer".to_owned())));
    assert_eq!(stage.shard.wake_in(), Duration::ZERO, "it is to be stored");
    stage.shard.commit(Round::default()).await;
    let rows = stage.store.agents().await.unwrap();
    assert_eq!(
        (rows[0].ready, rows[0].reason.as_str()),
        (false, "no_answer")
    );
}

#[tokio::test]
async fn an_agent_who_did_not_answer_does_not_set_the_target_list_back() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let shard = &mut stage.shard;
    let list = r#"[{"target":"zoe@Stats.A","timeout":"40"},{"target":"kim@Stats.A"}]"#;
    let mut callback = Callback::clone(&shard.callbacks[&id]);
    Arc::make_mut(&mut callback.settings).target = Target::parse(list).unwrap();
    shard.callbacks.insert(id.clone(), Arc::new(callback));

    let start = shard.now;
    shard.act(&id, Effect::Enqueue(Need::Agent));
    shard.now = start.plus_seconds(25);
    shard.act(&id, Effect::Leave);
    shard.act(&id, Effect::Enqueue(Need::Agent));
    assert_eq!(
        shard.router.next_deadline(shard.now),
        Some(start.plus_seconds(40))
    );
}
