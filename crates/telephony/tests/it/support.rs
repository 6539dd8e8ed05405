//! Two drivers on the loopback and what tests say about their events.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use telephony::embedded::{Config, Embedded, SipTimers, Transport, Trunk};
use telephony::media_engine::MediaConfig;
use telephony::port::{
    CallId, CallerId, Command, Destination, DialogRecord, Ended, Event, EventKind, HangUpCause,
    Hold, Originate, PhoneDirectory, Telephony,
};
use tokio::sync::mpsc;

/// Longest wait for one event.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A loopback address for media that no other running process has: ports are given back while a
/// peer may still send to them, and the next owner must not be one of another run.
pub(crate) fn media_address() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 64 + high % 64, middle, low))
}

/// Passwords of the phones.
#[derive(Debug, Default)]
pub(crate) struct Phones(pub(crate) HashMap<String, String>);

impl PhoneDirectory for Phones {
    fn password(&self, extension: &str) -> Option<String> {
        self.0.get(extension).cloned()
    }
}

/// A running driver and its events.
pub(crate) struct Side {
    pub(crate) telephony: Arc<Embedded>,
    pub(crate) address: SocketAddr,
    events: mpsc::Receiver<Event>,
}

pub(crate) fn config(port: u16) -> Config {
    Config {
        listen: SocketAddr::new(LOOPBACK, port),
        external_address: None,
        realm: "test".to_owned(),
        media: MediaConfig {
            bind: media_address(),
            advertised: media_address(),
            ports: 32_000..=39_999,
            threads: 1,
        },
        trunks: Vec::new(),
        user_agent: "ringback-test".to_owned(),
        timers: SipTimers {
            t1: Duration::from_millis(100),
            ..SipTimers::default()
        },
        admission: sip::admission::Limits::default(),
        allow_sources: vec!["127.0.0.0/8".parse().unwrap()],
        registrar: sip::registrar::Policy {
            expires_min_s: 1,
            ..Default::default()
        },
    }
}

pub(crate) fn trunk(to: SocketAddr) -> Trunk {
    Trunk {
        name: "peer".to_owned(),
        host: to.ip().to_string(),
        port: to.port(),
        transport: Transport::Udp,
        username: String::new(),
        password: String::new(),
        caller_id: "4930111".to_owned(),
        ..Trunk::default()
    }
}

impl Side {
    pub(crate) async fn start(config: Config) -> Self {
        Self::start_with(config, Phones::default()).await
    }

    pub(crate) async fn start_with(config: Config, phones: Phones) -> Self {
        Self::of(Embedded::start(config, Arc::new(phones)).await.unwrap())
    }

    pub(crate) fn of(started: telephony::embedded::Started) -> Self {
        let (telephony, mut from_driver) = (started.telephony, started.events);
        let (sender, events) = mpsc::channel(telephony::limits::EVENT_QUEUE_MAX);
        // Dialog records count as kept at once: a test need not read the caller's events for
        // the INVITE to leave.
        drop(tokio_util::task::TaskTracker::new().spawn(async move {
            while let Some(mut event) = from_driver.recv().await {
                if let Event::Call {
                    kind: EventKind::Dialog(_, hold),
                    ..
                } = &mut event
                {
                    *hold = Hold::none();
                }
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        }));
        Self {
            telephony,
            events,
            address: started.sip_address,
        }
    }

    /// An event that has come already.
    pub(crate) fn ready(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// A peer, and a driver with a trunk `peer` to it.
    pub(crate) async fn pair() -> (Self, Self) {
        let peer = Self::start(config(0)).await;
        let mut config = config(0);
        config.trunks.push(trunk(peer.address));
        (Self::start(config).await, peer)
    }

    pub(crate) fn send(&self, command: Command) {
        self.telephony.send(command).unwrap();
    }

    /// Calls the peer over its trunk.
    pub(crate) fn call(&self, key: &str) -> CallId {
        self.originate(originate(key))
    }

    pub(crate) fn originate(&self, originate: Originate) -> CallId {
        let call = originate.call.clone();
        self.send(Command::Originate(Box::new(originate)));
        call
    }

    pub(crate) fn hang_up(&self, call: &CallId, cause: HangUpCause) {
        self.send(Command::HangUp {
            call: call.clone(),
            cause,
        });
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("the driver runs")
    }

    /// The first event that `wanted` takes; earlier ones are passed over.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.event().await) {
                return found;
            }
        }
    }

    /// The first event of a call that `wanted` takes.
    pub(crate) async fn until_call<T>(
        &mut self,
        wanted_call: &CallId,
        mut wanted: impl FnMut(EventKind) -> Option<T>,
    ) -> T {
        self.until(|event| match event {
            Event::Call { call, kind } if call == *wanted_call => wanted(kind),
            _ => None,
        })
        .await
    }

    /// Waits for an incoming call.
    pub(crate) async fn incoming(&mut self) -> (CallId, String, String, Vec<(String, String)>) {
        self.until(|event| match event {
            Event::Call {
                call,
                kind:
                    EventKind::Incoming {
                        called,
                        calling,
                        headers,
                    },
            } => Some((call, called, calling, headers)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn answered(&mut self, call: &CallId) -> bool {
        self.until_call(call, |kind| match kind {
            EventKind::Answered { late } => Some(late),
            EventKind::Ended(ended) => panic!("not answered: {ended:?}"),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ended(&mut self, call: &CallId) -> Ended {
        self.until_call(call, |kind| match kind {
            EventKind::Ended(ended) => Some(ended),
            _ => None,
        })
        .await
    }

    pub(crate) async fn dialog(&mut self, call: &CallId) -> DialogRecord {
        self.until_call(call, |kind| match kind {
            EventKind::Dialog(record, _) => Some(*record),
            _ => None,
        })
        .await
    }

    /// RTP packets that arrived.
    pub(crate) fn telephony_received(&self) -> u64 {
        self.telephony.stats().rtp_received
    }

    /// Waits until no leg and no dialog is left.
    pub(crate) async fn empty(&self) {
        eventually("no leg and no dialog is left", || {
            let stats = self.telephony.stats();
            stats.legs == 0 && stats.dialogs == 0
        })
        .await;
    }
}

pub(crate) fn originate(key: &str) -> Originate {
    Originate {
        call: CallId::new(key),
        destination: Destination::trunk("peer", "+4930222"),
        caller_id: CallerId::default(),
        ring_timeout: Duration::from_secs(20),
        detection: None,
        headers: Vec::new(),
    }
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let check = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, check).await.is_ok(),
        "in time: {what}"
    );
}
