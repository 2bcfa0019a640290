//! What a host measures of itself: nobody types it.

use firstlight_container::now;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Millions of rounds per second of xorshift, multiply and add, each of which waits for the one before: an integer benchmark
/// that is the same on every machine, of one core, over some milliseconds. The best of three, so that a neighbour counts less.
#[must_use]
pub fn score() -> u32 {
    (0..3).map(|_| once()).max().unwrap_or(0)
}

fn once() -> u32 {
    let began = now();
    let mut x = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..ROUNDS {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x = x.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(1);
    }
    black_box(x);
    let micros = now().since(began).as_micros().max(1);
    u32::try_from(ROUNDS / micros).unwrap_or(u32::MAX)
}

/// The addresses that this machine sends from to elsewhere, by family, found without sending anything.
#[must_use]
pub fn reachable() -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let from = |bind: SocketAddr, to: SocketAddr| {
        let socket = UdpSocket::bind(bind).ok()?;
        // Chooses a route, and sends nothing.
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Documentation's addresses (RFC 5737, RFC 3849): routed like every other that is not this network's.
    let four = from(
        (Ipv4Addr::UNSPECIFIED, 0).into(),
        (Ipv4Addr::new(203, 0, 113, 1), 9).into(),
    );
    let six = from(
        (Ipv6Addr::UNSPECIFIED, 0).into(),
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
    );
    let four = four.and_then(|ip| match ip {
        IpAddr::V4(four) if !four.is_loopback() => Some(four),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    });
    let six = six.and_then(|ip| match ip {
        IpAddr::V6(six) if !six.is_loopback() => Some(six),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    });
    (four, six)
}

/// Two or three milliseconds on a fast core.
const ROUNDS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_does_some_work() {
        assert!(score() > 0);
    }
}
