//! What a page knows of its call: `session.connection` and the attached data.

use serde_json::{Map, Value as Json, json};

/// A call as a page sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    /// Called address.
    pub local: String,
    /// Calling address.
    pub remote: String,
    /// True when we called.
    pub is_outbound: bool,
    /// Redirections, the last one first.
    pub redirects: Vec<Redirect>,
    /// Application data of the request address.
    pub aai: Option<String>,
    /// Headers of the request; names are made lower case.
    pub headers: Vec<(String, String)>,
    /// Parameters of the request address.
    pub parameters: Vec<(String, String)>,
    /// Id of the call.
    pub uuid: String,
    /// Attached data.
    pub user_data: Map<String, Json>,
}

/// A redirection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// Who redirected.
    pub uri: String,
    /// Presentation.
    pub pi: Option<String>,
    /// Screening.
    pub si: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Connection {
    /// The members of `session`.
    pub fn into_json(self) -> Json {
        let pairs = |pairs: Vec<(String, String)>, lower: bool| {
            let pairs = pairs.into_iter().map(|(name, value)| {
                let name = if lower {
                    name.to_ascii_lowercase()
                } else {
                    name
                };
                (name, Json::from(value))
            });
            pairs.collect::<Map<_, _>>()
        };
        let redirects: Vec<Json> = self
            .redirects
            .into_iter()
            .map(|one| json!({"uri": one.uri, "pi": one.pi, "si": one.si, "reason": one.reason}))
            .collect();
        let (local, remote) = (json!({"uri": self.local}), json!({"uri": self.remote}));
        let originator = if self.is_outbound {
            local.clone()
        } else {
            remote.clone()
        };
        let mut connection = json!({
            "local": local, "remote": remote, "originator": originator, "redirect": redirects,
            "uuid": self.uuid,
            "protocol": {"name": "sip", "version": "2.0", "sip": {
                "headers": pairs(self.headers, true), "requesturi": pairs(self.parameters, false),
            }},
        });
        if let (Some(aai), Some(members)) = (self.aai, connection.as_object_mut()) {
            members.insert("aai".to_owned(), Json::from(aai));
        }
        json!({"connection": connection, "com": {"genesyslab": {"userdata": self.user_data}}})
    }
}
