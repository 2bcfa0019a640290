//! Where this machine is reached, and what it opens for that.

use crate::cli::GatewayUrl;
use anyhow::{Result, bail};
use firstlight_host::agent::reachable;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Addresses of this machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// What players and gateways are told, the best first.
    pub(super) told: Vec<IpAddr>,
    /// What media is received on.
    pub(super) bound: Vec<IpAddr>,
}

impl Addresses {
    /// Those that were `named`, or what this machine sends from: to elsewhere, and to the gateway.
    pub(super) fn find(named: &[IpAddr], gateway: &GatewayUrl) -> Result<Self> {
        let (four, six) = reachable();
        let outgoing = [four.map(IpAddr::V4), six.map(IpAddr::V6)];
        let found = Self::choose(named, towards(gateway), &outgoing, can_bind);
        if found.told.is_empty() {
            bail!("this machine has no address that others reach; name one with --address");
        }
        if found.bound.is_empty() {
            bail!(
                "none of the addresses named with --address can be received on, and there is no other to receive on for it"
            );
        }
        Ok(found)
    }

    fn choose(
        named: &[IpAddr],
        gateway: Option<IpAddr>,
        outgoing: &[Option<IpAddr>],
        can_bind: impl Fn(IpAddr) -> bool,
    ) -> Self {
        let outgoing = || outgoing.iter().flatten().copied();
        let mut told = named.to_vec();
        if told.is_empty() {
            // A gateway on this very machine is one that is tried out: its players are here.
            told.extend(gateway);
            told.extend(outgoing().filter(|_| !gateway.is_some_and(|ip| ip.is_loopback())));
        }
        let told = distinct(told);
        // An address of another machine, which hands on to this one.
        let stands_for = |ip: &IpAddr| {
            if can_bind(*ip) {
                Some(*ip)
            } else {
                outgoing().find(|own| own.is_ipv4() == ip.is_ipv4())
            }
        };
        let bound = distinct(told.iter().filter_map(stands_for).collect());
        Self { told, bound }
    }

    /// Nobody elsewhere reaches it.
    pub(super) fn are_local(&self) -> bool {
        self.told.iter().all(IpAddr::is_loopback)
    }
}

fn distinct(all: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut kept: Vec<IpAddr> = Vec::new();
    for ip in all {
        if !kept.contains(&ip) {
            kept.push(ip);
        }
    }
    kept
}

/// What this machine sends from to the gateway. Sends nothing.
fn towards(gateway: &GatewayUrl) -> Option<IpAddr> {
    let (name, port) = gateway.authority();
    let mut found = (name.as_str(), port).to_socket_addrs().ok()?;
    found.find_map(|to| {
        let any: SocketAddr = if to.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0u16; 8], 0).into()
        };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    })
}

fn can_bind(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn beside_its_gateway_a_machine_is_reached_over_loopback_only() {
        let found = Addresses::choose(&[], Some(ip("127.0.0.1")), &[Some(ip("10.0.0.7")), None], |_| {
            true
        });
        assert_eq!(
            (found.told.as_slice(), found.are_local()),
            (&[ip("127.0.0.1")][..], true)
        );
    }

    #[test]
    fn elsewhere_it_is_reached_by_what_it_sends_from() {
        let outgoing = [Some(ip("10.0.0.7")), Some(ip("2001:db8::7"))];
        let found = Addresses::choose(&[], Some(ip("10.0.0.7")), &outgoing, |_| true);
        assert_eq!(found.told, [ip("10.0.0.7"), ip("2001:db8::7")]);
        assert_eq!(found.bound, found.told);
    }

    #[test]
    fn for_an_address_of_a_nat_the_one_behind_it_is_opened() {
        let outgoing = [Some(ip("10.0.0.7")), None];
        let found = Addresses::choose(&[ip("192.0.2.1")], None, &outgoing, |at| at != ip("192.0.2.1"));
        assert_eq!(
            (found.told, found.bound),
            (vec![ip("192.0.2.1")], vec![ip("10.0.0.7")])
        );
    }
}
