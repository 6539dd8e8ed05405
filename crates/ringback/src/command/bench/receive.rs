//! The receiver of `bench deliver`: a lean HTTP server on one thread, in a process of its own.
//!
//! It checks every signature and the order of every callback, and measures from the time in the
//! body, which both processes read from the same clock. It ends when its standard input closes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use engine::Secret;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};

use super::load::percentile_ms;
use super::usage;
use crate::clock::wall_us;
use crate::output;

/// Longest head and body of a request.
const REQUEST_MAX: usize = 128 * 1024;
/// Paths under this prefix are answered late.
const SLOW: &str = " /slow/";
/// How late.
const SLOW_AFTER: Duration = Duration::from_secs(1);
/// Paths under this prefix are never answered.
const DEAD: &str = " /dead/";

/// Arguments of the receiver.
#[derive(Args, Debug)]
pub(super) struct ReceiveArgs {
    /// Ports to listen on
    #[arg(long, default_value_t = 4)]
    listeners: usize,
    /// Secret of the signatures
    #[arg(long)]
    secret: String,
}

/// What arrived.
#[derive(Debug, Default)]
struct Seen {
    /// The last number of each callback and target.
    last: HashMap<String, u64>,
    delivered: u64,
    duplicates: u64,
    out_of_order: u64,
    wrong_signatures: u64,
    /// Requests to receivers that answer late or never.
    bad: u64,
    latencies: Vec<Duration>,
}

impl Seen {
    fn take(&mut self, callback: &str, number: u64, sent_us: i64) {
        let last = self.last.entry(callback.to_owned()).or_default();
        if number <= *last {
            self.duplicates += 1;
            return;
        }
        // A number that was left out and comes later is out of order as well.
        self.out_of_order += number - *last - 1;
        *last = number;
        self.delivered += 1;
        let us = u64::try_from(wall_us() - sent_us).unwrap_or_default();
        self.latencies.push(Duration::from_micros(us));
    }

    fn summary(&mut self) -> serde_json::Value {
        self.latencies.sort_unstable();
        json!({
            "delivered": self.delivered,
            "duplicates": self.duplicates,
            "out_of_order": self.out_of_order,
            "wrong_signatures": self.wrong_signatures,
            "bad": self.bad,
            "p50_ms": percentile_ms(&self.latencies, 500),
            "p99_ms": percentile_ms(&self.latencies, 990),
            "p999_ms": percentile_ms(&self.latencies, 999),
            "cpu_s": usage::cpu_s(std::process::id()).unwrap_or_default(),
        })
    }
}

/// Listens until standard input closes, then prints what arrived.
pub(super) fn run(args: &ReceiveArgs) -> anyhow::Result<()> {
    let secret = Secret::parse(&args.secret).context("the secret")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, listen(args.listeners, Rc::new(secret)))
}

async fn listen(listeners: usize, secret: Rc<Secret>) -> anyhow::Result<()> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut tasks = JoinSet::new();
    let mut addresses = Vec::new();
    for _ in 0..listeners {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        addresses.push(listener.local_addr()?.to_string());
        tasks.spawn_local(accept(listener, Rc::clone(&seen), Rc::clone(&secret)));
    }
    let ready = json!({"event": "ready", "addresses": addresses});
    output::line(&ready.to_string());
    // Asked for by any request to `/summary`; the parent ends this process.
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn accept(
    listener: TcpListener,
    seen: Rc<RefCell<Seen>>,
    secret: Rc<Secret>,
) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn_local(serve(stream, Rc::clone(&seen), Rc::clone(&secret)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, seen: Rc<RefCell<Seen>>, secret: Rc<Secret>) {
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        let Some(request) = Request::parse(&buffer) else {
            match stream.read_buf(&mut buffer).await {
                Ok(n) if n > 0 && buffer.len() <= REQUEST_MAX => continue,
                _ => return,
            }
        };
        let pause = if request.line.contains(DEAD) {
            Some(Duration::MAX)
        } else {
            request.line.contains(SLOW).then_some(SLOW_AFTER)
        };
        let answer = if request.line.contains(" /summary ") {
            let body = seen.borrow_mut().summary().to_string();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        } else {
            if pause.is_some() {
                seen.borrow_mut().bad += 1;
            } else {
                request.note(&mut seen.borrow_mut(), &secret);
            }
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        let length = request.length;
        buffer.drain(..length);
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A whole request.
struct Request<'a> {
    line: &'a str,
    head: &'a str,
    body: &'a str,
    length: usize,
}

impl<'a> Request<'a> {
    /// `None` while it is not complete.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let (line, head) = head.split_once("\r\n")?;
        let size: usize = field(head, "content-length").parse().unwrap_or(0);
        let length = end + 4 + size;
        let body = std::str::from_utf8(bytes.get(end + 4..length)?).ok()?;
        Some(Self {
            line,
            head,
            body,
            length,
        })
    }

    fn note(&self, seen: &mut Seen, secret: &Secret) {
        let id = field(self.head, "webhook-id");
        let at = field(self.head, "webhook-timestamp").parse().unwrap_or(0);
        if secret.sign(id, at, self.body) != field(self.head, "webhook-signature") {
            seen.wrong_signatures += 1;
        }
        let number = field(self.head, "ringback-sequence").parse().unwrap_or(0);
        let text = |key: &str| -> &str {
            let key = format!("\"{key}\":\"");
            let start = self.body.find(&key).map_or(0, |at| at + key.len());
            let rest = self.body.get(start..).unwrap_or_default();
            rest.split('"').next().unwrap_or_default()
        };
        let sent_us = text("sent_us").parse().unwrap_or(0);
        seen.take(text("_service_id"), number, sent_us);
    }
}

/// A header by its name in lower case, as the sender writes it.
fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.split("\r\n").find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then_some(value)
    });
    line.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_with_its_last_byte() {
        let bytes = b"POST /in HTTP/1.1\r\nA: b\r\nContent-Length: 2\r\n\r\n{}next";
        assert!(Request::parse(&bytes[..bytes.len() - 5]).is_none());
        let request = Request::parse(bytes).unwrap();
        assert_eq!((request.line, request.body), ("POST /in HTTP/1.1", "{}"));
        assert_eq!(request.length, bytes.len() - 4);
    }

    #[test]
    fn order_and_duplicates_are_told_apart() {
        let mut seen = Seen::default();
        for number in [1, 2, 2, 4, 3] {
            seen.take("a", number, 0);
        }
        assert_eq!(
            (seen.delivered, seen.duplicates, seen.out_of_order),
            (3, 2, 1)
        );
    }
}
