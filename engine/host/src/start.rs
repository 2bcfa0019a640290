//! From a player's request to a session that takes his ticket.
//!
//! ```text
//! judge -> (others give way) -> reserve slot and port -> epoch on disk -> spawn -> Ready -> ticket
//! ```

use crate::admission::{Cost, Verdict};
use crate::host::Inner;
use crate::supervise::{Traces, supervise};
use crate::table::{Applicant, Life, Reservation};
use crate::worker::Worker;
use crate::{Error, Placed, Request, folders, host};
use firstlight_container::now;
use firstlight_link::{End, Order, Start};
use firstlight_units::SessionId;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Runs to its end also when nobody waits for the answer any more.
pub(crate) async fn start(inner: Arc<Inner>, request: Request) -> Result<Placed, Error> {
    let began = now();
    let reservation = make_room(&inner, &request)
        .await
        .inspect_err(|_| firstlight_telemetry::session_refused())?;
    let placed = now().since(began);
    let session = reservation.session.clone();
    let mut life = reservation.life.clone();
    if let Err(error) = launch(&inner, &request, reservation).await {
        inner.table().cancel(&session);
        return Err(error);
    }
    firstlight_telemetry::session_started();
    inner.record_sessions();
    tracing::info!(%session, title = %request.title.id, "session started");
    await_ready(&mut life).await?;
    let ready = now().since(began);
    let ticket = inner.ticket(&session, None)?;
    Ok(Placed {
        session,
        ticket,
        placed,
        ready,
    })
}

/// One at a time: the room that somebody made must not go to somebody else.
async fn make_room(inner: &Inner, request: &Request) -> Result<Reservation, Error> {
    let _turn = inner.turn.lock().await;
    let applicant = Applicant {
        player: &request.player,
        title: &request.title.id,
        cost: Cost::of(&request.title.display),
    };
    for _ in 0..ROUNDS_MAX {
        let session = host::random_session()?;
        let leaving = {
            let mut table = inner.table();
            match table.judge(applicant, &inner.config, now())? {
                Verdict::Admit => return table.reserve(session, applicant, &inner.config, now()),
                Verdict::Full => return Err(Error::Full),
                Verdict::GiveWay(sessions) => sessions,
            }
        };
        give_way(inner, &leaving).await;
    }
    Err(Error::Full)
}

/// Ends `sessions` and waits until they are gone.
async fn give_way(inner: &Inner, sessions: &[SessionId]) {
    for session in sessions {
        tracing::info!(%session, "gives way to a new player");
        inner.table().order(session, Order::End { reason: End::GaveWay });
    }
    for session in sessions {
        let life = inner.table().life(session);
        let Some(mut life) = life else { continue };
        if timeout(
            inner.config.stop_within + CLEANED_WITHIN,
            life.wait_for(|life| matches!(life, Life::Gone(_))),
        )
        .await
        .is_err()
        {
            tracing::warn!(%session, "takes too long to give way");
        }
    }
}

async fn launch(inner: &Arc<Inner>, request: &Request, reservation: Reservation) -> Result<(), Error> {
    let Reservation {
        session,
        slot,
        port,
        rtc_port,
        orders,
        ..
    } = reservation;
    let epoch = host::blocking(inner, move |inner| inner.leases().claim(slot)).await?;
    inner.table().set_epoch(&session, epoch);
    let home = inner.data.home(&request.player, &request.title.id)?;
    folders::private(&inner.config.run_root)?;
    let run_dir = inner.config.run_root.join(session.as_str());
    let cgroup = inner
        .config
        .cgroup_root
        .as_ref()
        .and_then(|root| make_cgroup(root, &session));
    let traces = Traces {
        run_dir: run_dir.clone(),
        cgroup: cgroup.clone(),
    };
    let order = Start {
        session: session.to_string(),
        player: request.player.clone(),
        epoch,
        title_dir: request.title_dir.clone(),
        run_dir,
        home,
        cgroup,
        listen: addresses(inner, port),
        rtc_listen: rtc_port.map(|port| addresses(inner, port)).unwrap_or_default(),
        ice_servers: inner.config.ice_servers.clone(),
        ticket_key: inner.ticket_key.clone(),
        origins: request.origins.clone(),
        wait_s: u32::try_from(inner.config.wait.as_secs()).unwrap_or(u32::MAX),
        bitrate_max_bps: inner.config.bitrate_max.as_bps(),
        encoder_threads: encoder_threads(),
    };
    let worker = Worker::spawn(&inner.config.worker, &session).inspect_err(|_| {
        if let Some(group) = &traces.cgroup {
            drop(std::fs::remove_dir(group));
        }
    })?;
    {
        let mut table = inner.table();
        table.set_pid(&session, worker.pid());
        table.order(&session, Order::Start(Box::new(order)));
        if table.is_closed() {
            // The engine began to stop in between and has not seen this one.
            table.order(
                &session,
                Order::End {
                    reason: End::EngineStopping,
                },
            );
        }
    }
    tokio::spawn(supervise(Arc::clone(inner), session, worker, orders, traces));
    Ok(())
}

fn addresses(inner: &Inner, port: u16) -> Vec<SocketAddr> {
    let addresses = inner.config.media_addresses.iter();
    addresses.map(|address| SocketAddr::new(*address, port)).collect()
}

/// Directly below the root, with nothing in between that would have to be removed when the engine stops.
fn make_cgroup(root: &Path, session: &SessionId) -> Option<PathBuf> {
    let group = root.join(format!("firstlight-{session}"));
    match std::fs::create_dir(&group) {
        Ok(()) => Some(group),
        Err(error) => {
            tracing::warn!(%session, %error, "the session has no cgroup");
            None
        }
    }
}

async fn await_ready(life: &mut watch::Receiver<Life>) -> Result<(), Error> {
    // The supervisor kills a worker that is never ready, so this ends.
    match life.wait_for(|life| *life != Life::Starting).await.as_deref() {
        Ok(Life::Gone(ended)) => Err(Error::Stillborn {
            reason: ended.reason,
            detail: ended.detail.clone(),
        }),
        Ok(Life::Starting | Life::Ready) => Ok(()),
        Err(_) => Err(Error::Stopping),
    }
}

/// Two threads, where there are two cores: a picture is encoded sooner for somewhat more CPU (`measure_encoder` prints both),
/// and the time is in every picture's age.
fn encoder_threads() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 { 2 } else { 1 }
}

/// A round more than it takes, should those who were to give way have been attached to in the meantime.
const ROUNDS_MAX: usize = 3;
/// A supervisor's work once its worker has exited.
const CLEANED_WITHIN: Duration = Duration::from_secs(3);
