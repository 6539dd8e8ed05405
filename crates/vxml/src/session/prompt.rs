//! Prompts: which are chosen, what they say, and how they are played.

use std::collections::VecDeque;
use std::sync::Arc;

use script::{Argument, Base};

use super::{Phase, Session, Then};
use crate::address;
use crate::effect::{Effect, Play, Segment, Spoken};
use crate::limits::NESTING_MAX;
use crate::model::{Fetching, ItemKind, Output, Prompt, Text};
use crate::world::{Thrown, Try};

/// Parts of one prompt.
const SEGMENTS_MAX: usize = 2_000;

/// A prompt that waits to be played.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) spoken: Spoken,
    pub(super) barge_in: bool,
    pub(super) hotword: bool,
    pub(super) timeout_ms: Option<u64>,
}

/// Prompts that may or may not be interrupted.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) prompts: Vec<Spoken>,
    pub(super) barge_in: bool,
    /// Only keys that a grammar takes interrupt.
    pub(super) hotword: bool,
}

impl Session {
    /// Chooses and queues the prompts of the item that is visited.
    pub(super) fn queue_prompts(&mut self) -> Try<()> {
        let dialog = self.dialog()?;
        let base = self.base();
        let context = self.context();
        let Some(at) = context.item else {
            return Ok(());
        };
        let Some(item) = dialog.items.get(at) else {
            return Ok(());
        };
        if context.skips_prompts || item.prompts.is_empty() {
            return Ok(());
        }
        let counter = context.visits.get(at).map_or(1, |visit| visit.prompts + 1);
        if let Some(visit) = context.visits.get_mut(at) {
            visit.prompts = counter;
        }
        let mut chosen: Vec<&Arc<Prompt>> = Vec::new();
        for prompt in &item.prompts {
            if prompt.count <= counter && self.holds(prompt, base)? {
                chosen.push(prompt);
            }
        }
        let highest = chosen
            .iter()
            .map(|prompt| prompt.count)
            .max()
            .unwrap_or_default();
        for prompt in chosen.into_iter().filter(|prompt| prompt.count == highest) {
            self.queue_prompt(prompt, base)?;
        }
        Ok(())
    }

    fn holds(&mut self, prompt: &Prompt, base: Base) -> Try<bool> {
        match prompt.cond {
            Some(cond) => self.world.truth(cond.of(base)),
            None => Ok(true),
        }
    }

    /// `<prompt>` in executable content.
    pub(super) fn queue_if(&mut self, prompt: &Prompt, base: Base) -> Try<()> {
        if self.holds(prompt, base)? {
            self.queue_prompt(prompt, base)?;
        }
        Ok(())
    }

    fn queue_prompt(&mut self, prompt: &Prompt, base: Base) -> Try<()> {
        self.prompt_base.clone_from(&prompt.base);
        let segments = self.render(&prompt.content, base, 0);
        self.prompt_base = None;
        let segments = segments?;
        if segments.is_empty() || self.hung_up {
            return Ok(());
        }
        let needs_speech = segments
            .iter()
            .any(|segment| matches!(segment, Segment::Speech { .. }));
        if needs_speech && !self.start.speech {
            let message = "there is no synthesiser and the text has no audio";
            return Err(Box::new(Thrown::new("error.noresource", message)));
        }
        if self.queue.len() >= self.start.limits.prompts {
            return Err(Box::new(Thrown::limit(
                "too many prompts wait to be played",
            )));
        }
        let barge_in = match &prompt.barge_in {
            Some(text) => text.trim() != "false",
            None => self.property("bargein")?.as_deref() != Some("false"),
        };
        let hotword = match &prompt.barge_in_type {
            Some(text) => text.trim() == "hotword",
            None => self.property("bargeintype")?.as_deref() == Some("hotword"),
        };
        let lang = match &prompt.lang {
            Some(lang) => Some(self.world.string(lang, base)?),
            None => {
                let leaf = self.context().leaf.as_ref();
                leaf.and_then(|leaf| leaf.doc.lang.as_ref())
                    .map(ToString::to_string)
            }
        };
        let timeout_ms = prompt.timeout.as_deref().map(time_of).transpose()?;
        self.queue.push(Queued {
            spoken: Spoken { lang, segments },
            barge_in,
            hotword: barge_in && hotword,
            timeout_ms,
        });
        Ok(())
    }

