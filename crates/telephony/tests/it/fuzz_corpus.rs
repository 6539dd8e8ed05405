//! The corpus of the fuzz targets, replayed: what once broke something stays mended.

use std::path::Path;

#[path = "../../../../fuzz/src/targets.rs"]
mod targets;

/// Gives every file of a target's corpus to it; how many there were.
fn replay(name: &str, target: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join(name)).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    files
}

#[test]
fn the_corpus_of_packets_is_survived() {
    assert!(replay("rtp", targets::rtp) >= 10);
}

#[test]
fn the_corpus_of_session_descriptions_is_survived() {
    assert!(replay("sdp", targets::sdp) >= 10);
}

#[test]
fn the_corpus_of_audio_files_is_survived() {
    assert!(replay("audio", targets::audio) >= 10);
}

#[test]
fn the_corpus_of_calls_is_survived() {
    assert!(replay("detector", targets::detector) >= 10);
}
