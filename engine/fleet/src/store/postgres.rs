//! A store that the indexers of a cell share: PostgreSQL 13 or later.
//!
//! Each call is one statement, a function of `migrations/`, and one transaction: the lease and the event that tells of it are
//! written together, and one round trip is all that a placement waits for. The clock is the server's.

use crate::event::{Cursor, Event, NewEvent};
use crate::lease::check_ttl;
use crate::record::{Expect, Record, Swapped};
use crate::{
    Acquire, Acquired, Cause, Error, EventLog, Lease, LeaseState, LeaseStore, Records, Renewal, Renewed,
    SlotRef,
};
use async_trait::async_trait;
use firstlight_units::{HostId, Micros, SessionId, WallTime};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{Connection, Row};
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A store in PostgreSQL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
    /// The last call found nobody.
    away: Arc<AtomicBool>,
}

impl Postgres {
    /// Connects, and brings the schema up to date.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Unreachable`], [`Error::SchemaTooNew`], [`Error::Migration`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_at(url, 0).await
    }

    /// As [`Self::connect`], to a server whose clock is `offset_us` microseconds ahead of what it shows: for tests, which
    /// cannot wait.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_at(url: &str, offset_us: i64) -> Result<Self, Error> {
        Self::connect_with(url, offset_us, CONNECTIONS_MAX).await
    }

    pub(crate) async fn connect_with(url: &str, offset_us: i64, connections: u32) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url).map_err(|_| Error::Url(crate::error::shown(url)))?;
        let options = options.application_name("firstlight").options([
            ("statement_timeout", "4000".to_owned()),
            ("lock_timeout", "3000".to_owned()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
            // Whatever the server's default is: what is answered is on its disk.
            ("synchronous_commit", "on".to_owned()),
            ("firstlight.clock_offset_us", offset_us.to_string()),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECTED_WITHIN)
            // A dead connection is noticed by the call that meets it, which is repeated; asking first costs every call a
            // round trip.
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| Error::Unreachable(Box::new(error)))?;
        migrate(&pool, SCHEMA).await?;
        Ok(Self {
            pool,
            away: Arc::default(),
        })
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Repeats a call that may be carried out twice when its connection was lost: the first call after the server was away
    /// finds its connections dead.
    pub(crate) async fn repeat<T, F>(&self, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let began = Instant::now();
        loop {
            match self.once(call()).await {
                Err(Error::Gone(_) | Error::Busy) if began.elapsed() < REPEATED_WITHIN => {
                    tokio::time::sleep(REPEATED_AFTER).await;
                }
                done => return done,
            }
        }
    }

    async fn once<T>(&self, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
        let done = match tokio::time::timeout(ANSWER_WITHIN, call).await {
            Ok(done) => done.map_err(typed),
            Err(_) => Err(Error::Timeout(ANSWER_WITHIN)),
        };
        let nobody = matches!(
            done,
            Err(Error::Gone(_) | Error::Timeout(_) | Error::Unreachable(_))
        );
        self.away.store(nobody, Ordering::Relaxed);
        done
    }

    /// One lease by `sql`, which takes one text.
    async fn one(&self, sql: &'static str, argument: &str) -> Result<Option<Lease>, Error> {
        let row = self
            .repeat(|| sqlx::query(sql).bind(argument).fetch_optional(&self.pool))
            .await?;
        row.as_ref().map(lease).transpose()
    }

    async fn many(&self, sql: &'static str, argument: &str) -> Result<Vec<Lease>, Error> {
        let rows = self
            .repeat(|| sqlx::query(sql).bind(argument).fetch_all(&self.pool))
            .await?;
        rows.iter().map(lease).collect()
    }
}

