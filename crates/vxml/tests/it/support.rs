//! A rehearsed call: pages and answers in, everything that happened out.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use vxml::{
    Answer, Ending, FetchError, FetchRequest, Limits, Line, Rehearsal, Session, Start, Step,
    ThreadTime, Watch,
};

/// Address of the first page.
pub(crate) const MAIN: &str = "http://pages.test/main.vxml";

/// What the time limit of scripts looks at.
pub(crate) fn watch() -> Arc<dyn Watch> {
    Arc::new(ThreadTime)
}

/// A call to be rehearsed.
pub(crate) struct Call {
    pub(crate) start: Start,
    files: HashMap<String, (Option<String>, Vec<u8>)>,
    answers: Vec<String>,
    missing_audio: Vec<String>,
}

/// What happened.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    pub(crate) requests: Vec<FetchRequest>,
    pub(crate) ending: Ending,
    pub(crate) now_ms: i64,
}

/// A call with a page of this content.
pub(crate) fn page(content: &str) -> Call {
    document(&vxml(content))
}

/// A page around a content.
pub(crate) fn vxml(content: &str) -> String {
    format!("<vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'>{content}</vxml>")
}

/// A call with a whole page.
pub(crate) fn document(text: &str) -> Call {
    let mut call = Call {
        start: Start {
            speech: true,
            watch: watch(),
            ..Start::default()
        },
        files: HashMap::new(),
        answers: Vec::new(),
        missing_audio: Vec::new(),
    };
    call.files.insert(MAIN.to_owned(), (None, text.into()));
    call
}

impl Call {
    /// Another file beside the first page.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        let url = vxml::resolve(MAIN, name);
        self.files.insert(url, (None, text.into()));
        self
    }

    /// As [`Self::file`], with a type.
    pub(crate) fn typed(mut self, name: &str, kind: &str, text: &str) -> Self {
        let url = vxml::resolve(MAIN, name);
        self.files.insert(url, (Some(kind.to_owned()), text.into()));
        self
    }

    /// As [`Self::file`], of any bytes.
    pub(crate) fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        let url = vxml::resolve(MAIN, name);
        self.files.insert(url, (None, bytes.to_vec()));
        self
    }

    /// What the caller does at each wait.
    pub(crate) fn keys(mut self, answers: &[&str]) -> Self {
        self.answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        self
    }

    pub(crate) fn silent(mut self) -> Self {
        self.start.speech = false;
        self
    }

    pub(crate) fn without_audio(mut self, name: &str) -> Self {
        self.missing_audio.push(vxml::resolve(MAIN, name));
        self
    }

    pub(crate) fn session(mut self, session: Json) -> Self {
        self.start.session = session;
        self
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.start.limits = limits;
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Report {
        let session = Session::new(self.start).unwrap();
        let missing = self.missing_audio;
        let has_audio = Box::new(move |url: &str| !missing.iter().any(|known| known == url));
        let mut rehearsal = Rehearsal::new(session, MAIN, self.answers, has_audio);
        let mut lines = Vec::new();
        let mut requests = Vec::new();
        loop {
            match rehearsal.poll() {
                Some(Step::Line(line)) => lines.push(line),
                Some(Step::Fetch(request)) => {
                    let url = request.url.split('?').next().unwrap_or_default();
                    let answer = match self.files.get(url) {
                        Some((kind, body)) => Ok(Answer {
                            url: String::new(),
                            content_type: kind.clone(),
                            body: body.clone(),
                        }),
                        None => Err(FetchError {
                            status: Some(404),
                            forbidden: false,
                            message: format!("{url}: not found"),
                        }),
                    };
                    rehearsal.answer(request.id, answer);
                    requests.push(*request);
                }
                Some(Step::Ended(ending)) => {
                    return Report {
                        lines,
                        requests,
                        ending: *ending,
                        now_ms: rehearsal.now_ms(),
                    };
                }
                None => panic!("nothing goes on: {lines:?}"),
            }
        }
    }

    /// Runs it and takes the value that it exits with.
    pub(crate) fn value(self) -> Json {
        let report = self.run();
        match report.ending {
            Ending::Exit {
                value: Some(value), ..
            } => value,
            Ending::Exit { names, .. } if !names.is_empty() => Json::Object(names),
            other => json!(format!("{other:?} after {:?}", report.lines)),
        }
    }
}

impl Report {
    /// The prompts that were played.
    pub(crate) fn prompts(&self) -> Vec<&str> {
        let prompts = self.lines.iter().filter_map(|line| match line {
            Line::Prompt { text, .. } => Some(text.as_str()),
            _ => None,
        });
        prompts.collect()
    }

    /// The events that were thrown.
    pub(crate) fn events(&self) -> Vec<&str> {
        let events = self.lines.iter().filter_map(|line| match line {
            Line::Event { name, .. } => Some(name.as_str()),
            _ => None,
        });
        events.collect()
    }

    /// Lines of the log.
    pub(crate) fn logs(&self) -> Vec<&str> {
        let logs = self.lines.iter().filter_map(|line| match line {
            Line::Log(line) => Some(line.text.as_str()),
            _ => None,
        });
        logs.collect()
    }

    /// The event that ended it.
    pub(crate) fn error(&self) -> &str {
        match &self.ending {
            Ending::Error { event, .. } => event,
            other => panic!("no error but {other:?} after {:?}", self.lines),
        }
    }
}
