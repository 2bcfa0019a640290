//! How much a link carries, over time.

use crate::Error;
use firstlight_units::{Bitrate, ByteCount, Micros};

/// A rate that changes in steps, once or over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    steps: Vec<Step>,
    period: Option<Micros>,
}

/// From `at` on, the link carries `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, from the start of the emulation (or of the period).
    pub at: Micros,
    /// How much; [`Bitrate::ZERO`] holds everything back.
    pub rate: Bitrate,
}

impl Schedule {
    /// The same rate for ever.
    #[must_use]
    pub fn constant(rate: Bitrate) -> Self {
        Self::steps(vec![Step {
            at: Micros::ZERO,
            rate,
        }])
    }

    /// Steps in order. The first one's rate also applies before it; the last one's applies for ever.
    #[must_use]
    pub const fn steps(steps: Vec<Step>) -> Self {
        Self { steps, period: None }
    }

    /// Steps in order, over and over: the first at 0, `period` past the last.
    #[must_use]
    pub const fn repeating(steps: Vec<Step>, period: Micros) -> Self {
        Self {
            steps,
            period: Some(period),
        }
    }

    /// A trace: equally long samples of a measured rate, over and over.
    #[must_use]
    pub fn trace(sample: Micros, rates: &[Bitrate]) -> Self {
        let starts = (0..).map(|i| Micros::new(sample.as_micros().saturating_mul(i)));
        let steps = starts.zip(rates).map(|(at, &rate)| Step { at, rate }).collect();
        let period = sample.scale(rates.len() as u64, 1);
        Self {
            steps,
            period: Some(period),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let last = self.steps.last().ok_or(Error::NoRate)?;
        for pair in self.steps.windows(2) {
            if let [a, b] = pair
                && b.at <= a.at
            {
                return Err(Error::Order { at: b.at });
            }
        }
        match self.period {
            Some(period) if period <= last.at => Err(Error::Period { period }),
            _ => Ok(()),
        }
    }

    /// The rate at `at`.
    #[must_use]
    pub fn rate(&self, at: Micros) -> Bitrate {
        self.segment(at).0
    }

    /// When `size` has passed, if its first bit goes at `from`; `None` if it never does.
    #[must_use]
    pub fn finish(&self, from: Micros, size: ByteCount) -> Option<Micros> {
        // In bits times microseconds per second, so that nothing is rounded away between two steps.
        let mut left = u128::from(size.as_u64()) * 8_000_000;
        let mut at = from;
        for _ in 0..SEGMENTS_MAX {
            let (rate, until) = self.segment(at);
            let bps = u128::from(rate.as_bps());
            let Some(until) = until else {
                let span = left.div_ceil(std::num::NonZeroU128::new(bps)?.get());
                return Some(at + Micros::new(u64::try_from(span).ok()?));
            };
            let span = u128::from(until.saturating_sub(at).as_micros());
            if bps > 0 && left <= bps * span {
                return Some(at + Micros::new(u64::try_from(left.div_ceil(bps)).ok()?));
            }
            left -= bps * span;
            at = until;
        }
        None
    }

    /// The rate at `at`, and when it ends.
    fn segment(&self, at: Micros) -> (Bitrate, Option<Micros>) {
        let cycles = self
            .period
            .map_or(0, |p| at.as_micros().checked_div(p.as_micros()).unwrap_or(0));
        let begin = self.period.map_or(Micros::ZERO, |p| p.scale(cycles, 1));
        let within = at.saturating_sub(begin);
        let next = self.steps.partition_point(|step| step.at <= within);
        let current = self.steps.get(next.saturating_sub(1));
        let rate = current.map_or(Bitrate::ZERO, |step| step.rate);
        let mut end = self.steps.get(next).map(|step| step.at).or(self.period);
        if next == 0 && self.steps.len() == 1 {
            end = self.period;
        }
        (rate, end.map(|end| begin + end))
    }
}

/// A packet that needs more steps than this never arrives: a trace of nothing but zeros would be searched for ever.
const SEGMENTS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_across_a_step_takes_both_rates() {
        let ms = Micros::from_millis;
        let schedule = Schedule::steps(vec![
            Step {
                at: ms(0),
                rate: Bitrate::mbps(8),
            },
            Step {
                at: ms(10),
                rate: Bitrate::kbps(800),
            },
        ]);
        // 2000 bytes: 1000 in the last millisecond at 8 Mbit/s, 1000 in ten at 0.8.
        assert_eq!(schedule.finish(ms(9), ByteCount::new(2_000)), Some(ms(20)));
        assert_eq!(schedule.rate(ms(9)), Bitrate::mbps(8));
        assert_eq!(schedule.rate(ms(10)), Bitrate::kbps(800));
    }

    #[test]
    fn a_trace_comes_round_again() {
        let schedule = Schedule::trace(Micros::from_millis(10), &[Bitrate::mbps(8), Bitrate::ZERO]);
        assert_eq!(schedule.rate(Micros::from_millis(15)), Bitrate::ZERO);
        assert_eq!(schedule.rate(Micros::from_millis(25)), Bitrate::mbps(8));
        assert_eq!(
            schedule.finish(Micros::from_millis(12), ByteCount::new(1_000)),
            Some(Micros::from_millis(21))
        );
    }

    #[test]
    fn nothing_passes_a_dead_link() {
        let dead = Schedule::constant(Bitrate::ZERO);
        assert_eq!(dead.finish(Micros::ZERO, ByteCount::new(1)), None);
        let dead = Schedule::trace(Micros::from_millis(1), &[Bitrate::ZERO]);
        assert_eq!(dead.finish(Micros::ZERO, ByteCount::new(1)), None);
    }
}
