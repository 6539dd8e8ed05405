//! Sending requests: where they go, over which connection, and their final answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rsipstack::sip::{
    Header, Method, Request, Response, SipMessage, StatusCodeKind, Transport, Uri,
};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::{SipAddr, SipConnection};

use super::clock::{branch, token};
use super::core::Core;
use super::message::{cseq, value, values};

/// Longest wait for a name or a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers to challenges per request: one, and one more when only the nonce was stale.
const CHALLENGES_MAX: u32 = 2;

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) address: SocketAddr,
    pub(super) tcp: bool,
    /// An existing stream that is preferred while it lives.
    pub(super) stream: Option<SipConnection>,
}

impl Destination {
    /// As it stands in a dialog record, e.g. `udp:127.0.0.1:5080`.
    pub(super) fn text(&self) -> String {
        format!("{}:{}", if self.tcp { "tcp" } else { "udp" }, self.address)
    }

    /// Reads what [`Self::text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (transport, address) = text.split_once(':')?;
        Some(Self {
            address: address.parse().ok()?,
            tcp: transport == "tcp",
            stream: None,
        })
    }

    /// The address in the stack's form.
    fn sip_addr(&self) -> SipAddr {
        SipAddr {
            r#type: Some(if self.tcp {
                Transport::Tcp
            } else {
                Transport::Udp
            }),
            addr: self.address.into(),
        }
    }
}

/// User name and password for challenges.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

impl Credentials {
    /// Repeats a request with the answer to its challenge: next `CSeq`, new branch.
    /// `None` when the challenge cannot be answered.
    pub(super) fn answer(&self, request: &Request, response: &Response) -> Option<Request> {
        let proxy = response.status_code.code() == 407;
        let name = if proxy {
            "Proxy-Authenticate"
        } else {
            "WWW-Authenticate"
        };
        let uri = request.uri.to_string();
        let method = request.method.to_string();
        let account = sip::digest::Account {
            username: &self.username,
            password: &self.password,
            method: &method,
            uri: &uri,
        };
        let answer = values(&response.headers, name)
            .find_map(|challenge| sip::digest::authorization(challenge, &account, &token(16)))?;
        let mut again = next(request);
        again.headers.retain(|header| match header {
            Header::Authorization(_) => proxy,
            Header::ProxyAuthorization(_) => !proxy,
            _ => true,
        });
        again.headers.push(if proxy {
            Header::ProxyAuthorization(answer.into())
        } else {
            Header::Authorization(answer.into())
        });
        Some(again)
    }
}

/// The same request once more: next `CSeq`, new branch.
pub(super) fn next(request: &Request) -> Request {
    let mut again = request.clone();
    let number = cseq(&request.headers) + 1;
    let method = &request.method;
    for header in again.headers.iter_mut() {
        match header {
            Header::CSeq(value) => value.replace(format!("{number} {method}")),
            Header::Via(value) => {
                let start = value.value().split(";branch=").next().unwrap_or_default();
                value.replace(format!("{start};branch={};rport", branch()));
            }
            _ => {}
        }
    }
    again
}

/// The challenge may be answered: none was before, or only the nonce was too old.
pub(super) fn may_answer(tries: u32, response: &Response) -> bool {
    let stale = ["WWW-Authenticate", "Proxy-Authenticate"]
        .into_iter()
        .any(|name| values(&response.headers, name).any(sip::digest::is_stale));
    tries == 0 || (tries < CHALLENGES_MAX && stale)
}

