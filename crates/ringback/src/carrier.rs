//! The simulated carrier: customers' lines and agents' phones, spoken to over real SIP and RTP.
//!
//! For: demo, benches and end-to-end tests, always in a process of its own. It uses the product's
//! telephony port from the other side, as called party. Not for: faking results; everything the
//! server learns travels over the network. What is played and decided stands in [`leg`].

mod clock;
pub(crate) mod journal;
mod leg;
pub(crate) mod script;
mod sound;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use media::audio;
use telephony::port::{
    Account, CallId, Command, Event, EventKind, HangUpCause, Refused, Repeat, Telephony,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::journal::{Entry, Journal};
use self::leg::{Act, Leg, Party, Step};
use self::script::{Kind, Script};
use self::sound::Sounds;

/// Accounts that are registered per [`REGISTER_EVERY`].
const REGISTER_BATCH: usize = 20;
/// Pause between two batches of registrations: a flood would meet the server's admission control.
const REGISTER_EVERY: Duration = Duration::from_millis(100);
/// Commands that wait when the driver's queue is full.
const BACKLOG_MAX: usize = 10_000;
/// Pause before a refused command is sent again.
const BACKLOG_EVERY: Duration = Duration::from_millis(20);

/// A reminder: when, in which order, for which call.
type Reminder = Reverse<(Instant, u64, CallId, Step)>;

/// A call and what is known about it.
#[derive(Debug)]
struct Call {
    leg: Leg,
    number: String,
    calling: String,
}

/// A running carrier.
#[derive(Debug)]
pub(crate) struct Carrier {
    telephony: Arc<dyn Telephony>,
    script: Script,
    journal: Journal,
    sounds: Sounds,
    /// Extensions that are agents' phones; every other number is a customer.
    extensions: HashSet<String>,
    accounts: VecDeque<Account>,
    calls: HashMap<CallId, Call>,
    /// Calls so far per number, for lines that are busy at first.
    seen: HashMap<String, u32>,
    reminders: BinaryHeap<Reminder>,
    backlog: VecDeque<Command>,
    register_at: Option<Instant>,
    backlog_at: Option<Instant>,
    counter: u64,
}

impl Carrier {
    /// A carrier on a started telephony driver.
    pub(crate) fn new(telephony: Arc<dyn Telephony>, script: Script, journal: Journal) -> Self {
        Self {
            telephony,
            script,
            journal,
            sounds: Sounds::default(),
            extensions: HashSet::new(),
            accounts: VecDeque::new(),
            calls: HashMap::new(),
            seen: HashMap::new(),
            reminders: BinaryHeap::new(),
            backlog: VecDeque::new(),
            register_at: None,
            backlog_at: None,
            counter: 0,
        }
    }

    /// The record of calls.
    pub(crate) const fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Registers agents' phones, a few at a time, from now on.
    pub(crate) fn register(&mut self, accounts: Vec<Account>) {
        self.extensions
            .extend(accounts.iter().map(|a| a.username.clone()));
        self.accounts.extend(accounts);
        self.register_at = Some(Instant::now());
    }

    /// Serves one event, reminder or batch; `false` when the driver has ended.
    ///
    /// Cancelling the future loses nothing: it waits in one place only.
    ///
    /// # Errors
    /// Writing the journal failed.
    pub(crate) async fn turn(&mut self, events: &mut mpsc::Receiver<Event>) -> io::Result<bool> {
        let due = [
            self.reminders.peek().map(|r| r.0.0),
            self.register_at,
            self.backlog_at,
        ];
        let wake = due.into_iter().flatten().min();
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => self.event(event).map(|()| true),
                None => Ok(false),
            },
            () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                self.wake().map(|()| true)
            }
        }
    }

    /// Ends all calls that are up.
    pub(crate) fn hang_up_all(&mut self) {
        let calls: Vec<CallId> = self.calls.keys().cloned().collect();
        for call in calls {
            self.send(Command::HangUp {
                call,
                cause: HangUpCause::Normal,
            });
        }
    }

    /// Calls that are not over.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Account {
                username,
                registered,
            } => self.journal.account(&username, registered),
            Event::Phone { .. } | Event::Trunk { .. } => Ok(()),
            Event::Call {
                call,
                kind:
                    EventKind::Incoming {
                        called,
                        calling,
                        headers,
                    },
            } => self.incoming(call, called, calling, &headers),
            Event::Call { call, kind } => {
                let Some(entry) = self.calls.get_mut(&call) else {
                    return Ok(());
                };
                let acts = entry.leg.handle(&kind);
                self.perform(&call, acts)?;
                if matches!(kind, EventKind::Ended(_)) {
                    self.calls.remove(&call);
                }
                Ok(())
            }
        }
    }

    fn incoming(
        &mut self,
        call: CallId,
        called: String,
        calling: String,
        headers: &[(String, String)],
    ) -> io::Result<()> {
        let party = self.party(&called);
        self.counter += 1;
        let leg = Leg::new(call.clone(), party, self.counter);
        let entry = Entry {
            at_ms: clock::unix_ms(),
            call: call.as_str(),
            number: &called,
            calling: &calling,
            role: leg.role(),
            behaviour: leg.behaviour(),
            what: "incoming",
        };
        let attempt = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Call-ID"));
        let attempt = attempt.map(|(_, value)| value.as_str());
        self.journal.incoming(entry, attempt)?;
        let acts = leg.start();
        self.calls.insert(
            call.clone(),
            Call {
                leg,
                number: called,
                calling,
            },
        );
        self.perform(&call, acts)
    }

    fn party(&mut self, called: &str) -> Party {
        if self.extensions.contains(called) {
            return Party::Agent(self.script.agent(called));
        }
        let script = self.script.customer(called);
        let seen = self.seen.entry(called.to_owned()).or_default();
        *seen += 1;
        let busy = script.behaviour == Kind::BusyThenHuman && *seen <= script.busy_times;
        Party::Customer { script, busy }
    }

    fn wake(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.backlog_at.is_some_and(|at| at <= now) {
            self.backlog_at = None;
            let waiting = std::mem::take(&mut self.backlog);
            for command in waiting {
                self.send(command);
            }
        }
        if self.register_at.is_some_and(|at| at <= now) {
            for account in self
                .accounts
                .drain(..REGISTER_BATCH.min(self.accounts.len()))
                .collect::<Vec<_>>()
            {
                self.send(Command::Register(account));
            }
            self.register_at = (!self.accounts.is_empty()).then(|| now + REGISTER_EVERY);
        }
        while self.reminders.peek().is_some_and(|r| r.0.0 <= now) {
            let Some(Reverse((_, _, call, step))) = self.reminders.pop() else {
                break;
            };
            if let Some(entry) = self.calls.get_mut(&call) {
                let acts = entry.leg.due(step);
                self.perform(&call, acts)?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, call: &CallId, acts: Vec<Act>) -> io::Result<()> {
        for act in acts {
            self.counter += 1;
            match act {
                Act::Do(command) => self.send(command),
                Act::Sound(sound, repeat) => {
                    let clip = self.sounds.clip(sound);
                    self.send(Command::Play {
                        call: call.clone(),
                        token: self.counter,
                        clip,
                        repeat,
                    });
                }
                Act::File(path) => self.play_file(call, &path),
                Act::In(ms, step) => {
                    let at = Instant::now() + Duration::from_millis(ms);
                    self.reminders
                        .push(Reverse((at, self.counter, call.clone(), step)));
                }
                Act::Note(what) => self.note(call, what)?,
            }
        }
        Ok(())
    }

    /// Plays an audio file; one that cannot be read is silence.
    fn play_file(&mut self, call: &CallId, path: &Path) {
        let name = path.display().to_string();
        let clip = std::fs::read(path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| audio::load(&bytes, &name).map_err(|error| error.to_string()));
        match clip {
            Ok(clip) => self.send(Command::Play {
                call: call.clone(),
                token: self.counter,
                clip,
                repeat: Repeat::Once,
            }),
            Err(error) => tracing::error!(file = name, error, "a clip cannot be played"),
        }
    }

    fn note(&mut self, call: &CallId, what: &str) -> io::Result<()> {
        let Some(Call {
            leg,
            number,
            calling,
        }) = self.calls.get(call)
        else {
            return Ok(());
        };
        self.journal.note(Entry {
            at_ms: clock::unix_ms(),
            call: call.as_str(),
            number,
            calling,
            role: leg.role(),
            behaviour: leg.behaviour(),
            what,
        })
    }

    fn send(&mut self, command: Command) {
        match self.telephony.send(command.clone()) {
            Ok(()) | Err(Refused::Stopped) => {}
            Err(Refused::Overloaded) if self.backlog.len() < BACKLOG_MAX => {
                self.backlog.push_back(command);
                self.backlog_at
                    .get_or_insert_with(|| Instant::now() + BACKLOG_EVERY);
            }
            Err(Refused::Overloaded) => {
                tracing::warn!("the carrier is overloaded, a command is lost");
            }
        }
    }
}
