//! A media thread: epoll, commands, and ticks by an absolute clock.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use tokio::sync::mpsc::Sender;

use super::clock::Clock;
use super::leg::{Context, Leg, Scratch};
use super::limits::{DATAGRAM_BYTES_MAX, PACKETS_IN_A_ROW_MAX, TICK_US, TICKS_MADE_UP_MAX};
use super::outbox::Outbox;
use super::ports::Ports;
use super::queue::{Action, Command, Queue, WAKE};
use super::stats::Counters;
use super::{MediaEvent, lock};

/// Readiness events taken at once.
const EVENTS_AT_ONCE: usize = 1_024;
/// Ticks between two counts of the losses.
const TICKS_PER_COUNT: u64 = 50;

/// What a thread shares with the others.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) index: usize,
    pub(super) queues: Arc<[Queue]>,
    pub(super) ports: Arc<Mutex<Ports>>,
    pub(super) stopped: Arc<AtomicBool>,
    pub(super) clock: Clock,
}

/// The work of one thread.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Shared,
    poll: Poll,
    counters: Arc<Counters>,
    outbox: Outbox,
    scratch: Scratch,
    legs: HashMap<usize, Leg>,
    /// The leg that has to come from another thread before `waiting` goes on.
    expected: Option<usize>,
    /// Legs that will never come although they were to.
    gone: HashSet<usize>,
    /// Commands in their order. Each expectation is sent together with the order to hand over,
    /// under one lock, so threads never wait for each other in a circle.
    waiting: VecDeque<Command>,
    /// Sockets that had more packets than their turn allowed.
    unread: Vec<usize>,
    buffer: Box<[u8; DATAGRAM_BYTES_MAX]>,
}

impl Worker {
    pub(super) fn new(shared: Shared, poll: Poll, events: Sender<MediaEvent>) -> Self {
        let counters = shared
            .queues
            .get(shared.index)
            .map(|q| Arc::clone(q.counters()));
        Self {
            shared,
            poll,
            counters: counters.unwrap_or_default(),
            outbox: Outbox::new(events),
            scratch: Scratch::default(),
            legs: HashMap::new(),
            expected: None,
            gone: HashSet::new(),
            waiting: VecDeque::new(),
            unread: Vec::new(),
            buffer: Box::new([0; DATAGRAM_BYTES_MAX]),
        }
    }

