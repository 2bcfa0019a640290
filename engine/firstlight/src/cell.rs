//! What places sessions, for `up` and `indexer`: a store, a bus, and a key of its own.

use crate::checker;
use crate::cli::Neighbouring;
use crate::out::say;
use crate::{https, saves};
use anyhow::{Context, Result, bail};
use firstlight_backends::Speed;
use firstlight_cell::{Cell, Checks, Settings};
use firstlight_fleet::messages::{Caller, Signer};
use firstlight_fleet::{Blobs, Bus, Key, PublicKey, Roster, Store, shown, without_login};
use firstlight_gateway::{Gateway, Neighbours, RelayUrl, Relays};
use firstlight_host::Host;
use firstlight_host::agent::{self, Agent};
use firstlight_link::IceServer;
use firstlight_saves::{Keeper, Limits, Near};
use firstlight_units::{HostId, Micros, Region, WallTime};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A cell and its bus.
pub(crate) struct Placer {
    pub(crate) cell: Cell,
    pub(crate) bus: Arc<dyn Bus>,
    /// Keeps what players save.
    pub(crate) keeper: Keeper,
}

/// What one is opened with.
pub(crate) struct Options<'a> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) blobs: Arc<dyn Blobs>,
    /// Where its key is kept.
    pub(crate) data: &'a Path,
    pub(crate) local: Option<HostId>,
    pub(crate) ice_servers: Vec<IceServer>,
    /// Whether hosts that join have to prove what they say.
    pub(crate) check_hosts: bool,
    /// Where reports of sessions that have ended go.
    pub(crate) ended: Option<SyncSender<serde_json::Value>>,
}

impl Placer {
    pub(crate) async fn open(options: Options<'_>) -> Result<Self> {
        let key = Key::open(&options.data.join("cell.key"))?;
        // Rises with every start, as long as the clock does.
        let signer = Arc::new(Signer::new(key, wall_now().as_micros()));
        let roster = Roster::new(Arc::clone(&options.store));
        roster.add_cell_key(&signer.key().public()).await?;
        let caller = Caller::new(Arc::clone(&options.bus), Arc::clone(&signer));
        let keeper = Keeper::new(Arc::clone(&options.store), options.blobs, Limits::default());
        tokio::spawn(saves::keep_swept(keeper.clone()));
        let mut settings = Settings::new(options.store, caller);
        settings.local = options.local;
        settings.ice_servers = options.ice_servers;
        settings.ended = options.ended;
        settings.checks = options.check_hosts.then(|| Checks {
            signer,
            decoder: Arc::new(checker::decoder()),
        });
        Ok(Self {
            cell: Cell::open(settings).await?,
            bus: options.bus,
            keeper,
        })
    }

    /// Lets this machine's own host take part, and waits until it is heard. `speed`: of its encoder, where it was measured.
    pub(crate) async fn employ(
        &self,
        host: &Host,
        own: Signer,
        (titles, addresses): (PathBuf, Vec<IpAddr>),
        speed: Option<Speed>,
    ) -> Result<Agent> {
        let roster = self.cell.roster().clone();
        host.keep_saves(Arc::new(Near::new(self.keeper.clone(), own.id())));
        let agent = Agent::start(agent::Settings {
            host: host.clone(),
            titles: Arc::new(agent::Titles::new(titles)),
            bus: Arc::clone(&self.bus),
            signer: Arc::new(own),
            cell_keys: keys(&roster.cell_keys().await?),
            name: "this machine".to_owned(),
            region: local_region()?,
            position: None,
            addresses,
            price_micros: 0,
            encoders: speed.iter().map(|speed| speed.backend.to_owned()).collect(),
            encode_us: speed.map_or(0, |speed| speed.picture.as_u32()),
            beat_every: Duration::from_secs(1),
        })
        .await?;
        if !self.cell.heard(&agent.id(), HEARD_WITHIN).await {
            tracing::warn!("this machine's own host was not heard yet");
        }
        tokio::spawn(keep_trusting(agent.clone(), roster));
        Ok(agent)
    }
}

/// Lets a gateway offer relays, which reach this machine's own sessions by `media_ip`. Within a tokio runtime.
pub(crate) fn with_relays(
    gateway: Gateway,
    data: &Path,
    (relays, media_ip): (&[RelayUrl], Option<IpAddr>),
) -> Result<Gateway> {
    if relays.is_empty() {
        return Ok(gateway);
    }
    let relays = Relays::open(data, relays.to_vec(), media_ip)?;
    say(format!(
        "Relays          start them with --gateway-key {}",
        relays.key()
    ));
    Ok(gateway.with_relays(relays))
}

/// Lets a gateway send players to other cells. Within a tokio runtime.
pub(crate) fn with_neighbours(gateway: Gateway, options: &Neighbouring) -> Result<Gateway> {
    if options.neighbour.is_empty() {
        return Ok(gateway);
    }
    let agent = https::agent(
        options.neighbour_ca.as_deref(),
        NEIGHBOUR_WITHIN,
        NEIGHBOUR_WITHIN,
    )?;
    let origins = options.neighbour.iter().map(ToString::to_string).collect();
    Ok(gateway.with_neighbours(Neighbours::open(&agent, origins)))
}

/// Another indexer of the store seals with a key of its own.
async fn keep_trusting(agent: Agent, roster: Roster) {
    loop {
        agent.stranger().await;
        match roster.cell_keys().await {
            Ok(known) => agent.trust(&keys(&known)),
            Err(error) => tracing::warn!(%error, "the cell's keys were not read again"),
        }
        tokio::time::sleep(TRUST_EVERY).await;
    }
}

/// Public keys of hexadecimal digits.
pub(crate) fn keys(digits: &[String]) -> Vec<PublicKey> {
    digits.iter().filter_map(|key| PublicKey::from_hex(key)).collect()
}

/// What hosts are told of the bus: never what the gateway itself logs in with.
pub(crate) fn told_bus(own: &str, told: Option<&str>) -> String {
    told.map_or_else(|| without_login(own), str::to_owned)
}

/// Opens a bus and waits until it is connected: nobody is placed over one that is away.
pub(crate) async fn open_bus(url: &str) -> Result<Arc<dyn Bus>> {
    let bus = firstlight_fleet::open_bus(url).await?;
    let began = Instant::now();
    while !bus.is_connected() {
        if began.elapsed() > CONNECTED_WITHIN {
            bail!("nothing answers at {}: is nats-server running there?", shown(url));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(bus)
}

/// Where a machine on its own is.
pub(crate) fn local_region() -> Result<Region> {
    "local".parse().context("no region")
}

pub(crate) fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

/// Some tries, on a machine that is busy with starting everything at once.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Whoever floods the bus with forgeries does not flood the store, or a gateway.
pub(crate) const TRUST_EVERY: Duration = Duration::from_secs(5);
/// A cell that takes longer is no help to a player who waits.
const NEIGHBOUR_WITHIN: Duration = Duration::from_secs(2);
const HEARD_WITHIN: Duration = Duration::from_secs(5);
