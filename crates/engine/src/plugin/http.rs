//! Plugins behind HTTP: the question as JSON, the answer in the response or later.

use std::time::Duration;

use callback::plugin::{Answer, Question};
use serde_json::{Map, Value};

use crate::limits;
use crate::notify::{check_operators_url, describe, operators_resolver, read_body};

/// What came of a question.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    /// The response holds the answer.
    Answered(Box<Answer>),
    /// The response holds none: it comes to the reply URL.
    Later,
    /// The response holds something that is no answer; one may still come to the reply URL.
    NoAnswer(String),
    /// The plugin does not have the question.
    Failed(String),
}

/// The client that asks.
#[derive(Clone, Debug)]
pub(crate) struct HttpPlugins {
    client: reqwest::Client,
}

impl HttpPlugins {
    /// The operator named the addresses: inner ones are allowed, metadata services are not.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(limits::PLUGIN_CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(operators_resolver())
            .user_agent(concat!("ringback/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// The client, for others that talk to addresses of the operator.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.client.clone()
    }

    /// Puts a question and waits for the response as long as an answer counts.
    pub(crate) async fn ask(&self, question: &Question, reply_url: &str) -> Asked {
        let Ok(url) = reqwest::Url::parse(&question.url) else {
            return Asked::Failed("the plugin's address is no URL".to_owned());
        };
        if let Err(refused) = check_operators_url(url.as_str()) {
            return Asked::Failed(refused);
        }
        let ttl = Duration::from_secs(u64::try_from(question.ttl_s).unwrap_or(1));
        let body = Value::Object(question.parameters(reply_url)).to_string();
        let call = self
            .client
            .post(url)
            .timeout(ttl)
            .header("content-type", "application/json; charset=utf-8")
            .body(body);
        match call.send().await {
            Ok(response) => read(response).await,
            // The plugin has the question and keeps the line open: its time is judged elsewhere.
            Err(error) if error.is_timeout() && !error.is_connect() => Asked::Later,
            Err(error) => Asked::Failed(describe(&error)),
        }
    }
}

async fn read(response: reqwest::Response) -> Asked {
    let status = response.status();
    if !status.is_success() {
        return Asked::Failed(format!("status {}", status.as_u16()));
    }
    match read_body(response, limits::PLUGIN_ANSWER_MAX).await {
        Ok(bytes) => judge(&bytes),
        Err(error) => Asked::NoAnswer(error.to_string()),
    }
}

/// Nothing, or an object without `action`, means later.
fn judge(bytes: &[u8]) -> Asked {
    if bytes.trim_ascii().is_empty() {
        return Asked::Later;
    }
    let object = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Asked::NoAnswer("the response is no JSON object".to_owned()),
        Err(error) => return Asked::NoAnswer(format!("the response is not JSON ({error})")),
    };
    answer_of(&object)
}

fn answer_of(object: &Map<String, Value>) -> Asked {
    if !object.contains_key("action") {
        return Asked::Later;
    }
    match Answer::parse(object) {
        Ok(answer) => Asked::Answered(Box::new(answer)),
        Err(error) => Asked::NoAnswer(error.message),
    }
}

#[cfg(test)]
mod tests {
    use callback::plugin::Action;

    use super::*;

    #[test]
    fn a_response_is_an_answer_or_says_that_it_comes_later() {
        for later in ["", " \n", "{}", r#"{"status":"queued"}"#] {
            assert_eq!(judge(later.as_bytes()), Asked::Later, "{later}");
        }
        let retry = judge(br#"{"action":"retry","message":"OK","delay":5}"#);
        let mut expected = Answer::new(Action::Retry);
        expected.delay_s = Some(5);
        assert_eq!(retry, Asked::Answered(Box::new(expected)));
        for wrong in ["[1]", "<html>", r#"{"action":"dance","message":"OK"}"#] {
            assert!(
                matches!(judge(wrong.as_bytes()), Asked::NoAnswer(_)),
                "{wrong}"
            );
        }
    }
}
