//! Which packets came when, and which of it has been reported.

use crate::{first, near};
use firstlight_units::Timestamp;
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Arrivals {
    ring: Vec<Entry>,
    /// 0: nothing came yet.
    newest: u64,
    /// Where the next report starts, and the one after it.
    starts: [u64; 2],
    /// The newest packet at each of the last reports.
    marks: VecDeque<u64>,
    /// Packets up to here are counted as lost if they did not come.
    settled: u64,
    pub(crate) lost: u64,
    list: Vec<Option<u64>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    seq: u64,
    at: Timestamp,
}

/// A list for a report.
#[derive(Debug)]
pub(crate) struct List<'a> {
    pub(crate) base_seq: u64,
    pub(crate) base_time: Timestamp,
    pub(crate) arrivals: &'a [Option<u64>],
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self {
            ring: vec![Entry::default(); RING],
            newest: 0,
            starts: [0; 2],
            marks: VecDeque::with_capacity(MARKS + 1),
            settled: 0,
            lost: 0,
            list: Vec::with_capacity(REPORTED_MAX),
        }
    }

    /// A new attachment counts anew.
    pub(crate) fn restart(&mut self) {
        self.ring.fill(Entry::default());
        self.newest = 0;
        self.starts = [0; 2];
        self.marks.clear();
        self.settled = 0;
    }

    /// `false` when this packet came before.
    pub(crate) fn record(&mut self, now: Timestamp, low: u32) -> bool {
        let seq = if self.newest == 0 {
            first(low)
        } else {
            near(self.newest, low)
        };
        if self.newest == 0 {
            self.starts = [seq; 2];
            self.settled = seq.saturating_sub(1);
        }
        if seq + RING as u64 <= self.newest {
            // Too old to know; its fragment tells.
            return true;
        }
        if seq > self.newest {
            // What leaves the ring is known for good.
            self.settle_until((seq + 1).saturating_sub(RING as u64));
        }
        let Some(entry) = self.ring.get_mut(index(seq)).filter(|entry| entry.seq != seq) else {
            return false;
        };
        *entry = Entry { seq, at: now };
        self.newest = self.newest.max(seq);
        true
    }

    /// What the next report lists; the one after it starts later.
    pub(crate) fn report(&mut self) -> List<'_> {
        let base_seq = self.starts[0].max((self.newest + 1).saturating_sub(REPORTED_MAX as u64));
        self.list.clear();
        let came = |seq: u64| {
            self.ring
                .get(index(seq))
                .filter(|e| e.seq == seq && seq != 0)
                .map(|e| e.at)
        };
        let range = base_seq..self.newest + 1;
        let base_time = range.clone().filter_map(came).min().unwrap_or_default();
        if self.newest != 0 {
            self.list
                .extend(range.map(|seq| came(seq).map(|at| at.since(base_time).as_micros())));
        }
        self.starts = [self.starts[1], self.newest + 1];
        self.settle();
        List {
            base_seq,
            base_time,
            arrivals: &self.list,
        }
    }

    fn settle(&mut self) {
        self.marks.push_back(self.newest);
        if self.marks.len() <= MARKS {
            return;
        }
        if let Some(until) = self.marks.pop_front() {
            self.settle_until(until);
        }
    }

    fn settle_until(&mut self, until: u64) {
        // Of a leap past the ring, only what the ring holds can have come.
        let known = until.min(self.newest);
        while self.settled < known {
            self.settled += 1;
            let came = self
                .ring
                .get(index(self.settled))
                .is_some_and(|entry| entry.seq == self.settled);
            self.lost += u64::from(!came);
        }
        self.lost += until.saturating_sub(self.settled.max(known));
        self.settled = self.settled.max(until);
    }
}

const fn index(seq: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "below RING")]
    let index = (seq % RING as u64) as usize;
    index
}

/// Half a second at 20 Mbit/s; a report lists fewer.
const RING: usize = 1_024;
/// A report of so many packets and 64 nacks has 1,152 bytes: a browser's datagrams hold 1,200.
const REPORTED_MAX: usize = 300;
/// `docs/PROTOCOL.md`, section 6.
const MARKS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    #[test]
    fn every_packet_is_reported_twice() {
        let mut arrivals = Arrivals::new();
        let mut told = [0; 40];
        for seq in 1..=39u32 {
            assert!(arrivals.record(at(seq.into()), seq));
            if seq % 4 == 0 {
                let list = arrivals.report();
                for (n, came) in (list.base_seq..).zip(list.arrivals) {
                    assert!(came.is_some());
                    told[n as u32 as usize] += 1;
                }
            }
        }
        assert!(told[1..=32].iter().all(|n| *n == 2), "{told:?}");
    }

    #[test]
    fn what_never_comes_counts_as_lost_and_what_comes_again_does_not_count() {
        let mut arrivals = Arrivals::new();
        for seq in (u32::MAX - 50..=u32::MAX)
            .chain(0..50)
            .filter(|seq| seq % 10 != 7)
        {
            assert!(arrivals.record(at(1), seq));
            assert!(!arrivals.record(at(1), seq), "{seq}");
        }
        for _ in 0..=MARKS {
            arrivals.report();
        }
        assert_eq!(arrivals.lost, 10);
    }

    #[test]
    fn a_leap_over_the_ring_is_all_lost() {
        let mut arrivals = Arrivals::new();
        arrivals.record(at(1), 1);
        arrivals.record(at(1), 5_001);
        for _ in 0..=MARKS {
            assert!(arrivals.report().arrivals.len() <= REPORTED_MAX);
        }
        assert_eq!(arrivals.lost, 4_999);
    }
}
