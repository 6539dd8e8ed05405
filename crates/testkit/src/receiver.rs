//! An HTTP receiver for status notifications whose answers a test decides.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::clock::{Moment, now};
use crate::wait::until;

/// Longest head of a request.
const HEAD_MAX: usize = 16 * 1024;

/// A notification as it arrived.
#[derive(Clone, Debug)]
pub struct Note {
    /// When.
    pub at: Moment,
    /// Method and path, e.g. `POST /in`.
    pub request: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The exact body.
    pub text: String,
    /// The body as JSON.
    pub body: Value,
    /// Status it was answered with, 0 when the connection was cut.
    pub answered: u16,
}

impl Note {
    /// A text of the body; empty when it is not there.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.body
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The event without the prefix `_cbe_on_`.
    #[must_use]
    pub fn event(&self) -> &str {
        let id = self.get("event_id");
        id.strip_prefix("_cbe_on_").unwrap_or(id)
    }

    /// A header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// `Ringback-Sequence`.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        let text = self.header("ringback-sequence");
        text.parse()
            .unwrap_or_else(|_| panic!("Ringback-Sequence is {text:?}"))
    }
}

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// This status with an empty body.
    Status(u16),
    /// The same, later.
    Late(Duration, u16),
    /// This status with this JSON body.
    Json(u16, &'static str),
    /// This status, and where to go instead.
    Redirect(u16, &'static str),
    /// The connection is cut without an answer.
    Reset,
    /// The connection stays open without an answer.
    Hang,
    /// Status 200 and a body without an end.
    Endless,
}

type Rule = Box<dyn FnMut(&Note) -> Reply + Send>;

struct Shared {
    notes: Mutex<Vec<Note>>,
    rule: Mutex<Rule>,
}

/// A receiver that listens; it ends on drop.
pub struct Receiver {
    /// Where notifications are to be sent.
    pub url: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Receiver {
    /// Listens on a free port and answers 200.
    pub async fn start() -> Self {
        Self::on(0).await
    }

    /// Listens on a given port and answers 200.
    pub async fn on(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.unwrap_or_else(|error| panic!("port {port}: {error}"));
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            notes: Mutex::default(),
            rule: Mutex::new(Box::new(|_| Reply::Status(200))),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            url: format!("http://{address}/in"),
            shared,
            _tasks: tasks,
        }
    }

    /// Decides the answers from now on.
    pub fn answer(&self, rule: impl FnMut(&Note) -> Reply + Send + 'static) {
        *self
            .shared
            .rule
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Box::new(rule);
    }

    /// All notifications so far, in order of arrival.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.shared
            .notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The notifications of one callback, in order of arrival.
    #[must_use]
    pub fn of(&self, callback: &str) -> Vec<Note> {
        let notes = self
            .shared
            .notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_it = |note: &&Note| note.get("_service_id") == callback;
        notes.iter().filter(of_it).cloned().collect()
    }

    /// Waits for a notification of a callback and returns it.
    pub async fn wait_for(&self, callback: &str, event: &str, within: Duration) -> Note {
        let what = format!(
            "notification {event} of {callback}; arrived: {:?}",
            self.events(callback)
        );
        until(&what, within, async || {
            self.of(callback).into_iter().find(|n| n.event() == event)
        })
        .await
    }

    /// Waits until a callback is over and returns all its notifications in order of arrival.
    pub async fn whole(&self, callback: &str, within: Duration) -> Vec<Note> {
        self.wait_for(callback, "service_exit", within).await;
        self.of(callback)
    }

    /// Names of the events of a callback so far, without `_cbe_on_`.
    #[must_use]
    pub fn events(&self, callback: &str) -> Vec<String> {
        self.of(callback)
            .iter()
            .map(|note| note.event().to_owned())
            .collect()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// A body that goes on until the peer goes away.
async fn stream_for_ever(stream: &mut BufReader<TcpStream>) {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let mut next = head;
    while stream.write_all(next.as_bytes()).await.is_ok() {
        next = &chunk;
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    // An error means that the peer went away: nothing to report.
    while let Ok(note) = read(&mut stream).await {
        let reply = shared.rule.lock().unwrap_or_else(PoisonError::into_inner)(&note);
        let (delay, status, body) = match reply {
            Reply::Status(status) => (Duration::ZERO, status, ""),
            Reply::Late(delay, status) => (delay, status, ""),
            Reply::Json(status, body) => (Duration::ZERO, status, body),
            Reply::Redirect(status, _) => (Duration::ZERO, status, ""),
            Reply::Reset | Reply::Hang => (Duration::ZERO, 0, ""),
            Reply::Endless => (Duration::ZERO, 200, ""),
        };
        let note = Note {
            answered: status,
            ..note
        };
        shared
            .notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note);
        match reply {
            Reply::Reset => return,
            Reply::Hang => std::future::pending().await,
            Reply::Endless => return stream_for_ever(&mut stream).await,
            Reply::Status(_) | Reply::Late(..) | Reply::Json(..) | Reply::Redirect(..) => {}
        }
        tokio::time::sleep(delay).await;
        let location = match reply {
            Reply::Redirect(_, to) => format!("Location: {to}\r\n"),
            _ => String::new(),
        };
        let answer = match status {
            204 => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            status => format!(
                "HTTP/1.1 {status} Answer\r\n{location}Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Result<Note, Error> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "head too long"));
        }
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let request = lines
        .next()
        .unwrap_or_default()
        .rsplit_once(' ')
        .map_or("", |(left, _)| left);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Note {
        at: now(),
        request: request.to_owned(),
        headers,
        text,
        body,
        answered: 0,
    })
}
