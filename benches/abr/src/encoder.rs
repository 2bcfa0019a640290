//! How large access units come out, from recordings of our real encoder (`recordings/x264.json`, `examples/record_encoder.rs`).
//!
//! A clip says, for each of its pictures and each target that was recorded, how much of a frame's budget the encoder used. A game of
//! the size that fills 50 Mbit/s is taken to do at 50 what the clip did at the highest target that it still filled, and so on down in
//! proportion: a clip of 720p is stretched over the range of the bench, since a small picture does not use large targets at all.
//! IDRs, recoveries and the first pictures behind a change of the target come from recordings too.

use crate::control::number_of;
use crate::source::INTERVAL;
use firstlight_netem::Random;
use firstlight_units::{Bitrate, ByteCount};
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Debug, Deserialize)]
struct Recording {
    kbps: Vec<f64>,
    fps: f64,
    clips: Vec<Clip>,
}

#[derive(Debug, Deserialize)]
struct Clip {
    steady: Vec<Vec<f64>>,
    idr: Vec<Vec<f64>>,
    recovery: Vec<f64>,
    response: Vec<Response>,
}

#[derive(Debug, Deserialize)]
struct Response {
    from_kbps: f64,
    to_kbps: f64,
    per_mille: Vec<f64>,
}

/// What kind of access unit is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Predicted from the one before.
    Ordinary,
    /// Predicted from an older one.
    Recovery,
    /// Predicted from nothing.
    Idr,
}

/// An encoder that encodes one clip, over and over.
#[derive(Debug)]
pub struct Encoder {
    clip: &'static Clip,
    /// What the clip filled, in kbit/s.
    limit: f64,
    offset: usize,
    target: f64,
    step: Option<Step>,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    response: &'static Response,
    behind: usize,
}

impl Encoder {
    /// The clip and its beginning follow from `seed`.
    ///
    /// # Panics
    /// When the recording that is compiled in is broken.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xABCD);
        let clips = &RECORDING.clips;
        let index = seed % clips.len() as u64;
        let clip = clips
            .get(usize::try_from(index).unwrap_or(0))
            .expect("invariant: the recording has clips");
        Self {
            limit: limit(clip),
            offset: usize::try_from(random.below(1 << 16)).unwrap_or(0),
            clip,
            target: 0.0,
            step: None,
            random,
        }
    }

    /// The size of the `picture`th picture of the run. A bound below the buffer is a smaller buffer for this picture, as our encoder
    /// takes it: what it asks the library for falls in proportion.
    pub fn encode(
        &mut self,
        picture: usize,
        bitrate: Bitrate,
        what: What,
        most: Option<ByteCount>,
    ) -> ByteCount {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let (budget, target) = (
            bitrate.bytes_in(INTERVAL).as_u64() as f64,
            bitrate.as_kbps() as f64,
        );
        self.follow(target);
        let (above, weight) = self.between(target);
        let mix = |value: &dyn Fn(usize) -> f64| value(above - 1) * (1.0 - weight) + value(above) * weight;
        let used = match what {
            What::Idr => {
                let pick = usize::try_from(self.random.below(1 << 16)).unwrap_or(0);
                mix(&|index| share(self.clip.idr.get(index), pick, index))
            }
            What::Ordinary | What::Recovery => {
                let steady = mix(&|index| share(self.clip.steady.get(index), picture + self.offset, index));
                let recovery =
                    mix(&|index| self.clip.recovery.get(index).copied().unwrap_or(1_000.0) / 1_000.0);
                let factor = if what == What::Recovery { recovery } else { 1.0 };
                steady * factor * self.response()
            }
        };
        // However few bits a recovery or a step would take, the VBV holds one frame of what is asked for, 6/5 of the target.
        let vbv = if what == What::Idr { f64::MAX } else { VBV };
        // An IDR is near its coarsest as it is.
        let most = most.filter(|_| what != What::Idr);
        let room = most.map_or(1.0, |most| (number_of(most) / (budget * VBV)).min(1.0));
        let size = (budget * used.min(vbv) * room).max(SIZE_MIN);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
        ByteCount::new(size as u64)
    }

    /// Notes a change of the target that is worth a transient.
    fn follow(&mut self, target: f64) {
        let ratio = (target / self.target.max(1.0)).ln();
        if self.target > 0.0 && ratio.abs() > STEP {
            let responses = self.clip.response.iter();
            let same = responses.filter(|response| (response.to_kbps > response.from_kbps) == (ratio > 0.0));
            let near = |response: &&Response| ((response.to_kbps / response.from_kbps).ln() - ratio).abs();
            let nearest = same.min_by(|a, b| near(a).total_cmp(&near(b)));
            self.step = nearest.map(|response| Step { response, behind: 0 });
        }
        self.target = target;
    }

    fn response(&mut self) -> f64 {
        let Some(step) = &mut self.step else {
            return 1.0;
        };
        let factor = step.response.per_mille.get(step.behind).copied();
        step.behind += 1;
        if factor.is_none() {
            self.step = None;
        }
        factor.map_or(1.0, |per_mille| per_mille / 1_000.0)
    }

    /// The recorded target above this one, stretched, and how near it is.
    fn between(&self, target: f64) -> (usize, f64) {
        let kbps = &RECORDING.kbps;
        let stretched = target * self.limit / FULL_KBPS;
        let above = kbps.partition_point(|k| *k < stretched).clamp(1, kbps.len() - 1);
        let at = |index: usize| kbps.get(index).copied().unwrap_or(1.0);
        let (low, high) = (at(above - 1), at(above));
        let weight = ((stretched / low).ln() / (high / low).ln()).clamp(0.0, 1.0);
        (above, weight)
    }
}

