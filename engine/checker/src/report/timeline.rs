//! A session's seconds, as many as it has, in bounded memory.

use super::view::Timeline;
use super::{Parts, STAGES, Sample};
use crate::Score;
use firstlight_units::Micros;

/// Buckets of one second each; when there are too many, pairs become one, and all that follow are as wide.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    /// Seconds in a bucket.
    step: u32,
    buckets: Vec<Bucket>,
}

/// Sums over the seconds of a bucket.
#[derive(Clone, Debug, Default)]
struct Bucket {
    seconds: u32,
    judged: u32,
    score: u64,
    /// Seconds with a delay, and its sum.
    delays: u32,
    delay: u64,
    variation: u64,
    frozen: u64,
    expected: u32,
    shown: u32,
    received: u64,
    target: u64,
    size: (u32, u32),
    rtt: u64,
    clock_error: u64,
    lost: u32,
    late: u32,
    dropped: u32,
    clicks: u32,
    picture: Sum,
    click: Sum,
}

/// Means with their weights.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    weight: u64,
    parts: [i64; STAGES],
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            step: 1,
            buckets: Vec::new(),
        }
    }
}

impl Recorder {
    /// A second that began so many seconds after the session. `score`: none, where it is not judged.
    pub(super) fn add(&mut self, at_s: u32, sample: &Sample, score: Option<Score>) {
        while at_s / self.step >= BUCKETS_MAX {
            self.halve();
        }
        let at = usize::try_from(at_s / self.step).unwrap_or(usize::MAX);
        if self.buckets.len() <= at {
            self.buckets.resize_with(at + 1, Bucket::default);
        }
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.add(sample, score);
        }
    }

    fn halve(&mut self) {
        self.step = self.step.saturating_mul(2);
        let pairs = self.buckets.chunks(2).map(|pair| {
            let mut pair = pair.iter().cloned();
            let first = pair.next().unwrap_or_default();
            pair.fold(first, Bucket::join)
        });
        self.buckets = pairs.collect();
    }

    /// The buckets in which there was a second, in order.
    pub(super) fn view(&self) -> Timeline {
        let mut view = Timeline {
            step_s: self.step,
            ..Timeline::default()
        };
        for (at, bucket) in (0u32..).zip(&self.buckets) {
            if bucket.seconds > 0 {
                bucket.write(at.saturating_mul(self.step), &mut view);
            }
        }
        view
    }
}

impl Bucket {
    fn add(&mut self, sample: &Sample, score: Option<Score>) {
        let second = &sample.second;
        self.seconds += 1;
        if let Some(score) = score {
            self.judged += 1;
            self.score += u64::from(score.get());
        }
        if let Some(delay) = second.delay {
            self.delays += 1;
            self.delay = self.delay.saturating_add(delay.as_micros());
            self.variation = self.variation.saturating_add(second.variation.as_micros());
        }
        self.frozen = self.frozen.saturating_add(second.frozen.as_micros());
        self.expected = self.expected.saturating_add(second.expected);
        self.shown = self.shown.saturating_add(second.shown);
        self.received = self.received.saturating_add(sample.received.as_bps());
        self.target = self.target.saturating_add(sample.target.as_bps());
        self.size = sample.size;
        self.rtt = self.rtt.max(sample.rtt.as_micros());
        self.clock_error = self.clock_error.max(sample.clock_error.as_micros());
        self.lost = self.lost.saturating_add(sample.lost);
        self.late = self.late.saturating_add(sample.late);
        self.dropped = self.dropped.saturating_add(sample.dropped);
        self.clicks = self.clicks.saturating_add(sample.clicks);
        self.picture.add(sample.picture.as_ref(), second.shown);
        self.click.add(sample.click.as_ref(), sample.clicks);
    }

    fn join(self, next: Self) -> Self {
        let seconds = self.seconds + next.seconds;
        Self {
            seconds,
            judged: self.judged + next.judged,
            score: self.score + next.score,
            delays: self.delays + next.delays,
            delay: self.delay.saturating_add(next.delay),
            variation: self.variation.saturating_add(next.variation),
            frozen: self.frozen.saturating_add(next.frozen),
            expected: self.expected.saturating_add(next.expected),
            shown: self.shown.saturating_add(next.shown),
            received: self.received.saturating_add(next.received),
            target: self.target.saturating_add(next.target),
            size: if next.seconds > 0 { next.size } else { self.size },
            rtt: self.rtt.max(next.rtt),
            clock_error: self.clock_error.max(next.clock_error),
            lost: self.lost.saturating_add(next.lost),
            late: self.late.saturating_add(next.late),
            dropped: self.dropped.saturating_add(next.dropped),
            clicks: self.clicks.saturating_add(next.clicks),
            picture: self.picture.join(&next.picture),
            click: self.click.join(&next.click),
        }
    }

