//! Puts the prompts of an application together: audio, spoken text, silence, recordings.

use std::sync::Arc;
use std::time::Duration;

use telephony::media::audio::Clip;
use vxml::{AudioFetch, Mark, Segment, Spoken};

use super::recordings::Recordings;
use crate::clock::Clock;
use crate::limits;
use crate::speech::{Speech, SpeechError};
use crate::treatment::{Asks, Copies, Treatments, is_remote};

/// Samples of a millisecond.
const SAMPLES_PER_MS: usize = 8;

/// Text has to be spoken and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unspeakable {
    /// Nobody speaks, or not now.
    Nobody,
    /// Nobody speaks this language.
    Language(String),
}

/// Where sound comes from; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Prompts {
    pub(super) treatments: Treatments,
    pub(super) speech: Speech,
    pub(super) clock: Arc<dyn Clock>,
}

/// A prompt as far as it is put together.
#[derive(Debug, Default)]
struct Tape {
    samples: Vec<i16>,
    marks: Vec<Mark>,
    cut: bool,
}

/// A play that is put together.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) clip: Clip,
    pub(super) marks: Vec<Mark>,
}

impl Tape {
    fn mark(&mut self, name: &str) {
        let at_ms = self.samples.len() / SAMPLES_PER_MS;
        self.marks.push(Mark {
            name: name.to_owned(),
            at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX),
        });
    }

    fn end(self) -> Rendered {
        Rendered {
            clip: Clip::from_samples(self.samples),
            marks: self.marks,
        }
    }

    fn add(&mut self, samples: &[i16]) {
        let room = limits::PROMPT_SAMPLES_MAX.saturating_sub(self.samples.len());
        self.cut |= samples.len() > room;
        let taken = samples.get(..room.min(samples.len())).unwrap_or_default();
        self.samples.extend_from_slice(taken);
    }

    fn pause(&mut self, ms: u32) {
        let samples = usize::try_from(ms)
            .unwrap_or(usize::MAX)
            .saturating_mul(SAMPLES_PER_MS);
        let room = limits::PROMPT_SAMPLES_MAX.saturating_sub(self.samples.len());
        self.cut |= samples > room;
        self.samples
            .resize(self.samples.len() + samples.min(room), 0);
    }
}

impl Prompts {
    /// One clip of all prompts, the next after the other without a gap; what is longer than ten
    /// minutes is cut.
    pub(super) async fn render(
        &self,
        prompts: &[Spoken],
        recordings: &Recordings,
        asks: &Asks,
    ) -> Result<Rendered, Unspeakable> {
        let mut tape = Tape::default();
        for prompt in prompts {
            // Fallbacks are taken in place of what failed: the next is always on top.
            let mut rest: Vec<&Segment> = prompt.segments.iter().rev().collect();
            while let Some(segment) = rest.pop() {
                if tape.cut {
                    tracing::warn!("a prompt of more than ten minutes is cut");
                    return Ok(tape.end());
                }
                match segment {
                    Segment::Break(ms) => tape.pause(*ms),
                    Segment::Mark(name) => tape.mark(name),
                    Segment::Recording(handle) => {
                        if let Some(clip) = recordings.clip(handle) {
                            tape.add(clip.samples());
                        }
                    }
                    Segment::Speech { ssml, text } => {
                        if text.trim().is_empty() {
                            continue;
                        }
                        match self.speech.speak(prompt.lang.as_deref(), ssml).await {
                            Ok(clip) => tape.add(clip.samples()),
                            Err(error) => {
                                tracing::warn!(%error, "a text is not spoken");
                                return Err(match error {
                                    SpeechError::Language(lang) => Unspeakable::Language(lang),
                                    _ => Unspeakable::Nobody,
                                });
                            }
                        }
                    }
                    Segment::Audio {
                        url,
                        fallback,
                        fetch,
                    } => match self.audio_within(url, *fetch, asks).await {
                        Some(clip) => tape.add(clip.samples()),
                        None => rest.extend(fallback.iter().rev()),
                    },
                }
            }
        }
        Ok(tape.end())
    }

