//! The module `queue`: the session's call waits for an agent in a virtual queue (ors-scxml §6).

use std::sync::Arc;

use callback::CallbackId;
use callback::plugin::QueueTold;
use callback::routing::{Found, Target};
use scxml::ActionElement;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::act::{failed, foreign};
use super::cell::{Body, Cell, Input};
use super::dialog::plain;
use super::{Sessions, event};
use crate::shard::{Act, Command, QueueOrder};

/// Longest time of a request, s.
const TIMEOUT_MAX_S: f64 = 86_400.0;

/// What a session has asked of a queue.
#[derive(Debug)]
pub(super) struct Waits {
    /// `requestid` of the `<queue:submit>`.
    request: String,
    /// The session that asked.
    session: String,
    /// The agent found is called at once.
    route: bool,
    /// Whom it was told.
    found: Option<Found>,
    /// `requestid` of the `<ixn:redirect>` to that agent.
    redirect: Option<String>,
}

impl Sessions {
    /// `<queue:submit>`, `<queue:cancel>` and `<queue:query>`.
    pub(super) fn queue(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: String,
    ) {
        match element.name.as_str() {
            "submit" => self.submit(cell, body, session, element, &request),
            "cancel" => self.withdraw(cell, body, session, meant(element)),
            _ => self.query_queue(cell, session, meant(element)),
        }
    }

    fn submit(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: &str,
    ) {
        let order = match foreign(cell, element) {
            Some(why) => Err((why, "there is no such call here".to_owned())),
            None => read(element, request).map_err(|why| ("invalidattribute", why)),
        };
        let order = match order {
            Ok(order) => order,
            Err((error, why)) => {
                let data = refused(cell, request, error, &why);
                return self.answer(body, session, "error.queue.submit", data);
            }
        };
        body.waits = Some(Waits {
            request: request.to_owned(),
            session: session.to_owned(),
            route: order.route,
            found: None,
            redirect: None,
        });
        let data = json!({"requestid": request, "interactionid": interaction(cell)});
        self.answer(body, session, "queue.submit.requestid", data);
        let submitted = self.control(cell, Act::Submit(Box::new(order)));
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        let request = request.to_owned();
        self.inner.supervisor.spawn("session", async move {
            if let Err(error) = submitted.await {
                sessions.push(&cell, Input::NotQueued(request, error));
            }
        });
    }

    /// The engine did not take the request.
    pub(super) fn not_queued(
        &self,
        cell: &Cell,
        body: &mut Body,
        request: &str,
        error: &'static str,
    ) {
        if let Some(waits) = body.waits.take_if(|waits| waits.request == request) {
            let why = "the engine did not take the request";
            let data = refused(cell, request, error, why);
            self.answer(body, &waits.session, "error.queue.submit", data);
        }
    }

    fn withdraw(&self, cell: &Arc<Cell>, body: &mut Body, session: &str, request: String) {
        body.waits
            .take_if(|waits| request.is_empty() || waits.request == request);
        let act = Act::Withdraw {
            request: request.clone(),
        };
        let withdrawn = self.control(cell, act);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        self.inner.supervisor.spawn("session", async move {
            let told = match withdrawn.await {
                Ok(()) => event("queue.cancel.done", json!({"requestid": request})),
                Err(error) => {
                    let (name, data) = failed("queue", "cancel", &request, error);
                    event(&name, data)
                }
            };
            sessions.push(&cell, Input::Event(session, told));
        });
    }

    fn query_queue(&self, cell: &Arc<Cell>, session: &str, request: String) {
        let of = cell.plugin.as_ref().map(|plugin| plugin.callback.clone());
        let position = self.position(of);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        self.inner.supervisor.spawn("session", async move {
            let told = match position.await {
                Some((position, waiting)) => event(
                    "queue.query.done",
                    json!({"requestid": request, "interactionid": interaction(&cell),
                        "position": position, "waiting": waiting}),
                ),
                None => {
                    let (name, data) = failed("queue", "query", &request, "unknown");
                    event(&name, data)
                }
            };
            sessions.push(&cell, Input::Event(session, told));
        });
    }

