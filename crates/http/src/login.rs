//! Login of operators' browsers: `/api/v1/session`.
//!
//! The session is a cookie that scripts cannot read and that other sites' pages do not send. A
//! request that changes something needs more: a header that only our own page can set (others
//! would need a CORS permission, which is never given), from our own origin.

mod guesses;
mod sessions;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Map, Value, json};

pub(crate) use guesses::Guesses;
pub(crate) use sessions::Sessions;

use crate::auth::Credentials;
use crate::error::{ApiError, Failure};
use crate::limits::COMMAND_BODY_MAX;
use crate::{Api, answer, body};

/// The cookie that holds the id of a session.
const COOKIE: &str = "ringback_session";
/// The header that our page sends with every request.
const HEADER: &str = "x-ringback-ui";

/// Address of the other side of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// The address that guesses are counted by.
    pub(crate) fn address(extensions: &Extensions) -> IpAddr {
        let peer = extensions.get::<Self>();
        peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
    }
}

/// How the browser UI is offered.
#[derive(Clone, Copy, Debug)]
pub struct WebUi {
    /// Serve it, and let operators log in for it.
    pub enabled: bool,
    /// A login ends after so many hours.
    pub session_hours: u32,
}

impl Default for WebUi {
    fn default() -> Self {
        Self {
            enabled: true,
            session_hours: 12,
        }
    }
}

/// `POST /api/v1/session` with `{"username", "password"}`: logs in.
pub(crate) async fn log_in(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    from_our_page(&api, request.headers())?;
    let address = Peer::address(request.extensions());
    let Some(own) = &api.credentials else {
        return Ok(answer::ok(&state(&api, true))?);
    };
    let (who, given) = credentials(&body::read(request, COMMAND_BODY_MAX).await?.json()?)?;
    // From here on without waiting: guesses on many connections are counted one after the other.
    let now = api.engine.now();
    may_try(&api, address)?;
    if !own.matches(&given) {
        api.guesses.wrong(address, now);
        api.engine.login_failed();
        tracing::warn!("a login with wrong credentials was refused");
        let message = "User name or password is wrong";
        return Err(Failure::new(ErrorCode::Unauthorized, message).into());
    }
    api.guesses.right(address);
    let seconds = i64::from(api.web.session_hours) * 3600;
    let id = api.sessions.begin(&who, now, seconds);
    let mut response = answer::ok(&state(&api, true))?;
    set_cookie(&api, &mut response, &id, seconds)?;
    Ok(response)
}

/// `GET /api/v1/session`: whether credentials are asked for, and whether the caller has shown them.
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    let authenticated = api.credentials.is_none() || open_for(&api, &headers).is_some();
    Ok(answer::ok(&state(&api, authenticated))?)
}

/// `DELETE /api/v1/session`: logs out.
pub(crate) async fn log_out(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    from_our_page(&api, &headers)?;
    if let Some(id) = session_id(&headers) {
        api.sessions.end(id);
    }
    let mut response = answer::ok(&state(&api, api.credentials.is_none()))?;
    set_cookie(&api, &mut response, "", 0)?;
    Ok(response)
}

/// Who has the open session that a request carries; a request that changes something must come
/// from our page.
///
/// # Errors
/// The session is open and the request is not from our page.
pub(crate) fn check(
    api: &Api,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<String>, Failure> {
    let Some(who) = api.web.enabled.then(|| open_for(api, headers)).flatten() else {
        return Ok(None);
    };
    if matches!(*method, Method::GET | Method::HEAD) {
        // Read by another site's page it would be refused by the browser; it is not even answered.
        return match fetch_site(headers) {
            None | Some("same-origin" | "none") => Ok(Some(who)),
            Some(_) => Err(Failure::ForeignPage),
        };
    }
    from_our_page(api, headers)?;
    Ok(Some(who))
}

/// Refuses an address that has guessed too often.
///
/// # Errors
/// It has.
pub(crate) fn may_try(api: &Api, address: IpAddr) -> Result<(), Failure> {
    if api.guesses.may_try(address, api.engine.now()) {
        return Ok(());
    }
    let message = "Too many wrong passwords from this address, wait some minutes";
    Err(Failure::new(ErrorCode::TooMany, message))
}

fn check_enabled(api: &Api) -> Result<(), Failure> {
    if api.web.enabled {
        return Ok(());
    }
    let message = "The browser UI is switched off, see [http] web_ui";
    Err(Failure::new(ErrorCode::NotFound, message))
}

fn state(api: &Api, authenticated: bool) -> Value {
    json!({
        "authenticated": authenticated,
        "required": api.credentials.is_some(),
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// Whose session it is, while it is open.
fn open_for(api: &Api, headers: &HeaderMap) -> Option<String> {
    session_id(headers).and_then(|id| api.sessions.open_for(id, api.engine.now()))
}

/// The id in the cookies of a request (RFC 6265 §4.2.1).
fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

fn fetch_site(headers: &HeaderMap) -> Option<&str> {
    headers.get("sec-fetch-site")?.to_str().ok()
}

/// The page that sends the request is ours: it has our header, and where the browser tells the
/// origin, it is our own.
fn from_our_page(api: &Api, headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own_origin = match text(header::ORIGIN) {
        None => !headers.contains_key(header::ORIGIN),
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            let public = api.public_url.split('/').take(3).collect::<Vec<_>>();
            host.is_some_and(|host| text(header::HOST) == Some(host)) || origin == public.join("/")
        }
    };
    let own_site = matches!(fetch_site(headers), None | Some("same-origin"));
    if own_origin && own_site && headers.contains_key(HEADER) {
        Ok(())
    } else {
        Err(Failure::ForeignPage)
    }
}

fn credentials(keys: &Map<String, Value>) -> Result<(String, Credentials), Failure> {
    let text = |name: &str| keys.get(name).and_then(Value::as_str);
    match (text("username"), text("password")) {
        (Some(username), Some(password)) if keys.len() == 2 => {
            let pair = Credentials::new(username, password);
            Ok((username.to_owned(), pair))
        }
        _ => {
            let message = "The body has the keys username and password, two texts";
            Err(Failure::field(ErrorCode::BadParameter, "username", message))
        }
    }
}

fn set_cookie(api: &Api, response: &mut Response, id: &str, seconds: i64) -> Result<(), Failure> {
    // Behind a proxy the browser speaks TLS although we do not.
    let secure = if api.public_url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{COOKIE}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let value = HeaderValue::from_str(&cookie)
        .map_err(|_bad| Failure::new(ErrorCode::Internal, "The cookie cannot be written"))?;
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, value);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(())
}
