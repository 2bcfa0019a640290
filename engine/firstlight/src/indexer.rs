//! `firstlight indexer`.

use crate::cell::{self, Placer};
use crate::cli::{Indexer, LOCAL};
use crate::listen::Address;
use crate::otlp;
use crate::out::say;
use crate::up::{Front, Signals};
use crate::{machine, saves};
use anyhow::{Context, Result, bail};
use firstlight_gateway::{Gateway, Metrics, OperatorKey, Settings, serve};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;

pub(crate) fn indexer(options: &Indexer) -> Result<ExitCode> {
    let address = Address::read(&options.serving.listen)?;
    machine::require_titles(&options.folders.titles)?;
    if options.bus == LOCAL {
        bail!("an indexer has no host of its own: name a bus that hosts reach, --bus nats://HOST:PORT");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("indexer")
        .enable_all()
        .build()
        .context("the indexer's threads cannot be started")?;
    let done = runtime.block_on(run(options, &address));
    runtime.shutdown_timeout(Duration::from_millis(200));
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(options: &Indexer, address: &Address) -> Result<()> {
    let listeners = address.open()?;
    let mut signals = Signals::open()?;
    let front = Front::of(
        &listeners,
        address,
        &options.serving.host_name,
        (options.serving.tls.as_ref(), &options.folders.data),
    )?;
    let (port, tls) = (front.port, front.tls);
    let operator = OperatorKey::open(&options.folders.data)?;
    let key = operator.path().display().to_string();
    let placer = Placer::open(cell::Options {
        store: firstlight_fleet::open(&options.store).await?,
        bus: cell::open_bus(&options.bus).await?,
        blobs: saves::open_blobs(
            options.serving.saves.as_deref(),
            &options.store,
            &options.folders.data,
        )
        .await?,
        data: &options.folders.data,
        local: None,
        ice_servers: options.ice.ice_server.clone(),
        check_hosts: !options.serving.trust_hosts,
        ended: options.serving.otlp.as_ref().map(otlp::sender).transpose()?,
    })
    .await?;
    let gateway = Gateway::open(Settings {
        cell: placer.cell.clone(),
        host: None,
        bus: Some(cell::told_bus(&options.bus, options.serving.host_bus.as_deref())),
        titles: options.folders.titles.clone(),
        operator,
        names: front.names,
        port,
        secure: tls.is_some(),
        metrics: Metrics::install()?,
    })?;
    let gateway = gateway.with_saves(placer.keeper.clone());
    let gateway = cell::with_relays(gateway, &options.folders.data, (&options.serving.relay, None))?;
    let gateway = cell::with_neighbours(gateway, &options.serving.neighbours)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    say(format!("Play at         {scheme}://{}:{port}/", address.name));
    say(format!("Operator's key  {key}"));
    say("Stop it with Ctrl-C; sessions go on, and another indexer of the store places players");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(gateway, listeners, tls, async move {
        // Dropping the sender stops as well.
        drop(stopped.await);
    }));
    signals.next().await;
    say("Stopping");
    placer.cell.stop();
    drop(stop);
    serving.await.context("the gateway panicked")?;
    say("Stopped");
    Ok(())
}
