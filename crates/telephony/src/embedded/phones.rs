//! The registrar: phones register with a digest and expire.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Request};
use rsipstack::transaction::transaction::Transaction;
use sip::digest::{Algorithm, Check, Credentials, Nonces};
use sip::registrar::{Contact, Refused, Register};

use super::clock::{bytes, token};
use super::core::{Core, lock};
use super::incoming::reached;
use super::message::{Reply, cseq, value, values};
use crate::port::Event;

/// Longest time between two looks at the bindings.
const LOOK_EVERY_MS: u64 = 1000;

/// What a REGISTER is answered with.
struct Answer {
    status: u16,
    headers: Vec<Header>,
    /// An extension that became reachable or unreachable.
    change: Option<(String, bool)>,
}

impl Answer {
    fn of(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            change: None,
        }
    }
}

/// Answers a REGISTER request.
pub(super) async fn register(core: &Arc<Core>, mut transaction: Box<Transaction>) {
    let Some(reached) = reached(&transaction) else {
        return;
    };
    let answer = decide(core, &transaction.original, reached.address);
    let tag = token(16);
    let reply = Reply {
        local_tag: &tag,
        headers: answer.headers,
        ..Reply::default()
    };
    let response = reply.build(core, &transaction.original, answer.status);
    if let Err(error) = transaction.respond(response).await {
        tracing::debug!(status = answer.status, %error, "an answer to REGISTER was not sent");
    }
    if let Some((extension, registered)) = answer.change {
        let peer = reached.address;
        if registered {
            tracing::info!(extension, %peer, "a phone registered");
        } else {
            tracing::info!(extension, %peer, "a phone took its registration back");
        }
        core.report(Event::Phone {
            extension,
            registered,
        })
        .await;
    }
}

fn decide(core: &Core, request: &Request, source: std::net::SocketAddr) -> Answer {
    debug_assert_eq!(request.method, Method::Register);
    let to = value(&request.headers, "To");
    let extension = sip::header::Address::parse(to)
        .map(|a| sip::header::user(a.uri))
        .unwrap_or_default();
    if extension.is_empty() {
        return Answer::of(404);
    }
    let now_ms = core.clock.now_ms();
    match authenticate(core, request, &extension, now_ms) {
        Auth::Accepted => {}
        Auth::Challenge { stale } => return challenge(core, stale, now_ms),
        Auth::Forbidden => {
            refused(core, &extension, source, now_ms);
            return Answer::of(403);
        }
    }
    let Some((contacts, all)) = Contact::list(values(&request.headers, "Contact")) else {
        return Answer::of(400);
    };
    let wanted = Register {
        contacts,
        all,
        expires_s: value(&request.headers, "Expires").trim().parse().ok(),
        call_id: value(&request.headers, "Call-ID").to_owned(),
        cseq: cseq(&request.headers),
        source,
        path: values(&request.headers, "Path")
            .flat_map(sip::header::elements)
            .map(str::to_owned)
            .collect(),
    };
    let done = lock(&core.registrar).register(&extension, &wanted, now_ms);
    match done {
        Ok(done) => {
            let contact = |(uri, expires_s): &(String, u32)| {
                Header::Contact(format!("<{uri}>;expires={expires_s}").into())
            };
            let mut headers: Vec<Header> = done.bindings.iter().map(contact).collect();
            headers.extend(
                wanted
                    .path
                    .into_iter()
                    .map(|path| Header::Path(path.into())),
            );
            let change = done.change.map(|registered| (extension, registered));
            Answer {
                status: 200,
                headers,
                change,
            }
        }
        Err(Refused::TooBrief { min_s }) => Answer {
            headers: vec![Header::MinExpires(min_s.to_string().into())],
            ..Answer::of(423)
        },
        Err(Refused::Wildcard) => Answer::of(400),
        Err(Refused::TooMany) => Answer::of(403),
        Err(Refused::OutOfOrder) => Answer::of(500),
    }
}

/// Counts a REGISTER with wrong credentials and says so, once in a while for each address.
fn refused(core: &Core, extension: &str, source: std::net::SocketAddr, now_ms: u64) {
    core.logins_failed.fetch_add(1, Ordering::Relaxed);
    let Some(left_out) = lock(&core.notices).due(source.ip(), now_ms) else {
        return;
    };
    // What a stranger wrote may be anything, a customer's number too.
    let known = core.phones.password(extension).is_some();
    tracing::warn!(
        %source,
        extension = known.then_some(extension),
        left_out,
        "a phone was refused: {}",
        if known { "wrong password" } else { "unknown extension" }
    );
}

enum Auth {
    Accepted,
    Challenge { stale: bool },
    Forbidden,
}

/// Checks the digest; an unknown extension is treated like a wrong password.
fn authenticate(core: &Core, request: &Request, extension: &str, now_ms: u64) -> Auth {
    let realm = &core.settings.realm;
    let Some(credentials) = values(&request.headers, "Authorization")
        .filter_map(Credentials::parse)
        .find(|credentials| credentials.realm == *realm)
    else {
        return Auth::Challenge { stale: false };
    };
    let password = match core.phones.password(extension) {
        Some(password) if credentials.username == extension => password,
        _ => return Auth::Forbidden,
    };
    let mut nonces = lock(&core.nonces);
    match nonces.check(&credentials, realm, &password, "REGISTER", now_ms) {
        Check::Accepted => Auth::Accepted,
        Check::Stale => Auth::Challenge { stale: true },
        Check::Wrong => Auth::Forbidden,
    }
}

/// 401 with MD5 alone: phones in the field (baresip 1.0 among them) drop an answer that also
/// offers an algorithm they do not know, although RFC 8760 §2.4 wants them to pass over it.
fn challenge(core: &Core, stale: bool, now_ms: u64) -> Answer {
    let nonce = lock(&core.nonces).issue(bytes(), now_ms);
    let challenge = Nonces::challenge(&core.settings.realm, &nonce, Algorithm::Md5, stale);
    Answer {
        status: 401,
        headers: vec![Header::WwwAuthenticate(challenge.into())],
        change: None,
    }
}

/// Reports phones whose registration ran out, and forgets old call keys.
pub(super) async fn keep_house(core: Arc<Core>) {
    loop {
        let now_ms = core.clock.now_ms();
        let ended = lock(&core.registrar).expire(now_ms);
        for extension in ended {
            tracing::info!(extension, "a phone's registration ran out");
            core.report(Event::Phone {
                extension,
                registered: false,
            })
            .await;
        }
        core.forget_finished();
        let next_ms = lock(&core.registrar).next_expiry_ms();
        let wait_ms = next_ms.map_or(LOOK_EVERY_MS, |next| next.saturating_sub(now_ms));
        let wait = Duration::from_millis(wait_ms.clamp(10, LOOK_EVERY_MS));
        tokio::time::sleep(wait).await;
    }
}
