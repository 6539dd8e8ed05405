//! The media engine: RTP of all calls on a few dedicated threads.
//!
//! For: sending every 20 ms, playing, digits, joining two legs, detection. Not for: signalling;
//! addresses and codecs come from the caller. Commands never block and never fail for a call that
//! is gone; what happens comes back as [`MediaEvent`].
//!
//! Invariants: a leg belongs to one thread, two bridged legs to the same; ticks are absolute, a
//! late one is made up; a result is never lost, however slow the receiver of the events is.

mod clock;
mod coders;
mod latch;
mod leg;
pub mod limits;
mod order;
mod outbox;
mod outgoing;
mod playback;
mod ports;
mod queue;
mod reports;
mod stats;
mod thread;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use media::audio::Clip;
use media::codec::Codec;
use media::cpd;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, thread_native_id,
};
use tokio::sync::mpsc::Sender;

use self::clock::Clock;
use self::leg::Leg;
use self::ports::Ports;
use self::queue::{Action, Command, Queue};
use self::stats::Counters;
pub use self::stats::MediaStats;
use crate::port::{CallId, RecordOrder, Repeat};

/// Where and how the engine works.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Local address of the sockets.
    pub bind: IpAddr,
    /// Address that the other side is told.
    pub advertised: IpAddr,
    /// Ports for RTP and RTCP; half of them is the greatest number of legs.
    pub ports: RangeInclusive<u16>,
    /// Media threads; 0 counts as 1. Default of a site: cores − 1, at least 1.
    pub threads: usize,
}

/// What is known about the other side of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Signalled address of its RTP.
    pub address: SocketAddr,
    /// Agreed codec.
    pub codec: Codec,
    /// Payload type of telephone-event, when agreed.
    pub telephone_event: Option<u8>,
    /// We may send.
    pub send: bool,
    /// We expect to receive; false on hold, when a missing packet means nothing.
    pub receive: bool,
}

/// What happened on a leg.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// The detector's result; at most one per [`MediaEngine::detect`].
    Verdict {
        /// The leg.
        call: CallId,
        /// The result.
        verdict: Box<cpd::Verdict>,
    },
    /// A machine's beep ended, or the wait for it.
    Beep {
        /// The leg.
        call: CallId,
        /// Its frequency, Hz; 0 when none was heard.
        hz: f32,
        /// It sounded like an assistant that asks who is calling, and listens now.
        screening: bool,
    },
    /// A clip ended, was replaced or stopped.
    Played {
        /// The leg.
        call: CallId,
        /// Token of [`MediaEngine::play`].
        token: u64,
        /// It was played to its end.
        finished: bool,
    },
    /// A recording ended.
    Recorded {
        /// The leg.
        call: CallId,
        /// Token of the order.
        token: u64,
        /// What was said; nothing when there was no sound.
        clip: Option<Clip>,
        /// It was cut at its longest duration.
        at_max: bool,
    },
    /// A digit arrived: as telephone event, or as tones where events were not agreed.
    Digit {
        /// The leg.
        call: CallId,
        /// `0-9*#A-D`.
        digit: char,
    },
    /// No packet for [`limits::MEDIA_TIMEOUT_MS`]; again only after a packet came.
    Timeout {
        /// The leg.
        call: CallId,
    },
}

/// A leg cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// All port pairs of the range are in use or taken by other programs.
    #[error("no free RTP port in the configured range")]
    NoPort,
    /// The engine has stopped.
    #[error("the media engine has stopped")]
    Stopped,
}

/// Handle of the engine; cheap to clone. The threads end with [`MediaEngine::shutdown`] or with
/// the last handle.
#[derive(Clone, Debug)]
pub struct MediaEngine(Arc<Inner>);

