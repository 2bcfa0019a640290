//! `firstlight up`.

use crate::cell::{self, Placer, local_region, wall_now};
use crate::cli::{LOCAL, TlsChoice, Up};
use crate::encoders;
use crate::listen::Address;
use crate::otlp;
use crate::out::say;
use crate::{machine, saves};
use anyhow::{Context, Result};
use firstlight_backends::Speed;
use firstlight_container::{Isolation, isolate};
use firstlight_fleet::Roster;
use firstlight_fleet::messages::Signer;
use firstlight_gateway::{Gateway, Metrics, OperatorKey, Settings, has_client, serve};
use firstlight_host::Host;
use firstlight_host::agent::open_signer;
use firstlight_tls::{Choice, Tls};
use firstlight_units::WallTime;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

pub(crate) fn up(options: &Up) -> Result<ExitCode> {
    let address = Address::read(&options.serving.listen)?;
    machine::require_titles(&options.folders.titles)?;
    let isolation = isolate();
    machine::require(&isolation)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("engine")
        .enable_all()
        .build()
        .context("the engine's threads cannot be started")?;
    let done = runtime.block_on(run(options, &address, &isolation));
    // A worker's leftover pipe may keep a blocking read alive; nothing that matters is.
    runtime.shutdown_timeout(Duration::from_millis(200));
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(options: &Up, address: &Address, isolation: &Isolation) -> Result<()> {
    let listeners = address.open()?;
    // Before anything is started that would have to be stopped.
    let mut signals = Signals::open()?;
    let Front {
        ips,
        port,
        names,
        tls,
    } = Front::of(
        &listeners,
        address,
        &options.serving.host_name,
        (options.serving.tls.as_ref(), &options.folders.data),
    )?;
    let host = machine::open(&options.machine, &options.folders.data, &ips, isolation)?;
    let operator = OperatorKey::open(&options.folders.data)?;
    let key_path = operator
        .path()
        .canonicalize()
        .unwrap_or_else(|_| operator.path().to_owned());
    let own = open_signer(&options.folders.data)?;
    let placer = open_placer(options, &host, &own).await?;
    let gateway = Gateway::open(Settings {
        cell: placer.cell.clone(),
        host: Some(host.clone()),
        bus: (options.bus != LOCAL)
            .then(|| cell::told_bus(&options.bus, options.serving.host_bus.as_deref())),
        titles: options.folders.titles.clone(),
        operator,
        names,
        port,
        secure: tls.is_some(),
        metrics: Metrics::install()?,
    })?;
    let gateway = gateway.with_saves(placer.keeper.clone());
    let relays = (options.serving.relay.as_slice(), options.relay_media_ip);
    let gateway = cell::with_relays(gateway, &options.folders.data, relays)?;
    let gateway = cell::with_neighbours(gateway, &options.serving.neighbours)?;
    if !options.machine.no_parked {
        host.park_titles(options.folders.titles.clone());
    }
    let addresses = host.media_addresses().iter().filter(|ip| !ip.is_unspecified());
    let addresses = addresses.copied().collect();
    let measuring = measure_encoders(options, &host);
    // On its own it is compared with nobody.
    let speed = match options.bus.as_str() {
        LOCAL => None,
        _ => measuring.await?,
    };
    // It works until it is dropped.
    let agent = placer
        .employ(&host, own, (options.folders.titles.clone(), addresses), speed)
        .await?;
    greet(options, address, port, &gateway, &key_path, isolation);
    if let Some(tls) = &tls {
        say(format!("Certificate     SHA-256 {}", tls.fingerprint()));
    }
    say("Stop it with Ctrl-C");

    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(gateway, listeners, tls, async move {
        // Dropping the sender stops as well.
        drop(stopped.await);
    }));
    signals.next().await;
    placer.cell.stop();
    end_sessions(&host, &mut signals).await;
    // What became of the last sessions is written down.
    drop(tokio::time::timeout(FAREWELL_WITHIN, agent.farewell()).await);
    drop(stop);
    serving.await.context("the gateway panicked")?;
    say("Stopped");
    Ok(())
}

/// Has this machine's encoders measured, and the host told; what a player gets who says nothing of himself. Sessions that begin before
/// that take what this build has by itself.
fn measure_encoders(options: &Up, host: &Host) -> tokio::task::JoinHandle<Option<Speed>> {
    let (forced, host) = (options.machine.encoder.clone(), host.clone());
    tokio::task::spawn_blocking(move || {
        let tried = encoders::try_for_sessions(forced.as_deref());
        host.set_encoders(tried.iter().map(encoders::Tried::measured).collect());
        let usual = encoders::usual(&tried).cloned();
        if let Some(speed) = &usual {
            let ms = speed.picture.as_millis_f64();
            say(format!(
                "Encodes by      {} ({ms:.1} ms a picture of 1280x720)",
                speed.backend
            ));
        }
        usual
    })
}

