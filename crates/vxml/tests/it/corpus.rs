//! Replays what is worth keeping of fuzzing, whole and damaged.

#[path = "../../../../fuzz/vxml/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod targets;

use std::fs;
use std::path::Path;

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

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let wide = u64::try_from(end.max(1)).unwrap();
        usize::try_from((self.0 >> 33) % wide).unwrap()
    }
}

/// Cuts, doubles, borrows and overwrites pieces.
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
                    *byte = b"<>\"'&/{}() \n09#*\xff"[numbers.below(17)];
                }
            }
        }
    }
    bytes
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