#[async_trait]
impl LeaseStore for Postgres {
    async fn acquire(&self, wish: Acquire) -> Result<Acquired, Error> {
        wish.check()?;
        let hosts: Vec<&str> = wish.candidates.iter().map(|slot| slot.host.as_str()).collect();
        let slots = wish.candidates.iter().map(|slot| to_i32("the slot", slot.slot));
        let slots: Vec<i32> = slots.collect::<Result<_, _>>()?;
        // A round is lost to somebody who took a slot in that instant: with as many rounds as candidates one is had, or all
        // are taken.
        for round in 0..=wish.candidates.len() {
            let row = self
                .repeat(|| {
                    sqlx::query("SELECT outcome, (lease).* FROM firstlight.acquire($1, $2, $3, $4, $5, $6, $7, $8, $9)")
                        .bind(&wish.key)
                        .bind(wish.session.as_str())
                        .bind(&wish.player)
                        .bind(wish.title.as_str())
                        .bind(&hosts)
                        .bind(&slots)
                        .bind(span(wish.ttl))
                        .bind(&wish.decision)
                        .bind(round > 0)
                        .fetch_all(&self.pool)
                })
                .await;
            let row = match row {
                Err(Error::SessionReused(_)) => return Err(Error::SessionReused(wish.session)),
                row => only(row?)?,
            };
            let outcome: String = row.try_get("outcome").map_err(typed)?;
            let fresh = match outcome.as_str() {
                "again" => continue,
                "none" => return Ok(Acquired::NoneFree),
                outcome => outcome == "fresh",
            };
            let lease = Box::new(lease(&row)?);
            if lease.player != wish.player || lease.title != wish.title {
                return Err(Error::KeyReused);
            }
            return Ok(Acquired::Lease { lease, fresh });
        }
        Err(Error::Busy)
    }

    async fn confirm(&self, session: &SessionId, fence: u64, ttl: Micros) -> Result<Lease, Error> {
        check_ttl(ttl)?;
        let row = self
            .repeat(|| {
                sqlx::query("SELECT outcome, (lease).* FROM firstlight.confirm($1, $2, $3)")
                    .bind(session.as_str())
                    .bind(number(fence))
                    .bind(span(ttl))
                    .fetch_all(&self.pool)
            })
            .await?;
        changed(&only(row)?, session, fence)
    }

    async fn renew(&self, host: &HostId, held: Vec<Renewal>, ttl: Micros) -> Result<Renewed, Error> {
        check_ttl(ttl)?;
        let sessions: Vec<&str> = held.iter().map(|one| one.session.as_str()).collect();
        let fences: Vec<i64> = held.iter().map(|one| number(one.fence)).collect();
        let rows = self
            .repeat(|| {
                sqlx::query("SELECT firstlight.renew($1, $2, $3, $4)")
                    .bind(host.as_str())
                    .bind(&sessions)
                    .bind(&fences)
                    .bind(span(ttl))
                    .fetch_all(&self.pool)
            })
            .await?;
        let kept = rows.iter().map(|row| row.try_get::<String, _>(0).map_err(typed));
        let kept: Vec<String> = kept.collect::<Result<_, _>>()?;
        let over = held.into_iter().map(|one| one.session);
        let over = over
            .filter(|session| !kept.iter().any(|kept| kept == session.as_str()))
            .collect();
        Ok(Renewed {
            kept: kept.len(),
            over,
        })
    }

    fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    async fn release(&self, session: &SessionId, fence: u64, cause: Cause) -> Result<Lease, Error> {
        let row = self
            .repeat(|| {
                sqlx::query("SELECT outcome, (lease).* FROM firstlight.release($1, $2, $3)")
                    .bind(session.as_str())
                    .bind(number(fence))
                    .bind(cause.word())
                    .fetch_all(&self.pool)
            })
            .await?;
        changed(&only(row)?, session, fence)
    }

    async fn expire(&self, grace: Micros, limit: usize) -> Result<Vec<Lease>, Error> {
        // Not repeated: those that a lost answer told of would never be told of again, except in the event log.
        let rows = sqlx::query("SELECT * FROM firstlight.expire($1, $2)")
            .bind(span(grace))
            .bind(i32::try_from(limit).unwrap_or(i32::MAX))
            .fetch_all(&self.pool);
        self.once(rows).await?.iter().map(lease).collect()
    }

    async fn lease(&self, session: &SessionId) -> Result<Option<Lease>, Error> {
        self.one(
            "SELECT * FROM firstlight.leases WHERE session = $1",
            session.as_str(),
        )
        .await
    }

    async fn lease_of_key(&self, key: &str) -> Result<Option<Lease>, Error> {
        self.one("SELECT * FROM firstlight.leases WHERE key = $1", key)
            .await
    }

    async fn of_player(&self, player: &str) -> Result<Vec<Lease>, Error> {
        self.many(
            "SELECT * FROM firstlight.leases WHERE player = $1 ORDER BY granted_at DESC, session",
            player,
        )
        .await
    }

