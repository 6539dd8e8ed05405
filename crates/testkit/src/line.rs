//! Customers' phones behind one UDP port, in the test process: many at once, each INVITE counted.

mod message;
mod talker;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use self::message::Request;
pub use self::talker::{Heard, Talker};
use crate::clock::{Moment, now};

/// How often the phones look at their clocks.
const TICK: Duration = Duration::from_millis(10);
/// Pause between two sendings of a final answer or a BYE (T1, RFC 3261 §17.1.1.1).
const REPEAT: Duration = Duration::from_millis(500);
/// A BYE that nobody answers is given up after so many sendings (the server may be dead).
const BYE_SENDINGS: u32 = 10;

/// What a phone does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Rings so long, then refuses with this status.
    Refuse(Duration, u16),
    /// Fails with this status and never rings, as a network without a way does.
    Fail(u16),
    /// Rings until CANCEL.
    NoAnswer,
    /// Rings so long, answers, and waits for BYE.
    Answer(Duration),
    /// Rings so long, answers, presses a key after the second time, and waits for BYE.
    AnswerAndPress(Duration, Duration, char),
    /// Rings so long, answers, and hangs up after the second time.
    AnswerAndLeave(Duration, Duration),
    /// Rings so long, answers, and when it is referred reports this status of the new call; others
    /// refuse to be referred.
    AnswerAndFollow(Duration, u16),
}

/// A call as the phones saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// SIP Call-ID.
    pub call_id: String,
    /// User part of the Request-URI.
    pub number: String,
    /// Distinct INVITE transactions (branches of the topmost Via).
    pub branches: Vec<String>,
    /// The first INVITE arrived.
    pub at: Moment,
    /// A CANCEL arrived.
    pub cancelled: bool,
    /// 200 was acknowledged.
    pub answered: bool,
    /// The phone is idle again, and since when.
    pub over: Option<Moment>,
    /// Headers of the first INVITE.
    pub headers: Vec<(String, String)>,
    /// `Refer-To` of the last REFER; empty without one.
    pub referred_to: String,
}

impl Call {
    /// A header of the first INVITE; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// Where a call stands.
enum Stage {
    Ringing,
    /// The final answer is repeated until ACK.
    Answered,
    Refused,
    Talking,
    Leaving {
        sendings: u32,
    },
    Over,
}

struct Leg {
    call: Call,
    invite: Request,
    peer: SocketAddr,
    behaviour: Behaviour,
    stage: Stage,
    /// When the next thing happens by itself.
    next: Option<Moment>,
    final_answer: String,
}

type Rule = Box<dyn FnMut(&str, &str) -> Behaviour + Send>;

struct Shared {
    legs: Mutex<BTreeMap<String, Leg>>,
    rule: Mutex<Rule>,
    packets: AtomicU64,
    /// Packets to be sent from the audio port.
    keys: Mutex<Vec<(Vec<u8>, SocketAddr)>>,
}

/// Where the phones listen.
#[derive(Clone, Copy)]
struct Ports {
    sip: u16,
    audio: u16,
    /// Q.850 cause of refusals and BYEs, 0 = none.
    cause: u8,
}

impl Ports {
    fn reason(self) -> String {
        match self.cause {
            0 => String::new(),
            cause => format!("Reason: Q.850;cause={cause}\r\n"),
        }
    }
}

/// The phones; they end on drop.
pub struct Line {
    /// Their SIP port.
    pub port: u16,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// Starts the phones; `rule` decides by number and Call-ID what a call meets.
    pub async fn start(rule: impl FnMut(&str, &str) -> Behaviour + Send + 'static) -> Self {
        Self::start_with_cause(0, rule).await
    }

