//! The command line.

mod host;
mod machine;
mod serving;

pub(crate) use host::{GatewayUrl, Host, HostWord, Wish};
pub(crate) use machine::{Folders, Ice, Machine};
pub(crate) use serving::{Neighbouring, Serving, TlsChoice};

use clap::{Args, Parser, Subcommand};
use firstlight_ticket::RouteKey;
use firstlight_units::Bitrate;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

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
    #[command(flatten)]
    pub(crate) folders: Folders,
    #[command(flatten)]
    pub(crate) machine: Machine,
    #[command(flatten)]
    pub(crate) serving: Serving,
    /// Where leases are kept: redb:PATH, postgres://USER@HOST/DATABASE or memory [default: fleet.redb in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Where hosts that join are talked to: nats://HOST:PORT, an address that they reach; local: this machine alone
    #[arg(long, value_name = "URL", default_value = LOCAL)]
    pub(crate) bus: String,
    /// Address that relays reach this engine's media by [default: that of this machine on the way to them]
    #[arg(long, value_name = "IP", requires = "relay")]
    pub(crate) relay_media_ip: Option<IpAddr>,
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
    /// Where hosts are talked to: nats://HOST:PORT, an address that they reach
    #[arg(long, value_name = "URL")]
    pub(crate) bus: String,
    #[command(flatten)]
    pub(crate) folders: Folders,
    #[command(flatten)]
    pub(crate) ice: Ice,
    #[command(flatten)]
    pub(crate) serving: Serving,
}

/// The bus of a machine on its own.
pub(crate) const LOCAL: &str = "local";

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

fn route_key(text: &str) -> Result<RouteKey, String> {
    RouteKey::read(text.trim())
        .ok_or_else(|| "expected the 64 digits that firstlight up --relay prints".to_owned())
}

fn tls_files(text: &str) -> Result<TlsChoice, String> {
    serving::tls(text)
        .ok()
        .filter(|choice| matches!(choice, TlsChoice::Files(..)))
        .ok_or_else(|| "expected two files in PEM as CERT,KEY".to_owned())
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
