//! The command line.

mod host;

pub(crate) use host::{GatewayUrl, Host, HostWord, Wish};

use clap::{Args, Parser, Subcommand};
use firstlight_gateway::RelayUrl;
use firstlight_link::IceServer;
use firstlight_ticket::RouteKey;
use firstlight_units::Bitrate;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use url::Url;

/// Low-latency cloud game streaming.
#[derive(Debug, Parser)]
#[command(
    name = "firstlight",
    version,
    about = "Low-latency cloud game streaming",
    disable_help_subcommand = true
)]
#[command(
    after_help = "Set FIRSTLIGHT_LOG to error, warn, info (default), debug or trace for more or less on standard error."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: the engine, its API and the player's page
    Up(Up),
    /// Let this machine join a fleet and run sessions for it; tell the host that runs here to drain or to leave
    Host(Box<Host>),
    /// Place players on the hosts of a fleet: the API and the player's page, without a host of its own
    Indexer(Indexer),
    /// Look after titles
    #[command(subcommand)]
    Title(TitleCommand),
    /// Say what this machine can capture and encode, and why not
    Doctor(Doctor),
    /// Carry players to engines that they do not reach by themselves; it can neither read nor change what passes
    Relay(Relay),
    /// Play without a screen, and say what came: how soon, how even, how late
    #[command(disable_help_flag = true)]
    Probe(Probe),
    /// Judge evidence again: what hosts were asked, what they answered, what follows
    #[command(subcommand)]
    Checker(CheckerCommand),
    /// Run one session (started by the engine)
    #[command(hide = true)]
    Worker,
    /// Do what a checker asks of this machine (started by the engine)
    #[command(hide = true)]
    Prover {
        /// Where a file may be made
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Options of `up`.
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// Folder of titles; each is a folder with a title.toml
    #[arg(long, value_name = "DIR", default_value = "titles")]
    pub(crate) titles: PathBuf,
    /// Address of the page and the API; localhost is 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDR", default_value = "localhost:8080")]
    pub(crate) listen: String,
    /// UDP ports that media is received on, two per session
    #[arg(long, value_name = "A-B", default_value = "7000-7099", value_parser = ports)]
    pub(crate) media_ports: RangeInclusive<u16>,
    /// Folder for what must last: the operator's key, players' saved games
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Where leases are kept: redb:PATH, postgres://USER@HOST/DATABASE or memory [default: fleet.redb in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Where what players save is kept: folder:PATH, which all gateways of the store reach, or postgres://USER@HOST/DATABASE
    /// [default: the store's database, or saved in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) saves: Option<String>,
    /// Where hosts that join are talked to: nats://HOST:PORT, an address that they reach; local: this machine alone
    #[arg(long, value_name = "URL", default_value = LOCAL)]
    pub(crate) bus: String,
    /// What hosts that join are told of the bus, such as with a login of their own [default: as --bus, without its login]
    #[arg(long, value_name = "URL")]
    pub(crate) host_bus: Option<String>,
    /// Take hosts that join at their word: all are yours. Otherwise players are sent only to hosts that have proven what they say
    #[arg(long)]
    pub(crate) trust_hosts: bool,
    /// Sessions at once [default: as many as cores and memory carry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) slots: Option<u32>,
    /// Boot a title only when a player asks for it, whatever its manifest says of copies that are kept parked
    #[arg(long)]
    pub(crate) no_parked: bool,
    /// Seconds that a session waits, frozen, for a player who left
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) wait_s: u32,
    /// Most bits per second of video, such as 8M or 800k
    #[arg(long, value_name = "RATE", default_value = "20M", value_parser = bitrate)]
    pub(crate) bitrate_max: Bitrate,
    /// Encode every session by this encoder or to this codec, as firstlight doctor names them [default: what suits each player]
    #[arg(long, value_name = "NAME", value_parser = encoder)]
    pub(crate) encoder: Option<String>,
    /// STUN or TURN server for WebRTC, such as stun:host:3478 or turn:host:3478,USER,PASSWORD; may be repeated
    #[arg(long, value_name = "URL", value_parser = ice_server)]
    pub(crate) ice_server: Vec<IceServer>,
    /// Relay for players who do not reach this engine's media, such as <https://relay.example:4443>; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) relay: Vec<RelayUrl>,
    /// Address that relays reach this engine's media by [default: that of this machine on the way to them]
    #[arg(long, value_name = "IP", requires = "relay")]
    pub(crate) relay_media_ip: Option<IpAddr>,
    /// Another name that players reach this engine by; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub(crate) host_name: Vec<String>,
    /// Serve the page and the API over HTTPS: self-signed, or files in PEM as CERT,KEY
    #[arg(long, value_name = "self-signed|CERT,KEY", value_parser = tls)]
    pub(crate) tls: Option<TlsChoice>,
    #[command(flatten)]
    pub(crate) neighbours: Neighbouring,
    /// Send what sessions were, when they have ended, to an OpenTelemetry collector: http://HOST:4318
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<Url>,
}

