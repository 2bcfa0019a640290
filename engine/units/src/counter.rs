//! Counters that are cut to 32 bits on the wire.

/// Restores a 64-bit counter from its low 32 bits.
///
/// The value nearest to the newest one seen is taken, so reordering by less than 2^31 is harmless and the
/// counter may wrap on the wire as often as it likes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper {
    newest: Option<u64>,
}

impl Unwrapper {
    /// The full value whose low bits are `low`. The first call takes `low` as it is.
    pub fn unwrap(&mut self, low: u32) -> u64 {
        let value = self.peek(low);
        self.newest = Some(self.newest.map_or(value, |n| n.max(value)));
        value
    }

    /// As [`Self::unwrap`], without remembering: for values a peer may have forged.
    #[must_use]
    pub fn peek(&self, low: u32) -> u64 {
        const SPAN: u64 = 1 << 32;
        let Some(newest) = self.newest else {
            return u64::from(low);
        };
        let candidate = (newest & !(SPAN - 1)) | u64::from(low);
        if candidate.saturating_add(SPAN / 2) < newest {
            candidate.saturating_add(SPAN)
        } else if candidate > newest.saturating_add(SPAN / 2) {
            candidate.checked_sub(SPAN).unwrap_or(candidate)
        } else {
            candidate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_forward_and_backward() {
        let mut c = Unwrapper::default();
        assert_eq!(c.unwrap(u32::MAX - 1), u64::from(u32::MAX) - 1);
        assert_eq!(c.unwrap(3), (1 << 32) + 3);
        assert_eq!(c.unwrap(u32::MAX), u64::from(u32::MAX));
        assert_eq!(c.unwrap(4), (1 << 32) + 4);
    }

    #[test]
    fn a_late_value_before_the_start_stays_small() {
        let mut c = Unwrapper::default();
        assert_eq!(c.unwrap(3), 3);
        assert_eq!(c.peek(u32::MAX), u64::from(u32::MAX));
    }
}
