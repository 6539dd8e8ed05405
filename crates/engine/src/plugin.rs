//! Asks on-dial plugins (play-treatments §3); what they may answer is `callback::plugin`'s.

mod http;

use std::sync::Arc;

use callback::plugin::Question;

use crate::sessions::Sessions;

pub(crate) use http::{Asked, HttpPlugins};

/// What hosts plugins.
#[derive(Clone, Debug)]
pub(crate) struct PluginHost {
    public_url: Arc<str>,
    pub(crate) http: HttpPlugins,
    pub(crate) sessions: Sessions,
}

impl PluginHost {
    /// A host that hands out reply URLs below this base.
    pub(crate) fn new(public_url: &str, http: HttpPlugins, sessions: Sessions) -> Self {
        Self {
            public_url: Arc::from(public_url.trim_end_matches('/')),
            http,
            sessions,
        }
    }

    /// Where the answer to a question is taken.
    pub(crate) fn reply_url(&self, question: &Question) -> String {
        let (base, id) = (&self.public_url, &question.callback);
        format!("{base}/scxml/session/{id}/request/{}", question.token)
    }
}
