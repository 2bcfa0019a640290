//! How much parity goes with what: a pure policy over what is known of the path's losses.
//!
//! In the manner of Hairpin (NSDI'24): where a repeat makes the deadline, nearly nothing is sent ahead, and the redundancy
//! goes with the repeats, which are few and must not be lost again. Where the round trip takes more than half the deadline,
//! all of it goes ahead. While a queue stands losses are the queue's: parity would lengthen it, so there is none.

use firstlight_units::{ByteCount, Micros, Timestamp};
use firstlight_wire::PARITY_DATA_MAX;

/// What decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// The smallest round trip of the last seconds.
    pub(crate) rtt: Micros,
    /// What stands in the path's queue.
    pub(crate) queue: Micros,
    /// Millionths of the packets that are lost, over the last seconds.
    pub(crate) loss: u64,
    /// Thousandths, of the worst tenths of a second lately.
    pub(crate) burst: u64,
    /// Thousandths of what parity may have saved up that it has.
    pub(crate) plenty: u64,
}

/// Parity packets that follow the first sending of a unit of `fragments`.
pub(crate) fn with_first(c: &Conditions, fragments: u16) -> u16 {
    if c.queue > QUEUE_STANDS || fragments > PARITY_DATA_MAX || c.loss < LOSS_LEAST {
        return 0;
    }
    if c.rtt <= RTT_SHORT {
        // It is the last packet of its frame: a loss before it is noticed by it, not by the next frame.
        return u16::from(c.burst >= BURST && fragments >= FRAGMENTS_MANY);
    }
    let most = (u64::from(fragments) * FIRST_MOST).div_ceil(1_000);
    let enough =
        (1..most).find(|parity| lost_beyond(*parity, u64::from(fragments) + parity, c.loss) <= MISSED_MOST);
    u16::try_from(enough.unwrap_or(most)).unwrap_or(0)
}

/// Millionths of units of `packets` that lose more than `spare` of them, at most, where `loss` millionths of packets are lost by chance:
/// of a Poisson distribution's mean λ no more than λⁿ⁺¹ / (n + 1)! is beyond n.
fn lost_beyond(spare: u64, packets: u64, loss: u64) -> u64 {
    let mean = packets * loss;
    (1..=spare + 1).fold(MILLION, |part, n| part.saturating_mul(mean) / (MILLION * n))
}

/// Parity packets that go with the repeats of `repeats` fragments of a unit.
///
/// What is lost again costs another round trip, which the deadline seldom has. So there is far more of it than what is likely to be
/// lost, as long as bursts are rare enough that it has been saved up; where loss lasts, there is what it takes in the mean.
pub(crate) fn with_repeats(c: &Conditions, repeats: u16) -> u16 {
    if c.queue > QUEUE_STANDS || repeats == 0 {
        return 0;
    }
    let repeats = u64::from(repeats);
    // Down to half of what can be saved up there is plenty.
    let plenty = (c.plenty * 2).min(1_000);
    let between = |(lean, rich): (u64, u64)| lean + ((rich - lean) * plenty).div_ceil(1_000);
    let expected = repeats * c.burst * between(TIMES_EXPECTED);
    let wanted = expected.div_ceil(1_000 * 1_000);
    let wanted = wanted.max(between(LEAST)).min(repeats * between(TIMES_REPEATED));
    u16::try_from(wanted).unwrap_or(u16::MAX)
}

/// What is known of the losses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Losses {
    /// Millionths, of about the last two seconds and of the last twelve.
    mean: [Mean; 2],
    burst: u64,
    burst_at: Timestamp,
    came: u64,
    missing: u64,
    settled: u64,
    lost: u64,
    begun_at: Timestamp,
}

