//! Which addresses of this machine a player may reach.

use std::net::{IpAddr, SocketAddr};

/// The addresses that `listen` stands for: a wildcard is every address of its family that a peer could use, loopback
/// included (a player may sit at this very machine).
pub(crate) fn expand(listen: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for asked in listen {
        if asked.ip().is_unspecified() {
            let same_family = |ip: &IpAddr| ip.is_ipv4() == asked.is_ipv4();
            let own = own().into_iter().filter(same_family);
            all.extend(own.map(|ip| SocketAddr::new(ip, asked.port())));
        } else {
            all.push(*asked);
        }
    }
    all.sort_unstable();
    all.dedup();
    // Loopback last: where there is another way, it is the better one for everybody else.
    all.sort_by_key(|address| address.ip().is_loopback());
    all.truncate(ADDRESSES_MAX);
    all
}

fn own() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .filter(|ip| !is_link_local(ip))
        .collect()
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// A socket each; a machine with more interfaces has them for other purposes.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_every_address_of_its_family() {
        let v4 = expand(&["0.0.0.0:7001".parse().unwrap()]);
        assert!(v4.contains(&"127.0.0.1:7001".parse().unwrap()));
        assert!(
            v4.iter()
                .all(|address| address.is_ipv4() && !address.ip().is_unspecified())
        );
        let one: SocketAddr = "127.0.0.1:9".parse().unwrap();
        assert_eq!(expand(&[one, one]), [one]);
    }
}
