//! What callers said to an application; gone with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telephony::media::audio::Clip;
use telephony::media::codec::Codec;

use super::cell::Recording;

/// Recordings of one application by their handles; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Recordings {
    kept: Arc<Mutex<HashMap<String, Kept>>>,
}

/// One recording.
#[derive(Clone, Debug)]
struct Kept {
    clip: Clip,
    file: Arc<[u8]>,
}

impl Recordings {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was recorded; gives what the application is told.
    pub(super) fn keep(
        &self,
        recording: &Recording,
        clip: Option<Clip>,
        at_max_time: bool,
    ) -> vxml::Input {
        let recorded = clip.map_or_else(vxml::Recording::default, |clip| {
            let handle = format!("recording:{}", recording.id);
            let duration_ms = clip.duration_ms();
            let file = file_of(&clip, &recording.kind);
            let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
            let kept = Kept {
                clip,
                file: file.into(),
            };
            self.lock().insert(handle.clone(), kept);
            vxml::Recording {
                handle,
                duration_ms,
                size,
                at_max_time,
            }
        });
        vxml::Input::Recorded {
            id: recording.id,
            recording: recorded,
        }
    }

    /// The sound of a recording.
    pub(super) fn clip(&self, handle: &str) -> Option<Clip> {
        self.lock().get(handle).map(|kept| kept.clip.clone())
    }

    /// The bytes of its file.
    pub(super) fn file(&self, handle: &str) -> Option<Vec<u8>> {
        self.lock().get(handle).map(|kept| kept.file.to_vec())
    }
}

/// A recording as a file: raw G.711 where the page wants that, else WAV.
fn file_of(clip: &Clip, kind: &str) -> Vec<u8> {
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let codec = match kind.as_str() {
        "audio/basic" | "audio/pcmu" => Codec::Pcmu,
        "audio/x-alaw-basic" | "audio/pcma" => Codec::Pcma,
        _ => return clip.to_wav(),
    };
    let mut coded = Vec::new();
    codec.encoder().encode(clip.samples(), &mut coded);
    coded
}

#[cfg(test)]
mod tests {
    use telephony::media::audio;

    use super::*;

    #[test]
    fn a_recording_is_a_file_of_the_wanted_kind() {
        let clip = Clip::from_samples((0..800).map(|n| n * 20).collect());
        let recordings = Recordings::default();
        for (id, kind, size) in [(1, "audio/x-wav", 1_644), (2, "audio/basic;rate=8000", 800)] {
            let recording = Recording {
                id,
                number: 7,
                kind: kind.to_owned(),
            };
            let told = recordings.keep(&recording, Some(clip.clone()), true);
            let vxml::Input::Recorded { recording, .. } = told else {
                panic!("{told:?}")
            };
            assert_eq!((recording.size, recording.duration_ms), (size, 100));
            assert!(recording.at_max_time);
            assert_eq!(recordings.clip(&recording.handle), Some(clip.clone()));
        }
        let file = recordings.file("recording:1").unwrap();
        assert_eq!(audio::load(&file, "x.wav").unwrap().duration_ms(), 100);
        assert_eq!(recordings.file("recording:3"), None);
    }

    #[test]
    fn no_sound_has_no_handle() {
        let recording = Recording {
            id: 1,
            number: 7,
            kind: String::new(),
        };
        let told = Recordings::default().keep(&recording, None, false);
        let vxml::Input::Recorded { recording, .. } = told else {
            panic!("{told:?}")
        };
        assert_eq!(recording, vxml::Recording::default());
    }
}
