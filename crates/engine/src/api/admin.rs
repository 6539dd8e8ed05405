//! What operators change while the server runs: services, agents and their states.

use std::sync::{Arc, PoisonError};

use callback::agent::AgentConfig;
use callback::routing::AgentView;
use callback::service;
use callback::{AgentId, Error, ErrorCode};
use store::{AgentRow, ServiceRow, ServicesChange};

use super::changes::{self, Author};
use super::{Engine, load_agents, read_error, write_error};
use crate::imports::{self, AgentImport, ImportMode, ImportedAgent, ServiceImport};
use crate::shard::Command;

impl Engine {
    /// Imports services: all or nothing.
    ///
    /// # Errors
    /// The store does not take the write; what is wrong in the file stands in the report.
    pub async fn import_services(
        &self,
        text: &str,
        mode: ImportMode,
        by: Author,
    ) -> Result<ServiceImport, Error> {
        let (engine, text) = (self.clone(), text.to_owned());
        self.to_end(async move { engine.store_services(&text, mode, &by).await })
            .await?
    }

    async fn store_services(
        &self,
        text: &str,
        mode: ImportMode,
        by: &Author,
    ) -> Result<ServiceImport, Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let mut import = service::import(text, mode.strict);
        self.check_surroundings(text, &mut import).await;
        let report = ServiceImport::new(&import, |name| self.service(name).is_none());
        if !report.ok || mode.dry_run {
            return Ok(report);
        }
        let now = self.now();
        let notes = import.services.iter().filter_map(|service| {
            let before = self.service(&service.name);
            let before = before.as_deref().map(|known| known.options.as_slice());
            changes::note(service, before, by, now)
        });
        let change = ServicesChange {
            notes: notes.collect(),
            put: import
                .services
                .iter()
                .map(|service| ServiceRow {
                    name: service.name.clone(),
                    options: service.options.clone(),
                    changed: now,
                })
                .collect(),
            removed: Vec::new(),
        };
        self.inner
            .store
            .change_services(change)
            .await
            .map_err(write_error)?;
        let mut services = self
            .inner
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for service in import.services {
            services.insert(service.name.clone(), Arc::new(service));
        }
        Ok(report)
    }

    /// Imports agents: all or nothing.
    ///
    /// # Errors
    /// The file is no INI file, or the store does not take the write.
    pub async fn import_agents(&self, text: &str, mode: ImportMode) -> Result<AgentImport, Error> {
        let (engine, text) = (self.clone(), text.to_owned());
        self.to_end(async move { engine.store_agents(&text, mode).await })
            .await?
    }

    async fn store_agents(&self, text: &str, mode: ImportMode) -> Result<AgentImport, Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let known = self.inner.store.agents().await.map_err(read_error)?;
        let configs: Vec<AgentConfig> = load_agents(&known)
            .into_iter()
            .map(|(config, _)| config)
            .collect();
        let parsed = imports::read_agents(text, &configs)?;
        let report = AgentImport {
            ok: parsed.errors.is_empty(),
            agents: parsed
                .agents
                .iter()
                .map(|agent| ImportedAgent {
                    id: agent.config.id.to_string(),
                    created: parsed.errors.is_empty()
                        && !configs.iter().any(|known| known.id == agent.config.id),
                })
                .collect(),
            repairs: Vec::new(),
            warnings: parsed.warnings,
            errors: parsed.errors,
        };
        if !report.ok || mode.dry_run {
            return Ok(report);
        }
        let now = self.now();
        let rows = parsed
            .agents
            .into_iter()
            .map(|agent| {
                let before = known.iter().find(|row| row.id == agent.config.id);
                AgentRow {
                    id: agent.config.id,
                    options: agent.options,
                    ready: before.is_some_and(|row| row.ready),
                    reason: before.map_or_else(String::new, |row| row.reason.clone()),
                    since: before.map_or(now, |row| row.since),
                }
            })
            .collect();
        self.inner
            .store
            .put_agents(rows)
            .await
            .map_err(write_error)?;
        self.reload_agents().await?;
        Ok(report)
    }

    /// Removes an agent.
    ///
    /// # Errors
    /// There is none, the agent is busy with a callback, or the store does not take the write.
    pub async fn remove_agent(&self, id: &AgentId) -> Result<(), Error> {
        let (engine, id) = (self.clone(), id.clone());
        self.to_end(async move { engine.forget_agent(&id).await })
            .await?
    }

    async fn forget_agent(&self, id: &AgentId) -> Result<(), Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let was = self.agent(id).await?;
        if was.state == "ready" {
            // From here on no callback can get the agent any more.
            self.set_ready(id, Err("removed".to_owned())).await?;
        }
        let gone = match self.agent(id).await? {
            now if now.state != "not_ready" => Err(Error::new(
                ErrorCode::Conflict,
                format!(
                    "{id} is busy with a callback: set the agent not ready and wait for its end"
                ),
            )),
            _ => self.inner.store.remove_agent(id).await.map_err(write_error),
        };
        if gone.is_err() && was.state == "ready" {
            self.set_ready(id, Ok(())).await?;
        }
        gone?;
        self.reload_agents().await
    }

    async fn agent(&self, id: &AgentId) -> Result<AgentView, Error> {
        let mut agents = self.agents().await?.into_iter();
        agents
            .find(|agent| agent.id == *id)
            .ok_or_else(|| unknown(id))
    }

    async fn set_ready(&self, id: &AgentId, ready: Result<(), String>) -> Result<(), Error> {
        let id = id.clone();
        self.ask(|reply| Command::SetReady { id, ready, reply })
            .await?
    }

    async fn reload_agents(&self) -> Result<(), Error> {
        let rows = self.inner.store.agents().await.map_err(read_error)?;
        let agents = load_agents(&rows);
        self.inner.directory.replace(
            &agents
                .iter()
                .map(|(config, _)| config.clone())
                .collect::<Vec<_>>(),
        );
        self.ask(|reply| Command::SetAgents { agents, reply }).await
    }

    /// How the agents stand.
    ///
    /// # Errors
    /// The engine is overloaded.
    pub async fn agents(&self) -> Result<Vec<AgentView>, Error> {
        self.ask(|reply| Command::Agents { reply }).await
    }

    /// Sets an agent ready, or not ready with a reason; survives a restart.
    ///
    /// # Errors
    /// Unknown agent, or the store does not take the write.
    pub async fn set_agent(&self, id: &AgentId, ready: Result<(), String>) -> Result<(), Error> {
        let (engine, id) = (self.clone(), id.clone());
        self.to_end(async move { engine.store_state(&id, ready).await })
            .await?
    }

    async fn store_state(&self, id: &AgentId, ready: Result<(), String>) -> Result<(), Error> {
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let rows = self.inner.store.agents().await.map_err(read_error)?;
        let mut row = rows
            .into_iter()
            .find(|row| row.id == *id)
            .ok_or_else(|| unknown(id))?;
        row.ready = ready.is_ok();
        row.reason = ready.clone().err().unwrap_or_default();
        row.since = self.now();
        self.inner
            .store
            .put_agents(vec![row])
            .await
            .map_err(write_error)?;
        self.set_ready(id, ready).await
    }
}

fn unknown(id: &AgentId) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no agent {id}"))
}
