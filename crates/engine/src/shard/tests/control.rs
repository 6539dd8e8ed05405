//! What sessions and pages may do with the calls that they have.

use callback::lifecycle::CallOut;
use callback::plugin::PluginCall;
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
    let shard = &mut stage.shard;
    let mut control = |act| shard.control(&id, "page".to_owned(), act, round);
    assert_eq!(control(Act::PassOn), Err("invalidstate.null"));
    let call = CallOut {
        destination: "7001".to_owned(),
        kind: "consultation",
        ring_timeout_s: None,
        aai: None,
    };
    control(Act::CallOut(Box::new(call))).unwrap();
    control(Act::PassOn).unwrap();
    let reason = stage.shard.callbacks[&id].reason;
    assert_eq!(reason, Some(callback::record::Reason::TransferredToRp));
}
