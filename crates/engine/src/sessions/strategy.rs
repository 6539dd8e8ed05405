//! Documents that run callbacks instead of the built-in flow (`_service` is an address).

use std::sync::Arc;

use callback::lifecycle::{PluginEvent, StrategyOrder};
use callback::record::Reason;
use callback::service::parameter_text;
use scxml::{Data, Ending};
use serde_json::Value;

use super::cell::{Cell, Input, PluginOf};
use super::family::DIALECT;
use super::{Sessions, new_id};

impl Sessions {
    /// Runs a document for a callback; what becomes of it is told to that.
    pub(crate) fn run_strategy(&self, order: StrategyOrder) {
        let plugin = PluginOf::run_by(&order);
        let cell = Cell::of_strategy(new_id(), plugin, &self.http_base());
        if !self.register(&cell) {
            let why = "there are too many sessions".to_owned();
            return self.tell(&cell, not_started(why));
        }
        self.bind(&order.token, &cell);
        let sessions = self.clone();
        self.inner.supervisor.spawn("strategy", async move {
            let dialect = parameter_text(&order.parameters, DIALECT).unwrap_or_default();
            match sessions.document(&order.url, &dialect).await {
                Ok(document) => {
                    let beginning = sessions.beginning(&cell, document, order.parameters);
                    sessions.push(&cell, Input::Start(Box::new(beginning)));
                }
                Err(why) => {
                    sessions.forget(&cell);
                    sessions.tell(&cell, not_started(why.to_string()));
                }
            }
        });
    }
}

fn not_started(why: String) -> PluginEvent {
    PluginEvent::Failed {
        detail: "strategy_start_failed".to_owned(),
        why,
    }
}

/// What the callback hears of the end of its session: a document that runs it may give a reason
/// in `<donedata>`.
pub(super) fn over(cell: &Arc<Cell>, ending: &Ending) -> PluginEvent {
    if !cell.plugin.as_ref().is_some_and(|plugin| plugin.runs) {
        return PluginEvent::Ended;
    }
    let reason = match ending {
        Ending::Final {
            data: Data::Json(Value::Object(data)),
            ..
        } => parameter_text(data, "_callback_reason"),
        Ending::Limit { message } => return broken(message.clone()),
        Ending::Final { .. } | Ending::Stopped => None,
    };
    PluginEvent::Finished {
        reason: reason.and_then(|text| Reason::parse(&text)),
    }
}

/// The same of a session whose script hangs.
pub(super) fn stuck(cell: &Arc<Cell>) -> PluginEvent {
    if cell.plugin.as_ref().is_some_and(|plugin| plugin.runs) {
        broken("a script hangs".to_owned())
    } else {
        PluginEvent::Ended
    }
}

fn broken(why: String) -> PluginEvent {
    PluginEvent::Failed {
        detail: "strategy_failed".to_owned(),
        why,
    }
}
