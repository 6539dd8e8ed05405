//! What both targets and the replay of the corpus do with bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scxml::{Data, Document, Event, Hub, HubSettings, Limits, Loader, Output, Start, Watch};

/// What stands between a document and its events, each on a line: name, blank, JSON.
pub const EVENTS: &str = "\n%%\n";
/// Events of one input at most.
const EVENTS_MAX: usize = 20;
/// What one input may take of virtual time, ms.
const TIME_MAX_MS: i64 = 60_000;

/// A clock that goes on whenever somebody looks: scripts end after so many looks.
#[derive(Debug, Default)]
struct Looks(AtomicU64);

impl Watch for Looks {
    fn elapsed_us(&self) -> u64 {
        self.0.fetch_add(2_000, Ordering::Relaxed)
    }
}

/// Loads a document; every file that it includes has this text, too.
pub fn parse(bytes: &[u8]) -> Option<Document> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut loader = Loader::new("http://host/main.scxml", text, None);
    while let Some(url) = loader.poll_missing() {
        loader.handle_file(&url, Ok(text.to_owned()));
    }
    loader.finish().ok()
}

/// Runs a document with its events under virtual time.
pub fn step(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (document, events) = text.split_once(EVENTS).unwrap_or((&text, ""));
    let Some(document) = parse(document.as_bytes()) else {
        return;
    };
    let limits = Limits {
        microsteps: 200,
        internal_events: 50,
        external_events: 50,
        effects: 500,
        foreach_turns: 200,
        timers: 50,
        sessions: 5,
        ..Limits::default()
    };
    let mut hub = Hub::new(HubSettings {
        limits: limits.clone(),
        ..HubSettings::default()
    });
    let start = Start {
        id: "main".to_owned(),
        watch: Arc::new(Looks::default()),
        object_model: Some(serde_json::json!({
            "callState": {"Ok": 0}, "interactions": {"c": {"g_uid": "c", "udata": {}, "voice": {}}},
        })),
        limits,
        ..Start::default()
    };
    let mut now_ms = 0;
    if hub.start(Arc::new(document), start, now_ms).is_err() {
        return;
    }
    drain(&mut hub, now_ms);
    for line in events.lines().take(EVENTS_MAX) {
        let (name, data) = line.split_once(' ').unwrap_or((line, ""));
        let data = serde_json::from_str(data).map_or(Data::None, Data::Json);
        hub.handle_event("main", Event::external(name, data), now_ms);
        drain(&mut hub, now_ms);
        for _ in 0..EVENTS_MAX {
            let Some(next) = hub.next_time().filter(|next| *next <= TIME_MAX_MS) else {
                break;
            };
            now_ms = now_ms.max(next);
            hub.handle_time(now_ms);
            drain(&mut hub, now_ms);
        }
    }
    hub.stop("main", now_ms);
    drain(&mut hub, now_ms);
}

/// Takes everything that the sessions want; messages come back as undelivered.
fn drain(hub: &mut Hub, now_ms: i64) {
    for _ in 0..1_000 {
        let Some(output) = hub.poll_output() else {
            return;
        };
        match output {
            Output::Load {
                session, invoke_id, ..
            } => hub.handle_document(&session, &invoke_id, Err("none".to_owned()), now_ms),
            Output::Message { session, message }
            | Output::Http {
                session, message, ..
            } => hub.handle_undelivered(&session, *message, "nobody is there", now_ms),
            Output::Action { session, action } => {
                let name = format!("{}.{}.done", action.module, action.element.name);
                hub.handle_event(&session, Event::external(name, Data::None), now_ms);
            }
            Output::Log { .. } | Output::Ended { .. } => {}
        }
    }
}
