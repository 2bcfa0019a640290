//! The least that PostgreSQL could do: one row taken by `UPDATE … SKIP LOCKED`, with nothing kept of who has it why.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// A table of slots in regions.
pub(crate) struct Bare {
    pool: PgPool,
    next: AtomicU64,
}

impl Bare {
    pub(crate) async fn connect(url: &str, slots: u32) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?.options([("synchronous_commit", "on")]);
        // As many as the adapter opens.
        let pool = PgPoolOptions::new()
            .max_connections(24)
            .test_before_acquire(false);
        let pool = pool.connect_with(options).await?;
        for statement in [
            "CREATE TABLE slots (id integer PRIMARY KEY, region integer NOT NULL, session bigint) WITH (fillfactor = 70)".to_owned(),
            format!("INSERT INTO slots SELECT n, n % {REGIONS}, NULL FROM generate_series(1, {slots}) n"),
            "CREATE INDEX slots_free ON slots (region, id) WHERE session IS NULL".to_owned(),
            "ANALYZE slots".to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await?;
        }
        Ok(Self {
            pool,
            next: AtomicU64::new(1),
        })
    }

    pub(crate) async fn take(&self) -> Result<()> {
        let session = i64::try_from(self.next.fetch_add(1, Ordering::Relaxed))?;
        let taken = sqlx::query(
            "UPDATE slots SET session = $1 WHERE id = (SELECT id FROM slots WHERE region = $2 AND session IS NULL \
             ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
        )
        .bind(session)
        .bind(i32::try_from(session % i64::from(REGIONS))?)
        .fetch_optional(&self.pool)
        .await?;
        taken.context("every slot is taken: give the fleet more with --slots")?;
        Ok(())
    }
}

const REGIONS: i32 = 30;