    /// As [`Self::start`]; refusals and BYEs tell this Q.850 cause, 0 = none.
    pub async fn start_with_cause(
        cause: u8,
        rule: impl FnMut(&str, &str) -> Behaviour + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = socket
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let audio = UdpSocket::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let shared = Arc::new(Shared {
            legs: Mutex::default(),
            rule: Mutex::new(Box::new(rule)),
            packets: AtomicU64::new(0),
            keys: Mutex::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(run(socket, audio, cause, Arc::clone(&shared)));
        Self {
            port,
            shared,
            _task: task,
        }
    }

    /// All calls so far, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let legs = self
            .shared
            .legs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut calls: Vec<Call> = legs.values().map(|leg| leg.call.clone()).collect();
        calls.sort_by_key(|call| call.at);
        calls
    }

    /// Audio packets that arrived, over all calls.
    #[must_use]
    pub fn audio_packets(&self) -> u64 {
        self.shared.packets.load(Ordering::Relaxed)
    }

    /// Calls to one number so far, in order of arrival.
    #[must_use]
    pub fn calls_to(&self, number: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.number == number);
        calls
    }
}

async fn run(socket: UdpSocket, audio: UdpSocket, cause: u8, shared: Arc<Shared>) {
    let mut buffer = vec![0; 65_536];
    let mut packet = vec![0; 2048];
    let port_of = |socket: &UdpSocket| socket.local_addr().map_or(0, |address| address.port());
    let ports = Ports {
        sip: port_of(&socket),
        audio: port_of(&audio),
        cause,
    };
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let out = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, peer)) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    let text = String::from_utf8_lossy(bytes);
                    Request::parse(&text).map_or_else(Vec::new, |m| receive(&shared, ports, m, peer))
                }
                // A dead server's port is refused by ICMP; that is what these tests are about.
                Err(_) => Vec::new(),
            },
            received = audio.recv(&mut packet) => {
                if received.is_ok() {
                    shared.packets.fetch_add(1, Ordering::Relaxed);
                }
                Vec::new()
            }
            _ = ticks.tick() => tick(&shared, ports),
        };
        let keys = std::mem::take(&mut *shared.keys.lock().unwrap_or_else(PoisonError::into_inner));
        for (packet, peer) in keys {
            audio.send_to(&packet, peer).await.ok();
        }
        for (text, peer) in out {
            socket.send_to(text.as_bytes(), peer).await.ok();
        }
    }
}

type Out = Vec<(String, SocketAddr)>;

