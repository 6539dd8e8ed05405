//! Trunks at work: room for calls, OPTIONS pings, reports of what goes up and down.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method};
use sip::trunk::{self, Change, Ping};

use super::clock::{bytes, token};
use super::core::{Core, lock};
use super::exchange::Destination;
use super::message::{Parts, uri};
use super::{Transport, Trunk};
use crate::port::{CallId, Event, Room, TrunkView};

/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// Time between two look-ups of the trunks' names.
const LOCATE_EVERY: Duration = Duration::from_secs(300);

/// Pings trunks when their time has come.
pub(super) async fn watch(core: Arc<Core>) {
    loop {
        let now_ms = core.clock.now_ms();
        let (pings, changes) = lock(&core.trunks).due(now_ms);
        for change in changes {
            core.tell_trunk(change).await;
        }
        for name in pings {
            let task = Arc::clone(&core);
            core.spawn(async move { Box::pin(ping(task, name)).await });
        }
        let next_ms = lock(&core.trunks).next_due_ms();
        let wait = next_ms.map_or(IDLE, |at_ms| {
            Duration::from_millis(at_ms.saturating_sub(now_ms)).min(IDLE)
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = core.trunks_changed.notified() => {}
        }
    }
}

/// Keeps the addresses of the trunks known, for calls that come from them.
pub(super) async fn locate(core: Arc<Core>) {
    loop {
        core.locate_trunks().await;
        tokio::time::sleep(LOCATE_EVERY).await;
    }
}

/// Asks a trunk whether it is there.
async fn ping(core: Arc<Core>, name: String) {
    let status = match core.trunk(&name) {
        Some(trunk) => options(&core, trunk).await,
        None => return,
    };
    let [random] = bytes();
    let now_ms = core.clock.now_ms();
    let change = lock(&core.trunks).pinged(&name, Ping::of_status(status), now_ms, random);
    if let Some(change) = change {
        core.tell_trunk(change).await;
    }
    core.trunks_changed.notify_one();
}

/// The final status of an OPTIONS request.
async fn options(core: &Core, trunk: &Trunk) -> Option<u16> {
    let destination = core.trunk_destination(trunk).await?;
    let us = core.contact("ringback", destination.tcp);
    let parts = Parts {
        method: Method::Options,
        uri: uri(&trunk.uri(None))?,
        via: core.via(destination.tcp),
        from: &format!("{us};tag={}", token(16)),
        to: &format!("<{}>", trunk.uri(None)),
        call_id: &token(24),
        cseq: 1,
        routes: &[],
    };
    let mut request = parts.build(core);
    request.headers.push(Header::Contact(us.clone().into()));
    request
        .headers
        .push(Header::Accept("application/sdp".into()));
    let answer = core.exchange(request, &destination).await?;
    Some(answer.status_code.code())
}

impl Trunk {
    /// `sip:user@host:port`, without a user the trunk itself.
    pub(super) fn uri(&self, user: Option<&str>) -> String {
        let user = user.map_or_else(String::new, |user| {
            format!("{}@", sip::header::encode_user(user))
        });
        let transport = match self.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        };
        format!("sip:{user}{}:{}{transport}", self.host, self.port)
    }
}

impl Core {
    pub(super) fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.settings.trunks.iter().find(|t| t.name == name)
    }

    /// Where a trunk's requests go; `None` when its name cannot be looked up.
    pub(super) async fn trunk_destination(&self, trunk: &Trunk) -> Option<Destination> {
        let address = self.resolve(&trunk.host, trunk.port).await?;
        lock(&self.trunk_addresses).insert(trunk.name.clone(), address.ip());
        Some(Destination {
            address,
            tcp: trunk.transport == Transport::Tcp,
            stream: None,
        })
    }

    /// Whether INVITEs of a source are taken: from trunks, registered phones and the networks
    /// that were named.
    pub(super) fn knows(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.settings
            .allow_sources
            .iter()
            .any(|n| n.contains(source))
            || lock(&self.trunk_addresses)
                .values()
                .any(|ip| ip.to_canonical() == source)
            || lock(&self.registrar).is_source(source, self.clock.now_ms())
    }

    /// Looks the trunks' names up again.
    async fn locate_trunks(&self) {
        for trunk in &self.settings.trunks {
            if self.trunk_destination(trunk).await.is_none() {
                tracing::warn!(trunk = trunk.name, "the trunk's host cannot be looked up");
            }
        }
    }

    pub(super) fn reserve(&self, call: &CallId, wanted: &[&str]) -> Room {
        let now_ms = self.clock.now_ms();
        match lock(&self.trunks).reserve(call.as_str(), wanted, now_ms) {
            trunk::Room::Taken(name) => Room::Taken(name),
            trunk::Room::Later(at_ms) => {
                Room::Later(Duration::from_millis(at_ms.saturating_sub(now_ms)))
            }
            trunk::Room::Full => Room::Full,
            trunk::Room::Down => Room::Down,
            trunk::Room::Unknown => Room::Unknown,
        }
    }

    pub(super) fn trunk_views(&self) -> Vec<TrunkView> {
        let now_ms = self.clock.now_ms();
        lock(&self.trunks)
            .views()
            .into_iter()
            .map(|view| TrunkView {
                name: view.name,
                up: view.up,
                reason: view.reason,
                for_ms: now_ms.saturating_sub(view.since_ms),
                calls: view.calls,
                max_calls: view.max_calls,
                cps: view.cps,
                registered: view.registered,
                failures: view.failures,
                retry_in_ms: view.retry_at_ms.map(|at| at.saturating_sub(now_ms)),
            })
            .collect()
    }

    /// A call over a trunk found nobody there, or somebody.
    pub(super) async fn trunk_used(&self, name: &str, reached: bool) {
        let now_ms = self.clock.now_ms();
        let change = if reached {
            lock(&self.trunks).reached(name, now_ms)
        } else {
            let [random] = bytes();
            lock(&self.trunks).failed(name, now_ms, random)
        };
        if let Some(change) = change {
            self.tell_trunk(change).await;
        }
        if !reached {
            self.trunks_changed.notify_one();
        }
    }

    /// Our registration at a trunk was accepted or not.
    pub(super) async fn trunk_registered(&self, name: &str, registered: bool) {
        let now_ms = self.clock.now_ms();
        let change = lock(&self.trunks).registered(name, registered, now_ms);
        if let Some(change) = change {
            self.tell_trunk(change).await;
        }
    }

    async fn tell_trunk(&self, change: Change) {
        let Change { name, up, reason } = change;
        if up {
            tracing::info!(trunk = name, reason, "trunk up");
        } else {
            tracing::warn!(trunk = name, reason, "trunk down");
        }
        self.report(Event::Trunk { name, up, reason }).await;
    }
}
