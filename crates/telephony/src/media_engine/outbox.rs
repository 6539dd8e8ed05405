//! Events of a media thread on their way out: never blocks, never loses a result.

use std::collections::VecDeque;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::MediaEvent;
use super::limits::PENDING_EVENTS_MAX;

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
    pub(super) fn send(&mut self, event: MediaEvent) -> u64 {
        self.pending.push_back(event);
        self.flush();
        if self.pending.len() <= PENDING_EVENTS_MAX {
            return 0;
        }
        let before = self.pending.len();
        self.pending.retain(is_result);
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

/// Results steer a call; the others can be missed.
const fn is_result(event: &MediaEvent) -> bool {
    match event {
        MediaEvent::Verdict { .. }
        | MediaEvent::Beep { .. }
        | MediaEvent::Recorded { .. }
        | MediaEvent::Timeout { .. } => true,
        MediaEvent::Played { finished, .. } => *finished,
        MediaEvent::Digit { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::CallId;

    #[test]
    fn a_slow_receiver_gets_every_result_in_order() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        let call = CallId::new("a");
        let mut dropped = 0;
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
        let mut tokens = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            if let MediaEvent::Played { token, .. } = event {
                tokens.push(token);
            }
            outbox.flush();
        }
        assert!(tokens.iter().copied().eq(0..6_000));
        assert!(dropped > 0);
    }
}
