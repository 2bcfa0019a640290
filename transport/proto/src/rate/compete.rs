//! Whose queue it is: one that stays while we send less than the path carries is somebody else's.
//!
//! A flow that fills the buffer leaves nothing to one that drains it: each byte that is held back here is sent by the other at once. So
//! a queue that does not fall by what we leave free is *foreign*: it counts as the path's own delay, and the rate follows from the
//! share that our trains get among the other's packets. A mistake costs little: alone, that rate drains the queue, which ends it.

use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// Tells a foreign queue from an own one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compete {
    /// The longest queue since it was last seen to fall as an own one does.
    stood: Micros,
    /// What an own queue would have lost since then.
    freed: Micros,
    looked_at: Timestamp,
    /// Sent since then.
    sent: ByteCount,
    /// When a foreign queue was there last.
    foreign: Option<Timestamp>,
}

impl Compete {
    pub(crate) fn on_sent(&mut self, bytes: ByteCount) {
        self.sent += bytes;
    }

    /// A report came: `standing` is the queue by it, `capacity` what the path carries of a train.
    pub(crate) fn on_report(&mut self, now: Timestamp, standing: Micros, capacity: Bitrate) {
        let span = now.since(self.looked_at);
        if span < LOOK {
            return;
        }
        let took = capacity.time_for(std::mem::take(&mut self.sent));
        self.looked_at = now;
        if standing > QUEUE_MOST {
            // Whoever's it is, nobody can play behind it: it is drained.
            (self.stood, self.freed, self.foreign) = (standing, Micros::ZERO, None);
            return;
        }
        if standing < QUEUE_LEAST {
            (self.stood, self.freed) = (standing, Micros::ZERO);
            self.foreign = self.foreign.filter(|seen_at| now.since(*seen_at) < GONE);
            return;
        }
        self.stood = self.stood.max(standing);
        self.freed = (self.freed + span.min(LOOK_MAX)).saturating_sub(took);
        let fallen = self.stood.saturating_sub(standing);
        if fallen.scale(2, 1) > self.freed && fallen > Micros::ZERO {
            (self.stood, self.freed) = (standing, Micros::ZERO);
        } else if self.freed > FREED || self.foreign.is_some() {
            self.foreign = Some(now);
        }
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.foreign.is_some()
    }
}

/// Two frames: what is sent in it must not depend on where in a frame it begins.
const LOOK: Micros = Micros::from_millis(33);
/// A pause says nothing.
const LOOK_MAX: Micros = Micros::from_millis(100);
/// Less is nobody's queue.
const QUEUE_LEAST: Micros = Micros::from_millis(4);
/// What a path that fell to a tenth leaves of ours is longer: to be patient with it made frames seconds late.
const QUEUE_MOST: Micros = Micros::from_millis(60);
/// So much of a queue that did not go.
const FREED: Micros = Micros::from_millis(40);
/// A flow that fills a buffer empties it for about so long when it backs off.
const GONE: Micros = Micros::from_millis(700);

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Bitrate = Bitrate::mbps(20);

    /// Looks every 40 ms for `looks` times, at 70 % of the capacity, while the queue goes as `queue` says, in milliseconds.
    fn after(looks: u64, queue: impl Fn(u64) -> u64) -> Compete {
        let mut compete = Compete::default();
        for n in 1..=looks {
            compete.on_sent(ByteCount::new(70_000));
            let at = Timestamp::from_micros(1_000_000 + n * 40_000);
            compete.on_report(at, Micros::from_millis(queue(n)), CAPACITY);
        }
        compete
    }

    #[test]
    fn a_queue_that_falls_by_what_is_left_free_is_our_own() {
        assert!(!after(30, |n| 200u64.saturating_sub(12 * n)).is_on());
        assert!(!after(100, |_| 3).is_on());
    }

    #[test]
    fn one_that_stays_or_grows_is_somebody_elses() {
        assert!(after(30, |_| 30).is_on());
        assert!(after(30, |n| 10 + n).is_on());
    }

    #[test]
    fn nobody_waits_for_a_long_one() {
        assert!(!after(30, |_| 70).is_on());
        assert!(!after(60, |n| if n < 30 { 30 } else { 61 }).is_on());
    }

    #[test]
    fn it_ends_when_the_queue_has_gone_for_longer_than_a_flow_backs_off() {
        let gone_after = |looks: u64| after(30 + looks, |n| if n <= 30 { 30 } else { 0 });
        assert!(gone_after(10).is_on());
        assert!(!gone_after(20).is_on());
    }
}
