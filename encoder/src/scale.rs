//! Smaller pictures than drawn: which sizes there are, and how they are made.
//!
//! ```text
//! plane --rows weighed by area--> one row, 8.8 --columns weighed by area--> plane of the coded size
//! ```
//!
//! Every sample of the result is the mean of the area that it covers, so nothing flickers when a pattern moves. One row is
//! worked on at a time, in memory that is had once for each size.

/// How large a picture is coded, of what is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scale {
    /// As drawn.
    #[default]
    Whole,
    /// Three quarters of each side.
    ThreeQuarters,
    /// Half of each side.
    Half,
    /// Three eighths of each side.
    ThreeEighths,
}

impl Scale {
    /// All, the largest first.
    pub const ALL: [Self; 4] = [Self::Whole, Self::ThreeQuarters, Self::Half, Self::ThreeEighths];

    /// The next smaller one; itself at the end.
    #[must_use]
    pub const fn smaller(self) -> Self {
        match self {
            Self::Whole => Self::ThreeQuarters,
            Self::ThreeQuarters => Self::Half,
            Self::Half | Self::ThreeEighths => Self::ThreeEighths,
        }
    }

    /// The next larger one; itself at the end.
    #[must_use]
    pub const fn larger(self) -> Self {
        match self {
            Self::Whole | Self::ThreeQuarters => Self::Whole,
            Self::Half => Self::ThreeQuarters,
            Self::ThreeEighths => Self::Half,
        }
    }

    /// A side of the coded picture: even, and as drawn where it would be less than 16.
    #[must_use]
    pub fn side(self, drawn: u16) -> u16 {
        let scaled = match self {
            Self::Whole => return drawn,
            Self::ThreeQuarters => u32::from(drawn) * 3 / 4,
            Self::Half => u32::from(drawn) / 2,
            Self::ThreeEighths => u32::from(drawn) * 3 / 8,
        };
        let even = u16::try_from(scaled.next_multiple_of(2)).unwrap_or(drawn);
        if even < SIDE_MIN { drawn } else { even }
    }

    /// Thousandths of the drawn picture's area.
    #[must_use]
    pub const fn area(self) -> u64 {
        match self {
            Self::Whole => 1_000,
            Self::ThreeQuarters => 562,
            Self::Half => 250,
            Self::ThreeEighths => 141,
        }
    }
}

/// Makes planes of one size of planes of another, larger or as large.
#[derive(Debug)]
pub(crate) struct Scaler {
    columns: Vec<Tap>,
    rows: Vec<Tap>,
    /// Of the columns.
    ratio: Option<Scale>,
    /// A row of the source's width, in 256ths.
    row: Vec<u16>,
}

/// A plane that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane<'a> {
    pub(crate) samples: &'a [u8],
    pub(crate) stride: usize,
}

/// Which samples of an axis go into one, and their weights, which come to 256.
#[derive(Clone, Copy, Debug)]
struct Tap {
    first: usize,
    weights: [u16; TAPS],
}

impl Scaler {
    /// From and to: samples across and down.
    pub(crate) fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        Self {
            columns: taps(from.0, to.0),
            rows: taps(from.1, to.1),
            ratio: ratio(from.0, to.0),
            row: vec![0; from.0],
        }
    }

    pub(crate) fn scale(&mut self, from: Plane<'_>, to: &mut [u8], stride: usize) {
        for (tap, out) in self.rows.iter().zip(to.chunks_mut(stride.max(1))) {
            gather_rows(from, tap, &mut self.row);
            let width = self.columns.len().min(out.len());
            let out = out.get_mut(..width).unwrap_or_default();
            match self.ratio {
                Some(Scale::ThreeQuarters) => three_quarters(&self.row, out),
                Some(Scale::Half) => half(&self.row, out),
                Some(Scale::ThreeEighths) => three_eighths(&self.row, out),
                Some(Scale::Whole) | None => gather_columns(&self.row, &self.columns, out),
            }
        }
    }
}

fn gather_columns(row: &[u16], columns: &[Tap], out: &mut [u8]) {
    for (tap, sample) in columns.iter().zip(out) {
        let some = row.get(tap.first..).unwrap_or_default();
        let pairs = some.iter().zip(tap.weights);
        *sample = to_sample(pairs.map(|(&s, w)| u32::from(s) * u32::from(w)).sum());
    }
}

/// [`gather_columns`] where the same taps come again and again: with weights that are constants it takes half the time.
fn three_quarters(row: &[u16], out: &mut [u8]) {
    for (&samples, out) in row.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        let [a, b, c, d] = samples.map(u32::from);
        *out = [a * 192 + b * 64, b * 128 + c * 128, c * 64 + d * 192].map(to_sample);
    }
}

fn half(row: &[u16], out: &mut [u8]) {
    for (&samples, out) in row.as_chunks().0.iter().zip(out) {
        let [a, b] = samples.map(u32::from);
        *out = to_sample(a * 128 + b * 128);
    }
}

fn three_eighths(row: &[u16], out: &mut [u8]) {
    for (&samples, out) in row.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        let [a, b, c, d, e, f, g, h] = samples.map(u32::from);
        let middle = c * 32 + d * 96 + e * 96 + f * 32;
        *out = [a * 96 + b * 96 + c * 64, middle, f * 64 + g * 96 + h * 96].map(to_sample);
    }
}

/// A sample of a sum of 256ths of 256ths.
fn to_sample(sum: u32) -> u8 {
    u8::try_from((sum + (1 << 15)) >> 16).unwrap_or(u8::MAX)
}

