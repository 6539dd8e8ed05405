//! What the API asks: new callbacks, changes by clients, agents and their states.

use std::sync::Arc;

use callback::lifecycle::Input;
use callback::routing::AgentView;
use callback::{AgentId, Callback, CallbackId, Error, ErrorCode};

use super::round::{Asked, Created, Round};
use super::{Command, NewRecord, Reply, Shard};
use crate::limits;
use crate::load::{Census, QueueLoad};

impl Shard {
    pub(super) async fn on_command(&mut self, command: Command, round: &mut Round) {
        match command {
            Command::Create { new, reply } => {
                self.on_create(*new, reply, round);
            }
            Command::Ask {
                service,
                id,
                input,
                reply,
            } => {
                self.on_ask(service.as_ref(), &id, input, reply, round)
                    .await;
            }
            Command::PluginAnswer {
                id,
                token,
                answer,
                reply,
            } => {
                self.on_plugin_answer(id, token, answer, reply, round).await;
            }
            Command::Control {
                id,
                token,
                act,
                reply,
            } => self.on_control(&id, token, act, reply, round),
            Command::OfSession(command) => self.on_session(command, round),
            Command::Tell { id, input } => self.step(&id, input, round),
            Command::Send(command) => self.send(*command),
            Command::Play(clip) => self.play_clip(*clip, round),
            Command::SetAgents { agents, reply } => {
                self.set_agents(agents);
                let _ = reply.send(());
            }
            Command::SetReady { id, ready, reply } => {
                drop(reply.send(self.on_set_ready(&id, ready)));
            }
            Command::SetPauses { pauses, reply } => {
                self.set_pauses(pauses);
                let _ = reply.send(());
            }
            // The client may have gone away.
            Command::Position { id, reply } => {
                let _ = reply.send(self.router.position(&id, self.now));
            }
            Command::Load { queue, reply } => drop(reply.send(self.load(&queue))),
            Command::Statistic {
                object,
                name,
                reply,
            } => {
                // The script may have given up.
                drop(reply.try_send(self.router.statistic(&object, &name, self.now)));
            }
            // Who asked may have given up.
            Command::Figures { reply } => drop(reply.send(self.figures())),
            Command::Census { reply } => {
                let open = self.callbacks.values().map(AsRef::as_ref);
                drop(reply.send(Census::of(open)));
            }
            Command::Agents { reply } => drop(reply.send(self.router.agents())),
        }
    }

    /// What a virtual queue has to do.
    fn load(&self, queue: &str) -> QueueLoad {
        let waiting = self.router.queue_depths().get(queue).copied();
        let open = self.callbacks.values().map(AsRef::as_ref);
        QueueLoad::of(queue, waiting.unwrap_or(0), open, self.now)
    }

    pub(crate) fn set_agents(
        &mut self,
        agents: Vec<(callback::agent::AgentConfig, Result<(), String>)>,
    ) {
        let wishes: Vec<_> = agents
            .iter()
            .map(|(config, ready)| (config.id.clone(), ready.clone()))
            .collect();
        let known: std::collections::HashSet<_> = self
            .router
            .agents()
            .into_iter()
            .map(|view| view.id)
            .collect();
        self.router.set_agents(
            agents.into_iter().map(|(config, _)| config).collect(),
            self.now,
        );
        for (id, ready) in wishes {
            if !known.contains(&id) {
                // The agent was just added, so it is known.
                drop(self.router.set_ready(&id, ready, self.now));
            }
        }
        self.router_changed = true;
    }

    fn on_set_ready(&mut self, id: &AgentId, ready: Result<(), String>) -> Result<(), Error> {
        self.router
            .set_ready(id, ready, self.now)
            .map_err(|_unknown| {
                Error::new(ErrorCode::NotFound, format!("There is no agent {id}"))
            })?;
        self.router_changed = true;
        self.warn_of_absent_phone(id);
        Ok(())
    }

