//! How long a title draws at a picture, as far as its processor time tells.
//!
//! A picture that the title was already drawing when an input came does not answer it. When a title begins with a picture is not to be seen
//! from outside; what its processes work for one is. A title that works in several threads at once draws for less than
//! that, one that waits for a processor for longer.

use firstlight_units::Micros;

/// See the module.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// Between two pictures, as the title has it.
    interval: Micros,
    mean: Micros,
}

impl Drawing {
    pub(crate) fn new(fps: u16) -> Self {
        Self {
            interval: Micros::from_secs(1).scale(1, fps.max(1).into()),
            mean: Micros::ZERO,
        }
    }

    /// In `span`, so many pictures came, and the processor worked for `work` of it. Says what one takes from here on, at most the
    /// title's interval; nothing of a title that draws now and then: such a one draws because something came.
    pub(crate) fn on_second(&mut self, span: Micros, pictures: u32, work: Micros) -> Micros {
        let all = span
            .as_micros()
            .checked_div(self.interval.as_micros())
            .unwrap_or(0);
        if u64::from(pictures) * 2 < all {
            self.mean = Micros::ZERO;
            return Micros::ZERO;
        }
        let of_one = work.scale(1, pictures.into()).min(self.interval);
        // Ticks of 10 ms make a second's mean uncertain by a tenth or two of a millisecond.
        self.mean = match self.mean {
            Micros::ZERO => of_one,
            mean => (mean.scale(3, 4)) + of_one.scale(1, 4),
        };
        self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = Micros::from_secs(1);

    #[test]
    fn a_picture_takes_its_share_of_the_work_and_an_interval_at_most() {
        let mut drawing = Drawing::new(60);
        assert_eq!(
            drawing.on_second(SECOND, 60, Micros::from_millis(240)),
            Micros::from_millis(4)
        );
        assert_eq!(
            drawing.on_second(SECOND, 60, Micros::from_millis(480)),
            Micros::from_millis(5)
        );
        let mut busy = Drawing::new(60);
        assert_eq!(
            busy.on_second(SECOND, 60, Micros::from_secs(7)),
            Micros::new(16_666)
        );
    }

    #[test]
    fn a_title_that_draws_when_something_comes_answers_with_its_next_picture() {
        let mut drawing = Drawing::new(60);
        drawing.on_second(SECOND, 60, Micros::from_millis(240));
        assert_eq!(
            drawing.on_second(SECOND, 29, Micros::from_millis(500)),
            Micros::ZERO
        );
        assert_eq!(
            drawing.on_second(SECOND, 0, Micros::from_millis(500)),
            Micros::ZERO
        );
        assert_eq!(
            drawing.on_second(SECOND, 60, Micros::from_millis(120)),
            Micros::from_millis(2)
        );
    }
}
