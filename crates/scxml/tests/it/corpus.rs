//! Replays what fuzzing found worth keeping, whole and damaged.

#[path = "../../../../fuzz/scxml/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod targets;

use std::fs;
use std::path::Path;

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

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let wide = u64::try_from(end.max(1)).unwrap();
        usize::try_from((self.0 >> 33) % wide).unwrap()
    }
}

/// Cuts, doubles and overwrites pieces.
fn damage(input: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let (mut numbers, mut bytes) = (Numbers(seed), input.to_vec());
    for _ in 0..=numbers.below(4) {
        let (from, length) = (numbers.below(bytes.len()), numbers.below(40));
        let to = (from + length).min(bytes.len());
        match numbers.below(4) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let piece = bytes[from..to].to_vec();
                bytes.splice(from..from, piece);
            }
            2 => {
                let start = numbers.below(other.len());
                let piece = other[start..(start + length).min(other.len())].to_vec();
                bytes.splice(from..from, piece);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(from) {
                    *byte = b"<>\"'&/{}() \n0a\xff"[numbers.below(15)];
                }
            }
        }
    }
    bytes
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
