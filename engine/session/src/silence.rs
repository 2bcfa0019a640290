//! Which recorded frames are sent: sound always, silence hardly. A policy; see docs/PROTOCOL.md, 2.3.

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something is heard in it.
    Sound,
    /// Nothing is, and it is sent all the same.
    Silent,
    /// Nothing is, and the client knows.
    Unsent,
}

/// Watches the frames go by.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// Silent frames in a row.
    run: u32,
}

impl Silence {
    /// Judges the next frame.
    pub(crate) fn judge(&mut self, samples: &[i16]) -> Verdict {
        if samples.iter().any(|sample| sample.unsigned_abs() > NOISE_MAX) {
            self.run = 0;
            return Verdict::Sound;
        }
        self.run = self.run.saturating_add(1);
        if self.run <= HANGOVER || self.run.is_multiple_of(KEEP_ALIVE) {
            Verdict::Silent
        } else {
            Verdict::Unsent
        }
    }

    /// Somebody begins to listen, who knows nothing of the silence so far.
    pub(crate) fn restart(&mut self) {
        self.run = 0;
    }
}

/// The lowest bit alone: a mixer's dither, at -90 dB of full scale.
const NOISE_MAX: u16 = 1;
/// Frames of silence that are sent before it is cut: 100 ms, in which the codec's own tail fades, and which no usual loss
/// takes away whole. A pause between two notes is shorter or barely longer, and cutting it would save nothing.
const HANGOVER: u32 = 10;
/// Every 40th frame is sent, 400 ms apart: often enough to follow two clocks that part, and 2.5 % of the packets.
const KEEP_ALIVE: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: [i16; 960] = [0; 960];

    fn loud() -> Vec<i16> {
        let mut samples = FRAME.to_vec();
        samples[959] = -2;
        samples
    }

    #[test]
    fn silence_is_cut_after_a_tenth_of_a_second_and_kept_alive() {
        let mut silence = Silence::default();
        let sent: Vec<u32> = (1..=1_000)
            .filter(|_| silence.judge(&FRAME) != Verdict::Unsent)
            .collect();
        let expected: Vec<u32> = (1..=10).chain((1..=25).map(|n| 40 * n)).collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn sound_after_silence_is_sent_at_once() {
        let mut silence = Silence::default();
        for _ in 0..500 {
            silence.judge(&FRAME);
        }
        assert_eq!(silence.judge(&loud()), Verdict::Sound);
        assert_eq!(silence.judge(&FRAME), Verdict::Silent);
    }

    #[test]
    fn a_new_listener_hears_of_the_silence_at_once() {
        let mut silence = Silence::default();
        for _ in 0..15 {
            silence.judge(&FRAME);
        }
        assert_eq!(silence.judge(&FRAME), Verdict::Unsent);
        silence.restart();
        assert_eq!(silence.judge(&FRAME), Verdict::Silent);
    }

    proptest! {
        #[test]
        fn whatever_is_heard_is_sent_and_nothing_lasts_longer_than_the_keep_alive(
            frames in prop::collection::vec((any::<bool>(), 1usize..120), 1..20)
        ) {
            let mut silence = Silence::default();
            let mut unsent = 0;
            for sounds in frames.iter().flat_map(|(sounds, n)| std::iter::repeat_n(*sounds, *n)) {
                let samples = if sounds { loud() } else { FRAME.to_vec() };
                let verdict = silence.judge(&samples);
                prop_assert_eq!(verdict == Verdict::Sound, sounds);
                unsent = if verdict == Verdict::Unsent { unsent + 1 } else { 0 };
                prop_assert!(unsent < KEEP_ALIVE);
            }
        }
    }
}
