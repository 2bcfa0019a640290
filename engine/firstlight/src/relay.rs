//! `firstlight relay`.

use crate::cli::{Relay, TlsChoice};
use crate::metrics::offer_metrics;
use crate::out::say;
use crate::up::Signals;
use anyhow::{Context, Result};
use firstlight_relay::Config;
use firstlight_tls::{Choice, Tls};
use firstlight_units::WallTime;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) fn relay(options: &Relay) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("relay")
        .enable_all()
        .build()
        .context("the relay's threads cannot be started")?;
    let done = runtime.block_on(run(options));
    runtime.shutdown_timeout(Duration::from_millis(200));
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(options: &Relay) -> Result<()> {
    let mut signals = Signals::open()?;
    let tls = options.tls.as_ref().map(open_tls).transpose()?;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let relay = Config::new(options.listen.clone(), options.gateway_key.clone())
        .tls(tls)
        .sessions_max(count(options.sessions_max))
        .per_address_max(count(options.per_address_max))
        .rate_max(options.rate_max)
        .idle(seconds(options.idle_s))
        .drain(seconds(options.drain_s))
        .open()?;
    offer_metrics(options.metrics).await?;
    let over = if relay.has_tcp() { "UDP and TCP" } else { "UDP" };
    for address in relay.addresses() {
        say(format!("Relaying on     {address} ({over})"));
    }
    say("Stop it with Ctrl-C");
    let (drain, draining) = tokio::sync::oneshot::channel::<()>();
    let running = relay.run(async {
        // Dropping the sender stops as well.
        drop(draining.await);
    });
    tokio::pin!(running);
    tokio::select! {
        () = &mut running => {}
        () = signals.next() => {
            say("Stopping: nobody new is carried (again to stop at once)");
            drop(drain);
            tokio::select! {
                () = &mut running => {}
                () = signals.next() => {}
            }
        }
    }
    say("Stopped");
    Ok(())
}

fn open_tls(choice: &TlsChoice) -> Result<Tls> {
    let TlsChoice::Files(certificate, key) = choice else {
        anyhow::bail!("a relay's certificate is two files: CERT,KEY");
    };
    let choice = Choice::Files {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = WallTime::from_micros(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    Ok(Tls::open(&choice, now)?)
}