/// Of a frame's budget at a recorded target, the share that its `n`th size takes.
fn share(sizes: Option<&Vec<f64>>, n: usize, index: usize) -> f64 {
    let kbps = RECORDING.kbps.get(index).copied().unwrap_or(1.0);
    let budget = kbps * 1_000.0 / 8.0 / RECORDING.fps;
    let size = sizes.and_then(|sizes| sizes.get(n.checked_rem(sizes.len())?));
    size.copied().unwrap_or(budget) / budget
}

/// The highest recorded target of which the clip uses nearly as much as of any.
fn limit(clip: &Clip) -> f64 {
    let means = clip.steady.iter().enumerate().map(|(index, sizes)| {
        let sum: f64 = (0..sizes.len()).map(|n| share(Some(sizes), n, index)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let count = sizes.len().max(1) as f64;
        sum / count
    });
    let means: Vec<f64> = means.collect();
    let best = means.iter().copied().fold(0.0, f64::max);
    let filled = means.iter().rposition(|mean| *mean >= best * FILLED).unwrap_or(0);
    RECORDING.kbps.get(filled).copied().unwrap_or(FULL_KBPS)
}

static RECORDING: LazyLock<Recording> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../recordings/x264.json")).expect("invariant: the recording is sound")
});

/// [`BITRATE_MAX`](crate::source::BITRATE_MAX).
const FULL_KBPS: f64 = 50_000.0;
/// A target counts as filled when so much is used of it as of that of which most is.
const FILLED: f64 = 0.9;
/// Natural logarithm of the least change of a target that has a transient: a fifth.
const STEP: f64 = 0.2;
/// x264's buffer: one frame of what it is asked for, which is 6/5 of the target.
const VBV: f64 = 1.2;
/// Headers and skipped blocks.
const SIZE_MIN: f64 = 200.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(seed: u64, bitrate: Bitrate) -> f64 {
        let mut encoder = Encoder::new(seed);
        let sum: u64 = (0..600)
            .map(|n| encoder.encode(n, bitrate, What::Ordinary, None).as_u64())
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let share = sum as f64 / 600.0 / bitrate.bytes_in(INTERVAL).as_u64() as f64;
        share
    }

    #[test]
    fn a_steady_target_is_kept_as_the_recordings_keep_it() {
        for seed in 0..6 {
            for mbps in [1, 4, 10, 25, 50] {
                let share = mean(seed, Bitrate::mbps(mbps));
                assert!(
                    (0.6..=1.05).contains(&share),
                    "clip {seed} at {mbps} Mbit/s: {share}"
                );
            }
        }
    }

    #[test]
    fn a_lower_target_is_followed_with_the_next_picture() {
        for seed in 0..3 {
            let mut encoder = Encoder::new(seed);
            for n in 0..60 {
                encoder.encode(n, Bitrate::mbps(40), What::Ordinary, None);
            }
            let low = Bitrate::mbps(8);
            let size = encoder.encode(60, low, What::Ordinary, None);
            assert!(
                size <= low.scale(13, 10).bytes_in(INTERVAL),
                "clip {seed}: {size:?}"
            );
        }
    }

    #[test]
    fn an_idr_is_no_larger_than_the_buffer_but_at_the_lowest_targets() {
        let mut encoder = Encoder::new(2);
        let rate = Bitrate::mbps(20);
        let idr = encoder.encode(0, rate, What::Idr, None);
        assert!(idr <= rate.scale(13, 10).bytes_in(INTERVAL), "{idr:?}");
    }
}
