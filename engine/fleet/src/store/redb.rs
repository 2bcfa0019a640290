//! A store in a file: one writer, one fsync for all calls that wait.
//!
//! ```text
//! calls ──queue──> writer thread: State ──changes──> one transaction ──fsync──> all of them are answered
//! ```
//!
//! Nobody is answered, readers neither, before what the answer rests on is on disk. After a failed write the maps are read
//! again from the disk.

use crate::event::{Cursor, Event};
use crate::record::Record;
use crate::state::{Change, SWEEP_MAX, State};
use crate::{Clock, Error, Lease, SlotRef};
use firstlight_units::WallTime;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Works on the maps and, for events, on the disk; its answer is kept until the changes are on disk. Without a desk it fails.
type Job = Box<dyn FnOnce(Result<&mut Desk<'_>, &Arc<redb::Error>>) -> Option<Answer> + Send>;
/// Called with what became of the changes.
type Answer = Box<dyn FnOnce(Result<(), &Arc<redb::Error>>) + Send>;
/// Opens the file, again where it has to.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::Error> + Send>;

/// What a call works on.
pub(super) struct Desk<'a> {
    pub(super) state: &'a mut State,
    db: &'a Database,
    pub(super) now: WallTime,
}

/// Hands calls to the writer.
#[derive(Debug)]
pub(super) struct Redb {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Redb {
    /// Opens the file, brings it up to date and reads it. Blocks.
    pub(super) fn open(open: Opener, clock: Clock) -> Result<Self, Error> {
        let db = open().map_err(|error| Error::Unreachable(Box::new(error)))?;
        let mut disk = Disk {
            open,
            db: None,
            state: State::default(),
            clock,
        };
        migrate(&db)?;
        disk.load(&db)?;
        disk.db = Some(db);
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let writer = std::thread::Builder::new()
            .name("fleet store".to_owned())
            .spawn(move || disk.run(waiting))
            .map_err(|error| Error::Unreachable(Box::new(error)))?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |desk| match desk {
            Ok(desk) => {
                let done = work(desk);
                let answer: Answer = Box::new(move |written| {
                    let gone = |error: &Arc<redb::Error>| Error::Gone(Box::new(Arc::clone(error)));
                    // Whoever called may have gone.
                    drop(tell.send(written.map_err(gone).and(done)));
                });
                Some(answer)
            }
            Err(error) => {
                drop(tell.send(Err(Error::Gone(Box::new(Arc::clone(error))))));
                None
            }
        });
        let jobs = self.jobs.as_ref().ok_or(Error::Busy)?;
        jobs.try_send(job).map_err(|_| Error::Busy)?;
        match tokio::time::timeout(ANSWER_WITHIN, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::Gone("the writer has ended".into())),
            Err(_) => Err(Error::Timeout(ANSWER_WITHIN)),
        }
    }
}

impl Drop for Redb {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Desk<'_> {
    /// Up to `limit` events after `after`.
    pub(super) fn events(&self, after: Cursor, limit: usize) -> Result<Vec<Event>, Error> {
        let read = || -> Result<Vec<Event>, redb::Error> {
            let table = self.db.begin_read()?.open_table(EVENTS)?;
            let mut events = Vec::new();
            for row in table.range(after.number.saturating_add(1)..)?.take(limit) {
                let (number, row) = row?;
                let (at, topic, key, body, _) = row.value();
                events.push(Event {
                    cursor: Cursor {
                        batch: 0,
                        number: number.value(),
                    },
                    at: WallTime::from_micros(at),
                    topic: topic.to_owned(),
                    key: key.to_owned(),
                    body: body.to_owned(),
                });
            }
            Ok(events)
        };
        read().map_err(|error| Error::Gone(Box::new(error)))
    }

    /// Forgets leases and events that ended or happened before `before`.
    pub(super) fn sweep(&mut self, before: WallTime) -> Result<usize, Error> {
        let read = || -> Result<Vec<(u64, Option<String>)>, redb::Error> {
            let table = self.db.begin_read()?.open_table(EVENTS)?;
            let mut old = Vec::new();
            for row in table.iter()?.take(SWEEP_MAX) {
                let (number, row) = row?;
                let (at, _, _, _, dedupe) = row.value();
                if at >= before.as_micros() {
                    break;
                }
                old.push((number.value(), dedupe.map(str::to_owned)));
            }
            Ok(old)
        };
        let old = read().map_err(|error| Error::Gone(Box::new(error)))?;
        let swept = old.len();
        self.state.forget_events(old);
        Ok(swept + self.state.sweep(before))
    }
}

