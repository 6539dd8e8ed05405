//! What each element of executable content does.

use script::Argument;
use serde_json::Value as Json;

use super::document::{Arrival, Purpose};
use super::run::{After, Flow, Run, Turns};
use super::{Phase, Session, Then};
use crate::address;
use crate::effect::{Effect, Ending, FetchKind, LogLine, Message};
use crate::model::{
    Action, ActionKind, Assignable, Data, Goto, Names, Request, Target, Text, Throw,
};
use crate::world::{Thrown, Try};

/// Wait for a message where nothing else is said.
const RECEIVE_MS: u64 = 10_000;

impl Session {
    /// Executes one element.
    #[expect(
        clippy::too_many_lines,
        reason = "a dispatch table: one arm per element"
    )]
    pub(super) fn perform(&mut self, run: &mut Run, action: &Action) -> Try<Flow> {
        let base = run.base;
        match &action.kind {
            ActionKind::Var {
                name,
                expr,
                parameter,
            } => self.declare(name, *expr, *parameter, run)?,
            ActionKind::DeclareItem(at) => self.declare_item(*at, run)?,
            ActionKind::Assign { target, expr } => {
                self.world.assign(target, expr.of(base), base)?;
            }
            ActionKind::Clear(names) => self.clear(names.as_deref(), run)?,
            ActionKind::Script(code) => self.world.run(code.of(base))?,
            ActionKind::ScriptFile {
                address,
                charset,
                fetch,
            } => {
                let address = self.world.string(address, base)?;
                let url = address::resolve(&self.address_base(), &address);
                let id = self.fetch(FetchKind::Script, url.clone(), None, fetch)?;
                let charset = charset.clone();
                return Ok(Flow::Wait(Box::new(move |run| {
                    let purpose = Box::new(Purpose::Script { run, url, charset });
                    Phase::Fetch { id, purpose }
                })));
            }
            ActionKind::If(branches) => {
                for (cond, block) in branches {
                    let holds = match cond {
                        Some(cond) => self.world.truth(cond.of(base))?,
                        None => true,
                    };
                    if holds {
                        run.push(block, None).map_err(Box::new)?;
                        break;
                    }
                }
            }
            ActionKind::Goto(goto) => return self.goto_from(goto, run),
            ActionKind::Submit { address, request } => return self.submit(address, request, run),
            ActionKind::Exit { expr, names } => {
                let names = self.world.names(names.as_ref(), base)?;
                let value = match expr {
                    Some(expr) => self.world.export(expr.of(base))?,
                    None => None,
                };
                self.end(Ending::Exit { names, value });
                return Ok(Flow::Away);
            }
            ActionKind::Return { event, names } => {
                let names = self.world.names(names.as_ref(), base)?;
                let event = match event {
                    Some(event) => Some(self.thrown(event, run, action)?),
                    None => None,
                };
                self.leave_subdialog(&names, event)?;
                return Ok(Flow::Away);
            }
            ActionKind::Disconnect(names) => {
                let names = self.world.names(names.as_ref(), base)?;
                self.disconnect(names);
                return Ok(Flow::Away);
            }
            ActionKind::Throw(throw) => {
                return Err(Box::new(self.thrown(throw, run, action)?));
            }
            ActionKind::Reprompt => {
                if let After::Catch { reprompts, .. } = &mut run.after {
                    *reprompts = true;
                }
            }
            ActionKind::Log {
                label,
                level,
                expr,
                content,
            } => {
                let mut text = match expr {
                    Some(expr) => self
                        .world
                        .text(expr.of(base))?
                        .unwrap_or_else(|| "undefined".to_owned()),
                    None => String::new(),
                };
                for segment in self.render(content, base, 0)? {
                    if let crate::effect::Segment::Speech { text: words, .. } = segment {
                        text = format!("{text} {words}").trim_start().to_owned();
                    }
                }
                self.effect(Effect::Log(LogLine {
                    label: label.clone(),
                    level: level.clone(),
                    text,
                }));
            }
            ActionKind::Prompt(prompt) => self.queue_if(prompt, base)?,
            ActionKind::Foreach { array, item, block } => {
                let (list, count) = self.world.list(array.of(base))?;
                if count > self.start.limits.foreach_turns {
                    self.world.release(list);
                    return Err(Box::new(Thrown::limit("too many turns of a <foreach>")));
                }
                if count == 0 {
                    self.world.release(list);
                    return Ok(Flow::Next);
                }
                self.world.element(list, 0, item)?;
                let turns = Turns {
                    list,
                    count,
                    next: 1,
                    item: item.clone(),
                };
                run.push(block, Some(turns)).map_err(Box::new)?;
            }
            ActionKind::Data(data) => return self.data(data, run),
            ActionKind::Send { names, event, body } => {
                self.send(names.as_ref(), event.as_ref(), *body, run)?;
            }
            ActionKind::Receive { max_time } => return self.receive(max_time.as_ref(), run),
            ActionKind::Broken(event, message) => {
                return Err(Box::new(Thrown::new(&**event, message.as_str())));
            }
        }
        Ok(Flow::Next)
    }

    fn declare(
        &mut self,
        name: &str,
        expr: Option<script::Snippet>,
        parameter: bool,
        run: &Run,
    ) -> Try<()> {
        if parameter {
            let given = self
                .world
                .call(self.world.parts.parameter, &[Argument::Text(name)])?;
            if given.as_bool() == Some(true) {
                return Ok(());
            }
        }
        match expr {
            Some(expr) => {
                let part = self.world.parts.declare;
                self.world
                    .hand(expr.of(run.base), part, &[Argument::Text(name)])
            }
            None => self
                .world
                .apply(self.world.parts.keep, &[Argument::Text(name)]),
        }
    }

    fn declare_item(&mut self, at: usize, run: &Run) -> Try<()> {
        let dialog = self.dialog()?;
        match dialog.items.get(at) {
            Some(item) => self.declare(&item.name, item.expr, false, run),
            None => Ok(()),
        }
    }

    fn clear(&mut self, names: Option<&[(std::sync::Arc<str>, Assignable)]>, run: &Run) -> Try<()> {
        let dialog = self.dialog()?;
        let Some(names) = names else {
            for at in 0..dialog.items.len() {
                self.unset(at)?;
            }
            return Ok(());
        };
        for (name, target) in names {
            let local = name.strip_prefix("dialog.").unwrap_or(name);
            match dialog.items.iter().position(|item| *item.name == *local) {
                Some(at) => self.unset(at)?,
                None => self.world.store(target, Argument::Undefined, run.base)?,
            }
        }
        Ok(())
    }

    fn goto_from(&mut self, goto: &Goto, run: &Run) -> Try<Flow> {
        self.goto(goto, run.base, None)?;
        // Within the form the turn ends as the handler would have ended.
        if let (Target::Item(_), After::Catch { reprompts, .. }) = (&goto.target, &run.after) {
            self.context().skips_prompts = !reprompts;
        }
        Ok(Flow::Away)
    }

    fn submit(&mut self, address: &Text, request: &Request, run: &Run) -> Try<Flow> {
        let address = self.world.string(address, run.base)?;
        let (before, fragment) = address::split_fragment(&address);
        let (mut address, body) = self.request(before, request, true, run.base)?;
        if let Some(fragment) = fragment {
            address = format!("{address}#{fragment}");
        }
        let mut arrival = Arrival::new(&self.address_base(), &address, false);
        arrival.is_submitted = true;
        self.fetch_page(arrival, body, &request.fetch)?;
        Ok(Flow::Away)
    }

    /// The event of `<throw>` and `<return>`.
    fn thrown(&mut self, throw: &Throw, run: &Run, action: &Action) -> Try<Thrown> {
        let event = self.world.string(&throw.event, run.base)?;
        let message = match &throw.message {
            Some(message) => Some(self.world.string(message, run.base)?),
            None => None,
        };
        Ok(Thrown {
            event,
            message,
            element: action.element,
            place: action.place,
            deliberate: true,
        })
    }

    fn data(&mut self, data: &Data, run: &Run) -> Try<Flow> {
        let address = self.world.string(&data.address, run.base)?;
        let (address, body) = self.request(&address, &data.request, false, run.base)?;
        let url = address::resolve(&self.address_base(), &address);
        let id = self.fetch(FetchKind::Data, url.clone(), body, &data.request.fetch)?;
        let (name, declares) = (data.name.clone(), data.declares.clone());
        Ok(Flow::Wait(Box::new(move |run| Phase::Fetch {
            id,
            purpose: Box::new(Purpose::Data {
                run,
                name,
                declares,
                url,
            }),
        })))
    }

    fn send(
        &mut self,
        names: Option<&Names>,
        event: Option<&Text>,
        body: Option<script::Snippet>,
        run: &Run,
    ) -> Try<()> {
        self.check_partner("send")?;
        let event = match event {
            Some(event) => Some(self.world.string(event, run.base)?),
            None => None,
        };
        let data = match body {
            Some(body) => self.world.export(body.of(run.base))?.unwrap_or_default(),
            None => Json::Object(self.world.names(names, run.base)?),
        };
        self.effect(Effect::Send(Message { event, data }));
        Ok(())
    }

    fn receive(&mut self, max_time: Option<&Text>, run: &Run) -> Try<Flow> {
        self.check_partner("receive")?;
        if self.hangup_pending {
            self.hangup_pending = false;
            return Err(Box::new(Thrown::plain("connection.disconnect.hangup")));
        }
        if let Some(message) = self.messages.pop_front() {
            self.received(message)?;
            return Ok(Flow::Next);
        }
        let max_ms = match max_time {
            Some(text) => super::prompt::time_of(&self.world.string(text, run.base)?)?,
            None => RECEIVE_MS,
        };
        // What was said so far is heard while the page waits.
        Ok(Flow::Wait(Box::new(move |run| {
            Phase::Said(Box::new(Then::Receive(run, max_ms)))
        })))
    }

    /// The prompts are over: a message is waited for.
    pub(super) fn begin_receive(&mut self, run: Box<Run>, max_ms: u64) {
        match self.messages.pop_front() {
            Some(message) => {
                self.phase = Phase::Run(run);
                let done = self.received(message);
                self.caught(done);
            }
            None => {
                let deadline = self.after(max_ms);
                self.phase = Phase::Receive { run, deadline };
            }
        }
    }

    /// A message becomes `application.lastmessage$`.
    pub(super) fn received(&mut self, message: Message) -> Try<()> {
        let event = match &message.event {
            Some(event) => Argument::Text(event),
            None => Argument::Undefined,
        };
        let arguments = [Argument::Json(&message.data), event];
        self.world.apply(self.world.parts.lastmessage, &arguments)
    }

    /// Whether there is a session to talk with.
    fn check_partner(&self, element: &str) -> Try<()> {
        if self.start.messages {
            return Ok(());
        }
        let event = format!("error.unsupported.{element}");
        let message = "no session of a document started this application";
        Err(Box::new(Thrown::new(event, message)))
    }
}
