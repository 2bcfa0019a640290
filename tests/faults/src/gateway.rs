//! A gateway with its indexer, as `firstlight indexer` is one, that stops after a step of a placement when it is told to.
//!
//! `hold STEP`: the next placement that has done this step goes no further, and `at STEP` is said. `go`: it goes on.

use crate::say;
use anyhow::{Context, Result};
use firstlight_cell::{Cell, Faults, Settings, Step};
use firstlight_fleet::messages::{Caller, Signer};
use firstlight_fleet::{Key, open, open_blobs, open_bus};
use firstlight_gateway::{Gateway, Metrics, Neighbours, OperatorKey, listen, serve};
use firstlight_saves::{Keeper, Limits};
use firstlight_units::Micros;
use serde::Deserialize;
use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What it is started with.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    store: String,
    bus: String,
    data: PathBuf,
    titles: PathBuf,
    beat_ms: u64,
    lease_ms: u64,
    /// Gateways of other cells.
    neighbours: Vec<String>,
}

pub(crate) fn run(told: &Told) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One may stand still at a step.
        .worker_threads(4)
        .enable_all()
        .build()?;
    runtime.block_on(work(told))
}

async fn work(told: &Told) -> Result<()> {
    let key = Key::open(&told.data.join("cell.key"))?;
    let boot = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
    let caller = Caller::new(open_bus(&told.bus).await?, Arc::new(Signer::new(key, boot)));
    let store = open(&told.store).await?;
    let keeper = Keeper::new(
        Arc::clone(&store),
        open_blobs(&told.store).await?,
        Limits::default(),
    );
    let mut settings = Settings::new(store, caller);
    settings.beat_every = Micros::from_millis(told.beat_ms);
    settings.lease = Micros::from_millis(told.lease_ms);
    settings.claim_within = Micros::from_millis(told.lease_ms);
    settings.faults = faults();
    let cell = Cell::open(settings).await?;
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = listener.local_addr()?.port();
    let gateway = Gateway::open(firstlight_gateway::Settings {
        cell,
        host: None,
        bus: Some(told.bus.clone()),
        titles: told.titles.clone(),
        operator: OperatorKey::open(&told.data)?,
        names: Vec::new(),
        port,
        secure: false,
        metrics: Metrics::install()?,
    })?;
    let patient = ureq::Agent::config_builder()
        .timeout_global(Some(NEIGHBOUR_WITHIN))
        .build();
    let gateway = gateway
        .with_saves(keeper)
        .with_neighbours(Neighbours::open(&patient.into(), told.neighbours.clone()));
    say(&format!("port {port}"))?;
    serve(gateway, vec![listener], None, std::future::pending()).await;
    Ok(())
}

fn faults() -> Faults {
    let held: Arc<Mutex<Option<String>>> = Arc::default();
    let (goes, go) = sync_channel(8);
    let hears = Arc::clone(&held);
    std::thread::spawn(move || hear(&hears, &goes));
    let go = Mutex::new(go);
    Faults::new(move |step| {
        let name = format!("{step:?}");
        let here = held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take_if(|held| *held == name)
            .is_some();
        here && stand(step, &go).is_err()
    })
}

/// Stands still after a step. An error is a test that has gone.
fn stand(step: Step, go: &Mutex<Receiver<()>>) -> Result<()> {
    say(&format!("at {step:?}"))?;
    go.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .context("nobody lets it go on")
}

fn hear(held: &Mutex<Option<String>>, goes: &SyncSender<()>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.split_once(' ') {
            Some(("hold", step)) => {
                *held.lock().unwrap_or_else(PoisonError::into_inner) = Some(step.to_owned());
                if say("held").is_err() {
                    break;
                }
            }
            _ if line == "go" => drop(goes.send(())),
            _ => break,
        }
    }
    std::process::exit(0);
}

const NEIGHBOUR_WITHIN: Duration = Duration::from_secs(2);
