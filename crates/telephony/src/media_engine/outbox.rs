//! Events of a media thread on their way out: never blocks, never loses a result.

use std::collections::{HashMap, VecDeque};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::MediaEvent;
use super::limits::{PENDING_DIGITS_MAX, PENDING_EVENTS_MAX};
use crate::port::CallId;

/// Sends what the receiver takes and keeps the rest for the next tick.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: Sender<MediaEvent>,
    pending: VecDeque<MediaEvent>,
}

impl Outbox {
    pub(super) const fn new(sender: Sender<MediaEvent>) -> Self {
        Self {
            sender,
            pending: VecDeque::new(),
        }
    }

    /// Sends an event, after those that wait; gives the number of events left out.
    ///
    /// Results steer a call and are never left out, nor the first digits of a call: a page whose
    /// clip a digit stopped waits for that digit. Anybody can send digits without end, so those
    /// that follow can be missed, as can the news that a clip was stopped.
    pub(super) fn send(&mut self, event: MediaEvent) -> u64 {
        self.pending.push_back(event);
        self.flush();
        if self.pending.len() <= PENDING_EVENTS_MAX {
            return 0;
        }
        let before = self.pending.len();
        let mut digits: HashMap<CallId, usize> = HashMap::new();
        self.pending.retain(|event| match event {
            MediaEvent::Digit { call, .. } => {
                let count = digits.entry(call.clone()).or_default();
                *count += 1;
                *count <= PENDING_DIGITS_MAX
            }
            MediaEvent::Played { finished, .. } => *finished,
            MediaEvent::Verdict { .. }
            | MediaEvent::Beep { .. }
            | MediaEvent::Recorded { .. }
            | MediaEvent::Timeout { .. } => true,
        });
        (before - self.pending.len()) as u64
    }

    /// Tries again what waits.
    pub(super) fn flush(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.pending.push_front(event);
                    return;
                }
                // Nobody listens any more.
                Err(TrySendError::Closed(_)) => self.pending.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_receiver_gets_every_result_in_order() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        let call = CallId::new("a");
        let mut dropped = 0;
        dropped += outbox.send(MediaEvent::Digit {
            call: CallId::new("b"),
            digit: '7',
        });
        for token in 0..6_000 {
            dropped += outbox.send(MediaEvent::Digit {
                call: call.clone(),
                digit: '1',
            });
            let played = MediaEvent::Played {
                call: call.clone(),
                token,
                finished: true,
            };
            dropped += outbox.send(played);
        }
        let (mut tokens, mut digits, mut of_others) = (Vec::new(), 0, String::new());
        while let Ok(event) = receiver.try_recv() {
            match event {
                MediaEvent::Played { token, .. } => tokens.push(token),
                MediaEvent::Digit { call: of, .. } if of == call => digits += 1,
                MediaEvent::Digit { digit, .. } => of_others.push(digit),
                _ => {}
            }
            outbox.flush();
        }
        assert!(tokens.iter().copied().eq(0..6_000));
        assert_eq!(dropped, 6_000 - digits);
        assert!(
            (PENDING_DIGITS_MAX as u64..6_000).contains(&digits),
            "{digits}"
        );
        assert_eq!(of_others, "7");
    }
}
