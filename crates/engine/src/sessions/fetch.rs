//! `<session:fetch>`: a request over HTTP; the reply URL of the session's own question is answered
//! without a detour.

use std::sync::Arc;
use std::time::Duration;

use callback::plugin::Answer;
use callback::{Error, ErrorCode};
use reqwest::Method;
use scxml::{ActionElement, Data, Event};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::act::too_many_fetches;
use super::cell::{Cell, Input};
use super::dialog::plain;
use super::documents::check_address;
use super::{Sessions, event};
use crate::limits;
use crate::notify::{describe, read_body};
use crate::shard::Command;

/// A request with everything evaluated.
struct Request {
    url: String,
    method: String,
    json: bool,
    timeout: Duration,
    headers: Map<String, Value>,
    credentials: Option<(String, String)>,
    params: Vec<(String, Value)>,
    content: Option<Data>,
    delivery: Delivery,
}

/// How often a request is tried: guaranteed delivery asks for more than once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Delivery {
    retries: u32,
    interval: Duration,
}

/// Text of an answer with its headers.
type Fetched = Result<(String, Map<String, Value>), (String, String)>;

impl Sessions {
    pub(super) fn fetch(
        &self,
        cell: &Arc<Cell>,
        session: &str,
        element: &ActionElement,
        request_id: String,
    ) {
        let request = Request::read(element);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        let place = cell.begin_fetch();
        self.inner.supervisor.spawn("fetch", async move {
            let fetched = if place.is_none() {
                Err(("unknown".to_owned(), too_many_fetches()))
            } else if cell
                .plugin
                .as_ref()
                .is_some_and(|p| p.reply_url == request.url)
            {
                sessions.reply(&cell, request).await
            } else {
                request.deliver(&sessions.inner.client, &cell).await
            };
            drop(place);
            let input = Input::Answer(session, answer(&request_id, fetched));
            sessions.push(&cell, input);
        });
    }

