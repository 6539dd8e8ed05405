//! Receivers that behave badly, one attempt each.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use callback::CallbackId;
use store::{DeliveryExtra, DeliveryState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::super::resolver::Found;
use super::*;

/// What a receiver does with a connection whose request was read.
#[derive(Clone, Copy)]
enum Does {
    /// Sends this and closes.
    Says(&'static str),
    /// Sends this and never closes.
    SaysAndStays(&'static str),
    /// Says nothing.
    Hangs,
    /// Cuts the connection.
    Resets,
    /// Sends a head and bytes for ever.
    Streams,
    /// Sends a head and then one byte now and then.
    Drips,
}

struct Web {
    port: u16,
    requests: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Web {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(stream, does));
            }
        });
        Self {
            port,
            requests,
            _server: server,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in", self.port)
    }
}

const ENDLESS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn serve(mut stream: TcpStream, does: Does) {
    let mut request = vec![0; 4096];
    if stream.read(&mut request).await.unwrap_or(0) == 0 {
        return;
    }
    match does {
        Does::Says(text) => drop(stream.write_all(text.as_bytes()).await),
        Does::Resets => stream.set_zero_linger().unwrap(),
        Does::Hangs => std::future::pending().await,
        Does::SaysAndStays(text) => {
            drop(stream.write_all(text.as_bytes()).await);
            std::future::pending::<()>().await;
        }
        Does::Streams => {
            drop(stream.write_all(ENDLESS.as_bytes()).await);
            let chunk = [b"1000\r\n".to_vec(), vec![b'x'; 0x1000], b"\r\n".to_vec()].concat();
            while stream.write_all(&chunk).await.is_ok() {}
        }
        Does::Drips => {
            drop(stream.write_all(ENDLESS.as_bytes()).await);
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                if stream.write_all(b"1\r\nx\r\n").await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A name service that says what a test wants, another thing each time.
#[derive(Debug)]
struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn say(answers: &[&[&str]]) -> Arc<Self> {
        let addresses = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(addresses).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Lookup for Names {
    fn lookup(&self, _host: String) -> Found {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[n.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

fn provider() {
    // Refused when a provider is there already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
}

fn config(allow_hosts: &[&str]) -> SenderConfig {
    SenderConfig {
        allow_hosts: allow_hosts.iter().map(|h| (*h).to_owned()).collect(),
        http: OutgoingHttp {
            connection_timeout: Duration::from_millis(300),
            socket_timeout: Duration::from_millis(300),
            ..OutgoingHttp::default()
        },
        ..SenderConfig::default()
    }
}

fn row(target: &str, guarded: bool) -> DeliveryRow {
    DeliveryRow {
        id: "1-a.1".to_owned(),
        callback: CallbackId::new("1-a"),
        seq: 1,
        notification_seq: 1,
        event_id: "_cbe_on_dial_init".to_owned(),
        at: Timestamp(1),
        channel: "httpcb".to_owned(),
        target: target.to_owned(),
        guarded,
        language: String::new(),
        body: "{}".to_owned(),
        attempts: 0,
        base: 0,
        next_at: None,
        state: DeliveryState::Pending,
        extra: DeliveryExtra::default(),
    }
}

async fn result(sender: &Sender, target: &str, guarded: bool) -> SendResult {
    sender
        .send(&row(target, guarded), Timestamp(2))
        .await
        .result
}

async fn met(does: Does) -> (SendResult, usize) {
    provider();
    let web = Web::start(does).await;
    let sender = Sender::new(config(&[])).unwrap();
    let result = result(&sender, &web.url(), false).await;
    (result, web.requests.load(Ordering::SeqCst))
}

fn error(result: &SendResult) -> &str {
    match result {
        SendResult::Failed { error } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_after_the_socket_timeout() {
    let (result, _) = met(Does::Hangs).await;
    assert!(
        error(&result).starts_with("no answer in time"),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_receiver_that_takes_no_connection_is_left_after_the_connection_timeout() {
    provider();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: the waiting room is full after a few.
    let mut waiting = Vec::new();
    let soon = Duration::from_millis(100);
    while let Ok(Ok(stream)) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let mut patient = config(&[]);
    patient.http.socket_timeout = Duration::from_secs(20);
    let sender = Sender::new(patient).unwrap();
    let failed = result(&sender, &format!("http://{address}/in"), false).await;
    assert!(
        error(&failed).starts_with("no answer in time"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_receiver_that_resets_is_a_failure() {
    let (result, _) = met(Does::Resets).await;
    assert!(
        error(&result).starts_with("the request failed"),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_receiver_that_talks_no_http_is_a_failure() {
    let (result, _) = met(Does::Says("220 smtp.example.net ESMTP\r\n")).await;
    assert_eq!(result.failed(), Some(true), "{result:?}");
}

#[tokio::test]
async fn an_endless_body_is_cut_and_the_status_counts() {
    let (result, _) = met(Does::Streams).await;
    assert_eq!(result, SendResult::Accepted { status: 200 });
    let (result, _) = met(Does::Drips).await;
    assert_eq!(result, SendResult::Accepted { status: 200 });
    let stays = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome";
    let (result, _) = met(Does::SaysAndStays(stays)).await;
    assert_eq!(result, SendResult::Accepted { status: 200 });
}

#[tokio::test]
async fn every_2xx_counts_only_where_the_server_says_so() {
    provider();
    for (status, ours) in [
        ("201 Created", true),
        ("204 No Content", true),
        ("302 Found", false),
    ] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let web = Web::start(Does::Says(Box::leak(head.into_boxed_str()))).await;
        for accept_2xx in [false, true] {
            let config = SenderConfig {
                accept_2xx,
                ..config(&[])
            };
            let sender = Sender::new(config).unwrap();
            let result = result(&sender, &web.url(), false).await;
            let accepted = matches!(result, SendResult::Accepted { .. });
            assert_eq!(accepted, accept_2xx && ours, "{status}: {result:?}");
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let head = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
    let (result, requests) = met(Does::Says(head)).await;
    assert!(
        matches!(result, SendResult::Refused { status: 302, .. }),
        "{result:?}"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn gone_and_retry_after_are_understood() {
    let (result, _) = met(Does::Says("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(matches!(result, SendResult::Refused { status: 410, .. }));
    assert_eq!(result.failed(), None, "the target as such works");
    let wishes = [
        ("503 Busy", Some(7)),
        ("429 Slowly", Some(7)),
        // With another status the wish says nothing.
        ("500 Broken", None),
    ];
    for (status, wish) in wishes {
        let answer = format!("HTTP/1.1 {status}\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
        let (result, _) = met(Does::Says(answer.leak())).await;
        let SendResult::Refused { retry_after, .. } = result else {
            panic!("{result:?}")
        };
        assert_eq!(retry_after, wish.map(Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_an_inner_address_is_not_called_for_a_stranger() {
    provider();
    let web = Web::start(Does::Says(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ))
    .await;
    let target = format!("http://hooks.example.net:{}/in", web.port);
    let inner = || Names::say(&[&["127.0.0.1"]]);
    let sender = Sender::with_lookup(config(&[]), inner()).unwrap();
    let refused = result(&sender, &target, true).await;
    assert!(
        error(&refused).contains("the address is not public"),
        "{refused:?}"
    );
    assert_eq!(web.requests.load(Ordering::SeqCst), 0);
    // The operator's own targets and allowed hosts may be inner ones.
    let accepted = SendResult::Accepted { status: 200 };
    assert_eq!(result(&sender, &target, false).await, accepted);
    let sender = Sender::with_lookup(config(&["hooks.example.net"]), inner()).unwrap();
    assert_eq!(result(&sender, &target, true).await, accepted);
}

#[tokio::test]
async fn a_metadata_address_is_called_for_nobody() {
    provider();
    let names = Names::say(&[&["169.254.169.254"]]);
    let allowed = ["meta.example.net", "169.254.169.254"];
    let sender = Sender::with_lookup(config(&allowed), names).unwrap();
    for target in [
        "http://meta.example.net/latest",
        "http://169.254.169.254/latest",
    ] {
        for guarded in [true, false] {
            let refused = result(&sender, target, guarded).await;
            assert!(
                error(&refused).contains("metadata"),
                "{target}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_each_time() {
    let names = Names::say(&[&["93.184.216.34", "10.0.0.1"], &["10.0.0.1"]]);
    let resolver = GuardedResolver {
        guarded: true,
        allow_hosts: Arc::from([]),
        lookup: names,
    };
    let name = || "rebind.example.net".parse().unwrap();
    let first = reqwest::dns::Resolve::resolve(&resolver, name());
    let addresses: Vec<String> = first.await.unwrap().map(|a| a.ip().to_string()).collect();
    assert_eq!(
        addresses,
        ["93.184.216.34"],
        "the connection goes to what was judged"
    );
    assert!(
        reqwest::dns::Resolve::resolve(&resolver, name())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn of_many_addresses_only_a_few_allowed_ones_are_tried() {
    let inner = (0..200).map(|n| format!("10.0.0.{n}"));
    let public = (0..200).map(|n| format!("93.184.216.{n}"));
    let many: Vec<String> = inner.chain(public).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let resolver = GuardedResolver {
        guarded: true,
        allow_hosts: Arc::from([]),
        lookup: Names::say(&[&many]),
    };
    let name = "many.example.net".parse().unwrap();
    let found = reqwest::dns::Resolve::resolve(&resolver, name).await;
    let addresses: Vec<String> = found.unwrap().map(|a| a.ip().to_string()).collect();
    assert_eq!(addresses.len(), limits::ADDRESSES_PER_NAME_MAX);
    assert!(
        addresses.iter().all(|a| a.starts_with("93.184.216.")),
        "{addresses:?}"
    );
}

/// A name service that never answers.
#[derive(Debug)]
struct Silent;

impl Lookup for Silent {
    fn lookup(&self, _host: String) -> Found {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_name_service_that_hangs_is_left_after_the_connection_timeout() {
    provider();
    let mut short = config(&[]);
    short.http.socket_timeout = Duration::from_secs(600);
    let sender = Sender::with_lookup(short, Arc::new(Silent)).unwrap();
    let limit = Duration::from_secs(60);
    let sent = result(&sender, "http://hooks.example.net/in", true);
    let failed = tokio::time::timeout(limit, sent).await.unwrap();
    assert!(
        error(&failed).starts_with("no answer in time"),
        "{failed:?}"
    );
}
