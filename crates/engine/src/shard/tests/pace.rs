//! What counts as a turn in the forecast of when somebody's turn comes.

use callback::record::Phase;
use callback::routing::Decision;

use super::*;

/// The time between the turns of two callbacks, when each got this.
async fn interval_ms(prepare: impl Fn(&mut Callback)) -> Option<u64> {
    let mut stage = Stage::new(ROOMY, 0).await;
    let mut round = Round::default();
    for _ in 0..2 {
        let id = stage.create(json!({})).await.unwrap().id.clone();
        let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
        prepare(&mut callback);
        let shard = &mut stage.shard;
        shard.callbacks.insert(id.clone(), Arc::new(callback));
        shard.now = shard.now.plus_seconds(60);
        shard.on_decision(Decision::Contact { callback: id }, &mut round);
    }
    stage.shard.pace.interval_ms("VQ", stage.shard.now)
}

#[tokio::test]
async fn each_callback_moves_its_queue_on_once() {
    let first = interval_ms(|callback| callback.phase = Phase::Waiting).await;
    assert_eq!(first.map(|ms| ms / 10_000), Some(6));
    let with_agent = interval_ms(|callback| callback.phase = Phase::AgentReady).await;
    assert_eq!(
        with_agent, None,
        "it had its turn when the agent was called"
    );
    let again = interval_ms(|callback| {
        callback.phase = Phase::Waiting;
        callback.attempts = 1;
    });
    assert_eq!(again.await, None, "a retry is no turn");
}