/// Options of `relay`.
#[derive(Args, Debug)]
pub(crate) struct Relay {
    /// Address that players reach it by, UDP (and TCP with --tls); may be repeated
    #[arg(long, value_name = "ADDR", default_values = ["0.0.0.0:4443"])]
    pub(crate) listen: Vec<SocketAddr>,
    /// Key of a gateway whose players it carries, as firstlight up --relay prints it; may be repeated
    #[arg(long, value_name = "HEX", required = true, value_parser = route_key)]
    pub(crate) gateway_key: Vec<RouteKey>,
    /// Certificate that browsers trust by its name, in PEM; it also opens TCP, for networks without UDP
    #[arg(long, value_name = "CERT,KEY", value_parser = tls_files)]
    pub(crate) tls: Option<TlsChoice>,
    /// Players at once
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) sessions_max: u32,
    /// Players at once from one address (IPv6: one /64)
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) per_address_max: u32,
    /// Most bits per second to one player, such as 50M
    #[arg(long, value_name = "RATE", default_value = "50M", value_parser = bitrate)]
    pub(crate) rate_max: Bitrate,
    /// Seconds without a datagram after which a player is let go
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=3_600))]
    pub(crate) idle_s: u32,
    /// Seconds that players are carried on after it was told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) drain_s: u32,
    /// Address of its metrics, for Prometheus [default: none]
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
}

/// Options of `indexer`.
#[derive(Args, Debug)]
pub(crate) struct Indexer {
    /// Where leases are kept, shared by all indexers of a cell: postgres://USER@HOST/DATABASE, or redb:PATH for one
    #[arg(long, value_name = "URL")]
    pub(crate) store: String,
    /// Where what players save is kept: folder:PATH, which all gateways of the store reach, or postgres://USER@HOST/DATABASE
    /// [default: the store's database, or saved in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) saves: Option<String>,
    /// Where hosts are talked to: nats://HOST:PORT, an address that they reach
    #[arg(long, value_name = "URL")]
    pub(crate) bus: String,
    /// What hosts that join are told of the bus, such as with a login of their own [default: as --bus, without its login]
    #[arg(long, value_name = "URL")]
    pub(crate) host_bus: Option<String>,
    /// Take hosts that join at their word: all are yours. Otherwise players are sent only to hosts that have proven what they say
    #[arg(long)]
    pub(crate) trust_hosts: bool,
    /// Folder of titles; each is a folder with a title.toml
    #[arg(long, value_name = "DIR", default_value = "titles")]
    pub(crate) titles: PathBuf,
    /// Address of the page and the API; localhost is 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDR", default_value = "localhost:8080")]
    pub(crate) listen: String,
    /// Folder for what must last: the operator's key and this indexer's own
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// STUN or TURN server for WebRTC, such as stun:host:3478 or turn:host:3478,USER,PASSWORD; may be repeated
    #[arg(long, value_name = "URL", value_parser = ice_server)]
    pub(crate) ice_server: Vec<IceServer>,
    /// Another name that players reach it by; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub(crate) host_name: Vec<String>,
    /// Serve the page and the API over HTTPS: self-signed, or files in PEM as CERT,KEY
    #[arg(long, value_name = "self-signed|CERT,KEY", value_parser = tls)]
    pub(crate) tls: Option<TlsChoice>,
    #[command(flatten)]
    pub(crate) neighbours: Neighbouring,
    /// Send what sessions were, when they have ended, to an OpenTelemetry collector: http://HOST:4318
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<Url>,
}

