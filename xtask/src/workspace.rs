//! Where the repository is and which files belong to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::process;

/// A checkout of this repository.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// Directory of the workspace manifest.
    pub(crate) root: PathBuf,
}

impl Workspace {
    /// Asks cargo which workspace the current directory belongs to.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        let manifest = process::output(process::cargo().args([
            "locate-project",
            "--workspace",
            "--message-format",
            "plain",
        ]))?;
        let manifest = Path::new(manifest.trim_end());
        let root = manifest
            .parent()
            .with_context(|| format!("{} has no directory", manifest.display()))?;
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    /// Paths of all files that are or would be committed, relative to the root, sorted.
    pub(crate) fn files(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.git(&[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])?;
        let mut files: Vec<String> = listing
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        if files.is_empty() {
            bail!("git lists no files in {}", self.root.display());
        }
        Ok(files)
    }

    /// Paths that differ from the last commit, new files included.
    pub(crate) fn changed_files(&self) -> anyhow::Result<Vec<String>> {
        let changed = self.git(&["diff", "--name-only", "-z", "HEAD"])?;
        let new = self.git(&["ls-files", "-z", "--others", "--exclude-standard"])?;
        Ok(changed
            .split('\0')
            .chain(new.split('\0'))
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// Short name of the last commit, with a mark when files differ from it.
    pub(crate) fn commit(&self) -> String {
        self.git(&["describe", "--always", "--dirty", "--abbrev=10"])
            .map_or_else(
                |_| "unknown".to_owned(),
                |text| text.trim_end().replace(',', "_"),
            )
    }

    fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        process::output(Command::new("git").current_dir(&self.root).args(arguments))
    }
}
