//! The UDP socket as the stack sees it: what it could not read is answered here.

use std::net::SocketAddr;
use std::pin::Pin;

use rsipstack::platform::net::UdpSocket;
use rsipstack::sip::Uri;
use sip::stray::{Judgement, Refusal, judge, repair};

use super::message::ALLOW;

type Received<'a, T> = Pin<Box<dyn Future<Output = rsipstack::Result<T>> + Send + 'a>>;

/// A socket that keeps what is malformed, and methods nobody knows, from the stack.
pub(super) struct Datagrams(pub(super) tokio::net::UdpSocket);

impl Datagrams {
    /// The next datagram that the stack can read.
    async fn next(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, source) = self.0.recv_from(buffer).await?;
            let Some(datagram) = buffer.get_mut(..length) else {
                continue;
            };
            // Keep-alives of phones are the stack's.
            if datagram.iter().all(u8::is_ascii_whitespace) {
                return Ok((length, source));
            }
            repair(datagram);
            match judge(datagram, source, ALLOW, |uri| Uri::try_from(uri).is_ok()) {
                Judgement::Pass => return Ok((length, source)),
                Judgement::Refuse(refusal) => self.refuse(&refusal).await,
                Judgement::Drop => tracing::debug!(length, %source, "a datagram was dropped"),
            }
        }
    }

    async fn refuse(&self, refusal: &Refusal) {
        let status = refusal.status;
        match self.0.send_to(&refusal.bytes, refusal.to).await {
            Ok(_) => {
                tracing::debug!(status, peer = %refusal.to, "a request that nobody can read was refused");
            }
            Err(error) => tracing::debug!(status, %error, "an answer was not sent"),
        }
    }
}

// Written out as the macro of the trait would do it.
impl UdpSocket for Datagrams {
    fn recv_from<'a, 'b, 'out>(&'a self, buf: &'b mut [u8]) -> Received<'out, (usize, SocketAddr)>
    where
        'a: 'out,
        'b: 'out,
        Self: 'out,
    {
        Box::pin(self.next(buf))
    }

    fn send_to<'a, 'b, 'out>(&'a self, buf: &'b [u8], addr: SocketAddr) -> Received<'out, usize>
    where
        'a: 'out,
        'b: 'out,
        Self: 'out,
    {
        Box::pin(async move { Ok(self.0.send_to(buf, addr).await?) })
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }
}
