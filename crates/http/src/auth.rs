//! Who may do what: Basic credentials of the server and of services (callback-api §1.1).

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callback::service::Service;
use callback::{ErrorCode, ServiceName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Api;
use crate::error::Failure;

/// A user name with its password; never shown.
#[derive(Clone)]
pub struct Credentials {
    username: [u8; 32],
    password: [u8; 32],
}

impl Credentials {
    /// Keeps the pair as digests, so that comparing takes the same time for every input.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: digest(username),
            password: digest(password),
        }
    }

    pub(crate) fn matches(&self, other: &Self) -> bool {
        let same = self.username.ct_eq(&other.username) & self.password.ct_eq(&other.password);
        same.into()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Keys that clients behind a gateway send; nothing is checked while there are none
/// (callback-api §1.1).
#[derive(Clone, Default)]
pub struct ApiKeys(Vec<[u8; 32]>);

impl ApiKeys {
    /// Keeps the keys as digests.
    #[must_use]
    pub fn new<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        Self(keys.map(digest).collect())
    }

    /// No key is asked for, or one of the headers `apikey` and `x-api-key` holds one.
    fn admit(&self, headers: &HeaderMap) -> bool {
        let sent = API_KEY_HEADERS
            .iter()
            .flat_map(|name| headers.get_all(*name))
            .filter_map(|value| value.to_str().ok());
        let known = |text: &str| {
            let given = digest(text.trim());
            // Every key is compared: the time says nothing about which one fits.
            self.0.iter().fold(false, |found, key| {
                found | bool::from(key.as_slice().ct_eq(given.as_slice()))
            })
        };
        self.0.is_empty() || sent.into_iter().any(known)
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeys(hidden)")
    }
}

/// What a scraper of metrics may show in place of the operator's credentials; nothing is let
/// through while it is not set.
#[derive(Clone, Default)]
pub struct MetricsToken(Option<[u8; 32]>);

impl MetricsToken {
    /// Keeps the token as a digest; an empty one opens nothing.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self((!token.is_empty()).then(|| digest(token)))
    }

    /// The request says `Authorization: Bearer` with the token (RFC 6750 §2.1).
    fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| digest(token.trim()));
        match (&self.0, given) {
            (Some(own), Some(given)) => own.as_slice().ct_eq(given.as_slice()).into(),
            (None, _) | (_, None) => false,
        }
    }
}

impl fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsToken(hidden)")
    }
}

/// Headers that may hold the key.
const API_KEY_HEADERS: [&str; 2] = ["apikey", "x-api-key"];

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// What a request presents.
#[derive(Debug)]
enum Presented {
    Nothing,
    Unreadable,
    Pair(Credentials),
}

/// The text `name:password` of Basic credentials.
fn basic(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()
        .and_then(|text| text.trim().split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The user name that a request tells; whether it is right is decided elsewhere.
pub(crate) fn told_name(headers: &HeaderMap) -> Option<String> {
    let pair = basic(headers)?;
    pair.split_once(':').map(|(name, _)| name.to_owned())
}

fn presented(headers: &HeaderMap) -> Presented {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Presented::Nothing;
    }
    match basic(headers)
        .as_deref()
        .and_then(|text| text.split_once(':'))
    {
        Some((username, password)) => Presented::Pair(Credentials::new(username, password)),
        None => Presented::Unreadable,
    }
}

/// What the credentials of a request open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opens {
    /// Everything: the server's pair, or no pair is set at all.
    All,
    /// The surfaces for which no pair is set.
    Open,
    /// Nothing.
    Nothing,
}

/// Decides from the server's pair, the pair of the service in question and what was presented.
fn decide(
    server: Option<&Credentials>,
    service: Option<&Credentials>,
    presented: &Presented,
) -> Opens {
    if let Presented::Pair(pair) = presented {
        if server.is_some_and(|own| own.matches(pair)) {
            return Opens::All;
        }
        if service.is_some_and(|own| own.matches(pair)) {
            return Opens::Open;
        }
    }
    match (server, service) {
        (None, None) => Opens::Open,
        (Some(_), _) | (_, Some(_)) => Opens::Nothing,
    }
}

/// Counts a request that shows no credentials, or wrong ones.
fn refused(api: &Api) -> Failure {
    api.engine.login_failed();
    Failure::new(ErrorCode::Unauthorized, "Credentials are missing or wrong")
}

/// A page of another site must not drive a server without credentials from a user's browser
/// (W3C Fetch Metadata); with credentials set, the page does not know them.
fn refuse_cross_site(api: &Api, headers: &HeaderMap) -> Result<(), Failure> {
    if api.credentials.is_some() {
        return Ok(());
    }
    match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        Some(b"cross-site" | b"same-site") => Err(Failure::CrossSite),
        _ => Ok(()),
    }
}

