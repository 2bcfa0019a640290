//! The offset between the host's clock and the client's, and how wrong it may be.
//!
//! ```text
//! Clock (client) -> request -> ClockResponder (host) -> reply -> Clock -> Offset
//! ```
//!
//! A reply bounds the offset to half its round trip (`docs/PROTOCOL.md`, 2.4). [`Clock`] keeps the tightest bound of the last
//! 30 s. It never smooths: an average of bad bounds is not a better one. In this module `Timestamp` is the local clock of
//! the side that runs it, `RemoteTime` the other's.

use crate::input::bucket::Bucket;
use firstlight_units::{Micros, RemoteTime, Timestamp};
use firstlight_wire::{ClockReply, ClockRequest};
use std::collections::VecDeque;

/// Remote clock minus local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Microseconds to add to a local time to get the remote one.
    pub micros: i64,
    /// The true offset is at most this far away, drift since the measurement included.
    pub error: Micros,
    /// Round trip of the measurement, without the host's own time.
    pub rtt: Micros,
}

impl Offset {
    /// The local time that the remote clock showed as `remote`; not before the local clock's zero.
    #[must_use]
    pub const fn to_local(self, remote: RemoteTime) -> Timestamp {
        Timestamp::from_micros(shift(remote.as_micros(), self.micros.saturating_neg()))
    }

    /// What the remote clock shows at `local`; not before its zero.
    #[must_use]
    pub const fn to_remote(self, local: Timestamp) -> RemoteTime {
        RemoteTime::from_micros(shift(local.as_micros(), self.micros))
    }
}

/// What became of replies, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockStats {
    /// Replies that were used.
    pub replies: u64,
    /// Replies to what was not asked, and replies that contradict themselves.
    pub refused: u64,
}

/// The client's side: asks, and keeps the best answer.
#[derive(Debug, Default)]
pub struct Clock {
    asked: VecDeque<ClockRequest>,
    next_id: u32,
    /// Oldest first; each has a larger round trip than the ones before it, or it would have replaced them.
    samples: VecDeque<Sample>,
    stats: ClockStats,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    offset: i64,
    rtt: Micros,
}

impl Clock {
    /// A request to be sent at `now`. Of more than 16 without an answer the oldest is given up.
    pub fn request(&mut self, now: Timestamp) -> ClockRequest {
        let request = ClockRequest {
            id: self.next_id,
            t0: now.as_micros(),
        };
        self.next_id = self.next_id.wrapping_add(1);
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(request);
        request
    }

    /// Takes a datagram that arrived at `now`. `false` when it is no use: not a reply, not to a request that is open, or
    /// impossible.
    pub fn handle_reply(&mut self, now: Timestamp, datagram: &[u8]) -> bool {
        let sample = ClockReply::parse(datagram).ok().and_then(|reply| {
            let asked = ClockRequest {
                id: reply.id,
                t0: reply.t0,
            };
            let at = self.asked.iter().position(|request| *request == asked)?;
            self.asked.remove(at);
            measure(reply, now)
        });
        let Some(sample) = sample else {
            self.stats.refused += 1;
            return false;
        };
        self.stats.replies += 1;
        self.samples
            .retain(|old| old.rtt < sample.rtt && now.since(old.at) <= WINDOW);
        if self.samples.len() == SAMPLES_MAX {
            // The newest has the largest round trip; the ones before it bound tighter.
            self.samples.pop_back();
        }
        self.samples.push_back(sample);
        true
    }

    /// The best offset at `now`; `None` before the first reply. When none came for 30 s, the last one serves, its error
    /// growing.
    #[must_use]
    pub fn offset(&self, now: Timestamp) -> Option<Offset> {
        let fresh = self.samples.iter().find(|sample| now.since(sample.at) <= WINDOW);
        let sample = fresh.or_else(|| self.samples.back())?;
        let drift = now.since(sample.at).scale(DRIFT_PPM, 1_000_000);
        Some(Offset {
            micros: sample.offset,
            error: Micros::new(sample.rtt.as_micros().div_ceil(2)) + drift + ROUNDING,
            rtt: sample.rtt,
        })
    }

