//! What was seen, added up. Pure: times come in, numbers come out.

use firstlight_units::{Micros, Timestamp};
use serde::Serialize;

/// Durations, kept to be ranked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    micros: Vec<u32>,
    worst: u32,
    count: u64,
}

/// Ranks of durations, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ranks {
    /// Half are no longer.
    pub p50: f64,
    /// 95 of 100 are no longer.
    pub p95: f64,
    /// 99 of 100 are no longer.
    pub p99: f64,
    /// The longest.
    pub worst: f64,
    /// How many there are.
    pub count: u64,
}

impl Spans {
    pub(crate) fn add(&mut self, span: Micros) {
        let span = span.as_u32();
        self.worst = self.worst.max(span);
        self.count += 1;
        if self.micros.len() < SPANS_MAX {
            self.micros.push(span);
        }
    }

    /// `None` without a single one.
    pub(crate) fn ranks(&self) -> Option<Ranks> {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let rank = |percent: usize| {
            // Nearest rank: the smallest value that so many are not above.
            let at = ((last + 1) * percent).div_ceil(100).saturating_sub(1).min(last);
            sorted.get(at).map_or(0.0, |micros| millis(*micros))
        };
        Some(Ranks {
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            worst: millis(self.worst),
            count: self.count,
        })
    }
}

fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1e3
}

/// How evenly pictures come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    pub(crate) pictures: u64,
    pub(crate) freezes: u64,
    pub(crate) gap_longest: Micros,
}

impl Flow {
    pub(crate) fn on_picture(&mut self, at: Timestamp) {
        self.first.get_or_insert(at);
        self.pictures += 1;
        self.on_gap(at);
        self.last = Some(at);
    }

    /// The watching ends: a gap that is open counts as well.
    pub(crate) fn on_end(&mut self, at: Timestamp) {
        self.on_gap(at);
    }

    fn on_gap(&mut self, at: Timestamp) {
        let gap = self.last.map_or(Micros::ZERO, |last| at.since(last));
        self.gap_longest = self.gap_longest.max(gap);
        self.freezes += u64::from(gap > FREEZE);
    }

    /// Pictures a second between the first and the last.
    pub(crate) fn rate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return 0.0;
        };
        per_second(self.pictures.saturating_sub(1), last.since(first))
    }
}

/// So many of something over a span, by the second.
pub(crate) fn per_second(count: u64, span: Micros) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (count, micros) = (count as f64, span.as_micros().max(1) as f64);
    if span == Micros::ZERO {
        0.0
    } else {
        count * 1e6 / micros
    }
}

/// Presses, and when their effect is seen: one at a time, since the barcode only counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clicks {
    open: Option<(Timestamp, u16)>,
    pub(crate) lost: u64,
}

impl Clicks {
    /// A key went down; the newest picture counted so many inputs.
    pub(crate) const fn on_press(&mut self, now: Timestamp, inputs: u16) {
        self.open = Some((now, inputs));
    }

    /// A picture: how long the open press took, if its effect is in it.
    pub(crate) fn on_picture(&mut self, decoded_at: Timestamp, inputs: u16) -> Option<Micros> {
        let (pressed, before) = self.open.filter(|(_, before)| *before != inputs)?;
        let _ = before;
        self.open = None;
        Some(decoded_at.since(pressed))
    }

    /// `true` once when an open press took too long, and is given up.
    pub(crate) fn give_up(&mut self, now: Timestamp) -> bool {
        let late = self.open.is_some_and(|(at, _)| now.since(at) > PRESS_LOST);
        if late {
            self.open = None;
            self.lost += 1;
        }
        late
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// Nobody plays on through a longer gap without noticing.
pub(crate) const FREEZE: Micros = Micros::from_millis(150);
/// A press whose effect takes longer counts as lost.
const PRESS_LOST: Micros = Micros::from_secs(2);
/// Four hours at 60 fps, 4 MiB; past it ranks are those of the first four hours.
const SPANS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000 + ms * 1_000)
    }

    #[test]
    fn ranks_are_values_that_were_measured() {
        let mut spans = Spans::default();
        assert_eq!(spans.ranks(), None);
        for ms in (1..=100).rev() {
            spans.add(Micros::from_millis(ms));
        }
        let ranks = spans.ranks().unwrap();
        assert_eq!(
            (ranks.p50, ranks.p95, ranks.p99, ranks.worst, ranks.count),
            (50.0, 95.0, 99.0, 100.0, 100)
        );
    }

    #[test]
    fn a_gap_over_150_ms_is_a_freeze_even_if_it_never_ends() {
        let mut flow = Flow::default();
        for ms in [0, 16, 166, 320] {
            flow.on_picture(at(ms));
        }
        assert_eq!((flow.freezes, flow.gap_longest), (1, Micros::from_millis(154)));
        flow.on_end(at(1_000));
        assert_eq!((flow.freezes, flow.gap_longest), (2, Micros::from_millis(680)));
        assert!((flow.rate() - 3.0 / 0.32).abs() < 1e-9);
    }

    #[test]
    fn a_press_ends_with_the_first_picture_that_counted_it() {
        let mut clicks = Clicks::default();
        assert_eq!(clicks.on_picture(at(0), 9), None, "nothing is pressed");
        clicks.on_press(at(10), u16::MAX);
        assert_eq!(clicks.on_picture(at(20), u16::MAX), None);
        assert_eq!(clicks.on_picture(at(40), 0), Some(Micros::from_millis(30)));
        assert!(!clicks.is_open());
    }

    #[test]
    fn a_press_without_an_effect_is_lost_once() {
        let mut clicks = Clicks::default();
        clicks.on_press(at(0), 1);
        assert!(!clicks.give_up(at(2_000)));
        assert!(clicks.give_up(at(2_001)) && !clicks.give_up(at(9_000)));
        assert_eq!(clicks.lost, 1);
    }
}