/// In which of the ratios the sizes are to the last sample.
fn ratio(from: usize, to: usize) -> Option<Scale> {
    let is = |many: usize, few: usize| from.is_multiple_of(many) && from / many * few == to;
    [
        (4, 3, Scale::ThreeQuarters),
        (2, 1, Scale::Half),
        (8, 3, Scale::ThreeEighths),
    ]
    .into_iter()
    .find_map(|(many, few, scale)| is(many, few).then_some(scale))
}

/// The rows that go into one, weighed.
fn gather_rows(from: Plane<'_>, tap: &Tap, row: &mut [u16]) {
    row.fill(0);
    let rows = from
        .samples
        .get(tap.first * from.stride..)
        .unwrap_or_default()
        .chunks(from.stride.max(1));
    for (samples, weight) in rows.zip(tap.weights).filter(|(_, weight)| *weight > 0) {
        for (sum, &sample) in row.iter_mut().zip(samples) {
            // Weights come to 256: 255 × 256 fits.
            *sum += u16::from(sample) * weight;
        }
    }
}

/// What covers each of `to` samples, of `from`.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let whole = to.max(1);
    (0..to)
        .map(|at| {
            // In parts of a source sample, of which there are `whole`.
            let (begin, end) = (at * from, (at + 1) * from);
            let first = begin / whole;
            let mut weights = [0; TAPS];
            let mut left = 256;
            for (n, weight) in weights.iter_mut().enumerate() {
                let (left_edge, right_edge) = ((first + n) * whole, (first + n + 1) * whole);
                let covered = right_edge.min(end).saturating_sub(left_edge.max(begin));
                let last = right_edge >= end;
                *weight = if last {
                    left
                } else {
                    rounded(256 * covered, from).min(left)
                };
                left -= *weight;
                if last {
                    break;
                }
            }
            Tap { first, weights }
        })
        .collect()
}

fn rounded(part: usize, whole: usize) -> u16 {
    u16::try_from((part + whole / 2) / whole.max(1)).unwrap_or(256)
}

/// At three eighths a sample covers 2.67 others, which may lie in four.
const TAPS: usize = 4;
/// One block.
const SIDE_MIN: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(from: (usize, usize), to: (usize, usize), sample: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let samples: Vec<u8> = (0..from.1)
            .flat_map(|y| (0..from.0).map(move |x| (x, y)))
            .map(|(x, y)| sample(x, y))
            .collect();
        let mut out = vec![0; to.0 * to.1];
        let plane = Plane {
            samples: &samples,
            stride: from.0,
        };
        Scaler::new(from, to).scale(plane, &mut out, to.0);
        out
    }

    #[test]
    fn weights_come_to_the_whole_whatever_the_sizes() {
        for from in 16..200 {
            for scale in Scale::ALL {
                let to = usize::from(scale.side(u16::try_from(from).unwrap()));
                if to > from {
                    continue;
                }
                for tap in taps(from, to) {
                    assert_eq!(tap.weights.iter().sum::<u16>(), 256, "{from} to {to}");
                    let used = tap.weights.iter().rposition(|w| *w > 0).unwrap();
                    assert!(tap.first + used < from, "{from} to {to} reads past the end");
                }
            }
        }
    }

    #[test]
    fn a_plain_picture_stays_what_it_is() {
        for level in [0, 16, 128, 235, 255] {
            let out = scaled((64, 48), (24, 18), |_, _| level);
            assert!(out.iter().all(|s| *s == level), "{level}");
        }
    }

    #[test]
    fn a_sample_is_the_mean_of_what_it_covers() {
        let out = scaled((4, 4), (2, 2), |x, y| if (x + y) % 2 == 0 { 200 } else { 100 });
        assert_eq!(out, [150; 4]);
        // Blocks of 16 are blocks of 6 at three eighths, with no sample between them.
        let out = scaled((32, 16), (12, 6), |x, _| if x < 16 { 235 } else { 16 });
        assert_eq!(out[..12], [235, 235, 235, 235, 235, 235, 16, 16, 16, 16, 16, 16]);
    }

    #[test]
    fn columns_in_a_ratio_are_what_any_columns_are() {
        let row: Vec<u16> = (0..1_920_u32)
            .map(|i| u16::try_from(i.wrapping_mul(2_654_435_761) % 65_281).unwrap())
            .collect();
        for (to, scale) in [
            (1_440, Scale::ThreeQuarters),
            (960, Scale::Half),
            (720, Scale::ThreeEighths),
        ] {
            assert_eq!(ratio(row.len(), to), Some(scale));
            let [mut fast, mut any] = [vec![0; to], vec![0; to]];
            match scale {
                Scale::ThreeQuarters => three_quarters(&row, &mut fast),
                Scale::Half => half(&row, &mut fast),
                Scale::Whole | Scale::ThreeEighths => three_eighths(&row, &mut fast),
            }
            gather_columns(&row, &taps(row.len(), to), &mut any);
            assert_eq!(fast, any, "{scale:?}");
        }
        assert_eq!(ratio(1_366, 1_026), None);
        assert_eq!(ratio(854, 322), None);
    }

    #[test]
    fn sides_are_even_and_never_tiny() {
        assert_eq!(Scale::Half.side(1280), 640);
        assert_eq!(Scale::ThreeEighths.side(1080), 406);
        assert_eq!(Scale::ThreeQuarters.side(17), 17, "12 would be less than a block");
        assert_eq!(Scale::Whole.side(17), 17);
    }

    #[test]
    fn steps_go_one_by_one_and_end() {
        for pair in Scale::ALL.windows(2) {
            assert_eq!((pair[0].smaller(), pair[1].larger()), (pair[1], pair[0]));
        }
        assert_eq!(Scale::Whole.larger(), Scale::Whole);
        assert_eq!(Scale::ThreeEighths.smaller(), Scale::ThreeEighths);
    }
}
