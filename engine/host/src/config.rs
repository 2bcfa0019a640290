//! What a host is told at its start.

use crate::Error;
use firstlight_link::IceServer;
use firstlight_units::Bitrate;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a host, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) data: PathBuf,
    pub(crate) run_root: PathBuf,
    pub(crate) cgroup_root: Option<PathBuf>,
    pub(crate) worker: Vec<PathBuf>,
    pub(crate) prover: Vec<PathBuf>,
    pub(crate) media_addresses: Vec<IpAddr>,
    pub(crate) media_ports: RangeInclusive<u16>,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) slots: Option<u32>,
    pub(crate) wait: Duration,
    pub(crate) yield_after: Duration,
    pub(crate) bitrate_max: Bitrate,
    pub(crate) encoder: Option<String>,
    pub(crate) sessions_per_player: u32,
    pub(crate) ready_within: Duration,
    pub(crate) stop_within: Duration,
}

/// Collects settings for a [`Config`].
#[derive(Clone, Debug)]
pub struct ConfigBuilder(Config);

impl Config {
    /// A host that keeps what must last in `data`, sessions' private folders in `run_root`, and runs `worker` (a program
    /// and its arguments) once per session.
    #[must_use]
    pub fn builder(data: PathBuf, run_root: PathBuf, worker: Vec<PathBuf>) -> ConfigBuilder {
        ConfigBuilder(Self {
            data,
            run_root,
            cgroup_root: None,
            worker,
            prover: Vec::new(),
            media_addresses: vec![Ipv4Addr::LOCALHOST.into()],
            media_ports: 7000..=7099,
            ice_servers: Vec::new(),
            slots: None,
            wait: Duration::from_secs(120),
            yield_after: Duration::from_secs(5),
            bitrate_max: Bitrate::mbps(20),
            encoder: None,
            sessions_per_player: 4,
            ready_within: Duration::from_secs(20),
            stop_within: Duration::from_secs(6),
        })
    }
}

impl ConfigBuilder {
    /// A cgroup below which each session gets one. Default: none, and sessions are frozen process by process.
    #[must_use]
    pub fn cgroup_root(mut self, root: Option<PathBuf>) -> Self {
        self.0.cgroup_root = root;
        self
    }

    /// The program, and its arguments, that does what checkers ask. Default: none, and the host says that it cannot.
    #[must_use]
    pub fn prover(mut self, program: Vec<PathBuf>) -> Self {
        self.0.prover = program;
        self
    }

    /// Addresses that media is received on. Default: 127.0.0.1.
    #[must_use]
    pub fn media_addresses(mut self, addresses: Vec<IpAddr>) -> Self {
        self.0.media_addresses = addresses;
        self
    }

    /// UDP ports, two per session: one for WebTransport, one for WebRTC. Default: 7000 to 7099.
    #[must_use]
    pub fn media_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.0.media_ports = ports;
        self
    }

    /// Servers that help WebRTC players and this host to reach each other. Default: none.
    #[must_use]
    pub fn ice_servers(mut self, servers: Vec<IceServer>) -> Self {
        self.0.ice_servers = servers;
        self
    }

    /// Sessions at once, in place of the estimate from cores and memory. Default: the estimate.
    #[must_use]
    pub fn slots(mut self, slots: Option<u32>) -> Self {
        self.0.slots = slots;
        self
    }

    /// How long a session waits for a player who left, 0 s to 1 day. Default: 120 s. Costs its memory meanwhile.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.0.wait = wait;
        self
    }

    /// How long a session's player has to be away before his place counts as free for those who stand in line. Default: 5 s: a page that is
    /// loaded anew, or a phone that changes networks, is back by then, and nobody in line is kept for long by one who has left. To its own
    /// player, who begins another, it gives way at once.
    #[must_use]
    pub fn yield_after(mut self, away: Duration) -> Self {
        self.0.yield_after = away;
        self
    }

    /// Most bits per second of video, 100 kbit/s to 1 Gbit/s. Default: 20 Mbit/s.
    #[must_use]
    pub fn bitrate_max(mut self, bitrate: Bitrate) -> Self {
        self.0.bitrate_max = bitrate;
        self
    }

    /// The encoder, or the codec, that every session gets, by its word. Default: each gets what suits it.
    #[must_use]
    pub fn encoder(mut self, word: Option<String>) -> Self {
        self.0.encoder = word;
        self
    }

    /// Sessions that one player may have at a time, at least 1. Default: 4, some tabs.
    #[must_use]
    pub fn sessions_per_player(mut self, most: u32) -> Self {
        self.0.sessions_per_player = most;
        self
    }

    /// How long a worker may take to open its port and start its app. Default: 20 s, for a cold disk on a busy machine.
    #[must_use]
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.0.ready_within = limit;
        self
    }

    /// How long a worker may take to end before it is killed. Default: 6 s; it gives its app two seconds to save and go, and
    /// its player one to hear of it.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.0.stop_within = limit;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting and its range.
    pub fn build(self) -> Result<Config, Error> {
        let config = self.0;
        let checks = [
            (!config.worker.is_empty(), "the worker's program is not named"),
            (
                !config.media_addresses.is_empty(),
                "there is no address to receive media on",
            ),
            (
                *config.media_ports.start() > 0 && !config.media_ports.is_empty(),
                "media ports are a range A-B with 1 <= A <= B <= 65535",
            ),
            (config.slots != Some(0), "there must be at least one slot"),
            (
                config.wait <= Duration::from_secs(86_400),
                "a session waits at most a day (86400 s)",
            ),
            (
                (Bitrate::kbps(100)..=Bitrate::mbps(1000)).contains(&config.bitrate_max),
                "the bitrate must be between 100 kbit/s and 1 Gbit/s",
            ),
            (
                config.sessions_per_player > 0,
                "a player must be allowed one session",
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, complaint)) => Err(Error::Config(complaint)),
            None => Ok(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> ConfigBuilder {
        Config::builder("data".into(), "run".into(), vec!["worker".into()])
    }

    #[test]
    fn the_default_is_accepted_and_nonsense_is_not() {
        assert!(builder().build().is_ok());
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let reversed = 8..=7;
        let refused = [
            builder().media_ports(reversed),
            builder().media_ports(0..=7),
            builder().slots(Some(0)),
            builder().bitrate_max(Bitrate::kbps(1)),
            builder().wait(Duration::from_secs(86_401)),
            builder().media_addresses(Vec::new()),
            builder().sessions_per_player(0),
        ];
        for config in refused {
            assert!(matches!(config.build(), Err(Error::Config(_))));
        }
    }
}
