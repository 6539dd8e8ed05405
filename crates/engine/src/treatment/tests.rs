//! Files and URLs of treatments (play-treatments §1.2) against a small web server.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// What the web server does with a request, by its text and its number.
type Answers = fn(&str, usize) -> Option<Vec<u8>>;

struct Web {
    url: String,
    requests: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

/// Answers each connection once; `None` keeps it open without an answer.
async fn web(answers: Answers) -> Web {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut open: Vec<TcpStream> = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(head.get(..length).unwrap()).into_owned();
            match answers(&head, seen.fetch_add(1, Ordering::SeqCst)) {
                // The client may stop reading in the middle.
                Some(answer) => drop(stream.write_all(&answer).await),
                None => open.push(stream),
            }
        }
    });
    Web {
        url,
        requests,
        _server: server,
    }
}

fn treatments(timeout: Duration) -> Treatments {
    // Refused when a provider is there already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Treatments::with_timeout(PathBuf::from("does-not-exist"), timeout).unwrap()
}

const LONG: Duration = Duration::from_secs(20);

/// One second of µ-law.
fn ok(extra: &str, bytes: usize) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n{extra}Connection: close\r\n\r\n");
    [head.into_bytes(), vec![0x55; bytes]].concat()
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_url_is_fetched_once_and_then_asked_by_its_validator() {
    let web = web(|head, n| {
        let known = head.to_ascii_lowercase().contains("if-none-match: \"v1\"");
        match (n, known) {
            (0, false) => Some(ok("ETag: \"v1\"\r\n", 8000)),
            (_, true) => Some(status("304 Not Modified")),
            _ => Some(status("500 Wrong")),
        }
    })
    .await;
    let treatments = treatments(LONG);
    let url = format!("{}/music.ulaw", web.url);
    let first = treatments.find(&url, &asks()).await.unwrap();
    let second = treatments.find(&url, &asks()).await.unwrap();
    assert_eq!((first.duration_ms(), second.duration_ms()), (1000, 1000));
    assert_eq!(web.requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_fresh_copy_is_used_without_asking_as_its_server_and_the_page_say() {
    let web = web(|_, _| Some(ok("Cache-Control: max-age=60\r\n", 8000))).await;
    let treatments = treatments(LONG);
    let url = format!("{}/music.ulaw", web.url);
    let ask = async |now_s: i64, max_age_s: Option<u64>, max_stale_s: Option<u64>| {
        let copies = Copies {
            now_ms: now_s * 1_000,
            max_age_s,
            max_stale_s,
        };
        let found = treatments.find_kept(&url, &asks(), copies).await;
        assert!(found.is_ok());
        web.requests.load(Ordering::SeqCst)
    };
    assert_eq!(ask(0, None, None).await, 1);
    assert_eq!(ask(59, None, None).await, 1);
    assert_eq!(ask(65, None, Some(10)).await, 1);
    assert_eq!(ask(59, Some(10), None).await, 2);
    assert_eq!(ask(59 + 61, None, None).await, 3);
}

#[tokio::test]
async fn a_failing_address_plays_what_was_fetched_before_else_nothing() {
    let web = web(|_, n| {
        Some(if n == 0 {
            ok("", 8000)
        } else {
            status("404 Gone")
        })
    })
    .await;
    let treatments = treatments(LONG);
    let url = format!("{}/music.ulaw", web.url);
    assert!(treatments.find(&url, &asks()).await.is_ok());
    assert!(treatments.find(&url, &asks()).await.is_ok(), "the kept one");
    let other = format!("{}/other.ulaw", web.url);
    assert!(treatments.find(&other, &asks()).await.is_err());
}

#[tokio::test]
async fn a_url_with_more_than_10_mib_or_without_an_end_in_time_is_left() {
    let big = web(|_, _| Some(ok("", limits::TREATMENT_MAX + 1))).await;
    let url = format!("{}/big.ulaw", big.url);
    assert!(treatments(LONG).remote(&url, &asks(), None).await.is_err());
    let silent = web(|_, _| None).await;
    let url = format!("{}/never.ulaw", silent.url);
    let hasty = treatments(Duration::from_millis(50));
    assert!(hasty.remote(&url, &asks(), None).await.is_err());
}

#[tokio::test]
async fn a_url_that_holds_no_audio_is_left() {
    let web = web(|_, _| Some(ok("", 100))).await;
    let url = format!("{}/page.html", web.url);
    assert!(treatments(LONG).remote(&url, &asks(), None).await.is_err());
}

#[tokio::test]
async fn a_missing_file_is_no_clip_and_a_shipped_one_is() {
    let treatments = treatments(LONG);
    assert!(treatments.find("missing.wav", &asks()).await.is_err());
    assert!(treatments.find("../secret.wav", &asks()).await.is_err());
    assert!(
        treatments
            .find("all_agents_busy.wav", &asks())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn redirects_are_followed_but_not_to_a_metadata_service() {
    let redirecting = web(|head, _| {
        let location = if head.starts_with("GET /good") {
            "/music.ulaw"
        } else if head.starts_with("GET /music") {
            return Some(ok("", 8000));
        } else {
            "http://169.254.169.254/latest"
        };
        let head = format!("302 Found\r\nLocation: {location}");
        Some(status(&head))
    })
    .await;
    let treatments = treatments(LONG);
    assert!(
        treatments
            .remote(&format!("{}/good.ulaw", redirecting.url), &asks(), None)
            .await
            .is_ok()
    );
    assert!(
        treatments
            .remote(&format!("{}/bad.ulaw", redirecting.url), &asks(), None)
            .await
            .is_err()
    );
    assert!(
        treatments
            .remote("http://169.254.169.254/x.wav", &asks(), None)
            .await
            .is_err()
    );
    assert_eq!(redirecting.requests.load(Ordering::SeqCst), 3);
}

fn asks() -> Asks {
    Asks {
        callback: CallbackId::new("1-a"),
        service: "desk".to_owned(),
    }
}
