//! Marks of prompts: which one was heard last (`VoiceXML` 2.1 §4).

use super::Session;
use crate::effect::Mark;

/// What was heard of the marks since the page began to listen.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The play that is heard, when it began, and its marks.
    playing: Option<(u64, i64, Vec<Mark>)>,
    /// The last one that was passed, and how long that was before the sound ended, ms.
    last: Option<(String, i64)>,
}

impl Marks {
    /// The last mark and how long it was ago when the sound ended, ms.
    pub(super) fn last(&self) -> Option<(&str, i64)> {
        self.last.as_ref().map(|(name, ago)| (name.as_str(), *ago))
    }
}

impl Session {
    /// A play begins to be heard.
    pub(super) fn begun(&mut self, id: u64, marks: Vec<Mark>) {
        self.marks.playing = Some((id, self.now_ms, marks));
    }

    /// A play is over, or a key stopped it.
    pub(super) fn silent(&mut self, id: u64) {
        let known = self.marks.playing.take_if(|(known, ..)| *known == id);
        let Some((_, since, marks)) = known else {
            return;
        };
        let heard = (self.now_ms - since).max(0);
        let at = |mark: &Mark| i64::try_from(mark.at_ms).unwrap_or(i64::MAX);
        let passed = marks.into_iter().rfind(|mark| at(mark) <= heard);
        if let Some(mark) = passed {
            let ago = heard - at(&mark);
            self.marks.last = Some((mark.name, ago));
        } else if let Some((_, ago)) = &mut self.marks.last {
            *ago = ago.saturating_add(heard);
        }
    }
}
