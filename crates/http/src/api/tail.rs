//! `GET /api/v1/events/tail`: the events of all callbacks as server-sent events.
//!
//! Each event has an id; a listener that says the last one it saw in `Last-Event-ID` or
//! `?since_id=` gets what came after it. Nothing is left out; events of the same millisecond may
//! come twice after a resume.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use callback::{ErrorCode, Timestamp};
use engine::{Engine, Tail, Tailed};
use serde_json::{Value, json};
use store::{EventCursor, EventRow};
use tokio_util::sync::CancellationToken;

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::{TAIL_KEEP_ALIVE, TAIL_LISTENERS_MAX};
use crate::{Api, body};

pub(super) async fn tail(
    _: Operator,
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let since = since(&headers, query.as_deref())?;
    let Ok(place) = Arc::clone(&api.tails).try_acquire_owned() else {
        let message = format!("{TAIL_LISTENERS_MAX} listen already");
        return Err(Failure::new(ErrorCode::TooMany, message).into());
    };
    let listener = Listener {
        // First the live events, so that none is missed between the two.
        tail: api.engine.tail(),
        engine: api.engine.clone(),
        stopping: api.stopping.clone(),
        behind: since.map(Behind::Since),
        last: None,
        page: HashSet::new(),
        out: VecDeque::new(),
    };
    let chunks = futures_util::stream::unfold((listener, place), |(mut listener, place)| async {
        let chunk = listener.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), (listener, place)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// Where a listener left off.
fn since(headers: &HeaderMap, query: Option<&str>) -> Result<Option<EventCursor>, Failure> {
    let mut id = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    for (key, value) in body::query_pairs(query)? {
        match key.as_str() {
            "since_id" => id = Some(value),
            _ => return Err(body::unknown_key(&key, "since_id")),
        }
    }
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    parse_id(&id).map(Some).ok_or_else(|| {
        let message = "since_id is no id of this stream";
        Failure::field(ErrorCode::BadParameter, "since_id", message)
    })
}

/// Reads `<ms>.<callback>.<seq>`.
fn parse_id(id: &str) -> Option<EventCursor> {
    let (at, rest) = id.split_once('.')?;
    let (callback, seq) = rest.rsplit_once('.')?;
    Some(EventCursor {
        at: Timestamp(at.parse().ok()?),
        callback: callback.to_owned(),
        seq: seq.parse().ok()?,
    })
}

/// Where to go on in the store.
enum Behind {
    /// With everything of the millisecond of this event: others of it may have become durable
    /// after it.
    Since(EventCursor),
    /// Exactly behind this event: the next page.
    After(EventCursor),
}

struct Listener {
    engine: Engine,
    tail: Tail,
    stopping: CancellationToken,
    /// What came after this has to be read from the store.
    behind: Option<Behind>,
    /// The last event that was sent.
    last: Option<EventCursor>,
    /// Events of the last pages of the store, which may come live as well.
    page: HashSet<(String, u64)>,
    out: VecDeque<Bytes>,
}

impl Listener {
    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.out.pop_front() {
                return Some(chunk);
            }
            if let Some(behind) = self.behind.take() {
                self.catch_up(behind).await?;
                continue;
            }
            let next = tokio::select! {
                () = self.stopping.cancelled() => return None,
                next = tokio::time::timeout(TAIL_KEEP_ALIVE, self.tail.next()) => next,
            };
            match next {
                Err(_idle) => return Some(Bytes::from_static(b": still here\n\n")),
                Ok(Tailed::Ended) => return None,
                Ok(Tailed::Missed) => self.behind = self.last.clone().map(Behind::Since),
                Ok(Tailed::Events(rows)) => self.send_live(&rows),
            }
        }
    }

    fn send_live(&mut self, rows: &[EventRow]) {
        for row in rows {
            let key = (row.callback.to_string(), row.seq);
            if self.page.is_empty() || !self.page.remove(&key) {
                self.send(row);
            }
        }
    }

    /// Sends a page of the store; the next one follows until nothing is left.
    async fn catch_up(&mut self, behind: Behind) -> Option<()> {
        let (cursor, from) = match behind {
            Behind::After(cursor) => (cursor.clone(), cursor),
            Behind::Since(cursor) => {
                let from = EventCursor {
                    callback: String::new(),
                    seq: 0,
                    ..cursor
                };
                (cursor, from)
            }
        };
        let rows = match self.engine.events_since(from).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the event stream ends: the store cannot be read");
                return None;
            }
        };
        let is_last = rows.len() < engine::limits::TAIL_PAGE;
        self.page.clear();
        for row in &rows {
            self.page.insert((row.callback.to_string(), row.seq));
            if row.at == cursor.at
                && row.seq == cursor.seq
                && row.callback.as_str() == cursor.callback
            {
                continue;
            }
            self.send(row);
        }
        if !is_last {
            self.behind = self.last.clone().map(Behind::After);
        }
        Some(())
    }

    fn send(&mut self, row: &EventRow) {
        self.last = Some(EventCursor {
            at: row.at,
            callback: row.callback.to_string(),
            seq: row.seq,
        });
        self.out.push_back(Bytes::from(written(row)));
    }
}

fn written(row: &EventRow) -> String {
    let data: Value = serde_json::from_str(&row.data).unwrap_or_else(|_| json!(row.data));
    let body = json!({
        "callback_id": row.callback,
        "seq": row.seq,
        "at_ms": row.at.0,
        "event_id": row.event_id,
        "state": row.state.as_str(),
        "data": data,
    });
    // JSON text has no line breaks, so one line of data is enough.
    format!(
        "id: {}.{}.{}\nevent: {}\ndata: {body}\n\n",
        row.at.0, row.callback, row.seq, row.event_id
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        let cursor = parse_id("1790000000000.1-ab.c.7").unwrap();
        assert_eq!(
            (cursor.at.0, cursor.callback.as_str(), cursor.seq),
            (1_790_000_000_000, "1-ab.c", 7)
        );
        for wrong in ["", "1", "1.2", "x.1.2", "1.a.x"] {
            assert!(parse_id(wrong).is_none(), "{wrong}");
        }
        assert_eq!(since(&HeaderMap::new(), None).unwrap(), None);
        assert!(since(&HeaderMap::new(), Some("since_id=x")).is_err());
        assert!(since(&HeaderMap::new(), Some("other=1")).is_err());
    }
}
