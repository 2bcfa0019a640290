//! Makes inputs of inputs, the same ones for the same seed.

/// A source of inputs.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
    bytes_max: usize,
}

impl Mutator {
    /// `bytes_max`: no input is longer.
    #[must_use]
    pub const fn new(seed: u64, bytes_max: usize) -> Self {
        Self {
            state: seed,
            bytes_max,
        }
    }

    /// The next input: one of the corpus with a few changes, at times mixed with another, at times nothing but noise.
    pub fn next_input(&mut self, corpus: &[Vec<u8>], out: &mut Vec<u8>) {
        out.clear();
        let noise = corpus.is_empty() || self.below(16) == 0;
        if noise {
            let length = self.below(self.bytes_max.min(512) + 1);
            out.extend((0..length).map(|_| self.byte()));
            return;
        }
        out.extend_from_slice(self.pick(corpus));
        for _ in 0..=self.below(6) {
            self.change(corpus, out);
        }
        out.truncate(self.bytes_max);
    }

    fn change(&mut self, corpus: &[Vec<u8>], out: &mut Vec<u8>) {
        let at = self.below(out.len() + 1);
        match self.below(9) {
            0 => out.truncate(at),
            1 => {
                let byte = self.byte();
                out.insert(at, byte);
            }
            2 => {
                let end = (at + self.below(8)).min(out.len());
                out.drain(at..end);
            }
            3 => self.overwrite(at, out),
            4 => self.flip(at, out),
            5 => {
                // A stretch of it once more: lists and scripts grow.
                let end = (at + self.below(64)).min(out.len());
                let piece = out.get(at..end).unwrap_or_default().to_vec();
                let to = self.below(out.len() + 1);
                out.splice(to..to, piece);
            }
            6 => {
                let other = self.pick(corpus).to_vec();
                let from = self.below(other.len() + 1);
                out.truncate(at);
                out.extend_from_slice(other.get(from..).unwrap_or_default());
            }
            7 => {
                let extra = self.below(64);
                out.extend((0..extra).map(|_| self.byte()));
            }
            _ => {
                let byte = self.byte();
                if let Some(slot) = out.get_mut(at) {
                    *slot = byte;
                }
            }
        }
        out.truncate(self.bytes_max);
    }

    /// A number at a limit, in 1, 2, 4 or 8 bytes.
    fn overwrite(&mut self, at: usize, out: &mut [u8]) {
        let value = self
            .pick_of(&[
                0,
                1,
                0x7f,
                0x80,
                0xff,
                0x7fff,
                0xffff,
                0x7fff_ffff,
                u64::from(u32::MAX),
                u64::MAX,
            ])
            .wrapping_add(self.pick_of(&[0, 0, 1, u64::MAX]));
        let bytes = value.to_be_bytes();
        let width = self.pick_of(&[1, 2, 4, 8]);
        let tail = bytes.get(8 - width..).unwrap_or_default();
        for (slot, byte) in out.iter_mut().skip(at).zip(tail) {
            *slot = *byte;
        }
    }

    fn flip(&mut self, at: usize, out: &mut [u8]) {
        let bit = self.below(8);
        if let Some(slot) = out.get_mut(at) {
            *slot ^= 1 << bit;
        }
    }

    fn pick<'a>(&mut self, corpus: &'a [Vec<u8>]) -> &'a [u8] {
        let index = self.below(corpus.len().max(1));
        corpus.get(index).map_or(&[], Vec::as_slice)
    }

    fn pick_of<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len().max(1));
        of.get(index).copied().unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// 0 to `bound` − 1.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_none_is_too_long() {
        let corpus = vec![vec![1; 40], vec![2; 7], Vec::new()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed, 64);
            let mut out = Vec::new();
            (0..2_000)
                .map(|_| {
                    mutator.next_input(&corpus, &mut out);
                    out.clone()
                })
                .collect::<Vec<_>>()
        };
        let some = inputs(1);
        assert_eq!(some, inputs(1));
        assert_ne!(some, inputs(2));
        assert!(some.iter().all(|input| input.len() <= 64));
        assert!(some.iter().any(|input| input.len() > 40));
    }
}
