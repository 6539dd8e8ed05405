//! A picture of a clip: its waveform and what the detector saw of it.

use media::cpd::Sight;

use super::clip::Seen;
use super::png::Picture;

const WIDTH: usize = 1_200;
/// Rows of the waveform, of the levels, of the voice and of the tones.
const WAVE: (usize, usize) = (20, 219);
const LEVELS: (usize, usize) = (240, 379);
const VOICE: (usize, usize) = (390, 404);
const TONES: (usize, usize) = (415, 534);
const HEIGHT: usize = 560;
/// Highest frequency of the picture, Hz.
const HZ_MAX: f32 = 2_500.0;
/// Lowest level of the picture, dBFS.
const DBFS_MIN: f32 = -70.0;

/// Colours by their number in the palette; 0 is the paper.
const GRID: u8 = 1;
const INK: u8 = 2;
const WAVEFORM: u8 = 3;
const LEVEL: u8 = 4;
const THRESHOLD: u8 = 5;
const SPEECH: u8 = 6;
const TONE: u8 = 7;
const VERDICT: u8 = 8;
const BEEP: u8 = 9;
const PALETTE: [[u8; 3]; 16] = {
    let mut palette = [[255; 3]; 16];
    palette[1] = [225, 225, 225];
    palette[2] = [60, 60, 60];
    palette[3] = [70, 110, 180];
    palette[4] = [70, 110, 180];
    palette[5] = [220, 120, 20];
    palette[6] = [60, 160, 80];
    palette[7] = [150, 60, 170];
    palette[8] = [210, 30, 30];
    palette[9] = [0, 150, 170];
    palette
};

/// Draws a clip; the result is a PNG file.
pub(super) fn draw(samples: &[i16], seen: &Seen) -> Vec<u8> {
    let decided_ms = seen.at_ms().unwrap_or(0) as usize;
    let length_ms = (samples.len() / 8).max(decided_ms + 200).max(1);
    let mut picture = Picture::new(WIDTH, HEIGHT);
    grid(&mut picture, length_ms);
    wave(&mut picture, samples, length_ms);
    for (number, sight) in seen.trace.iter().enumerate() {
        let (x0, x1) = (
            column(number * 20, length_ms),
            column((number + 1) * 20, length_ms),
        );
        for x in x0..x1.max(x0 + 1) {
            sighted(&mut picture, x, sight);
        }
    }
    let marks = [
        (seen.at_ms(), VERDICT, seen.detail().to_uppercase()),
        (
            seen.beep.filter(|b| b.1 > 0.0).map(|b| b.0),
            BEEP,
            String::from("BEEP END"),
        ),
        (seen.screening_ms, BEEP, String::from("SCREENING")),
    ];
    for (at_ms, colour, name) in marks {
        let Some(at_ms) = at_ms else { continue };
        let x = column(at_ms as usize, length_ms);
        picture.fill((x, 4), (x + 1, TONES.1), colour);
        let left = (x + 6).min(WIDTH.saturating_sub(name.len() * 8 + 2));
        write(&mut picture, (left, 4), &name, colour);
    }
    picture.encode(&PALETTE)
}

const fn column(ms: usize, length_ms: usize) -> usize {
    ms * (WIDTH - 1) / length_ms
}

fn grid(picture: &mut Picture, length_ms: usize) {
    for second in 0..=length_ms / 1_000 {
        let x = column(second * 1_000, length_ms);
        picture.fill((x, WAVE.0), (x, TONES.1), GRID);
        write(picture, (x + 3, TONES.1 + 8), &format!("{second} S"), INK);
    }
    for (top, bottom) in [WAVE, LEVELS, VOICE, TONES] {
        picture.fill((0, bottom + 2), (WIDTH - 1, bottom + 2), GRID);
        picture.fill((0, top - 2), (WIDTH - 1, top - 2), GRID);
    }
    for (row, name) in [(LEVELS.0, "LEVEL"), (VOICE.0, "VOICE"), (TONES.0, "TONE")] {
        write(picture, (4, row + 2), name, INK);
    }
}

fn wave(picture: &mut Picture, samples: &[i16], length_ms: usize) {
    let middle = usize::midpoint(WAVE.0, WAVE.1);
    let half = (WAVE.1 - WAVE.0) / 2;
    for x in 0..WIDTH {
        let first = x * length_ms * 8 / WIDTH;
        let last = ((x + 1) * length_ms * 8 / WIDTH)
            .max(first + 1)
            .min(samples.len());
        let part = samples.get(first..last).unwrap_or_default();
        let Some(peak) = part.iter().map(|s| usize::from(s.unsigned_abs())).max() else {
            continue;
        };
        let height = peak * half / 32_768;
        picture.fill((x, middle - height), (x, middle + height), WAVEFORM);
    }
}

fn sighted(picture: &mut Picture, x: usize, sight: &Sight) {
    for (dbfs, colour) in [(sight.dbfs, LEVEL), (sight.threshold_dbfs, THRESHOLD)] {
        let y = row(LEVELS, (dbfs - DBFS_MIN) / -DBFS_MIN);
        picture.fill((x, y), (x, y + 1), colour);
    }
    if sight.voice {
        picture.fill((x, VOICE.0), (x, VOICE.1), SPEECH);
    }
    if let Some(hz) = sight.tone_hz {
        let y = row(TONES, hz / HZ_MAX);
        picture.fill((x, y.saturating_sub(1)), (x, y + 1), TONE);
    }
}

/// The row of a share of a band, from its bottom.
fn row((top, bottom): (usize, usize), share: f32) -> usize {
    let rows = u16::try_from(bottom - top).unwrap_or(u16::MAX);
    let up = (0..rows)
        .filter(|r| f32::from(*r) < share * f32::from(rows))
        .count();
    bottom - up
}

/// Characters of 3 × 5 points, three bits a row from the top.
const FONT: [(char, u16); 36] = [
    ('0', 0o75557),
    ('1', 0o26227),
    ('2', 0o71747),
    ('3', 0o71717),
    ('4', 0o55711),
    ('5', 0o74717),
    ('6', 0o74757),
    ('7', 0o71222),
    ('8', 0o75757),
    ('9', 0o75717),
    ('A', 0o25755),
    ('B', 0o65656),
    ('C', 0o34443),
    ('D', 0o65556),
    ('E', 0o74647),
    ('F', 0o74644),
    ('G', 0o34553),
    ('H', 0o55755),
    ('I', 0o72227),
    ('J', 0o11152),
    ('K', 0o55655),
    ('L', 0o44447),
    ('M', 0o57755),
    ('N', 0o65555),
    ('O', 0o25552),
    ('P', 0o65644),
    ('Q', 0o25563),
    ('R', 0o65655),
    ('S', 0o34216),
    ('T', 0o72222),
    ('U', 0o55557),
    ('V', 0o55552),
    ('W', 0o55775),
    ('X', 0o55255),
    ('Y', 0o55222),
    ('Z', 0o71247),
];

fn write(picture: &mut Picture, (x, y): (usize, usize), text: &str, colour: u8) {
    for (place, c) in text.chars().enumerate() {
        let glyph = FONT
            .iter()
            .find(|(known, _)| *known == c)
            .map_or(0, |(_, g)| *g);
        for dot in 0..15 {
            if glyph >> (14 - dot) & 1 == 1 {
                let (left, top) = (x + place * 8 + dot % 3 * 2, y + dot / 3 * 2);
                picture.fill((left, top), (left + 1, top + 1), colour);
            }
        }
    }
}
