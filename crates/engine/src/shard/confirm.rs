//! The question to the customer before the first dial: its texts are read beside everything else.

use callback::CallbackId;
use callback::confirm::Texts;
use callback::lifecycle::Input;

use super::round::Round;
use super::{Command, Shard};
use crate::limits;
use crate::token::new_token;

impl Shard {
    /// It is this callback's turn and its customer has to be asked first.
    pub(super) fn ask_customer(&mut self, id: CallbackId, round: &mut Round) {
        let Some(callback) = self.callbacks.get(&id) else {
            return;
        };
        let confirm = callback.settings.contact.confirm.as_ref();
        let file = confirm.map_or("", |confirm| confirm.message_file.as_str());
        let token = new_token();
        if file.is_empty() {
            let texts = Ok(None);
            self.step(&id, Input::ConfirmTurn { token, texts }, round);
            return;
        }
        let file = file.to_owned();
        let device = callback.confirmation.as_ref().map(|c| &c.device);
        let language = device.map_or_else(String::new, |device| device.language.clone());
        let treatments = self.parts.treatments.clone();
        let commands = self.parts.commands.clone();
        // Disks take their time: nobody else waits for it. A turn that comes too late changes nothing.
        self.parts.supervisor.spawn("message file", async move {
            let read = treatments.text(&file, limits::MESSAGE_FILE_MAX).await;
            let texts = read.and_then(|text| Texts::read(&text, &language));
            if let Err(why) = &texts {
                tracing::warn!(callback.id = %id, file, why, "rb.message_file cannot be read");
            }
            let input = Input::ConfirmTurn {
                token,
                texts: texts
                    .map(|texts| Some(Box::new(texts)))
                    .map_err(|why| format!("rb.message_file {file}: {why}")),
            };
            // The channel closes only when the shard is gone.
            drop(commands.send(Command::Tell { id, input }).await);
        });
    }
}