fn receive(shared: &Shared, ports: Ports, request: Request, peer: SocketAddr) -> Out {
    let mut legs = shared.legs.lock().unwrap_or_else(PoisonError::into_inner);
    let id = request.header("Call-ID").to_owned();
    let leg = legs.get_mut(&id);
    match (request.method.as_str(), leg) {
        ("INVITE", Some(leg)) => leg.invited_again(&request),
        ("INVITE", None) => {
            let number = request.user();
            let mut rule = shared.rule.lock().unwrap_or_else(PoisonError::into_inner);
            let behaviour = rule(&number, &id);
            let mut leg = Leg::new(id.clone(), number, request, peer, behaviour);
            let out = leg.ring(ports);
            legs.insert(id, leg);
            out
        }
        ("ACK", Some(leg)) => leg.acknowledged(),
        ("CANCEL", Some(leg)) => leg.cancelled(&request, ports),
        ("BYE", Some(leg)) => {
            leg.over();
            vec![(request.answer("200 OK", "", ""), peer)]
        }
        ("REFER", Some(leg)) => leg.referred(&request, ports),
        ("CANCEL" | "BYE", None) => {
            vec![(
                request.answer("481 Call/Transaction Does Not Exist", "", ""),
                peer,
            )]
        }
        ("OPTIONS", _) => vec![(request.answer("200 OK", "options", ""), peer)],
        ("RESPONSE", Some(leg)) => {
            if matches!(leg.stage, Stage::Leaving { .. }) {
                leg.over();
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn tick(shared: &Shared, ports: Ports) -> Out {
    let mut legs = shared.legs.lock().unwrap_or_else(PoisonError::into_inner);
    let due = |leg: &&mut Leg| leg.next.is_some_and(|at| at <= now());
    let mut keys = shared.keys.lock().unwrap_or_else(PoisonError::into_inner);
    legs.values_mut()
        .filter(due)
        .flat_map(|leg| leg.due(ports, &mut keys))
        .collect()
}

impl Leg {
    fn new(
        call_id: String,
        number: String,
        invite: Request,
        peer: SocketAddr,
        behaviour: Behaviour,
    ) -> Self {
        let call = Call {
            call_id,
            number,
            branches: vec![invite.branch().to_owned()],
            at: now(),
            cancelled: false,
            answered: false,
            over: None,
            headers: invite.headers.clone(),
            referred_to: String::new(),
        };
        let stage = Stage::Ringing;
        Self {
            call,
            invite,
            peer,
            behaviour,
            stage,
            next: None,
            final_answer: String::new(),
        }
    }

    fn to(&self, text: String) -> Out {
        vec![(text, self.peer)]
    }

    fn ring(&mut self, ports: Ports) -> Out {
        if let Behaviour::Fail(status) = self.behaviour {
            return self.refuse(&format!("{status} Failed"), ports);
        }
        self.next = match self.behaviour {
            Behaviour::Refuse(ring, _)
            | Behaviour::Answer(ring)
            | Behaviour::AnswerAndPress(ring, ..)
            | Behaviour::AnswerAndFollow(ring, _)
            | Behaviour::AnswerAndLeave(ring, _) => Some(now() + ring),
            Behaviour::NoAnswer | Behaviour::Fail(_) => None,
        };
        self.to(self
            .invite
            .answer("180 Ringing", "line", &message::contact(ports.sip)))
    }

    fn invited_again(&mut self, request: &Request) -> Out {
        let branch = request.branch().to_owned();
        if !self.call.branches.contains(&branch) {
            self.call.branches.push(branch);
        }
        if self.final_answer.is_empty() {
            Vec::new()
        } else {
            self.to(self.final_answer.clone())
        }
    }

    fn acknowledged(&mut self) -> Out {
        match self.stage {
            Stage::Answered => {
                self.call.answered = true;
                self.stage = Stage::Talking;
                self.next = match self.behaviour {
                    Behaviour::AnswerAndLeave(_, talk) | Behaviour::AnswerAndPress(_, talk, _) => {
                        Some(now() + talk)
                    }
                    Behaviour::Refuse(..)
                    | Behaviour::Fail(_)
                    | Behaviour::NoAnswer
                    | Behaviour::AnswerAndFollow(..)
                    | Behaviour::Answer(_) => None,
                };
            }
            Stage::Refused => self.over(),
            Stage::Ringing | Stage::Talking | Stage::Leaving { .. } | Stage::Over => {}
        }
        Vec::new()
    }

    fn cancelled(&mut self, request: &Request, ports: Ports) -> Out {
        self.call.cancelled = true;
        let mut out = self.to(request.answer("200 OK", "line", ""));
        if matches!(self.stage, Stage::Ringing) {
            out.extend(self.refuse("487 Request Terminated", ports));
        }
        out
    }

    fn refuse(&mut self, status: &str, ports: Ports) -> Out {
        let extra = format!("{}{}", message::contact(ports.sip), ports.reason());
        self.final_answer = self.invite.answer(status, "line", &extra);
        self.stage = Stage::Refused;
        self.next = Some(now() + REPEAT);
        // The phone is idle; only the answer is repeated until somebody acknowledges it.
        self.call.over.get_or_insert_with(now);
        self.to(self.final_answer.clone())
    }

    /// Reports at once, as if the new call was made.
    fn referred(&mut self, request: &Request, ports: Ports) -> Out {
        let Behaviour::AnswerAndFollow(_, status) = self.behaviour else {
            return self.to(request.answer("405 Method Not Allowed", "", ""));
        };
        request
            .header("Refer-To")
            .clone_into(&mut self.call.referred_to);
        let contact = message::contact(ports.sip);
        let mut out = self.to(request.answer("202 Accepted", "", &contact));
        out.extend(self.to(self.invite.report("line", ports.sip, status)));
        out
    }

    fn over(&mut self) {
        self.stage = Stage::Over;
        self.next = None;
        self.call.over.get_or_insert_with(now);
    }

    fn due(&mut self, ports: Ports, keys: &mut Vec<(Vec<u8>, SocketAddr)>) -> Out {
        match (&self.stage, self.behaviour) {
            (Stage::Talking, Behaviour::AnswerAndPress(_, _, key)) => {
                self.next = None;
                if let Some((peer, payload_type)) = self.invite.media() {
                    let packets = message::key_press(key, payload_type);
                    keys.extend(packets.into_iter().map(|packet| (packet, peer)));
                }
                Vec::new()
            }
            (Stage::Ringing, Behaviour::Refuse(_, status)) => {
                self.refuse(&format!("{status} Refused"), ports)
            }
            (
                Stage::Ringing,
                Behaviour::Answer(_)
                | Behaviour::AnswerAndLeave(..)
                | Behaviour::AnswerAndFollow(..)
                | Behaviour::AnswerAndPress(..),
            ) => {
                self.final_answer = self.invite.accept("line", ports.sip, ports.audio);
                self.stage = Stage::Answered;
                self.next = Some(now() + REPEAT);
                self.to(self.final_answer.clone())
            }
            (Stage::Answered | Stage::Refused, _) => {
                self.next = Some(now() + REPEAT);
                // 64·T1 (RFC 3261 §17.2.1): nobody acknowledges any more.
                if now() > self.call.at + 64 * REPEAT {
                    self.over();
                }
                self.to(self.final_answer.clone())
            }
            (Stage::Talking, _) => self.leave(1, ports),
            (Stage::Leaving { sendings }, _) => {
                let sendings = sendings + 1;
                self.leave(sendings, ports)
            }
            (Stage::Ringing, Behaviour::NoAnswer | Behaviour::Fail(_)) | (Stage::Over, _) => {
                self.next = None;
                Vec::new()
            }
        }
    }

    fn leave(&mut self, sendings: u32, ports: Ports) -> Out {
        if sendings > BYE_SENDINGS {
            self.over();
            return Vec::new();
        }
        self.stage = Stage::Leaving { sendings };
        self.next = Some(now() + REPEAT);
        let bye = self.invite.bye("line", ports.sip);
        let last = "Content-Length: 0";
        self.to(bye.replace(last, &format!("{}{last}", ports.reason())))
    }
}
