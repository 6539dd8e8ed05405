//! Heads that the HTTP library refuses by itself: its answers get the body of the reference.
//!
//! A head that is too large or malformed never reaches the router, so the library answers it
//! with a status alone. Which surface was meant is not known; the compatible form is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::answer::JSON_TYPE;
use crate::limits::{LINGER_MAX, LINGER_TIME};

/// A stream on which bare refusals are replaced.
#[derive(Debug)]
pub(crate) struct Spoken<S> {
    inner: S,
    /// What is written instead, and how much of it is.
    instead: Option<(Vec<u8>, usize)>,
    refused: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Spoken<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self {
            inner,
            instead: None,
            refused: false,
        }
    }

    /// After a refusal: takes what the client still sends, up to a bound. Closing with unread
    /// bytes would reset the connection before the client has read the answer.
    pub(crate) async fn linger(mut self) {
        if !self.refused {
            return;
        }
        let mut buffer = vec![0; 16 * 1024];
        let take = async {
            let mut taken = 0;
            while let Ok(count @ 1..) = self.inner.read(&mut buffer).await {
                taken += count;
                if taken > LINGER_MAX {
                    return;
                }
            }
        };
        // Whoever sends longer than that gets the reset.
        drop(tokio::time::timeout(LINGER_TIME, take).await);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Spoken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Spoken<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() {
            let Some(status) = bare_refusal(bytes) else {
                return Pin::new(&mut this.inner).poll_write(context, bytes);
            };
            this.refused = true;
            this.instead = Some((spoken(status), 0));
        }
        // The caller's bytes count as written once all of ours are.
        while let Some((text, written)) = &mut this.instead {
            let rest = text.get(*written..).unwrap_or_default();
            if rest.is_empty() {
                this.instead = None;
                break;
            }
            match ready!(Pin::new(&mut this.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// The status of an answer that the library made by itself: a refusal of the head without a body.
/// Our own refusals have a body, always.
fn bare_refusal(bytes: &[u8]) -> Option<u16> {
    let head = std::str::from_utf8(bytes.strip_prefix(b"HTTP/1.")?).ok()?;
    let status: u16 = head.get(2..5)?.parse().ok()?;
    let is_bare = head.contains("\r\ncontent-length: 0\r\n") && head.ends_with("\r\n\r\n");
    (matches!(status, 400 | 414 | 431) && is_bare).then_some(status)
}

/// The whole answer.
fn spoken(status: u16) -> Vec<u8> {
    let (reason, phrase, message) = match status {
        431 => (
            "Request Header Fields Too Large",
            "HEADERS_TOO_LARGE",
            "The headers of the request are too many or too long",
        ),
        414 => ("URI Too Long", "URI_TOO_LONG", "The address is too long"),
        _ => (
            "Bad Request",
            "BAD_REQUEST",
            "This is no HTTP request that can be read",
        ),
    };
    let body = json!({
        "code": status,
        "phrase": phrase,
        "exception": "ringback.CallbackRefused",
        "message": message,
    })
    .to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {JSON_TYPE}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
        connection: close\r\ncontent-length: 0\r\ndate: Sat, 21 Nov 2026 07:44:32 GMT\r\n\r\n";

    #[test]
    fn answers_of_our_own_stay_as_they_are() {
        assert_eq!(bare_refusal(BARE), Some(431));
        for own in [
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 12\r\n\r\n{\"code\":400}".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: x\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: x\r\n\r\n{}",
            b"HTTP/1.1 4",
            b"HTTP/1.1 4\xff0 x\r\ncontent-length: 0\r\n\r\n",
            b"",
        ] {
            assert_eq!(bare_refusal(own), None, "{own:?}");
        }
    }

    #[tokio::test]
    async fn a_bare_refusal_is_replaced_however_small_the_steps_are() {
        let (ours, mut theirs) = tokio::io::duplex(7);
        let mut spoken = Spoken::new(ours);
        let write = async {
            spoken.write_all(BARE).await.unwrap();
            spoken.shutdown().await.unwrap();
            spoken.linger().await;
        };
        let mut text = String::new();
        let read = async {
            theirs.read_to_string(&mut text).await.unwrap();
            drop(theirs);
        };
        tokio::join!(write, read);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["code"], &body["phrase"]),
            (&json!(431), &json!("HEADERS_TOO_LARGE"))
        );
    }
}
