//! How delays are spread, in a kilobyte, however many there are.

use firstlight_units::Micros;

/// Counts spans in steps of about 6 %.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    /// By step; as long as the longest span needs.
    counts: Vec<u32>,
}

impl Quantiles {
    pub(super) fn add(&mut self, span: Micros) {
        let step = step(span);
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(step) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.counts.iter().map(|n| u64::from(*n)).sum()
    }

    /// At least `percent` of them were no longer than this; zero where there are none.
    pub(super) fn at(&self, percent: u64) -> Micros {
        let rank = (self.len() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return upper(step);
            }
        }
        Micros::ZERO
    }
}

/// Sixteen steps for each doubling, from a microsecond to over an hour.
fn step(span: Micros) -> usize {
    let us = span.as_micros().clamp(1, LONGEST);
    let octave = us.ilog2();
    let within = if octave >= FINE {
        (us >> (octave - FINE)) & MASK
    } else {
        (us << (FINE - octave)) & MASK
    };
    usize::try_from((u64::from(octave) << FINE) | within).unwrap_or(usize::MAX)
}

/// The longest span of a step.
fn upper(step: usize) -> Micros {
    let step = u64::try_from(step).unwrap_or(u64::MAX) + 1;
    let (octave, within) = (step >> FINE, step & MASK);
    let mantissa = (1 << FINE) | within;
    Micros::new(((mantissa << octave) >> FINE).saturating_sub(1))
}

const FINE: u32 = 4;
const MASK: u64 = (1 << FINE) - 1;
/// 71 minutes.
const LONGEST: u64 = u32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Quantiles::default().at(50), Micros::ZERO);
    }

    proptest! {
        #[test]
        fn a_quantile_is_close_to_the_sorted_ones(mut spans in proptest::collection::vec(1u64..3_000_000, 1..200), percent in 1u64..=100) {
            let mut quantiles = Quantiles::default();
            spans.iter().for_each(|us| quantiles.add(Micros::new(*us)));
            spans.sort_unstable();
            let rank = (spans.len() * usize::try_from(percent).unwrap()).div_ceil(100).max(1);
            let exact = spans[rank - 1];
            let told = quantiles.at(percent).as_micros();
            prop_assert!(told + 1 >= exact, "{told} for {exact}");
            prop_assert!(told <= exact + exact / 15 + 2, "{told} for {exact}");
            prop_assert!(quantiles.counts.len() <= 512);
        }
    }
}
