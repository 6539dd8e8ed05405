//! The embedded driver: SIP over UDP and TCP with the `rsipstack` crate, media with our own
//! engine.
//!
//! The stack is named in the modules below this one and nowhere else. Of the stack only its
//! transport and transaction layers are used: dialogs, offers, results and the registrar are ours,
//! because a CANCEL that crosses a 200 must not lose the customer and because a crash must be able
//! to leave a dialog record behind before the INVITE is sent.
//!
//! Each call is one task with a bounded inbox; it reports its events in order, and
//! [`EventKind::Ended`](crate::port::EventKind::Ended) last. One task drains what comes in.
//!
//! Logging: the stack writes whole messages, credentials and numbers included, at level INFO. A
//! subscriber must therefore filter `rsipstack=warn` whatever else is configured. Our own records
//! carry call ids, statuses, addresses and known extensions only; `trace` has a line for each
//! message.

mod account;
mod answering;
mod attempt;
mod checks;
mod clock;
mod core;
mod datagrams;
mod dialog;
mod established;
mod exchange;
mod incoming;
mod leftover;
mod message;
mod notices;
mod outgoing;
mod phones;
mod plan;
mod referral;
mod session;
mod socket;
mod trace;
mod tries;
mod trunks;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::cpd::Stage;
use rsipstack::transaction::EndpointBuilder;
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transport::udp::{UdpConnection, UdpInner};
use rsipstack::transport::{SipAddr, SipConnection, TcpListenerConnection, TransportLayer};
use sip::admission::{Admission, Limits};
use sip::network::Network;
use sip::registrar::{Policy, Registrar};
use sip::sdp::Codec;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::core::{Core, CoreParts, Input, Settings, lock};
use crate::limits::{COMMAND_QUEUE_MAX, EVENT_QUEUE_MAX, MEDIA_EVENT_QUEUE_MAX};
use crate::media_engine::{MediaConfig, MediaEngine, MediaEvent};
use crate::port::{
    Account, CallId, Command, Event, PhoneDirectory, Refused, Room, Stats, Telephony, TrunkView,
};

/// At shutdown calls have this long to say goodbye.
const SHUTDOWN_PATIENCE: Duration = Duration::from_millis(1_500);
/// The stack must not end a call that rings for long: the ring timer is ours.
const TIMER_C: Duration = Duration::from_secs(24 * 60 * 60);
/// Streams of phones are quiet between two registrations, which may be an hour apart.
const STREAM_IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// Lifetime of a trunk's registration.
const TRUNK_EXPIRES: Duration = Duration::from_secs(600);

/// Settings of the driver.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP and TCP address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address that peers are told, behind NAT; `None` = that of `listen`, or of the first
    /// network interface when that is unspecified.
    pub external_address: Option<IpAddr>,
    /// Realm of our own challenges.
    pub realm: String,
    /// Media engine.
    pub media: MediaConfig,
    /// Trunks in order of preference.
    pub trunks: Vec<Trunk>,
    /// `User-Agent` of our messages.
    pub user_agent: String,
    /// SIP timers.
    pub timers: SipTimers,
    /// Limits of new dialogs from outside; all 0 (the default) = off.
    pub admission: Limits,
    /// Networks whose INVITEs are taken, beside those of trunks and registered phones; others
    /// are answered with 403.
    pub allow_sources: Vec<Network>,
    /// Limits of the registrar.
    pub registrar: Policy,
}

/// SIP timers of RFC 3261; 64·T1 is the time after which silence is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipTimers {
    /// Estimate of the round trip, default 500 ms.
    pub t1: Duration,
    /// Longest time between repetitions, default 4 s.
    pub t2: Duration,
    /// Longest life of a message in the network, default 5 s.
    pub t4: Duration,
    /// Length of a second of session timers (RFC 4028), default 1 s; tests cannot wait 90 s.
    pub session_second: Duration,
}

impl Default for SipTimers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            session_second: Duration::from_secs(1),
        }
    }
}

/// Transport of a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// Streams.
    Tcp,
}

