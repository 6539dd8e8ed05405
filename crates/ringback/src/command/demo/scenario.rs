//! The five scenarios: what the carrier plays and which notifications have to arrive.

use serde_json::{Value, json};

use crate::harness::receiver::Notification;

/// What a notification has to be: event without its prefix, state, call result, attempt.
type Expected = (&'static str, &'static str, Option<(i64, i64)>);

/// A scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Name, as in the reference.
    pub(crate) name: &'static str,
    /// Number of the customer.
    pub(crate) number: &'static str,
    /// Termination type that the last event has to carry.
    pub(crate) ending: &'static str,
    /// All events in their order.
    expected: &'static [Expected],
    /// Agent and customer have to hear each other.
    talks: bool,
}

const CREATED: [Expected; 2] = [
    ("service_create", "QUEUED", None),
    ("virtual_ixn_create", "QUEUED", None),
];
const fn dial() -> Expected {
    ("dial_init", "QUEUED", None)
}
const fn done(result: i64, attempt: i64) -> Expected {
    ("dial_done", "QUEUED", Some((result, attempt)))
}
const EXIT: Expected = ("service_exit", "COMPLETED", None);
const CONNECTED: [Expected; 5] = [
    ("connect_treatment_start", "QUEUED", None),
    ("customer_queued", "ROUTING", None),
    ("target_found", "ROUTING", None),
    ("route_to_agent", "ROUTING", None),
    EXIT,
];

/// All scenarios, in the order of the reference.
pub(crate) static SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "human",
        number: "+12025550101",
        ending: "COMPLETED.AGENT_CONNECTED",
        expected: &[
            CREATED[0],
            CREATED[1],
            dial(),
            done(0, 1),
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            CONNECTED[3],
            CONNECTED[4],
        ],
        talks: true,
    },
    Scenario {
        name: "busy_then_human",
        number: "+12025550102",
        ending: "COMPLETED.AGENT_CONNECTED",
        expected: &[
            CREATED[0],
            CREATED[1],
            dial(),
            done(6, 1),
            dial(),
            done(0, 2),
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            CONNECTED[3],
            CONNECTED[4],
        ],
        talks: true,
    },
    Scenario {
        name: "no_answer",
        number: "+12025550103",
        ending: "COMPLETED.FAIL_CALL_TO_CUSTOMER",
        expected: &[
            CREATED[0],
            CREATED[1],
            dial(),
            done(7, 1),
            dial(),
            done(7, 2),
            EXIT,
        ],
        talks: false,
    },
    Scenario {
        name: "machine",
        number: "+12025550104",
        ending: "COMPLETED.FAIL_CALL_TO_CUSTOMER",
        expected: &[
            CREATED[0],
            CREATED[1],
            dial(),
            done(9, 1),
            dial(),
            done(9, 2),
            EXIT,
        ],
        talks: false,
    },
    Scenario {
        name: "fax",
        number: "+12025550105",
        ending: "COMPLETED.FAIL_FAX_REACHED",
        expected: &[CREATED[0], CREATED[1], dial(), done(17, 1), EXIT],
        talks: false,
    },
];

/// The carrier's script for the numbers of the scenarios and for the agents' phones.
pub(crate) fn script() -> Value {
    let number = |at: usize| SCENARIOS[at].number;
    json!({
        "numbers": [
            {"number": number(0), "behaviour": "human", "ring_ms": 1200, "speech_ms": 900},
            {"number": number(1), "behaviour": "busy_then_human", "ring_ms": 800, "speech_ms": 700},
            {"number": number(2), "behaviour": "no_answer"},
            {"number": number(3), "behaviour": "machine", "ring_ms": 600, "greeting_ms": 5000},
            {"number": number(4), "behaviour": "fax", "ring_ms": 600},
            {"number": "*", "behaviour": "human"},
        ],
        "agents": [{"extension": "*", "behaviour": "answer", "answer_ms": 800, "talk_ms": 4000}],
    })
}

/// What has been seen of a scenario.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The scenario.
    pub(crate) scenario: &'static Scenario,
    /// Id of its callback; empty before the request was answered.
    pub(crate) callback_id: String,
    /// Event ids in the order of their sequence numbers.
    pub(crate) events: Vec<String>,
    /// Greatest attempt number seen.
    pub(crate) attempts: i64,
    /// Termination type; empty until the end.
    pub(crate) got: String,
    /// The customer heard the agent.
    pub(crate) customer_heard: bool,
    /// An agent heard the customer.
    pub(crate) agent_heard: bool,
    /// First difference from what was expected.
    pub(crate) fault: Option<String>,
    /// Sequence number of the last event taken.
    sequence: u64,
}

impl Progress {
    /// Nothing has been seen.
    pub(crate) const fn new(scenario: &'static Scenario) -> Self {
        Self {
            scenario,
            callback_id: String::new(),
            events: Vec::new(),
            attempts: 0,
            got: String::new(),
            customer_heard: false,
            agent_heard: false,
            fault: None,
            sequence: 0,
        }
    }

    /// The last event has arrived.
    pub(crate) const fn over(&self) -> bool {
        !self.got.is_empty()
    }

    /// The people of this scenario heard each other, where there are two.
    pub(crate) const fn heard_as_expected(&self) -> bool {
        !self.scenario.talks || (self.customer_heard && self.agent_heard)
    }

    /// Everything went as it should.
    pub(crate) fn ok(&self) -> bool {
        self.remark().is_none()
    }

