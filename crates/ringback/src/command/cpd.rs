//! `ringback cpd`: what the detector makes of audio files, one by one or a labelled corpus.

mod baseline;
pub(super) mod clip;
mod corpus;
mod drawing;
mod figures;
mod goals;
pub(super) mod index;
mod png;
mod report;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use media::cpd;

use self::clip::Options;
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `cpd`.
#[derive(Args, Debug)]
pub(crate) struct Cpd {
    /// Audio files, WAV (PCM, A-law, µ-law; 8 or 16 kHz) or raw .ulaw and .alaw
    #[arg(value_name = "FILE", required_unless_present = "corpus")]
    files: Vec<PathBuf>,
    /// Folder of a labelled corpus with its index.csv
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "stage", "plot"])]
    corpus: Option<PathBuf>,
    /// Balance between lost humans and machines in the queue
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Country whose tone plan applies, two letters; without it the generic rule alone. With
    /// --corpus that of the clips whose source names no country
    #[arg(long, value_name = "CC", default_value = "")]
    plan: String,
    /// Part of the call that the files are
    #[arg(long, value_enum, default_value_t)]
    stage: Stage,
    /// Time after the answer until a verdict is given in any case, ms; a service has the smaller of
    /// `rb.cpd_hard_stop_ms` and `_call_timeguard_timeout`
    #[arg(long, default_value_t = 8_000, value_name = "MS", value_parser = clap::value_parser!(u32).range(2_000..=30_000))]
    hard_stop_ms: u32,
    /// Draw the waveform and what the detector sees of it
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
    /// Run the published rules of a common detector on the same clips too
    #[arg(long, requires = "corpus")]
    baseline: bool,
    /// Compare with the goals; a missed one ends with status 1
    #[arg(long, requires = "corpus")]
    goals: bool,
    /// List every clip that was not recognised
    #[arg(long, requires = "corpus")]
    misses: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Profile {
    /// Requested callbacks: a lost human costs most
    #[default]
    Human,
    /// Mixed traffic
    Balanced,
    /// Messages for machines
    Machine,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Stage {
    /// Before the answer: tones of the network only
    Early,
    /// From the answer on
    #[default]
    Answered,
}

impl Profile {
    const fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Balanced => "balanced",
            Self::Machine => "machine",
        }
    }
}

impl From<Profile> for cpd::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Human => Self::Human,
            Profile::Balanced => Self::Balanced,
            Profile::Machine => Self::Machine,
        }
    }
}

impl From<Stage> for cpd::Stage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Early => Self::Early,
            Stage::Answered => Self::Answered,
        }
    }
}

impl Cpd {
    /// Runs the command.
    pub(crate) fn run(self, json: bool) -> Result<Status, Failure> {
        match &self.corpus {
            Some(dir) => self.judge(dir, json),
            None => self.detect(),
        }
    }

    fn judge(&self, dir: &std::path::Path, json: bool) -> Result<Status, Failure> {
        let entries = index::read(dir)?;
        let judged = corpus::run(dir, &entries, self)?;
        let goals = if self.goals {
            goals::of(&judged, self.profile)
        } else {
            Vec::new()
        };
        if json {
            let value = report::json(&judged, self.profile.word(), &goals);
            output::line(&value.to_string());
        } else {
            output::raw(&report::text(&judged, self.profile.word(), &goals));
        }
        if self.misses {
            report::misses(&judged);
        }
        let met = goals.iter().all(|g| g.met);
        Ok(if met { Status::Ok } else { Status::Missed })
    }

    fn detect(&self) -> Result<Status, Failure> {
        if self.plot.is_some() && self.files.len() != 1 {
            return Err(Failure::new(
                Status::Usage,
                "--plot draws one file",
                "name one file",
            ));
        }
        for file in &self.files {
            let options = Options {
                profile: self.profile.into(),
                country: &self.plan,
                stage: self.stage.into(),
                to_the_end: false,
                hard_stop_ms: self.hard_stop_ms,
            };
            let samples = clip::load(file)?;
            let seen = clip::run(samples.samples(), &options);
            let name = file.display().to_string();
            output::line(&report::of_file(&name, self.profile.word(), &seen).to_string());
            if let Some(path) = &self.plot {
                let image = drawing::draw(samples.samples(), &seen);
                std::fs::write(path, image).map_err(|error| {
                    Failure::bad_input(format!("{}: {error}", path.display()), "")
                })?;
            }
        }
        Ok(Status::Ok)
    }
}
