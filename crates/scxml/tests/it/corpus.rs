//! Replays what fuzzing found worth keeping, whole and damaged.

#[path = "../../../../fuzz/scxml/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod targets;

#[path = "../../../../fuzz/damage.rs"]
mod damage;

use std::fs;
use std::path::Path;

use self::damage::damage;

/// Damaged copies of each input.
const COPIES: u64 = 60;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/scxml/corpus");
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn the_corpus_ends_without_a_panic() {
    let inputs = corpus();
    assert!(inputs.len() >= 7, "{}", inputs.len());
    let compiles = |(_, input): &&(String, Vec<u8>)| {
        let text = String::from_utf8_lossy(input);
        let (document, _) = text.split_once(targets::EVENTS).unwrap_or((&text, ""));
        targets::parse(document.as_bytes()).is_some()
    };
    assert_eq!(inputs.iter().filter(compiles).count(), inputs.len() - 2);
    for (_, input) in &inputs {
        targets::parse(input);
        targets::step(input);
    }
}

#[test]
fn damaged_inputs_end_without_a_panic() {
    let inputs = corpus();
    for (at, (_, input)) in (0..).zip(&inputs) {
        let (_, other) = &inputs[(at + 1) % inputs.len()];
        for copy in 0..COPIES {
            let seed = copy * 1_000 + u64::try_from(at).unwrap();
            targets::step(&damage(input, other, seed));
        }
    }
}
