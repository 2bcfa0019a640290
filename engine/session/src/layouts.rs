//! When the keyboard gets another layout: a keymap takes milliseconds to make, and a client may ask for one after another.

use firstlight_units::{Micros, Timestamp};

/// The newest one wins, and none comes sooner than [`APART`] after the one before.
#[derive(Debug)]
pub(crate) struct Layouts<L> {
    asked: Option<L>,
    not_before: Timestamp,
}

impl<L> Layouts<L> {
    pub(crate) const fn new() -> Self {
        Self {
            asked: None,
            not_before: Timestamp::from_micros(0),
        }
    }

    pub(crate) fn ask(&mut self, layout: L) {
        self.asked = Some(layout);
    }

    /// What the keyboard gets now.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Option<L> {
        if now < self.not_before {
            return None;
        }
        let layout = self.asked.take()?;
        self.not_before = now + APART;
        Some(layout)
    }
}

/// Nobody changes keyboards faster; a page says its layout once, when it begins.
const APART: Micros = Micros::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comes_at_once_and_of_many_the_newest_a_second_later() {
        let at = |ms: u64| Timestamp::from_micros(5_000_000 + ms * 1_000);
        let mut layouts = Layouts::new();
        assert_eq!(layouts.poll(at(0)), None);
        layouts.ask("de");
        assert_eq!(layouts.poll(at(0)), Some("de"));
        for (ms, layout) in [(1, "fr"), (2, "us"), (3, "cz")] {
            layouts.ask(layout);
            assert_eq!(layouts.poll(at(ms)), None);
        }
        assert_eq!(layouts.poll(at(1_000)), Some("cz"));
        assert_eq!(layouts.poll(at(2_000)), None);
    }
}