impl Core {
    /// Finds the address of a host.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, port));
        }
        let v4 = self.settings.advertised.is_ipv4();
        let lookup = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, port)));
        lookup
            .await
            .ok()?
            .ok()?
            .find(|address| address.is_ipv4() == v4)
    }

    /// Where a URI points; `tcp` holds when it does not say.
    pub(super) async fn locate(&self, uri: &Uri, tcp: bool) -> Option<Destination> {
        let transport = uri.params.iter().find_map(|param| match param {
            rsipstack::sip::Param::Transport(transport) => Some(*transport),
            _ => None,
        });
        let tcp = match transport {
            None => tcp,
            Some(Transport::Udp) => false,
            Some(Transport::Tcp) => true,
            Some(_) => return None,
        };
        let port = uri.host_with_port.port.map_or(5060, |port| port.value());
        let host = uri.host_with_port.host.to_string();
        let address = self.resolve(&host, port).await?;
        Some(Destination {
            address,
            tcp,
            stream: None,
        })
    }

    /// Makes a client transaction that can be sent; `None` when the peer cannot be reached.
    pub(super) async fn open(
        &self,
        request: Request,
        destination: &Destination,
    ) -> Option<Box<Transaction>> {
        let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
        let address = destination.sip_addr();
        let connection = match &destination.stream {
            Some(stream) if !stream.cancel_token().is_some_and(|t| t.is_cancelled()) => {
                stream.clone()
            }
            _ => {
                let lookup = self.endpoint.transport_layer.lookup(&address, None);
                tokio::time::timeout(CONNECT_TIMEOUT, lookup)
                    .await
                    .ok()?
                    .ok()?
                    .0
            }
        };
        let mut transaction = Box::new(Transaction::new_client(
            key,
            request,
            self.endpoint.clone(),
            Some(connection),
        ));
        transaction.destination = Some(address);
        Some(transaction)
    }

    /// Sends a request and waits for its final answer; `None` when none came.
    pub(super) async fn exchange(
        &self,
        request: Request,
        destination: &Destination,
    ) -> Option<Response> {
        let invite = request.method == Method::Invite;
        let mut transaction = self.open(request, destination).await?;
        transaction.send().await.ok()?;
        while let Some(message) = transaction.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                if invite {
                    // The stack acknowledges repeated finals while the transaction is heard.
                    self.spawn(async move { while transaction.receive().await.is_some() {} });
                }
                return (!self.is_made_up(&response)).then_some(response);
            }
        }
        None
    }

    /// As [`Self::exchange`], answering challenges.
    pub(super) async fn exchange_as(
        &self,
        mut request: Request,
        destination: &Destination,
        credentials: Option<&Credentials>,
    ) -> Option<Response> {
        let mut tries = 0;
        loop {
            let response = self.exchange(request.clone(), destination).await?;
            if !matches!(response.status_code.code(), 401 | 407) || !may_answer(tries, &response) {
                return Some(response);
            }
            match credentials.and_then(|c| c.answer(&request, &response)) {
                Some(again) => request = again,
                None => return Some(response),
            }
            tries += 1;
        }
    }

    /// The stack made this answer itself: a timer ran out or the stream broke. Such answers
    /// carry our own name and no To tag.
    pub(super) fn is_made_up(&self, response: &Response) -> bool {
        matches!(response.status_code.code(), 408 | 503)
            && sip::header::tag(value(&response.headers, "To")).is_none()
            && value(&response.headers, "User-Agent") == self.settings.user_agent
    }
}

/// The CANCEL of an INVITE (RFC 3261 §9.1): same Request-URI, Via, route, From, To, number.
pub(super) fn cancel_of(invite: &Request, reason: Option<String>) -> Request {
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.body = Vec::new();
    cancel.headers.retain(|header| {
        matches!(
            header,
            Header::Via(_)
                | Header::Route(_)
                | Header::MaxForwards(_)
                | Header::From(_)
                | Header::To(_)
                | Header::CallId(_)
                | Header::CSeq(_)
                | Header::UserAgent(_)
        )
    });
    let number = cseq(&invite.headers);
    for header in cancel.headers.iter_mut() {
        if let Header::CSeq(value) = header {
            value.replace(format!("{number} CANCEL"));
        }
    }
    if let Some(reason) = reason {
        cancel.headers.push(Header::Reason(reason.into()));
    }
    cancel
}
