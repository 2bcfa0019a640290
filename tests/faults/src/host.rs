//! A host: the real one with its agent, whose workers are those of [`crate::worker`].

use crate::say;
use anyhow::{Context, Result};
use firstlight_fleet::{PublicKey, open_bus};
use firstlight_host::agent::{self, Agent, Titles, open_signer};
use firstlight_host::{Config, Host};
use firstlight_saves::Far;
use serde::Deserialize;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What it is started with.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    bus: String,
    folder: PathBuf,
    titles: PathBuf,
    cell_keys: Vec<String>,
    first_port: u16,
    beat_ms: u64,
    /// The gateway that keeps what players save; none: it stays on this host.
    saves: Option<String>,
}

pub(crate) fn run(told: &Told) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(work(told))
}

async fn work(told: &Told) -> Result<()> {
    let worker = vec![std::env::current_exe()?, "worker".into()];
    let data = told.folder.join("data");
    let config = Config::builder(data.clone(), told.folder.join("run"), worker)
        .media_ports(told.first_port..=told.first_port + 19)
        .slots(Some(1))
        .build()?;
    let host = Host::open(config)?;
    let signer = Arc::new(open_signer(&data)?);
    if let Some(origin) = &told.saves {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(SAVED_WITHIN)).build().into();
        host.keep_saves(Arc::new(Far::new(agent, origin.clone(), Arc::clone(&signer))));
    }
    let keys = told.cell_keys.iter();
    let _agent = Agent::start(agent::Settings {
        host,
        titles: Arc::new(Titles::new(told.titles.clone())),
        bus: open_bus(&told.bus).await?,
        signer,
        cell_keys: keys
            .map(|key| PublicKey::from_hex(key).context("no key"))
            .collect::<Result<_>>()?,
        name: "box".into(),
        region: "here".parse()?,
        position: None,
        addresses: vec!["127.0.0.1".parse()?],
        price_micros: 0,
        encoders: Vec::new(),
        encode_us: 0,
        beat_every: Duration::from_millis(told.beat_ms),
    })
    .await?;
    say("up")?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    // Not `return`: a blocked worker's pipe would keep the runtime.
    std::process::exit(0);
}

const SAVED_WITHIN: Duration = Duration::from_secs(10);
