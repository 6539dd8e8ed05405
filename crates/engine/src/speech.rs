//! Text becomes audio: a synthesiser behind a port, with limits and a cache (vxml.md §5).

mod process;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telephony::media::audio::{self, Clip};
use tokio::sync::Semaphore;

use crate::limits;
use crate::notify::{self, BodyError};

/// What speaks, `vxml.tts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Synthesiser {
    /// Nobody.
    #[default]
    None,
    /// A program with its arguments: SSML on its standard input, WAV on its standard output.
    Command(Vec<String>),
    /// A service that takes SSML by POST and answers with audio.
    Url(String),
}

impl Synthesiser {
    /// Reads `none`, `command:PROGRAM [ARGUMENT…]` or a URL; `{lang}` in an argument becomes the
    /// language of the prompt.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text == "none" {
            return Ok(Self::None);
        }
        if let Some(command) = text.strip_prefix("command:") {
            let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
            return match words.first() {
                Some(_) => Ok(Self::Command(words)),
                None => Err("command: names no program".to_owned()),
            };
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            notify::check_operators_url(text)?;
            return Ok(Self::Url(text.to_owned()));
        }
        Err("it is none, command:<program> or the URL of a synthesiser".to_owned())
    }
}

/// Why a text is not spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpeechError {
    /// `vxml.tts` is `none`.
    #[error("there is no synthesiser")]
    None,
    /// It took longer than 10 s, the wait for a free place included.
    #[error("the synthesiser did not answer within 10 s")]
    Slow,
    /// More than 10 MiB of audio.
    #[error("the synthesiser gave more than 10 MiB")]
    TooLarge,
    /// It has no voice for the language.
    #[error("the synthesiser has no voice for {0}")]
    Language(String),
    /// It failed.
    #[error("the synthesiser failed: {0}")]
    Failed(String),
    /// What it gave is no audio.
    #[error("the synthesiser gave no audio: {0}")]
    NoAudio(#[from] audio::LoadError),
}

/// What was spoken before, by language and markup.
#[derive(Debug, Default)]
struct Spoken {
    clips: HashMap<(String, String), (Clip, u64)>,
    samples: usize,
    turn: u64,
}

impl Spoken {
    fn get(&mut self, key: &(String, String)) -> Option<Clip> {
        self.turn += 1;
        let (clip, used) = self.clips.get_mut(key)?;
        *used = self.turn;
        Some(clip.clone())
    }

    fn put(&mut self, key: (String, String), clip: &Clip) {
        self.turn += 1;
        let samples = clip.samples().len();
        while !self.clips.is_empty()
            && (self.clips.len() >= limits::SPOKEN_MAX
                || self.samples + samples > limits::SPOKEN_SAMPLES_MAX)
        {
            let oldest = self.clips.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            if let Some((gone, _)) = self.clips.remove(&oldest) {
                self.samples -= gone.samples().len();
            }
        }
        if let Some((gone, _)) = self.clips.insert(key, (clip.clone(), self.turn)) {
            self.samples -= gone.samples().len();
        }
        self.samples += samples;
    }
}

/// The synthesiser with its limits; cheap to clone.
#[derive(Clone, Debug)]
pub struct Speech {
    synthesiser: Arc<Synthesiser>,
    client: reqwest::Client,
    places: Arc<Semaphore>,
    spoken: Arc<Mutex<Spoken>>,
}

impl Speech {
    /// A synthesiser that nobody has asked yet.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(synthesiser: Synthesiser) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(notify::operators_resolver())
            .build()?;
        Ok(Self {
            synthesiser: Arc::new(synthesiser),
            client,
            places: Arc::new(Semaphore::new(limits::SPEAKERS_MAX)),
            spoken: Arc::default(),
        })
    }

    /// Whether there is anybody who speaks.
    #[must_use]
    pub fn is_there(&self) -> bool {
        *self.synthesiser != Synthesiser::None
    }

    /// The audio of a text; `ssml` is the content of `<speak>`.
    ///
    /// # Errors
    /// [`SpeechError`] when there is no synthesiser or it does not do it within its limits.
    pub async fn speak(&self, lang: Option<&str>, ssml: &str) -> Result<Clip, SpeechError> {
        if !self.is_there() {
            return Err(SpeechError::None);
        }
        let lang = language(lang);
        let key = (lang.clone(), ssml.to_owned());
        if let Some(known) = self.lock().get(&key) {
            return Ok(known);
        }
        let spoken = tokio::time::timeout(limits::SPEECH_TIMEOUT, self.ask(key));
        spoken.await.unwrap_or(Err(SpeechError::Slow))
    }

    async fn ask(&self, key: (String, String)) -> Result<Clip, SpeechError> {
        let closed = |_closed| SpeechError::Failed("it is closed".to_owned());
        let _place = self.places.acquire().await.map_err(closed)?;
        // Who waited for a place may find that another call asked for the same.
        if let Some(known) = self.lock().get(&key) {
            return Ok(known);
        }
        let (lang, ssml) = &key;
        let document = document(lang, ssml);
        let audio = match &*self.synthesiser {
            Synthesiser::None => return Err(SpeechError::None),
            Synthesiser::Command(words) => process::run(words, lang, document).await?,
            Synthesiser::Url(url) => self.post(url, lang, document).await?,
        };
        let decoded = tokio::task::spawn_blocking(move || audio::load(&audio, "speech.wav"));
        let clip = decoded
            .await
            .map_err(|_panic| SpeechError::NoAudio(audio::LoadError::Damaged))??;
        self.lock().put(key, &clip);
        Ok(clip)
    }

    async fn post(&self, url: &str, lang: &str, document: String) -> Result<Vec<u8>, SpeechError> {
        let failed = |error: &reqwest::Error| SpeechError::Failed(notify::describe(error));
        let request = self
            .client
            .post(url)
            .header("content-type", "application/ssml+xml; charset=utf-8")
            .header("accept", "audio/wav, audio/x-wav")
            .body(document);
        let response = request.send().await.map_err(|error| failed(&error))?;
        if response.status() == reqwest::StatusCode::NOT_ACCEPTABLE {
            return Err(SpeechError::Language(lang.to_owned()));
        }
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(SpeechError::Failed(format!("status {status}")));
        }
        let audio = notify::read_body(response, limits::SPEECH_BYTES_MAX).await;
        audio.map_err(|error| match error {
            BodyError::TooLarge(_) => SpeechError::TooLarge,
            BodyError::Broken(why) => SpeechError::Failed(why),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A language tag that can be an argument and an attribute; English when it is none.
fn language(lang: Option<&str>) -> String {
    let fits = |lang: &&str| {
        !lang.is_empty()
            && lang.len() <= 35
            && lang.starts_with(|c: char| c.is_ascii_alphabetic())
            && lang.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    lang.map(str::trim).filter(fits).unwrap_or("en").to_owned()
}

fn document(lang: &str, ssml: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<speak version=\"1.0\" \
         xmlns=\"http://www.w3.org/2001/10/synthesis\" xml:lang=\"{lang}\">{ssml}</speak>\n"
    )
}