    async fn live(&self, host: &HostId) -> Result<Vec<Lease>, Error> {
        self.many(
            "SELECT * FROM firstlight.leases WHERE host = $1 AND state <> 'ended' ORDER BY session",
            host.as_str(),
        )
        .await
    }

    async fn all_live(&self, after: Option<&SessionId>, limit: usize) -> Result<Vec<Lease>, Error> {
        let rows = self
            .repeat(|| {
                sqlx::query(
                    "SELECT * FROM firstlight.leases WHERE session > $1 AND state <> 'ended' ORDER BY session LIMIT $2",
                )
                .bind(after.map_or("", SessionId::as_str))
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
            })
            .await?;
        rows.iter().map(lease).collect()
    }

    async fn sweep(&self, kept: Micros) -> Result<usize, Error> {
        let row = self
            .repeat(|| {
                sqlx::query("SELECT firstlight.sweep(firstlight.now_us() - $1, $2)")
                    .bind(span(kept))
                    .bind(i32::try_from(crate::state::SWEEP_MAX).unwrap_or(i32::MAX))
                    .fetch_all(&self.pool)
            })
            .await?;
        let swept: i64 = only(row)?.try_get(0).map_err(typed)?;
        Ok(usize::try_from(swept).unwrap_or(0))
    }
}

#[async_trait]
impl EventLog for Postgres {
    async fn append(&self, event: NewEvent) -> Result<(), Error> {
        event.check()?;
        let insert = || {
            sqlx::query(
                "INSERT INTO firstlight.events (at, topic, key, body, dedupe) VALUES (firstlight.now_us(), $1, $2, $3, $4) \
                 ON CONFLICT (dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
            )
            .bind(&event.topic)
            .bind(&event.key)
            .bind(&event.body)
            .bind(event.dedupe.as_deref())
            .execute(&self.pool)
        };
        if event.dedupe.is_some() {
            self.repeat(insert).await?;
        } else {
            self.once(insert()).await?;
        }
        Ok(())
    }

    async fn read(&self, after: Cursor, limit: usize) -> Result<Vec<Event>, Error> {
        let rows = self
            .repeat(|| {
                sqlx::query(
                    "SELECT batch::text AS shown, number, at, topic, key, body FROM firstlight.events \
                     WHERE (batch, number) > ($1::text::xid8, $2) AND batch < pg_snapshot_xmin(pg_current_snapshot()) \
                     ORDER BY batch, number LIMIT $3",
                )
                .bind(after.batch.to_string())
                .bind(number(after.number))
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
            })
            .await?;
        rows.iter().map(event).collect()
    }
}

#[async_trait]
impl Records for Postgres {
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Record>, Error> {
        let row = self
            .repeat(|| {
                sqlx::query(
                    "SELECT key, revision, body FROM firstlight.records WHERE bucket = $1 AND key = $2",
                )
                .bind(bucket)
                .bind(key)
                .fetch_optional(&self.pool)
            })
            .await?;
        row.as_ref().map(record).transpose()
    }

