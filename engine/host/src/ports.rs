//! Which media port a session gets.

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::ops::RangeInclusive;

/// Hands out the ports of a range in turn, so that a port that was just given back rests the longest: a client of the
/// session before may still be sending there.
#[derive(Debug)]
pub(crate) struct Ports {
    range: RangeInclusive<u16>,
    next: u16,
}

impl Ports {
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        let next = *range.start();
        Self { range, next }
    }

    pub(crate) fn range(&self) -> RangeInclusive<u16> {
        self.range.clone()
    }

    /// The next port that is neither in `taken` nor open on any of `addresses`.
    pub(crate) fn pick(&mut self, taken: &BTreeSet<u16>, addresses: &[IpAddr]) -> Option<u16> {
        let (first, last) = (*self.range.start(), *self.range.end());
        let free = (self.next..=last)
            .chain(first..self.next)
            .find(|port| !taken.contains(port) && is_free(*port, addresses))?;
        self.next = if free == last { first } else { free + 1 };
        Some(free)
    }
}

/// Whether a worker could open `port` on all of `addresses`.
fn is_free(port: u16, addresses: &[IpAddr]) -> bool {
    addresses
        .iter()
        .all(|address| UdpSocket::bind((*address, port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_port_that_somebody_else_opened_is_skipped() {
        let squatter = UdpSocket::bind((LOCAL, 0)).unwrap();
        let port = squatter.local_addr().unwrap().port();
        let mut ports = Ports::new(port..=port);
        assert_eq!(ports.pick(&BTreeSet::new(), &[LOCAL]), None);
        drop(squatter);
        assert_eq!(ports.pick(&BTreeSet::new(), &[LOCAL]), Some(port));
    }

    #[test]
    fn ports_go_round_and_those_taken_are_skipped() {
        let mut ports = Ports::new(10..=13);
        let mut taken = BTreeSet::new();
        assert_eq!(ports.pick(&taken, &[]), Some(10));
        assert_eq!(ports.pick(&taken, &[]), Some(11));
        taken.insert(12);
        assert_eq!(ports.pick(&taken, &[]), Some(13));
        assert_eq!(ports.pick(&taken, &[]), Some(10));
        taken.extend([10, 11, 13]);
        assert_eq!(ports.pick(&taken, &[]), None);
    }
}
