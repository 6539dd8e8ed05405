//! The customer is asked before the first dial (callback-api §9.2).

use serde_json::{Value, json};

use super::Effect;
use super::run::Run;
use super::withdraw::{cancel, reschedule};
use crate::confirm::{Choice, MENU, Push, Texts};
use crate::events::EventId;
use crate::record::{Phase, Reason, TimerKind};
use crate::{Error, ErrorCode};

/// Answers [`super::Input::ConfirmTurn`]: it is the callback's turn and the customer was not asked.
pub(super) fn turn(run: &mut Run<'_>, token: String, texts: Result<Option<Box<Texts>>, String>) {
    let is_early = run.callback.timers.contains_key(&TimerKind::ContactAllowed);
    if run.callback.phase != Phase::Waiting || is_early || !run.callback.asks_first() {
        return;
    }
    let texts = match texts {
        Ok(texts) => texts,
        Err(why) => {
            run.emit_with(EventId::Note, &[("note", why.into())]);
            run.complete(Reason::FailLoadMessageFile, "message_file");
            return;
        }
    };
    if let Some(confirmation) = &mut run.callback.confirmation {
        confirmation.token = token;
        confirmation.texts = texts;
    }
    run.callback.phase = Phase::Confirming;
    run.disarm(TimerKind::QueueWait);
    ask(run);
}

/// Sends the question, again or for the first time; its choices stay the same.
fn ask(run: &mut Run<'_>) {
    let settings = run.callback.settings.clone();
    let (Some(confirm), Some(confirmation)) =
        (&settings.contact.confirm, &mut run.callback.confirmation)
    else {
        return;
    };
    confirmation.asked += 1;
    let (asked, device) = (confirmation.asked, confirmation.device.clone());
    let details = [
        ("asked", Value::from(asked)),
        ("provider", device.provider.as_str().into()),
    ];
    run.emit_with(EventId::ConfirmationAsked, &details);
    let mut message = json!({"_id": run.callback.id.as_str(), "_action": MENU});
    let text = run.callback.texts().push;
    if !text.is_empty() {
        message["_text"] = text.into();
    }
    run.act(Effect::Push(Box::new(Push {
        device,
        seq: run.callback.seq,
        message: message.to_string(),
        attempts: confirm.push_attempts,
    })));
    run.arm_in(TimerKind::Confirm, confirm.timeout_s);
}

/// `_user_confirm_timeout` is over.
pub(super) fn unanswered(run: &mut Run<'_>) {
    let settings = run.callback.settings.clone();
    let (Phase::Confirming, Some(confirm), Some(confirmation)) = (
        &run.callback.phase,
        &settings.contact.confirm,
        &run.callback.confirmation,
    ) else {
        return;
    };
    if confirmation.asked < confirm.asks_max {
        ask(run);
        return;
    }
    close(run, "none");
    if confirm.connect_anyway {
        call(run);
    } else {
        run.complete(Reason::FailUserNoConfirm, "not_confirmed");
    }
}

/// Answers [`super::Input::Chosen`].
pub(super) fn chosen(run: &mut Run<'_>, choice: Choice, token: &str) -> Result<(), Error> {
    check_token(run, token)?;
    run.disarm(TimerKind::Confirm);
    match choice {
        Choice::Confirm => {
            close(run, choice.as_str());
            call(run);
            Ok(())
        }
        Choice::Later => {
            let settings = run.callback.settings.clone();
            let later_s = settings.contact.confirm.as_ref().map_or(0, |c| c.later_s);
            let at = run.now().plus_seconds(later_s);
            close(run, choice.as_str());
            reschedule(run, at)
        }
        Choice::Cancel => {
            close(run, choice.as_str());
            cancel(run)
        }
    }
}

fn check_token(run: &Run<'_>, token: &str) -> Result<(), Error> {
    if run.callback.phase != Phase::Confirming {
        let message = "There is no question to answer now";
        return Err(Error::new(ErrorCode::InvalidState, message));
    }
    let open = run.callback.confirmation.as_ref();
    if open.is_some_and(|c| !c.token.is_empty() && c.token == token) {
        return Ok(());
    }
    let message = "This choice was used or is none of the open question; ask for the menu again";
    Err(Error::new(ErrorCode::BadParameter, message).field("token"))
}

/// The question is over; its choices lead nowhere any more.
fn close(run: &mut Run<'_>, answer: &str) {
    if let Some(confirmation) = &mut run.callback.confirmation {
        confirmation.token.clear();
        confirmation.asked = 0;
    }
    run.emit_with(
        EventId::ConfirmationEnded,
        &[("answer", Value::from(answer))],
    );
}

/// The customer may be called as soon as it is the callback's turn again.
fn call(run: &mut Run<'_>) {
    if let Some(confirmation) = &mut run.callback.confirmation {
        confirmation.done = true;
    }
    run.wait_for_turn();
}