/// What the handles and the threads share.
#[derive(Debug)]
struct Inner {
    config: MediaConfig,
    queues: Arc<[Queue]>,
    ports: Arc<Mutex<Ports>>,
    routes: Mutex<Routes>,
    stopped: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Routes {
    by_call: HashMap<CallId, Route>,
    last_key: usize,
    peak: usize,
}

/// Where a leg lives. The key is never used again, so a late command cannot meet a new leg.
#[derive(Clone, Copy, Debug)]
struct Route {
    key: usize,
    thread: usize,
    address: SocketAddr,
    /// Token of the recording that was asked for last and has not come.
    records: Option<u64>,
}

impl MediaEngine {
    /// Starts the media threads; what happens is sent to `events`.
    ///
    /// # Errors
    /// When the port range holds no pair of ports, or the system gives no thread or epoll.
    pub fn start(config: MediaConfig, events: Sender<MediaEvent>) -> io::Result<Self> {
        let ports = Ports::new(&config.ports);
        if ports.pairs() == 0 {
            let message = "the RTP port range holds no pair of ports";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let ports = Arc::new(Mutex::new(ports));
        let (clock, stopped) = (Clock::start(), Arc::new(AtomicBool::new(false)));
        let (queues, polls): (Vec<Queue>, Vec<mio::Poll>) = (0..config.threads.max(1))
            .map(|_| Queue::new())
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let queues: Arc<[Queue]> = queues.into();
        let inner = Arc::new(Inner {
            config,
            queues: Arc::clone(&queues),
            ports: Arc::clone(&ports),
            routes: Mutex::default(),
            stopped: Arc::clone(&stopped),
            threads: Mutex::default(),
        });
        // A failure drops `inner`, which stops the threads that were started.
        for (index, poll) in polls.into_iter().enumerate() {
            let shared = thread::Shared {
                index,
                queues: Arc::clone(&queues),
                ports: Arc::clone(&ports),
                stopped: Arc::clone(&stopped),
                clock,
            };
            let worker = thread::Worker::new(shared, poll, events.clone());
            let builder = std::thread::Builder::new().name(format!("media-{index}"));
            lock(&inner.threads).push(builder.spawn(move || {
                prefer_this_thread();
                worker.run();
            })?);
        }
        Ok(Self(inner))
    }

    /// Opens a leg: takes an even RTP port and the odd one above, gives the address to advertise.
    /// A second call for the same leg gives the same address.
    ///
    /// # Errors
    /// [`OpenError`] when no port is free or the engine has stopped.
    pub fn open(&self, call: &CallId) -> Result<SocketAddr, OpenError> {
        let inner = &self.0;
        if inner.stopped.load(Ordering::Acquire) {
            return Err(OpenError::Stopped);
        }
        let mut routes = lock(&inner.routes);
        if let Some(route) = routes.by_call.get(call) {
            return Ok(route.address);
        }
        let (port, sockets) = inner.bind()?;
        routes.last_key += 1;
        let key = routes.last_key;
        let address = SocketAddr::new(inner.config.advertised, port);
        let thread = home_thread(call, inner.queues.len());
        routes.by_call.insert(
            call.clone(),
            Route {
                key,
                thread,
                address,
                records: None,
            },
        );
        routes.peak = routes.peak.max(routes.by_call.len());
        let leg = Leg::new(key, call.clone(), port, sockets);
        inner.push(thread, Command::Adopt(Box::new(leg)));
        Ok(address)
    }

    /// Sets or changes the other side; from now on a frame is sent every 20 ms.
    pub fn connect(&self, call: &CallId, remote: RemoteMedia) {
        self.act(call, Action::Connect(remote));
    }

    /// Starts a detection on what arrives; replaces a running one.
    pub fn detect(&self, call: &CallId, settings: cpd::Settings, stage: cpd::Stage) {
        self.act(call, Action::Detect { settings, stage });
    }

    /// Ends a detection without a result.
    pub fn stop_detect(&self, call: &CallId) {
        self.act(call, Action::StopDetect);
    }

    /// Plays a clip; replaces what plays. On a bridged leg the other side is not heard meanwhile.
    pub fn play(&self, call: &CallId, token: u64, clip: Clip, repeat: Repeat) {
        self.act(
            call,
            Action::Play {
                token,
                clip,
                repeat,
            },
        );
    }

    /// Stops what plays; silence follows.
    pub fn stop(&self, call: &CallId) {
        self.act(call, Action::Stop);
    }

    /// Records what arrives; replaces a recording under way.
    pub fn record(&self, call: &CallId, order: RecordOrder) {
        if let Some(route) = lock(&self.0.routes).by_call.get_mut(call) {
            route.records = Some(order.token);
        }
        self.act(call, Action::Record(order));
    }

    /// Token of the recording that was asked for last and has not come.
    pub(crate) fn awaited_recording(&self, call: &CallId) -> Option<u64> {
        let routes = lock(&self.0.routes);
        routes.by_call.get(call).and_then(|route| route.records)
    }

    /// Notes that a recording came; one that was replaced does not stand for the new one.
    pub(crate) fn recording_came(&self, call: &CallId, token: u64) {
        if let Some(route) = lock(&self.0.routes).by_call.get_mut(call) {
            route.records.take_if(|awaited| *awaited == token);
        }
    }

    /// Ends a recording.
    pub fn stop_record(&self, call: &CallId) {
        self.act(call, Action::StopRecord);
    }

    /// Sends digits: as telephone events when agreed, else as tones; other characters are left
    /// out. What plays waits meanwhile.
    pub fn send_digits(&self, call: &CallId, digits: &str) {
        self.act(call, Action::SendDigits(digits.to_owned()));
    }

    /// Joins two legs; earlier bridges of either end, what plays on them stops.
    pub fn bridge(&self, a: &CallId, b: &CallId) {
        let inner = &self.0;
        let mut routes = lock(&inner.routes);
        let (Some(first), Some(second)) = (routes.by_call.get(a), routes.by_call.get(b)) else {
            return;
        };
        let (first, second) = (*first, *second);
        if first.key == second.key {
            return;
        }
        if first.thread != second.thread {
            // What is sent to the leg's new thread from here on waits until the leg is there.
            inner.push(first.thread, Command::Expect { leg: second.key });
            inner.push(
                second.thread,
                Command::Move {
                    leg: second.key,
                    to: first.thread,
                },
            );
            if let Some(route) = routes.by_call.get_mut(b) {
                route.thread = first.thread;
            }
        }
        inner.push(
            first.thread,
            Command::Bridge {
                a: first.key,
                b: second.key,
            },
        );
    }

    /// Parts a leg from the one it is bridged with; both hear silence.
    pub fn unbridge(&self, call: &CallId) {
        self.act(call, Action::Unbridge);
    }

    /// Closes a leg and frees its ports; no event follows.
    pub fn close(&self, call: &CallId) {
        let mut routes = lock(&self.0.routes);
        if let Some(route) = routes.by_call.remove(call) {
            self.0.push(
                route.thread,
                Command::Leg {
                    leg: route.key,
                    action: Action::Close,
                },
            );
        }
    }

    /// Current counters.
    #[must_use]
    pub fn stats(&self) -> MediaStats {
        let mut stats = stats::total(self.0.queues.iter().map(|q| q.counters().as_ref()));
        let routes = lock(&self.0.routes);
        stats.legs = routes.by_call.len() as u64;
        stats.legs_peak = routes.peak as u64;
        stats
    }

    /// Stops the threads and closes all legs; returns when they have ended.
    pub fn shutdown(&self) {
        self.0.shutdown();
    }

    fn act(&self, call: &CallId, action: Action) {
        let routes = lock(&self.0.routes);
        if let Some(route) = routes.by_call.get(call) {
            self.0.push(
                route.thread,
                Command::Leg {
                    leg: route.key,
                    action,
                },
            );
        }
    }
}

impl Inner {
    fn push(&self, thread: usize, command: Command) {
        if let Some(queue) = self.queues.get(thread) {
            queue.push(command);
        }
    }