impl Losses {
    /// A report told of so many packets that came, and asked for so many fragments; of so many packets whose fate is known by
    /// it, so many are lost.
    pub(crate) fn on_report(
        &mut self,
        now: Timestamp,
        (came, missing): (u64, u64),
        (settled, lost): (u64, u64),
    ) {
        self.came += came;
        self.missing += missing;
        self.settled += settled;
        self.lost += lost;
        if now.since(self.begun_at) < WINDOW || self.came + self.missing < PACKETS_FEW {
            return;
        }
        let share = |part: u64, whole: u64| (part * 1_000).checked_div(whole).unwrap_or(0);
        // What is asked for may be late only; what is settled is lost.
        let lost = share(self.lost * 1_000, self.settled);
        for (mean, windows) in self.mean.iter_mut().zip(REMEMBERED_WINDOWS) {
            mean.add(lost, windows);
        }
        let share = share(self.missing, self.came + self.missing);
        (self.settled, self.lost) = (0, 0);
        if share >= self.burst(now) {
            self.burst = share;
            self.burst_at = now;
        }
        (self.came, self.missing, self.begun_at) = (0, 0, now);
    }

    /// Millionths. A path that begins to lose much is seen at once, one that loses three packets of a thousand needs thousands to tell.
    pub(crate) fn mean(&self) -> u64 {
        let means = self.mean.iter().zip(REMEMBERED_WINDOWS);
        means.map(|(mean, windows)| mean.sum / windows).max().unwrap_or(0)
    }

    /// Thousandths. Halves every second.
    pub(crate) fn burst(&self, now: Timestamp) -> u64 {
        let seconds = now.since(self.burst_at).as_micros() / 1_000_000;
        let halved = u32::try_from(seconds)
            .ok()
            .and_then(|n| self.burst.checked_shr(n))
            .unwrap_or(0);
        halved.max(self.mean() / 1_000)
    }
}

/// An exponential mean, kept as the sum of as many windows as it remembers: a share of a millionth doesn't round away.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: u64,
}

impl Mean {
    const fn add(&mut self, share: u64, windows: u64) {
        self.sum = self.sum - self.sum / windows + share;
    }
}

/// Which share of what is sent is no first sending of anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overhead {
    all: u64,
    extra: u64,
}

impl Overhead {
    pub(crate) fn on_sent(&mut self, bytes: ByteCount, extra: bool) {
        self.all += bytes.as_u64();
        self.extra += if extra { bytes.as_u64() } else { 0 };
        if self.all > REMEMBERED {
            self.all /= 2;
            self.extra /= 2;
        }
    }

    /// Thousandths.
    pub(crate) fn share(&self) -> u64 {
        (self.extra * 1_000)
            .checked_div(self.all.max(REMEMBERED / 8))
            .unwrap_or(0)
            .min(SHARE_MOST)
    }
}

