//! `PUT …/{service}/{id}`: changes a callback (callback-api §5).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::lifecycle::Change;
use callback::limits::BODY_MAX;
use callback::options;
use callback::record::{self, Reason};
use callback::routing::Target;
use callback::service::{parameter_text, split_body};
use callback::{ErrorCode, Timestamp};
use serde_json::{Map, Value};

use crate::error::{Failure, GmsError};
use crate::path::{GmsPath, callback_id, service_name};
use crate::{Api, answer, auth, body};

pub(super) async fn update(
    State(api): State<Arc<Api>>,
    GmsPath((name, id)): GmsPath<(String, String)>,
    request: Request,
) -> Result<Response, GmsError> {
    let name = service_name(&name)?;
    let headers = request.headers().clone();
    auth::service(&api, &headers, &name)?;
    let keys = body::read(request, BODY_MAX).await?.keys().await?;
    let change = change(keys, api.engine.now())?;
    if change.state == Some(record::State::Paused) {
        // As for the state to start with (callback-api §3).
        auth::operator(&api, &headers)?;
    }
    api.engine
        .update(Some(name), callback_id(&id)?, change)
        .await?;
    Ok(answer::empty())
}

/// What the body asks for; an empty one asks for "now".
fn change(keys: Map<String, Value>, now: Timestamp) -> Result<Change, Failure> {
    let nothing_given = keys.is_empty();
    let (parameters, user_data) = split_body(keys);
    let mut change = Change {
        user_data,
        desired: nothing_given.then_some(now),
        ..Change::default()
    };
    for name in parameters.keys() {
        let Some(text) = parameter_text(&parameters, name) else {
            continue;
        };
        match name.as_str() {
            "_new_desired_time" => change.desired = Some(time(&text)?),
            "_target" => {
                let target = Target::parse(&text).map_err(|message| bad(name, &message))?;
                change.target = Some(target);
            }
            "_urs_vq_priority" => change.priority = Some(number(name, &text)?),
            "_urs_vq_priority_increment" => change.priority_increment = Some(number(name, &text)?),
            "_urs_vq_priority_increment_interval" => {
                change.priority_increment_interval_s = Some(number(name, &text)?);
            }
            "_callback_state" => {
                let state = record::State::parse(&text);
                change.state = Some(state.ok_or_else(|| bad(name, "there is no such state"))?);
            }
            "_callback_reason" => {
                let reason = Reason::parse(&text);
                let form = "a reason has up to 63 letters, digits, '_', '-' and '.'";
                change.reason = Some(reason.ok_or_else(|| bad(name, form))?);
            }
            _ => {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                let message = format!("{shown} cannot be changed after creation; nothing changed");
                return Err(Failure::field(ErrorCode::BadParameter, &shown, message));
            }
        }
    }
    if change.reason.is_some() && change.state != Some(record::State::Completed) {
        return Err(bad(
            "_callback_reason",
            "it needs _callback_state COMPLETED; nothing changed",
        ));
    }
    Ok(change)
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse_iso(text).ok_or_else(|| {
        bad(
            "_new_desired_time",
            "must be a time such as 2026-10-05T13:00:00.000Z",
        )
    })
}

/// A number within the bounds of the option of that name.
fn number(name: &str, text: &str) -> Result<i64, Failure> {
    if let Some(Err(message)) = options::find(name).map(|entry| entry.kind.check(text)) {
        return Err(bad(name, &message));
    }
    text.parse()
        .map_err(|_error| bad(name, "not a whole number"))
}

fn bad(name: &str, message: &str) -> Failure {
    Failure::field(ErrorCode::BadParameter, name, format!("{name}: {message}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::phrase;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn read(body: &Value) -> Result<Change, String> {
        change(body.as_object().cloned().unwrap(), NOW).map_err(|f| phrase(&f))
    }

    #[test]
    fn an_empty_body_means_now_and_data_alone_moves_nothing() {
        assert_eq!(read(&json!({})).unwrap().desired, Some(NOW));
        let time = json!({"_new_desired_time": "2026-09-21T14:13:20.000Z", "topic": 5});
        let change = read(&time).unwrap();
        assert_eq!(change.desired, Some(Timestamp(1_790_000_000_000)));
        assert_eq!(change.user_data["topic"], "5");
        assert_eq!(read(&json!({"topic": "x"})).unwrap().desired, None);
        assert_eq!(read(&json!({"_urs_vq_priority": 5})).unwrap().desired, None);
    }

    #[test]
    fn target_and_priority_are_checked_like_the_options() {
        let body = json!({"_target": "Loans@Stats.GA", "_urs_vq_priority": 7,
            "_urs_vq_priority_increment": "2", "_urs_vq_priority_increment_interval": 60});
        let change = read(&body).unwrap();
        assert_eq!(change.target.map(|t| t.steps.len()), Some(1));
        assert_eq!(change.priority, Some(7));
        assert_eq!(change.priority_increment, Some(2));
        assert_eq!(change.priority_increment_interval_s, Some(60));
        for body in [
            json!({"_target": "?:"}),
            json!({"_urs_vq_priority": "high"}),
            json!({"_urs_vq_priority_increment_interval": -1}),
            json!({"_new_desired_time": "tomorrow"}),
            json!({"_new_desired_time": 5}),
            json!({"_ttl": 5, "topic": "x"}),
            json!({"_callback_reason": "CANCELLED"}),
            json!({"_callback_state": "PAUSED", "_callback_reason": "CANCELLED"}),
            json!({"_callback_state": "COMPLETED", "_callback_reason": "two words"}),
        ] {
            assert_eq!(read(&body), Err("BAD_PARAMETER".to_owned()), "{body}");
        }
    }
}