struct Disk {
    open: Opener,
    /// None after a failure, until it is opened again.
    db: Option<Database>,
    state: State,
    clock: Clock,
}

impl Disk {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
            self.work(batch);
        }
    }

    fn work(&mut self, batch: Vec<Job>) {
        if let Err(error) = self.reopen() {
            let error = Arc::new(error);
            for job in batch {
                drop(job(Err(&error)));
            }
            return;
        }
        let Some(db) = self.db.take() else { return };
        let now = self.clock.now();
        let mut desk = Desk {
            state: &mut self.state,
            db: &db,
            now,
        };
        let answers: Vec<Answer> = batch.into_iter().filter_map(|job| job(Ok(&mut desk))).collect();
        let changes = self.state.changes();
        let written = if changes.is_empty() {
            Ok(())
        } else {
            write(&db, changes, now)
        };
        match written {
            Ok(()) => {
                self.db = Some(db);
                for answer in answers {
                    answer(Ok(()));
                }
            }
            Err(error) => {
                tracing::error!(%error, "the store's file was not written");
                let error = Arc::new(error);
                for answer in answers {
                    answer(Err(&error));
                }
            }
        }
    }

    /// After a failure: opens the file and reads it.
    fn reopen(&mut self) -> Result<(), redb::Error> {
        if self.db.is_some() {
            return Ok(());
        }
        let db = (self.open)()?;
        self.load(&db)
            .map_err(|error| redb::Error::Corrupted(error.to_string()))?;
        self.db = Some(db);
        Ok(())
    }

    /// Reads everything but the events' content.
    fn load(&mut self, db: &Database) -> Result<(), Error> {
        let mut state = State::default();
        let read = || -> Result<WallTime, redb::Error> {
            let txn = db.begin_read()?;
            for row in txn.open_table(FENCES)?.iter()? {
                let (slot, fence) = row?;
                let (host, slot) = slot.value();
                let host = host.parse().map_err(damaged)?;
                state.restore_fence(SlotRef { host, slot }, fence.value());
            }
            for row in txn.open_table(LEASES)?.iter()? {
                let lease: Lease = serde_json::from_slice(row?.1.value()).map_err(damaged)?;
                state.restore_lease(lease);
            }
            for row in txn.open_table(RECORDS)?.iter()? {
                let (name, row) = row?;
                let ((bucket, key), (revision, body)) = (name.value(), row.value());
                let record = Record {
                    key: key.to_owned(),
                    revision,
                    body: body.to_owned(),
                };
                state.restore_record(bucket.to_owned(), record);
            }
            for row in txn.open_table(EVENTS)?.iter()? {
                let (number, row) = row?;
                state.restore_event(number.value(), row.value().4.map(str::to_owned));
            }
            let meta = txn.open_table(META)?;
            let number = meta.get(NUMBER)?.map_or(0, |row| row.value());
            state.number = state.number.max(number);
            let seen = meta.get(SEEN)?.map_or(0, |row| row.value());
            Ok(WallTime::from_micros(seen))
        };
        let seen = { read }().map_err(|error| Error::Unreachable(Box::new(error)))?;
        // A clock that was set back while nothing ran prolongs no lease.
        self.clock.not_before(seen);
        self.state = state;
        Ok(())
    }
}

fn damaged(error: impl std::fmt::Display) -> redb::Error {
    redb::Error::Corrupted(error.to_string())
}

