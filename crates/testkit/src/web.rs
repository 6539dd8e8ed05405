//! A web server whose pages a test writes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What is behind a path.
#[derive(Clone, Debug)]
pub struct Page {
    /// `Content-Type`.
    pub kind: String,
    /// The body.
    pub body: Vec<u8>,
    /// How long the answer takes.
    pub after: Duration,
    /// More header lines, each with its line end.
    pub headers: String,
}

impl Page {
    /// A page of a type.
    pub fn new(kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: kind.to_owned(),
            body: body.into(),
            after: Duration::ZERO,
            headers: String::new(),
        }
    }

    /// The same, late.
    #[must_use]
    pub const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    requests: Vec<(String, Vec<u8>)>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server; it ends on drop.
pub struct Web {
    /// Where it listens, without a slash at the end.
    pub base: String,
    shared: Shared,
    _task: JoinSet<()>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Web {
    /// A server without pages: 404 for everything.
    ///
    /// # Panics
    /// No port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has one");
        let shared = Shared::default();
        let mut task = JoinSet::new();
        let all = Arc::clone(&shared);
        task.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                answers.spawn(answer(stream, Arc::clone(&all)));
            }
        });
        Self {
            base: format!("http://{address}"),
            shared,
            _task: task,
        }
    }

    /// Puts a page behind a path, e.g. `/a.vxml`; gives its address.
    #[must_use]
    pub fn put(&self, path: &str, page: Page) -> String {
        lock(&self.shared).pages.insert(path.to_owned(), page);
        format!("{}{path}", self.base)
    }

    /// Requests so far: method and target, and body.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.shared).requests.clone()
    }
}

async fn answer(mut stream: TcpStream, shared: Shared) {
    let mut bytes = Vec::new();
    let mut part = vec![0; 16_384];
    let end = loop {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(part.get(..length).unwrap_or_default()),
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    while bytes.len() < end + length.unwrap_or(0) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(part.get(..length).unwrap_or_default()),
        }
    }
    let request = head.lines().next().unwrap_or_default();
    let request = request.trim_end_matches(" HTTP/1.1").to_owned();
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let body = bytes.get(end..).unwrap_or_default().to_vec();
    let page = {
        let mut state = lock(&shared);
        state.requests.push((request, body));
        state.pages.get(&path).cloned()
    };
    let Some(page) = page else {
        let none = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(none.as_bytes()).await.ok();
        return;
    };
    tokio::time::sleep(page.after).await;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
        page.kind,
        page.body.len(),
        page.headers
    );
    let whole = [head.into_bytes(), page.body].concat();
    stream.write_all(&whole).await.ok();
}