    /// The answer to the callback's question.
    async fn reply(&self, cell: &Cell, request: Request) -> Fetched {
        let refused = |error: Error| {
            let status = error.code.status();
            (format!("http.{status}"), error.message)
        };
        let mut given: Map<String, Value> = request.params.into_iter().collect();
        if let Some(Data::Json(Value::Object(content))) = request.content {
            given.extend(content);
        }
        let answer = Answer::parse(&given).map_err(refused)?;
        let Some(plugin) = &cell.plugin else {
            return Err(("unknown".to_owned(), "there is no question".to_owned()));
        };
        let (reply, answered) = oneshot::channel();
        let command = Command::PluginAnswer {
            id: plugin.callback.clone(),
            token: plugin.token.clone(),
            answer: Box::new(answer),
            reply,
        };
        // The channel closes only when the shard is gone.
        drop(self.inner.commands.send(command).await);
        let gone = || Err(Error::new(ErrorCode::NotReady, "The server is going down"));
        answered
            .await
            .unwrap_or_else(|_closed| gone())
            .map_err(refused)?;
        Ok((r#"{"status":"accepted"}"#.to_owned(), Map::new()))
    }
}

/// The event that answers a fetch; content is text, whatever it holds (ors-scxml §4.1).
fn answer(request: &str, fetched: Fetched) -> Event {
    match fetched {
        Ok((content, hints)) => event(
            "session.fetch.done",
            json!({"requestid": request, "content": content, "hints": hints}),
        ),
        Err((error, description)) => event(
            "error.session.fetch",
            json!({"requestid": request, "error": error, "description": description}),
        ),
    }
}

impl Request {
    fn read(element: &ActionElement) -> Self {
        let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
        let url = match text("srcexpr") {
            url if url.is_empty() => text("src"),
            url => url,
        };
        let timeout = text("timeout").trim_end_matches('s').parse::<f64>();
        let timeout = timeout.ok().filter(|s| *s > 0.0);
        let most = Duration::from_secs(limits::SESSION_FETCH_S);
        let timeout = timeout.map_or(Duration::from_secs(limits::SESSION_FETCH_DEFAULT_S), |s| {
            Duration::try_from_secs_f64(s).unwrap_or(most)
        });
        let mut headers = match element.attribute("headers") {
            Some(Value::Object(headers)) => headers.clone(),
            _ => Map::new(),
        };
        // What the element says by itself, unless `headers` says something else.
        for (name, value) in [("accept", text("type")), ("cache-control", ages(&text))] {
            if !value.is_empty() && !headers.keys().any(|key| key.eq_ignore_ascii_case(name)) {
                headers.insert(name.to_owned(), Value::from(value));
            }
        }
        let username = text("username");
        let delivery = Delivery::read(&text);
        Self {
            url,
            method: text("method").to_ascii_uppercase(),
            json: text("enctype").to_ascii_lowercase().contains("json"),
            timeout: timeout.min(most),
            headers,
            credentials: (!username.is_empty()).then(|| (username, text("password"))),
            params: element.params.clone(),
            content: element.content.clone(),
            delivery,
        }
    }

    /// Sends it until it succeeds, as often as it may; a session that is over delivers nothing.
    async fn deliver(&self, client: &reqwest::Client, cell: &Cell) -> Fetched {
        let mut left = self.delivery.retries;
        loop {
            let fetched = self.send(client).await;
            let again = fetched
                .as_ref()
                .is_err_and(|(error, _)| is_passing(error) && left > 0);
            if !again || cell.is_dead() {
                return fetched;
            }
            left -= 1;
            tokio::time::sleep(self.delivery.interval).await;
        }
    }

    /// Sends it, and follows where the answer points to.
    async fn send(&self, client: &reqwest::Client) -> Fetched {
        let unknown = |why: String| ("unknown".to_owned(), why);
        let mut url = check_address(&self.url).map_err(unknown)?;
        let mut method = match self.method.as_str() {
            "" | "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "DELETE" => Method::DELETE,
            other => return Err(unknown(format!("the method {other} is not built"))),
        };
        let has_body = method == Method::POST || method == Method::PUT;
        if !has_body && !self.params.is_empty() {
            let pairs = self.params.iter().map(|(name, value)| (name, plain(value)));
            url.query_pairs_mut().extend_pairs(pairs);
        }
        let origin = url.origin();
        for _ in 0..limits::REDIRECTS_MAX {
            let is_home = url.origin() == origin;
            let scheme = url.scheme().to_owned();
            let failed = |error: &reqwest::Error| (format!("{scheme}.0"), describe(error));
            let call = self.call(client, method.clone(), url.clone(), is_home);
            let response = call.send().await.map_err(|error| failed(&error))?;
            let Some((next, keeps_method)) = redirected(&response) else {
                return taken(&scheme, response).await;
            };
            url = check_address(next.as_str()).map_err(unknown)?;
            if !keeps_method && method != Method::GET {
                method = Method::GET;
            }
        }
        let most = limits::REDIRECTS_MAX - 1;
        Err(unknown(format!("more than {most} redirects")))
    }

    /// One request; credentials and the headers of the document stay at home.
    fn call(
        &self,
        client: &reqwest::Client,
        method: Method,
        url: reqwest::Url,
        is_home: bool,
    ) -> reqwest::RequestBuilder {
        let has_body = method == Method::POST || method == Method::PUT;
        let mut call = client.request(method, url).timeout(self.timeout);
        for (name, value) in &self.headers {
            let harmless = ["accept", "cache-control"];
            if is_home
                || harmless
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known))
            {
                call = call.header(name, plain(value));
            }
        }
        if let Some((username, password)) = self.credentials.as_ref().filter(|_| is_home) {
            call = call.basic_auth(username, Some(password));
        }
        if has_body {
            let (content_type, body) = self.body();
            call = call.header("content-type", content_type).body(body);
        }
        call
    }

    fn body(&self) -> (&'static str, String) {
        match &self.content {
            Some(Data::Json(Value::String(text))) => ("text/plain; charset=utf-8", text.clone()),
            Some(Data::Json(value)) => ("application/json", value.to_string()),
            Some(Data::Xml(text)) => ("application/xml", text.clone()),
            Some(Data::None) | None if self.json => {
                let pairs = self.params.iter().cloned();
                let object = Value::Object(pairs.collect());
                ("application/json", object.to_string())
            }
            Some(Data::None) | None => {
                let mut url = reqwest::Url::parse("http://form/").ok();
                let form = url.as_mut().map(|url| {
                    let pairs = self.params.iter().map(|(n, value)| (n, plain(value)));
                    url.query_pairs_mut().extend_pairs(pairs);
                    url.query().unwrap_or_default().to_owned()
                });
                let form = form.unwrap_or_default();
                ("application/x-www-form-urlencoded", form)
            }
        }
    }
}