/// A carrier or another exchange.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trunk {
    /// Name in [`TrunkNumber`](crate::port::TrunkNumber).
    pub name: String,
    /// Host name or address; names are looked up as A or AAAA, not as SRV.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Transport.
    pub transport: Transport,
    /// Digest user name; empty = challenges end the call.
    pub username: String,
    /// Digest password.
    pub password: String,
    /// Caller number when a call names none; empty = `ringback`.
    pub caller_id: String,
    /// Register there with the user name; the trunk is down while that fails.
    pub register: bool,
    /// Trunks with a lower number are tried first; equal ones in the order of the list.
    pub priority: u16,
    /// Part of the calls among trunks of one priority; 0 = only after those with a weight.
    pub weight: u16,
    /// Calls at once; 0 = no limit.
    pub max_calls: u32,
    /// New calls a second; 0 = no limit.
    pub cps: u32,
    /// Time between two OPTIONS pings; zero = none.
    pub ping_every: Duration,
    /// Hosts beside its own to which it may redirect a call (3xx).
    pub redirect_hosts: Vec<String>,
    /// Codecs that are offered, in this order; none = all we have.
    pub codecs: Vec<Codec>,
    /// Keys come as tones: telephone events are not offered.
    pub keys_as_tones: bool,
}

impl Trunk {
    fn limits(&self) -> sip::trunk::Settings {
        sip::trunk::Settings {
            name: self.name.clone(),
            priority: self.priority,
            weight: self.weight,
            max_calls: self.max_calls,
            cps: self.cps,
            ping_every_ms: u64::try_from(self.ping_every.as_millis()).unwrap_or(u64::MAX),
            registers: self.register,
        }
    }
}

impl fmt::Debug for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trunk")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A running driver.
#[derive(Debug)]
pub struct Started {
    /// Takes commands.
    pub telephony: Arc<Embedded>,
    /// What happens; must be read, the driver waits when it is full.
    pub events: mpsc::Receiver<Event>,
    /// The address in use, also when port 0 was asked for.
    pub sip_address: SocketAddr,
}

/// The driver did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The SIP port cannot be used.
    #[error("SIP cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The stack refused its own set-up.
    #[error("the SIP stack cannot be set up")]
    Stack(#[source] io::Error),
    /// The media engine did not start.
    #[error("the media engine cannot be started")]
    Media(#[source] io::Error),
}

/// The embedded SIP/RTP driver; dropping it stops it without saying goodbye to any call.
pub struct Embedded {
    core: Arc<Core>,
    commands: mpsc::Sender<Command>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("address", &self.core.settings.advertised)
            .finish_non_exhaustive()
    }
}

