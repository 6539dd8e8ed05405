//! The surface compatible with GMS Callback (callback-api §2).

mod by_id;
mod cancel;
mod notification;
mod query;
pub(crate) mod record;
mod start;
mod update;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::Api;

/// Routes below `/genesys/1/service/callback`.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route(SUBSCRIBE, post(notification::subscribe))
        .route(PUBLISH, post(notification::publish))
        .route(COLLECTION, get(by_id::by_query))
        .route(SERVICE, get(query::query).post(start::start))
        .route(
            RECORD,
            delete(cancel::cancel)
                .put(update::update)
                .get(by_id::by_path),
        )
}

const SUBSCRIBE: &str = "/genesys/1/notification/subscribe";
const PUBLISH: &str = "/genesys/1/notification/publish";
const COLLECTION: &str = "/genesys/1/service/callback";
const SERVICE: &str = "/genesys/1/service/callback/{service}";
const RECORD: &str = "/genesys/1/service/callback/{service}/{id}";
