//! The shard's side of plugins: questions out, answers in, calls handed over.

use std::sync::Arc;

use callback::lifecycle::{Input, PluginEvent, RouteOut};
use callback::number::Dialplan;
use callback::plugin::{self, Answer, PluginKind, Question};
use callback::{CallbackId, Error, ErrorCode, LegKey, number};
use telephony::port::{
    CallerId, Command as TelephonyCommand, Destination, HangUpCause, Originate, TrunkNumber,
};
use tokio::sync::{mpsc, oneshot};

use super::act::{call_id, seconds};
use super::round::{Asked, Round};
use super::{Command, Reply, Shard};
use crate::plugin::{Asked as Told, PluginHost};
use crate::trunks::TrunkInfo;

impl Shard {
    /// Puts a question to the plugin.
    pub(super) fn ask_plugin(&self, question: Question) {
        let host = self.parts.plugins.clone();
        let commands = self.parts.commands.clone();
        match question.kind {
            PluginKind::Http => {
                let task = ask_over_http(host, commands, question);
                self.parts.supervisor.spawn("plugin", task);
            }
            PluginKind::VoiceXml => host.voicexml.ask(&question),
            PluginKind::Scxml => {
                let reply_url = host.reply_url(&question);
                host.sessions.ask(question, reply_url);
            }
        }
    }

    /// Takes an answer when one is waited for.
    pub(super) async fn on_plugin_answer(
        &mut self,
        id: CallbackId,
        token: String,
        answer: Box<Answer>,
        reply: Reply<Result<(), Error>>,
        round: &mut Round,
    ) {
        if reply.is_closed() {
            // The plugin was told that this could not be done in time: it may answer again.
            return;
        }
        match self.take_answer(&id, token, answer, round).await {
            // An answer is never withdrawn: its plugin would not give it again.
            Ok(()) => round.asked.push(Asked {
                id,
                before: None,
                reply,
            }),
            Err(error) => {
                tracing::info!(callback.id = %id, %error, "a plugin's answer was refused");
                drop(reply.send(Err(error)));
            }
        }
    }

    async fn take_answer(
        &mut self,
        id: &CallbackId,
        token: String,
        answer: Box<Answer>,
        round: &mut Round,
    ) -> Result<(), Error> {
        if let Some(callback) = self.callbacks.get(id) {
            plugin::standing(callback, &token)?;
            answer.check(callback, &self.parts.dialplan)?;
            let event = PluginEvent::Answer(answer);
            return self.try_step(id, Input::Plugin { token, event }, round);
        }
        let missing = || Error::new(ErrorCode::NotFound, "There is no question with this token");
        let stored = self.parts.store.callback(id).await.map_err(|error| {
            tracing::error!(%error, "a callback cannot be read");
            Error::new(ErrorCode::NotReady, "The store cannot be read now")
        })?;
        plugin::standing(&stored.ok_or_else(missing)?, &token)?;
        Err(missing())
    }

    /// Calls the destination of `route_to_rp`: a phone that is registered here, else over the
    /// trunks of the service.
    pub(super) fn route_out(&mut self, route: RouteOut) {
        let plan = &self.parts.dialplan;
        let home = &plan.default_country;
        let destination = if self.router.has_extension(&route.number) {
            Destination::Extension(route.number)
        } else {
            let trunks = self.parts.trunks.candidates(&route.route_point);
            let cleaned = number::clean(&route.number).unwrap_or_default();
            Destination::Trunks(ways(plan, trunks, &cleaned, home))
        };
        self.send(TelephonyCommand::Originate(Box::new(Originate {
            call: call_id(&route.leg),
            destination,
            caller_id: CallerId {
                number: route.caller_number,
                display_name: String::new(),
            },
            ring_timeout: seconds(route.ring_timeout_s),
            detection: None,
            headers: route.headers,
        })));
    }

    /// Asks the customer's side to call the destination itself.
    pub(super) fn refer(
        &mut self,
        leg: &LegKey,
        number: &str,
        route_point: &str,
        headers: Vec<(String, String)>,
    ) {
        let plan = &self.parts.dialplan;
        let cleaned = number::clean(number).unwrap_or_default();
        let trunk = self.parts.trunks.candidates(route_point).first();
        let format = trunk.map(|trunk| trunk.number_format).unwrap_or_default();
        let to = number::dial_string(plan, &cleaned, "", format, &plan.default_country);
        let call = call_id(leg);
        self.send(TelephonyCommand::Refer { call, to, headers });
    }

    /// Nobody looks after two legs any more: when one ends, so does the other.
    pub(super) fn handed_over(&mut self, a: String, b: String) {
        self.handed.insert(a.clone(), b.clone());
        self.handed.insert(b, a);
    }

    /// A leg is over; if it was handed over, its other half ends as well.
    pub(super) fn part(&mut self, leg: &str) {
        if let Some(other) = self.handed.remove(leg) {
            self.handed.remove(&other);
            self.send(TelephonyCommand::HangUp {
                call: telephony::port::CallId::new(Arc::<str>::from(other)),
                cause: HangUpCause::Normal,
            });
        }
    }
}

/// What is dialed over each of the trunks.
pub(super) fn ways(
    plan: &Dialplan,
    trunks: &[TrunkInfo],
    cleaned: &str,
    country: &str,
) -> Vec<TrunkNumber> {
    let way = |trunk: &TrunkInfo| TrunkNumber {
        trunk: trunk.name.clone(),
        number: number::dial_string(plan, cleaned, "", trunk.number_format, country),
    };
    trunks.iter().map(way).collect()
}

async fn ask_over_http(host: PluginHost, commands: mpsc::Sender<Command>, question: Question) {
    let (id, token) = (question.callback.clone(), question.token.clone());
    let tell = async |event| {
        let input = Input::Plugin {
            token: token.clone(),
            event,
        };
        // The channel closes only when the shard is gone.
        let id = id.clone();
        drop(commands.send(Command::Tell { id, input }).await);
    };
    tell(PluginEvent::Started).await;
    match host.http.ask(&question, &host.reply_url(&question)).await {
        Told::Later => {}
        Told::NoAnswer(why) => tell(PluginEvent::NoAnswer { why }).await,
        Told::Failed(why) => {
            let detail = "plugin_start_failed".to_owned();
            tell(PluginEvent::Failed { detail, why }).await;
        }
        Told::Answered(answer) => {
            let (reply, answered) = oneshot::channel();
            let command = Command::PluginAnswer {
                id: id.clone(),
                token: token.clone(),
                answer,
                reply,
            };
            drop(commands.send(command).await);
            if let Ok(Err(error)) = answered.await {
                let why = error.message;
                tell(PluginEvent::NoAnswer { why }).await;
            }
        }
    }
}
