//! What players have saved, on its way from the cell to a home of this machine and back.
//!
//! ```text
//! start ──bring──> open ── newest is here? ──yes──> home
//!                             └─no──> fetch ─> unpack beside it ─> one rename ─> home
//! session goes on ──look (2 s)──> changed, and quiet or frozen? ──> pack ─> store
//! session is gone ──────────────────────────────────────────────> pack ─> store, for the last time
//! ```
//!
//! Invariants: no app starts before what its player has saved is there, and none starts without it; a home is replaced as a whole;
//! nothing that is empty takes the place of something. A card tells, before a session begins, that its home may change: what a killed
//! engine left is put away by the next one, unless the player has gone on elsewhere.

mod card;
mod desk;
mod rhythm;

use crate::entry::Life;
use crate::folders::{self, DataFolder};
use crate::host::Inner;
use crate::session::State;
use crate::{Error, Request};
use desk::Desk;
use firstlight_container::{now, persistent};
use firstlight_saves::{Held, Saves};
use firstlight_telemetry::{SaveBrought, SavePut};
use firstlight_units::{Micros, SessionId, TitleId};
use rhythm::Rhythm;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// Who holds it works at a home.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// A host's way to where saves are kept, and what is under way. Without a way, homes stay on this machine.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    way: OnceLock<Arc<dyn Saves>>,
    /// One at a time works at a home.
    turns: Mutex<BTreeMap<(String, TitleId), Turn>>,
    /// Sessions whose saves are not put away yet.
    pending: watch::Sender<usize>,
}

/// A home with what its player has saved.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    pub(crate) home: PathBuf,
    /// How long that took.
    pub(crate) after: Micros,
}

impl Keeping {
    fn turn(&self, player: &str, title: &TitleId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry((player.to_owned(), title.clone())).or_default())
    }

    /// Waits until everything is put away, for a time.
    pub(crate) async fn finish(&self) {
        let mut pending = self.pending.subscribe();
        if timeout(FINISHED_WITHIN, pending.wait_for(|pending| *pending == 0))
            .await
            .is_err()
        {
            tracing::warn!("saves are left to be put away by the next engine on this data folder");
        }
    }
}

/// Removes what was on its way when an engine was killed: it is here, or in the cell, as a whole.
pub(crate) fn sweep(data: &DataFolder) {
    folders::remove(&data.saves().join(desk::MOVING));
}

/// From here on saves travel.
pub(crate) fn begin(inner: &Arc<Inner>, way: Arc<dyn Saves>) {
    if inner.keeping.way.set(way).is_ok() {
        tokio::spawn(look_after(Arc::downgrade(inner)));
    }
}

/// The home of the session that starts, with what its player has saved in it.
pub(crate) async fn bring(inner: &Arc<Inner>, request: &Request) -> Result<Brought, Error> {
    let began = now();
    let (player, title) = (&request.player, &request.title.id);
    if let Some((desk, held)) = desk_of(inner, request) {
        let bringing = timeout(BROUGHT_WITHIN, bring_to(inner, &desk, &held, request)).await;
        let late = || {
            Error::Saves(firstlight_saves::Error::Away(
                "they did not come in time".to_owned(),
            ))
        };
        let brought = bringing.unwrap_or_else(|_| Err(late()));
        let after = now().since(began).as_secs_f64();
        firstlight_telemetry::saves_brought(*brought.as_ref().unwrap_or(&SaveBrought::Failed), after);
        brought?;
    }
    Ok(Brought {
        home: inner.data.home(player, title)?,
        after: now().since(began),
    })
}

/// Where a session's saves are worked at; none: they stay on this machine, or there are none.
fn desk_of(inner: &Arc<Inner>, request: &Request) -> Option<(Desk, Held)> {
    let way = inner.keeping.way.get()?;
    let lease = request.lease.as_ref()?;
    let paths = persistent(&request.title.run.persist);
    let held = Held {
        session: lease.session.clone(),
        fence: lease.fence,
    };
    let desk = Desk::new(
        Arc::clone(way),
        inner,
        (&request.player, &request.title.id),
        paths,
    );
    (!request.title.run.persist.is_empty()).then_some((desk, held))
}

/// Waits a moment for a session that has just ended.
async fn bring_to(
    inner: &Arc<Inner>,
    desk: &Desk,
    held: &Held,
    request: &Request,
) -> Result<SaveBrought, Error> {
    let until = Instant::now() + SETTLED_WITHIN;
    loop {
        let turn = inner.keeping.turn(&request.player, &request.title.id);
        let here = turn.lock().await;
        let rival = desk.left().filter(|left| left.session != held.session);
        // What an engine before this one left: nobody of this one works at it.
        if let Some(left) = rival.filter(|left| inner.table().life(&left.session).is_none()) {
            put_away(desk, &left).await;
        }
        let newest = desk.way.open(held).await.map_err(Error::Saves)?;
        if newest.settled || Instant::now() >= until {
            return desk.lay_out(held, &newest).await;
        }
        drop(here);
        sleep(SETTLED_LOOK).await;
    }
}

