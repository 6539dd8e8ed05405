//! What surrounds every request: one log line, and a panic that stays its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callback::ErrorCode;
use tokio::time::Instant;

use crate::error::{ApiError, Failure, GmsError};

/// Routes that machines ask every few seconds; they would drown the rest of the log.
const PROBES: &[&str] = &["/livez", "/readyz", "/metrics"];

/// Runs a request and logs it by its route: paths, queries and bodies may hold numbers.
pub(crate) async fn guard(
    State(app): State<Arc<str>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let native = !is_below(&app, request.uri().path());
    request.extensions_mut().insert(Native(native));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let by_script = request
        .headers()
        .get("sec-fetch-dest")
        .is_some_and(|dest| dest == "empty");
    let handled = async {
        if names_one_host(&request) {
            next.run(request).await
        } else {
            let message = "A request has one header Host";
            answer(native, Failure::new(ErrorCode::BadParameter, message))
        }
    };
    let mut response = match without_panic(handled).await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(%method, %route, panic = panic_text(&*panic), "a handler panicked");
            let failure = Failure::new(ErrorCode::Internal, "Something went wrong in the server");
            answer(native, failure)
        }
    };
    if by_script {
        // A challenge would make the browser ask with its own window; our page has a form.
        response.headers_mut().remove(header::WWW_AUTHENTICATE);
    }
    let status = response.status().as_u16();
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if PROBES.contains(&route.as_str()) {
        tracing::debug!(%method, %route, status, duration_ms = ms, "request");
    } else {
        tracing::info!(%method, %route, status, duration_ms = ms, "request");
    }
    response
}

/// A request of HTTP/1.1 names one host (RFC 9112 §3.2): what stands before us must not understand
/// it in another way than we do.
fn names_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// No route has this path.
pub(crate) async fn not_found(request: Request) -> Response {
    let failure = Failure::new(ErrorCode::NotFound, "There is nothing at this path");
    answer(is_native(&request), failure)
}

/// The route does not take this method.
pub(crate) async fn method_not_allowed(request: Request) -> Response {
    answer(is_native(&request), Failure::MethodNotAllowed)
}

/// Which surface a request belongs to.
#[derive(Clone, Copy, Debug)]
struct Native(bool);

/// Without a prefix every path but the native ones is of the compatible surface.
fn is_below(app: &str, path: &str) -> bool {
    let native = path.starts_with("/api/") || path.starts_with("/ui") || PROBES.contains(&path);
    !native
        && path
            .strip_prefix(app)
            .is_some_and(|rest| rest.starts_with('/') && rest != "/")
}

fn is_native(request: &Request) -> bool {
    request
        .extensions()
        .get::<Native>()
        .is_none_or(|native| native.0)
}

fn answer(native: bool, failure: Failure) -> Response {
    if native {
        ApiError(failure).into_response()
    } else {
        GmsError(failure).into_response()
    }
}

async fn without_panic<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // The future is dropped after a panic and never polled again.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::testing::body_json;

    async fn ask(path: &str) -> Response {
        async fn broken() -> Response {
            panic!("by design of this test");
        }
        let router: Router = Router::new()
            .route("/genesys/broken", get(broken))
            .route("/api/broken", get(broken))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(axum::middleware::from_fn_with_state(
                Arc::<str>::from("/genesys"),
                guard,
            ));
        let (method, path) = path.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "x")
            .body(Body::empty())
            .unwrap();
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_becomes_an_answer_in_the_form_of_its_surface() {
        let response = ask("GET /genesys/broken").await;
        assert_eq!(response.status(), 500);
        assert_eq!(body_json(response).await["phrase"], "INTERNAL");
        let response = ask("GET /api/broken").await;
        assert_eq!(response.status(), 500);
        assert_eq!(body_json(response).await["title"], "INTERNAL");
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_answer_json() {
        let response = ask("GET /genesys/2/service").await;
        assert_eq!(response.status(), 404);
        assert_eq!(body_json(response).await["code"], 404);
        let response = ask("POST /genesys/broken").await;
        assert_eq!(response.status(), 405);
        assert_eq!(body_json(response).await["phrase"], "METHOD_NOT_ALLOWED");
        assert_eq!(body_json(ask("GET /").await).await["status"], 404);
    }
}