    /// Works until the engine stops.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut due_us = self.shared.clock.now_us() + TICK_US;
        while !self.shared.stopped.load(Ordering::Acquire) {
            let wait_us = if self.unread.is_empty() {
                due_us.saturating_sub(self.shared.clock.now_us())
            } else {
                0
            };
            match self
                .poll
                .poll(&mut events, Some(Duration::from_micros(wait_us)))
            {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "a media thread cannot wait for packets and ends");
                    return;
                }
            }
            self.handle_commands();
            let again = std::mem::take(&mut self.unread);
            let ready = events
                .iter()
                .map(|e| e.token())
                .filter(|t| *t != WAKE)
                .map(|t| t.0);
            for key in again.into_iter().chain(ready) {
                self.read(key);
                // What is sent goes first: a packet that waits here is heard by nobody yet.
                due_us = self.handle_ticks(due_us);
            }
            due_us = self.handle_ticks(due_us);
        }
    }

    /// Serves all ticks that are due; gives the time of the next one.
    fn handle_ticks(&mut self, mut due_us: u64) -> u64 {
        let behind = self.shared.clock.now_us().saturating_sub(due_us) / TICK_US;
        if behind > TICKS_MADE_UP_MAX {
            tracing::warn!(
                behind_ms = behind * 20,
                "a media thread stood still, ticks left out"
            );
            due_us += (behind - TICKS_MADE_UP_MAX) * TICK_US;
        }
        loop {
            let now_us = self.shared.clock.now_us();
            let Some(late_us) = now_us.checked_sub(due_us) else {
                return due_us;
            };
            self.counters.tick(late_us);
            self.tick(now_us / 1_000);
            let over_us = self.shared.clock.now_us();
            self.counters.served(over_us.saturating_sub(due_us));
            if (due_us / TICK_US).is_multiple_of(TICKS_PER_COUNT) {
                let lost = self.legs.values().map(Leg::lost).sum();
                self.counters.lost_now.store(lost, Ordering::Relaxed);
                let there = self.legs.values().map(Leg::lost_there).sum();
                self.counters.lost_there_now.store(there, Ordering::Relaxed);
            }
            due_us += TICK_US;
        }
    }

    fn tick(&mut self, now_ms: u64) {
        self.outbox.flush();
        let (outbox, scratch) = (&mut self.outbox, &mut self.scratch);
        let mut ctx = Context {
            now_ms,
            outbox,
            counters: &self.counters,
            scratch,
        };
        for leg in self.legs.values_mut() {
            leg.tick(&mut ctx);
        }
    }

    /// Reads the packets of a leg, but not more than its turn allows.
    fn read(&mut self, key: usize) {
        let now_ms = self.now_ms();
        for _ in 0..PACKETS_IN_A_ROW_MAX {
            let Some(leg) = self.legs.get_mut(&key) else {
                return;
            };
            let received = leg.socket().recv_from(self.buffer.as_mut_slice());
            let (length, source) = match received {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::debug!(%error, call.id = %leg.call, "RTP socket error");
                    continue;
                }
            };
            let datagram = self.buffer.get(..length).unwrap_or_default();
            let (outbox, scratch) = (&mut self.outbox, &mut self.scratch);
            let mut ctx = Context {
                now_ms,
                outbox,
                counters: &self.counters,
                scratch,
            };
            let Some(forward) = leg.handle_datagram(source, datagram, &mut ctx) else {
                continue;
            };
            if let Some(peer) = self.legs.get_mut(&forward.to) {
                peer.forward(forward, &mut ctx);
            }
        }
        self.unread.push(key);
    }

    fn handle_commands(&mut self) {
        let Some(queue) = self.shared.queues.get(self.shared.index) else {
            return;
        };
        for command in queue.take() {
            match command {
                Command::Adopt(leg) => self.adopt(*leg),
                Command::Gone { leg } => {
                    self.gone.insert(leg);
                }
                command => self.waiting.push_back(command),
            }
        }
        loop {
            let here = |leg: usize| self.legs.contains_key(&leg) || self.gone.contains(&leg);
            match self.expected {
                Some(leg) if !here(leg) => return,
                Some(leg) => {
                    self.expected = None;
                    self.gone.remove(&leg);
                }
                None => {}
            }
            let Some(command) = self.waiting.pop_front() else {
                return;
            };
            self.handle(command);
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Adopt(leg) => self.adopt(*leg),
            Command::Gone { leg } => {
                self.gone.insert(leg);
            }
            Command::Expect { leg } => self.expected = Some(leg),
            Command::Move { leg, to } => self.hand_over(leg, to),
            Command::Bridge { a, b } => self.bridge(a, b),
            Command::Leg {
                leg,
                action: Action::Close,
            } => self.close(leg),
            Command::Leg {
                leg,
                action: Action::Unbridge,
            } => self.unbridge(leg),
            Command::Leg { leg, action } => self.act(leg, action),
        }
    }

    fn adopt(&mut self, mut leg: Leg) {
        let key = leg.key;
        let registered =
            self.poll
                .registry()
                .register(leg.socket(), Token(key), Interest::READABLE);
        if let Err(error) = registered {
            tracing::error!(%error, call.id = %leg.call, "a leg cannot receive RTP");
        }
        self.legs.insert(key, leg);
        // Packets may have come before the registration.
        self.unread.push(key);
    }

    fn hand_over(&mut self, key: usize, to: usize) {
        self.unbridge(key);
        let Some(queue) = self.shared.queues.get(to) else {
            return;
        };
        let Some(mut leg) = self.legs.remove(&key) else {
            queue.push(Command::Gone { leg: key });
            return;
        };
        if let Err(error) = self.poll.registry().deregister(leg.socket()) {
            tracing::error!(%error, call.id = %leg.call, "a leg's socket cannot be handed over");
        }
        queue.push(Command::Adopt(Box::new(leg)));
    }

    fn bridge(&mut self, a: usize, b: usize) {
        if !(self.legs.contains_key(&a) && self.legs.contains_key(&b)) {
            return;
        }
        self.unbridge(a);
        self.unbridge(b);
        let now_ms = self.now_ms();
        let (outbox, scratch) = (&mut self.outbox, &mut self.scratch);
        let mut ctx = Context {
            now_ms,
            outbox,
            counters: &self.counters,
            scratch,
        };
        for (leg, peer) in [(a, b), (b, a)] {
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.join(peer, &mut ctx);
            }
        }
    }

    fn unbridge(&mut self, key: usize) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let peer = leg.peer;
        leg.part();
        if let Some(peer) = peer.and_then(|p| self.legs.get_mut(&p)) {
            peer.part();
        }
    }

    fn close(&mut self, key: usize) {
        self.unbridge(key);
        let Some(mut leg) = self.legs.remove(&key) else {
            return;
        };
        leg.say_bye();
        self.counters
            .lost_before
            .fetch_add(leg.lost(), Ordering::Relaxed);
        self.counters
            .lost_there_before
            .fetch_add(leg.lost_there(), Ordering::Relaxed);
        if let Err(error) = self.poll.registry().deregister(leg.socket()) {
            tracing::debug!(%error, call.id = %leg.call, "a closed leg was not registered");
        }
        let port = leg.port;
        drop(leg);
        lock(&self.shared.ports).release(port);
    }

    fn act(&mut self, key: usize, action: Action) {
        let now_ms = self.now_ms();
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let (outbox, scratch) = (&mut self.outbox, &mut self.scratch);
        let mut ctx = Context {
            now_ms,
            outbox,
            counters: &self.counters,
            scratch,
        };
        match action {
            Action::Connect(remote) => leg.connect(remote, now_ms),
            Action::Detect { settings, stage } => leg.detect(settings, stage, now_ms),
            Action::StopDetect => leg.stop_detect(),
            Action::Play {
                token,
                clip,
                repeat,
            } => leg.play((token, clip, repeat), &mut ctx),
            Action::Stop => leg.stop(&mut ctx),
            Action::Record(order) => leg.record(order, &mut ctx),
            Action::StopRecord => leg.stop_record(&mut ctx),
            Action::SendDigits(digits) => leg.send_digits(&digits),
            // Both concern two legs or the thread and are handled before.
            Action::Unbridge | Action::Close => {}
        }
    }

    fn now_ms(&self) -> u64 {
        self.shared.clock.now_us() / 1_000
    }
}