/// Puts away what a session that has started saves, until it is gone.
pub(crate) fn keep(inner: &Arc<Inner>, request: &Request, session: &SessionId) {
    let Some((desk, held)) = desk_of(inner, request) else {
        return;
    };
    let (inner, session, pending) = (Arc::clone(inner), session.clone(), Pending::new(inner));
    let turn = inner.keeping.turn(&request.player, &request.title.id);
    tokio::spawn(async move {
        watch_home(&inner, &desk, &held, &turn, &session).await;
        put_away_for_good(&desk, &held, &turn).await;
        drop(pending);
    });
}

/// While the session goes on.
async fn watch_home(
    inner: &Inner,
    desk: &Desk,
    held: &Held,
    turn: &tokio::sync::Mutex<()>,
    session: &SessionId,
) {
    let Some(mut life) = inner.table().life(session) else {
        return;
    };
    let mut rhythm = Rhythm::new(now());
    loop {
        let gone = life.wait_for(|life| matches!(life, Life::Gone(_)));
        if timeout(LOOK_EVERY, gone).await.is_ok() {
            return;
        }
        let view = inner.table().view(session, now());
        let frozen = view.is_some_and(|view| matches!(view.state, State::Waiting { .. }));
        let Ok(at) = desk.stamp().await else { continue };
        if rhythm.look(now(), at, frozen) {
            let _here = turn.lock().await;
            // Whole only if nothing has changed while it was packed.
            if put_away_at(desk, held, at).await {
                rhythm.on_stored(at);
            }
        }
    }
}

/// Whether the cell has it, or will not.
async fn put_away_at(desk: &Desk, held: &Held, at: firstlight_saves::archive::Stamp) -> bool {
    match desk.put(held, Some(at), false).await {
        Ok(put) => {
            firstlight_telemetry::saves_put(put);
            true
        }
        Err(error) => {
            refused(held, &error, false);
            !error.is_transient()
        }
    }
}

/// Until it is, or cannot be.
async fn put_away_for_good(desk: &Desk, held: &Held, turn: &tokio::sync::Mutex<()>) {
    let mut wait = AGAIN_AFTER;
    loop {
        let here = turn.lock().await;
        // A session of the same player that has begun here since has all that this one left, and its card.
        let ours = desk.left().is_none_or(|left| left == *held);
        if !ours || put_away(desk, held).await {
            return;
        }
        drop(here);
        sleep(wait).await;
        wait = (wait * 2).min(AGAIN_MOST);
    }
}

/// Whether nothing is left to be done.
async fn put_away(desk: &Desk, held: &Held) -> bool {
    match desk.put(held, None, true).await {
        Ok(put) => {
            firstlight_telemetry::saves_put(put);
            true
        }
        Err(error) => {
            refused(held, &error, true);
            let done = !error.is_transient();
            if done {
                desk.give_up(held).await;
            }
            done
        }
    }
}

/// Says it once, where somebody can do something about it.
fn refused(held: &Held, error: &firstlight_saves::Error, last: bool) {
    use firstlight_saves::Error as Why;
    let session = &held.session;
    if matches!(error, Why::Superseded) {
        firstlight_telemetry::saves_put(SavePut::Superseded);
        tracing::info!(%session, "its player has gone on in a later session: what this one saved is not kept");
        return;
    }
    firstlight_telemetry::saves_put(if matches!(error, Why::TooLarge { .. } | Why::NotTaken(_)) {
        SavePut::TooLarge
    } else {
        SavePut::Failed
    });
    if error.is_transient() && !last {
        tracing::debug!(%session, %error, "saves were not put away yet");
    } else {
        tracing::warn!(%session, %error, "saves were not put away; they are on this machine only");
    }
}

/// Counts among those who have something to put away, while it lives.
struct Pending(Arc<Inner>);

impl Pending {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.keeping.pending.send_modify(|pending| *pending += 1);
        Self(Arc::clone(inner))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.keeping.pending.send_modify(|pending| *pending -= 1);
    }
}

/// Puts away what a killed engine left, and removes homes that nobody has played in for long: the cell has what is in them.
async fn look_after(host: Weak<Inner>) {
    loop {
        let Some(inner) = host.upgrade() else { return };
        let folder = inner.data.saves().join(desk::CARDS);
        let Ok(cards) = tokio::task::spawn_blocking(move || card::all(&folder)).await else {
            return;
        };
        for (player, title, card) in cards {
            let Some(way) = inner.keeping.way.get() else {
                return;
            };
            let turn = inner.keeping.turn(&player, &title);
            let _here = turn.lock().await;
            let desk = Desk::new(Arc::clone(way), &inner, (&player, &title), card.paths.clone());
            match desk.left() {
                Some(left) if inner.table().life(&left.session).is_none() => {
                    put_away(&desk, &left).await;
                }
                Some(_) => {}
                None => desk.forget_if_old().await,
            }
        }
        drop(inner);
        sleep(LOOKED_AFTER_EVERY).await;
    }
}

/// A walk over a home takes a millisecond or less.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A host that put a usual save away took a tenth of it.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);
const SETTLED_LOOK: Duration = Duration::from_millis(50);
/// Less than an indexer waits for a claim.
const BROUGHT_WITHIN: Duration = Duration::from_secs(30);
/// Whoever stops an engine waits for it.
const FINISHED_WITHIN: Duration = Duration::from_secs(15);
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const AGAIN_MOST: Duration = Duration::from_secs(30);
const LOOKED_AFTER_EVERY: Duration = Duration::from_secs(3_600);
