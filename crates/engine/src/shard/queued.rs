//! Calls that sessions placed, in virtual queues: the router knows them by their call ids.

use callback::routing::{Found, Need, Released, Waiting};
use callback::{AgentId, CallbackId};
use telephony::port::{CallId, Ended, EndedBy};

use super::{QueueOrder, Shard};

/// A placed call in a virtual queue.
#[derive(Debug)]
pub(super) struct Queued {
    request: String,
    queue: String,
    /// Who was found and is not called yet.
    found: Option<AgentId>,
}

/// A leg to an agent who was found for a placed call.
#[derive(Debug)]
pub(super) struct AgentPlaced {
    customer: CallbackId,
    agent: AgentId,
    answered: bool,
}

fn key(call: &CallId) -> CallbackId {
    CallbackId::new(call.as_str())
}

impl Shard {
    /// Puts a placed call into a virtual queue; a former request is replaced.
    pub(super) fn queue_placed(
        &mut self,
        call: &CallId,
        order: QueueOrder,
    ) -> Result<(), &'static str> {
        if !self.placed.contains(call.as_str()) {
            return Err("invalidstate.null");
        }
        self.router
            .known_target(&order.target)
            .map_err(|_unknown| "invalidtarget")?;
        let found = |queued: &&Queued| queued.request == order.request && queued.found.is_some();
        if self.queued.get(&key(call)).filter(found).is_some() {
            // An update that crosses with its agent: the session hears of that one.
            return Ok(());
        }
        self.unqueue_placed(call);
        let queue = order.queue.unwrap_or_default();
        let waiting = Waiting {
            callback: key(call),
            need: Need::Agent,
            queue: queue.clone(),
            target: order.target,
            priority: order.priority.unwrap_or(0),
            increment: 0,
            interval_s: 0,
            started: order.since.unwrap_or(self.now),
            since: order.since.unwrap_or(self.now),
        };
        let queued = Queued {
            request: order.request,
            queue,
            found: None,
        };
        self.queued.insert(key(call), queued);
        self.router.enqueue(waiting, self.now);
        self.router_changed = true;
        Ok(())
    }

    /// Takes a placed call out of its queue, if it is there for this request.
    pub(super) fn withdraw_placed(&mut self, call: &CallId, request: &str) {
        let queued = self.queued.get(&key(call));
        if queued.is_none_or(|queued| queued.request == request) {
            self.unqueue_placed(call);
        }
    }

    /// Takes a placed call out of its queue.
    fn unqueue_placed(&mut self, call: &CallId) {
        let id = key(call);
        if let Some(Queued {
            found: Some(agent), ..
        }) = self.queued.remove(&id)
        {
            self.router.release(&agent, &id, Released::Done, self.now);
        }
        self.router.leave(&id);
        self.router_changed = true;
    }

    /// The router found an agent; `false` when no placed call waits under this id.
    pub(super) fn found_for_placed(&mut self, id: &CallbackId, found: &Found) -> bool {
        let Some(queued) = self.queued.get_mut(id) else {
            return false;
        };
        queued.found = Some(found.agent.clone());
        let found = Found {
            vq: queued.queue.clone(),
            ..found.clone()
        };
        let request = queued.request.clone();
        let sessions = &self.parts.plugins.sessions;
        sessions.queue_found(id.as_str(), request, found);
        true
    }

    /// The agent was found for the call and is still kept for it.
    pub(super) fn is_found_for(&self, call: &CallId, agent: &AgentId) -> bool {
        let queued = self.queued.get(&key(call));
        queued.is_some_and(|queued| queued.found.as_ref() == Some(agent))
    }

    /// The phone of the agent who was found for a call is called.
    pub(super) fn agent_placed(&mut self, leg: String, customer: &CallId, agent: AgentId) {
        let customer = key(customer);
        self.queued.remove(&customer);
        self.router.ringing(&agent, &customer, self.now);
        let placed = AgentPlaced {
            customer,
            agent,
            answered: false,
        };
        self.agents_placed.insert(leg, placed);
    }

    /// A placed call was answered.
    pub(super) fn placed_answered(&mut self, call: &CallId) {
        if let Some(placed) = self.agents_placed.get_mut(call.as_str()) {
            placed.answered = true;
            self.router
                .talking(&placed.agent, &placed.customer, self.now);
        }
    }

    /// A placed call is over: it waits no more, and its agent is free.
    pub(super) fn placed_over(&mut self, call: &CallId, ended: &Ended) {
        if self.queued.contains_key(&key(call)) {
            self.unqueue_placed(call);
        }
        let Some(placed) = self.agents_placed.remove(call.as_str()) else {
            return;
        };
        let released = match Released::of_unanswered(ended.call_state, ended.detail) {
            _ if placed.answered => Released::Done,
            // Given up: the customer left, or the session did.
            Released::Rejected if ended.by == EndedBy::Local => Released::Done,
            released => released,
        };
        self.give_back(&placed.agent, &placed.customer, released);
    }
}
