//! Puts the prompts of an application together: audio, spoken text, silence, recordings.

use telephony::media::audio::Clip;
use vxml::{Segment, Spoken};

use super::recordings::Recordings;
use crate::limits;
use crate::speech::{Speech, SpeechError};
use crate::treatment::{Asks, Treatments, is_remote};

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
}

/// A prompt as far as it is put together.
#[derive(Debug, Default)]
struct Tape {
    samples: Vec<i16>,
    cut: bool,
}

impl Tape {
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
    ) -> Result<Clip, Unspeakable> {
        let mut tape = Tape::default();
        for prompt in prompts {
            // Fallbacks are taken in place of what failed: the next is always on top.
            let mut rest: Vec<&Segment> = prompt.segments.iter().rev().collect();
            while let Some(segment) = rest.pop() {
                if tape.cut {
                    tracing::warn!("a prompt of more than ten minutes is cut");
                    return Ok(Clip::from_samples(tape.samples));
                }
                match segment {
                    Segment::Break(ms) => tape.pause(*ms),
                    Segment::Mark(_) => {}
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
                    Segment::Audio { url, fallback } => match self.audio(url, asks).await {
                        Some(clip) => tape.add(clip.samples()),
                        None => rest.extend(fallback.iter().rev()),
                    },
                }
            }
        }
        Ok(Clip::from_samples(tape.samples))
    }

    /// Audio of an address; `file:` is refused to pages.
    pub(super) async fn audio(&self, url: &str, asks: &Asks) -> Option<Clip> {
        if !is_remote(url) {
            tracing::warn!(
                callback.id = %asks.callback,
                "audio of an application is neither http nor https"
            );
            return None;
        }
        self.treatments.find(url, asks).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Synthesiser;

    fn prompts() -> Prompts {
        // Refused when a provider is there already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        Prompts {
            treatments: Treatments::new("does-not-exist".into()).unwrap(),
            speech: Speech::new(Synthesiser::None).unwrap(),
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
        rendered.map(|clip| clip.duration_ms())
    }

    fn missing(fallback: Vec<Segment>) -> Segment {
        Segment::Audio {
            url: "file:///etc/passwd".to_owned(),
            fallback,
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
    async fn ten_minutes_are_enough() {
        let long = vec![Segment::Break(u32::MAX), Segment::Break(u32::MAX)];
        assert_eq!(render(long).await, Ok(600_000));
    }
}
