//! The folder for treatments as operators keep it: what is there, new files, files that go.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use media::audio::{self, Clip};

use super::{Library, PlaybackError};

/// Files that are listed and kept; a site has some dozens.
pub const FILES_MAX: usize = 1_000;
/// Folders within folders.
const DEPTH_MAX: usize = 4;
/// Bytes of a name: what file systems take for one part, and enough for all.
const NAME_MAX: usize = 200;

/// A file in the folder, or one that is shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreatmentFile {
    /// Its name as options say it, parts apart by `/`.
    pub name: String,
    /// Size; 0 for a shipped one.
    pub bytes: u64,
    /// Last change; none for a shipped one.
    pub changed: Option<SystemTime>,
    /// It comes with the program and no file of the folder is in its place.
    pub shipped: bool,
}

impl Library {
    /// Every file by name, shipped ones included; at most [`FILES_MAX`] of the folder. Reads from
    /// disk, as all of these do.
    ///
    /// # Errors
    /// The folder cannot be read; one that does not exist is empty.
    pub fn list(&self) -> Result<Vec<TreatmentFile>, PlaybackError> {
        let mut files = Vec::new();
        walk(&self.dir, "", 1, &mut files).map_err(PlaybackError::Unreadable)?;
        for name in audio::SHIPPED {
            if !files.iter().any(|file| file.name == name) {
                files.push(TreatmentFile {
                    name: name.to_owned(),
                    bytes: 0,
                    changed: None,
                    shipped: true,
                });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Puts a file into the folder, in place of one of the same name; whoever plays at this
    /// moment plays the old one to its end.
    ///
    /// # Errors
    /// The name, the format, the number of files, or the folder takes no writes.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<Clip, PlaybackError> {
        let path = self.path_of(name)?;
        let clip = audio::load(bytes, name).map_err(PlaybackError::Undecodable)?;
        let is_new = !path.exists();
        let own = || Ok(self.list()?.iter().filter(|file| !file.shipped).count());
        if is_new && own()? >= FILES_MAX {
            return Err(PlaybackError::TooMany);
        }
        write(&path, bytes).map_err(PlaybackError::Unwritable)?;
        Ok(clip)
    }

    /// Removes a file from the folder; where it stood in place of a shipped one, that one plays
    /// again.
    ///
    /// # Errors
    /// There is no such file in the folder, or it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), PlaybackError> {
        let path = self.path_of(name)?;
        fs::remove_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PlaybackError::Missing,
            _ => PlaybackError::Unwritable(error),
        })
    }

    /// Where a file of this name lies.
    fn path_of(&self, name: &str) -> Result<PathBuf, PlaybackError> {
        let fits = |c: char| c.is_alphanumeric() || " -_.()+".contains(c);
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.trim() == part
                && part.chars().all(fits)
        };
        let parts: Vec<&str> = name.split('/').collect();
        if name.len() > NAME_MAX || parts.len() > DEPTH_MAX || !parts.iter().all(|p| part(p)) {
            return Err(PlaybackError::BadName);
        }
        Ok(self.dir.join(name))
    }
}

/// Notes the files below a folder.
fn walk(dir: &Path, before: &str, depth: usize, files: &mut Vec<TreatmentFile>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let name = format!("{before}{name}");
        // What vanished in between or leads nowhere is left out.
        let Ok(meta) = fs::metadata(entry.path()) else {
            continue;
        };
        if meta.is_dir() && depth < DEPTH_MAX {
            walk(&entry.path(), &format!("{name}/"), depth + 1, files)?;
        } else if meta.is_file() && files.len() < FILES_MAX {
            files.push(TreatmentFile {
                name,
                bytes: meta.len(),
                changed: meta.modified().ok(),
                shipped: false,
            });
        }
    }
    Ok(())
}

/// Writes beside the place and moves it there: nobody reads half a file.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static UPLOADS: AtomicU64 = AtomicU64::new(0);
    let dir = path.parent().unwrap_or_else(|| Path::new(""));
    fs::create_dir_all(dir)?;
    let number = UPLOADS.fetch_add(1, Ordering::Relaxed);
    let beside = dir.join(format!(".upload-{}-{number}", std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Half a file is of no use; that it stays is of no matter.
        drop(fs::remove_file(&beside));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Vec<u8> {
        audio::shipped("all_agents_busy.wav").unwrap().to_wav()
    }

    #[test]
    fn files_come_are_listed_played_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::new(dir.path().join("treatments"));
        assert_eq!(library.list().unwrap().len(), audio::SHIPPED.len());
        library.put("de/hello there.wav", &sound()).unwrap();
        library.put("raw.ulaw", &[0xff; 800]).unwrap();
        let names: Vec<String> = library
            .list()
            .unwrap()
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert!(
            names.contains(&"de/hello there.wav".to_owned()),
            "{names:?}"
        );
        assert!(library.get("de/hello there.wav").unwrap().duration_ms() > 1_000);
        library.remove("de/hello there.wav").unwrap();
        assert!(matches!(
            library.remove("de/hello there.wav"),
            Err(PlaybackError::Missing)
        ));
    }

    #[test]
    fn a_file_in_place_of_a_shipped_one_plays_until_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::new(dir.path().to_path_buf());
        let name = "all_agents_busy.wav";
        let before = library.get(name).unwrap();
        let other = audio::shipped("call_fail_ans_machine.wav").unwrap();
        library.put(name, &other.to_wav()).unwrap();
        assert_ne!(library.get(name).unwrap(), before);
        assert!(
            !library
                .list()
                .unwrap()
                .iter()
                .any(|f| f.name == name && f.shipped)
        );
        library.remove(name).unwrap();
        assert_eq!(library.get(name).unwrap(), before);
    }

    #[test]
    fn names_stay_in_the_folder_and_only_audio_comes_in() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::new(dir.path().to_path_buf());
        let long = "x".repeat(300);
        for name in [
            "",
            "..",
            "../a.wav",
            "/a.wav",
            "a/../b.wav",
            ".a.wav",
            "a\\b.wav",
            "a//b.wav",
            "a\0.wav",
            " a.wav",
            "a:b.wav",
            "1/2/3/4/5.wav",
            &long,
        ] {
            assert!(
                matches!(library.put(name, &sound()), Err(PlaybackError::BadName)),
                "{name}"
            );
        }
        for bytes in [b"".as_slice(), b"<html>", b"RIFF\x04\0\0\0WAVE"] {
            assert!(matches!(
                library.put("a.wav", bytes),
                Err(PlaybackError::Undecodable(_))
            ));
        }
        let only_shipped = library.list().unwrap().iter().all(|file| file.shipped);
        assert!(only_shipped, "nothing was left behind");
    }
}