    /// What became of replies so far.
    #[must_use]
    pub const fn stats(&self) -> ClockStats {
        self.stats
    }
}

/// The host's side: answers, at most 50 times a second.
#[derive(Debug)]
pub struct ClockResponder {
    budget: Bucket,
    refused: u64,
}

impl Default for ClockResponder {
    fn default() -> Self {
        Self {
            budget: Bucket::new(ANSWERS_PER_SECOND, ANSWERS_BURST),
            refused: 0,
        }
    }
}

impl ClockResponder {
    /// The reply to a datagram that arrived at `arrived`, to be sent at `sending`; `None` when it is no request or one too
    /// many.
    pub fn answer(&mut self, arrived: Timestamp, sending: Timestamp, datagram: &[u8]) -> Option<ClockReply> {
        let request = ClockRequest::parse(datagram)
            .ok()
            .filter(|_| self.budget.take(arrived));
        let Some(ClockRequest { id, t0 }) = request else {
            self.refused += 1;
            return None;
        };
        let (t1, t2) = (arrived.as_micros(), sending.max(arrived).as_micros());
        Some(ClockReply { id, t0, t1, t2 })
    }

    /// Datagrams without an answer so far.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

/// `None` when the four times cannot be.
fn measure(reply: ClockReply, now: Timestamp) -> Option<Sample> {
    let t3 = now.as_micros();
    let held = reply.t2.checked_sub(reply.t1)?;
    let rtt = t3.checked_sub(reply.t0)?.checked_sub(held)?;
    let twice = (i128::from(reply.t1) - i128::from(reply.t0)) + (i128::from(reply.t2) - i128::from(t3));
    let offset = i64::try_from(twice.div_euclid(2)).ok()?;
    Some(Sample {
        at: now,
        offset,
        rtt: Micros::new(rtt),
    })
}

const fn shift(micros: u64, by: i64) -> u64 {
    micros.saturating_add_signed(by)
}

/// How long a measurement is preferred to later, wider ones.
const WINDOW: Micros = Micros::from_secs(30);
/// Two crystals of 50 parts per million each, apart in the worst direction.
const DRIFT_PPM: u64 = 100;
/// Halving an odd sum loses half a microsecond, and each of the clocks is read in whole ones.
const ROUNDING: Micros = Micros::new(2);
/// A third of a second of requests at the most that is answered.
const ASKED_MAX: usize = 16;
/// A strictly rising list of round trips is short; past this the widest goes.
const SAMPLES_MAX: usize = 64;
/// `docs/PROTOCOL.md`, 2.4.
const ANSWERS_PER_SECOND: u32 = 50;
const ANSWERS_BURST: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Timestamp {
        Timestamp::from_micros(n * 1_000)
    }

    /// One exchange over a path of `there` and `back` microseconds to a clock that is `ahead` of ours.
    fn exchange(clock: &mut Clock, at: Timestamp, ahead: u64, there: u64, back: u64) -> bool {
        let request = clock.request(at);
        let arrived = Timestamp::from_micros(at.as_micros() + there + ahead);
        let sending = arrived + Micros::new(300);
        let reply = ClockResponder::default().answer(arrived, sending, &request.to_bytes());
        let now = Timestamp::from_micros(at.as_micros() + there + 300 + back);
        reply.is_some_and(|reply| clock.handle_reply(now, &reply.to_bytes()))
    }

    #[test]
    fn an_even_path_gives_the_offset_exactly() {
        let mut clock = Clock::default();
        assert_eq!(clock.offset(ms(1)), None);
        assert!(exchange(&mut clock, ms(1), 7_000_000, 2_000, 2_000));
        let offset = clock.offset(ms(5)).unwrap();
        assert_eq!((offset.micros, offset.rtt), (7_000_000, Micros::from_millis(4)));
        assert_eq!(offset.to_remote(ms(5)), RemoteTime::from_micros(7_005_000));
        assert_eq!(offset.to_local(RemoteTime::from_micros(7_005_000)), ms(5));
        assert_eq!(offset.to_local(RemoteTime::from_micros(5)), ms(0));
    }

