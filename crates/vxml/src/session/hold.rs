//! What the caller hears while something is fetched: the prompts before it, then `fetchaudio`
//! (`VoiceXML` 2.0 §4.1.8 and §6.3.5).

use std::collections::VecDeque;

use super::prompt::Group;
use super::{Phase, Session};
use crate::effect::{Answer, AudioFetch, Effect, FetchError, Play, Segment, Spoken};
use crate::world::Try;

/// Wait before the audio where nothing else is said, ms.
const DELAY_MS: u64 = 2_000;
/// How long the audio plays at least where nothing else is said, ms.
const MINIMUM_MS: u64 = 5_000;

/// An answer that waits until the caller has heard enough.
type Waiting = (u64, Result<Answer, FetchError>);

/// The time of a fetch that has audio.
#[derive(Debug)]
pub(super) struct Hold {
    url: String,
    /// Not before.
    begins_at: i64,
    minimum_ms: u64,
    /// Prompts that were queued before.
    prompts: VecDeque<Group>,
    /// The one that is played.
    playing: Option<u64>,
    /// The audio, and until when it is played at least.
    audio: Option<(u64, i64)>,
    audio_is_over: bool,
    answer: Option<Waiting>,
}

impl Hold {
    /// When something is due.
    pub(super) fn next_time(&self) -> Option<i64> {
        match self.audio {
            _ if self.playing.is_some() || self.audio_is_over => None,
            None => Some(self.begins_at),
            Some((_, until)) => self.answer.is_some().then_some(until),
        }
    }

    /// The answer is here already.
    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// What sounds now.
    pub(super) fn sound(&self) -> Option<u64> {
        self.playing.or_else(|| self.audio.map(|(id, _)| id))
    }
}

impl Session {
    /// A fetch with audio has begun: what is queued is played to its end first.
    pub(super) fn hold(&mut self, url: String) -> Try<()> {
        let delay_ms = self.time_property("fetchaudiodelay", DELAY_MS)?;
        let minimum_ms = self.time_property("fetchaudiominimum", MINIMUM_MS)?;
        if self.hung_up {
            return Ok(());
        }
        let prompts = self.take_queue();
        self.hold = Some(Box::new(Hold {
            url,
            begins_at: self.after(delay_ms),
            minimum_ms,
            prompts,
            playing: None,
            audio: None,
            audio_is_over: false,
            answer: None,
        }));
        self.next_prompt_of_hold();
        Ok(())
    }

    fn next_prompt_of_hold(&mut self) {
        let Some(mut hold) = self.hold.take() else {
            return;
        };
        let next = hold.prompts.pop_front();
        // Nothing listens: a key must not stop it.
        hold.playing = next.map(|group| {
            self.play(Group {
                prompts: group.prompts,
                barge_in: false,
                hotword: false,
            })
        });
        self.hold = Some(hold);
    }

    /// An answer came; `None` when the caller has not heard enough.
    pub(super) fn past_hold(
        &mut self,
        id: u64,
        answer: Result<Answer, FetchError>,
    ) -> Option<Result<Answer, FetchError>> {
        let is_awaited = matches!(&self.phase, Phase::Fetch { id: waited, .. } if *waited == id);
        if !is_awaited {
            return Some(answer);
        }
        let now_ms = self.now_ms;
        if let Some(hold) = &mut self.hold {
            let plays = |(_, until): (u64, i64)| until > now_ms && !hold.audio_is_over;
            if hold.playing.is_some() || hold.audio.is_some_and(plays) {
                hold.answer = Some((id, answer));
                return None;
            }
        }
        self.end_hold();
        Some(answer)
    }

    /// Silence; what was played is over for the session.
    pub(super) fn end_hold(&mut self) -> Option<Waiting> {
        let hold = self.hold.take()?;
        if let Some(id) = hold.sound().filter(|_| !hold.audio_is_over) {
            self.effect(Effect::StopPlay(id));
        }
        hold.answer
    }

    /// A sound of a fetch is over; `false` when it was none.
    pub(super) fn hold_played(&mut self, id: u64) -> bool {
        let Some(hold) = &mut self.hold else {
            return false;
        };
        if hold.audio.is_some_and(|(audio, _)| audio == id) {
            // It cannot be had, or was stopped by the line.
            hold.audio_is_over = true;
        } else if hold.playing == Some(id) {
            hold.playing = None;
            self.next_prompt_of_hold();
        } else {
            return false;
        }
        self.look_at_hold();
        true
    }

    /// Time has passed while something is fetched.
    pub(super) fn time_of_hold(&mut self) {
        let now_ms = self.now_ms;
        let Some(mut hold) = self.hold.take() else {
            return;
        };
        let begins = hold.playing.is_none() && hold.audio.is_none() && hold.begins_at <= now_ms;
        if begins && hold.answer.is_none() {
            let id = self.id();
            let segment = Segment::Audio {
                url: hold.url.clone(),
                fallback: Vec::new(),
                fetch: AudioFetch::default(),
            };
            self.effect(Effect::Play(Play {
                id,
                prompts: vec![Spoken {
                    lang: None,
                    segments: vec![segment],
                }],
                barge_in: false,
                repeats: true,
            }));
            hold.audio = Some((id, self.after(hold.minimum_ms)));
        }
        self.hold = Some(hold);
        self.look_at_hold();
    }

    /// Goes on with an answer that waits for nothing any more.
    fn look_at_hold(&mut self) {
        let waiting = self.hold.as_mut().and_then(|hold| hold.answer.take());
        if let Some((id, answer)) = waiting {
            self.fetched(id, answer);
        }
    }
}
