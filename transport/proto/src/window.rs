//! Minima over the last seconds, in constant space.

use firstlight_units::Micros;

/// The smallest value of the last one to two spans: two buckets that take turns, so that an old minimum is forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowedMin<T> {
    span: Micros,
    begun: Option<u64>,
    current: Option<T>,
    previous: Option<T>,
}

impl<T: Copy + Ord> WindowedMin<T> {
    pub(crate) const fn new(span: Micros) -> Self {
        Self {
            span,
            begun: None,
            current: None,
            previous: None,
        }
    }

    /// `at` in microseconds of any one clock.
    pub(crate) fn update(&mut self, at: u64, value: T) {
        let begun = *self.begun.get_or_insert(at);
        if at.saturating_sub(begun) >= self.span.as_micros() {
            self.previous = self.current.take();
            self.begun = Some(at);
        }
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    pub(crate) fn least(&self) -> Option<T> {
        match (self.current, self.previous) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_minimum_is_forgotten() {
        let mut min = WindowedMin::new(Micros::from_secs(5));
        min.update(0, 3);
        min.update(6_000_000, 9);
        assert_eq!(min.least(), Some(3));
        min.update(12_000_000, 8);
        assert_eq!(min.least(), Some(8));
    }
}