    #[test]
    fn the_truth_is_within_the_error_whatever_the_path() {
        let mut clock = Clock::default();
        let paths = [(9_000, 1_000), (0, 5_001), (4_001, 0), (30_000, 1), (700, 2_900)];
        for (n, (there, back)) in (0..).zip(paths) {
            assert!(exchange(&mut clock, ms(100 * n), 1_234_567, there, back));
            let offset = clock.offset(ms(100 * n + 50)).unwrap();
            assert!(
                offset.micros.abs_diff(1_234_567) <= offset.error.as_micros(),
                "{offset:?}"
            );
        }
    }

    #[test]
    fn the_smallest_round_trip_of_thirty_seconds_wins_then_the_next() {
        let mut clock = Clock::default();
        exchange(&mut clock, ms(0), 0, 500, 500);
        exchange(&mut clock, ms(1_000), 0, 9_000, 9_000);
        exchange(&mut clock, ms(2_000), 0, 4_000, 4_000);
        let rtt = |clock: &Clock, at| clock.offset(ms(at)).map(|offset| offset.rtt);
        assert_eq!(rtt(&clock, 30_001), Some(Micros::new(1_000)));
        assert_eq!(rtt(&clock, 30_002), Some(Micros::new(8_000)));
        // With nothing newer the last one stays, and its bound widens by 100 us a second.
        let late = clock.offset(ms(102_008)).unwrap();
        assert_eq!(late.rtt, Micros::new(8_000));
        assert!(late.error >= Micros::new(13_990), "{late:?}");
    }

    #[test]
    fn forged_replies_are_refused() {
        let mut clock = Clock::default();
        let request = clock.request(ms(10));
        let good = ClockReply {
            id: request.id,
            t0: request.t0,
            t1: 50,
            t2: 60,
        };
        let forged = [ClockReply { id: 9, ..good }, ClockReply { t0: 1, ..good }];
        for reply in forged {
            assert!(!clock.handle_reply(ms(11), &reply.to_bytes()));
        }
        assert!(clock.handle_reply(ms(11), &good.to_bytes()));
        assert!(
            !clock.handle_reply(ms(11), &good.to_bytes()),
            "a reply counts once"
        );
        for (t1, t2) in [(60, 50), (0, 5_000), (u64::MAX, u64::MAX)] {
            let request = clock.request(ms(20));
            let reply = ClockReply {
                id: request.id,
                t0: request.t0,
                t1,
                t2,
            };
            assert!(!clock.handle_reply(ms(21), &reply.to_bytes()), "{t1} {t2}");
        }
        assert_eq!(
            clock.stats(),
            ClockStats {
                replies: 1,
                refused: 6
            }
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut clock = Clock::default();
        for n in 0..1_000 {
            clock.request(ms(n));
            exchange(&mut clock, ms(n), 0, 10 * n, 10 * n);
        }
        assert!(clock.asked.len() <= ASKED_MAX);
        assert!(clock.samples.len() <= SAMPLES_MAX);
        assert_eq!(
            clock.offset(ms(1_000)).map(|offset| offset.rtt),
            Some(Micros::ZERO)
        );
    }

    #[test]
    fn only_so_many_requests_are_answered() {
        let mut responder = ClockResponder::default();
        let request = ClockRequest { id: 1, t0: 2 }.to_bytes();
        let answers = (0..10_000u64)
            .filter(|n| {
                let at = Timestamp::from_micros(n * 100);
                responder.answer(at, at, &request).is_some()
            })
            .count();
        assert_eq!(
            answers, 99,
            "a burst of 50, and the 49 that one second brings before its end"
        );
        assert_eq!(responder.refused(), 10_000 - 99);
    }
}