    async fn list(&self, bucket: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error> {
        let rows = self
            .repeat(|| {
                sqlx::query(
                    "SELECT key, revision, body FROM firstlight.records WHERE bucket = $1 AND key > $2 ORDER BY key LIMIT $3",
                )
                .bind(bucket)
                .bind(after.unwrap_or_default())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
            })
            .await?;
        rows.iter().map(record).collect()
    }

    async fn put(&self, bucket: &str, key: &str, expect: Expect, body: String) -> Result<Swapped, Error> {
        crate::record::check(bucket, key, &body)?;
        let (word, revision) = expected(expect);
        let row = sqlx::query("SELECT done, revision FROM firstlight.put($1, $2, $3, $4, $5)")
            .bind(bucket)
            .bind(key)
            .bind(word)
            .bind(revision)
            .bind(body)
            .fetch_all(&self.pool);
        swapped(&only(self.once(row).await?)?)
    }

    async fn remove(&self, bucket: &str, key: &str, expect: Expect) -> Result<Swapped, Error> {
        let (word, revision) = expected(expect);
        let row = sqlx::query("SELECT done, revision FROM firstlight.remove($1, $2, $3, $4)")
            .bind(bucket)
            .bind(key)
            .bind(word)
            .bind(revision)
            .fetch_all(&self.pool);
        swapped(&only(self.once(row).await?)?)
    }
}

/// The row of a call that has one. All rows are read even so: a call is over, and its transaction committed, when its answer
/// is, and a large row may come before that.
fn only(rows: Vec<PgRow>) -> Result<PgRow, Error> {
    rows.into_iter()
        .next()
        .ok_or_else(|| damaged("a call without an answer"))
}

fn expected(expect: Expect) -> (&'static str, i64) {
    match expect {
        Expect::Any => ("any", 0),
        Expect::Absent => ("absent", 0),
        Expect::Revision(revision) => ("revision", number(revision)),
    }
}

fn swapped(row: &PgRow) -> Result<Swapped, Error> {
    let done: bool = row.try_get("done").map_err(typed)?;
    let revision: Option<i64> = row.try_get("revision").map_err(typed)?;
    let revision = revision.map(unsigned).transpose()?;
    Ok(if done {
        Swapped::Done(revision.unwrap_or(0))
    } else {
        Swapped::Conflict(revision)
    })
}

fn record(row: &PgRow) -> Result<Record, Error> {
    Ok(Record {
        key: row.try_get("key").map_err(typed)?,
        revision: unsigned(row.try_get("revision").map_err(typed)?)?,
        body: row.try_get("body").map_err(typed)?,
    })
}

fn event(row: &PgRow) -> Result<Event, Error> {
    let batch: String = row.try_get("shown").map_err(typed)?;
    Ok(Event {
        cursor: Cursor {
            batch: batch.parse().map_err(damaged)?,
            number: unsigned(row.try_get("number").map_err(typed)?)?,
        },
        at: wall(row.try_get("at").map_err(typed)?)?,
        topic: row.try_get("topic").map_err(typed)?,
        key: row.try_get("key").map_err(typed)?,
        body: row.try_get("body").map_err(typed)?,
    })
}

fn changed(row: &PgRow, session: &SessionId, given: u64) -> Result<Lease, Error> {
    let outcome: String = row.try_get("outcome").map_err(typed)?;
    match outcome.as_str() {
        "unknown" => Err(Error::UnknownLease(session.clone())),
        "over" => Err(Error::LeaseOver(session.clone())),
        "stale" => {
            let lease = lease(row)?;
            Err(Error::StaleFence {
                slot: lease.slot,
                given,
                current: lease.fence,
            })
        }
        _ => lease(row),
    }
}

fn lease(row: &PgRow) -> Result<Lease, Error> {
    let text = |name| row.try_get::<String, _>(name).map_err(typed);
    let int = |name| row.try_get::<i64, _>(name).map_err(typed);
    let slot: i32 = row.try_get("slot").map_err(typed)?;
    let cause: Option<String> = row.try_get("cause").map_err(typed)?;
    let state = match (text("state")?.as_str(), cause.as_deref().and_then(Cause::read)) {
        ("granted", None) => LeaseState::Granted,
        ("confirmed", None) => LeaseState::Confirmed,
        ("ended", Some(cause)) => LeaseState::Ended { cause },
        (state, _) => return Err(damaged(state)),
    };
    let ended_at: Option<i64> = row.try_get("ended_at").map_err(typed)?;
    Ok(Lease {
        session: text("session")?.parse().map_err(damaged)?,
        key: text("key")?,
        player: text("player")?,
        title: text("title")?.parse().map_err(damaged)?,
        slot: SlotRef {
            host: text("host")?.parse().map_err(damaged)?,
            slot: u32::try_from(slot).map_err(damaged)?,
        },
        fence: unsigned(int("fence")?)?,
        state,
        granted_at: wall(int("granted_at")?)?,
        expires_at: wall(int("expires_at")?)?,
        ended_at: ended_at.map(wall).transpose()?,
        decision: text("decision")?,
    })
}

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::Damaged(what.to_string())
}

fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(damaged)
}

