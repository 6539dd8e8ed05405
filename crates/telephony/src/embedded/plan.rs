//! How an outgoing call is to be placed: addresses, route, credentials, the INVITE itself.

use rsipstack::sip::{Header, Method, Request};
use sip::header::{encode_user, quoted, single_line};
use sip::redirect::Redirects;
use sip::result::{NO_TRUNK, NOT_REGISTERED, Outcome};
use sip::sdp::Codec;
use sip::session_timer::WANTED_S;

use super::Trunk;
use super::clock::token;
use super::core::{Core, lock};
use super::exchange::{Credentials, Destination};
use super::message::{ALLOW, Parts, sdp_headers, uri};
use super::session::offer_headers;
use super::tries::Way;
use crate::limits::HEADERS_MAX;
use crate::port::{CallerId, Originate, TrunkNumber};

/// Everything that is known before the INVITE leaves.
pub(super) struct Plan {
    pub(super) request_uri: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) routes: Vec<String>,
    pub(super) destination: Destination,
    pub(super) credentials: Option<Credentials>,
    pub(super) local_tag: String,
    pub(super) contact: String,
    /// Where it may be redirected to.
    pub(super) redirects: Redirects,
    /// Codecs to offer; none = all.
    pub(super) codecs: Vec<Codec>,
    /// Telephone events are not offered.
    pub(super) keys_as_tones: bool,
    identity: Option<String>,
}

/// Calls when nobody else is named; it is no identity that could be asserted.
const NOBODY: &str = "ringback";

/// A call that cannot be placed: outcome and the status that says it best.
pub(super) type Impossible = (Outcome, u16);

pub(super) const CONFIGURATION: Outcome = Outcome {
    call_state: sip::result::state::SYSTEM_ERROR,
    detail: "configuration",
    try_next_trunk: false,
};

/// Finds out where a call goes.
pub(super) async fn plan(
    core: &Core,
    originate: &Originate,
    way: &Way,
) -> Result<Plan, Impossible> {
    match way {
        Way::Trunk(TrunkNumber { trunk, number }) => {
            let trunk = core.trunk(trunk).ok_or((CONFIGURATION, 0))?;
            over_trunk(core, originate, trunk, number).await
        }
        Way::Extension(extension) => to_extension(core, originate, extension).await,
    }
}

async fn over_trunk(
    core: &Core,
    originate: &Originate,
    trunk: &Trunk,
    number: &str,
) -> Result<Plan, Impossible> {
    let destination = core.trunk_destination(trunk).await.ok_or((NO_TRUNK, 0))?;
    let user = encode_user(number);
    let host = &trunk.host;
    let caller = first_of([&originate.caller_id.number, &trunk.caller_id, NOBODY]);
    let credentials = (!trunk.username.is_empty()).then(|| Credentials {
        username: trunk.username.clone(),
        password: trunk.password.clone(),
    });
    let local_tag = token(16);
    Ok(Plan {
        request_uri: trunk.uri(Some(number)),
        from: from(&originate.caller_id, caller, host, &local_tag),
        to: format!("<sip:{user}@{host}>"),
        routes: Vec::new(),
        contact: core.contact(first_of([&trunk.username, caller, ""]), destination.tcp),
        destination,
        redirects: Redirects::new(&trunk.uri(Some(number)), &trunk.redirect_hosts),
        codecs: trunk.codecs.clone(),
        keys_as_tones: trunk.keys_as_tones,
        credentials,
        local_tag,
        identity: (caller != NOBODY).then(|| identity(&originate.caller_id, caller, host)),
    })
}

async fn to_extension(
    core: &Core,
    originate: &Originate,
    extension: &str,
) -> Result<Plan, Impossible> {
    let binding = lock(&core.registrar)
        .contacts(extension, core.clock.now_ms())
        .next()
        .cloned();
    let binding = binding.ok_or((NOT_REGISTERED, 480))?;
    let target = uri(&binding.uri).ok_or((NOT_REGISTERED, 480))?;
    let next = binding.path.first().map_or(binding.uri.as_str(), |path| {
        sip::header::Address::parse(path).map_or(path.as_str(), |a| a.uri)
    });
    let located = match uri(next) {
        Some(next) => core.locate(&next, false).await,
        None => None,
    };
    let mut destination = located.ok_or((NOT_REGISTERED, 480))?;
    // A phone behind a translator, or on a stream it opened itself, is where it registered from.
    if binding.path.is_empty()
        && (destination.tcp || destination.address.ip() != binding.source.ip())
    {
        destination.address = binding.source;
    }
    let host = sip::sdp::host(core.settings.advertised.ip());
    let caller = first_of([&originate.caller_id.number, NOBODY, ""]);
    let local_tag = token(16);
    Ok(Plan {
        request_uri: target.to_string(),
        from: from(&originate.caller_id, caller, &host, &local_tag),
        to: format!("<sip:{}@{host}>", encode_user(extension)),
        routes: binding.path,
        contact: core.contact("ringback", destination.tcp),
        destination,
        redirects: Redirects::new(&binding.uri, &[]),
        codecs: Vec::new(),
        keys_as_tones: false,
        credentials: None,
        local_tag,
        identity: (caller != NOBODY).then(|| identity(&originate.caller_id, caller, &host)),
    })
}

fn first_of(candidates: [&str; 3]) -> &str {
    candidates
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn display(caller_id: &CallerId) -> String {
    if caller_id.display_name.is_empty() {
        return String::new();
    }
    quoted(&caller_id.display_name) + " "
}

fn from(caller_id: &CallerId, caller: &str, host: &str, tag: &str) -> String {
    format!(
        "{}<sip:{}@{host}>;tag={tag}",
        display(caller_id),
        encode_user(caller)
    )
}

fn identity(caller_id: &CallerId, caller: &str, host: &str) -> String {
    format!("{}<sip:{}@{host}>", display(caller_id), encode_user(caller))
}

impl Plan {
    /// The first INVITE of a try.
    pub(super) fn invite(
        &self,
        core: &Core,
        originate: &Originate,
        (call_id, cseq): (&str, u32),
        offer: String,
    ) -> Option<Request> {
        let parts = Parts {
            method: Method::Invite,
            uri: uri(&self.request_uri)?,
            via: core.via(self.destination.tcp),
            from: &self.from,
            to: &self.to,
            call_id,
            cseq,
            routes: &self.routes,
        };
        let mut request = parts.build(core);
        let headers = &mut request.headers;
        headers.push(Header::Contact(self.contact.clone().into()));
        headers.push(Header::Allow(ALLOW.into()));
        if let Some(identity) = &self.identity {
            headers.push(Header::PAssertedIdentity(identity.clone().into()));
        }
        for (name, value) in originate.headers.iter().take(HEADERS_MAX) {
            let token = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if token
                && name
                    .get(..2)
                    .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
            {
                headers.push(Header::Other(name.clone(), single_line(value)));
            }
        }
        headers.extend(offer_headers(WANTED_S));
        headers.push(sdp_headers());
        request.body = offer.into_bytes();
        Some(request)
    }
}
