//! Applications that decide about a callback: asked as a plugin is, answered by how they end
//! (play-treatments §6).

use std::sync::Arc;

use callback::lifecycle::{Input as LifecycleInput, PluginEvent};
use callback::plugin::{Action, Answer, Question};
use rand::RngExt as _;
use tokio::sync::{mpsc, oneshot};
use vxml::{Connection, Ending, Message, Start, ThreadTime};

use super::cell::{Beginning, Call, Cell, Owner};
use super::outcome::{self, Outcome};
use super::{OnError, VoiceXml};
use crate::shard::{self, Command, Line};
use crate::supervisor::Supervisor;

/// The callback that an application decides about.
#[derive(Clone, Debug)]
struct Asker {
    call: Call,
    url: String,
    commands: mpsc::Sender<Command>,
    supervisor: Supervisor,
    on_error: OnError,
}

impl VoiceXml {
    /// Starts the application of a question; what happens is told to its callback.
    pub(crate) fn ask(&self, question: &Question) {
        let call = Call {
            callback: question.callback.clone(),
            token: question.token.clone(),
            line: Line::Question {
                callback: question.callback.clone(),
                token: question.token.clone(),
            },
            remote: question.customer_number.clone(),
        };
        let asker = Asker {
            call: call.clone(),
            url: callback::mask::url(&question.url),
            commands: self.inner.commands.clone(),
            supervisor: self.inner.supervisor.clone(),
            on_error: self.inner.on_error,
        };
        let cell = Cell::new(call, Box::new(asker.clone()));
        let beginning = Beginning {
            url: question.url.clone(),
            start: self.start_values(question),
        };
        if !self.begin(&cell, beginning) {
            asker.tell(PluginEvent::Failed {
                detail: "vxml_start_failed".to_owned(),
                why: "there are too many applications".to_owned(),
            });
        }
    }

    fn start_values(&self, question: &Question) -> Start {
        let mut user_data = question.user_data.clone();
        let mut parameters = question.parameters("");
        parameters.remove("_reply_url");
        user_data.extend(parameters);
        let connection = Connection {
            local: "sip:ringback".to_owned(),
            remote: format!("sip:{}", question.customer_number),
            is_outbound: true,
            uuid: question
                .call
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            user_data,
            ..Connection::default()
        };
        Start {
            session: connection.into_json(),
            speech: self.inner.prompts.speech.is_there(),
            messages: false,
            watch: Arc::new(ThreadTime),
            seed: rand::rng().random(),
            library: self.inner.library.clone(),
            ..Start::default()
        }
    }
}

impl Asker {
    fn input(&self, event: PluginEvent) -> Command {
        Command::Tell {
            id: self.call.callback.clone(),
            input: LifecycleInput::Plugin {
                token: self.call.token.clone(),
                event,
            },
        }
    }

    fn tell(&self, event: PluginEvent) {
        shard::post(&self.commands, &self.supervisor, self.input(event));
    }

    /// Gives an answer and, when it is taken, the call back.
    async fn answer(&self, answer: Box<Answer>) -> Result<(), String> {
        let (reply, answered) = oneshot::channel();
        let command = Command::PluginAnswer {
            id: self.call.callback.clone(),
            token: self.call.token.clone(),
            answer,
            reply,
        };
        let gone = || "the server is going down".to_owned();
        self.commands.send(command).await.map_err(|_gone| gone())?;
        let answered = answered.await.map_err(|_gone| gone())?;
        answered.map_err(|error| error.message)?;
        drop(self.commands.send(self.input(PluginEvent::Ended)).await);
        Ok(())
    }

    async fn fault(&self, detail: &str, why: String, hung_up: bool) {
        tracing::warn!(callback.id = %self.call.callback, detail, why, "an application has no result");
        let event = if self.on_error == OnError::RouteToAgent && !hung_up {
            let event = PluginEvent::NoAnswer {
                why: format!("{detail}: {why}"),
            };
            drop(self.commands.send(self.input(event)).await);
            match self
                .answer(Box::new(Answer::new(Action::RouteToAgent)))
                .await
            {
                Ok(()) => return,
                Err(_refused) => failed(detail, why),
            }
        } else {
            failed(detail, why)
        };
        drop(self.commands.send(self.input(event)).await);
    }
}

fn failed(detail: &str, why: String) -> PluginEvent {
    let detail = detail.to_owned();
    PluginEvent::Failed { detail, why }
}

impl Owner for Asker {
    fn started(&self) {
        self.tell(PluginEvent::Started);
    }

    fn message(&self, message: Message) {
        let event = message.event.unwrap_or_default();
        tracing::info!(callback.id = %self.call.callback, event, "a page sends where nobody listens");
    }

    fn ended(&self, ending: Ending, documents: u32, hung_up: bool) {
        tracing::debug!(callback.id = %self.call.callback, %ending, "an application ended");
        let asker = self.clone();
        self.supervisor.spawn("application", async move {
            match outcome::of(&ending, hung_up, documents) {
                Outcome::Nothing => {}
                Outcome::HungUp => {
                    let why = "the customer hung up".to_owned();
                    drop(
                        asker
                            .commands
                            .send(asker.input(failed("vxml_hangup", why)))
                            .await,
                    );
                }
                Outcome::Fault { detail, why } => {
                    let why = format!("{}: {why}", asker.url);
                    asker.fault(detail, why, hung_up).await;
                }
                Outcome::Answer(answer) => {
                    if let Err(why) = asker.answer(answer).await {
                        asker.fault("vxml_bad_result", why, hung_up).await;
                    }
                }
            }
        });
    }
}