/// Where an answer points to, and whether the request goes there as it is.
fn redirected(response: &reqwest::Response) -> Option<(reqwest::Url, bool)> {
    let keeps_method = match response.status().as_u16() {
        301..=303 => false,
        307 | 308 => true,
        _ => return None,
    };
    let location = response.headers().get("location")?.to_str().ok()?;
    Some((response.url().join(location).ok()?, keeps_method))
}

/// The text of an answer.
async fn taken(scheme: &str, response: reqwest::Response) -> Fetched {
    let status = response.status();
    let hints = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
        .collect();
    let bytes = read_body(response, limits::SESSION_FETCH_MAX)
        .await
        .map_err(|error| ("unknown".to_owned(), error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if status.is_success() {
        Ok((text, hints))
    } else {
        let short = text.chars().take(500).collect();
        Err((format!("{scheme}.{}", status.as_u16()), short))
    }
}

/// `maxage` and `maxstale` (s) as `Cache-Control`.
fn ages(text: &impl Fn(&str) -> String) -> String {
    let mut parts = Vec::new();
    for (name, directive) in [("maxage", "max-age"), ("maxstale", "max-stale")] {
        let value = text(name);
        if let Ok(seconds) = value.trim_end_matches('s').parse::<u64>() {
            parts.push(format!("{directive}={seconds}"));
        }
    }
    parts.join(", ")
}

impl Delivery {
    /// `gdelivery`, `gd_retries` and `gd_retry_interval` (s).
    fn read(text: &impl Fn(&str) -> String) -> Self {
        let wanted = matches!(text("gdelivery").as_str(), "true" | "1");
        if !wanted {
            return Self {
                retries: 0,
                interval: Duration::ZERO,
            };
        }
        let retries = text("gd_retries").parse();
        let interval = text("gd_retry_interval").trim_end_matches('s').parse();
        let interval = interval.ok().filter(|s| (0.0..=3_600.0).contains(s));
        Self {
            retries: retries
                .unwrap_or(limits::SESSION_DELIVERIES_DEFAULT)
                .min(limits::SESSION_DELIVERIES_MAX),
            interval: interval.map_or(limits::SESSION_DELIVERY_PAUSE, Duration::from_secs_f64),
        }
    }
}

/// Whether another try may succeed: the receiver was not reached, or says that it is in trouble.
fn is_passing(error: &str) -> bool {
    let status = error.rsplit_once('.').map(|(_, status)| status);
    let status = status.and_then(|status| status.parse::<u16>().ok());
    status.is_some_and(|status| matches!(status, 0 | 408 | 425 | 429 | 500..=599))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(attributes: &[(&str, &str)]) -> Delivery {
        let text = |name: &str| {
            let found = attributes.iter().find(|(key, _)| *key == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .unwrap_or_default()
        };
        Delivery::read(&text)
    }

    #[test]
    fn guaranteed_delivery_is_bounded() {
        assert_eq!(delivery(&[("gd_retries", "5")]).retries, 0);
        let plain = delivery(&[("gdelivery", "true")]);
        assert_eq!(plain.retries, limits::SESSION_DELIVERIES_DEFAULT);
        assert_eq!(plain.interval, limits::SESSION_DELIVERY_PAUSE);
        let given = delivery(&[
            ("gdelivery", "true"),
            ("gd_retries", "1000"),
            ("gd_retry_interval", "0.2s"),
        ]);
        assert_eq!(given.retries, limits::SESSION_DELIVERIES_MAX);
        assert_eq!(given.interval, Duration::from_millis(200));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(is_passing("http.0") && is_passing("https.503") && is_passing("http.429"));
        assert!(!is_passing("http.404") && !is_passing("unknown"));
    }
}