    /// What a content says now.
    pub(super) fn render(
        &mut self,
        content: &[Output],
        base: Base,
        depth: usize,
    ) -> Try<Vec<Segment>> {
        let mut out: Vec<Segment> = Vec::new();
        if depth > NESTING_MAX {
            return Err(Box::new(Thrown::limit("a prompt is nested too deeply")));
        }
        for output in content {
            match output {
                Output::Text(text) => say(&mut out, text),
                Output::Value(code) => self.render_value(*code, base, &mut out)?,
                Output::Audio {
                    source,
                    fetch,
                    content,
                } => self.render_audio((source, fetch), content, (base, depth), &mut out)?,
                Output::Broken(message) => {
                    return Err(Box::new(Thrown::bad_fetch(message.as_str())));
                }
                Output::Break(0) => {}
                Output::Break(ms) => out.push(Segment::Break(*ms)),
                Output::Mark(name) => {
                    let name = self.world.string(name, base)?;
                    out.push(Segment::Mark(name));
                }
                Output::Foreach {
                    array,
                    item,
                    content,
                } => {
                    let (list, count) = self.world.list(array.of(base))?;
                    let done =
                        self.render_list(content, (list, count, item), (base, depth), &mut out);
                    self.world.release(list);
                    done?;
                }
                Output::Markup {
                    open,
                    close,
                    content,
                } => {
                    let inner = self.render(content, base, depth + 1)?;
                    mark_up(inner, open, close, &mut out);
                }
                Output::Enumerate(template) => {
                    self.render_choices(template.as_deref(), base, depth, &mut out)?;
                }
            }
            if out.len() > SEGMENTS_MAX {
                return Err(Box::new(Thrown::limit("a prompt has too many parts")));
            }
        }
        Ok(out)
    }

    fn render_value(
        &mut self,
        code: script::Snippet,
        base: Base,
        out: &mut Vec<Segment>,
    ) -> Try<()> {
        let Some(text) = self.world.text(code.of(base))? else {
            return Ok(());
        };
        if self.recordings.contains(&text) {
            out.push(Segment::Recording(text));
        } else {
            say(out, &text);
        }
        Ok(())
    }

    fn render_audio(
        &mut self,
        (source, fetch): (&Text, &Fetching),
        content: &[Output],
        (base, depth): (Base, usize),
        out: &mut Vec<Segment>,
    ) -> Try<()> {
        let address = match source {
            Text::Fixed(address) => Some(address.to_string()),
            Text::Expression(code) => self.world.text(code.of(base))?,
        };
        let fallback = self.render(content, base, depth + 1)?;
        match address {
            Some(handle) if self.recordings.contains(&handle) => {
                out.push(Segment::Recording(handle));
            }
            Some(address) => {
                let mut from = self.address_base().to_string();
                if let Some(base) = &self.prompt_base {
                    from = address::resolve(&from, base);
                }
                let url = address::resolve(&from, &address);
                let fetch = self.audio_fetch(fetch)?;
                out.push(Segment::Audio {
                    url,
                    fallback,
                    fetch,
                });
            }
            None => out.extend(fallback),
        }
        Ok(())
    }

    fn render_list(
        &mut self,
        content: &[Output],
        (list, count, item): (script::Handle, usize, &str),
        (base, depth): (Base, usize),
        out: &mut Vec<Segment>,
    ) -> Try<()> {
        if count > self.start.limits.foreach_turns {
            return Err(Box::new(Thrown::limit("too many turns of a <foreach>")));
        }
        for index in 0..count {
            self.world.element(list, index, item)?;
            out.extend(self.render(content, base, depth + 1)?);
            if out.len() > SEGMENTS_MAX {
                return Err(Box::new(Thrown::limit("a prompt has too many parts")));
            }
        }
        Ok(())
    }

