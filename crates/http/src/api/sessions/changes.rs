//! `GET /api/v1/sessions/changes`: sessions as they change, as server-sent events.
//!
//! Each event tells how one session stands now; several changes within a moment are one event.
//! A listener that comes anew, or is told `all`, reads the list: it holds everything.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use callback::ErrorCode;
use engine::{Engine, SessionChanges};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::Api;
use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::{CHANGES_TOGETHER, CHANGES_TOLD_MAX, TAIL_KEEP_ALIVE, TAIL_LISTENERS_MAX};

pub(in crate::api) async fn changes(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<Response, ApiError> {
    let Ok(place) = Arc::clone(&api.tails).try_acquire_owned() else {
        let message = format!("{TAIL_LISTENERS_MAX} listen already");
        return Err(Failure::new(ErrorCode::TooMany, message).into());
    };
    let listener = Listener {
        changes: api.engine.session_changes(),
        engine: api.engine.clone(),
        stopping: api.stopping.clone(),
        // The list that the listener has may be older than this stream.
        out: VecDeque::from([Bytes::from_static(ALL)]),
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

/// Everything may have changed.
const ALL: &[u8] = b"event: all\ndata: {}\n\n";

struct Listener {
    engine: Engine,
    changes: SessionChanges,
    stopping: CancellationToken,
    out: VecDeque<Bytes>,
}

/// What changed within a moment.
#[derive(Default)]
struct Moment {
    ids: Vec<String>,
    /// Not all of them are in `ids`.
    missed: bool,
}

impl Moment {
    fn note(&mut self, changed: Option<String>) {
        match changed {
            // Beyond this the list is read anyway.
            Some(_) if self.missed => {}
            Some(id) if self.ids.contains(&id) => {}
            Some(id) if self.ids.len() < CHANGES_TOLD_MAX => self.ids.push(id),
            Some(_) | None => self.missed = true,
        }
    }
}

impl Listener {
    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(chunk) = self.out.pop_front() {
            return Some(chunk);
        }
        let first = tokio::select! {
            () = self.stopping.cancelled() => return None,
            first = tokio::time::timeout(TAIL_KEEP_ALIVE, self.changes.next()) => first,
        };
        let Ok(first) = first else {
            return Some(Bytes::from_static(b": still here\n\n"));
        };
        let mut moment = Moment::default();
        moment.note(first?);
        // More of the same moment is told together.
        let changes = &mut self.changes;
        let more = async {
            while let Some(changed) = changes.next().await {
                moment.note(changed);
            }
        };
        let _moment_over = tokio::time::timeout(CHANGES_TOGETHER, more).await;
        let Moment { ids, missed } = moment;
        if missed {
            return Some(Bytes::from_static(ALL));
        }
        let told: Vec<Bytes> = ids.iter().map(|id| self.told(id)).collect();
        self.out.extend(told);
        self.out.pop_front()
    }

    fn told(&self, id: &str) -> Bytes {
        // One that is out of sight by now.
        let gone = |_error| json!({"id": id, "state": "gone"});
        let view = self.engine.session_view(id, false).unwrap_or_else(gone);
        Bytes::from(format!("event: session\ndata: {view}\n\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_changes_than_are_told_none_is_kept() {
        let mut moment = Moment::default();
        for _ in 0..2 {
            for n in 0..CHANGES_TOLD_MAX {
                moment.note(Some(n.to_string()));
            }
        }
        assert_eq!((moment.ids.len(), moment.missed), (CHANGES_TOLD_MAX, false));
        for n in 0..10 * CHANGES_TOLD_MAX {
            moment.note(Some(format!("more {n}")));
        }
        assert_eq!((moment.ids.len(), moment.missed), (CHANGES_TOLD_MAX, true));
    }
}
