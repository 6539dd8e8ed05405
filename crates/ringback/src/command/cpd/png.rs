//! A small writer of PNG files: 16 colours, runs of equal bytes compressed.

/// A picture with a palette of at most 16 colours.
#[derive(Debug)]
pub(super) struct Picture {
    width: usize,
    height: usize,
    /// Colour number of each point, row by row.
    points: Vec<u8>,
}

impl Picture {
    /// A picture of colour 0.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            points: vec![0; width * height],
        }
    }

    /// Paints a point; outside of the picture nothing happens.
    pub(super) fn set(&mut self, x: usize, y: usize, colour: u8) {
        if x < self.width
            && let Some(point) = self.points.get_mut(y * self.width + x)
        {
            *point = colour;
        }
    }

    /// Paints a filled rectangle, corners included.
    pub(super) fn fill(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize), colour: u8) {
        for y in y0..=y1 {
            for x in x0..=x1 {
                self.set(x, y, colour);
            }
        }
    }

    /// The file.
    pub(super) fn encode(&self, palette: &[[u8; 3]]) -> Vec<u8> {
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut head = Vec::new();
        for side in [self.width, self.height] {
            head.extend(u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes());
        }
        // 4 bits a point, palette, no interlacing.
        head.extend([4, 3, 0, 0, 0]);
        chunk(&mut out, *b"IHDR", &head);
        chunk(&mut out, *b"PLTE", &palette.concat());
        let mut raw = Vec::with_capacity(self.height * (self.width / 2 + 2));
        for row in self.points.chunks(self.width.max(1)) {
            raw.push(0);
            raw.extend(row.chunks(2).map(|pair| {
                let low = pair.get(1).copied().unwrap_or_default();
                pair.first().copied().unwrap_or_default() << 4 | low & 15
            }));
        }
        chunk(&mut out, *b"IDAT", &zlib(&raw));
        chunk(&mut out, *b"IEND", &[]);
        out
    }
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    let mut crc = Crc::new();
    crc.add(&name);
    crc.add(body);
    out.extend(name);
    out.extend(body);
    out.extend(crc.value().to_be_bytes());
}

struct Crc(u32);

impl Crc {
    const fn new() -> Self {
        Self(u32::MAX)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            for _ in 0..8 {
                let low = self.0 & 1;
                self.0 = (self.0 >> 1) ^ (0xEDB8_8320 * low);
            }
        }
    }

    const fn value(&self) -> u32 {
        !self.0
    }
}

/// RFC 1950 around RFC 1951 with the fixed codes; repeats of the byte before are the only matches.
fn zlib(raw: &[u8]) -> Vec<u8> {
    let mut bits = Bits {
        out: vec![0x78, 0x01],
        pending: 0,
        count: 0,
    };
    // Last block, fixed codes.
    bits.put(0b011, 3);
    let mut rest = raw;
    let mut before = None;
    while let Some((first, tail)) = rest.split_first() {
        let same = rest
            .iter()
            .take(258)
            .take_while(|b| Some(**b) == before)
            .count();
        if same >= 3 {
            bits.repeat(same);
            rest = rest.get(same..).unwrap_or_default();
        } else {
            bits.literal(*first);
            before = Some(*first);
            rest = tail;
        }
    }
    // End of the block.
    bits.put(0, 7);
    let mut out = bits.finish();
    let (mut a, mut b) = (1u32, 0u32);
    for byte in raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// Bits from the lowest of a byte upwards.
struct Bits {
    out: Vec<u8>,
    pending: u32,
    count: u32,
}

/// First length of every length code and its count of extra bits (RFC 1951, 3.2.5).
const LENGTHS: [(usize, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.pending |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            let [low, ..] = self.pending.to_le_bytes();
            self.out.push(low);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Codes of Huffman begin with their highest bit.
    fn code(&mut self, value: u32, count: u32) {
        self.put(value.reverse_bits() >> (32 - count), count);
    }

    fn literal(&mut self, byte: u8) {
        let byte = u32::from(byte);
        if byte < 144 {
            self.code(0x30 + byte, 8);
        } else {
            self.code(0x190 + byte - 144, 9);
        }
    }

    /// Repeats the last byte 3 to 258 times.
    fn repeat(&mut self, times: usize) {
        let fitting = (257u32..)
            .zip(LENGTHS)
            .take_while(|(_, (first, _))| *first <= times)
            .last();
        let Some((symbol, (first, extra))) = fitting else {
            return;
        };
        if symbol < 280 {
            self.code(symbol - 256, 7);
        } else {
            self.code(0xC0 + symbol - 280, 8);
        }
        self.put(u32::try_from(times - first).unwrap_or_default(), extra);
        // Distance 1.
        self.code(0, 5);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        let mut crc = Crc::new();
        crc.add(b"123456789");
        assert_eq!(crc.value(), 0xCBF4_3926);
    }

    #[test]
    fn runs_are_compressed_as_the_standard_says() {
        // Verified with another decompressor: 300 zeros.
        let packed = zlib(&[0; 300]);
        assert_eq!(packed.first_chunk(), Some(&[0x78, 0x01]));
        assert!(packed.len() < 16, "{packed:?}");
    }

    #[test]
    fn a_picture_has_its_chunks() {
        let mut picture = Picture::new(3, 2);
        picture.fill((0, 0), (9, 9), 1);
        let file = picture.encode(&[[0, 0, 0], [255, 255, 255]]);
        assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"));
        for name in [b"IHDR", b"PLTE", b"IDAT", b"IEND"] {
            assert!(file.windows(4).any(|w| w == name));
        }
    }
}
