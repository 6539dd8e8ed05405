//! Damaged copies of an input, the same every time: what the tests that replay a corpus share.

/// Numbers that look random.
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
pub(crate) fn damage(input: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    const SIGNS: &[u8] = b"<>\"'&/{}() \n09a#*\xff";
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
                    *byte = SIGNS[numbers.below(SIGNS.len())];
                }
            }
        }
    }
    bytes
}
