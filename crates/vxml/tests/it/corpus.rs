//! Replays what is worth keeping of fuzzing, whole and damaged.

#[path = "../../../../fuzz/vxml/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod targets;

#[path = "../../../../fuzz/damage.rs"]
mod damage;

use std::fs;
use std::path::Path;

use self::damage::damage;

/// Damaged copies of each input.
const COPIES: u64 = 60;

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/vxml/corpus");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn all(input: &[u8]) {
    targets::page(input);
    targets::grammar(input);
    targets::run(input);
}

#[test]
fn the_corpus_ends_without_a_panic() {
    let inputs = corpus();
    assert!(inputs.len() >= 7, "{}", inputs.len());
    let page = |input: &&Vec<u8>| {
        let text = String::from_utf8_lossy(input);
        let page = text.split(targets::ANSWERS).next().unwrap_or_default();
        targets::page(page.as_bytes())
    };
    assert_eq!(inputs.iter().filter(page).count(), inputs.len() - 1);
    assert_eq!(inputs.iter().filter(|i| targets::grammar(i)).count(), 1);
    for input in &inputs {
        all(input);
    }
}

#[test]
fn damaged_inputs_end_without_a_panic() {
    let inputs = corpus();
    for (at, input) in (0..).zip(&inputs) {
        let other = &inputs[(at + 1) % inputs.len()];
        for copy in 0..COPIES {
            let seed = copy * 1_000 + u64::try_from(at).unwrap();
            all(&damage(input, other, seed));
        }
    }
}