fn wall(us: i64) -> Result<WallTime, Error> {
    unsigned(us).map(WallTime::from_micros)
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A span past a century is one.
fn span(span: Micros) -> i64 {
    number(span.as_micros()).min(3_155_760_000_000_000)
}

fn to_i32(what: &'static str, number: u32) -> Result<i32, Error> {
    i32::try_from(number).map_err(|_| Error::Invalid { what })
}

/// What a caller can act on.
fn typed(error: sqlx::Error) -> Error {
    let Some(database) = error.as_database_error() else {
        let lost = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed
        );
        return if lost {
            Error::Gone(Box::new(error))
        } else if matches!(error, sqlx::Error::PoolTimedOut) {
            Error::Timeout(CONNECTED_WITHIN)
        } else {
            damaged(error)
        };
    };
    let code = database.code().unwrap_or_default();
    match code.as_ref() {
        // statement_timeout, lock_timeout
        "57014" | "55P03" => Error::Timeout(ANSWER_WITHIN),
        // serialization_failure, deadlock_detected, too_many_connections
        "40001" | "40P01" | "53300" => Error::Busy,
        "23505" if database.constraint() == Some("leases_pkey") => {
            Error::SessionReused("0".parse().expect("invariant: a digit is a session's id"))
        }
        // A slot's live lease appeared in between: the unique index said so.
        "23505" => Error::Busy,
        // connection exceptions, shutdown and recovery; out of disk or memory
        code if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
            Error::Gone(Box::new(error))
        }
        // read_only_sql_transaction: a standby
        "25006" => Error::Unreachable(Box::new(error)),
        _ => damaged(error),
    }
}

/// Brings the schema to `to`, all at once or not at all. Of several engines that start at once, one does it.
async fn migrate(pool: &PgPool, to: u32) -> Result<(), Error> {
    let failed = |at: u32| {
        move |error: sqlx::Error| Error::Migration {
            to: at,
            source: Box::new(error),
        }
    };
    let mut connection = pool
        .acquire()
        .await
        .map_err(|error| Error::Unreachable(Box::new(error)))?;
    let mut txn = connection.begin().await.map_err(typed)?;
    sqlx::raw_sql(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(4961, 1); \
         SET LOCAL client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS firstlight; \
         CREATE TABLE IF NOT EXISTS firstlight.meta (one boolean PRIMARY KEY DEFAULT true CHECK (one), \
         schema integer NOT NULL, oldest integer NOT NULL)",
    )
    .execute(&mut *txn)
    .await
    .map_err(failed(0))?;
    let row = sqlx::query("SELECT schema, oldest FROM firstlight.meta")
        .fetch_optional(&mut *txn)
        .await
        .map_err(failed(0))?;
    let (found, oldest): (i32, i32) = match &row {
        Some(row) => (row.try_get(0).map_err(typed)?, row.try_get(1).map_err(typed)?),
        None => (0, 0),
    };
    let (found, oldest) = (
        u32::try_from(found).map_err(damaged)?,
        u32::try_from(oldest).map_err(damaged)?,
    );
    if found >= to {
        return if oldest > to {
            Err(Error::SchemaTooNew {
                found,
                oldest,
                ours: to,
            })
        } else {
            Ok(())
        };
    }
    let steps = (1u32..)
        .zip(MIGRATIONS)
        .filter(|(at, _)| *at > found && *at <= to);
    for (at, sql) in steps {
        sqlx::raw_sql(sql).execute(&mut *txn).await.map_err(failed(at))?;
        tracing::info!(schema = at, "the store's schema was brought up to date");
    }
    sqlx::query("INSERT INTO firstlight.meta (schema, oldest) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE SET schema = $1, oldest = $2")
        .bind(to_i32("the schema", to)?)
        .bind(to_i32("the schema", OLDEST)?)
        .execute(&mut *txn)
        .await
        .map_err(failed(to))?;
    txn.commit().await.map_err(failed(to))
}

/// One per schema, the first being 1. They are never changed once released, and only add: an engine of the schema before goes
/// on with what it knows.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../migrations/0001_leases.sql"),
    include_str!("../../migrations/0002_records.sql"),
    include_str!("../../migrations/0003_plans.sql"),
    include_str!("../../migrations/0004_confirmed.sql"),
    include_str!("../../migrations/0005_saves.sql"),
];
/// What this engine reads and writes.
const SCHEMA: u32 = 5;
/// The first schema whose engines may use a store of [`SCHEMA`].
const OLDEST: u32 = 1;

/// A placement takes a millisecond or two of a connection; more of them only wait for each other's fsync.
const CONNECTIONS_MAX: u32 = 24;
const CONNECTED_WITHIN: Duration = Duration::from_secs(2);
/// Longer than the server's own limits, so that its answer is had where there is one.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A server that restarts takes a second or two; who has waited that long asks again himself.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);
const REPEATED_AFTER: Duration = Duration::from_millis(20);

#[cfg(test)]
#[path = "postgres_tests.rs"]
mod tests;
