//! From a player's request to a session that takes his ticket.
//!
//! ```text
//! judge -> (others give way) -> slot -+-> port -> epoch on disk, saves brought -> spawn -------------+-> Ready -> ticket
//!                                     +-> parked copy -> epoch on disk, saves brought -> Claim ------+
//! ```
//!
//! A copy that fails at its claim costs its player the time, not the session: the start goes on without it.

use crate::account::Account;
use crate::admission::{Cost, Verdict};
use crate::entry::Life;
use crate::host::Inner;
use crate::supervise::{Traces, supervise};
use crate::table::{Applicant, Claimed, Reservation, Room};
use crate::worker::Worker;
use crate::{Error, Placed, Request, folders, host, saves};
use firstlight_container::now;
use firstlight_link::{Claim, End, Order, Start};
use firstlight_units::{Micros, SessionId, Timestamp};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Runs to its end also when nobody waits for the answer any more.
pub(crate) async fn start(inner: Arc<Inner>, request: Request) -> Result<Placed, Error> {
    let began = now();
    loop {
        if let Some(placed) = placed_before(&inner, &request).await? {
            return Ok(placed);
        }
        match place(&inner, &request, began, true).await {
            Err(Error::Claim(session)) => {
                tracing::warn!(%session, "a parked copy failed at its claim; the start goes on without it");
                return place(&inner, &request, began, false).await;
            }
            // The same claim came twice at the same moment, and the other one had its turn.
            Err(Error::SlotTaken(_)) if is_known(&inner, &request) => {}
            placed => return placed,
        }
    }
}

async fn place(inner: &Arc<Inner>, request: &Request, began: Timestamp, warm: bool) -> Result<Placed, Error> {
    let room = make_room(inner, request, warm)
        .await
        .inspect_err(|_| firstlight_telemetry::session_refused())?;
    let placed = now().since(began);
    open_account(inner, request, &room)?;
    let ((session, saves), parked) = match room {
        Room::New(reservation) => (boot(inner, request, reservation).await?, false),
        Room::Parked(claimed) => (claim(inner, request, claimed).await?, true),
    };
    firstlight_telemetry::session_placed(parked);
    let ready = now().since(began);
    let ticket = inner.ticket(&session, None)?;
    Ok(Placed {
        session,
        ticket,
        parked,
        placed,
        ready,
        saves,
    })
}

/// Before its worker can say anything of it.
fn open_account(inner: &Inner, request: &Request, room: &Room) -> Result<(), Error> {
    let session = match room {
        Room::New(reservation) => &reservation.session,
        Room::Parked(claimed) => &claimed.session,
    };
    let link = host::random_letters::<LINK_LETTERS>()?;
    let times = (now(), crate::agent::wall_now());
    let account = Account::new(session, &request.player, &request.title, link, times);
    inner.table().open_account(session, account);
    Ok(())
}

/// Returns how long it took until the player's saves were there, too.
async fn boot(
    inner: &Arc<Inner>,
    request: &Request,
    reservation: Reservation,
) -> Result<(SessionId, Micros), Error> {
    let session = reservation.session.clone();
    let mut life = reservation.life.clone();
    let brought = match launch(inner, request, reservation).await {
        Ok(brought) => brought,
        Err(error) => {
            inner.table().cancel(&session);
            return Err(error);
        }
    };
    on_started(inner, request, &session);
    await_ready(&mut life).await?;
    Ok((session, brought))
}

/// Gives a parked copy to the player: it answers when its app runs.
async fn claim(
    inner: &Arc<Inner>,
    request: &Request,
    claimed: Claimed,
) -> Result<(SessionId, Micros), Error> {
    let Claimed {
        session,
        slot,
        mut life,
    } = claimed;
    let prepared = tokio::try_join!(
        epoch_of(inner, request, &session, slot),
        saves::bring(inner, request)
    );
    let (epoch, brought) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let reason = End::EngineFault;
            inner.table().order(&session, Order::End { reason });
            return Err(error);
        }
    };
    let order = Claim {
        session: session.to_string(),
        player: request.player.clone(),
        epoch,
        home: brought.home,
        origins: request.origins.clone(),
    };
    inner.table().order(&session, Order::Claim(Box::new(order)));
    if await_ready(&mut life).await.is_err() {
        // Nobody has heard of this session.
        inner.table().cancel(&session);
        return Err(Error::Claim(session));
    }
    on_started(inner, request, &session);
    // Not before: what is prepared for the next player takes the disk.
    inner.pool_changed.notify_one();
    Ok((session, brought.after))
}

fn on_started(inner: &Arc<Inner>, request: &Request, session: &SessionId) {
    firstlight_telemetry::session_started();
    inner.record_sessions();
    saves::keep(inner, request, session);
    tracing::info!(%session, title = %request.title.id, "session started");
}

fn is_known(inner: &Inner, request: &Request) -> bool {
    let lease = request.lease.as_ref();
    lease.is_some_and(|lease| inner.table().view(&lease.session, now()).is_some())
}

