//! Registering ourselves at another server, as a trunk may ask and a simulated phone does.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Response};
use sip::trunk::back_off_ms;
use tokio_util::sync::CancellationToken;

use super::clock::token;
use super::core::Core;
use super::exchange::{Credentials, Destination};
use super::message::{Parts, uri, value, values};
use crate::port::{Account, Event};

/// Goodbye at shutdown takes no longer.
const GOODBYE: Duration = Duration::from_millis(700);

/// Keeps an account registered until `over` is cancelled or the driver ends; a trunk is down
/// while that fails.
pub(super) async fn keep(
    core: Arc<Core>,
    account: Account,
    trunk: Option<String>,
    over: CancellationToken,
) {
    let mut registration = Registration {
        call_id: token(24),
        tag: token(16),
        cseq: 0,
        expires_s: u32::try_from(account.expires.as_secs())
            .unwrap_or(u32::MAX)
            .max(1),
        account,
    };
    let mut reported = None;
    let mut failures = 0;
    loop {
        let done = tokio::select! {
            done = registration.register(&core) => done,
            () = over.cancelled() => break,
        };
        let registered = done.is_ok();
        if matches!(done, Err(Failure::Brief)) {
            continue;
        }
        if reported != Some(registered) {
            reported = Some(registered);
            let username = registration.account.username.clone();
            core.report(Event::Account {
                username,
                registered,
            })
            .await;
        }
        if let Some(trunk) = &trunk {
            core.trunk_registered(trunk, registered).await;
        }
        let wait = match done {
            Ok(expires_s) => {
                failures = 0;
                // Refreshed at nine tenths, or half the time when it is short.
                let lead_s = (expires_s / 10).max(2).min(expires_s / 2);
                Duration::from_secs(u64::from(expires_s - lead_s)).max(Duration::from_millis(500))
            }
            Err(Failure::Brief | Failure::Refused) => {
                failures += 1;
                let [random] = super::clock::bytes();
                Duration::from_millis(back_off_ms(failures, random))
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = over.cancelled() => break,
        }
    }
    // A registration that another one replaces must not take the new binding away.
    if reported == Some(true) && core.ending.is_cancelled() {
        registration.expires_s = 0;
        tokio::time::timeout(GOODBYE, registration.register(&core))
            .await
            .ok();
    }
}

struct Registration {
    account: Account,
    call_id: String,
    tag: String,
    cseq: u32,
    expires_s: u32,
}

enum Failure {
    /// The lifetime was too short; a longer one is tried at once.
    Brief,
    /// Anything else.
    Refused,
}

impl Registration {
    /// Sends REGISTER; the lifetime granted, seconds.
    async fn register(&mut self, core: &Core) -> Result<u32, Failure> {
        let destination = self.destination(core).await.ok_or(Failure::Refused)?;
        let registrar = uri(&self.account.registrar).ok_or(Failure::Refused)?;
        let user = sip::header::encode_user(&self.account.username);
        let host = registrar.host_with_port.host.to_string();
        self.cseq += 1;
        let to = format!("<sip:{user}@{host}>");
        let parts = Parts {
            method: Method::Register,
            uri: registrar,
            via: core.via(destination.tcp),
            from: &format!("{to};tag={}", self.tag),
            to: &to,
            call_id: &self.call_id,
            cseq: self.cseq,
            routes: &[],
        };
        let mut request = parts.build(core);
        let contact = core.contact(&self.account.username, destination.tcp);
        request
            .headers
            .push(Header::Contact(contact.clone().into()));
        request
            .headers
            .push(Header::Expires(self.expires_s.to_string().into()));
        let credentials = Credentials {
            username: self.account.username.clone(),
            password: self.account.password.clone(),
        };
        let answer = core
            .exchange_as(request, &destination, Some(&credentials))
            .await;
        // The answers to challenges took numbers of their own.
        self.cseq += 2;
        let answer = answer.ok_or(Failure::Refused)?;
        match answer.status_code.code() {
            200 => Ok(self.granted(&answer, &contact)),
            423 => {
                let min_s = value(&answer.headers, "Min-Expires")
                    .trim()
                    .parse()
                    .unwrap_or(0);
                if min_s <= self.expires_s {
                    return Err(Failure::Refused);
                }
                self.expires_s = min_s;
                Err(Failure::Brief)
            }
            status => {
                tracing::info!(status, "a registration was refused");
                Err(Failure::Refused)
            }
        }
    }

    async fn destination(&self, core: &Core) -> Option<Destination> {
        core.locate(&uri(&self.account.registrar)?, false).await
    }

    /// The lifetime of our contact in the answer, else the header, else what was wished.
    fn granted(&self, answer: &Response, contact: &str) -> u32 {
        let ours = sip::header::Address::parse(contact).map(|a| a.uri.to_ascii_lowercase());
        values(&answer.headers, "Contact")
            .flat_map(sip::header::elements)
            .filter_map(sip::header::Address::parse)
            .find(|address| Some(address.uri.to_ascii_lowercase()) == ours)
            .and_then(|address| address.parameter("expires")?.parse().ok())
            .or_else(|| value(&answer.headers, "Expires").trim().parse().ok())
            .unwrap_or(self.expires_s)
            .max(1)
    }
}
