//! The HTTP surface of Ringback: authentication, requests in, answers out.
//!
//! For: the API compatible with GMS Callback, the native API of operators and the command line,
//! health and metrics. Not for: any rule of callbacks; the engine decides, this package asks.
//!
//! Invariants:
//! - every body, head, query and connection count has a bound ([`limits`]);
//! - every refusal of the compatible surface has one form, made in one module;
//! - logs carry routes, never paths, queries, bodies or numbers.
#![forbid(unsafe_code)]

mod answer;
mod api;
mod auth;
mod body;
mod error;
mod gms;
mod guard;
mod health;
pub mod limits;
mod login;
mod number;
mod openapi;
mod path;
mod refused_head;
mod server;
mod session;
#[cfg(test)]
mod testing;
mod web;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use engine::Engine;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use auth::{ApiKeys, Credentials, MetricsToken};
pub use login::WebUi;
pub use openapi::openapi_text;
pub use server::serve;

/// Prefix of the compatible surface (callback-api §1).
pub const DEFAULT_APP: &str = "/genesys";

/// What the surface needs to know.
pub struct Api {
    /// Runs the callbacks.
    pub engine: Engine,
    /// The operator's pair; `None` leaves the surface open.
    pub credentials: Option<Credentials>,
    /// Base of every URL that is handed out, e.g. `http://127.0.0.1:8080`.
    pub public_url: String,
    /// Where the store's file lies; temporary copies of a backup go there.
    pub store_dir: PathBuf,
    /// Cancelled when the server begins to stop.
    pub stopping: CancellationToken,
    /// Prefix of the compatible surface, e.g. `/genesys`; may be empty.
    pub app: String,
    /// Contact centres that the header `ContactCenterId` may name.
    pub contact_centers: Vec<String>,
    /// How the browser UI is offered.
    pub web: WebUi,
    /// Browsers that are logged in.
    sessions: login::Sessions,
    /// Wrong logins.
    guesses: login::Guesses,
    /// Keys that requests of the compatible surface must hold; empty = not checked.
    pub api_keys: ApiKeys,
    /// Opens `/metrics` and nothing else.
    pub metrics_token: MetricsToken,
    /// One backup at a time.
    backup: Arc<Semaphore>,
    /// Places for listeners of the event stream.
    tails: Arc<Semaphore>,
}

impl Api {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        engine: Engine,
        credentials: Option<Credentials>,
        public_url: String,
        store_dir: PathBuf,
        stopping: CancellationToken,
    ) -> Self {
        let backup = Arc::new(Semaphore::new(1));
        Self {
            engine,
            credentials,
            public_url,
            store_dir,
            stopping,
            app: DEFAULT_APP.to_owned(),
            contact_centers: Vec::new(),
            web: WebUi::default(),
            sessions: login::Sessions::default(),
            guesses: login::Guesses::default(),
            api_keys: ApiKeys::default(),
            metrics_token: MetricsToken::default(),
            backup,
            tails: Arc::new(Semaphore::new(limits::TAIL_LISTENERS_MAX)),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

/// The whole surface.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    Router::new()
        .merge(gms::routes(&api))
        .merge(api::routes())
        .merge(session::routes())
        .merge(health::routes())
        .merge(web::routes())
        .fallback(guard::not_found)
        .method_not_allowed_fallback(guard::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(
            Arc::<str>::from(api.app.as_str()),
            guard::guard,
        ))
        .with_state(api)
}
