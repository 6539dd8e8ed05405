//! `GET|POST {app}/1/service/{id}/{action}`: a step of a dialog with the customer's app
//! (callback-api §9.2).
//!
//! The push to the device names the step `menu`; the menu has a URL for each choice. Every answer
//! is a dialog again.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use callback::confirm::{Choice, MENU};
use callback::record::Phase;
use callback::{Callback, ErrorCode};
use serde_json::{Value, json};

use super::by_id::open_to_caller;
use super::start::header_text;
use crate::error::{Failure, GmsError};
use crate::limits::GMS_USER_MAX;
use crate::path::{GmsPath, encode_segment};
use crate::{Api, answer, body};

pub(super) async fn step(
    State(api): State<Arc<Api>>,
    GmsPath((id, action)): GmsPath<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, &headers, &id).await?;
    check_user(&callback, &headers)?;
    let token = token(body::query_pairs(query.as_deref())?)?;
    if action == MENU {
        return Ok(answer::ok(&menu(&api, &callback)?)?);
    }
    let Some(choice) = Choice::parse(&action) else {
        let message = "There is nothing at this path";
        return Err(Failure::new(ErrorCode::NotFound, message).into());
    };
    let number = dialog_number(&callback);
    api.engine
        .choose(callback.id.clone(), choice, token)
        .await?;
    let texts = callback.texts();
    let text = match choice {
        Choice::Confirm => texts.confirmed,
        Choice::Later => texts.postponed,
        Choice::Cancel => texts.cancelled,
    };
    Ok(answer::ok(&json!({
        "_id": callback.id.as_str(),
        "_dialogId": number,
        "_action": "ConfirmationDialog",
        "_text": text,
        "_okTitle": texts.ok,
    }))?)
}

/// A callback that a user asked for answers to that user only.
fn check_user(callback: &Callback, headers: &HeaderMap) -> Result<(), Failure> {
    let presented = header_text(headers, "gms_user", GMS_USER_MAX)?;
    match &callback.gms_user {
        Some(owner) if presented.as_ref() != Some(owner) => Err(Failure::field(
            ErrorCode::Unauthorized,
            "gms_user",
            "The dialog belongs to another user; send gms_user as the request had it",
        )),
        _ => Ok(()),
    }
}

fn token(pairs: Vec<(String, String)>) -> Result<String, Failure> {
    let mut token = String::new();
    for (key, value) in pairs {
        if key != "token" {
            return Err(body::unknown_key(&key, "token"));
        }
        token = value;
    }
    Ok(token)
}

/// Number of the question, as text like all numbers of the dialogs.
fn dialog_number(callback: &Callback) -> String {
    let asked = callback.confirmation.as_ref().map_or(0, |c| c.asked);
    asked.to_string()
}

/// The choices of the open question.
fn menu(api: &Api, callback: &Callback) -> Result<Value, Failure> {
    let token = callback.confirmation.as_ref().map(|c| c.token.as_str());
    let (Phase::Confirming, Some(token)) = (&callback.phase, token) else {
        let message = "There is no question to answer now";
        return Err(Failure::new(ErrorCode::InvalidState, message));
    };
    let texts = callback.texts();
    let choice = |choice: &Choice| {
        let label = match choice {
            Choice::Confirm => &texts.confirm,
            Choice::Later => &texts.later,
            Choice::Cancel => &texts.cancel,
        };
        let url = format!(
            "{}{}/1/service/{}/{}?token={token}",
            api.public_url.trim_end_matches('/'),
            api.app,
            encode_segment(callback.id.as_str()),
            choice.as_str(),
        );
        json!({"_label": label, "_user_action_url": url})
    };
    let choices: Vec<Value> = Choice::ALL.iter().map(choice).collect();
    Ok(json!({
        "_id": callback.id.as_str(),
        "_dialogId": dialog_number(callback),
        "_action": "DisplayMenu",
        "_text": texts.question,
        "_content": [{"_group_name": texts.group, "_group_content": choices}],
    }))
}
