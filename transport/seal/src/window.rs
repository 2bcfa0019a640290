//! Which counters have been seen.

/// A sliding window of the newest counters.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// One past the newest.
    next: u64,
    /// Bit n: `next - 1 - n` was seen.
    seen: [u64; WORDS],
}

impl Window {
    /// Whether a counter is new, as far as can be told.
    pub(crate) fn is_fresh(&self, counter: u64) -> bool {
        if counter >= self.next {
            return true;
        }
        let age = self.next - 1 - counter;
        let Ok(age) = usize::try_from(age) else {
            return false;
        };
        self.seen
            .get(age / 64)
            .is_some_and(|word| word >> (age % 64) & 1 == 0)
    }

    /// Only for what was opened.
    pub(crate) fn mark(&mut self, counter: u64) {
        if counter >= self.next {
            let by = counter - self.next + 1;
            self.shift(by);
            self.next = counter + 1;
        }
        let age = usize::try_from(self.next - 1 - counter).unwrap_or(usize::MAX);
        if let Some(word) = self.seen.get_mut(age / 64) {
            *word |= 1 << (age % 64);
        }
    }

    fn shift(&mut self, by: u64) {
        let by = usize::try_from(by).unwrap_or(usize::MAX);
        let (words, bits) = (by / 64, by % 64);
        for at in (0..WORDS).rev() {
            let word = at.checked_sub(words).map_or(0, |from| self.seen[from]);
            let below = at.checked_sub(words + 1).map_or(0, |from| self.seen[from]);
            self.seen[at] = if bits == 0 {
                word
            } else {
                word << bits | below >> (64 - bits)
            };
        }
    }
}

/// 2048 packets: a second of the fastest stream; nothing that is reordered further is of use.
const WORDS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn nothing_is_fresh_twice_and_nothing_young_is_refused(
            steps in prop::collection::vec((0..3_000u64, any::<bool>()), 1..200)
        ) {
            let (mut window, mut seen, mut top) = (Window::default(), BTreeSet::new(), 0u64);
            for (step, ahead) in steps {
                let counter = if ahead { top + step } else { top.saturating_sub(step) };
                let young = counter + 2_048 > top;
                prop_assert_eq!(window.is_fresh(counter), young && !seen.contains(&counter) || counter > top && !seen.contains(&counter), "{} of {}", counter, top);
                if window.is_fresh(counter) {
                    window.mark(counter);
                    seen.insert(counter);
                    top = top.max(counter);
                }
            }
        }
    }
}