    /// Binds the next free pair of ports, passing over those that other programs hold.
    fn bind(&self) -> Result<(u16, leg::Sockets), OpenError> {
        let mut ports = lock(&self.ports);
        for _ in 0..ports.pairs() {
            let port = ports.take().ok_or(OpenError::NoPort)?;
            match leg::Sockets::bind(self.config.bind, port) {
                Ok(sockets) => return Ok((port, sockets)),
                Err(error) => {
                    tracing::debug!(port, %error, "RTP port is not free, taking the next");
                    ports.release(port);
                }
            }
        }
        Err(OpenError::NoPort)
    }

    fn shutdown(&self) {
        self.stopped.store(true, Ordering::Release);
        for queue in self.queues.iter() {
            queue.wake();
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a media thread had failed");
            }
        }
        lock(&self.routes).by_call.clear();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// The thread of a new leg: all legs of one callback (`<id>.<attempt>`, `<id>.<attempt>.a<n>`)
/// begin on the same one, so that joining them moves nothing.
fn home_thread(call: &CallId, threads: usize) -> usize {
    let callback = call.as_str().split('.').next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    callback.hash(&mut hasher);
    usize::try_from(hasher.finish() % threads.max(1) as u64).unwrap_or(0)
}

/// Locks; a thread that panicked while it held the lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nice value of media threads: a frame every 20 ms is worth more than a database commit.
const MEDIA_NICE: i32 = -11;

/// Lets the kernel prefer this thread; without the privilege it stays as it was.
///
/// Round robin above all normal threads: a nice value only counts among the threads of one
/// session where the kernel groups by session, and even there a woken thread may wait for a
/// slice of another to end. The kernel keeps some time for the others whatever we do.
fn prefer_this_thread() {
    let round_robin = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let lowest = ThreadPriority::Min;
    if thread_priority::set_thread_priority_and_policy(thread_native_id(), lowest, round_robin)
        .is_ok()
    {
        return;
    }
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), MEDIA_NICE) {
        tracing::debug!(%error, "media threads run with normal priority");
    }
}

#[cfg(test)]
mod tests;