fn service_pair(service: &Service) -> Option<Credentials> {
    // Half a pair protects as well: a slip must not open a service.
    match (service.get("username"), service.get("password")) {
        (None, None) => None,
        (username, password) => Some(Credentials::new(
            username.unwrap_or_default(),
            password.unwrap_or_default(),
        )),
    }
}

/// Lets requests of the compatible surface pass that hold a key, when keys are checked.
pub(crate) fn api_key(api: &Api, headers: &HeaderMap) -> Result<(), Failure> {
    if api.api_keys.admit(headers) {
        return Ok(());
    }
    let message = "The API key is missing or wrong; send it as x-api-key or apikey";
    Err(Failure::new(ErrorCode::Unauthorized, message))
}

/// Lets operators pass: the server's pair, or anybody while none is set.
pub(crate) fn operator(api: &Api, headers: &HeaderMap) -> Result<(), Failure> {
    refuse_cross_site(api, headers)?;
    match decide(api.credentials.as_ref(), None, &presented(headers)) {
        Opens::All | Opens::Open => Ok(()),
        Opens::Nothing => Err(refused(api)),
    }
}

/// Lets those pass who may read the metrics: operators, and who bears the token for it.
pub(crate) fn scraper(api: &Api, headers: &HeaderMap) -> Result<(), Failure> {
    if api.metrics_token.admits(headers) {
        return Ok(());
    }
    operator(api, headers)
}

/// Lets those pass who may use a service, and returns it.
///
/// Checks the credentials first: a stranger does not learn which services exist.
pub(crate) fn service(
    api: &Api,
    headers: &HeaderMap,
    name: &ServiceName,
) -> Result<Arc<Service>, Failure> {
    refuse_cross_site(api, headers)?;
    let service = api.engine.service(name);
    let pair = service.as_deref().and_then(service_pair);
    match decide(api.credentials.as_ref(), pair.as_ref(), &presented(headers)) {
        Opens::All | Opens::Open => {
            service.ok_or_else(|| Failure::new(ErrorCode::NotFound, "There is no such service"))
        }
        Opens::Nothing => Err(refused(api)),
    }
}

/// Who subscribes to notifications.
#[derive(Debug)]
pub(crate) enum Subscriber {
    /// May hear of everything.
    Operator,
    /// May hear of the services that these credentials open, and of no others.
    Of {
        /// Opened by the credentials.
        opened: Vec<ServiceName>,
        /// All others.
        closed: Vec<ServiceName>,
    },
}

impl Subscriber {
    /// Whether a filter asks for nothing but what may be heard.
    pub(crate) fn may_hear(&self, filter: &str) -> bool {
        let Self::Of { opened, closed } = self else {
            return true;
        };
        let tags = |services: &[ServiceName]| -> Vec<String> {
            services.iter().map(|s| format!("callback.{s}.")).collect()
        };
        let (opened, closed) = (tags(opened), tags(closed));
        filter.split(',').map(str::trim).all(|one| {
            let begins = one.strip_suffix('*').unwrap_or(one);
            let within = |tag: &String| begins.starts_with(tag.as_str());
            // Names may hold dots: callback.a.* would be heard of a service a.b as well.
            let reaches = |tag: &String| tag.starts_with(begins) || within(tag);
            opened.iter().any(within) && !closed.iter().any(reaches)
        })
    }
}

/// Lets those pass who may subscribe to notifications: operators and who may use any service.
pub(crate) fn subscriber(api: &Api, headers: &HeaderMap) -> Result<Subscriber, Failure> {
    refuse_cross_site(api, headers)?;
    let presented = presented(headers);
    let server = api.credentials.as_ref();
    if decide(server, None, &presented) != Opens::Nothing {
        return Ok(Subscriber::Operator);
    }
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    for service in api.engine.services() {
        let opens = decide(server, service_pair(&service).as_ref(), &presented);
        let side = if opens == Opens::Nothing {
            &mut closed
        } else {
            &mut opened
        };
        side.push(service.name.clone());
    }
    if opened.is_empty() {
        return Err(refused(api));
    }
    Ok(Subscriber::Of { opened, closed })
}

