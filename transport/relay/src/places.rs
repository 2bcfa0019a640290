//! Who has a place. Pure.

use crate::Refused;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// The places of a relay.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    per_address_max: usize,
    taken: usize,
    by_address: BTreeMap<IpAddr, usize>,
    by_session: BTreeMap<String, usize>,
}

impl Places {
    pub(crate) const fn new(most: usize, per_address_max: usize) -> Self {
        Self {
            most,
            per_address_max,
            taken: 0,
            by_address: BTreeMap::new(),
            by_session: BTreeMap::new(),
        }
    }

    pub(crate) const fn taken(&self) -> usize {
        self.taken
    }

    pub(crate) fn take(&mut self, from: IpAddr, session: &str) -> Result<(), Refused> {
        let from = network(from);
        if self.taken >= self.most {
            return Err(Refused::Full { most: self.most });
        }
        if self
            .by_address
            .get(&from)
            .is_some_and(|n| *n >= self.per_address_max)
        {
            return Err(Refused::Crowded {
                most: self.per_address_max,
            });
        }
        if self
            .by_session
            .get(session)
            .is_some_and(|n| *n >= PER_SESSION_MAX)
        {
            return Err(Refused::Doubled {
                most: PER_SESSION_MAX,
            });
        }
        self.taken += 1;
        *self.by_address.entry(from).or_default() += 1;
        *self.by_session.entry(session.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&mut self, from: IpAddr, session: &str) {
        let from = network(from);
        self.taken = self.taken.saturating_sub(1);
        if let Some(n) = self.by_address.get_mut(&from) {
            *n -= 1;
            if *n == 0 {
                self.by_address.remove(&from);
            }
        }
        if let Some(n) = self.by_session.get_mut(session) {
            *n -= 1;
            if *n == 0 {
                self.by_session.remove(session);
            }
        }
    }
}

/// A household has 2^64 addresses of IPv6 and is one all the same.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        four @ IpAddr::V4(_) => four,
    }
}

/// The attachment that stands, the one that races it, and what they left behind that nobody has noticed yet.
const PER_SESSION_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_holds_and_what_is_given_back_can_be_taken_again() {
        let mut places = Places::new(6, 3);
        let [a, b, c] = ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap());
        for session in ["s1", "s2", "s3"] {
            places.take(a, session).unwrap();
        }
        assert!(matches!(places.take(a, "s4"), Err(Refused::Crowded { most: 3 })));
        places.take(b, "s1").unwrap();
        places.take(c, "s1").unwrap();
        places.take(c, "s1").unwrap();
        assert!(matches!(places.take(a, "s4"), Err(Refused::Full { most: 6 })));
        places.give_back(a, "s2");
        assert!(matches!(places.take(a, "s1"), Err(Refused::Doubled { .. })));
        assert!(
            matches!(places.take(b, "s5"), Err(Refused::Crowded { .. })),
            "one network"
        );
        places.take(a, "s4").unwrap();
        for (ip, session) in [(a, "s1"), (a, "s3"), (a, "s4"), (b, "s1"), (c, "s1"), (b, "s1")] {
            places.give_back(ip, session);
        }
        assert_eq!(
            (places.taken(), places.by_address.len(), places.by_session.len()),
            (0, 0, 0)
        );
    }
}
