//! Relays that carry players who do not reach a session's host by themselves.
//!
//! ```text
//! every few seconds: is it there, what certificate does it show, from which of our addresses is it reached
//! endpoints of a session -> a route, signed, for each relay that is there
//! ```
//!
//! A relay is not trusted: what it carries is sealed to the player. So it is looked at without asking whose it is.

use crate::Error;
use crate::api::Endpoint;
use crate::seat::Seat;
use firstlight_host::{Host, Session};
use firstlight_quic::{Shown, peek};
use firstlight_ticket::{Issuer, ROUTE_LIFE, Route, RouteKey};
use firstlight_units::WallTime;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a relay is: `https://NAME:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl {
    /// A name or an address; IPv6 in brackets.
    name: String,
    port: u16,
}

impl FromStr for RelayUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a relay's address such as https://relay.example:4443".to_owned();
        let rest = text.strip_prefix("https://").ok_or_else(expected)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().map_err(|_| expected())?),
            _ => (rest, HTTPS),
        };
        let in_brackets = name.starts_with('[') && name.ends_with(']');
        let plain = !name.is_empty()
            && name.bytes().all(|b| {
                b.is_ascii_alphanumeric() || b"-._".contains(&b) || (in_brackets && b"[]:".contains(&b))
            });
        if plain && port > 0 {
            Ok(Self {
                name: name.to_ascii_lowercase(),
                port,
            })
        } else {
            Err(expected())
        }
    }
}

/// The relays of a gateway, and the key that it signs their routes with.
#[derive(Debug)]
pub struct Relays {
    issuer: Issuer,
    relays: Vec<(RelayUrl, Mutex<Option<There>>)>,
    /// Where relays reach this machine's own sessions, where that is not what it looks like from here.
    media_ip: Option<IpAddr>,
}

/// A relay that answers.
#[derive(Clone, Copy, Debug)]
struct There {
    shown: Shown,
    /// Our address on the way to it.
    from: IpAddr,
}

impl Relays {
    /// Reads the key from `folder`, or makes one there that only this user can read, and looks after `urls` from here on. Within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the key cannot be read or written.
    pub fn open(folder: &Path, urls: Vec<RelayUrl>, media_ip: Option<IpAddr>) -> Result<Arc<Self>, Error> {
        let path = folder.join("route.key");
        let failed = |source| Error::RouteKey {
            path: path.clone(),
            source,
        };
        let issuer = match std::fs::read_to_string(&path) {
            Ok(text) => read_seed(text.trim()).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        let relays = Arc::new(Self {
            issuer,
            relays: urls.into_iter().map(|url| (url, Mutex::default())).collect(),
            media_ip,
        });
        for at in 0..relays.relays.len() {
            tokio::spawn(watch(Arc::downgrade(&relays), at));
        }
        Ok(relays)
    }

    /// What its relays are started with.
    #[must_use]
    pub fn key(&self) -> RouteKey {
        RouteKey::new(self.issuer.public_key())
    }

    /// How to reach a session over each of the relays that are there; `host`: this machine's own.
    pub(crate) fn endpoints(&self, host: Option<&Host>, seat: &Seat) -> Vec<Endpoint> {
        let session = &seat.session;
        let mut endpoints = Vec::new();
        for (url, there) in &self.relays {
            let there = *there.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(There { shown, from }) = there else {
                continue;
            };
            // A host that joined has said by which addresses it is reached; this machine's own has not.
            let ip = told(&seat.addresses, from).or_else(|| self.own(host, from));
            let Some(ip) = ip else { continue };
            let Some(token) = self.route(session, SocketAddr::new(ip, session.port)) else {
                continue;
            };
            let at = format!("://{}:{}/v1/relay?route={token}", url.name, url.port);
            let pinned = if shown.is_pinned {
                vec![shown.fingerprint.hex()]
            } else {
                Vec::new()
            };
            endpoints.push(Endpoint::relay(format!("https{at}"), pinned));
            if !shown.is_pinned {
                // Over TCP a browser pins nothing.
                endpoints.push(Endpoint::relay(format!("wss{at}"), Vec::new()));
            }
        }
        endpoints
    }

    /// Where relays reach this machine's own sessions, given our address on the way to one.
    fn own(&self, host: Option<&Host>, from: IpAddr) -> Option<IpAddr> {
        self.media_ip.or_else(|| {
            host.is_some_and(|host| host.receives_media_on(from))
                .then_some(from)
        })
    }

    fn route(&self, session: &Session, address: SocketAddr) -> Option<String> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let now = WallTime::from_micros(u64::try_from(since.as_micros()).ok()?);
        let route = Route {
            session: session.id.to_string(),
            address,
            certificates: session
                .cert_sha256
                .iter()
                .filter_map(|hex| crate::media::digest(hex))
                .collect(),
            expires: now + ROUTE_LIFE,
        };
        self.issuer.issue_route(&route).ok()
    }
}

/// Of the addresses that a host which joined is reached by: the first of the family that the relay is known to speak, or else the first.
fn told(addresses: &[IpAddr], from: IpAddr) -> Option<IpAddr> {
    let same = addresses.iter().find(|ip| ip.is_ipv4() == from.is_ipv4());
    same.or_else(|| addresses.first()).copied()
}

async fn watch(relays: std::sync::Weak<Relays>, at: usize) {
    while let Some(relays) = relays.upgrade() {
        if let Some((url, there)) = relays.relays.get(at) {
            let found = look(url).await;
            let mut there = there.lock().unwrap_or_else(PoisonError::into_inner);
            if found.is_some() != there.is_some() {
                let word = if found.is_some() {
                    "answers"
                } else {
                    "does not answer"
                };
                tracing::info!(relay = url.name, port = url.port, "a relay {word}");
            }
            *there = found;
        }
        drop(relays);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(url: &RelayUrl) -> Option<There> {
    let name = url.name.trim_matches(['[', ']']);
    let addresses = tokio::net::lookup_host((name, url.port)).await.ok()?;
    for address in addresses {
        // A connected UDP socket sends nothing, and knows which way it would.
        let from = std::net::UdpSocket::bind(match address {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        })
        .and_then(|socket| {
            socket.connect(address)?;
            socket.local_addr()
        });
        let (Ok(from), Ok(shown)) = (from, peek(address, server_name(name)).await) else {
            continue;
        };
        return Some(There {
            shown,
            from: from.ip(),
        });
    }
    None
}

/// An address is no name in TLS, and quinn takes names only.
fn server_name(name: &str) -> &str {
    if name.parse::<IpAddr>().is_ok() {
        "localhost"
    } else {
        name
    }
}

fn read_seed(hex: &str) -> io::Result<Issuer> {
    let seed = crate::media::digest(hex).ok_or(io::ErrorKind::InvalidData)?;
    Issuer::from_seed(&seed).map_err(io::Error::other)
}

fn create(path: &PathBuf) -> io::Result<Issuer> {
    let issuer = Issuer::generate().map_err(io::Error::other)?;
    let hex: String = issuer.seed().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(format!("{hex}\n").as_bytes())?;
    file.sync_all()?;
    Ok(issuer)
}

const HTTPS: u16 = 443;
/// A page that attaches again asks where to; what it hears is not older than this.
const LOOK_EVERY: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_an_https_address_and_nothing_else() {
        let read = |text: &str| text.parse::<RelayUrl>().map(|url| (url.name, url.port)).ok();
        assert_eq!(
            read("https://Relay.example:4443"),
            Some(("relay.example".into(), 4443))
        );
        assert_eq!(
            read("https://relay.example/"),
            Some(("relay.example".into(), 443))
        );
        assert_eq!(read("https://[2001:db8::1]:9"), Some(("[2001:db8::1]".into(), 9)));
        assert_eq!(read("https://[2001:db8::1]"), Some(("[2001:db8::1]".into(), 443)));
        for text in [
            "",
            "relay:1",
            "http://r:1",
            "https://",
            "https://r:0",
            "https://r:x",
            "https://r/x",
            "https://a b:1",
            "https://a:b:1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_s_address_is_one_that_the_relay_speaks_where_there_is_one() {
        let [four, six, from] = ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap());
        assert_eq!(told(&[four, six], from), Some(six));
        assert_eq!(told(&[four], from), Some(four));
        assert_eq!(told(&[], from), None);
    }

    #[tokio::test]
    async fn the_key_is_made_once_and_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let open = || Relays::open(dir.path(), Vec::new(), None);
        let first = open().unwrap().key();
        assert_eq!(open().unwrap().key(), first);
        let file = dir.path().join("route.key");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(file, "no key").unwrap();
        assert!(open().is_err());
    }
}
