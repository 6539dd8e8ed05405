//! Client commands talk to a running server over its own HTTP surface.

use std::time::Duration;

use clap::Args;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::outcome::{Failure, Status, chain};
use crate::output;

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the server is and who asks.
#[derive(Args, Clone)]
pub(crate) struct Connection {
    /// Address of the running server
    #[arg(
        long,
        global = true,
        env = "RINGBACK_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    url: String,
    /// User name of the operator credentials
    #[arg(long, global = true, env = "RINGBACK_USER", value_name = "NAME")]
    user: Option<String>,
    /// Password of the operator credentials; better in the environment than here
    #[arg(long, global = true, env = "RINGBACK_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    connection: Connection,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub(crate) fn new(connection: Connection) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .connect_timeout(TIMEOUT)
            // A copy of a large store may take longer than this in all, but not between bytes.
            .read_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::bad_input(chain(&error), ""))?;
        Ok(Self { http, connection })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = self.connection.url.trim_end_matches('/');
        let request = self.http.request(method, format!("{base}{path}"));
        match (&self.connection.user, &self.connection.password) {
            (None, None) => request,
            (user, password) => {
                request.basic_auth(user.as_deref().unwrap_or_default(), password.as_ref())
            }
        }
    }

    /// `GET` with a query, answered with JSON.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.json(self.request(Method::GET, path).query(query))
            .await
    }

    /// `GET` of an object that has the given list; others are no answer of ours.
    pub(crate) async fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        list: &str,
    ) -> Result<Value, Failure> {
        let answer = self.get(path, query).await?;
        match answer.get(list) {
            Some(Value::Array(_)) => Ok(answer),
            Some(_) | None => Err(self.no_ringback()),
        }
    }

    /// An answer that has the given key; others are none of ours.
    pub(crate) fn with(&self, key: &str, answer: Value) -> Result<Value, Failure> {
        if answer.get(key).is_some() {
            Ok(answer)
        } else {
            Err(self.no_ringback())
        }
    }

    /// `GET` of a stream; the answer is read by the caller.
    pub(crate) async fn open(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Response, Failure> {
        self.send(self.request(Method::GET, path).query(query))
            .await
    }

    /// `GET`, answered with text.
    pub(crate) async fn get_text(&self, path: &str) -> Result<String, Failure> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        if !is_of(&answer, "text/plain") {
            return Err(self.no_ringback());
        }
        answer.text().await.map_err(|error| self.unreachable(error))
    }

    /// A request with a JSON body, answered with JSON.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        self.json(self.request(method, path).json(body)).await
    }

    /// Removes what a path names and tells so.
    pub(crate) async fn remove(
        &self,
        path: &str,
        name: &str,
        as_json: bool,
    ) -> Result<Status, Failure> {
        self.delete(path).await?;
        if as_json {
            output::line(&json!({"ok": true, "deleted": name}).to_string());
        } else {
            output::line(&format!("{name} deleted"));
        }
        Ok(Status::Ok)
    }

    /// `DELETE`, answered with JSON.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.json(self.request(Method::DELETE, path)).await
    }

    /// Sends the text of a file; a report of what is wrong with it is an answer as well.
    pub(crate) async fn import(
        &self,
        path: &str,
        query: &[(&str, &str)],
        text: String,
    ) -> Result<Value, Failure> {
        let request = self
            .request(Method::POST, path)
            .query(query)
            .header("content-type", "text/plain;charset=utf-8")
            .body(text);
        let answer = request
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        let answer = if answer.status() == reqwest::StatusCode::UNPROCESSABLE_ENTITY {
            answer
        } else {
            self.accepted(answer).await?
        };
        self.with("ok", self.read(answer).await?)
    }

    /// `POST` without a body; the answer is read by the caller.
    pub(crate) async fn post(&self, path: &str) -> Result<Response, Failure> {
        self.send(self.request(Method::POST, path)).await
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = self.send(request).await?;
        self.read(answer).await
    }

    /// The JSON object of an answer; every answer of ours has one.
    async fn read(&self, answer: Response) -> Result<Value, Failure> {
        let text = answer
            .text()
            .await
            .map_err(|error| self.unreachable(error))?;
        match serde_json::from_str(&text) {
            Ok(object @ Value::Object(_)) => Ok(object),
            Ok(_) | Err(_) => Err(self.no_ringback()),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        self.accepted(answer).await
    }

    async fn accepted(&self, answer: Response) -> Result<Response, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.text().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<Value>(&body) else {
            return Err(self.no_ringback());
        };
        let said = ["detail", "message"]
            .into_iter()
            .find_map(|key| problem.get(key)?.as_str());
        let message = format!(
            "the server refused ({status}): {}",
            said.unwrap_or("no reason")
        );
        let (exit, remedy) = if status.is_server_error() {
            (Status::Unreachable, "look at the server's log")
        } else if status == reqwest::StatusCode::UNAUTHORIZED {
            (
                Status::BadInput,
                "set RINGBACK_USER and RINGBACK_PASSWORD to the [server] credentials",
            )
        } else {
            (Status::BadInput, "")
        };
        Err(Failure::new(exit, message, remedy))
    }

    /// The server did not answer, or stopped in the middle.
    pub(crate) fn unreachable(&self, error: reqwest::Error) -> Failure {
        // The query may hold a customer's number.
        let error = error.without_url();
        if error.is_builder() {
            return Failure::bad_input(
                format!("'{}' is no address of a server", self.connection.url),
                "write e.g. --url http://127.0.0.1:8080",
            );
        }
        if error.is_timeout() && !error.is_connect() {
            return Failure::new(
                Status::Unreachable,
                format!(
                    "the server at {} did not answer within {} s",
                    self.connection.url,
                    TIMEOUT.as_secs()
                ),
                "it may have done what was asked: look before you try again, and look at its log",
            );
        }
        Failure::new(
            Status::Unreachable,
            format!(
                "the server at {} cannot be reached: {}",
                self.connection.url,
                chain(&error)
            ),
            "start it with 'ringback serve', or name another one with --url or RINGBACK_URL",
        )
    }

    /// Somebody else answers.
    pub(crate) fn no_ringback(&self) -> Failure {
        Failure::new(
            Status::Unreachable,
            format!(
                "what answers at {} is no Ringback server",
                self.connection.url
            ),
            "check --url or RINGBACK_URL",
        )
    }
}

/// Whether an answer has a media type, whatever its parameters.
pub(crate) fn is_of(answer: &Response, media_type: &str) -> bool {
    let content_type = answer.headers().get(reqwest::header::CONTENT_TYPE);
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|found| found.trim().eq_ignore_ascii_case(media_type))
}

/// Writes a text as one path segment.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
