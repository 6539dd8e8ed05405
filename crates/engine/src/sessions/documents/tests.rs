//! Documents against a small web server.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::clock::SystemClock;

/// Answers by path; a known validator is answered with 304.
async fn web() -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (whole, unchanged) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (sent, confirmed) = (Arc::clone(&whole), Arc::clone(&unchanged));
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(head.get(..length).unwrap()).into_owned();
            let body = if head.starts_with("GET /lib.js") {
                "var seven = 7;"
            } else {
                "<scxml xmlns='http://www.w3.org/2005/07/scxml' \
                 xmlns:xi='http://www.w3.org/2001/XInclude' profile='ecmascript'>\
                 <script><xi:include href='lib.js' parse='text'/></script><state id='s'/></scxml>"
            };
            let answer = if head.contains("if-none-match: \"1\"") {
                confirmed.fetch_add(1, Ordering::SeqCst);
                "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned()
            } else {
                sent.fetch_add(1, Ordering::SeqCst);
                let length = body.len();
                format!(
                    "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                )
            };
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (url, whole, unchanged, server)
}

fn documents(max_age_s: i64) -> Documents {
    // Refused when a provider is there already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let fetching = Fetching {
        client: reqwest::Client::new(),
        max_age_s,
        timeout: Duration::from_secs(10),
    };
    Documents::new(fetching, Arc::new(SystemClock))
}

#[tokio::test]
async fn a_fresh_document_is_not_asked_for_again() {
    let (url, whole, unchanged, _server) = web().await;
    let (documents, page) = (documents(60), format!("{url}/page.scxml"));
    let first = documents.get(&page, None).await.unwrap();
    let again = documents.get(&page, None).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(whole.load(Ordering::SeqCst), 2, "page and script");
    assert_eq!(unchanged.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_old_one_is_asked_for_by_the_validators_of_all_its_parts() {
    let (url, whole, unchanged, _server) = web().await;
    let (documents, page) = (documents(0), format!("{url}/page.scxml"));
    let first = documents.get(&page, None).await.unwrap();
    let again = documents.get(&page, None).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again), "compiled once");
    assert_eq!(whole.load(Ordering::SeqCst), 2);
    assert_eq!(unchanged.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_cannot_be_had_says_why() {
    let documents = documents(60);
    for url in [
        "page.scxml",
        "ftp://host/page.scxml",
        "http://169.254.169.254/page.scxml",
        "http://127.0.0.1:9/page.scxml",
    ] {
        let refused = documents.get(url, None).await.unwrap_err();
        assert!(matches!(refused, NoDocument::Fetch(_)), "{url}: {refused}");
    }
}
