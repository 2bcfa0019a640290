//! What all that a cell does works on: its memory, its clocks, and how it asks its hosts.

use crate::cell::Settings;
use crate::fault::Step;
use crate::sessions::{Change, Session};
use crate::state::{State, is_live};
use crate::{Error, waiting};
use firstlight_fleet::messages::{Ask, AskError, Claimed, Refused, Reply};
use firstlight_fleet::{Cause, Roster};
use firstlight_indexer as indexer;
use firstlight_link::End;
use firstlight_units::{HostId, Micros, SessionId, Timestamp, WallTime};
use std::net::IpAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) roster: Roster,
    pub(crate) began: Instant,
    /// The same moment by this machine's clock, which may be set to another time at any moment.
    began_wall: WallTime,
    /// Somebody may be lost, or this cell stops.
    pub(crate) news: Notify,
    /// A beat was taken in.
    pub(crate) beats: Notify,
    pub(crate) life: watch::Sender<Life>,
    /// Turns for what has the store work and no player waits for: when a cell comes back, all its hosts are new to it at once, and who
    /// clicks then would wait behind them all.
    aside: Semaphore,
    /// Accounts of ended sessions that this cell has kept.
    pub(crate) accounts: AtomicU32,
    /// Since when it has been without its store or its bus.
    away: Mutex<Option<Instant>>,
    state: Mutex<State>,
}

/// Who waits for some work of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A player: it is done at once.
    Player,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    /// Takes no new sessions.
    Stopping,
    /// As if its process had been killed.
    Dead,
}

impl Inner {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            roster: Roster::new(Arc::clone(&settings.store)),
            began: Instant::now(),
            began_wall: wall_now(),
            news: Notify::new(),
            beats: Notify::new(),
            life: watch::Sender::new(Life::Open),
            aside: Semaphore::new(ASIDE),
            accounts: AtomicU32::new(0),
            away: Mutex::default(),
            state: Mutex::new(State::new(indexer::Settings {
                beat_every: settings.beat_every,
                ..indexer::Settings::default()
            })),
            settings,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when its store or its bus has not answered, as far as anybody looked.
    pub(crate) fn away_since(&self) -> Option<Instant> {
        let mut since = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_away() {
            since.get_or_insert_with(Instant::now);
        } else {
            *since = None;
        }
        *since
    }

    /// Whether its store or its bus does not answer.
    pub(crate) fn is_away(&self) -> bool {
        self.settings.store.is_away() || !self.settings.caller.bus().is_connected()
    }

