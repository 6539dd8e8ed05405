//! Lists the built browser UI (`web/dist`) for embedding; without it the list is empty.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Where Vite writes. The folder itself is checked in, so that cargo can watch it.
const DIST: &str = "../../web/dist";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DIST}");
    let dist = fs::canonicalize(DIST).unwrap_or_default();
    // The list names whole paths: a working copy that was moved needs a new one.
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file
            .strip_prefix(&dist)?
            .to_string_lossy()
            .replace('\\', "/");
        let path = file.to_string_lossy();
        writeln!(list, "    ({name:?}, include_bytes!({path:?}).as_slice()),")?;
    }
    list.push_str("]\n");
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells build scripts their folder by a variable"
    )]
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(out.join("assets.rs"), list)?;
    Ok(())
}

/// Every file below a folder but hidden ones.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            collect(&path, files)?;
        } else if !hidden {
            files.push(path);
        }
    }
    Ok(())
}
