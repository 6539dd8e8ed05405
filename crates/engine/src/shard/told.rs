//! What the log says of plugins and submissions that do not work, without numbers of customers.

use callback::events::{Event, EventId};
use callback::{Callback, mask};
use serde_json::Value;

/// Warns of what costs every callback of a service: a plugin that does not work, a callback that
/// nobody takes for execution.
pub(super) fn warn_of(callback: &Callback, event: &Event) {
    let text = |key| event.data.get(key).and_then(Value::as_str);
    let what = match event.id {
        EventId::PluginProblem => "a plugin did not answer as it should",
        EventId::CallbackSubmitFailed => "a callback cannot be handed over for execution",
        _ => return,
    };
    tracing::warn!(
        callback.id = %callback.id,
        service = %callback.service(),
        address = text("address"),
        detail = text("detail"),
        why = text("why").map(mask::numbers),
        "{what}"
    );
}