/// Ends what is played, and kills it at a second signal.
pub(crate) async fn end_sessions(host: &Host, signals: &mut Signals) {
    match host.capacity().sessions {
        0 => say("Stopping"),
        1 => say("Stopping: one session is being ended (again to kill it)"),
        n => say(format!(
            "Stopping: {n} sessions are being ended (again to kill them)"
        )),
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
}

/// Places sessions on this machine, and on those that join it.
async fn open_placer(options: &Up, host: &Host, own: &Signer) -> Result<Placer> {
    let named = options.store.clone();
    let url = named.unwrap_or_else(|| format!("redb:{}", options.folders.data.join("fleet.redb").display()));
    let store = firstlight_fleet::open(&url).await?;
    let blobs = saves::open_blobs(options.serving.saves.as_deref(), &url, &options.folders.data).await?;
    let roster = Roster::new(Arc::clone(&store));
    let public = own.key().public();
    roster
        .take_in(&public, "this machine", local_region()?, wall_now())
        .await?;
    Placer::open(cell::Options {
        store,
        bus: cell::open_bus(&options.bus).await?,
        blobs,
        data: &options.folders.data,
        local: Some(public.id()),
        ice_servers: host.ice_servers().to_vec(),
        check_hosts: !options.serving.trust_hosts,
        ended: options.serving.otlp.as_ref().map(otlp::sender).transpose()?,
    })
    .await
}

/// What the page and the API are reached by.
pub(crate) struct Front {
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) port: u16,
    pub(crate) names: Vec<String>,
    pub(crate) tls: Option<Tls>,
}

impl Front {
    pub(crate) fn of(
        listeners: &[TcpListener],
        address: &Address,
        host_names: &[String],
        (tls, data): (Option<&TlsChoice>, &Path),
    ) -> Result<Self> {
        let ips = local_ips(listeners);
        let bound = listeners.first().and_then(|first| first.local_addr().ok());
        let names = names(host_names, address, &ips);
        Ok(Self {
            port: bound.map_or(address.port, |bound| bound.port()),
            tls: tls.map(|choice| open_tls(choice, data, &names)).transpose()?,
            ips,
            names,
        })
    }
}

/// What is made is for every name that players may write, and this machine's own.
fn open_tls(choice: &TlsChoice, data: &Path, names: &[String]) -> Result<Tls> {
    let choice = match choice {
        TlsChoice::SelfSigned => Choice::SelfSigned {
            file: data.join("tls.pem"),
            names: ["localhost", "127.0.0.1", "::1"]
                .map(str::to_owned)
                .into_iter()
                .chain(names.iter().cloned())
                .collect(),
        },
        TlsChoice::Files(certificate, key) => Choice::Files {
            certificate: certificate.clone(),
            key: key.clone(),
        },
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = WallTime::from_micros(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    Ok(Tls::open(&choice, now)?)
}

/// Media comes in wherever the page does.
fn local_ips(listeners: &[TcpListener]) -> Vec<IpAddr> {
    listeners
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
        .map(|address| address.ip())
        .collect()
}

/// What players may write in front of the port.
fn names(more: &[String], address: &Address, ips: &[IpAddr]) -> Vec<String> {
    let by_address = ips.iter().filter(|ip| !ip.is_unspecified()).map(|ip| match ip {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("[{six}]"),
    });
    let unspecified = ["0.0.0.0", "[::]"].contains(&address.name.as_str());
    let by_name = (!unspecified).then(|| address.name.clone());
    by_name
        .into_iter()
        .chain(by_address)
        .chain(more.iter().cloned())
        .collect()
}

fn greet(options: &Up, address: &Address, port: u16, gateway: &Gateway, key: &Path, isolation: &Isolation) {
    let unspecified = ["0.0.0.0", "[::]"].contains(&address.name.as_str());
    let name = if unspecified { "localhost" } else { &address.name };
    let (titles, refused) = gateway.titles();
    let list = if titles.is_empty() {
        "none".to_owned()
    } else {
        titles.join(", ")
    };
    let scheme = if options.serving.tls.is_some() {
        "https"
    } else {
        "http"
    };
    say(format!("Play at         {scheme}://{name}:{port}/"));
    say(format!(
        "Titles          {list} (in {})",
        absolute(&options.folders.titles).display()
    ));
    for line in refused {
        say(format!("Title refused   {line}"));
    }
    say(format!("Operator's key  {}", key.display()));
    notes(isolation);
    if !has_client() {
        say(
            "Note            the browser client is not built in: cd client-web && npm ci && npm run build, then build again",
        );
    }
    if !address.is_local() && options.serving.tls.is_none() {
        say(
            "Note            browsers play over localhost or HTTPS only; from elsewhere, start it with --tls",
        );
    }
}

/// What works, but not as well as it could.
pub(crate) fn notes(isolation: &Isolation) {
    for grant in [&isolation.shared_memory, &isolation.cgroup] {
        if !grant.is_granted() {
            say(format!("Note            {}", grant.words()));
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Ctrl-C, or what a service manager sends.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn open() -> Result<Self> {
        let open = |kind| signal(kind).context("signals cannot be received");
        Ok(Self {
            interrupt: open(SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The engine's own work is small; sessions have processes of their own.
const THREADS: usize = 2;
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);
