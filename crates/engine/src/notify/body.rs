//! Bodies of servers' answers, read within a bound.

use super::describe;

/// Why a body cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is larger than this many bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// The connection broke, or its time was over.
    #[error("{0}")]
    Broken(String),
}

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// When it is larger, or does not come to its end.
pub(crate) async fn read(
    mut response: reqwest::Response,
    max: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > max => {
                return Err(BodyError::TooLarge(max));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(BodyError::Broken(describe(&error))),
        }
    }
}
