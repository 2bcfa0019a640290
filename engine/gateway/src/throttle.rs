//! How many sessions one address may start: players make their keys themselves, so a key alone limits nobody.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where a request came from; the server puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// A bucket of starts for each address.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// When each address' bucket is full again; at most [`ADDRESSES_MAX`].
    full_at: Mutex<BTreeMap<IpAddr, Instant>>,
}

impl Throttle {
    /// Takes a start from the address' bucket.
    ///
    /// # Errors
    /// How long until there is one again.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = subject(address);
        // A proxy on this machine speaks for everybody, and this machine's owner needs no limit.
        if address.is_loopback() {
            return Ok(());
        }
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = full_at.get(&address).copied().unwrap_or(now).max(now);
        let after = full + EVERY;
        let over = after.duration_since(now).saturating_sub(EVERY * BURST);
        if over > Duration::ZERO {
            return Err(over);
        }
        if full_at.len() >= ADDRESSES_MAX {
            full_at.retain(|_, at| *at > now);
        }
        if full_at.len() >= ADDRESSES_MAX && !full_at.contains_key(&address) {
            // That many at once are one crowd: it shares what is left.
            return Err(EVERY);
        }
        full_at.insert(address, after);
        Ok(())
    }
}

/// Names networks so that nobody else can tell which they are: the names end with the process.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    names: RandomState,
}

impl Networks {
    /// Of the line that an address is on. None: of this machine, where a proxy may speak for everybody.
    pub(crate) fn pseudonym(&self, address: IpAddr) -> Option<u64> {
        let network = match subject(address) {
            // As much as is routed as one.
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() >> 8 << 8)),
            v6 @ IpAddr::V6(_) => v6,
        };
        (!address.to_canonical().is_loopback()).then(|| self.names.hash_one(network))
    }
}

/// Who counts as one: an IPv4 address, or the network that one IPv6 subscriber has (RFC 6177).
fn subject(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let network = v6.to_bits() >> NETWORK_SHIFT << NETWORK_SHIFT;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        other @ (IpAddr::V4(_) | IpAddr::V6(_)) => other,
    }
}

/// Starts in a row: a household, or a player who looks through the library.
const BURST: u32 = 20;
/// Then one each: a game is played for longer than this.
const EVERY: Duration = Duration::from_secs(6);
/// About half a megabyte.
const ADDRESSES_MAX: usize = 8_192;
/// Leaves a /64.
const NETWORK_SHIFT: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    #[test]
    fn a_burst_passes_then_one_for_each_interval() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..BURST {
            assert_eq!(throttle.take(SOMEBODY, now), Ok(()));
        }
        assert_eq!(throttle.take(SOMEBODY, now), Err(EVERY));
        assert_eq!(throttle.take(SOMEBODY, now + EVERY / 3), Err(EVERY - EVERY / 3));
        assert_eq!(throttle.take(SOMEBODY, now + EVERY), Ok(()));
        assert_eq!(throttle.take(SOMEBODY, now + EVERY), Err(EVERY));
    }

    #[test]
    fn who_is_on_one_line_has_one_pseudonym_and_a_proxy_here_speaks_for_nobody() {
        let networks = Networks::default();
        let of = |text: &str| networks.pseudonym(text.parse().unwrap());
        assert!(of("198.51.100.7").is_some());
        assert_eq!(of("198.51.100.7"), of("::ffff:198.51.100.200"));
        assert_ne!(of("198.51.100.7"), of("198.51.101.7"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(
            (of("127.0.0.1"), of("::1"), of("::ffff:127.0.0.1")),
            (None, None, None)
        );
        assert_ne!(of("198.51.100.7"), Networks::default().pseudonym(SOMEBODY));
    }

    #[test]
    fn one_address_does_not_slow_another_down_but_a_network_is_one() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        for n in 0..BURST {
            assert_eq!(throttle.take(v6(&format!("2001:db8::{n:x}")), now), Ok(()));
        }
        assert_eq!(throttle.take(v6("2001:db8::ffff:1:2:3"), now), Err(EVERY));
        assert_eq!(throttle.take(v6("2001:db8:0:1::1"), now), Ok(()));
        assert_eq!(throttle.take(SOMEBODY, now), Ok(()));
    }

    #[test]
    fn loopback_is_not_limited_and_a_mapped_address_is_the_address() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let local: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        for _ in 0..10 * BURST {
            assert_eq!(throttle.take(local, now), Ok(()));
        }
        for _ in 0..BURST {
            assert_eq!(throttle.take("::ffff:198.51.100.7".parse().unwrap(), now), Ok(()));
        }
        assert_eq!(throttle.take(SOMEBODY, now), Err(EVERY));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_makes_room_again() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let address = |n: usize| {
            IpAddr::V4(std::net::Ipv4Addr::from_bits(
                0x0a00_0000 + u32::try_from(n).unwrap(),
            ))
        };
        for n in 0..ADDRESSES_MAX {
            assert_eq!(throttle.take(address(n), now), Ok(()));
        }
        assert_eq!(throttle.take(address(ADDRESSES_MAX), now), Err(EVERY));
        assert_eq!(throttle.take(address(0), now), Ok(()));
        let later = now + EVERY * 2;
        assert_eq!(throttle.take(address(ADDRESSES_MAX), later), Ok(()));
        assert_eq!(throttle.full_at.lock().unwrap().len(), 1);
    }
}
