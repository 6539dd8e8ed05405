//! Documents and what they include: from the disk or over HTTP, bounded.

use std::time::Duration;

use scxml::limits::DOCUMENT_BYTES_MAX;

/// Longest wait for one document.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

/// Reads a file or an address.
pub(super) async fn read(address: &str) -> Result<String, String> {
    if address.starts_with("http://") || address.starts_with("https://") {
        return fetch(address).await;
    }
    let path = address.strip_prefix("file://").unwrap_or(address);
    let size = tokio::fs::metadata(path)
        .await
        .map_err(|error| error.to_string())?
        .len();
    if size > u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX) {
        return Err(format!("it is larger than {DOCUMENT_BYTES_MAX} bytes"));
    }
    tokio::fs::read_to_string(path)
        .await
        .map_err(|error| error.to_string())
}

async fn fetch(address: &str) -> Result<String, String> {
    let client = reqwest::Client::builder().timeout(FETCH_WITHIN).build();
    let client = client.map_err(|error| error.to_string())?;
    let answer = client
        .get(address)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let mut answer = answer
        .error_for_status()
        .map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
        body.extend_from_slice(&chunk);
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(format!("it is larger than {DOCUMENT_BYTES_MAX} bytes"));
        }
    }
    String::from_utf8(body).map_err(|_bytes| "it is no UTF-8 text".to_owned())
}