    /// `<enumerate>`: the template for each choice or option, with `_prompt` and `_dtmf`.
    fn render_choices(
        &mut self,
        template: Option<&[Output]>,
        base: Base,
        depth: usize,
        out: &mut Vec<Segment>,
    ) -> Try<()> {
        let dialog = self.dialog()?;
        let item = self.context().item.and_then(|item| dialog.items.get(item));
        let choices: Vec<(&[Output], Option<&str>)> = match item.map(|item| &item.kind) {
            Some(ItemKind::Menu(choices)) => choices
                .iter()
                .map(|choice| (&*choice.text, choice.keys.as_deref()))
                .collect(),
            Some(ItemKind::Field(field)) => field
                .options
                .iter()
                .map(|option| (&*option.text, option.keys.as_deref()))
                .collect(),
            _ => {
                return Err(Box::new(Thrown::semantic(
                    "<enumerate> needs choices or options",
                )));
            }
        };
        for (text, keys) in choices {
            let segments = self.render(text, base, depth + 1)?;
            let Some(template) = template else {
                out.extend(segments);
                continue;
            };
            self.world.apply(self.world.parts.anonymous, &[])?;
            self.world
                .declare("_prompt", Argument::Text(&plain(&segments)))?;
            let keys = keys.map_or(Argument::Undefined, Argument::Text);
            self.world.declare("_dtmf", keys)?;
            out.extend(self.render(template, base, depth + 1)?);
        }
        Ok(())
    }

    /// What is queued, in groups of one kind.
    pub(super) fn take_queue(&mut self) -> VecDeque<Group> {
        let mut groups: VecDeque<Group> = VecDeque::new();
        for queued in std::mem::take(&mut self.queue) {
            match groups.back_mut() {
                Some(group)
                    if (group.barge_in, group.hotword) == (queued.barge_in, queued.hotword) =>
                {
                    group.prompts.push(queued.spoken);
                }
                _ => groups.push_back(Group {
                    prompts: vec![queued.spoken],
                    barge_in: queued.barge_in,
                    hotword: queued.hotword,
                }),
            }
        }
        groups
    }

    /// Starts to play a group.
    pub(super) fn play(&mut self, group: Group) -> u64 {
        let id = self.id();
        self.effect(Effect::Play(Play {
            id,
            prompts: group.prompts,
            // A hot word is for the session to recognise.
            barge_in: group.barge_in && !group.hotword,
            repeats: false,
        }));
        id
    }

    /// Plays what is queued to its end.
    pub(super) fn flush(&mut self, then: Then) {
        let groups = self.take_queue();
        self.flush_on(groups, then);
    }

    pub(super) fn flush_on(&mut self, mut rest: VecDeque<Group>, then: Then) {
        if let Some(group) = rest.pop_front() {
            let barge_in = group.barge_in;
            // Only a recording begins earlier when a key comes.
            let id = self.play(Group {
                barge_in: barge_in && matches!(then, Then::Record(_)),
                ..group
            });
            let then = Box::new(then);
            self.phase = Phase::Flush {
                id,
                barge_in,
                rest,
                then,
            };
            return;
        }
        match then {
            Then::End(ending) => {
                self.phase = Phase::Select;
                self.finish(ending);
            }
            Then::Receive(run, max_ms) => self.begin_receive(run, max_ms),
            Then::Release => self.release(),
            Then::Record(active) => {
                let done = self.begin_record(active);
                self.caught(done);
            }
            Then::Transfer(watch) => {
                let done = self.begin_transfer(watch);
                self.caught(done);
            }
        }
    }
}

/// A time, or the event for a text that is none.
pub(super) fn time_of(text: &str) -> Try<u64> {
    crate::time::parse_ms(text)
        .ok_or_else(|| Box::new(Thrown::semantic(format!("{text} is no time"))))
}

fn say(out: &mut Vec<Segment>, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    let mut escaped = String::new();
    crate::xml::escape(&mut escaped, text);
    append(out, &escaped, text);
}

/// Adds words to the speech before them.
fn append(out: &mut Vec<Segment>, markup: &str, words: &str) {
    if let Some(Segment::Speech { ssml, text }) = out.last_mut() {
        ssml.push(' ');
        ssml.push_str(markup);
        text.push(' ');
        text.push_str(words);
        return;
    }
    out.push(Segment::Speech {
        ssml: markup.to_owned(),
        text: words.to_owned(),
    });
}

/// Markup holds around words only; audio within it is played as it is.
fn mark_up(inner: Vec<Segment>, open: &str, close: &str, out: &mut Vec<Segment>) {
    for segment in inner {
        match segment {
            Segment::Speech { ssml, text } => append(out, &format!("{open}{ssml}{close}"), &text),
            other => out.push(other),
        }
    }
}

/// The words of a prompt.
fn plain(segments: &[Segment]) -> String {
    let words = segments.iter().filter_map(|segment| match segment {
        Segment::Speech { text, .. } => Some(text.clone()),
        Segment::Audio { fallback, .. } => Some(plain(fallback)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}