/// Where players go whom this cell cannot have.
#[derive(Args, Debug)]
pub(crate) struct Neighbouring {
    /// Gateway of another cell, by the address that players reach it by: they are sent there while this cell is full, or without its
    /// store or its bus; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) neighbour: Vec<GatewayUrl>,
    /// Certificates in PEM, one of which each neighbour's is or is signed by [default: the usual authorities']
    #[arg(long, value_name = "FILE", requires = "neighbour")]
    pub(crate) neighbour_ca: Option<PathBuf>,
}

/// The bus of a machine on its own.
pub(crate) const LOCAL: &str = "local";

/// What `--tls` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsChoice {
    /// A certificate made and kept in the data folder.
    SelfSigned,
    /// A certificate's file and its key's.
    Files(PathBuf, PathBuf),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckerCommand {
    /// Derive the verdict of each record again, offline; ends with 1 where one does not hold
    Verify(CheckerVerify),
}

/// Options of `checker verify`.
#[derive(Args, Debug)]
pub(crate) struct CheckerVerify {
    /// Records and cases, one a line, as GET /v1/hosts/{id}/evidence gives them; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Take records of this checker alone, and cases that it opened: its id, as lines show it
    #[arg(long, value_name = "ID")]
    pub(crate) checker: Option<String>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TitleCommand {
    /// Check manifests and what they need on this machine
    Check(TitleCheck),
}

/// Options of `title check`.
#[derive(Args, Debug)]
pub(crate) struct TitleCheck {
    /// Titles' folders, or folders of them
    #[arg(value_name = "DIR", default_value = "titles")]
    pub(crate) dirs: Vec<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Folder of titles to check
    #[arg(long, value_name = "DIR", default_value = "titles")]
    pub(crate) titles: PathBuf,
    /// UDP ports to check
    #[arg(long, value_name = "A-B", default_value = "7000-7099", value_parser = ports)]
    pub(crate) media_ports: RangeInclusive<u16>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `probe`: a program of its own reads them.
#[derive(Args, Debug)]
pub(crate) struct Probe {
    /// See firstlight probe --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "URL")]
    pub(crate) arguments: Vec<OsString>,
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(first..=last),
        _ => Err("expected a range such as 7000-7099, within 1 to 65535".to_owned()),
    }
}

/// An encoder that this build has, or a codec.
pub(crate) fn encoder(word: &str) -> Result<String, String> {
    match firstlight_backends::Force::read(word) {
        Ok(_) => Ok(word.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn bitrate(text: &str) -> Result<Bitrate, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" => Some(1),
        "k" | "K" => Some(1_000),
        "m" | "M" => Some(1_000_000),
        _ => None,
    };
    let bps = factor
        .and_then(|factor| digits.parse::<u64>().ok()?.checked_mul(factor))
        .map(Bitrate::bps);
    bps.filter(|rate| (Bitrate::kbps(100)..=Bitrate::mbps(1000)).contains(rate))
        .ok_or_else(|| "expected a rate such as 8M or 800k, from 100k to 1000M".to_owned())
}

fn ice_server(text: &str) -> Result<IceServer, String> {
    let mut parts = text.splitn(3, ',');
    let url = parts.next().unwrap_or_default();
    let (username, credential) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let plain = !rest.is_empty()
        && rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
    let named = [username, credential]
        .iter()
        .all(|part| part.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
    let known = match scheme {
        "stun" | "stuns" => username.is_empty(),
        "turn" | "turns" => !username.is_empty() && !credential.is_empty(),
        _ => false,
    };
    if plain && named && known {
        Ok(IceServer {
            urls: vec![url.to_owned()],
            username: username.to_owned(),
            credential: credential.to_owned(),
        })
    } else {
        Err("expected stun:HOST:PORT or turn:HOST:PORT,USER,PASSWORD".to_owned())
    }
}

fn host_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
    let port = !text.starts_with('[') && text.contains(':');
    if plain && !port {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected a name such as play.example, without scheme and port".to_owned())
    }
}

fn route_key(text: &str) -> Result<RouteKey, String> {
    RouteKey::read(text.trim())
        .ok_or_else(|| "expected the 64 digits that firstlight up --relay prints".to_owned())
}

fn tls_files(text: &str) -> Result<TlsChoice, String> {
    tls(text)
        .ok()
        .filter(|choice| matches!(choice, TlsChoice::Files(..)))
        .ok_or_else(|| "expected two files in PEM as CERT,KEY".to_owned())
}

fn tls(text: &str) -> Result<TlsChoice, String> {
    match text.split_once(',') {
        None if text == "self-signed" => Ok(TlsChoice::SelfSigned),
        Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
            Ok(TlsChoice::Files(certificate.into(), key.into()))
        }
        _ => Err("expected self-signed, or CERT,KEY: two files in PEM".to_owned()),
    }
}

/// What clap says, without its line breaks and its usage.
pub(crate) fn in_one_line(message: &str) -> String {
    let complaint = message.split("\n\nUsage:").next().unwrap_or_default();
    let complaint = complaint
        .split("\n\nFor more information")
        .next()
        .unwrap_or_default();
    let words: Vec<&str> = complaint.split_whitespace().collect();
    if complaint.contains("error:") {
        format!("{} (see --help)", words.join(" "))
    } else {
        "error: name a command: up, host, indexer, title check, checker verify, doctor, relay or probe (see --help)"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ranges_and_rates_are_read_or_refused() {
        assert_eq!(ports("7000-7001"), Ok(7000..=7001));
        assert_eq!(ports("7000"), Ok(7000..=7000));
        for text in ["", "0-1", "9-8", "1-65536", "a-b", "-"] {
            assert!(ports(text).is_err(), "{text}");
        }
        assert_eq!(bitrate("8M"), Ok(Bitrate::mbps(8)));
        assert_eq!(bitrate("800k"), Ok(Bitrate::kbps(800)));
        assert_eq!(bitrate("100000"), Ok(Bitrate::kbps(100)));
        for text in [
            "",
            "M",
            "8 M",
            "1",
            "-8M",
            "2000M",
            "99999999999999999999M",
            "8MB",
        ] {
            assert!(bitrate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tls_is_made_or_read() {
        assert_eq!(tls("self-signed"), Ok(TlsChoice::SelfSigned));
        assert_eq!(
            tls("a.pem,b.pem"),
            Ok(TlsChoice::Files("a.pem".into(), "b.pem".into()))
        );
        for text in ["", "a.pem", ",", "a.pem,", ",b.pem"] {
            assert!(tls(text).is_err(), "{text}");
        }
    }

    #[test]
    fn servers_are_read_or_refused() {
        let turn = ice_server("turn:turn.example:3478?transport=udp,anna,se,cret").unwrap();
        assert_eq!(
            (turn.username.as_str(), turn.credential.as_str()),
            ("anna", "se,cret")
        );
        assert!(ice_server("stun:stun.example:3478").unwrap().username.is_empty());
        for text in [
            "",
            "stun:",
            "stun.example",
            "turn:turn.example",
            "http://x",
            "stun:a b",
            "stun:x,user,word",
        ] {
            assert!(ice_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_names() {
        for text in ["Play.Example", "10.0.0.1", "[fd00::1]"] {
            assert!(host_name(text).is_ok(), "{text}");
        }
        for text in ["", "http://x", "x:80", "a b", "x/y"] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whatever_is_asked_wrongly_is_answered_in_one_line() {
        for arguments in [
            &["x", "up", "--slots", "none"][..],
            &["x", "up", "--wat"],
            &["x"],
            &["x", "fly"],
            &["x", "title"],
        ] {
            let error = Cli::try_parse_from(arguments).unwrap_err();
            let line = in_one_line(&error.to_string());
            assert!(line.starts_with("error: ") && !line.contains('\n'), "{line}");
        }
    }
}
