//! The native surface for operators and the command line: `/api/v1`.

mod agents;
mod backup;
mod callbacks;
mod deliveries;
mod event_catalogue;
mod mode;
mod options;
mod overview;
mod queues;
mod retry;
mod services;
mod sessions;
mod subscriptions;
mod tail;
mod transactions;
mod treatments;
mod trunks;
mod ui;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::{delete, get, post, put};

use callback::ErrorCode;
use engine::Author;
use serde::Serialize;
use serde_json::Value;

use crate::error::{ApiError, Failure};
use crate::login::Peer;
use crate::{Api, answer, auth, login, openapi};

/// Routes below `/api/v1`.
pub(crate) fn routes() -> Router<Arc<Api>> {
    setup_routes()
        .route("/api/v1/openapi.json", get(openapi::serve))
        .route(
            "/api/v1/session",
            get(login::show).post(login::log_in).delete(login::log_out),
        )
        .route("/api/v1/agents", get(agents::list))
        .route("/api/v1/agents/import", post(agents::import))
        .route("/api/v1/agents/{id}", delete(agents::remove))
        .route("/api/v1/agents/{id}/state", post(agents::set_state))
        .route(
            "/api/v1/callbacks",
            get(callbacks::list).post(callbacks::create),
        )
        .route(
            "/api/v1/callbacks/bulk-cancel",
            post(callbacks::bulk_cancel),
        )
        .route("/api/v1/callbacks/count", get(callbacks::count))
        .route("/api/v1/callbacks/export", get(callbacks::export))
        .route(
            "/api/v1/callbacks/{id}",
            get(callbacks::show)
                .delete(callbacks::cancel)
                .put(callbacks::reschedule),
        )
        .route("/api/v1/callbacks/{id}/events", get(callbacks::events))
        .route("/api/v1/events/catalogue", get(event_catalogue::list))
        .route("/api/v1/events/tail", get(tail::tail))
        .route("/api/v1/deliveries", get(deliveries::list))
        .route("/api/v1/deliveries/retry", post(retry::all))
        .route("/api/v1/deliveries/{id}/retry", post(retry::one))
        .route("/api/v1/subscriptions", get(subscriptions::list))
        .route(
            "/api/v1/subscriptions/publish",
            post(subscriptions::publish),
        )
        .route("/api/v1/activity", get(overview::activity))
        .route("/api/v1/overview", get(overview::show))
        .route("/api/v1/options", get(options::list))
        .route("/api/v1/queues/{vq}/load", get(queues::load))
        .route("/api/v1/trunks", get(trunks::list))
        .route("/api/v1/ui", get(ui::show))
        .route("/api/v1/backup", post(backup::backup))
}

/// What operators set up, and sessions.
fn setup_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/services", get(services::list))
        .route("/api/v1/services/export", get(services::export))
        .route("/api/v1/services/import", post(services::import))
        .route(
            "/api/v1/services/{name}",
            put(services::put).delete(services::remove),
        )
        .route("/api/v1/services/{name}/changes", get(services::changes))
        .route("/api/v1/transactions", get(transactions::list))
        .route("/api/v1/transactions/import", post(transactions::import))
        .route("/api/v1/transactions/preview", post(transactions::preview))
        .route("/api/v1/transactions/{name}", delete(transactions::remove))
        .route(
            "/api/v1/transactions/{name}/changes",
            get(transactions::changes),
        )
        .route(
            "/api/v1/transactions/{name}/export",
            get(transactions::export),
        )
        .route("/api/v1/sessions", get(sessions::list))
        .route("/api/v1/sessions/changes", get(sessions::changes))
        .route(
            "/api/v1/sessions/{id}",
            get(sessions::show).delete(sessions::end),
        )
        .route("/api/v1/sessions/{id}/chart", get(sessions::chart))
        .route("/api/v1/sessions/{id}/events", post(sessions::event))
        .route("/api/v1/treatments", get(treatments::list))
        .route(
            "/api/v1/treatments/{name}",
            get(treatments::listen)
                .put(treatments::put)
                .delete(treatments::remove),
        )
}

/// Proof that the caller may operate the server; every native handler takes it first.
#[derive(Debug)]
pub(crate) struct Operator {
    /// Name of the login; empty where nobody has to log in.
    who: String,
    /// Where the request comes from.
    address: String,
}

impl Operator {
    /// Who changes something, by which way.
    fn author(self, how: &'static str) -> Author {
        Author {
            who: self.who,
            address: self.address,
            how,
        }
    }
}

impl FromRequestParts<Arc<Api>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Peer>();
        let address = peer.map_or_else(String::new, |peer| peer.0.to_canonical().to_string());
        // A browser with a session; everybody else shows credentials with each request.
        if !parts.headers.contains_key(header::AUTHORIZATION)
            && let Some(who) = login::check(api, &parts.method, &parts.headers)?
        {
            return Ok(Self { who, address });
        }
        let name = api.credentials.as_ref();
        let name = name.and_then(|_| auth::told_name(&parts.headers));
        let guesser = name.as_ref().map(|_| Peer::address(&parts.extensions));
        if let Some(guesser) = guesser {
            login::may_try(api, guesser)?;
        }
        if let Err(failure) = auth::operator(api, &parts.headers) {
            if let Some(guesser) = guesser {
                api.guesses.wrong(guesser, api.engine.now());
            }
            return Err(failure.into());
        }
        Ok(Self {
            who: name.unwrap_or_default(),
            address,
        })
    }
}

/// `200` for an import that is accepted, `422` with the same body for one that is not.
fn import_answer(import: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_value(import).map_err(|error| {
        Failure::new(
            ErrorCode::Internal,
            format!("The answer has no JSON form: {error}"),
        )
    })?;
    let accepted = body.get("ok").and_then(Value::as_bool).unwrap_or(false);
    let status = if accepted {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    answer::with_status(status, &body)
}
