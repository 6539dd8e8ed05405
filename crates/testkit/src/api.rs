//! A thin client of the server's HTTP surfaces.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::wait::{PATIENCE, until};

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type; empty when there is none.
    pub content_type: String,
    /// The body.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Api {
    url: String,
    client: Client,
    credentials: Option<(String, String)>,
}

impl Api {
    /// A client of the server at `url`, without credentials.
    #[must_use]
    pub fn new(url: &str) -> Self {
        // Refused when a provider is there already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = Client::builder().no_proxy().timeout(ANSWER_WITHIN).build();
        let client = client.expect("the settings of the client are constant");
        Self {
            url: url.to_owned(),
            client,
            credentials: None,
        }
    }

    /// The same client with Basic credentials.
    #[must_use]
    pub fn login(&self, username: &str, password: &str) -> Self {
        let credentials = Some((username.to_owned(), password.to_owned()));
        Self {
            credentials,
            ..self.clone()
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.credentials {
            Some((username, password)) => request.basic_auth(username, Some(password)),
            None => request,
        }
    }

    async fn send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type");
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            content_type,
            text,
            body,
        })
    }

    async fn must(request: RequestBuilder) -> Answer {
        Self::send(request)
            .await
            .unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        Self::must(self.request(Method::GET, path)).await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Self::must(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT` of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Self::must(self.request(Method::PUT, path).json(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        Self::must(self.request(Method::DELETE, path)).await
    }

    /// `POST` of bytes with a content type.
    pub async fn post_bytes(&self, path: &str, content_type: &str, bytes: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, path);
        Self::must(request.header("content-type", content_type).body(bytes)).await
    }

    /// PUTs bytes as they are.
    pub async fn put_bytes(&self, path: &str, content_type: &str, bytes: Vec<u8>) -> Answer {
        let request = self.request(Method::PUT, path);
        Self::must(request.header("content-type", content_type).body(bytes)).await
    }

    async fn import(&self, path: &str, ini: &str) -> Value {
        let bytes = ini.as_bytes().to_vec();
        let answer = self
            .post_bytes(path, "text/plain; charset=utf-8", bytes)
            .await;
        assert!(
            answer.status == 200 && answer.body["ok"] != json!(false),
            "{path}: {answer:?}"
        );
        answer.body
    }

    /// Imports services from INI text; returns the report.
    pub async fn import_services(&self, ini: &str) -> Value {
        self.import("/api/v1/services/import", ini).await
    }

    /// Imports agents from INI text; returns the report.
    pub async fn import_agents(&self, ini: &str) -> Value {
        self.import("/api/v1/agents/import", ini).await
    }

    /// All agents.
    pub async fn agents(&self) -> Vec<Value> {
        list(&self.get("/api/v1/agents").await, "agents")
    }

    /// One agent.
    pub async fn agent(&self, id: &str) -> Value {
        let agents = self.agents().await;
        let found = agents.iter().find(|agent| agent["id"] == id);
        found
            .unwrap_or_else(|| panic!("no agent {id} in {agents:?}"))
            .clone()
    }

    /// Sets an agent ready or not ready.
    pub async fn set_agent(&self, id: &str, state: &str) {
        let path = format!("/api/v1/agents/{id}/state");
        let answer = self.post(&path, &json!({"state": state})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Waits until an agent's phone is registered.
    pub async fn registered(&self, id: &str) {
        until(&format!("registration of {id}"), PATIENCE, async || {
            (self.agent(id).await["registered"] == json!(true)).then_some(())
        })
        .await;
    }

    /// Waits until an agent is in a state.
    pub async fn agent_state(&self, id: &str, state: &str) {
        until(&format!("agent {id} {state}"), PATIENCE, async || {
            (self.agent(id).await["state"] == state).then_some(())
        })
        .await;
    }

    /// Asks for a callback.
    pub async fn create(&self, service: &str, body: &Value) -> Answer {
        self.post(&format!("/genesys/1/service/callback/{service}"), body)
            .await
    }

    /// Asks for a callback; `None` when the server did not answer 200 (it may be dead).
    pub async fn try_create(&self, service: &str, body: &Value) -> Option<String> {
        let path = format!("/genesys/1/service/callback/{service}");
        let answer = Self::send(self.request(Method::POST, &path).json(body))
            .await
            .ok()?;
        (answer.status == 200).then(|| id_of(&answer))
    }

    /// `PUT`; `None` when the server did not answer (it may be dead).
    pub async fn try_put(&self, path: &str, body: &Value) -> Option<u16> {
        let request = self.request(Method::PUT, path).json(body);
        Some(Self::send(request).await.ok()?.status)
    }

    /// `DELETE`; `None` when the server did not answer (it may be dead).
    pub async fn try_delete(&self, path: &str) -> Option<u16> {
        let request = self.request(Method::DELETE, path);
        Some(Self::send(request).await.ok()?.status)
    }

    /// Asks for a callback to a number; returns its id.
    pub async fn call_back(&self, service: &str, number: &str) -> String {
        let answer = self
            .create(service, &json!({"_customer_number": number}))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        id_of(&answer)
    }

    /// Cancels a callback.
    pub async fn cancel(&self, service: &str, id: &str) -> Answer {
        self.delete(&format!("/genesys/1/service/callback/{service}/{id}"))
            .await
    }

    /// The record of a callback.
    pub async fn record(&self, id: &str) -> Value {
        let answer = self
            .get(&format!("/genesys/1/service/callback?_id={id}"))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Waits until a callback is in a state; returns its record.
    pub async fn state(&self, id: &str, state: &str, within: Duration) -> Value {
        until(&format!("{id} {state}"), within, async || {
            let record = self.record(id).await;
            (record["_callback_state"] == state).then_some(record)
        })
        .await
    }

    /// The event log of a callback.
    pub async fn events(&self, id: &str) -> Vec<Value> {
        list(
            &self.get(&format!("/api/v1/callbacks/{id}/events")).await,
            "events",
        )
    }

    /// Deliveries of a callback with their attempts.
    pub async fn deliveries(&self, id: &str) -> Vec<Value> {
        list(
            &self.get(&format!("/api/v1/deliveries?callback={id}")).await,
            "deliveries",
        )
    }
}

fn id_of(answer: &Answer) -> String {
    let id = answer.body["_id"].as_str();
    id.unwrap_or_else(|| panic!("no _id in {answer:?}"))
        .to_owned()
}

fn list(answer: &Answer, key: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let found = answer.body[key].as_array();
    found
        .unwrap_or_else(|| panic!("no list {key} in {answer:?}"))
        .clone()
}