    /// Ready without a phone looks like working and gets no calls.
    fn warn_of_absent_phone(&self, id: &AgentId) {
        let absent = |agent: &AgentView| agent.state == "ready" && !agent.registered;
        if let Some(agent) = self.router.agent(id).filter(absent) {
            tracing::warn!(
                agent = %id,
                extension = agent.extension,
                "an agent is ready, but no phone is registered with this extension: no calls yet"
            );
        }
    }

    fn on_create(
        &mut self,
        new: NewRecord,
        reply: Reply<Result<Arc<Callback>, Error>>,
        round: &mut Round,
    ) {
        if reply.is_closed() {
            // It was told that this could not be done in time: so it is not done.
            return;
        }
        let NewRecord {
            callback,
            resolved,
            idempotency,
        } = new;
        if let Some(row) = &idempotency
            && let Some((hash, known)) = self.recent_keys.get(&row.key)
        {
            if *hash != row.body_hash {
                drop(reply.send(Err(super::start::key_used_differently())));
            } else if round.created.iter().any(|new| new.id == known.id) {
                // Not durable yet: answered together with the first request.
                let (id, key) = (known.id.clone(), None);
                round.created.push(Created { id, key, reply });
            } else {
                drop(reply.send(Ok(known.clone())));
            }
            return;
        }
        let paused = self.pauses.holds(callback.settings.pause_id(), self.now);
        let checked = self
            .ledger
            .check(&callback, &resolved.admission, paused, self.now);
        if let Err(error) = checked {
            drop(reply.send(Err(error)));
            return;
        }
        self.ledger.record(&callback, &resolved.admission);
        let id = callback.id.clone();
        let key = idempotency.as_ref().map(|row| row.key.clone());
        if let Some(row) = idempotency {
            if self.recent_order.len() >= limits::RECENT_KEYS_MAX
                && let Some(oldest) = self.recent_order.pop_front()
            {
                self.recent_keys.remove(&oldest);
            }
            self.recent_order.push_back(row.key.clone());
            self.recent_keys.insert(
                row.key.clone(),
                (row.body_hash.clone(), Arc::new(callback.clone())),
            );
            round.batch.idempotency.push(row);
        }
        self.callbacks.insert(id.clone(), Arc::new(callback));
        let notes = resolved.notes.clone();
        self.step(&id, Input::Create { notes }, round);
        round.created.push(Created { id, key, reply });
    }

    async fn on_ask(
        &mut self,
        service: Option<&callback::ServiceName>,
        id: &CallbackId,
        input: Input,
        reply: Reply<Result<(), Error>>,
        round: &mut Round,
    ) {
        if reply.is_closed() {
            // It was told that this could not be done in time: so it is not done.
            return;
        }
        let missing = || Error::new(ErrorCode::NotFound, format!("There is no callback {id}"));
        let before = self.callbacks.get(id).cloned();
        let fits = |callback: &Callback| service.is_none_or(|name| callback.service() == name);
        let result = match self.callbacks.get(id) {
            Some(callback) if !fits(callback) => Err(missing()),
            Some(_) if self.unknown_target(&input).is_some() => {
                let message = self.unknown_target(&input).unwrap_or_default();
                Err(Error::new(ErrorCode::BadParameter, message).field("_target"))
            }
            Some(_) => self.try_step(id, input, round),
            // Not open: it is over, or it never was.
            None => match self.parts.store.callback(id).await {
                Ok(Some(callback)) if fits(&callback) => Err(Error::new(
                    ErrorCode::AlreadyCompleted,
                    "The callback is over already",
                )),
                Ok(_) => Err(missing()),
                Err(error) => {
                    tracing::error!(%error, "a callback cannot be read");
                    Err(Error::new(
                        ErrorCode::NotReady,
                        "The store cannot be read now",
                    ))
                }
            },
        };
        match result {
            Ok(()) => round.asked.push(Asked {
                id: id.clone(),
                before,
                reply,
            }),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// What is wrong with the target that a client wants.
    fn unknown_target(&self, input: &Input) -> Option<String> {
        let Input::Update(change) = input else {
            return None;
        };
        self.router.known_target(change.target.as_ref()?).err()
    }
}
