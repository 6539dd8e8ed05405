//! Pages, scripts, grammars and data: from the disk or over HTTP, bounded.

use std::time::Duration;

use vxml::limits::DOCUMENT_BYTES_MAX;
use vxml::{Answer, Body, FetchError, FetchRequest};

/// Longest wait for the first page.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

/// Whether an address is one of HTTP.
pub(super) fn is_http(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// Reads a file or an address.
pub(super) async fn read(address: &str) -> Result<Answer, FetchError> {
    if is_http(address) {
        return get(address, None, FETCH_WITHIN).await;
    }
    file(address).await
}

/// Does what an application asks for; only an application from the disk may read from it.
pub(super) async fn fetch(request: &FetchRequest, from_disk: bool) -> Result<Answer, FetchError> {
    let body = match &request.body {
        None => None,
        Some(Body::Form(form)) => Some(form.clone()),
        Some(Body::Multipart(_)) => {
            return Err(failed("there are no recordings to send without a phone"));
        }
    };
    if is_http(&request.url) {
        return get(
            &request.url,
            body,
            Duration::from_millis(request.timeout_ms),
        )
        .await;
    }
    if !from_disk {
        return Err(failed("a page from the network may not read files"));
    }
    file(&request.url).await
}

fn failed(message: impl Into<String>) -> FetchError {
    FetchError {
        status: None,
        forbidden: false,
        message: message.into(),
    }
}

async fn file(address: &str) -> Result<Answer, FetchError> {
    let path = address.strip_prefix("file://").unwrap_or(address);
    let path = path.split('?').next().unwrap_or_default();
    let size = tokio::fs::metadata(path)
        .await
        .map_err(|error| failed(format!("{path}: {error}")))?
        .len();
    if size > u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX) {
        return Err(failed(format!(
            "{path}: larger than {DOCUMENT_BYTES_MAX} bytes"
        )));
    }
    let body = tokio::fs::read(path)
        .await
        .map_err(|error| failed(format!("{path}: {error}")))?;
    let content_type = path
        .ends_with(".json")
        .then(|| "application/json".to_owned());
    Ok(Answer {
        url: String::new(),
        content_type,
        body,
    })
}

async fn get(url: &str, form: Option<String>, within: Duration) -> Result<Answer, FetchError> {
    let client = reqwest::Client::builder().timeout(within).build();
    let client = client.map_err(|error| failed(error.to_string()))?;
    let request = match form {
        Some(form) => client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
        None => client.get(url),
    };
    let mut answer = request
        .send()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !answer.status().is_success() {
        return Err(FetchError {
            status: Some(answer.status().as_u16()),
            ..failed(format!("{url}: {}", answer.status()))
        });
    }
    let content_type = answer.headers().get("content-type");
    let content_type = content_type
        .and_then(|kind| kind.to_str().ok())
        .map(str::to_owned);
    let final_url = answer.url().to_string();
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| failed(error.to_string()))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(failed(format!(
                "{url}: larger than {DOCUMENT_BYTES_MAX} bytes"
            )));
        }
    }
    Ok(Answer {
        url: final_url,
        content_type,
        body,
    })
}
