//! How often an address may knock with a wrong credential. Pure.

use firstlight_units::{Micros, Timestamp};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Remembers failures, a few per address.
#[derive(Debug, Default)]
pub(crate) struct Knocks {
    /// The address that failed last is the last.
    failed: VecDeque<Failures>,
}

#[derive(Debug)]
struct Failures {
    from: IpAddr,
    /// Failures not forgiven yet, as time: each is worth [`FORGIVEN_AFTER`] from here on.
    until: Timestamp,
}

impl Knocks {
    /// Whether a client from there is heard at all.
    pub(crate) fn allows(&self, now: Timestamp, from: IpAddr) -> bool {
        let found = self.failed.iter().find(|f| f.from == from);
        found.is_none_or(|f| f.until - now <= FORGIVEN_AFTER.scale(FAILURES_MAX, 1))
    }

    /// A client from there presented nothing that is honoured.
    pub(crate) fn failed(&mut self, now: Timestamp, from: IpAddr) {
        let at = self.failed.iter().position(|f| f.from == from);
        let before = at
            .and_then(|at| self.failed.remove(at))
            .map_or(now, |f| f.until.max(now));
        if self.failed.len() == ADDRESSES_MAX {
            self.failed.pop_front();
        }
        self.failed.push_back(Failures {
            from,
            until: before + FORGIVEN_AFTER,
        });
    }
}

/// One failure is forgotten after this.
const FORGIVEN_AFTER: Micros = Micros::from_secs(2);
/// A page that reloads with stale secrets fails a few times in a row; guessing 256 bits needs a few more.
const FAILURES_MAX: u64 = 10;
/// More addresses than knock at one session's port; past it the one that failed longest ago is forgotten.
const ADDRESSES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_is_not_heard_and_others_are() {
        let mut knocks = Knocks::default();
        let (bad, good) = (IpAddr::from([1, 2, 3, 4]), IpAddr::from([1, 2, 3, 5]));
        let t0 = Timestamp::from_micros(5);
        let heard = (0..100).filter(|_| {
            let allowed = knocks.allows(t0, bad);
            knocks.failed(t0, bad);
            allowed
        });
        assert_eq!(heard.count(), 11);
        assert!(knocks.allows(t0, good));
        assert!(knocks.allows(t0 + Micros::from_secs(200), bad));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut knocks = Knocks::default();
        for n in 0..10_000_u32 {
            knocks.failed(Timestamp::from_micros(n.into()), IpAddr::from(n.to_be_bytes()));
        }
        assert_eq!(knocks.failed.len(), ADDRESSES_MAX);
    }
}
