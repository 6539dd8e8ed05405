//! Asks on-dial plugins (play-treatments §3); what they may answer is `callback::plugin`'s.

mod http;

use std::path::PathBuf;
use std::sync::Arc;

use callback::plugin::Question;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::sessions::{self, Sessions, SessionsConfig, Signal};
use crate::shard::Command;
use crate::supervisor::Supervisor;
use crate::treatment::Treatments;
use crate::voicexml::{self, VoiceXml, VoiceXmlConfig};

pub(crate) use http::{Asked, HttpPlugins};

/// What hosts plugins.
#[derive(Clone, Debug)]
pub(crate) struct PluginHost {
    public_url: Arc<str>,
    pub(crate) http: HttpPlugins,
    pub(crate) sessions: Sessions,
    pub(crate) voicexml: VoiceXml,
    pub(crate) treatments: Treatments,
}

/// How sessions and applications are hosted.
#[derive(Clone, Debug)]
pub(crate) struct HostConfig {
    pub(crate) sessions: SessionsConfig,
    pub(crate) voicexml: VoiceXmlConfig,
    pub(crate) treatments: Treatments,
}

impl HostConfig {
    /// How to host what plays files of this folder.
    pub(crate) fn new(
        sessions: SessionsConfig,
        voicexml: VoiceXmlConfig,
        treatments_dir: PathBuf,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            sessions,
            voicexml,
            treatments: Treatments::new(treatments_dir)?,
        })
    }
}

impl PluginHost {
    /// Starts what asks plugins and runs sessions; reply URLs are handed out below this base.
    pub(crate) fn start(
        public_url: &str,
        config: HostConfig,
        clock: &Arc<dyn Clock>,
        commands: &mpsc::Sender<Command>,
        supervisor: &Supervisor,
    ) -> Result<Self, reqwest::Error> {
        let http = HttpPlugins::new()?;
        let sessions = Sessions::start(sessions::Parts {
            config: config.sessions,
            public_url: public_url.trim_end_matches('/').to_owned(),
            client: http.client(),
            clock: Arc::clone(clock),
            commands: commands.clone(),
            supervisor: supervisor.clone(),
        });
        let voicexml = VoiceXml::start(voicexml::Parts {
            config: config.voicexml,
            treatments: config.treatments.clone(),
            clock: Arc::clone(clock),
            commands: commands.clone(),
            supervisor: supervisor.clone(),
        })?;
        Ok(Self {
            public_url: Arc::from(public_url.trim_end_matches('/')),
            http,
            sessions,
            voicexml,
            treatments: config.treatments,
        })
    }

    /// Tells who has the call what happened on it.
    pub(crate) fn signal(&self, token: &str, signal: Signal) {
        if !self.voicexml.signal(token, signal) {
            self.sessions.signal(token, signal);
        }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn end(&self, token: &str) {
        self.voicexml.end(token);
        self.sessions.end_plugin(token);
    }

    /// Why the process should be started anew; `None` when it is healthy.
    pub(crate) fn illness(&self) -> Option<String> {
        self.sessions.illness().or_else(|| self.voicexml.illness())
    }

    /// Lets the threads end.
    pub(crate) fn stop(&self) {
        self.sessions.stop();
        self.voicexml.stop();
    }

    /// Where the answer to a question is taken.
    pub(crate) fn reply_url(&self, question: &Question) -> String {
        let (base, id) = (&self.public_url, &question.callback);
        format!("{base}/scxml/session/{id}/request/{}", question.token)
    }
}
