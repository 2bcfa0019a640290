//! A cell of one machine for tests, as `firstlight up` makes one: a store in a folder, a bus in this process, the agent of a host.

use anyhow::{Result, ensure};
use firstlight_cell::Cell;
use firstlight_fleet::messages::{Caller, Signer};
use firstlight_fleet::{Bus, Key, LocalBus, Roster, open, open_blobs};
use firstlight_host::Host;
use firstlight_host::agent::{self, Agent, open_signer};
use firstlight_link::IceServer;
use firstlight_saves::{Keeper, Limits, Near};
use firstlight_units::WallTime;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The cell, without its host.
#[derive(Debug)]
pub struct Alone {
    /// What a gateway places through.
    pub cell: Cell,
    /// What players save is kept by.
    pub keeper: Keeper,
    signer: Arc<Signer>,
    bus: Arc<dyn Bus>,
    data: PathBuf,
}

impl Alone {
    /// Keeps everything in `data`.
    ///
    /// # Errors
    /// What the store or the folder refuses.
    pub async fn open(data: &Path, ice_servers: Vec<IceServer>) -> Result<Self> {
        let store = open(&format!("redb:{}", data.join("fleet.redb").display())).await?;
        let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
        let signer = Arc::new(Signer::new(Key::open(&data.join("cell.key"))?, 1));
        let own = Key::open(&data.join("host.key"))?.public();
        let roster = Roster::new(Arc::clone(&store));
        roster
            .take_in(&own, "", "local".parse()?, WallTime::from_micros(1))
            .await?;
        roster.add_cell_key(&signer.key().public()).await?;
        let caller = Caller::new(Arc::clone(&bus), Arc::clone(&signer));
        let saved = format!("folder:{}", data.join("saved").display());
        let keeper = Keeper::new(Arc::clone(&store), open_blobs(&saved).await?, Limits::default());
        let mut settings = firstlight_cell::Settings::new(store, caller);
        settings.local = Some(own.id());
        settings.ice_servers = ice_servers;
        Ok(Self {
            cell: Cell::open(settings).await?,
            keeper,
            signer,
            bus,
            data: data.to_owned(),
        })
    }

    /// Lets `host` take part, until the agent is dropped; it has been heard.
    ///
    /// # Errors
    /// What keeps the agent from starting or from being heard.
    pub async fn employ(&self, host: &Host, titles: PathBuf) -> Result<Agent> {
        let signer = Arc::new(open_signer(&self.data)?);
        host.keep_saves(Arc::new(Near::new(self.keeper.clone(), signer.id())));
        let agent = Agent::start(agent::Settings {
            host: host.clone(),
            titles: Arc::new(agent::Titles::new(titles)),
            bus: Arc::clone(&self.bus),
            signer,
            cell_keys: vec![self.signer.key().public()],
            name: String::new(),
            region: "local".parse()?,
            position: None,
            addresses: Vec::new(),
            price_micros: 0,
            encoders: Vec::new(),
            encode_us: 0,
            beat_every: Duration::from_millis(250),
        })
        .await?;
        ensure!(
            self.cell.heard(&agent.id(), Duration::from_secs(20)).await,
            "the host was not heard"
        );
        Ok(agent)
    }
}