fn write(db: &Database, changes: Vec<Change>, now: WallTime) -> Result<(), redb::Error> {
    let txn = db.begin_write()?;
    {
        let mut fences = txn.open_table(FENCES)?;
        let mut leases = txn.open_table(LEASES)?;
        let mut events = txn.open_table(EVENTS)?;
        let mut records = txn.open_table(RECORDS)?;
        let mut meta = txn.open_table(META)?;
        for change in changes {
            match change {
                Change::Fence(slot, fence) => drop(fences.insert((slot.host.as_str(), slot.slot), fence)?),
                Change::Lease(lease) => {
                    let row = serde_json::to_vec(&lease).map_err(damaged)?;
                    leases.insert(lease.session.as_str(), row.as_slice())?;
                }
                Change::Forget(session) => drop(leases.remove(session.as_str())?),
                Change::Event(event, dedupe) => {
                    let row = (
                        event.at.as_micros(),
                        event.topic.as_str(),
                        event.key.as_str(),
                        event.body.as_str(),
                        dedupe.as_deref(),
                    );
                    events.insert(event.cursor.number, row)?;
                    meta.insert(NUMBER, event.cursor.number)?;
                }
                Change::Unevent(number) => drop(events.remove(number)?),
                Change::Record(bucket, record) => {
                    let row = (record.revision, record.body.as_str());
                    records.insert((bucket.as_str(), record.key.as_str()), row)?;
                    meta.insert(NUMBER, record.revision)?;
                }
                Change::Unrecord(bucket, key) => drop(records.remove((bucket.as_str(), key.as_str()))?),
            }
        }
        meta.insert(SEEN, now.as_micros())?;
    }
    txn.commit()?;
    Ok(())
}

/// Brings a file up to date, or a new one into being.
fn migrate(db: &Database) -> Result<(), Error> {
    let found = schema_of(db).map_err(|error| Error::Unreachable(Box::new(error)))?;
    if let Some((found, oldest)) = found {
        if found > SCHEMA && oldest > SCHEMA {
            return Err(Error::SchemaTooNew {
                found,
                oldest,
                ours: SCHEMA,
            });
        }
        if found >= SCHEMA {
            return Ok(());
        }
    }
    let from = found.map_or(0, |(found, _)| found);
    for to in from + 1..=SCHEMA {
        step(db, to).map_err(|error| Error::Migration {
            to,
            source: Box::new(error),
        })?;
    }
    Ok(())
}

fn schema_of(db: &Database) -> Result<Option<(u32, u32)>, redb::Error> {
    let txn = db.begin_read()?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let number = |key| -> Result<u32, redb::Error> {
        let row = meta.get(key)?.map_or(0, |row| row.value());
        u32::try_from(row).map_err(damaged)
    };
    Ok(Some((number("schema")?, number("oldest")?)))
}

/// One transaction each, so that a crash between two leaves a schema that exists.
fn step(db: &Database, to: u32) -> Result<(), redb::Error> {
    let txn = db.begin_write()?;
    {
        let mut meta = txn.open_table(META)?;
        match to {
            1 => {
                txn.open_table(FENCES)?;
                txn.open_table(LEASES)?;
                txn.open_table(EVENTS)?;
            }
            // Engines of schema 1 have no use for records, and leave them alone.
            _ => drop(txn.open_table(RECORDS)?),
        }
        meta.insert("schema", u64::from(to))?;
        meta.insert("oldest", u64::from(OLDEST))?;
    }
    txn.commit()?;
    Ok(())
}

/// What this engine reads and writes.
const SCHEMA: u32 = 2;
/// The first schema whose engines may use a store of [`SCHEMA`].
const OLDEST: u32 = 1;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FENCES: TableDefinition<'_, (&str, u32), u64> = TableDefinition::new("fences");
/// JSON.
const LEASES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("leases");
/// When, topic, key, body and, where it has one, the name that keeps it from being written twice.
const EVENTS: TableDefinition<'_, u64, EventRow> = TableDefinition::new("events");
type EventRow = (
    u64,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);
/// Bucket and key; revision and body.
const RECORDS: TableDefinition<'_, (&str, &str), (u64, &str)> = TableDefinition::new("records");
const NUMBER: &str = "number";
const SEEN: &str = "seen";

/// One fsync's worth: past this a batch takes longer to write than the disk to sync.
const BATCH_MAX: usize = 1024;
/// Four batches; past that callers are told to come back.
const WAITING_MAX: usize = 4 * BATCH_MAX;
/// A batch takes ten milliseconds; this is a disk in trouble.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
#[path = "redb_tests.rs"]
mod tests;