    fn position(
        &self,
        of: Option<CallbackId>,
    ) -> impl Future<Output = Option<(usize, usize)>> + Send + 'static {
        let commands = self.inner.commands.clone();
        async move {
            let (reply, position) = oneshot::channel();
            let command = Command::Position { id: of?, reply };
            commands.send(command).await.ok()?;
            position.await.ok()?
        }
    }

    /// `<ixn:redirect>` to whom the queue found: that agent is called; `false` when it means
    /// somebody else.
    pub(super) fn redirect_to_found(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        element: &ActionElement,
        request: &str,
    ) -> bool {
        let Some(waits) = &mut body.waits else {
            return false;
        };
        let to = element.attribute("to");
        let meant = |found: &Found| to.is_some_and(|to| means(to, found));
        if !waits.found.as_ref().is_some_and(meant) {
            return false;
        }
        waits.redirect = Some(request.to_owned());
        let called = self.control(cell, Act::Connect);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), waits.session.clone());
        let request = request.to_owned();
        self.inner.supervisor.spawn("session", async move {
            if let Err(error) = called.await {
                let (name, data) = failed("interaction", "redirect", &request, error);
                sessions.push(&cell, Input::Event(session, event(&name, data)));
            }
        });
        true
    }

    /// What became of a call in its queue.
    pub(crate) fn queue_told(&self, token: &str, request: String, told: QueueTold) {
        if let Some(cell) = self.of_token(token) {
            self.push(&cell, Input::Queue(request, told));
        }
    }

    pub(super) fn queue_event(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        request: &str,
        told: QueueTold,
    ) {
        let Some(waits) = body.waits.as_mut().filter(|w| w.request == request) else {
            return;
        };
        let session = waits.session.clone();
        let done = |found: &Found| selected(cell, request, found);
        match told {
            QueueTold::Selected(found) => {
                let data = done(&found);
                waits.found = Some(*found);
                self.answer(body, &session, "queue.submit.done", data);
            }
            QueueTold::Connected(found) => {
                let redirect = waits.redirect.take();
                let routed = waits.route;
                body.waits = None;
                // Who talks hears no treatment any more.
                self.drop_treatment(body, "cancelled", "the call is with an agent");
                let id = interaction(cell);
                let data = json!({"interactionid": id, "focusdeviceid": found.dn});
                self.answer(body, &session, "interaction.partystatechanged", data);
                if routed {
                    self.answer(body, &session, "queue.submit.done", done(&found));
                } else if let Some(redirect) = redirect {
                    let data = json!({"requestid": redirect, "interactionid": id});
                    self.answer(body, &session, "interaction.redirect.done", data);
                }
            }
            QueueTold::NotConnected => {
                let redirect = waits.redirect.take().unwrap_or_default();
                body.waits = None;
                let (name, data) = failed("interaction", "redirect", &redirect, "remote");
                self.answer(body, &session, &name, data);
            }
            QueueTold::TimedOut { cleared } => {
                if cleared {
                    body.waits = None;
                }
                let why = "nobody was found in time";
                let data = refused(cell, request, "timeout", why);
                self.answer(body, &session, "error.queue.submit", data);
            }
        }
    }
}

fn interaction(cell: &Cell) -> Option<&str> {
    cell.plugin.as_ref().and_then(|p| p.interaction.as_deref())
}

fn meant(element: &ActionElement) -> String {
    element
        .attribute("requestid")
        .map(plain)
        .unwrap_or_default()
}

fn refused(cell: &Cell, request: &str, error: &str, why: &str) -> Value {
    json!({"requestid": request, "interactionid": interaction(cell), "error": error,
        "description": why})
}

/// The data of `queue.submit.done`.
fn selected(cell: &Cell, request: &str, found: &Found) -> Value {
    json!({
        "requestid": request, "interactionid": interaction(cell),
        "targetselected": format!("{}@{}", found.dn, found.switch),
        "targetcomponentselected": found.agent.as_str(),
        "targetobjectselected": found.id, "vqselected": found.vq,
        "resource": {
            "agent": found.agent.as_str(), "dn": found.dn, "id": found.id, "place": found.place,
            "resource": found.dn, "switch": found.switch, "type": found.kind, "vq": found.vq,
        },
    })
}

/// Whether a redirect goes to whom the queue found: the resource object, or a name of it.
fn means(to: &Value, found: &Found) -> bool {
    match to {
        Value::Object(resource) => ["agent", "dn"].iter().all(|key| {
            let value = resource.get(*key).map(plain);
            value.is_some_and(|value| value == found.agent.as_str() || value == found.dn)
        }),
        other => {
            let text = plain(other);
            let name = text.split('@').next().unwrap_or_default();
            !name.is_empty() && (name == found.dn || name == found.agent.as_str())
        }
    }
}

/// Reads `<queue:submit>`.
fn read(element: &ActionElement, request: &str) -> Result<QueueOrder, String> {
    let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
    for name in ["ordertype", "orderstat"] {
        let value = text(name);
        if !["", "max", "StatTimeInReadyState"].contains(&value.as_str()) {
            tracing::warn!(
                name,
                value,
                "queue:submit: the agent idle for longest is taken, whatever this says"
            );
        }
    }
    let priority = match text("priority").as_str() {
        "" => None,
        number => Some(number.parse().map_err(|_bad| "priority is no integer")?),
    };
    let timeout = match text("timeout").as_str() {
        "" => 0.0,
        time => time
            .trim_end_matches('s')
            .parse::<f64>()
            .ok()
            .filter(|s| (0.0..=TIMEOUT_MAX_S).contains(s))
            .ok_or("timeout is no time in seconds")?,
    };
    Ok(QueueOrder {
        request: request.to_owned(),
        queue: Some(text("queue")).filter(|queue| !queue.is_empty()),
        target: targets(element)?,
        priority,
        timeout_s: whole(timeout.ceil()),
        clear_on_timeout: flag(&text("clearontimeout"), true)?,
        route: flag(&text("route"), true)?,
    })
}

