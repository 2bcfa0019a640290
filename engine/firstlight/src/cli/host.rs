//! The command line of `host`.

use super::{Folders, Machine};
use clap::{Args, Subcommand};
use firstlight_fleet::messages::Position;
use firstlight_units::Region;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use url::Url;

/// Options of `host`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "The join token comes from the gateway's operator (POST /v1/hosts/tokens); a host that has joined before needs none. \
        It may be given as FIRSTLIGHT_TOKEN, where other users of this machine do not see it."
)]
pub(crate) struct Host {
    #[command(subcommand)]
    pub(crate) word: Option<HostWord>,
    /// Address of a gateway of the fleet: firstlight up --bus, or firstlight indexer
    #[arg(long, value_name = "URL", required = true)]
    pub(crate) join: Option<GatewayUrl>,
    /// What the gateway's operator gave for joining; needed once
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Certificates in PEM, one of which the gateway's is or is signed by [default: the usual authorities']
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Where this machine reaches the bus [default: as the gateway says]
    #[arg(long, value_name = "URL")]
    pub(crate) bus: Option<String>,
    /// What people call this machine [default: its host name]
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub(crate) name: Option<String>,
    /// Where it is, as the fleet names places
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub(crate) region: Region,
    /// Where it is on the operators' map, in degrees north and east
    #[arg(long, value_name = "NORTH,EAST", value_parser = position, allow_hyphen_values = true)]
    pub(crate) position: Option<Position>,
    /// Address that players and gateways reach this machine by; may be repeated [default: what it sends from]
    #[arg(long, value_name = "IP")]
    pub(crate) address: Vec<IpAddr>,
    /// Address of its metrics, for Prometheus [default: none]
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) folders: Folders,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// What a running host is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Drain,
    Open,
    Leave,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostWord {
    /// Say how the host that runs here is
    Status(Status),
    /// Take no more sessions, and wait until the last has ended
    Drain(Told),
    /// Take sessions again
    Open(Told),
    /// Take no more sessions, wait until the last has ended, and end the host
    Leave(Told),
}

/// Options of `host status`.
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Data folder of the host
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `host drain`, `host open` and `host leave`.
#[derive(Args, Debug)]
pub(crate) struct Told {
    /// Data folder of the host
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Do not wait until it is done
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Where a gateway is: a scheme, a name and a port, nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayUrl(Url);

impl GatewayUrl {
    /// Of a path of its API, without a slash before it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Where it is, for the system's resolver.
    pub(crate) fn authority(&self) -> (String, u16) {
        let name = self.0.host_str().unwrap_or_default();
        let port = self.0.port_or_known_default().unwrap_or(80);
        (name.trim_matches(['[', ']']).to_owned(), port)
    }

    /// What is said to it can be read on the way.
    pub(crate) fn is_open(&self) -> bool {
        let near = matches!(self.0.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        self.0.scheme() == "http" && !near
    }
}

impl FromStr for GatewayUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = Url::parse(text).ok().filter(plain);
        url.map(Self).ok_or_else(|| {
            "expected a gateway's address, such as https://play.example or http://localhost:8080".to_owned()
        })
    }
}

impl std::fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn word(text: &str) -> Result<String, String> {
    let plain = (1..=64).contains(&text.len()) && text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| "expected 1 to 64 visible characters".to_owned())
}

fn position(text: &str) -> Result<Position, String> {
    let degrees = |text: &str, most: f64| {
        let degrees: f64 = text.trim().parse().ok()?;
        (degrees.is_finite() && degrees.abs() <= most).then(|| milli(degrees))
    };
    let read = || {
        let (north, east) = text.split_once(',')?;
        Some(Position {
            lat_milli: degrees(north, 90.0)?,
            lon_milli: degrees(east, 180.0)?,
        })
    };
    read().ok_or_else(|| "expected degrees north and east, such as 52.52,13.40".to_owned())
}

#[expect(clippy::cast_possible_truncation, reason = "within 180,000 by its caller")]
fn milli(degrees: f64) -> i32 {
    (degrees * 1e3).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_a_scheme_a_name_and_a_port() {
        let local: GatewayUrl = "http://localhost:8080".parse().unwrap();
        assert_eq!(local.path("v1/hosts"), "http://localhost:8080/v1/hosts");
        assert_eq!(
            (local.to_string().as_str(), local.is_open()),
            ("http://localhost:8080", false)
        );
        let six: GatewayUrl = "https://[2001:db8::1]/".parse().unwrap();
        assert_eq!(six.authority(), ("2001:db8::1".to_owned(), 443));
        assert!("http://play.example".parse::<GatewayUrl>().unwrap().is_open());
        for text in [
            "",
            "localhost:8080",
            "nats://x:4222",
            "http://x/play",
            "http://u:p@x",
            "http://x/?y",
            "http://",
        ] {
            assert!(text.parse::<GatewayUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_on_the_map_is_on_the_map() {
        let berlin = position("52.52,13.405").unwrap();
        assert_eq!((berlin.lat_milli, berlin.lon_milli), (52_520, 13_405));
        assert_eq!(position("-33.9, -70").unwrap().lat_milli, -33_900);
        for text in ["", "52", "91,0", "0,181", "a,b", "NaN,0", "1,2,3"] {
            assert!(position(text).is_err(), "{text}");
        }
    }
}
