//! Where a relay may carry a player's packets.
//!
//! ```text
//! gateway: Issuer --route token--> player --> relay: RouteKey --> the one host it names
//! ```
//!
//! A route is no ticket: whoever holds one reaches a media port through a relay, and is let in there by a ticket or not at all.
//! It is good for as many attachments as its life allows.

use crate::Error;
use crate::claims::{TOKEN_BYTES_MAX, UNWRITABLE, open, read_time, write_time};
use firstlight_units::{Micros, WallTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// What a relay may do for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The session; a relay counts by it.
    pub session: String,
    /// Where the session's host receives media.
    pub address: SocketAddr,
    /// SHA-256 of each certificate that the host may prove itself with.
    pub certificates: Vec<[u8; 32]>,
    /// The first moment at which it is void.
    pub expires: WallTime,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    aud: String,
    to: SocketAddr,
    certs: Vec<String>,
    exp: String,
}

impl Route {
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let payload = Payload {
            aud: self.session.clone(),
            to: self.address,
            certs: self.certificates.iter().map(hex).collect(),
            exp: write_time(self.expires)?,
        };
        serde_json::to_vec(&payload).map_err(|_| UNWRITABLE)
    }

    /// Only for a payload whose signature holds.
    fn from_json(json: &[u8]) -> Option<Self> {
        let payload: Payload = serde_json::from_slice(json).ok()?;
        let certificates: Option<Vec<_>> = payload.certs.iter().map(|hex| digest(hex)).collect();
        Some(Self {
            session: payload.aud,
            address: payload.to,
            certificates: certificates.filter(|list| !list.is_empty())?,
            expires: read_time(&payload.exp)?,
        })
    }

    fn leads_somewhere(&self) -> bool {
        let ip = self.address.ip();
        let broadcast = matches!(ip, std::net::IpAddr::V4(four) if four.is_broadcast());
        self.address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
    }
}

/// Checks the routes of one gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteKey([u8; 32]);

impl RouteKey {
    /// With the gateway's public key.
    #[must_use]
    pub const fn new(public: [u8; 32]) -> Self {
        Self(public)
    }

    /// Reads the key as a gateway prints it: 64 hexadecimal digits.
    #[must_use]
    pub fn read(hex: &str) -> Option<Self> {
        digest(hex).map(Self)
    }

    /// What a token allows.
    ///
    /// # Errors
    /// [`Error::Forged`], [`Error::Expired`]; [`Error::Nowhere`] when no host can be at the address it names.
    pub fn verify(&self, token: &str, now: WallTime) -> Result<Route, Error> {
        let payload = open(&self.0, token, PURPOSE)?;
        let route = Route::from_json(&payload).ok_or(Error::Forged)?;
        if route.expires <= now {
            return Err(Error::Expired);
        }
        if !route.leads_somewhere() {
            return Err(Error::Nowhere);
        }
        Ok(route)
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteKey({self})")
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// How long a route is good: a page asks for its endpoints anew whenever it attaches again, so this bounds one that was copied.
pub const ROUTE_LIFE: Micros = Micros::from_secs(3_600);
/// As [`crate::claims::PURPOSE`]: no ticket is a route, and no route a ticket.
pub(crate) const PURPOSE: &[u8] = b"firstlight route 1";
/// The longest route.
pub const ROUTE_BYTES_MAX: usize = TOKEN_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claims, Issuer, Verifier};
    use proptest::prelude::*;

    const NOW: WallTime = WallTime::from_micros(1_790_000_000_000_000);

    fn route() -> Route {
        Route {
            session: "s1".to_owned(),
            address: "198.51.100.7:7000".parse().unwrap(),
            certificates: vec![[7; 32], [8; 32]],
            expires: NOW + ROUTE_LIFE,
        }
    }

    #[test]
    fn a_route_is_good_until_it_expires_and_only_where_its_gateway_signed_it() {
        let issuer = Issuer::generate().unwrap();
        let key = RouteKey::read(&RouteKey::new(issuer.public_key()).to_string()).unwrap();
        let token = issuer.issue_route(&route()).unwrap();
        assert_eq!(key.verify(&token, NOW), Ok(route()));
        assert_eq!(key.verify(&token, NOW), Ok(route()), "as often as it takes");
        assert_eq!(key.verify(&token, NOW + ROUTE_LIFE), Err(Error::Expired));
        let other = Issuer::generate().unwrap().issue_route(&route()).unwrap();
        assert_eq!(key.verify(&other, NOW), Err(Error::Forged));
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8_lossy(&changed).into_owned();
            assert!(key.verify(&changed, NOW).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_ticket_is_no_route_and_a_route_no_ticket() {
        let issuer = Issuer::generate().unwrap();
        let claims = Claims {
            id: "t".to_owned(),
            player: "anna".to_owned(),
            session: "s1".to_owned(),
            epoch: 7,
            key: None,
            expires: NOW + Micros::from_secs(60),
        };
        let ticket = issuer.issue(&claims).unwrap();
        let key = RouteKey::new(issuer.public_key());
        assert_eq!(key.verify(&ticket, NOW), Err(Error::Forged));
        let mut verifier = Verifier::new(issuer.public_key(), "s1".to_owned(), "anna".to_owned(), 7);
        let token = issuer.issue_route(&route()).unwrap();
        assert_eq!(verifier.verify(&token, NOW), Err(Error::Forged));
    }

    #[test]
    fn no_route_leads_where_no_host_can_be() {
        let issuer = Issuer::generate().unwrap();
        let key = RouteKey::new(issuer.public_key());
        for address in [
            "0.0.0.0:7000",
            "[::]:7000",
            "224.0.0.1:7000",
            "[ff02::1]:7000",
            "255.255.255.255:7000",
            "198.51.100.7:0",
        ] {
            let address = address.parse().unwrap();
            let token = issuer.issue_route(&Route { address, ..route() }).unwrap();
            assert_eq!(key.verify(&token, NOW), Err(Error::Nowhere), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "\\PC{0,200}") {
            let key = RouteKey::new(Issuer::from_seed(&[1; 32]).unwrap().public_key());
            prop_assert!(key.verify(&text, NOW).is_err());
            let token = format!("v4.public.{text}");
            prop_assert!(key.verify(&token, NOW).is_err());
        }
    }
}
