//! One call as its called party lives it: what it does when, decided without clock and sockets.
//!
//! A leg is told what happened ([`Leg::start`], [`Leg::handle`], [`Leg::due`]) and answers with
//! what is to be done. Both sides prove that they hear each other: an agent's phone sends the
//! digit [`AGENT_SAYS`] until the customer's digit [`CUSTOMER_SAYS`] comes back.

use std::path::PathBuf;

use telephony::port::{CallId, Command, EndedBy, EventKind, HangUpCause, Repeat};

use super::script::{Agent, Customer, Kind, Pickup};
use super::sound::Sound;

/// Digit an agent's phone sends once it has answered.
pub(crate) const AGENT_SAYS: char = '5';
/// Digit a customer sends back to each [`AGENT_SAYS`].
pub(crate) const CUSTOMER_SAYS: char = '7';

/// How often an agent's phone sends its digit before it takes the other side for deaf.
const MARKS_MAX: u32 = 12;
/// Time from the answer to the first digit and between two digits, ms.
const MARK_EVERY_MS: u64 = 400;
/// Pause between the utterances of a conversation, ms.
const CHAT_EVERY_MS: u64 = 2_500;
/// Length of an utterance of a conversation, ms.
const CHAT_MS: u32 = 1_000;
/// How long a machine or fax stays on the line by itself, ms.
const LINE_OPEN_MS: u64 = 45_000;

/// Something a leg wants to be reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Ringing is over: answer.
    Answer,
    /// Ringing or the tone is over: refuse.
    Refuse,
    /// Say the first words.
    Speak,
    /// Send the digit that proves the way to the customer.
    Mark,
    /// Press a key.
    Key,
    /// Say something in the conversation.
    Chat,
    /// The conversation is over.
    HangUp,
    /// No agent came.
    GiveUp,
}

/// What is to be done for a leg.
#[derive(Debug)]
pub(crate) enum Act {
    /// A command of the telephony port.
    Do(Command),
    /// Plays a sound, once or for ever.
    Sound(Sound, Repeat),
    /// Plays an audio file once.
    File(PathBuf),
    /// Calls [`Leg::due`] after this many milliseconds.
    In(u64, Step),
    /// An entry of the journal.
    Note(&'static str),
}

/// Who is called.
#[derive(Clone, Debug)]
pub(crate) enum Party {
    /// A customer's line; `busy` is true when a `busy_then_human` is still busy.
    Customer {
        /// The script of the number.
        script: Customer,
        /// The line is busy this time.
        busy: bool,
    },
    /// An agent's phone.
    Agent(Agent),
}

/// One call.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The call on our side.
    call: CallId,
    /// Who is called.
    party: Party,
    /// Chooses the voice.
    voice: u64,
    /// Digits sent to prove the way.
    marks: u32,
    /// The call was answered.
    pub(crate) answered: bool,
    /// The other person was heard.
    pub(crate) heard: bool,
    /// A machine's beep is over.
    pub(crate) beeped: bool,
}

impl Leg {
    /// A call that has just come in.
    pub(crate) const fn new(call: CallId, party: Party, voice: u64) -> Self {
        Self {
            call,
            party,
            voice,
            marks: 0,
            answered: false,
            heard: false,
            beeped: false,
        }
    }

