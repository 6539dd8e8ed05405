//! What the events of a Transaction List will look like, shown on an invented callback.

use std::sync::Arc;

use callback::events::{self, EventId};
use callback::record::{Reason, State};
use callback::routing::Found;
use callback::service::Service;
use callback::settings::Events;
use callback::{
    AgentId, Callback, CallbackId, Error, ErrorCode, ServiceName, request, transaction_list,
};
use serde_json::Map;

use super::Engine;

/// The number that the invented callback dials: reserved for fiction by its numbering plan.
const NUMBER: &str = "+12025550123";

impl Engine {
    /// The exact bodies that a list would send, event by event, for an invented callback of a
    /// service; without a service, of one that sets nothing.
    ///
    /// # Errors
    /// The list cannot be read, there is no such service, or it refuses the invented request.
    pub fn preview_transactions(
        &self,
        text: &str,
        service: Option<&ServiceName>,
    ) -> Result<Vec<(EventId, String)>, Error> {
        let import = transaction_list::import("preview", text, false);
        if let Some(fault) = import.errors.first() {
            let message = format!("line {}: {}", fault.line, fault.message);
            return Err(Error::new(ErrorCode::BadParameter, message));
        }
        let mut callback = self.invented(service)?;
        let wanted = import.list.wanted();
        let known: Vec<EventId> = wanted.iter().map(|wanted| wanted.event).collect();
        let settings = Arc::make_mut(&mut callback.settings);
        settings.notification.plan.events = Events::List(wanted);
        let now = self.now();
        let mut ended = callback.clone();
        ended.state = State::Completed;
        ended.reason = Some(Reason::AgentConnected);
        let bodies = known.into_iter().zip(1..);
        Ok(bodies
            .map(|(id, seq)| {
                let at_the_end = id == EventId::ServiceExit;
                let shown = if at_the_end { &ended } else { &callback };
                (id, events::body(shown, id, now, seq))
            })
            .collect())
    }

    /// A callback that went well up to its agent, so that every value is known.
    fn invented(&self, service: Option<&ServiceName>) -> Result<Callback, Error> {
        let service = match service {
            Some(name) => self.service(name).ok_or_else(|| {
                Error::new(ErrorCode::NotFound, format!("There is no service {name}"))
            })?,
            None => Arc::new(Service {
                name: ServiceName::new("preview"),
                options: [
                    ("_type", "ors"),
                    ("_service", "callback"),
                    ("_call_direction", "USERTERMINATED"),
                    ("_urs_virtual_queue", "VQ_Preview"),
                    ("_target", "Preview@Stats.GA"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            }),
        };
        let mut parameters = Map::new();
        parameters.insert("_customer_number".to_owned(), NUMBER.into());
        let asked = request::Request {
            parameters,
            user_data: service
                .mandatory_keys()
                .map(|key| (key.to_owned(), "value".into()))
                .collect(),
            gms_user: None,
        };
        let now = self.now();
        let id = CallbackId::at_time(self.inner.node, now, [0; 10]);
        let inner = &self.inner;
        let (mut callback, _) =
            request::prepare(&service, asked, &inner.dialplan, &inner.resolver, id, now)?;
        callback.dialed_number = Some(NUMBER.to_owned());
        callback.attempts = 1;
        callback.call_result = Some(0);
        callback.found = Some(Found {
            agent: AgentId::new("kim"),
            dn: "7001".to_owned(),
            id: "Group".to_owned(),
            place: "Desk_7001".to_owned(),
            switch: "Switch".to_owned(),
            kind: "GA".to_owned(),
            vq: callback.settings.virtual_queue.clone(),
        });
        Ok(callback)
    }
}
