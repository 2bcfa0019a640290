//! `firstlight host`: a machine that runs sessions for a fleet.
//!
//! ```text
//! --join URL ──Enrol (HTTP)──> gateway ──> bus, cell's keys
//!                 measured: encoder, cores, memory, titles
//!                 v
//! host <── agent <──asks, sealed── bus ──beats, reports──> indexers
//!  └─ a worker per session <── media, straight from players
//! ```

mod enrol;
mod reach;
mod word;

use crate::cell::{self, TRUST_EVERY, keys, wall_now};
use crate::cli::{GatewayUrl, Host as Options};
use crate::encoders;
use crate::metrics::offer_metrics;
use crate::out::say;
use crate::up::{Signals, end_sessions, notes};
use crate::{machine, saves};
use anyhow::{Context, Result};
use enrol::Gateway;
use firstlight_backends::Speed;
use firstlight_container::{Isolation, isolate};
use firstlight_fleet::messages::{Enrol, Enrolled, Signer};
use firstlight_fleet::shown;
use firstlight_host::agent::{self, Agent, listen, open_signer};
use firstlight_units::Region;
use reach::Addresses;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn host(options: &Options) -> Result<ExitCode> {
    if let Some(word) = &options.word {
        return word::speak(word);
    }
    let url = options.join.as_ref().context("name a gateway with --join")?;
    machine::require_titles(&options.folders.titles)?;
    let isolation = isolate();
    machine::require(&isolation)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("host")
        .enable_all()
        .build()
        .context("the host's threads cannot be started")?;
    let done = runtime.block_on(run(options, url, &isolation));
    // A worker's leftover pipe may keep a blocking read alive; nothing that matters is.
    runtime.shutdown_timeout(Duration::from_millis(200));
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(options: &Options, url: &GatewayUrl, isolation: &Isolation) -> Result<()> {
    // Before anything is started that would have to be stopped.
    let mut signals = Signals::open()?;
    offer_metrics(options.metrics).await?;
    let addresses = Addresses::find(&options.address, url)?;
    let host = machine::open(
        &options.machine,
        &options.folders.data,
        &addresses.bound,
        isolation,
    )?;
    let signer = Arc::new(open_signer(&options.folders.data)?);
    let membership = Membership::new(options, url, &signer)?;
    let enrolled = membership.enrol().await?;
    let bus_url = options.bus.clone().unwrap_or_else(|| enrolled.bus.clone());
    let bus = cell::open_bus(&bus_url).await.with_context(|| {
        let whence = if options.bus.is_some() {
            ""
        } else {
            ", which the gateway names: name another with --bus"
        };
        format!("this machine does not reach the bus{whence}")
    })?;
    if enrolled.saves {
        host.keep_saves(Arc::new(saves::far(url, options.ca.as_deref(), &signer)?));
    } else {
        tracing::warn!("{url} keeps no saves: what players save stays on this machine");
    }
    let forced = options.machine.encoder.clone();
    let tried = tokio::task::spawn_blocking(move || encoders::try_for_sessions(forced.as_deref())).await?;
    host.set_encoders(tried.iter().map(encoders::Tried::measured).collect());
    let speed = encoders::usual(&tried).context("no picture can be encoded here (see firstlight doctor)")?;
    let agent = Agent::start(agent::Settings {
        host: host.clone(),
        titles: Arc::new(agent::Titles::new(options.folders.titles.clone())),
        bus,
        signer,
        cell_keys: keys(&enrolled.cell_keys),
        name: membership.name.clone(),
        region: options.region.clone(),
        position: options.position,
        addresses: addresses.told.clone(),
        price_micros: 0,
        encoders: vec![speed.backend.to_owned()],
        encode_us: speed.picture.as_u32(),
        beat_every: Duration::from_millis(enrolled.beat_ms.clamp(BEAT_MS_MIN, BEAT_MS_MAX).into()),
    })
    .await?;
    listen(&options.folders.data, agent.clone())?;
    if !options.machine.no_parked {
        host.park_titles(options.folders.titles.clone());
    }
    greet(options, url, (&agent, &bus_url), speed, &addresses);
    notes(isolation);
    say("Stop it with Ctrl-C; firstlight host leave lets players finish first");
    let trusting = tokio::spawn(keep_trusting(agent.clone(), membership));
    until_stopped(&agent, &mut signals).await;
    trusting.abort();
    end_sessions(&host, &mut signals).await;
    // What became of the last sessions is written down.
    drop(tokio::time::timeout(FAREWELL_WITHIN, agent.farewell()).await);
    say("Stopped");
    Ok(())
}

/// Until somebody stops it, or until it was told to leave and nobody plays any more.
async fn until_stopped(agent: &Agent, signals: &mut Signals) {
    tokio::select! {
        () = signals.next() => return,
        () = agent.leaving() => say("Leaving: it ends when the last session has ended"),
    }
    tokio::select! {
        () = signals.next() => {}
        () = agent.leave() => {}
    }
}

/// This machine's place in a fleet.
struct Membership {
    gateway: Gateway,
    signer: Arc<Signer>,
    token: String,
    name: String,
    region: Region,
}

impl Membership {
    fn new(options: &Options, url: &GatewayUrl, signer: &Arc<Signer>) -> Result<Self> {
        if url.is_open() {
            tracing::warn!(
                "{url} is not https: whoever is on the way reads the token, and could order this machine about"
            );
        }
        let token = options
            .token
            .clone()
            .or_else(|| std::env::var(TOKEN_VARIABLE).ok());
        Ok(Self {
            gateway: Gateway::new(url, options.ca.as_deref())?,
            signer: Arc::clone(signer),
            token: token.unwrap_or_default(),
            name: options.name.clone().unwrap_or_else(host_name),
            region: options.region.clone(),
        })
    }

    async fn enrol(&self) -> Result<Enrolled> {
        let (token, name, region) = (self.token.clone(), self.name.clone(), self.region.clone());
        let wish = Enrol::new(self.signer.key(), token, name, region, wall_now());
        let gateway = self.gateway.clone();
        tokio::task::spawn_blocking(move || gateway.enrol(&wish)).await?
    }
}

/// An indexer that is new in the cell seals with a key of its own: the gateway says whether it is the cell's.
async fn keep_trusting(agent: Agent, membership: Membership) {
    loop {
        agent.stranger().await;
        match membership.enrol().await {
            Ok(enrolled) => agent.trust(&keys(&enrolled.cell_keys)),
            Err(error) => tracing::warn!("the cell's keys were not read again: {error:#}"),
        }
        tokio::time::sleep(TRUST_EVERY).await;
    }
}

/// What this machine is called, as far as a line can show it.
fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name: String = name
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

fn greet(
    options: &Options,
    url: &GatewayUrl,
    (agent, bus): (&Agent, &str),
    speed: &Speed,
    addresses: &Addresses,
) {
    let (cores, memory) = firstlight_host::machine_size();
    say(format!(
        "Joined          {url} as {} (region {})",
        agent.id(),
        options.region
    ));
    say(format!("Bus             {}", shown(bus)));
    say(format!(
        "Measured        {cores} cores, {} MiB available",
        memory.as_u64() >> 20
    ));
    say(format!("Encoder         {}", encoders::words(speed)));
    let told: Vec<String> = addresses.told.iter().map(ToString::to_string).collect();
    let (first, last) = (
        options.machine.media_ports.start(),
        options.machine.media_ports.end(),
    );
    say(format!(
        "Reached at      {}, UDP {first}-{last}",
        told.join(" and ")
    ));
    if addresses.are_local() {
        say("Note            only this machine's own players reach it; name its address with --address");
    }
}

const TOKEN_VARIABLE: &str = "FIRSTLIGHT_TOKEN";
/// The host's own work is small; sessions have processes of their own.
const THREADS: usize = 2;
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);
/// A gateway that says something else is not obeyed.
const BEAT_MS_MIN: u32 = 100;
const BEAT_MS_MAX: u32 = 60_000;
