//! Pages from a server in the process: kept, asked for again, refused.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

#[derive(Debug, Default)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Site {
    pages: Pages,
    clock: Arc<TestClock>,
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

/// A server that gives these answers in their order, the last one again and again.
async fn site(answers: Vec<Vec<u8>>) -> Site {
    // Refused when a provider is there already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let mut server = JoinSet::new();
    let mut answers = VecDeque::from(answers);
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 65_536];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            seen.lock().unwrap().push(head);
            let answer = if answers.len() > 1 {
                answers.pop_front().unwrap()
            } else {
                answers[0].clone()
            };
            stream.write_all(&answer).await.ok();
        }
    });
    let clock = Arc::new(TestClock::default());
    Site {
        pages: Pages::new(Arc::clone(&clock) as Arc<dyn Clock>, 60).unwrap(),
        clock,
        base,
        requests,
        _server: server,
    }
}

fn ok(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

impl Site {
    fn request(&self) -> FetchRequest {
        FetchRequest {
            id: 1,
            kind: FetchKind::Document,
            url: format!("{}/page.vxml", self.base),
            body: None,
            timeout_ms: 10_000,
            max_age_s: None,
            max_stale_s: None,
        }
    }

    async fn get(&self, request: &FetchRequest) -> Result<String, FetchError> {
        let answer = self.pages.fetch(request, |_| None).await?;
        Ok(String::from_utf8(answer.body).unwrap())
    }

    fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn last(&self) -> String {
        self.requests.lock().unwrap().last().unwrap().to_lowercase()
    }
}

#[tokio::test]
async fn a_page_is_asked_for_again_when_its_time_is_over() {
    let unchanged = b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec();
    let first = ok("ETag: \"a\"\r\nCache-Control: max-age=30\r\n", "one");
    let site = site(vec![first, unchanged, ok("", "two")]).await;
    let request = site.request();
    for _ in 0..3 {
        assert_eq!(site.get(&request).await.unwrap(), "one");
    }
    assert_eq!(site.asked(), 1);
    site.later(31);
    assert_eq!(site.get(&request).await.unwrap(), "one");
    assert!(site.last().contains("if-none-match: \"a\""));
    site.later(61);
    assert_eq!(site.get(&request).await.unwrap(), "two");
    site.later(59);
    assert_eq!(
        site.get(&request).await.unwrap(),
        "two",
        "a minute by default"
    );
    assert_eq!(site.asked(), 3);
}

#[tokio::test]
async fn maxage_and_maxstale_of_a_page_count() {
    let site = site(vec![ok("Cache-Control: max-age=30\r\n", "one")]).await;
    let mut request = site.request();
    site.get(&request).await.unwrap();
    site.later(10);
    request.max_age_s = Some(5);
    site.get(&request).await.unwrap();
    assert_eq!(site.asked(), 2, "older than maxage");
    site.later(40);
    (request.max_age_s, request.max_stale_s) = (None, Some(20));
    site.get(&request).await.unwrap();
    assert_eq!(site.asked(), 2, "within maxstale");
    request.max_stale_s = None;
    site.get(&request).await.unwrap();
    assert_eq!(site.asked(), 3);
}

#[tokio::test]
async fn answers_that_may_not_be_kept_are_not() {
    for headers in [
        "Cache-Control: no-store\r\n",
        "Cache-Control: private, no-cache\r\n",
        "Expires: 0\r\n",
    ] {
        let site = site(vec![ok(headers, "one")]).await;
        let request = site.request();
        site.get(&request).await.unwrap();
        site.get(&request).await.unwrap();
        assert_eq!(site.asked(), 2, "{headers}");
    }
}

#[tokio::test]
async fn failures_say_their_status_or_what_is_wrong() {
    let failing = |status: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
    };
    let server = site(vec![failing("404 Not Found")]).await;
    let error = server.get(&server.request()).await.unwrap_err();
    assert_eq!(error.status, Some(404));
    let away = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = site(vec![away.into()]).await;
    let error = server.get(&server.request()).await.unwrap_err();
    assert!(error.message.contains("metadata"), "{error:?}");
    let mut request = server.request();
    for url in [
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "no address",
    ] {
        url.clone_into(&mut request.url);
        assert!(server.get(&request).await.is_err(), "{url}");
    }
    let large = "x".repeat(GRAMMAR_BYTES_MAX + 1);
    let server = site(vec![ok("", &large)]).await;
    let mut request = server.request();
    assert!(server.get(&request).await.is_ok(), "a page may be larger");
    request.kind = FetchKind::Grammar;
    request.url.push_str("?g");
    let error = server.get(&request).await.unwrap_err();
    assert!(error.message.contains("larger"), "{error:?}");
}

#[tokio::test]
async fn a_slow_server_costs_the_time_of_the_page_and_no_more() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec();
    let site = site(vec![half]).await;
    let mut request = site.request();
    request.timeout_ms = 50;
    let started = tokio::time::Instant::now();
    assert!(site.get(&request).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn forms_and_recordings_are_posted() {
    let site = site(vec![ok("", "thanks")]).await;
    let mut request = site.request();
    request.body = Some(Body::Form("a=1&b=2".to_owned()));
    assert_eq!(site.get(&request).await.unwrap(), "thanks");
    assert!(site.last().starts_with("post /page.vxml"));
    assert!(site.last().ends_with("a=1&b=2"), "{}", site.last());
    let part = |name: &str, value| vxml::Part {
        name: name.to_owned(),
        value,
    };
    request.body = Some(Body::Multipart(vec![
        part("who", vxml::PartValue::Text("kim".to_owned())),
        part("voice", vxml::PartValue::Recording("r1".to_owned())),
    ]));
    let recording = |handle: &str| (handle == "r1").then(|| b"RIFFdata".to_vec());
    site.pages.fetch(&request, recording).await.unwrap();
    let sent = site.last();
    assert!(sent.contains("name=\"who\"\r\n\r\nkim\r\n"), "{sent}");
    assert!(
        sent.contains("content-type: audio/x-wav\r\n\r\nriffdata\r\n"),
        "{sent}"
    );
    assert!(
        site.get(&request).await.is_err(),
        "a recording that is gone"
    );
}

#[test]
fn the_shelf_has_an_end() {
    let kept = Kept {
        answer: Answer {
            body: vec![0; limits::PAGES_KEPT_BYTES_MAX / 3],
            ..Answer::default()
        },
        etag: None,
        modified: None,
        at: Timestamp(0),
        fresh_s: 1,
        used: 0,
    };
    let mut shelf = Shelf::default();
    for url in ["a", "b", "c", "d"] {
        shelf.put(url, kept.clone());
    }
    assert!(shelf.bytes <= limits::PAGES_KEPT_BYTES_MAX);
    assert!(shelf.get("d").is_some());
    shelf.put("d", kept);
    assert!(shelf.kept.len() <= 3);
}

#[test]
fn ages_of_servers_may_be_absurd() {
    let mut headers = HeaderMap::new();
    headers.insert("age", "64".parse().unwrap());
    for age in [i64::MIN, i64::MAX] {
        headers.insert("cache-control", format!("max-age={age}").parse().unwrap());
        let fresh_s = freshness(&headers, 60);
        assert_eq!(
            fresh_s.is_none_or(|fresh_s| fresh_s <= 0),
            age < 0,
            "{fresh_s:?}"
        );
    }
}
