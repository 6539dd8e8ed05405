//! Connections: accepted up to a bound, timed, and ended in order.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::limits::{CONNECTIONS_MAX, DRAIN_TIMEOUT, HEAD_MAX, HEADER_TIMEOUT, HEADERS_MAX};
use crate::login::Peer;
use crate::refused_head::Spoken;

/// Serves until `stop` is cancelled, then lets running requests finish for a short while
/// ([`DRAIN_TIMEOUT`]).
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_up_to(CONNECTIONS_MAX, listener, router, stop).await;
}

async fn serve_up_to(
    connections_max: usize,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) {
    let free = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&free).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, Peer(peer.ip())),
                Err(error) => {
                    // Out of file handles, mostly: the connection stays in the backlog.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Finished connections leave the set, so it holds at most that many.
        while connections.try_join_next().is_some() {}
        let router = router.clone();
        let stop = stop.clone();
        connections.spawn(async move {
            connection(stream, peer, router, stop).await;
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

async fn connection(stream: TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
    // Answers are small; waiting to fill a packet would only delay them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let router = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let service = TowerToHyperService::new(router);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Spoken::new(stream)), service);
    let mut served = Pin::new(&mut connection);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    connection.into_parts().io.into_inner().linger().await;
    if let Err(error) = ended {
        // Clients that hang up are no fault of ours.
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn_with_state;
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;
    use crate::guard::guard;

    struct Running {
        address: SocketAddr,
        stop: CancellationToken,
        server: JoinSet<()>,
        asked: Arc<Notify>,
        go_on: Arc<Notify>,
    }

    /// `/quick` answers at once, `/slow` once `go_on` is notified.
    async fn start(connections_max: usize) -> Running {
        let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go_on));
        let slow = move || async move {
            tell.notify_one();
            wait.notified().await;
            "slow"
        };
        let router = Router::new()
            .route("/quick", get(|| async { "quick" }))
            .route("/slow", get(slow))
            .layer(from_fn_with_state(Arc::<str>::from(""), guard));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(serve_up_to(connections_max, listener, router, stop.clone()));
        Running {
            address,
            stop,
            server,
            asked,
            go_on,
        }
    }

    async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        let limit = Duration::from_secs(5);
        let read = tokio::time::timeout(limit, stream.read_to_end(&mut answer)).await;
        // A reset after the answer is as good as an end.
        let _ended_or_reset = read.expect("the server ends the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_stop_lets_running_requests_finish() {
        let mut running = start(10).await;
        let stream = send(running.address, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
        running.asked.notified().await;
        running.stop.cancel();
        running.go_on.notify_one();
        assert!(rest(stream).await.ends_with("slow"));
        running.server.join_next().await.unwrap().unwrap();
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_at_once() {
        let mut running = start(10).await;
        let mut idle = send(running.address, b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut first = [0; 12];
        idle.read_exact(&mut first).await.unwrap();
        running.stop.cancel();
        let limit = DRAIN_TIMEOUT / 2;
        tokio::time::timeout(limit, running.server.join_next())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_their_turn() {
        let running = start(1).await;
        let close = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let first = send(running.address, close).await;
        running.asked.notified().await;
        let close = b"GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let mut second = send(running.address, close).await;
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
        assert!(
            early.is_err(),
            "the second connection was served beside the first"
        );
        running.go_on.notify_one();
        assert!(rest(first).await.ends_with("slow"));
        assert!(rest(second).await.ends_with("quick"));
    }

    #[tokio::test]
    async fn a_request_names_one_host() {
        let running = start(10).await;
        for (head, status) in [
            ("HTTP/1.1\r\nHost: x", 200),
            ("HTTP/1.0", 200),
            ("HTTP/1.1", 400),
            ("HTTP/1.1\r\nHost: x\r\nHost: x", 400),
            ("HTTP/1.0\r\nHost: x\r\nhost: y", 400),
        ] {
            let request = format!("GET /quick {head}\r\nConnection: close\r\n\r\n");
            let answer = rest(send(running.address, request.as_bytes()).await).await;
            assert!(answer.contains(&format!(" {status} ")), "{head}: {answer}");
            if status == 400 {
                assert!(answer.ends_with('}') && answer.contains("Host"), "{answer}");
            }
        }
    }

    #[tokio::test]
    async fn hostile_bytes_end_their_own_connection_only() {
        let running = start(10).await;
        let long = [b"GET /".as_slice(), &vec![b'a'; 2 * HEAD_MAX]].concat();
        let many = "a: b\r\n".repeat(HEADERS_MAX + 1);
        let many = format!("GET /quick HTTP/1.1\r\n{many}\r\n").into_bytes();
        let mut refused = 0;
        for bytes in [
            b"\x16\x03\x01\x02\x00\x01".as_slice(),
            b"\r\n\r\n\r\n\x00\xff",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"POST /quick HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            &long,
            &many,
        ] {
            let answer = rest(send(running.address, bytes).await).await;
            assert!(!answer.contains("200 OK"), "{answer}");
            // What is none of the library's own refusals comes from the router of this test.
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            if head.contains(" 400 ") || head.contains(" 431 ") {
                let body: serde_json::Value = serde_json::from_str(body).unwrap();
                assert!(head.contains(&format!(" {} ", body["code"])), "{answer}");
                refused += 1;
            }
        }
        assert!(refused >= 4, "{refused} were told why");
        let close = b"GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        assert!(
            rest(send(running.address, close).await)
                .await
                .ends_with("quick")
        );
    }
}
