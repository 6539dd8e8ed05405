//! Applications that a session of SCXML starts on its call (`<dialog:start>`).

use std::sync::Arc;

use callback::CallbackId;
use rand::RngExt as _;
use serde_json::{Map, Value};
use telephony::media::audio::Clip;
use vxml::{Connection, Message, Start, ThreadTime};

use super::VoiceXml;
use super::cell::{Beginning, Call, Cell, Input, Owner};
use crate::shard::{Act, Line};

/// An application that is wanted.
#[derive(Debug)]
pub(crate) struct Application {
    /// The call it talks to.
    pub(crate) line: Line,
    /// First page.
    pub(crate) url: String,
    /// Id of the interaction.
    pub(crate) uuid: String,
    /// Number of the other side.
    pub(crate) remote: String,
    /// `session.com.genesyslab.userdata`.
    pub(crate) user_data: Map<String, Value>,
}

impl VoiceXml {
    /// Lets an application begin on a call; `false` when there are too many, or one has the call
    /// already.
    pub(crate) fn start_for(&self, wanted: Application, owner: Box<dyn Owner>) -> bool {
        let callback = match &wanted.line {
            Line::Question { callback, .. } => callback.clone(),
            Line::Placed(call) => CallbackId::new(call.as_str()),
        };
        // On a callback's call that its session has, the callback itself goes on.
        let transfers = match &wanted.line {
            Line::Question { .. } => vec![vxml::TransferKind::Blind],
            Line::Placed(_) => Start::default().transfers,
        };
        let connection = Connection {
            local: "sip:ringback".to_owned(),
            remote: format!("sip:{}", wanted.remote),
            is_outbound: true,
            uuid: wanted.uuid,
            user_data: wanted.user_data,
            ..Connection::default()
        };
        let call = Call {
            callback,
            token: wanted.line.key().to_owned(),
            line: wanted.line,
            remote: wanted.remote,
        };
        let beginning = Beginning {
            url: wanted.url,
            start: Start {
                session: connection.into_json(),
                speech: self.can_speak(),
                transfers,
                watch: Arc::new(ThreadTime),
                seed: rand::rng().random(),
                library: self.inner.library.clone(),
                ..Start::default()
            },
        };
        self.begin(&Cell::new(call, owner), beginning)
    }

    /// Hands data to the application on a line (`gvp:receive`); `false` when there is none.
    pub(crate) fn message(&self, line: &Line, message: Message) -> bool {
        let Some(cell) = self.of_token(line.key()) else {
            return false;
        };
        let input = vxml::Input::Message(message);
        self.push(&cell, Input::Handle(Box::new(input)));
        true
    }

    /// Ends the application on a line, with what it does there: another one may begin at once.
    pub(crate) fn end_on(&self, line: &Line) {
        if let Some(cell) = self.of_token(line.key())
            && self.forget(&cell)
        {
            self.act_and_forget(&cell, Act::Stop);
            self.act_and_forget(&cell, Act::StopRecord);
        }
    }

    /// Whether there is anybody who speaks.
    pub(crate) fn can_speak(&self) -> bool {
        self.inner.prompts.speech.is_there()
    }

    /// The audio of a text; nothing after a warning.
    pub(crate) async fn speak(&self, lang: &str, text: &str) -> Option<Clip> {
        let escaped = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let lang = Some(lang).filter(|lang| !lang.is_empty());
        match self.inner.prompts.speech.speak(lang, &escaped).await {
            Ok(clip) => Some(clip),
            Err(error) => {
                tracing::warn!(%error, "a text is not spoken");
                None
            }
        }
    }
}
