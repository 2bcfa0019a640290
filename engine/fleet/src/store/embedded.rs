//! A store within this process.
//!
//! ```text
//! call ──> State (maps and rules) ──changes──> memory: kept here | redb: one writer, one fsync for all that wait
//! ```

use super::redb::{Opener, Redb};
use crate::event::{Cursor, Event, NewEvent};
use crate::record::{Expect, Record, Swapped};
use crate::state::{Change, SWEEP_MAX, State};
use crate::{Acquire, Acquired, Cause, Clock, Error, EventLog, Lease, LeaseStore, Records, Renewal, Renewed};
use async_trait::async_trait;
use firstlight_units::{HostId, Micros, SessionId, WallTime};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A store within this process: for tests in memory, and for one machine in a file.
#[derive(Debug)]
pub struct Embedded {
    keeper: Keeper,
}

#[derive(Debug)]
enum Keeper {
    Memory(Box<Mutex<Memory>>, Clock),
    Redb(Redb),
}

#[derive(Debug, Default)]
struct Memory {
    state: State,
    /// With the name that keeps it from being written twice.
    events: VecDeque<(Event, Option<String>)>,
}

impl Memory {
    fn settle(&mut self) {
        for change in self.state.changes() {
            if let Change::Event(event, dedupe) = change {
                self.events.push_back((event, dedupe));
            }
        }
    }

    fn sweep(&mut self, before: WallTime) -> usize {
        let old = self
            .events
            .iter()
            .take_while(|(event, _)| event.at < before)
            .count();
        let old: Vec<_> = self.events.drain(..old.min(SWEEP_MAX)).collect();
        let swept = old.len();
        let old = old
            .into_iter()
            .map(|(event, dedupe)| (event.cursor.number, dedupe));
        self.state.forget_events(old.collect());
        swept + self.state.sweep(before)
    }
}

impl Embedded {
    /// In memory: gone with the process. Every call is carried out within its first poll.
    #[must_use]
    pub fn memory(clock: Clock) -> Self {
        Self {
            keeper: Keeper::Memory(Box::default(), clock),
        }
    }

    /// In a file, which is made where it is missing. What was answered survives the machine. Blocks while it is read.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the file cannot be used, or another process uses it; [`Error::SchemaTooNew`];
    /// [`Error::Migration`].
    pub fn redb(path: &Path, clock: Clock) -> Result<Self, Error> {
        let path = path.to_owned();
        Self::redb_by(
            Box::new(move || {
                Ok(::redb::Database::builder()
                    .set_cache_size(CACHE_BYTES)
                    .create(&path)?)
            }),
            clock,
        )
    }

    pub(super) fn redb_by(open: Opener, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            keeper: Keeper::Redb(Redb::open(open, clock)?),
        })
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State, WallTime) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match &self.keeper {
            Keeper::Memory(memory, clock) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                let done = work(&mut memory.state, clock.now());
                memory.settle();
                done
            }
            Keeper::Redb(redb) => redb.call(move |desk| work(desk.state, desk.now)).await,
        }
    }
}

#[async_trait]
impl LeaseStore for Embedded {
    async fn acquire(&self, wish: Acquire) -> Result<Acquired, Error> {
        self.call(|state, now| state.acquire(wish, now)).await
    }

    async fn confirm(&self, session: &SessionId, fence: u64, ttl: Micros) -> Result<Lease, Error> {
        let session = session.clone();
        self.call(move |state, now| state.confirm(&session, fence, ttl, now))
            .await
    }

    async fn renew(&self, host: &HostId, held: Vec<Renewal>, ttl: Micros) -> Result<Renewed, Error> {
        let host = host.clone();
        self.call(move |state, now| state.renew(&host, held, ttl, now))
            .await
    }

    async fn release(&self, session: &SessionId, fence: u64, cause: Cause) -> Result<Lease, Error> {
        let session = session.clone();
        self.call(move |state, now| state.release(&session, fence, cause, now))
            .await
    }

    async fn expire(&self, grace: Micros, limit: usize) -> Result<Vec<Lease>, Error> {
        self.call(move |state, now| Ok(state.expire(grace, limit, now)))
            .await
    }

    async fn lease(&self, session: &SessionId) -> Result<Option<Lease>, Error> {
        let session = session.clone();
        self.call(move |state, _| Ok(state.lease(&session).cloned()))
            .await
    }

    async fn lease_of_key(&self, key: &str) -> Result<Option<Lease>, Error> {
        let key = key.to_owned();
        self.call(move |state, _| Ok(state.lease_of_key(&key).cloned()))
            .await
    }

    async fn of_player(&self, player: &str) -> Result<Vec<Lease>, Error> {
        let player = player.to_owned();
        self.call(move |state, _| Ok(state.of_player(&player))).await
    }

    async fn live(&self, host: &HostId) -> Result<Vec<Lease>, Error> {
        let host = host.clone();
        self.call(move |state, _| Ok(state.live(&host))).await
    }

    async fn all_live(&self, after: Option<&SessionId>, limit: usize) -> Result<Vec<Lease>, Error> {
        let after = after.cloned();
        self.call(move |state, _| Ok(state.all_live(after.as_ref(), limit)))
            .await
    }

    async fn sweep(&self, kept: Micros) -> Result<usize, Error> {
        match &self.keeper {
            Keeper::Memory(memory, clock) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                let swept = memory.sweep(clock.now().before(kept));
                memory.settle();
                Ok(swept)
            }
            Keeper::Redb(redb) => redb.call(move |desk| desk.sweep(desk.now.before(kept))).await,
        }
    }
}

#[async_trait]
impl EventLog for Embedded {
    async fn append(&self, event: NewEvent) -> Result<(), Error> {
        self.call(|state, now| state.append(event, now)).await
    }

    async fn read(&self, after: Cursor, limit: usize) -> Result<Vec<Event>, Error> {
        match &self.keeper {
            Keeper::Memory(memory, _) => {
                let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                let from = memory.events.partition_point(|(event, _)| event.cursor <= after);
                let events = memory.events.range(from..).take(limit);
                Ok(events.map(|(event, _)| event.clone()).collect())
            }
            Keeper::Redb(redb) => redb.call(move |desk| desk.events(after, limit)).await,
        }
    }
}

#[async_trait]
impl Records for Embedded {
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Record>, Error> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.call(move |state, _| Ok(state.get(&bucket, &key).cloned()))
            .await
    }

    async fn list(&self, bucket: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
        let (bucket, after) = (bucket.to_owned(), after.map(str::to_owned));
        self.call(move |state, _| Ok(state.list(&bucket, after.as_deref(), limit)))
            .await
    }

    async fn put(&self, bucket: &str, key: &str, expect: Expect, body: String) -> Result<Swapped, Error> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.call(move |state, _| state.put(&bucket, &key, expect, body))
            .await
    }

    async fn remove(&self, bucket: &str, key: &str, expect: Expect) -> Result<Swapped, Error> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.call(move |state, _| Ok(state.remove(&bucket, &key, expect)))
            .await
    }
}

/// The maps are in memory anyway; this is for the pages that are written to.
const CACHE_BYTES: usize = 32 << 20;
