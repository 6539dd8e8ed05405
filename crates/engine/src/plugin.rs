//! Asks on-dial plugins (play-treatments §3); what they may answer is `callback::plugin`'s.

mod http;

use std::sync::Arc;

use callback::plugin::Question;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::sessions::{self, Sessions, SessionsConfig};
use crate::shard::Command;
use crate::supervisor::Supervisor;

pub(crate) use http::{Asked, HttpPlugins};

/// What hosts plugins.
#[derive(Clone, Debug)]
pub(crate) struct PluginHost {
    public_url: Arc<str>,
    pub(crate) http: HttpPlugins,
    pub(crate) sessions: Sessions,
}

impl PluginHost {
    /// Starts what asks plugins and runs sessions; reply URLs are handed out below this base.
    pub(crate) fn start(
        public_url: &str,
        config: SessionsConfig,
        clock: &Arc<dyn Clock>,
        commands: &mpsc::Sender<Command>,
        supervisor: &Supervisor,
    ) -> Result<Self, reqwest::Error> {
        let http = HttpPlugins::new()?;
        let sessions = Sessions::start(sessions::Parts {
            config,
            client: http.client(),
            clock: Arc::clone(clock),
            commands: commands.clone(),
            supervisor: supervisor.clone(),
        });
        Ok(Self {
            public_url: Arc::from(public_url.trim_end_matches('/')),
            http,
            sessions,
        })
    }

    /// Where the answer to a question is taken.
    pub(crate) fn reply_url(&self, question: &Question) -> String {
        let (base, id) = (&self.public_url, &question.callback);
        format!("{base}/scxml/session/{id}/request/{}", question.token)
    }
}
