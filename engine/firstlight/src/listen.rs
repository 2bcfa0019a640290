//! What `--listen` means.

use anyhow::{Context, Result, bail};
use firstlight_gateway::{Error, listen};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use tokio::net::TcpListener;

/// An address as the operator gave it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an address; IPv6 in brackets.
    pub(crate) name: String,
    pub(crate) port: u16,
    ips: Vec<IpAddr>,
}

impl Address {
    /// Reads `name:port`.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let expected = || {
            format!(
                "--listen {text:?}: expected NAME:PORT, such as localhost:8080, 0.0.0.0:8080 or [::1]:8080"
            )
        };
        let (name, port) = text.rsplit_once(':').with_context(expected)?;
        let port = port.parse().ok().with_context(expected)?;
        let ips = match name {
            "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            "" => bail!("{}", expected()),
            name => {
                let found = (name.trim_matches(['[', ']']), port).to_socket_addrs();
                let found = found.with_context(|| format!("--listen {text:?}: {name} has no address"))?;
                found.map(|address| address.ip()).collect()
            }
        };
        Ok(Self {
            name: name.to_owned(),
            port,
            ips,
        })
    }

    /// Opens it on every address that it has; a machine without IPv6 has one less.
    pub(crate) fn open(&self) -> Result<Vec<TcpListener>, Error> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut refused = None;
        for ip in &self.ips {
            // Port 0 is any free one, the same on all addresses.
            let port = listeners
                .first()
                .and_then(|first| first.local_addr().ok())
                .map_or(self.port, |a| a.port());
            match listen(SocketAddr::new(*ip, port)) {
                Ok(listener) => listeners.push(listener),
                Err(error @ Error::PortInUse(_)) => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, %ip, "not listened on");
                    refused = Some(error);
                }
            }
        }
        match refused {
            Some(error) if listeners.is_empty() => Err(error),
            _ => Ok(listeners),
        }
    }

    /// Reachable from this machine only.
    pub(crate) fn is_local(&self) -> bool {
        self.ips.iter().all(IpAddr::is_loopback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_families() {
        let address = Address::read("localhost:8080").unwrap();
        assert_eq!(address.ips.len(), 2);
        assert!(address.is_local());
        assert!(!Address::read("0.0.0.0:80").unwrap().is_local());
        assert_eq!(Address::read("[::1]:80").unwrap().name, "[::1]");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "8080",
            "localhost",
            ":8080",
            "localhost:http",
            "localhost:70000",
        ] {
            let error = Address::read(text).unwrap_err();
            assert!(error.to_string().starts_with("--listen"), "{error}");
        }
    }
}
