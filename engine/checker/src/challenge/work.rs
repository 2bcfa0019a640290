//! Tasks with an exact answer: integer chains, memory that must be held, and a file. Both sides compute with these.

use crate::hash::{Digest, Stream, mix, word};

/// Where a chain of integers begins.
#[must_use]
pub fn chain_start(seed: &Digest, chain: u16) -> u64 {
    word(&[b"firstlight chain\0", seed, &chain.to_be_bytes()])
}

/// Goes `rounds` along a chain. Each round needs the one before: neither a second core nor a wide register makes it sooner done.
#[must_use]
pub const fn chain(mut x: u64, rounds: u32) -> u64 {
    let mut left = rounds;
    while left > 0 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x = x.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(1);
        left -= 1;
    }
    x
}

/// Words of a lane: a MiB.
pub const LANE_WORDS: usize = LINES * LINE_WORDS;

/// Fills the lane with this number up to and with the line `last` ([`LINES`] − 1: all of it). Each line is made of the one before and
/// of an earlier one that only the one before names, so that no line is had without all before it.
///
/// `words` holds [`LANE_WORDS`]; a shorter one is filled as far as it goes.
pub fn fill(seed: &Digest, lane: u32, last: usize, words: &mut [u64]) {
    let mut start = Stream::of(&[b"firstlight lane\0", seed, &lane.to_be_bytes()]);
    let (lines, _) = words.as_chunks_mut::<LINE_WORDS>();
    let Some(first) = lines.first_mut() else { return };
    first.iter_mut().for_each(|word| *word = start.next());
    for i in 1..lines.len().min(last + 1) {
        let (done, rest) = lines.split_at_mut(i);
        let (Some(line), Some(before)) = (rest.first_mut(), done.last()) else {
            return;
        };
        let named = usize::try_from(before[0] >> 32).unwrap_or(0) % i;
        let other = done.get(named).unwrap_or(before);
        for (k, word) in line.iter_mut().enumerate() {
            let mixed = (before[k] ^ other[k]).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *word = mixed.rotate_left(29).wrapping_add(before[(k + 1) % LINE_WORDS]);
        }
    }
}

/// Where the walk through all lanes begins.
#[must_use]
pub fn walk_start(seed: &Digest) -> u64 {
    word(&[b"firstlight walk\0", seed])
}

/// The lane and the line that the walk looks at next.
#[must_use]
pub fn walk_at(x: u64, lanes: u32) -> (u32, usize) {
    let lane = (x >> 32).checked_rem(u64::from(lanes)).unwrap_or(0);
    let line = usize::try_from(x & 0xffff_ffff).unwrap_or(0) % LINES;
    (u32::try_from(lane).unwrap_or(0), line)
}

/// Where it is after it has looked at this line of a lane.
#[must_use]
pub fn walk_on(x: u64, lane: &[u64], line: usize) -> u64 {
    let words = lane.iter().skip(line * LINE_WORDS).take(LINE_WORDS);
    mix(words.fold(x, |x, word| x.rotate_left(7) ^ word))
}

/// A MiB of a file, as words that no disk can make smaller.
pub fn chunk(seed: &Digest, number: u16, words: &mut [u64]) {
    let mut stream = Stream::of(&[b"firstlight chunk\0", seed, &number.to_be_bytes()]);
    words.iter_mut().for_each(|word| *word = stream.next());
}

/// What stands for a chunk in an answer.
#[must_use]
pub fn chunk_word(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| mix(sum ^ word))
}

/// Lines of a lane.
pub const LINES: usize = 16_384;
/// A line is what a processor loads at once: 64 bytes.
const LINE_WORDS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_filled_as_far_as_a_line_has_that_line() {
        let seed = [7; 32];
        let mut whole = vec![0; LANE_WORDS];
        fill(&seed, 3, LINES - 1, &mut whole);
        for line in [0, 1, 77, LINES - 1] {
            let mut part = vec![0; LANE_WORDS];
            fill(&seed, 3, line, &mut part);
            assert_eq!(walk_on(5, &part, line), walk_on(5, &whole, line));
        }
        let mut other = vec![0; LANE_WORDS];
        fill(&seed, 4, LINES - 1, &mut other);
        assert_ne!(other, whole);
    }

    #[test]
    fn the_work_is_the_same_on_every_machine() {
        let seed = [1; 32];
        let mut lane = vec![0; LANE_WORDS];
        fill(&seed, 0, LINES - 1, &mut lane);
        let mut words = vec![0; 1024];
        chunk(&seed, 9, &mut words);
        let ends = [
            chain(chain_start(&seed, 2), 1000),
            walk_on(walk_start(&seed), &lane, LINES - 1),
            chunk_word(&words),
        ];
        assert_eq!(ends, VECTOR);
    }

    const VECTOR: [u64; 3] = [
        12_908_671_549_461_363_375,
        14_402_660_965_311_305_166,
        17_587_334_398_514_849_484,
    ];
}