impl Embedded {
    /// Starts listening; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] when a port or the media engine is not to be had.
    pub async fn start(
        config: Config,
        phones: Arc<dyn PhoneDirectory>,
    ) -> Result<Started, StartError> {
        let listen = config.listen;
        let bound = socket::bind(listen).map_err(|source| StartError::Listen {
            address: listen,
            source,
        })?;
        let address = bound.address;
        let (media_sender, media_events) = mpsc::channel(MEDIA_EVENT_QUEUE_MAX);
        let media = MediaEngine::start(config.media, media_sender).map_err(StartError::Media)?;
        let stop = CancellationToken::new();
        let transport = TransportLayer::new(stop.child_token());
        transport.set_stream_idle_timeout(STREAM_IDLE);
        let addr = SipAddr {
            r#type: Some(rsipstack::sip::Transport::Udp),
            addr: address.into(),
        };
        let inner = UdpInner {
            conn: Arc::new(datagrams::Datagrams(bound.udp)),
            addr,
        };
        let udp = UdpConnection::attach(inner, None, Some(stop.child_token())).await;
        let tcp = TcpListenerConnection::new(address, None)
            .await
            .map_err(|error| StartError::Stack(io::Error::other(error.to_string())))?;
        transport.add_transport(SipConnection::Udp(udp));
        transport.add_transport(SipConnection::TcpListener(tcp));
        let endpoint = EndpointBuilder::new()
            .with_inspector(Box::new(trace::Trace))
            .with_user_agent(&config.user_agent)
            .with_transport_layer(transport)
            .with_cancel_token(stop.child_token())
            .with_option(options(config.timers))
            .build();
        let incoming = endpoint
            .incoming_transactions()
            .map_err(|error| StartError::Stack(io::Error::other(error.to_string())))?;
        let (events, receiver) = mpsc::channel(EVENT_QUEUE_MAX);
        let core = Arc::new(Core::new(CoreParts {
            endpoint: endpoint.inner.clone(),
            media,
            phones,
            settings: Settings {
                realm: config.realm,
                user_agent: config.user_agent,
                trunks: config.trunks,
                advertised: advertised(address, config.external_address),
                timers: config.timers,
                allow_sources: config.allow_sources,
            },
            admission: Admission::new(config.admission),
            registrar: Registrar::new(config.registrar),
            events,
            stop,
        }));
        let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE_MAX);
        core.spawn(async move { endpoint.serve().await });
        core.spawn(incoming::drain(Arc::clone(&core), incoming));
        core.spawn(phones::keep_house(Arc::clone(&core)));
        core.spawn(trunks::watch(Arc::clone(&core)));
        core.spawn(trunks::locate(Arc::clone(&core)));
        core.spawn(pass_on_media(Arc::clone(&core), media_events));
        core.spawn(obey(Arc::clone(&core), command_queue));
        register_trunks(&core);
        let telephony = Arc::new(Self { core, commands });
        Ok(Started {
            telephony,
            events: receiver,
            sip_address: address,
        })
    }

    /// Ends all calls (BYE, CANCEL or a final answer), unregisters, and stops; takes about two
    /// seconds at most. Commands are refused from the beginning on.
    pub async fn shutdown(&self) {
        let core = &self.core;
        core.ending.cancel();
        core.calls.close();
        if tokio::time::timeout(SHUTDOWN_PATIENCE, core.calls.wait())
            .await
            .is_err()
        {
            tracing::warn!(calls = core.calls.len(), "calls did not end in time");
        }
        core.stop.cancel();
        core.media.shutdown();
        core.others.close();
        tokio::time::timeout(SHUTDOWN_PATIENCE, core.others.wait())
            .await
            .ok();
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.core.stop.cancel();
        self.core.media.shutdown();
    }
}

impl Telephony for Embedded {
    fn send(&self, command: Command) -> Result<(), Refused> {
        if self.core.ending.is_cancelled() {
            return Err(Refused::Stopped);
        }
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Refused::Overloaded,
                mpsc::error::TrySendError::Closed(_) => Refused::Stopped,
            })
    }

    fn stats(&self) -> Stats {
        let (legs, legs_peak, dialogs) = self.core.counts();
        let media = self.core.media.stats();
        Stats {
            legs,
            legs_peak,
            dialogs,
            logins_failed: self.core.logins_failed.load(Ordering::Relaxed),
            rtp_sent: media.rtp_sent,
            rtp_received: media.rtp_received,
            rtp_lost: media.rtp_lost,
            ticks: media.ticks,
            late_ticks: media.late_ticks,
            tick_p99_ms: media.tick_p99_ms,
            tick_p999_ms: media.tick_p999_ms,
            tick_max_ms: media.tick_max_ms,
        }
    }

    fn reserve(&self, call: &CallId, trunks: &[&str]) -> Room {
        self.core.reserve(call, trunks)
    }

    fn release(&self, call: &CallId) {
        lock(&self.core.trunks).release(call.as_str());
    }

    fn trunks(&self) -> Vec<TrunkView> {
        self.core.trunk_views()
    }
}

fn options(timers: SipTimers) -> EndpointOption {
    EndpointOption {
        t1: timers.t1,
        t2: timers.t2,
        t4: timers.t4,
        t1x64: timers.t1 * 64,
        timerc: TIMER_C,
        ..EndpointOption::default()
    }
}

