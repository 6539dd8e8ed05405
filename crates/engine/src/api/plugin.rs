//! What comes to the reply URL of a plugin.

use callback::plugin::Answer;
use callback::{CallbackId, Error};

use super::Engine;
use crate::shard::Command;

impl Engine {
    /// Takes a plugin's answer; returns when it is durable.
    ///
    /// # Errors
    /// `NOT_FOUND` for a token that belongs to no question, `GONE` when its time is over,
    /// `CONFLICT` when it was answered already or the action is not possible now; the refusals of
    /// [`Answer::check`].
    pub async fn plugin_answer(
        &self,
        id: CallbackId,
        token: String,
        answer: Answer,
    ) -> Result<(), Error> {
        self.ask(|reply| Command::PluginAnswer {
            id,
            token,
            answer: Box::new(answer),
            reply,
        })
        .await?
    }
}
