//! What the targets and the replay of the corpus do with bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vxml::{Answer, Document, Grammar, Limits, Rehearsal, Session, Start, Step, Watch};

/// What stands between a page and the answers of the caller, one on each line.
pub const ANSWERS: &str = "\n%%\n";
/// Answers of one input at most.
const ANSWERS_MAX: usize = 20;
/// What one input may tell.
const STEPS_MAX: usize = 2_000;

/// A clock that goes on whenever somebody looks: scripts end after so many looks.
#[derive(Debug, Default)]
struct Looks(AtomicU64);

impl Watch for Looks {
    fn elapsed_us(&self) -> u64 {
        self.0.fetch_add(2_000, Ordering::Relaxed)
    }
}

/// Compiles a page.
pub fn page(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    Document::compile("http://host/page.vxml", &text).is_ok()
}

/// Compiles a grammar file.
pub fn grammar(bytes: &[u8]) -> bool {
    Grammar::compile(&String::from_utf8_lossy(bytes)).is_ok()
}

/// Runs a page with its answers under virtual time; every address has this page, too.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (page, answers) = text.split_once(ANSWERS).unwrap_or((&text, ""));
    let start = Start {
        speech: true,
        watch: Arc::new(Looks::default()),
        limits: Limits {
            steps: 200,
            subdialogs: 5,
            fetches: 20,
            transfers: 5,
            effects: 500,
            foreach_turns: 200,
            prompts: 50,
            ..Limits::default()
        },
        ..Start::default()
    };
    let Ok(session) = Session::new(start) else {
        return;
    };
    let answers = answers.lines().take(ANSWERS_MAX).map(str::to_owned);
    let has_audio = Box::new(|url: &str| !url.contains("missing"));
    let url = "http://host/page.vxml";
    let mut rehearsal = Rehearsal::new(session, url, answers.collect(), has_audio);
    for _ in 0..STEPS_MAX {
        match rehearsal.poll() {
            Some(Step::Line(_)) => {}
            Some(Step::Fetch(request)) => {
                let answer = Answer {
                    body: page.as_bytes().to_vec(),
                    ..Answer::default()
                };
                rehearsal.answer(request.id, Ok(answer));
            }
            Some(Step::Ended(_)) | None => return,
        }
    }
}