    /// What is wrong, in words; nothing when all is well.
    pub(crate) fn remark(&self) -> Option<String> {
        if let Some(fault) = &self.fault {
            return Some(fault.clone());
        }
        if !self.over() {
            return Some(format!("not over after {} events", self.events.len()));
        }
        if self.got != self.scenario.ending {
            return Some(format!("{} expected", self.scenario.ending));
        }
        if self.events.len() != self.scenario.expected.len() {
            return Some(format!("{} events expected", self.scenario.expected.len()));
        }
        match (self.scenario.talks, self.customer_heard, self.agent_heard) {
            (true, false, _) => Some(String::from("the customer did not hear the agent")),
            (true, true, false) => Some(String::from("the agent did not hear the customer")),
            _ => None,
        }
    }

    /// Takes a notification; `false` when it is a repetition (delivery is at least once).
    pub(crate) fn take(&mut self, notification: &Notification) -> bool {
        if let Some(sequence) = notification.sequence {
            if sequence <= self.sequence {
                return false;
            }
            self.sequence = sequence;
        }
        if self.fault.is_none() {
            self.fault = self.difference(notification);
        }
        self.events.push(notification.text("event_id").to_owned());
        let attempt = notification.body["c_call_num_attempt"]
            .as_i64()
            .unwrap_or(0);
        self.attempts = self.attempts.max(attempt);
        if notification.text("event_id") == "_cbe_on_service_exit" {
            notification
                .text("c_termination_type")
                .clone_into(&mut self.got);
        }
        true
    }

    fn difference(&self, notification: &Notification) -> Option<String> {
        let place = self.events.len() + 1;
        let id = notification.text("event_id");
        let Some((event, state, values)) = self.scenario.expected.get(self.events.len()) else {
            return Some(format!("event {place} {id} was not expected"));
        };
        if id.strip_prefix("_cbe_on_") != Some(*event) {
            return Some(format!("event {place} is {id} instead of _cbe_on_{event}"));
        }
        if notification.text("_callback_state") != *state {
            let got = notification.text("_callback_state");
            return Some(format!("event {place} {id} says {got} instead of {state}"));
        }
        let (result, attempt) = (*values)?;
        let body = &notification.body;
        if body["c_call_result"] != result || body["c_call_num_attempt"] != attempt {
            return Some(format!(
                "event {place} {id} says result {} in attempt {} instead of {result} in {attempt}",
                body["c_call_result"], body["c_call_num_attempt"],
            ));
        }
        None
    }
}

/// An agent's phone heard the customer whose number it was shown.
pub(crate) fn agent_heard(progress: &mut [Progress], customer: &str) {
    let one = progress.iter_mut().find(|p| p.scenario.number == customer);
    if let Some(progress) = one {
        progress.agent_heard = true;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn notification(sequence: u64, body: Value) -> Notification {
        Notification {
            received: Instant::now(),
            sequence: Some(sequence),
            body,
        }
    }

    fn event(name: &str, state: &str) -> Value {
        json!({"event_id": format!("_cbe_on_{name}"), "_callback_state": state})
    }

    fn fax() -> Vec<Value> {
        let mut done = event("dial_done", "QUEUED");
        done["c_call_result"] = json!(17);
        done["c_call_num_attempt"] = json!(1);
        let mut exit = event("service_exit", "COMPLETED");
        exit["c_termination_type"] = json!("COMPLETED.FAIL_FAX_REACHED");
        vec![
            event("service_create", "QUEUED"),
            event("virtual_ixn_create", "QUEUED"),
            event("dial_init", "QUEUED"),
            done,
            exit,
        ]
    }

    fn play(bodies: Vec<Value>) -> Progress {
        let mut progress = Progress::new(&SCENARIOS[4]);
        for (sequence, body) in (1..).zip(bodies) {
            assert!(progress.take(&notification(sequence, body)));
        }
        progress
    }

    #[test]
    fn the_expected_events_are_ok() {
        let progress = play(fax());
        assert_eq!(progress.remark(), None);
        assert_eq!(progress.attempts, 1);
        assert!(progress.over());
    }

    #[test]
    fn repetitions_are_left_out() {
        let mut progress = play(fax());
        assert!(!progress.take(&notification(5, event("service_exit", "COMPLETED"))));
        assert!(progress.ok());
    }

    #[test]
    fn a_wrong_order_state_result_or_ending_is_named() {
        let mut swapped = fax();
        swapped.swap(2, 3);
        assert_eq!(
            play(swapped).remark().unwrap(),
            "event 3 is _cbe_on_dial_done instead of _cbe_on_dial_init"
        );
        let mut state = fax();
        state[4]["_callback_state"] = json!("QUEUED");
        assert!(
            play(state)
                .remark()
                .unwrap()
                .contains("says QUEUED instead of COMPLETED")
        );
        let mut result = fax();
        result[3]["c_call_result"] = json!(0);
        assert!(
            play(result)
                .remark()
                .unwrap()
                .contains("result 0 in attempt 1")
        );
        let mut ending = fax();
        ending[4]["c_termination_type"] = json!("COMPLETED.CANCELLED");
        assert_eq!(
            play(ending).remark().unwrap(),
            "COMPLETED.FAIL_FAX_REACHED expected"
        );
        assert_eq!(
            play(fax()[..3].to_vec()).remark().unwrap(),
            "not over after 3 events"
        );
    }

    #[test]
    fn people_who_should_talk_must_have_heard_each_other() {
        let mut progress = SCENARIOS.each_ref().map(Progress::new);
        agent_heard(&mut progress, SCENARIOS[0].number);
        assert!(progress[2].heard_as_expected());
        assert!(progress[0].agent_heard && !progress[0].heard_as_expected());
        progress[0].customer_heard = true;
        assert!(progress[0].heard_as_expected());
    }

    #[test]
    fn the_script_is_one_the_carrier_understands() {
        crate::carrier::script::Script::parse(&script().to_string()).unwrap();
    }
}