/// The address that peers are told.
fn advertised(bound: SocketAddr, external: Option<IpAddr>) -> SocketAddr {
    match external {
        Some(ip) => SocketAddr::new(ip, bound.port()),
        None => SipConnection::resolve_bind_address(bound),
    }
}

fn register_trunks(core: &Arc<Core>) {
    for trunk in core.settings.trunks.iter().filter(|trunk| trunk.register) {
        let tcp = if trunk.transport == Transport::Tcp {
            ";transport=tcp"
        } else {
            ""
        };
        start_account(
            core,
            Account {
                registrar: format!("sip:{}:{}{tcp}", trunk.host, trunk.port),
                username: trunk.username.clone(),
                password: trunk.password.clone(),
                expires: TRUNK_EXPIRES,
            },
            Some(trunk.name.clone()),
        );
    }
}

/// Keeps an account registered, for a trunk or for whoever asked.
fn start_account(core: &Arc<Core>, account: Account, trunk: Option<String>) {
    let key = (account.registrar.clone(), account.username.clone());
    match core.enter_account(key) {
        Some(over) => {
            let task = Arc::clone(core);
            core.spawn_call(
                async move { Box::pin(account::keep(task, account, trunk, over)).await },
            );
        }
        None => tracing::error!("too many accounts; one was not registered"),
    }
}

/// Hands commands to their calls, in order.
async fn obey(core: Arc<Core>, mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        obey_one(&core, command).await;
    }
}

async fn obey_one(core: &Arc<Core>, command: Command) {
    match command {
        Command::Originate(originate) => {
            if let Some((leg, inbox)) = core.enter(&originate.call) {
                let task = Arc::clone(core);
                core.spawn_call(async move {
                    Box::pin(outgoing::run(task, originate, leg, inbox)).await;
                });
            }
        }
        Command::Ring { call } => tell(core, &call, Input::Ring).await,
        Command::Progress { call } => tell(core, &call, Input::Progress).await,
        Command::Answer { call } => tell(core, &call, Input::Answer).await,
        Command::Reject { call, status, q850 } => {
            tell(core, &call, Input::Reject(status, q850)).await;
        }
        Command::Refer { call, to, headers } => {
            tell(core, &call, Input::Refer(to, headers)).await;
        }
        Command::HangUp { call, cause } => tell(core, &call, Input::HangUp(cause)).await,
        Command::Play {
            call,
            token,
            clip,
            repeat,
        } => core.media.play(&call, token, clip, repeat),
        Command::Stop { call } => core.media.stop(&call),
        Command::Record { call, order } => core.media.record(&call, order),
        Command::StopRecord { call } => core.media.stop_record(&call),
        Command::Detect { call, settings } => core.media.detect(&call, *settings, Stage::Answered),
        Command::SendDigits { call, digits } => core.media.send_digits(&call, &digits),
        Command::Bridge { a, b } => core.media.bridge(&a, &b),
        Command::Unbridge { call } => core.media.unbridge(&call),
        Command::EndLeftover { call, record } => {
            let task = Arc::clone(core);
            core.spawn_call(async move { Box::pin(leftover::run(task, call, record)).await });
        }
        Command::Register(account) => start_account(core, account, None),
    }
}

/// Gives a call its input; a call that is over has no inbox.
async fn tell(core: &Core, call: &CallId, input: Input) {
    if let Some(inbox) = core.inbox(call) {
        inbox.send(input).await.ok();
    }
}

/// Passes results of the media engine through the call's inbox, so that they come before its end
/// and after its beginning.
async fn pass_on_media(core: Arc<Core>, mut events: mpsc::Receiver<MediaEvent>) {
    while let Some(event) = events.recv().await {
        let call = match &event {
            MediaEvent::Verdict { call, .. }
            | MediaEvent::Beep { call, .. }
            | MediaEvent::Played { call, .. }
            | MediaEvent::Recorded { call, .. }
            | MediaEvent::Digit { call, .. }
            | MediaEvent::Timeout { call } => call.clone(),
        };
        tell(&core, &call, Input::Media(event)).await;
    }
}