    /// Audio of an address as its element says.
    async fn audio_within(&self, url: &str, fetch: AudioFetch, asks: &Asks) -> Option<Clip> {
        let Some(ms) = fetch.timeout_ms else {
            return self.remote(url, fetch, asks).await;
        };
        let within = Duration::from_millis(ms);
        let found = tokio::time::timeout(within, self.remote(url, fetch, asks)).await;
        found.unwrap_or_else(|_late| {
            tracing::warn!(callback.id = %asks.callback, "audio of an application is late");
            None
        })
    }

    /// Audio of an address; `file:` is refused to pages.
    pub(super) async fn audio(&self, url: &str, asks: &Asks) -> Option<Clip> {
        self.remote(url, AudioFetch::default(), asks).await
    }

    async fn remote(&self, url: &str, fetch: AudioFetch, asks: &Asks) -> Option<Clip> {
        if !is_remote(url) {
            tracing::warn!(
                callback.id = %asks.callback,
                "audio of an application is neither http nor https"
            );
            return None;
        }
        let copies = Copies {
            now_ms: self.clock.now().0,
            max_age_s: fetch.max_age_s,
            max_stale_s: fetch.max_stale_s,
        };
        self.treatments.find_kept(url, asks, copies).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Synthesiser;

    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now(&self) -> callback::Timestamp {
            callback::Timestamp(0)
        }
    }

    fn prompts() -> Prompts {
        // Refused when a provider is there already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        Prompts {
            treatments: Treatments::new("does-not-exist".into()).unwrap(),
            speech: Speech::new(Synthesiser::None).unwrap(),
            clock: Arc::new(Still),
        }
    }

    async fn render(segments: Vec<Segment>) -> Result<u64, Unspeakable> {
        let prompt = Spoken {
            lang: None,
            segments,
        };
        let asks = Asks {
            callback: callback::CallbackId::new("1-a"),
            service: String::new(),
        };
        let recordings = Recordings::default();
        let rendered = prompts().render(&[prompt], &recordings, &asks).await;
        rendered.map(|rendered| rendered.clip.duration_ms())
    }

    fn missing(fallback: Vec<Segment>) -> Segment {
        Segment::Audio {
            url: "file:///etc/passwd".to_owned(),
            fallback,
            fetch: AudioFetch::default(),
        }
    }

    fn text() -> Segment {
        Segment::Speech {
            ssml: "Hello".to_owned(),
            text: "Hello".to_owned(),
        }
    }

    #[tokio::test]
    async fn missing_audio_is_what_it_contains() {
        assert_eq!(render(vec![missing(vec![])]).await, Ok(0));
        let nested = missing(vec![Segment::Break(20), missing(vec![Segment::Break(40)])]);
        assert_eq!(render(vec![nested, Segment::Break(100)]).await, Ok(160));
        assert_eq!(
            render(vec![missing(vec![text()])]).await,
            Err(Unspeakable::Nobody)
        );
    }

    #[tokio::test]
    async fn recordings_that_are_gone_are_silent() {
        let gone = Segment::Recording("r9".to_owned());
        assert_eq!(
            render(vec![gone, Segment::Mark("m".to_owned())]).await,
            Ok(0)
        );
    }

    #[tokio::test]
    async fn marks_stand_where_they_are_heard() {
        let mark = |name: &str| Segment::Mark(name.to_owned());
        let segments = vec![
            mark("a"),
            Segment::Break(500),
            mark("b"),
            Segment::Break(20),
        ];
        let prompt = Spoken {
            lang: None,
            segments,
        };
        let asks = Asks {
            callback: callback::CallbackId::new("1-a"),
            service: String::new(),
        };
        let recordings = Recordings::default();
        let rendered = prompts().render(&[prompt], &recordings, &asks).await;
        let marks = rendered.unwrap().marks;
        let found: Vec<_> = marks.iter().map(|m| (m.name.as_str(), m.at_ms)).collect();
        assert_eq!(found, [("a", 0), ("b", 500)]);
    }

    #[tokio::test]
    async fn ten_minutes_are_enough() {
        let long = vec![Segment::Break(u32::MAX), Segment::Break(u32::MAX)];
        assert_eq!(render(long).await, Ok(600_000));
    }
}
