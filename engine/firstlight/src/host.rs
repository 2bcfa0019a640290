//! `firstlight host`.

use crate::cli::{HostCommand, HostOptions, HostRun};
use crate::join::{Wish, cell_keys, join};
use crate::out::say;
use crate::run_root;
use crate::signals::Signals;
use anyhow::{Context, Result, bail};
use firstlight_container::{Isolation, isolate};
use firstlight_fleet::open_bus;
use firstlight_host::agent::{self, Agent, Settings, Titles, Word, open_signer, reachable};
use firstlight_host::{Config, Host};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn host(options: &HostOptions) -> Result<ExitCode> {
    let word = match options.command {
        None => return run(&options.run),
        Some(HostCommand::Status) => Word::Status,
        Some(HostCommand::Drain) => Word::Drain,
        Some(HostCommand::Open) => Word::Open,
        Some(HostCommand::Leave) => Word::Leave,
    };
    let data = &options.run.data;
    let status = agent::say(data, word).with_context(|| format!("no host runs in {}", data.display()))?;
    say(serde_json::to_string(&status)?);
    Ok(ExitCode::SUCCESS)
}

fn run(options: &HostRun) -> Result<ExitCode> {
    let Some(url) = &options.join else {
        bail!(
            "name the gateway to join with --join URL, or say status, drain, open or leave to a host that runs"
        );
    };
    if !options.titles.is_dir() {
        bail!(
            "there is no folder {} of titles; name one with --titles",
            options.titles.display()
        );
    }
    let isolation = isolate();
    if !isolation.can_start() {
        let why = if isolation.programs.is_granted() {
            &isolation.sandbox
        } else {
            &isolation.programs
        };
        bail!("{} (see firstlight doctor)", why.words());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("host")
        .enable_all()
        .build()
        .context("the host's threads cannot be started")?;
    let done = runtime.block_on(serve(options, url, &isolation));
    runtime.shutdown_timeout(Duration::from_millis(200));
    done.map(|()| ExitCode::SUCCESS)
}

async fn serve(options: &HostRun, url: &str, isolation: &Isolation) -> Result<()> {
    let mut signals = Signals::open()?;
    let host = open_host(options, isolation)?;
    host.park_titles(options.titles.clone());
    let signer = Arc::new(open_signer(&options.data)?);
    let wish = Wish {
        url,
        token: options.token.as_deref().unwrap_or_default(),
        name: &options.name,
        region: &options.region,
        insecure: options.insecure,
    };
    let enrolled = tokio::task::block_in_place(|| join(&wish, signer.key(), &options.data))?;
    let bus = open_bus(&enrolled.bus).await?;
    let agent = Agent::start(Settings {
        host: host.clone(),
        titles: Arc::new(Titles::new(options.titles.clone())),
        bus,
        cell_keys: cell_keys(&enrolled)?,
        name: options.name.clone(),
        region: options.region.clone(),
        position: options.at,
        addresses: announced(options, &host),
        price_micros: options.price_micros,
        encoders: crate::doctor::encoders(),
        beat_every: Duration::from_millis(enrolled.beat_ms.clamp(100, 60_000).into()),
        signer,
    })
    .await?;
    agent::listen(&options.data, agent.clone())?;
    say(format!("Joined          {url} as {}", agent.id()));
    say("Ctrl-C leaves when the last session has ended; twice ends the sessions, three times kills them");
    leave(&host, &agent, &mut signals).await;
    say("Stopped");
    Ok(())
}

/// Until the host has left: when nothing runs any longer, or when it was told to end what runs.
async fn leave(host: &Host, agent: &Agent, signals: &mut Signals) {
    tokio::select! {
        () = signals.next() => {}
        () = agent.leaving() => {}
    }
    match host.capacity().sessions {
        0 => say("Leaving"),
        n => say(format!("Leaving when the last of {n} sessions has ended")),
    }
    tokio::select! {
        () = agent.leave() => {}
        () = signals.next() => say("Ending what is left"),
    }
    let ending = host.stop();
    tokio::pin!(ending);
    tokio::select! {
        () = &mut ending => {}
        () = signals.next() => {
            say("Killing what is left");
            host.kill();
            ending.await;
        }
    }
    // A bus that is away keeps nobody here.
    drop(tokio::time::timeout(FAREWELL_WITHIN, agent.farewell()).await);
}

fn open_host(options: &HostRun, isolation: &Isolation) -> Result<Host> {
    let worker = std::env::current_exe().context("the engine's own program cannot be found")?;
    let config = Config::builder(
        options.data.clone(),
        run_root::choose(&options.data),
        vec![worker, "worker".into()],
    )
    .cgroup_root(isolation.cgroup_root.clone())
    .media_addresses(listened(options))
    .media_ports(options.media_ports.clone())
    .ice_servers(options.ice_server.clone())
    .slots(options.slots)
    .wait(Duration::from_secs(options.wait_s.into()))
    .bitrate_max(options.bitrate_max)
    .build()?;
    Ok(Host::open(config)?)
}

/// Where media comes in: as named, or wherever this machine sends from.
fn listened(options: &HostRun) -> Vec<IpAddr> {
    if !options.media_address.is_empty() {
        return options.media_address.clone();
    }
    let (four, six) = reachable();
    let mut found: Vec<IpAddr> = four
        .map(IpAddr::V4)
        .into_iter()
        .chain(six.map(IpAddr::V6))
        .collect();
    if found.is_empty() {
        found.push(Ipv4Addr::LOCALHOST.into());
    }
    found
}

/// Where others reach it: as named, where a NAT lies between.
fn announced(options: &HostRun, host: &Host) -> Vec<IpAddr> {
    if options.public_address.is_empty() {
        host.media_addresses().to_vec()
    } else {
        options.public_address.clone()
    }
}

const THREADS: usize = 2;
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);
