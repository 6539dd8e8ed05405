//! Executable content as a stack of frames, so that it can wait in the middle.

use std::sync::Arc;

use script::{Base, Handle};

use super::{Phase, Session};
use crate::model::{Block, Filled};
use crate::world::Thrown;

/// Blocks within blocks.
const FRAMES_MAX: usize = 200;

/// Content that is being executed.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) base: Base,
    pub(super) frames: Vec<Frame>,
    pub(super) after: After,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) block: Block,
    pub(super) at: usize,
    pub(super) turns: Option<Turns>,
}

/// The rest of a `foreach`.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) list: Handle,
    pub(super) count: usize,
    pub(super) next: usize,
    pub(super) item: Arc<str>,
}

/// What follows the content.
#[derive(Debug)]
pub(super) enum After {
    /// The root was initialised.
    Root,
    /// The page was initialised.
    Document,
    /// The dialog was initialised.
    Dialog,
    /// The next item is chosen.
    Block,
    /// Further `<filled>`, from this position on.
    Filled(usize),
    Catch {
        reprompts: bool,
        is_error: bool,
    },
}

impl Run {
    pub(super) fn new(block: &Block, base: Base, after: After) -> Box<Self> {
        let frame = Frame {
            block: Arc::clone(block),
            at: 0,
            turns: None,
        };
        Box::new(Self {
            base,
            frames: vec![frame],
            after,
        })
    }

    pub(super) fn push(&mut self, block: &Block, turns: Option<Turns>) -> Result<(), Thrown> {
        if self.frames.len() >= FRAMES_MAX {
            return Err(Thrown::limit("executable content is nested too deeply"));
        }
        self.frames.push(Frame {
            block: Arc::clone(block),
            at: 0,
            turns,
        });
        Ok(())
    }

    /// An error in it ends the session.
    pub(super) fn handles_error(&self) -> bool {
        matches!(self.after, After::Catch { is_error: true, .. })
    }
}

/// How an action left the run.
pub(super) enum Flow {
    /// On to the next one.
    Next,
    /// Something else happens; what is left of the content does not.
    Away,
    /// The content goes on later: this phase brings it back.
    Wait(Box<dyn FnOnce(Box<Run>) -> Phase>),
}

impl Session {
    /// Executes until the content ends or waits.
    pub(super) fn advance(&mut self, mut run: Box<Run>) {
        loop {
            let Some(frame) = run.frames.last_mut() else {
                self.ran(*run);
                return;
            };
            let block = Arc::clone(&frame.block);
            let Some(action) = block.get(frame.at) else {
                if let Err(thrown) = self.next_turn(&mut run) {
                    self.fail(&run, *thrown);
                    return;
                }
                continue;
            };
            frame.at += 1;
            if !self.step() {
                return;
            }
            match self.perform(&mut run, action) {
                Ok(Flow::Next) => {}
                Ok(Flow::Away) => {
                    self.release_turns(&run);
                    return;
                }
                Ok(Flow::Wait(phase)) => {
                    self.phase = phase(run);
                    return;
                }
                Err(mut thrown) => {
                    if thrown.element.is_empty() {
                        thrown.element = action.element;
                        thrown.place = action.place;
                    }
                    self.fail(&run, *thrown);
                    return;
                }
            }
        }
    }

    /// The end of a block: the next turn of a `foreach`, or back to what is around it.
    fn next_turn(&mut self, run: &mut Run) -> Result<(), Box<Thrown>> {
        let Some(frame) = run.frames.last_mut() else {
            return Ok(());
        };
        if let Some(turns) = &mut frame.turns {
            if turns.next < turns.count {
                self.world.element(turns.list, turns.next, &turns.item)?;
                turns.next += 1;
                frame.at = 0;
                return Ok(());
            }
            self.world.release(turns.list);
        }
        run.frames.pop();
        Ok(())
    }

    fn release_turns(&mut self, run: &Run) {
        for turns in run.frames.iter().filter_map(|frame| frame.turns.as_ref()) {
            self.world.release(turns.list);
        }
    }

    /// Content that threw.
    fn fail(&mut self, run: &Run, thrown: Thrown) {
        self.release_turns(run);
        // An error in the handler of an error would come back for ever.
        if run.handles_error() && thrown.is_error() && !thrown.deliberate {
            self.queue.clear();
            self.finish(thrown.into_ending());
            return;
        }
        self.throw(thrown);
    }

    /// Content that reached its end.
    fn ran(&mut self, run: Run) {
        let done = match run.after {
            After::Root => self.root_ready(),
            After::Document => self.document_ready(),
            After::Dialog => self.dialog_ready(),
            After::Block => {
                self.phase = Phase::Select;
                Ok(())
            }
            After::Filled(next) => self.fill_on(next),
            After::Catch { reprompts, .. } => {
                self.context().skips_prompts = !reprompts;
                self.phase = Phase::Select;
                Ok(())
            }
        };
        self.caught(done);
    }

    /// Runs the `<filled>` elements that the last input triggers, from a position on.
    pub(super) fn fill_on(&mut self, from: usize) -> crate::world::Try<()> {
        let dialog = self.dialog()?;
        for (at, filled) in dialog.filled.iter().enumerate().skip(from) {
            if !self.is_triggered(filled)? {
                continue;
            }
            let base = self.base();
            self.world.apply(self.world.parts.anonymous, &[])?;
            // Events of a form's own <filled> count for the form.
            if filled.item.is_none() {
                self.context().item = None;
            }
            self.phase = Phase::Run(Run::new(&filled.block, base, After::Filled(at + 1)));
            return Ok(());
        }
        self.phase = Phase::Select;
        Ok(())
    }

    fn is_triggered(&mut self, filled: &Filled) -> crate::world::Try<bool> {
        let by_this = filled
            .names
            .iter()
            .any(|at| self.context().just_filled.contains(at));
        if !by_this || filled.any {
            return Ok(by_this);
        }
        for at in &filled.names {
            if !self.is_filled(*at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
