//! What sessions and pages may do with the calls that they have.

use callback::plugin::{OtherLeg, PluginCall};
use callback::record::Phase;

use super::*;

/// A callback whose page has the customer.
async fn page(stage: &mut Stage) -> CallbackId {
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
    callback.attempts = 1;
    callback.plugin.tokens.push("page".to_owned());
    callback.phase = Phase::Plugin {
        call_state: 0,
        call: PluginCall::Plugins,
        answer: None,
        wait: None,
    };
    stage.shard.callbacks.insert(id.clone(), Arc::new(callback));
    id
}

#[tokio::test]
async fn who_has_left_cannot_be_passed_on_to() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = page(&mut stage).await;
    let round = &mut Round::default();
    let passed = stage
        .shard
        .control(&id, "page".to_owned(), Act::PassOn, round);
    assert_eq!(passed, Err("invalidstate.null"));
    let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
    callback.agent_legs = 1;
    callback.plugin.other = Some(OtherLeg {
        leg: 1,
        talks: false,
        left_s: 0,
    });
    stage.shard.callbacks.insert(id.clone(), Arc::new(callback));
    let passed = stage
        .shard
        .control(&id, "page".to_owned(), Act::PassOn, round);
    assert_eq!(passed, Ok(()));
    let reason = stage.shard.callbacks[&id].reason;
    assert_eq!(reason, Some(callback::record::Reason::TransferredToRp));
}
