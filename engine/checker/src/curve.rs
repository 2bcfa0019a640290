//! What an impairment leaves of the quality: a table with straight lines between its points.

use crate::Score;

/// Points with rising `x`. Straight lines join them; before the first and after the last the value stays.
///
/// A table rather than a formula: it is published as it is, and whole numbers come out the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve(&'static [(u32, u16)]);

impl Curve {
    /// A curve through `points`, which must not be empty and whose `x` must rise.
    pub(crate) const fn new(points: &'static [(u32, u16)]) -> Self {
        assert!(!points.is_empty(), "a curve has a point");
        let mut n = 1;
        while n < points.len() {
            assert!(points[n - 1].0 < points[n].0, "a curve's x rises");
            n += 1;
        }
        Self(points)
    }

    /// The points.
    #[must_use]
    pub const fn points(&self) -> &'static [(u32, u16)] {
        self.0
    }

    /// What is left at `x`, rounded down.
    #[must_use]
    pub fn at(&self, x: u32) -> Score {
        let after = self.0.partition_point(|(px, _)| *px <= x);
        let (Some(&(x0, y0)), Some(&(x1, y1))) = (
            after.checked_sub(1).and_then(|before| self.0.get(before)),
            self.0.get(after),
        ) else {
            let edge = if after == 0 { self.0.first() } else { self.0.last() };
            return Score::new(edge.map_or(0, |(_, y)| *y));
        };
        let (x, x0, x1) = (i64::from(x), i64::from(x0), i64::from(x1));
        let (y0, y1) = (i64::from(y0), i64::from(y1));
        // Weighted by both ends and positive throughout: rounding down keeps a falling curve falling.
        let y = (y0 * (x1 - x) + y1 * (x - x0)) / (x1 - x0);
        Score::new(u16::try_from(y).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_join_the_points() {
        let curve = Curve::new(&[(10, 10_000), (20, 5_000), (23, 0)]);
        let at = |x| curve.at(x).get();
        assert_eq!((at(0), at(10), at(15), at(20)), (10_000, 10_000, 7_500, 5_000));
        assert_eq!((at(21), at(22), at(23), at(u32::MAX)), (3_333, 1_666, 0, 0));
    }
}
