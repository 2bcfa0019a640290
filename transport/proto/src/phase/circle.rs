//! Moments of a period, which has no beginning: put in a row by cutting the circle where it is emptiest.

use std::time::Duration;

/// Positions on a circle, in nanoseconds; at least one.
#[derive(Debug)]
pub(super) struct Circle {
    /// Rising; what lies past the cut has a turn added.
    row: Vec<i64>,
    round: i64,
}

impl Circle {
    /// `None` without a position.
    pub(super) fn of(positions: impl Iterator<Item = i64>, round: Duration) -> Option<Self> {
        let round = nanos(round).max(1);
        let mut row: Vec<i64> = positions.map(|position| position.rem_euclid(round)).collect();
        row.sort_unstable();
        let (first, last) = (*row.first()?, *row.last()?);
        // The gap over the seam is the one to beat.
        let (mut cut, mut widest) = (0, first + round - last);
        for (index, pair) in row.windows(2).enumerate() {
            if let [a, b] = pair
                && b - a > widest
            {
                (cut, widest) = (index + 1, b - a);
            }
        }
        row.rotate_left(cut);
        let turned = row.len() - cut;
        row.iter_mut()
            .skip(turned)
            .for_each(|position| *position += round);
        Some(Self { row, round })
    }

    /// The one that as many lie before as after, in its own turn of the circle.
    pub(super) fn median(&self) -> i64 {
        self.at(1, 2)
    }

    /// How far each lies after the median, or before it where negative.
    pub(super) fn deviations(&self) -> impl Iterator<Item = i64> {
        let median = self.median();
        self.row.iter().map(move |position| position - median)
    }

    /// How much of the circle nine of ten take.
    pub(super) fn spread(&self) -> i64 {
        self.at(19, 20) - self.at(1, 20)
    }

    /// A length along the circle, by the shorter way.
    pub(super) fn shorter(&self, way: i64) -> i64 {
        shorter(way, self.round)
    }

    fn at(&self, part: usize, of: usize) -> i64 {
        let index = (self.row.len() * part / of).min(self.row.len() - 1);
        self.row.get(index).copied().unwrap_or_default()
    }
}

/// A length along a circle of `round`, by the shorter way: at least minus half of it, less than half.
fn shorter(way: i64, round: i64) -> i64 {
    (way + round / 2).rem_euclid(round) - round / 2
}

/// A span of less than 292 years.
pub(super) fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn circle(positions: &[i64]) -> Circle {
        Circle::of(positions.iter().copied(), Duration::from_nanos(1_000)).unwrap()
    }

    #[test]
    fn a_heap_on_the_seam_is_one_heap() {
        let circle = circle(&[990, 995, 998, 1_001, 1_010]);
        assert_eq!(circle.median(), 998);
        assert_eq!(circle.deviations().collect::<Vec<_>>(), [-8, -3, 0, 3, 12]);
        assert!(circle.spread() <= 20);
    }

    #[test]
    fn what_is_everywhere_has_a_wide_spread() {
        let circle = circle(&(0..60).map(|n| n * 17).collect::<Vec<_>>());
        assert!(circle.spread() > 800);
    }

    #[test]
    fn the_shorter_way_is_at_most_half_a_turn() {
        let circle = circle(&[0]);
        assert_eq!(circle.shorter(600), -400);
        assert_eq!(circle.shorter(-600), 400);
        assert_eq!(circle.shorter(-2_300), -300);
    }

    #[test]
    fn nothing_is_no_circle() {
        assert!(Circle::of(std::iter::empty(), Duration::from_millis(16)).is_none());
    }

    proptest! {
        #[test]
        fn where_the_seam_lies_changes_nothing(
            heap in prop::collection::vec(0i64..300, 1..60),
            turn in 0i64..1_000,
        ) {
            let still = circle(&heap);
            let turned = circle(&heap.iter().map(|at| at + turn).collect::<Vec<_>>());
            prop_assert_eq!(
                still.deviations().collect::<Vec<_>>(),
                turned.deviations().collect::<Vec<_>>()
            );
            prop_assert_eq!(turned.shorter(turned.median() - turn - still.median()), 0);
        }
    }
}
