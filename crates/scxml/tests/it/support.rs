//! A world for documents: a hub, virtual time, files from a folder.

use std::collections::HashMap;
use std::sync::Arc;

use scxml::{
    Document, Ending, Event, Hub, HubSettings, Loader, Message, ModuleAction, Output, Problem,
    Start, ThreadTime, Watch,
};

/// What the time limit of scripts looks at.
pub(crate) fn watch() -> Arc<dyn Watch> {
    Arc::new(ThreadTime)
}

/// What a run left behind.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) ending: Option<Ending>,
    pub(crate) log: Vec<String>,
    pub(crate) actions: Vec<ModuleAction>,
    pub(crate) configuration: Vec<String>,
    pub(crate) undelivered: Vec<Message>,
}

impl Report {
    /// The final state of the root.
    pub(crate) fn final_state(&self) -> &str {
        match &self.ending {
            Some(Ending::Final { state, .. }) => state,
            _ => "",
        }
    }
}

/// Loads a document; files come from a function.
pub(crate) fn load(
    url: &str,
    files: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Arc<Document>, Vec<Problem>> {
    let mut loader = Loader::new(url, files(url).unwrap_or_default(), None);
    while let Some(missing) = loader.poll_missing() {
        loader.handle_file(&missing, files(&missing));
    }
    loader.finish().map(Arc::new)
}

/// One session under virtual time, with everything it starts.
pub(crate) struct World<'a> {
    pub(crate) hub: Hub,
    pub(crate) now_ms: i64,
    pub(crate) report: Report,
    files: &'a dyn Fn(&str) -> Result<String, String>,
}

/// Id of the session that a world runs.
pub(crate) const MAIN: &str = "main";

impl<'a> World<'a> {
    pub(crate) fn new(
        document: Arc<Document>,
        start: Start,
        files: &'a dyn Fn(&str) -> Result<String, String>,
    ) -> Self {
        let settings = HubSettings {
            http_base: Some("http://127.0.0.1:1/scxml".to_owned()),
            ..HubSettings::default()
        };
        let mut hub = Hub::new(settings);
        let start = Start {
            id: MAIN.to_owned(),
            watch: watch(),
            ..start
        };
        hub.start(document, start, 0).unwrap();
        let mut world = Self {
            hub,
            now_ms: 0,
            report: Report::default(),
            files,
        };
        world.collect();
        world
    }

    pub(crate) fn event(&mut self, event: Event) -> bool {
        let taken = self.hub.handle_event(MAIN, event, self.now_ms);
        self.collect();
        taken
    }

    /// Lets virtual time pass until nothing is left to wait for.
    pub(crate) fn run(mut self, until_ms: i64) -> Report {
        while let Some(next) = self.hub.next_time().filter(|next| *next <= until_ms) {
            self.now_ms = self.now_ms.max(next);
            self.hub.handle_time(self.now_ms);
            self.collect();
        }
        if let Some(session) = self.hub.session(MAIN) {
            self.report.configuration = session
                .configuration()
                .into_iter()
                .map(str::to_owned)
                .collect();
        }
        self.report
    }

    fn collect(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Load {
                    session,
                    invoke_id,
                    url,
                } => {
                    let document =
                        load(&url, self.files).map_err(|problems| problems[0].to_string());
                    self.hub
                        .handle_document(&session, &invoke_id, document, self.now_ms);
                }
                Output::Http {
                    session, message, ..
                }
                | Output::Message { session, message } => {
                    self.report.undelivered.push((*message).clone());
                    self.hub
                        .handle_undelivered(&session, *message, "no such address", self.now_ms);
                }
                Output::Log { line, .. } => self
                    .report
                    .log
                    .push(format!("{}: {}", line.label, line.text)),
                Output::Action { action, .. } => self.report.actions.push(*action),
                Output::Ended {
                    ending,
                    configuration,
                    ..
                } => {
                    self.report.ending = Some(ending);
                    self.report.configuration = configuration;
                }
            }
        }
    }
}

/// Runs a text to its end.
pub(crate) fn run(text: &str) -> Report {
    run_with(text, &HashMap::new(), &[])
}

/// Runs a text with files beside it and events at the start.
pub(crate) fn run_with(text: &str, files: &HashMap<&str, &str>, events: &[Event]) -> Report {
    let files = |url: &str| match (url, files.get(url)) {
        ("main.scxml", _) => Ok(text.to_owned()),
        (_, Some(file)) => Ok((*file).to_owned()),
        _ => Err("not found".to_owned()),
    };
    let document = load("main.scxml", &files).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut world = World::new(document, Start::default(), &files);
    for event in events {
        world.event(event.clone());
    }
    world.run(3_600_000)
}