/// Seconds within a day as a whole number.
fn whole(seconds: f64) -> i64 {
    i64::try_from(std::time::Duration::from_secs_f64(seconds).as_secs()).unwrap_or(0)
}

fn flag(text: &str, default: bool) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(default),
        "true" | "1" | "1.0" => Ok(true),
        "false" | "0" | "0.0" => Ok(false),
        other => Err(format!("{other} is neither true nor false")),
    }
}

/// The targets of a request; all of them count at once.
fn targets(element: &ActionElement) -> Result<Target, String> {
    let groups = element.children.iter().filter(|c| c.name == "targets");
    let direct = element.children.iter();
    let mut whole = Target::default();
    for child in groups.flat_map(|group| &group.children).chain(direct) {
        match child.name.as_str() {
            "targetid" => {
                let given = child.attribute("expr").or_else(|| child.attribute("id"));
                add(&mut whole, given.unwrap_or(&Value::Null))?;
            }
            "target" => {
                let text = |name: &str| child.attribute(name).map(plain).unwrap_or_default();
                let kind = kind_of(&text("type"))?;
                let target = format!("{}@{}.{kind}", text("name"), text("statserver"));
                add(&mut whole, &Value::from(target))?;
            }
            _ => {}
        }
    }
    if whole.steps.len() > callback::limits::TARGET_STEPS_MAX {
        let max = callback::limits::TARGET_STEPS_MAX;
        return Err(format!("a request has at most {max} targets"));
    }
    Ok(whole)
}

fn add(whole: &mut Target, given: &Value) -> Result<(), String> {
    match given {
        Value::Array(several) => several.iter().try_for_each(|one| add(whole, one)),
        Value::Object(resource) if resource.contains_key("agent") => {
            let agent = resource.get("agent").map(plain).unwrap_or_default();
            add(whole, &Value::from(format!("{agent}@.A")))
        }
        other => {
            let target = Target::parse(&plain(other))?;
            if target.steps.is_empty() {
                return Err("a target has no name".to_owned());
            }
            whole.steps.extend(target.steps);
            Ok(())
        }
    }
}

/// The letters of a kind of target (options §16).
fn kind_of(word: &str) -> Result<&'static str, String> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "a" | "agent" => "A",
        "ap" | "place" => "AP",
        "" | "ga" | "agentgroup" | "skill" => "GA",
        "gp" | "placegroup" => "GP",
        "gc" | "campaigngroup" => "GC",
        other => return Err(format!("{other} is no type of a target here")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(name: &str, attributes: &[(&str, Value)]) -> ActionElement {
        let owned = |(n, v): &(&str, Value)| ((*n).to_owned(), v.clone());
        ActionElement {
            name: name.to_owned(),
            attributes: attributes.iter().map(owned).collect(),
            params: Vec::new(),
            content: None,
            children: Vec::new(),
        }
    }

    #[test]
    fn a_request_names_its_targets_in_every_form() {
        let mut targets = element("targets", &[]);
        targets.children = vec![
            element("targetid", &[("expr", json!("?:English>5@Stats.GA"))]),
            element(
                "target",
                &[
                    ("name", json!("Billing")),
                    ("type", json!("agentgroup")),
                    ("statserver", json!("Stats")),
                ],
            ),
            element("targetid", &[("expr", json!(["kim@S.A", "D1@S.AP"]))]),
        ];
        let mut submit = element(
            "submit",
            &[
                ("queue", json!("VQ")),
                ("priority", json!(7.0)),
                ("timeout", json!("1.5s")),
                ("route", json!(false)),
            ],
        );
        submit.children = vec![targets];
        let order = read(&submit, "r").unwrap();
        let steps = order.target.steps.iter();
        let names: Vec<_> = steps.map(|step| step.target.as_str()).collect();
        let wanted = [
            "?:English>5@Stats.GA",
            "Billing@Stats.GA",
            "kim@S.A",
            "D1@S.AP",
        ];
        assert_eq!(names, wanted);
        assert_eq!(order.queue.as_deref(), Some("VQ"));
        assert_eq!((order.priority, order.timeout_s), (Some(7), 2));
        assert_eq!((order.route, order.clear_on_timeout), (false, true));
    }

    #[test]
    fn bad_requests_are_refused() {
        for (name, value) in [
            ("timeout", json!("soon")),
            ("timeout", json!(-1)),
            ("priority", json!("high")),
            ("route", json!("perhaps")),
        ] {
            assert!(read(&element("submit", &[(name, value)]), "r").is_err());
        }
        for target in [
            element("targetid", &[("expr", json!("Billing"))]),
            element("targetid", &[]),
            element("target", &[("name", json!("x")), ("type", json!("moon"))]),
        ] {
            let mut submit = element("submit", &[]);
            submit.children = vec![target];
            assert!(read(&submit, "r").is_err());
        }
    }
}
