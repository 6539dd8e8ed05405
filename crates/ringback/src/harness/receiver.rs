//! A small HTTP receiver for status notifications, with a bounded queue behind it.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Notifications that wait for their reader; more are refused and come again.
const WAITING_MAX: usize = 10_000;

/// A status notification as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// When.
    pub(crate) received: Instant,
    /// Counter of the callback's events, from the header `Ringback-Sequence`.
    pub(crate) sequence: Option<u64>,
    /// The body.
    pub(crate) body: Value,
}

impl Notification {
    /// A text value of the body; empty when it is not there.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }
}

/// A receiver that listens.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Where notifications are sent.
    pub(crate) url: String,
    /// Those that arrived.
    pub(crate) notifications: mpsc::Receiver<Notification>,
    _server: JoinSet<()>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/notifications", listener.local_addr()?);
        let (sender, notifications) = mpsc::channel(WAITING_MAX);
        let router = Router::new()
            .route("/notifications", post(receive))
            .with_state(sender);
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the receiver of notifications has ended");
            }
        });
        Ok(Self {
            url,
            notifications,
            _server: server,
        })
    }
}

async fn receive(
    State(sender): State<mpsc::Sender<Notification>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    let sequence = headers
        .get("ringback-sequence")
        .and_then(|v| v.to_str().ok()?.parse().ok());
    match sender.try_send(Notification {
        received: Instant::now(),
        sequence,
        body,
    }) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