    /// Word for the journal: `customer` or `agent`.
    pub(crate) const fn role(&self) -> &'static str {
        match self.party {
            Party::Customer { .. } => "customer",
            Party::Agent(_) => "agent",
        }
    }

    /// Name of the behaviour in effect.
    pub(crate) const fn behaviour(&self) -> &'static str {
        match &self.party {
            Party::Customer { script, .. } => script.behaviour.name(),
            Party::Agent(agent) => agent.behaviour.name(),
        }
    }

    /// The first reaction to the call.
    pub(crate) fn start(&self) -> Vec<Act> {
        let ring = Act::Do(Command::Ring {
            call: self.call.clone(),
        });
        match &self.party {
            Party::Agent(agent) => match agent.behaviour {
                Pickup::Answer => vec![ring, Act::In(agent.answer_ms, Step::Answer)],
                Pickup::Never => vec![ring],
                Pickup::Decline => vec![ring, Act::In(agent.answer_ms, Step::Refuse)],
            },
            Party::Customer { script, busy } => match script.behaviour {
                Kind::Busy => vec![Act::In(0, Step::Refuse)],
                Kind::BusyThenHuman if *busy => vec![Act::In(0, Step::Refuse)],
                Kind::NoAnswer => vec![ring],
                Kind::Decline => vec![ring, Act::In(script.ring_ms, Step::Refuse)],
                Kind::EarlyBusy => self.early(Sound::Busy, script),
                Kind::Sit => self.early(Sound::Sit, script),
                Kind::Clip if script.early => vec![
                    Act::Do(Command::Progress {
                        call: self.call.clone(),
                    }),
                    Act::File(script.file.clone()),
                ],
                Kind::Human | Kind::BusyThenHuman | Kind::Machine | Kind::Fax | Kind::Clip => {
                    vec![ring, Act::In(script.ring_ms, Step::Answer)]
                }
            },
        }
    }

    fn early(&self, sound: Sound, script: &Customer) -> Vec<Act> {
        vec![
            Act::Do(Command::Progress {
                call: self.call.clone(),
            }),
            Act::Sound(sound, Repeat::Forever),
            Act::In(script.tone_ms, Step::Refuse),
        ]
    }

    /// The reaction to an event of the call.
    pub(crate) fn handle(&mut self, event: &EventKind) -> Vec<Act> {
        match event {
            EventKind::Answered { .. } => self.picked_up(),
            EventKind::Digit(digit) => self.digit(*digit),
            EventKind::Played { finished: true, .. } => self.played(),
            EventKind::MediaTimeout => vec![Act::Note("media_timeout")],
            EventKind::Ended(ended) => vec![Act::Note(match ended.by {
                EndedBy::Remote => "ended_by_caller",
                EndedBy::Local => "ended",
            })],
            EventKind::Played { .. }
            | EventKind::Ringing
            | EventKind::EarlyMedia
            | EventKind::Rerouted(_)
            | EventKind::Dialog(..)
            | EventKind::Verdict(_)
            | EventKind::Beep { .. }
            | EventKind::Recorded { .. }
            | EventKind::Referred { .. }
            | EventKind::Incoming { .. } => Vec::new(),
        }
    }

    /// The reaction to a reminder.
    pub(crate) fn due(&mut self, step: Step) -> Vec<Act> {
        match step {
            Step::Answer => vec![Act::Do(Command::Answer {
                call: self.call.clone(),
            })],
            Step::Refuse => self.refuse(),
            Step::Speak => vec![self.first_sound(), Act::Note("spoke")],
            Step::Mark => self.mark(),
            Step::Key => self.press(),
            Step::Chat => vec![
                Act::Sound(
                    Sound::Words {
                        ms: CHAT_MS,
                        voice: self.voice,
                    },
                    Repeat::Once,
                ),
                Act::In(CHAT_EVERY_MS, Step::Chat),
            ],
            Step::GiveUp if self.heard => Vec::new(),
            Step::GiveUp => vec![self.hang_up(), Act::Note("gave_up")],
            Step::HangUp => vec![self.hang_up(), Act::Note("hung_up")],
        }
    }

    fn picked_up(&mut self) -> Vec<Act> {
        if std::mem::replace(&mut self.answered, true) {
            return Vec::new();
        }
        let mut acts = vec![Act::Note("answered")];
        match &self.party {
            Party::Agent(agent) => {
                acts.push(Act::In(MARK_EVERY_MS, Step::Mark));
                if agent.talk_ms > 0 {
                    acts.push(Act::In(agent.talk_ms, Step::HangUp));
                }
            }
            Party::Customer { script, .. } => {
                acts.push(Act::In(script.speak_after_ms, Step::Speak));
                if script.key_every_ms > 0 {
                    let first = script.speak_after_ms + u64::from(script.speech_ms);
                    acts.push(Act::In(first + script.key_every_ms, Step::Key));
                }
                acts.push(match script.behaviour {
                    Kind::Machine | Kind::Fax | Kind::Clip => Act::In(LINE_OPEN_MS, Step::HangUp),
                    _ => Act::In(script.patience_ms, Step::GiveUp),
                });
            }
        }
        acts
    }

    fn digit(&mut self, digit: char) -> Vec<Act> {
        let first = !self.heard;
        match &self.party {
            Party::Customer { script, .. } if digit == AGENT_SAYS => {
                let talk_ms = script.talk_ms;
                self.heard = true;
                let mut acts = vec![self.say(CUSTOMER_SAYS)];
                if first {
                    acts.push(Act::Note("heard_agent"));
                    acts.push(Act::In(CHAT_EVERY_MS, Step::Chat));
                    if talk_ms > 0 {
                        acts.push(Act::In(talk_ms, Step::HangUp));
                    }
                }
                acts
            }
            Party::Agent(_) if digit == CUSTOMER_SAYS && first => {
                self.heard = true;
                vec![
                    Act::Note("heard_customer"),
                    Act::In(CHAT_EVERY_MS / 2, Step::Chat),
                ]
            }
            Party::Customer { .. } | Party::Agent(_) => Vec::new(),
        }
    }

    /// A key for whoever asks, and the next one later.
    fn press(&self) -> Vec<Act> {
        match &self.party {
            Party::Customer { script, .. } => vec![
                self.say(CUSTOMER_SAYS),
                Act::In(script.key_every_ms, Step::Key),
            ],
            Party::Agent(_) => Vec::new(),
        }
    }

    fn mark(&mut self) -> Vec<Act> {
        if self.heard {
            return Vec::new();
        }
        if self.marks == MARKS_MAX {
            return vec![Act::Note("not_heard")];
        }
        self.marks += 1;
        vec![self.say(AGENT_SAYS), Act::In(MARK_EVERY_MS, Step::Mark)]
    }

    fn played(&mut self) -> Vec<Act> {
        let early = matches!(&self.party, Party::Customer { script, .. }
            if script.behaviour == Kind::Clip && script.early);
        if early {
            return self.refuse();
        }
        let machine = matches!(&self.party, Party::Customer { script, .. }
            if script.behaviour == Kind::Machine);
        if machine && !std::mem::replace(&mut self.beeped, true) {
            return vec![Act::Note("beeped")];
        }
        Vec::new()
    }

    fn first_sound(&self) -> Act {
        let voice = self.voice;
        if let Party::Customer { script, .. } = &self.party
            && script.behaviour == Kind::Clip
        {
            return Act::File(script.file.clone());
        }
        let sound = match &self.party {
            Party::Customer { script, .. } => match script.behaviour {
                Kind::Machine => Sound::Greeting {
                    ms: script.greeting_ms,
                    beep_hz: script.beep_hz,
                    voice,
                },
                Kind::Fax => Sound::Fax,
                _ => Sound::Words {
                    ms: script.speech_ms,
                    voice,
                },
            },
            Party::Agent(_) => Sound::Words { ms: CHAT_MS, voice },
        };
        Act::Sound(sound, Repeat::Once)
    }

    fn refuse(&self) -> Vec<Act> {
        let (usual, q850) = match &self.party {
            Party::Agent(_) => (603, Some(21)),
            Party::Customer { script, .. } => match script.behaviour {
                Kind::Decline => (603, Some(21)),
                // 480 without a cause leaves the result to the tone (reference: telephony 5.1).
                Kind::Sit | Kind::Clip => (480, None),
                _ => (486, Some(17)),
            },
        };
        let status = match &self.party {
            Party::Customer { script, .. } if script.status >= 300 => script.status,
            Party::Customer { .. } | Party::Agent(_) => usual,
        };
        let q850 = q850.filter(|_| status == usual);
        let call = self.call.clone();
        vec![
            Act::Do(Command::Reject { call, status, q850 }),
            Act::Note("refused"),
        ]
    }

    fn say(&self, digit: char) -> Act {
        let call = self.call.clone();
        Act::Do(Command::SendDigits {
            call,
            digits: digit.to_string(),
        })
    }

    fn hang_up(&self) -> Act {
        Act::Do(Command::HangUp {
            call: self.call.clone(),
            cause: HangUpCause::Normal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(script: &str, number: &str) -> Leg {
        let script = super::super::script::Script::parse(script).unwrap();
        let party = match number.strip_prefix("agent:") {
            Some(extension) => Party::Agent(script.agent(extension)),
            None => Party::Customer {
                script: script.customer(number),
                busy: true,
            },
        };
        Leg::new(CallId::new("c"), party, 1)
    }

    /// The acts as short words.
    fn words(acts: &[Act]) -> Vec<String> {
        let word = |act: &Act| match act {
            Act::Do(Command::Reject { status, q850, .. }) => format!("reject {status} {q850:?}"),
            Act::Do(Command::SendDigits { digits, .. }) => format!("send {digits}"),
            Act::Do(Command::Ring { .. }) => "ring".to_owned(),
            Act::Do(Command::Answer { .. }) => "answer".to_owned(),
            Act::Do(Command::Progress { .. }) => "progress".to_owned(),
            Act::Do(Command::HangUp { .. }) => "hang up".to_owned(),
            Act::Do(other) => format!("{other:?}"),
            Act::Sound(sound, _) => format!("{sound:?}"),
            Act::File(path) => path.display().to_string(),
            Act::In(ms, step) => format!("{step:?} in {ms}"),
            Act::Note(note) => (*note).to_owned(),
        };
        acts.iter().map(word).collect()
    }

    const ANSWERED: EventKind = EventKind::Answered { late: false };

    #[test]
    fn a_human_rings_answers_speaks_and_replies_to_the_agent() {
        let mut human = leg("1=human,ring_ms=500,talk_ms=3000", "1");
        assert_eq!(words(&human.start()), ["ring", "Answer in 500"]);
        assert_eq!(words(&human.due(Step::Answer)), ["answer"]);
        assert_eq!(
            words(&human.handle(&ANSWERED)),
            ["answered", "Speak in 300", "GiveUp in 60000"]
        );
        assert_eq!(
            words(&human.due(Step::Speak)),
            ["Words { ms: 900, voice: 1 }", "spoke"]
        );
        assert_eq!(
            words(&human.handle(&EventKind::Digit(AGENT_SAYS))),
            ["send 7", "heard_agent", "Chat in 2500", "HangUp in 3000"]
        );
        assert_eq!(
            words(&human.handle(&EventKind::Digit(AGENT_SAYS))),
            ["send 7"]
        );
        assert_eq!(words(&human.due(Step::GiveUp)), [""; 0]);
        assert_eq!(words(&human.due(Step::HangUp)), ["hang up", "hung_up"]);
    }

    #[test]
    fn an_agent_sends_its_digit_until_the_customer_is_heard() {
        let mut agent = leg("agent:7001=answer,answer_ms=200,talk_ms=0", "agent:7001");
        assert_eq!(words(&agent.start()), ["ring", "Answer in 200"]);
        assert_eq!(words(&agent.handle(&ANSWERED)), ["answered", "Mark in 400"]);
        for _ in 0..MARKS_MAX {
            assert_eq!(words(&agent.due(Step::Mark)), ["send 5", "Mark in 400"]);
        }
        assert_eq!(words(&agent.due(Step::Mark)), ["not_heard"]);
        let heard = words(&agent.handle(&EventKind::Digit(CUSTOMER_SAYS)));
        assert_eq!(heard, ["heard_customer", "Chat in 1250"]);
        assert_eq!(words(&agent.due(Step::Mark)), [""; 0]);
    }

    #[test]
    fn refusals_carry_their_status_and_cause() {
        let refused = |script| words(&leg(script, "1").due(Step::Refuse));
        assert_eq!(refused("1=busy"), ["reject 486 Some(17)", "refused"]);
        assert_eq!(
            refused("1=busy_then_human"),
            ["reject 486 Some(17)", "refused"]
        );
        assert_eq!(refused("1=decline"), ["reject 603 Some(21)", "refused"]);
        assert_eq!(refused("1=sit"), ["reject 480 None", "refused"]);
        assert_eq!(refused("1=busy,status=503"), ["reject 503 None", "refused"]);
    }

    #[test]
    fn tones_are_played_before_the_answer() {
        let start = words(&leg("1=early_busy,tone_ms=2500", "1").start());
        assert_eq!(start, ["progress", "Busy", "Refuse in 2500"]);
    }

    #[test]
    fn a_file_is_heard_after_the_answer_or_before_a_refusal() {
        let mut after = leg("1=clip,file=a.wav,speak_after_ms=0", "1");
        assert_eq!(words(&after.start()), ["ring", "Answer in 1000"]);
        assert_eq!(
            words(&after.handle(&ANSWERED)),
            ["answered", "Speak in 0", "HangUp in 45000"]
        );
        assert_eq!(words(&after.due(Step::Speak)), ["a.wav", "spoke"]);
        let mut before = leg("1=clip,file=b.wav,early=true", "1");
        assert_eq!(words(&before.start()), ["progress", "b.wav"]);
        let played = EventKind::Played {
            token: 1,
            finished: true,
        };
        assert_eq!(
            words(&before.handle(&played)),
            ["reject 480 None", "refused"]
        );
    }

    #[test]
    fn a_machine_notes_the_end_of_its_beep_once() {
        let mut machine = leg("1=machine", "1");
        let played = EventKind::Played {
            token: 1,
            finished: true,
        };
        assert_eq!(words(&machine.handle(&played)), ["beeped"]);
        assert_eq!(words(&machine.handle(&played)), [""; 0]);
    }
}