    fn write(&self, at_s: u32, view: &mut Timeline) {
        let mean = |sum: u64, n: u32| narrow(sum.checked_div(n.into()).unwrap_or(0));
        view.at_s.push(at_s);
        view.score
            .push((self.judged > 0).then(|| Score::of(self.score, self.judged.into()).get()));
        view.delay_us
            .push((self.delays > 0).then(|| mean(self.delay, self.delays)));
        view.variation_us.push(mean(self.variation, self.delays));
        view.frozen_ms.push(narrow(self.frozen / 1_000));
        view.expected.push(self.expected);
        view.shown.push(self.shown);
        view.received_bps
            .push(self.received / u64::from(self.seconds.max(1)));
        view.target_bps.push(self.target / u64::from(self.seconds.max(1)));
        view.width.push(self.size.0);
        view.height.push(self.size.1);
        view.rtt_us.push(narrow(self.rtt));
        view.clock_error_us.push(narrow(self.clock_error));
        view.lost.push(self.lost);
        view.late.push(self.late);
        view.dropped.push(self.dropped);
        view.clicks.push(self.clicks);
        view.picture_stages_us.push(self.picture.mean());
        view.click_stages_us.push(self.click.mean());
    }
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            weight: 0,
            parts: [0; STAGES],
        }
    }
}

impl Sum {
    pub(super) fn add(&mut self, parts: Option<&Parts>, weight: u32) {
        let Some(parts) = parts else { return };
        let weight = weight.max(1);
        self.weight += u64::from(weight);
        for (sum, part) in self.parts.iter_mut().zip(parts) {
            *sum = sum.saturating_add(i64::from(*part) * i64::from(weight));
        }
    }

    fn join(mut self, other: &Self) -> Self {
        self.weight += other.weight;
        for (sum, part) in self.parts.iter_mut().zip(&other.parts) {
            *sum = sum.saturating_add(*part);
        }
        self
    }

    /// Rounded to whole microseconds; empty where there was nothing.
    pub(super) fn mean(&self) -> Vec<i32> {
        let Some(weight) = i64::try_from(self.weight).ok().filter(|weight| *weight > 0) else {
            return Vec::new();
        };
        let mean = |sum: &i64| {
            let half = if *sum < 0 { -weight / 2 } else { weight / 2 };
            let mean = sum.saturating_add(half) / weight;
            i32::try_from(mean).unwrap_or(if mean < 0 { i32::MIN } else { i32::MAX })
        };
        self.parts.iter().map(mean).collect()
    }
}

/// The longest of what may be told.
fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The time of a second by the whole session's clock.
pub(super) fn second_of(since_begin: Micros) -> u32 {
    narrow(since_begin.as_micros() / 1_000_000)
}

/// Two minutes of single seconds. With all columns some 15 KB of JSON, and 45 at the worst: a record of the store takes 64.
pub(super) const BUCKETS_MAX: u32 = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::Second;
    use proptest::prelude::*;

    fn sample(shown: u32, lost: u32, part: i32) -> Sample {
        Sample {
            second: Second {
                shown,
                expected: shown,
                delay: Some(Micros::from_millis(50)),
                ..Second::default()
            },
            lost,
            picture: Some([part; STAGES]),
            ..Sample::default()
        }
    }

    #[test]
    fn a_short_session_has_its_single_seconds() {
        let mut recorder = Recorder::default();
        for at in [0, 1, 5] {
            recorder.add(at, &sample(60, at, 100), Some(Score::new(9_000)));
        }
        let view = recorder.view();
        assert_eq!((view.step_s, view.at_s.as_slice()), (1, [0, 1, 5].as_slice()));
        assert_eq!(view.lost, [0, 1, 5]);
        assert_eq!(view.score, [Some(9_000); 3]);
        assert_eq!(view.picture_stages_us[0], [100; STAGES]);
        assert!(view.click_stages_us[0].is_empty());
    }

    #[test]
    fn a_second_at_the_end_of_time_is_taken_too() {
        let mut recorder = Recorder::default();
        recorder.add(0, &sample(1, 1, 1), None);
        recorder.add(u32::MAX, &sample(1, 1, 1), None);
        assert_eq!(recorder.view().lost.iter().sum::<u32>(), 2);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_when_seconds_are_joined(lost in proptest::collection::vec(0u32..5, 1..1_500)) {
            let mut recorder = Recorder::default();
            for (at, lost) in (0u32..).zip(&lost) {
                recorder.add(at, &sample(60, *lost, 7), Some(Score::FULL));
            }
            let view = recorder.view();
            prop_assert!(view.at_s.len() <= BUCKETS_MAX as usize);
            prop_assert_eq!(view.lost.iter().sum::<u32>(), lost.iter().sum::<u32>());
            prop_assert_eq!(view.shown.iter().sum::<u32>(), 60 * u32::try_from(lost.len()).unwrap());
            prop_assert!(view.picture_stages_us.iter().all(|parts| *parts == [7; STAGES]));
            prop_assert!(view.at_s.is_sorted() && view.at_s.iter().all(|at| at % view.step_s == 0));
        }
    }
}
