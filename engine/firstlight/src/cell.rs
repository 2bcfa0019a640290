//! What places sessions, for `up` and `indexer`: a store, a bus, and a key of its own.

use anyhow::{Context, Result};
use firstlight_cell::{Cell, Settings};
use firstlight_fleet::messages::{Caller, Signer};
use firstlight_fleet::{Bus, Expect, Key, Store};
use firstlight_host::Host;
use firstlight_host::agent::{self, Agent};
use firstlight_link::IceServer;
use firstlight_units::{HostId, Micros, Region, WallTime};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A cell, and what its asks are sealed with.
pub(crate) struct Placer {
    pub(crate) cell: Cell,
    pub(crate) bus: Arc<dyn Bus>,
    /// Of every indexer of this store, in hexadecimal digits.
    pub(crate) cell_keys: Vec<String>,
    signer: Arc<Signer>,
}

/// What one is opened with.
pub(crate) struct Options<'a> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    /// Where its key is kept.
    pub(crate) data: &'a Path,
    pub(crate) local: Option<HostId>,
    pub(crate) ice_servers: Vec<IceServer>,
}

impl Placer {
    pub(crate) async fn open(options: Options<'_>) -> Result<Self> {
        let key = Key::open(&options.data.join("cell.key"))?;
        // Rises with every start, as long as the clock does.
        let signer = Arc::new(Signer::new(key, wall_now().as_micros()));
        let public = signer.key().public().to_hex();
        let id = signer.id();
        options.store.put(KEYS, id.as_str(), Expect::Any, public).await?;
        let keys = options.store.list(KEYS, None, KEYS_MAX).await?;
        let caller = Caller::new(Arc::clone(&options.bus), Arc::clone(&signer));
        let mut settings = Settings::new(options.store, caller);
        settings.local = options.local;
        settings.ice_servers = options.ice_servers;
        Ok(Self {
            cell: Cell::open(settings).await?,
            bus: options.bus,
            cell_keys: keys.into_iter().map(|record| record.body).collect(),
            signer,
        })
    }

    /// Lets this machine's own host take part, and waits until it is heard.
    pub(crate) async fn employ(
        &self,
        host: &Host,
        own: Signer,
        (titles, addresses): (PathBuf, Vec<IpAddr>),
    ) -> Result<Agent> {
        let agent = Agent::start(agent::Settings {
            host: host.clone(),
            titles: Arc::new(agent::Titles::new(titles)),
            bus: Arc::clone(&self.bus),
            signer: Arc::new(own),
            cell_keys: vec![self.signer.key().public()],
            name: "this machine".to_owned(),
            region: local_region()?,
            position: None,
            addresses,
            price_micros: 0,
            encoders: Vec::new(),
            beat_every: Duration::from_secs(1),
        })
        .await?;
        if !self.cell.heard(&agent.id(), HEARD_WITHIN).await {
            tracing::warn!("this machine's own host was not heard yet");
        }
        Ok(agent)
    }
}

/// Where a machine on its own is.
pub(crate) fn local_region() -> Result<Region> {
    "local".parse().context("no region")
}

pub(crate) fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

const KEYS: &str = "cell-keys";
const KEYS_MAX: usize = 64;
const HEARD_WITHIN: Duration = Duration::from_secs(5);