/// A claim that comes again finds its session, and a late one that the slot has gone to another.
async fn placed_before(inner: &Inner, request: &Request) -> Result<Option<Placed>, Error> {
    let Some(lease) = &request.lease else {
        return Ok(None);
    };
    // Whoever claims at the same moment is in the table once it is his turn no longer.
    drop(inner.turn.lock().await);
    let found = {
        let table = inner.table();
        table.view(&lease.session, now()).zip(table.life(&lease.session))
    };
    let Some((session, mut life)) = found else {
        inner.leases().check(lease.slot, lease.fence, &lease.session)?;
        return Ok(None);
    };
    if session.slot != lease.slot || session.player != request.player {
        return Err(Error::SlotTaken(session.slot));
    }
    await_ready(&mut life).await?;
    Ok(Some(Placed {
        session: lease.session.clone(),
        ticket: inner.ticket(&lease.session, None)?,
        parked: session.parked,
        placed: Micros::ZERO,
        ready: Micros::ZERO,
        saves: Micros::ZERO,
    }))
}

/// One at a time: the room that somebody made must not go to somebody else.
async fn make_room(inner: &Inner, request: &Request, warm: bool) -> Result<Room, Error> {
    let _turn = inner.turn.lock().await;
    let applicant = Applicant {
        player: &request.player,
        title: &request.title,
        dir: &request.title_dir,
        cost: Cost::of(&request.title.display),
        warm,
        slot: request.lease.as_ref().map(|lease| lease.slot),
    };
    for _ in 0..ROUNDS_MAX {
        let session = match &request.lease {
            Some(lease) => lease.session.clone(),
            None => host::random_session()?,
        };
        let leaving = {
            let mut table = inner.table();
            if table.view(&session, now()).is_some() {
                return Err(Error::SlotTaken(applicant.slot.unwrap_or_default()));
            }
            match table.judge(applicant, &inner.config, now())? {
                Verdict::Admit => match table.room(session, applicant, &inner.config, now()) {
                    Err(Error::NoPort(range)) => vec![table.oldest_copy().ok_or(Error::NoPort(range))?],
                    room => return room,
                },
                Verdict::Full => return Err(Error::Full),
                Verdict::GiveWay(sessions) => sessions,
            }
        };
        give_way(inner, &leaving).await;
    }
    Err(Error::Full)
}

/// Ends `sessions` and waits until they are gone.
pub(crate) async fn give_way(inner: &Inner, sessions: &[SessionId]) {
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

async fn launch(inner: &Arc<Inner>, request: &Request, reservation: Reservation) -> Result<Micros, Error> {
    let (session, slot) = (reservation.session.clone(), reservation.slot);
    let (epoch, brought) = tokio::try_join!(
        epoch_of(inner, request, &session, slot),
        saves::bring(inner, request)
    )?;
    let birth = Birth {
        home: brought.home,
        title_dir: &request.title_dir,
        player: &request.player,
        origins: &request.origins,
        epoch,
        parked: false,
    };
    spawn(inner, reservation, birth)?;
    Ok(brought.after)
}

/// The lease's fence, or this host's own next one, once it is on disk.
async fn epoch_of(
    inner: &Arc<Inner>,
    request: &Request,
    session: &SessionId,
    slot: u32,
) -> Result<u64, Error> {
    let fence = request.lease.as_ref().map(|lease| lease.fence);
    let claimed = session.clone();
    let epoch = host::blocking(inner, move |inner| inner.leases().claim(slot, fence, &claimed)).await?;
    inner.table().set_epoch(session, epoch);
    Ok(epoch)
}

/// What differs between a session and a copy that is nobody's yet.
pub(crate) struct Birth<'a> {
    pub(crate) home: PathBuf,
    pub(crate) title_dir: &'a Path,
    pub(crate) player: &'a str,
    pub(crate) origins: &'a [String],
    pub(crate) epoch: u64,
    pub(crate) parked: bool,
}

/// Starts a worker and the task that watches it.
pub(crate) fn spawn(inner: &Arc<Inner>, reservation: Reservation, birth: Birth<'_>) -> Result<(), Error> {
    let Reservation {
        session,
        port,
        rtc_port,
        orders,
        ..
    } = reservation;
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
        scratch: birth.parked.then(|| birth.home.clone()),
    };
    let ready_within = if birth.parked {
        PARKED_WITHIN
    } else {
        inner.config.ready_within
    };
    let order = Start {
        session: session.to_string(),
        player: birth.player.to_owned(),
        epoch: birth.epoch,
        title_dir: birth.title_dir.to_owned(),
        run_dir,
        home: birth.home,
        cgroup,
        listen: addresses(inner, port),
        rtc_listen: rtc_port.map(|port| addresses(inner, port)).unwrap_or_default(),
        ice_servers: inner.config.ice_servers.clone(),
        ticket_key: inner.ticket_key.clone(),
        origins: birth.origins.to_vec(),
        wait_s: u32::try_from(inner.config.wait.as_secs()).unwrap_or(u32::MAX),
        bitrate_max_bps: inner.config.bitrate_max.as_bps(),
        encoder_threads: encoder_threads(),
        encoders: inner.encoders(),
        encoder: inner.config.encoder.clone(),
        parked: birth.parked,
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
    let inner = Arc::clone(inner);
    tokio::spawn(supervise(inner, session, worker, orders, traces, ready_within));
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

/// 160 bits: not to be guessed.
const LINK_LETTERS: usize = 32;
/// A round more than it takes, should those who were to give way have been attached to in the meantime.
const ROUNDS_MAX: usize = 3;
/// A boot behind everything else on the machine; nobody waits for it.
const PARKED_WITHIN: Duration = Duration::from_secs(120);
/// A supervisor's work once its worker has exited.
const CLEANED_WITHIN: Duration = Duration::from_secs(3);