/// Half of a deadline of 50 ms: up to here a repeat, and mostly its repeat too, comes in time.
const RTT_SHORT: Micros = Micros::from_millis(25);
/// Loss in front of such a queue is the queue's.
const QUEUE_STANDS: Micros = Micros::from_millis(10);
/// Millionths: below it there are seconds between two frames that come late, and each is late by one repeat.
const LOSS_LEAST: u64 = 500;
/// Millionths of frames that may wait for a repeat all the same: some three a minute.
const MISSED_MOST: u64 = 1_000;
const MILLION: u64 = 1_000_000;
/// Of [`WINDOW`].
const REMEMBERED_WINDOWS: [u64; 2] = [32, 256];
/// Thousandths that make a burst.
const BURST: u64 = 50;
/// With fewer, a packet more is a tenth more.
const FRAGMENTS_MANY: u16 = 10;
/// Thousandths of a unit's fragments that may go ahead.
const FIRST_MOST: u64 = 150;
/// Parity with repeats, with nothing saved up and with plenty. Thousandths of what is expected to be lost of them:
const TIMES_EXPECTED: (u64, u64) = (1_500, 6_000);
/// at the least, for what is lost by chance is mostly one packet;
const LEAST: (u64, u64) = (1, 4);
/// and at the most, for each repeat: in a burst of 60 % a third of all pairs are lost, and one in twenty of six.
const TIMES_REPEATED: (u64, u64) = (1, 5);
/// A few frames.
const WINDOW: Micros = Micros::from_millis(50);
const PACKETS_FEW: u64 = 20;
/// A few tenths of a second at 10 Mbit/s.
const REMEMBERED: u64 = 512 << 10;
/// However bad: what is left must be a picture.
const SHARE_MOST: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    /// `loss` in thousandths.
    fn conditions(rtt: u64, loss: u64, burst: u64) -> Conditions {
        Conditions {
            rtt: Micros::from_millis(rtt),
            queue: Micros::ZERO,
            loss: loss * 1_000,
            burst,
            plenty: 0,
        }
    }

    #[test]
    fn a_short_path_repeats_and_a_long_one_sends_ahead() {
        assert_eq!(with_first(&conditions(10, 80, 400), 30), 1);
        assert_eq!(with_first(&conditions(10, 10, 10), 30), 0);
        assert_eq!(with_first(&conditions(80, 10, 10), 30), 3);
        assert_eq!(with_first(&conditions(80, 3, 10), 12), 1);
        assert_eq!(
            with_first(&conditions(80, 0, 300), 30),
            0,
            "nothing is lost, only late"
        );
        assert_eq!(with_first(&conditions(80, 80, 400), 30), 5);
        assert_eq!(with_first(&conditions(80, 0, 0), 30), 0);
    }

    #[test]
    fn repeats_carry_as_much_as_is_lost_of_them() {
        assert_eq!(with_repeats(&conditions(10, 10, 10), 3), 1);
        assert_eq!(with_repeats(&conditions(10, 80, 400), 10), 6);
        assert_eq!(with_repeats(&conditions(10, 80, 1_000), 10), 10);
    }

    #[test]
    fn where_it_was_saved_up_repeats_carry_more() {
        let rich = |c: Conditions| Conditions { plenty: 1_000, ..c };
        assert_eq!(with_repeats(&rich(conditions(10, 10, 10)), 3), 4);
        assert_eq!(with_repeats(&rich(conditions(10, 10, 10)), 0), 0);
        assert_eq!(with_repeats(&rich(conditions(10, 80, 400)), 10), 24);
        assert_eq!(with_repeats(&rich(conditions(10, 80, 1_000)), 10), 50);
        let with = |plenty| Conditions {
            plenty,
            ..conditions(10, 80, 400)
        };
        assert_eq!(
            [500, 250, 0].map(|plenty| with_repeats(&with(plenty), 10)),
            [24, 15, 6]
        );
    }

    #[test]
    fn a_standing_queue_gets_no_parity() {
        let congested = Conditions {
            queue: Micros::from_millis(20),
            ..conditions(80, 300, 500)
        };
        assert_eq!((with_first(&congested, 30), with_repeats(&congested, 10)), (0, 0));
    }

    #[test]
    fn three_lost_packets_of_a_thousand_are_seen() {
        let mut losses = Losses::default();
        let at = |ms: u64| Timestamp::from_micros(1_000_000 + ms * 1_000);
        for n in 1..600 {
            let lost = u64::from(n % 5 == 0);
            losses.on_report(at(n * 60), (67, lost), (67, lost));
            assert!(
                n < 300 || (2_500..=4_000).contains(&losses.mean()),
                "{}",
                losses.mean()
            );
        }
    }

    #[test]
    fn as_much_goes_ahead_as_leaves_one_unit_of_a_thousand_to_a_repeat() {
        assert!(lost_beyond(1, 13, 3_000) <= MISSED_MOST);
        assert!(lost_beyond(1, 21, 3_000) > MISSED_MOST);
        assert!(lost_beyond(2, 22, 3_000) <= MISSED_MOST);
        assert_eq!(lost_beyond(0, 10, 100_000), MILLION);
    }

    #[test]
    fn a_burst_is_remembered_for_seconds_and_forgotten() {
        let mut losses = Losses::default();
        let at = |ms: u64| Timestamp::from_micros(1_000_000 + ms * 1_000);
        losses.on_report(at(0), (50, 50), (0, 0));
        assert_eq!(losses.burst(at(100)), 500);
        for n in 1..200 {
            losses.on_report(at(n * 60), (100, 0), (100, 0));
        }
        assert_eq!((losses.burst(at(12_000)), losses.mean()), (0, 0));
    }
}
