//! Connections: accepted up to a bound, timed, and ended in order.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::limits::{CONNECTIONS_MAX, DRAIN_TIMEOUT, HEAD_MAX, HEADER_TIMEOUT, HEADERS_MAX};

/// Serves until `stop` is cancelled, then lets running requests finish for a short while
/// ([`DRAIN_TIMEOUT`]).
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&free).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, mostly: the connection stays in the backlog.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Finished connections leave the set, so it holds at most CONNECTIONS_MAX.
        while connections.try_join_next().is_some() {}
        let router = router.clone();
        let stop = stop.clone();
        connections.spawn(async move {
            connection(stream, router, stop).await;
            drop(permit);
        });
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, finished).await.is_err() {
        tracing::warn!("connections were still busy when the server stopped");
        connections.shutdown().await;
    }
}

/// Pause after a failed accept, so that an exhausted process does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Answers are small; waiting to fill a packet would only delay them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that hang up are no fault of ours.
        tracing::debug!(%error, "a connection ended early");
    }
}
