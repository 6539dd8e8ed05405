//! `GET {app}/1/phonenumber`: what is known about a number (callback-api §13).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use callback::ErrorCode;
use callback::number::{country_code, describe};
use serde_json::json;

use crate::error::{Failure, GmsError};
use crate::{Api, answer, auth, body};

pub(super) async fn describe_number(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    auth::subscriber(&api, &headers)?;
    let (mut number, mut country, mut language) = (None, "US".to_owned(), String::new());
    for (key, value) in body::query_pairs(query.as_deref())? {
        match key.as_str() {
            "number" => number = Some(value),
            "country" => {
                country = country_code(&value).map_err(|message| {
                    Failure::field(ErrorCode::BadParameter, "country", message)
                })?;
            }
            "geocodingLocale" => language = value,
            _ => return Err(body::unknown_key(&key, "number, country, geocodingLocale").into()),
        }
    }
    let number = number
        .filter(|number| !number.trim().is_empty())
        .ok_or_else(|| Failure::field(ErrorCode::MissingKey, "number", "The query needs number"))?;
    let told = describe(&number, &country).ok_or_else(|| {
        let message = "This cannot be read as a phone number";
        Failure::field(ErrorCode::BadNumber, "number", message)
    })?;
    Ok(answer::ok(&json!({
        "number-specified": number,
        "country-default": country,
        "language-specified": language,
        // Names of places are not part of the metadata: the country is told.
        "location": told.country,
        "valid": told.valid,
        "possible": told.possible,
        "premium": told.premium,
        "type": told.kind,
        "e164": told.e164,
        "international": told.international,
        "national": told.national,
    }))?)
}
