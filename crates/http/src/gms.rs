//! The surface compatible with GMS Callback (callback-api §2).

mod by_id;
mod cancel;
mod dialog;
mod notification;
mod phone_number;
mod position;
mod query;
mod queues;
pub(crate) mod record;
pub(crate) mod start;
mod storage;
mod update;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use callback::ErrorCode;

use crate::error::{Failure, GmsError};
use crate::{Api, auth, health};

/// Paths below the prefix with what answers them.
fn paths() -> Router<Arc<Api>> {
    Router::new()
        .route("/1/notification/subscribe", post(notification::subscribe))
        .route("/1/notification/publish", post(notification::publish))
        .route("/1/service/callback", get(by_id::by_query))
        .route(
            "/1/service/callback/{service}",
            get(query::query).post(start::start),
        )
        .route(
            "/1/service/callback/{service}/{id}",
            delete(cancel::cancel)
                .put(update::update)
                .get(by_id::by_path),
        )
        .route("/1/admin/callback/queues", get(queues::queues))
        .route(
            "/1/service/{id}/check-queue-position",
            get(position::position),
        )
        .route(
            "/1/service/{id}/{action}",
            get(dialog::step).post(dialog::step),
        )
        .route(
            "/1/service/{id}/storage",
            get(storage::list).post(storage::merge),
        )
        .route(
            "/1/service/{id}/storage/{key}",
            get(storage::show).delete(storage::remove),
        )
        .route(
            "/1/service/{id}/storage/binary/{key}",
            get(storage::attachment),
        )
        .route("/1/phonenumber", get(phone_number::describe_number))
}

/// The compatible surface below its prefix (`http.app`).
pub(crate) fn routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    let paths = paths().layer(from_fn_with_state(Arc::clone(api), gateway));
    // Load balancers ask without keys.
    let paths = paths.route("/1/node", get(health::readyz));
    match api.app.as_str() {
        "" => paths,
        app => Router::new().nest(app, paths),
    }
}

/// What a gateway puts into the headers (callback-api §1.1): its key, and the contact centre of a
/// multi-site client; an unknown one has nothing here.
async fn gateway(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if let Err(failure) = auth::api_key(&api, request.headers()) {
        return GmsError(failure).into_response();
    }
    let named = request.headers().get("ContactCenterId");
    let named = named.map(|value| value.to_str().unwrap_or("?").trim());
    let known =
        named.is_none_or(|id| id.is_empty() || api.contact_centers.iter().any(|known| known == id));
    if known {
        return next.run(request).await;
    }
    let message = "There is no such contact centre; see http.contact_centers";
    GmsError(Failure::field(
        ErrorCode::NotFound,
        "ContactCenterId",
        message,
    ))
    .into_response()
}