/// For an id that nobody knows: `404` to those who may use any service, `401` to strangers.
pub(crate) fn unknown_id(api: &Api, headers: &HeaderMap) -> Failure {
    if let Err(failure) = refuse_cross_site(api, headers) {
        return failure;
    }
    let presented = presented(headers);
    let server = api.credentials.as_ref();
    let known = decide(server, None, &presented) != Opens::Nothing
        || api.engine.services().iter().any(|service| {
            decide(server, service_pair(service).as_ref(), &presented) != Opens::Nothing
        });
    if known {
        Failure::new(ErrorCode::NotFound, "There is no such callback")
    } else {
        refused(api)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn basic(text: &str) -> Presented {
        headers(&format!("Basic {}", STANDARD.encode(text)))
    }

    fn headers(value: &str) -> Presented {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        presented(&headers)
    }

    #[test]
    fn the_server_pair_opens_every_service() {
        let (server, service) = (Credentials::new("op", "s:1"), Credentials::new("a", "b"));
        let given = basic("op:s:1");
        assert_eq!(decide(Some(&server), Some(&service), &given), Opens::All);
        assert_eq!(decide(Some(&server), None, &given), Opens::All);
    }

    #[test]
    fn a_service_pair_opens_its_own_service_only() {
        let (server, service) = (Credentials::new("op", "x"), Credentials::new("a", "b"));
        let other = Credentials::new("c", "d");
        let given = basic("a:b");
        assert_eq!(decide(Some(&server), Some(&service), &given), Opens::Open);
        assert_eq!(decide(None, Some(&service), &given), Opens::Open);
        assert_eq!(decide(Some(&server), Some(&other), &given), Opens::Nothing);
        assert_eq!(decide(Some(&server), None, &given), Opens::Nothing);
    }

    #[test]
    fn without_any_pair_the_surface_is_open() {
        assert_eq!(decide(None, None, &Presented::Nothing), Opens::Open);
        let service = Credentials::new("a", "b");
        assert_eq!(
            decide(None, Some(&service), &Presented::Nothing),
            Opens::Nothing
        );
    }

    #[test]
    fn hostile_authorization_headers_open_nothing() {
        let server = Credentials::new("op", "x");
        for text in [
            "",
            "Basic",
            "Basic ",
            "Basic ====",
            "Bearer b3A6eA==",
            "basic b3A",
            "\t",
            "b3A6eA==",
        ] {
            assert_eq!(
                decide(Some(&server), None, &headers(text)),
                Opens::Nothing,
                "{text:?}"
            );
        }
        let raw = format!("Basic {}", STANDARD.encode([0xff, b':', 0xfe]));
        assert_eq!(decide(Some(&server), None, &headers(&raw)), Opens::Nothing);
        for text in ["op:", ":x", "op:x ", "OP:x", "op"] {
            assert_eq!(
                decide(Some(&server), None, &basic(text)),
                Opens::Nothing,
                "{text:?}"
            );
        }
        assert_eq!(decide(Some(&server), None, &basic("op:x")), Opens::All);
    }

    #[test]
    fn who_has_a_service_pair_hears_of_that_service_only() {
        let names = |names: &[&str]| names.iter().map(|n| ServiceName::new(*n)).collect();
        let of = Subscriber::Of {
            opened: names(&["desk", "a"]),
            closed: names(&["loans", "a.b"]),
        };
        for filter in [
            "callback.desk.*",
            "callback.desk.1-2.*, callback.desk.x",
            "callback.a.1-2._cbe_on_dial_init",
        ] {
            assert!(of.may_hear(filter), "{filter}");
            assert!(Subscriber::Operator.may_hear(filter));
        }
        for filter in [
            "",
            "*",
            "callback.*",
            "callback.des*",
            "callback.desk*",
            "callback.loans.*",
            "callback.desk.*,callback.loans.*",
            "callback.desk.*, *",
            "callback.a.*",
            "callback.a.b.1-2.x",
            "other",
        ] {
            assert!(!of.may_hear(filter), "{filter}");
        }
        assert!(Subscriber::Operator.may_hear("*"));
    }

    #[test]
    fn api_keys_are_read_from_both_headers() {
        let keys = ApiKeys::new(["first", "second"].into_iter());
        let admit = |keys: &ApiKeys, pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            keys.admit(&headers)
        };
        assert!(admit(&keys, &[("apikey", "first")]));
        assert!(admit(&keys, &[("x-api-key", "second ")]));
        assert!(admit(&keys, &[("apikey", "other"), ("x-api-key", "first")]));
        for wrong in ["", "FIRST", "firs", "first,second"] {
            assert!(!admit(&keys, &[("x-api-key", wrong)]), "{wrong:?}");
        }
        assert!(!admit(&keys, &[]));
        assert!(admit(&ApiKeys::default(), &[]));
        assert_eq!(format!("{keys:?}"), "ApiKeys(hidden)");
    }

    #[test]
    fn a_scraper_shows_its_token() {
        let admits = |token: &MetricsToken, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            token.admits(&headers)
        };
        let token = MetricsToken::new("scrape");
        assert!(admits(&token, "Bearer scrape"));
        assert!(admits(&token, "bearer  scrape "));
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer scrap",
            "Basic scrape",
            "scrape",
        ] {
            assert!(!admits(&token, wrong), "{wrong:?}");
        }
        let none = MetricsToken::new("");
        assert!(!admits(&none, "Bearer "));
        assert!(!none.admits(&HeaderMap::new()));
    }

    #[test]
    fn debug_never_shows_a_secret() {
        assert_eq!(
            format!("{:?}", Credentials::new("op", "x")),
            "Credentials(hidden)"
        );
    }
}
