//! The generator of `bench create`: a lean HTTP client on one thread, in a process of its own.
//!
//! It is part of the same program so that nothing has to be installed, and hidden because it is
//! of no use alone. A closed loop sends the next request of a connection when its answer is
//! here; an open loop sends at fixed times and counts the latency from the time the request was
//! due, so that a server that stalls does not look better by being asked less.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use super::{rounded, usage};
use crate::output;

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Arguments of the generator.
#[derive(Args, Debug)]
pub(super) struct LoadArgs {
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    path: String,
    #[arg(long)]
    seconds: u64,
    #[arg(long)]
    connections: u64,
    #[arg(long)]
    rate: u64,
}

/// When the requests are sent.
#[derive(Debug)]
struct Schedule {
    started: Instant,
    until: Instant,
    /// Requests per second; 0 = closed loop.
    rate: u64,
    next: Cell<u64>,
}

impl Schedule {
    /// Number of the next request and when it is due; `None` when all were sent.
    fn next(&self) -> Option<(u64, Instant)> {
        let number = self.next.get();
        let now = Instant::now();
        let due = if self.rate == 0 {
            now
        } else {
            let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
            self.started + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        };
        if due >= self.until {
            return None;
        }
        self.next.set(number + 1);
        Some((number, due))
    }
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
    failed: u64,
}

/// Runs the generator and prints one object with what it saw.
pub(super) fn run(args: &LoadArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, drive(args))
}

async fn drive(args: &LoadArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let schedule = Rc::new(Schedule {
        started,
        until: started + Duration::from_secs(args.seconds),
        rate: args.rate,
        next: Cell::new(0),
    });
    let mut connections = JoinSet::new();
    for _ in 0..args.connections {
        connections.spawn_local(connection(
            args.address,
            args.path.clone(),
            Rc::clone(&schedule),
        ));
    }
    let mut all = Seen::default();
    while let Some(seen) = connections.join_next().await {
        let seen = seen?;
        all.latencies.extend(seen.latencies);
        all.failed += seen.failed;
    }
    let seconds = started.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    let answered = all.latencies.len() as u64;
    output::line(&format!(
        "{}",
        json!({
            "requests": answered + all.failed,
            "failed": all.failed,
            "rate": rounded(answered as f64 / seconds),
            "p50_ms": percentile_ms(&all.latencies, 500),
            "p99_ms": percentile_ms(&all.latencies, 990),
            "p999_ms": percentile_ms(&all.latencies, 999),
            "cpu_s": usage::cpu_s(std::process::id())?,
        })
    ));
    Ok(())
}

/// Sends requests until the schedule ends.
async fn connection(address: SocketAddr, path: String, schedule: Rc<Schedule>) -> Seen {
    let mut seen = Seen::default();
    let mut stream = None;
    let mut buffer = Vec::new();
    while let Some((number, due)) = schedule.next() {
        tokio::time::sleep_until(due).await;
        let request = request(&path, number);
        let answered = exchange(&mut stream, address, &request, &mut buffer);
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(())) => seen.latencies.push(due.elapsed()),
            Ok(Err(error)) => {
                tracing::warn!(error = format!("{error:#}"), "a request failed");
                seen.failed += 1;
                stream = None;
            }
            Err(_) => {
                seen.failed += 1;
                stream = None;
            }
        }
    }
    seen
}

fn request(path: &str, number: u64) -> Vec<u8> {
    let body = format!(
        "{{\"_customer_number\":\"+1312{:07}\",\"account\":\"A-{number:08}\",\
         \"first_name\":\"Kim\",\"topic\":\"invoice\"}}",
        5_550_000 + number % 4_000_000,
    );
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One request and its answer, which must be 200.
async fn exchange(
    stream: &mut Option<TcpStream>,
    address: SocketAddr,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let stream = match stream {
        Some(stream) => stream,
        None => {
            let fresh = TcpStream::connect(address).await.context("connecting")?;
            fresh.set_nodelay(true)?;
            stream.insert(fresh)
        }
    };
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if let Some(whole) = answer_length(buffer)?
            && buffer.len() >= whole
        {
            break;
        }
    }
    if !buffer.starts_with(b"HTTP/1.1 200 ") {
        bail!("answered {}", String::from_utf8_lossy(buffer));
    }
    Ok(())
}

/// Length of head and body, once the head is complete.
fn answer_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).context("head of an answer")?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.context("an answer has no length")?;
    Ok(Some(head + 4 + length))
}

/// A value of a sorted list, by permille, ms.
pub(super) fn percentile_ms(sorted: &[Duration], permille: usize) -> f64 {
    let index = (sorted.len() * permille / 1_000).min(sorted.len().saturating_sub(1));
    sorted
        .get(index)
        .map_or(0.0, |latency| rounded(latency.as_secs_f64() * 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(answer_length(&answer[..20]).unwrap(), None);
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len()));
        assert!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn percentiles_are_values_of_the_list() {
        let list: Vec<Duration> = (1..=1_000).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&list, 500), 501.0);
        assert_eq!(percentile_ms(&list, 990), 991.0);
        assert_eq!(percentile_ms(&list, 999), 1_000.0);
        assert_eq!(percentile_ms(&[], 999), 0.0);
    }
}
