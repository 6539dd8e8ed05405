//! A server whose documents tell everything that they are told: what the tests of sessions that
//! act on calls share.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{PATIENCE, Page, Receiver, Server, ServerBuilder, Web, until};

use crate::common::{agents, server, service, start_session};

const KIND: &str = "application/scxml+xml";

/// The server and everything around it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) notes: Receiver,
    pub(crate) web: Web,
    seen: Receiver,
    pages: AtomicUsize,
}

/// A document: these states, and beside them one that passes every event on.
fn document(states: &str, seen: &str) -> String {
    format!(
        r#"<?xml version="1.0"?>
<scxml version="1.0" profile="ecmascript" initial="whole" xmlns="http://www.w3.org/2005/07/scxml"
    xmlns:session="http://www.genesyslab.com/modules/session"
    xmlns:ixn="http://www.genesyslab.com/modules/interaction"
    xmlns:dialog="http://www.genesyslab.com/modules/dialog">
  <datamodel>
    <data id="_interaction_id"/><data id="_reply_url"/><data id="rid"/><data id="told" expr="0"/>
    <data id="seen" expr="'{seen}'"/><data id="id"/><data id="other"/><data id="f"/>
  </datamodel>
  <parallel id="whole">
    <state id="teller">
      <transition event="session.fetch error.session.fetch"/>
      <transition event="*">
        <assign location="_data.told" expr="_data.told + 1"/>
        <session:fetch requestid="_data.f" srcexpr="_data.seen" method="'post'" enctype="'application/json'">
          <param name="n" expr="_data.told"/><param name="event" expr="_event.name"/>
          <param name="data" expr="_event.data"/>
        </session:fetch>
      </transition>
    </state>
    <state id="flow">{states}</state>
  </parallel>
  <final id="end"/>
</scxml>"#
    )
}

impl Stage {
    /// A site with agent kim and no service.
    pub(crate) async fn new(builder: ServerBuilder) -> Self {
        let (notes, seen) = (Receiver::start().await, Receiver::start().await);
        let web = Web::start().await;
        let server = builder.start().await;
        server.api.import_agents(&agents(&[("kim", "7001")])).await;
        Self {
            server,
            notes,
            web,
            seen,
            pages: AtomicUsize::new(0),
        }
    }

    /// A service `desk` whose plugin has these states.
    pub(crate) async fn plugin(builder: ServerBuilder, states: &str, extra: &[&str]) -> Self {
        let stage = Self::new(builder).await;
        let url = stage.put(states);
        let url = format!("_plugin_on_dial_url = {url}");
        let lines = [&[url.as_str()], extra].concat();
        let text = service("desk", &stage.notes, &lines);
        stage.server.api.import_services(&text).await;
        stage
    }

    /// The same with its carrier at a port.
    pub(crate) async fn plugin_at(trunk: u16, states: &str) -> Self {
        Self::plugin(server(trunk), states, &[]).await
    }

    /// Puts a document with these states on the web; addresses beginning with `WEB` are there.
    pub(crate) fn put(&self, states: &str) -> String {
        let states = states.replace("WEB", &self.web.base);
        let text = document(&states, &self.seen.url);
        // Documents are kept for a while: each has a place of its own.
        let n = self.pages.fetch_add(1, Ordering::Relaxed);
        self.web
            .put(&format!("/page-{n}.scxml"), Page::new(KIND, text))
    }

    /// Starts a session with these states.
    pub(crate) async fn session(&self, states: &str) -> String {
        let body = json!({"src": self.put(states)});
        start_session(&self.server.api, &body).await
    }

    /// Sends an event to a session.
    pub(crate) async fn send(&self, session: &str, event: &str, data: &Value) {
        let path = format!("/scxml/session/{session}/event/{event}");
        let answer = self.server.api.post(&path, data).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) async fn call(&self) -> String {
        self.server.api.call_back("desk", "5115").await
    }

    /// What the document was told so far, in order.
    pub(crate) fn told(&self) -> Vec<(String, Value)> {
        let mut told: Vec<(i64, String, Value)> = self
            .seen
            .notes()
            .iter()
            .map(|note| {
                let n = note.body["n"].as_f64().unwrap_or_default();
                #[expect(clippy::cast_possible_truncation, reason = "a small count")]
                let n = n as i64;
                (n, note.get("event").to_owned(), note.body["data"].clone())
            })
            .collect();
        told.sort_by_key(|(n, ..)| *n);
        told.into_iter()
            .map(|(_, event, data)| (event, data))
            .collect()
    }

    /// Waits for the n-th event of a name, from 1; gives its data.
    pub(crate) async fn event(&self, name: &str, n: usize) -> Value {
        until(&format!("{name} number {n}"), PATIENCE, async || {
            let told = self.told().into_iter();
            let mut data = told.filter(|(event, _)| event == name);
            data.nth(n - 1).map(|(_, data)| data)
        })
        .await
    }

    /// Waits for an event and gives its error word.
    pub(crate) async fn error(&self, name: &str, n: usize) -> String {
        let data = self.event(name, n).await;
        data["error"].as_str().unwrap_or_default().to_owned()
    }
}
