//! What happened in one second, as it is counted and as it is told.

use firstlight_units::Micros;

/// The spans of a second, for their median. Past [`SPANS_MAX`] the newest are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Vec<u32>);

impl Spans {
    pub(crate) fn add(&mut self, span: Micros) {
        if self.0.len() < SPANS_MAX {
            self.0.push(span.as_u32());
        }
    }

    fn join(&mut self, other: Self) {
        let room = SPANS_MAX.saturating_sub(self.0.len());
        self.0.extend(other.0.into_iter().take(room));
    }

    /// Microseconds; 0 when there was nothing.
    pub(crate) fn median(&mut self) -> u32 {
        let middle = self.0.len() / 2;
        if self.0.is_empty() {
            return 0;
        }
        *self.0.select_nth_unstable(middle).1
    }
}

/// What the media thread did.
#[derive(Clone, Debug, Default)]
pub(crate) struct MediaTally {
    pub(crate) captured: u32,
    pub(crate) encoded: u32,
    pub(crate) skipped: u32,
    pub(crate) idr: u32,
    pub(crate) recovery: u32,
    pub(crate) video_bytes: u64,
    pub(crate) capture: Spans,
    pub(crate) convert: Spans,
    pub(crate) encode: Spans,
    /// Processor time inside the encoder, of the media thread alone.
    pub(crate) encoder_cpu: Micros,
}

impl MediaTally {
    /// And what came after it.
    pub(crate) fn join(&mut self, other: Self) {
        self.captured = self.captured.saturating_add(other.captured);
        self.encoded = self.encoded.saturating_add(other.encoded);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.idr = self.idr.saturating_add(other.idr);
        self.recovery = self.recovery.saturating_add(other.recovery);
        self.video_bytes = self.video_bytes.saturating_add(other.video_bytes);
        self.capture.join(other.capture);
        self.convert.join(other.convert);
        self.encode.join(other.encode);
        self.encoder_cpu += other.encoder_cpu;
    }
}

/// More pictures than any title draws in a second.
const SPANS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_one_of_them_and_the_memory_bounded() {
        let mut spans = Spans::default();
        assert_eq!(spans.median(), 0);
        for us in [5, 1, 9] {
            spans.add(Micros::new(us));
        }
        assert_eq!(spans.median(), 5);
        (0..10_000).for_each(|us| spans.add(Micros::new(us)));
        assert_eq!(spans.0.len(), SPANS_MAX);
    }
}