    /// Whether a host has to prove itself: all but this machine's own, where anybody has to.
    pub(crate) fn judged(&self) -> impl Fn(&HostId) -> bool + '_ {
        let settings = &self.settings;
        move |host| settings.checks.is_some() && settings.local.as_ref() != Some(host)
    }

    pub(crate) fn now(&self) -> Timestamp {
        // From a day on, so that what is before now has a time.
        Timestamp::from_micros(DAY_US) + Micros::from(self.began.elapsed())
    }

    /// The time of day; what is set to the clock meanwhile does not change it.
    pub(crate) fn wall(&self) -> WallTime {
        self.began_wall + Micros::from(self.began.elapsed())
    }

    /// A step is done: here it may die.
    pub(crate) async fn pass(&self, step: Step) {
        if self.settings.faults.dies(step) {
            self.life.send_replace(Life::Dead);
        }
        self.alive().await;
    }

    /// A turn for work of the store, until it is dropped.
    pub(crate) async fn turn(&self, waiting: Waiting) -> Option<SemaphorePermit<'_>> {
        match waiting {
            Waiting::Player => None,
            Waiting::Nobody => self.aside.acquire().await.ok(),
        }
    }

    /// Goes no further once it is dead.
    pub(crate) async fn alive(&self) {
        if *self.life.borrow() == Life::Dead {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn admit(&self, host: &HostId) {
        let now = self.now();
        let mut state = self.state();
        state.guard.admit(host.clone());
        state.registry.admit(now, host.as_str());
        if state.cordons.has(host) {
            state.registry.cordon(host.as_str(), true);
        }
    }

    /// Asks a host; what the bus does to it is the caller's to judge.
    pub(crate) async fn ask(&self, host: &HostId, ask: Ask, within: Duration) -> Result<Reply, Error> {
        self.settings
            .caller
            .ask(host, ask, within)
            .await
            .map_err(Error::Ask)
    }

    /// Where a session is, from memory or from the store.
    pub(crate) async fn host_of(&self, id: &SessionId) -> Result<HostId, Error> {
        let known = self.state().sessions.get(id).map(|session| session.host.clone());
        if let Some(host) = known {
            return Ok(host);
        }
        let lease = self.settings.store.lease(id).await?;
        let lease = lease.ok_or_else(|| Error::UnknownSession(id.clone()))?;
        Ok(lease.slot.host)
    }

    /// Asks a session's host something about it.
    pub(crate) async fn ask_of(
        &self,
        id: &SessionId,
        ask: impl FnOnce(SessionId) -> Ask,
    ) -> Result<Reply, Error> {
        let host = self.host_of(id).await?;
        let reply = self.ask(&host, ask(id.clone()), ASK_WITHIN).await;
        reply.map_err(|error| {
            if matches!(error, Error::Ask(AskError::Refused(Refused::UnknownSession))) {
                return Error::UnknownSession(id.clone());
            }
            let silent = matches!(
                error,
                Error::Ask(AskError::Refused(Refused::NoAnswer) | AskError::Bus(_))
            );
            if silent { Error::NoAnswer } else { error }
        })
    }

    pub(crate) async fn look(&self, id: &SessionId) -> Option<Session> {
        let (known, is_settled) = {
            let state = self.state();
            (state.sessions.get(id).cloned(), state.sessions.is_settled(id))
        };
        if is_settled {
            return known;
        }
        match self.ask_of(id, |session| Ask::Session { session }).await {
            Ok(Reply::Session(view)) => {
                let host = self.host_of(id).await.ok()?;
                let addresses = self.addresses(&host);
                let session = Session {
                    view: *view,
                    host,
                    addresses,
                    lost: false,
                };
                self.hear(session.clone()).await;
                Some(session)
            }
            // Its host started anew and has no such session; a silent one is judged by its beats.
            Err(Error::UnknownSession(_)) if known.is_some() => {
                let now = self.now();
                let mut state = self.state();
                state.sessions.lose_one(now, id);
                state.sessions.get(id).cloned()
            }
            Ok(_) | Err(_) => known,
        }
    }

    pub(crate) fn addresses(&self, host: &HostId) -> Vec<IpAddr> {
        if self.settings.local.as_ref() == Some(host) {
            return Vec::new();
        }
        let state = self.state();
        state
            .hosts
            .get(host)
            .map(|notes| notes.addresses.clone())
            .unwrap_or_default()
    }

    /// A session as its host says. One that ended gives its slot back.
    pub(crate) async fn hear(&self, session: Session) {
        let now = self.now();
        let (id, fence) = (session.view.session.clone(), session.view.fence);
        let slot = firstlight_fleet::SlotRef {
            host: session.host.clone(),
            slot: session.view.slot,
        };
        let is_ending = {
            let mut state = self.state();
            let title = session.view.title.clone();
            let change = state.sessions.hear(now, session);
            match change {
                Change::Nothing => {}
                Change::Began => state.began(now, &title, &slot.host),
                Change::Ended(lasted) => state.lengths.record(lasted),
            }
            // Who else hears of its end meanwhile goes on when its slot is free, and not before.
            state.sessions.is_ending(&id, &slot.host)
        };
        if !is_ending {
            return;
        }
        // Whoever fails here leaves it to the lease's end.
        match self.settings.store.release(&id, fence, Cause::Released).await {
            Ok(_) | Err(firstlight_fleet::Error::UnknownLease(_)) => {}
            Err(error) => tracing::warn!(session = %id, %error, "a lease is left to its end"),
        }
        let mut state = self.state();
        // Of those who heard of it at once, the first: the slot may be somebody else's by now.
        if state.sessions.release(&id) {
            state.vacated(&slot);
            waiting::hold(&mut state, self.settings.near);
        }
    }

    pub(crate) async fn end(&self, id: &SessionId, reason: End) -> Result<(), Error> {
        let known = self.state().sessions.get(id).cloned();
        if known
            .as_ref()
            .is_some_and(|known| !is_live(&known.view.state) || known.lost)
        {
            return Ok(());
        }
        let host = self.host_of(id).await?;
        let ask = Ask::End {
            session: id.clone(),
            reason,
        };
        match self.ask(&host, ask, END_WITHIN).await {
            Ok(_) => {}
            Err(Error::Ask(AskError::Refused(Refused::UnknownSession))) => {
                return Err(Error::UnknownSession(id.clone()));
            }
            Err(error) => return Err(error),
        }
        drop(self.look(id).await);
        Ok(())
    }

    /// What a host says of a claim, as a session.
    pub(crate) fn claimed(&self, host: &HostId, claimed: &Claimed) -> Session {
        let local = self.settings.local.as_ref() == Some(host);
        Session {
            view: claimed.view.clone(),
            host: host.clone(),
            addresses: if local {
                Vec::new()
            } else {
                claimed.addresses.clone()
            },
            lost: false,
        }
    }
}

/// By this machine's clock.
pub(crate) fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

const DAY_US: u64 = 86_400_000_000;
/// A quarter of the connections that a store is held with.
const ASIDE: usize = 4;
/// A worker answers an offer within ten seconds.
pub(crate) const ASK_WITHIN: Duration = Duration::from_secs(12);
/// A supervisor is patient with a worker that ends for some seconds, then kills it.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(20);
