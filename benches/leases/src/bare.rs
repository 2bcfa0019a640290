//! What it is measured beside: the loop that everybody writes first.

use anyhow::Result;
use sqlx::Row;
use sqlx::postgres::{PgPool, PgPoolOptions};

/// A table of slots, of which each call takes one.
#[derive(Clone, Debug)]
pub(crate) struct Bare {
    pool: PgPool,
}

impl Bare {
    pub(crate) async fn open(url: &str, slots: u32) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(24).connect(url).await?;
        sqlx::raw_sql("CREATE TABLE bare (id bigint PRIMARY KEY, session bigint)")
            .execute(&pool)
            .await?;
        sqlx::query("INSERT INTO bare SELECT generate_series(1, $1::bigint)")
            .bind(i64::from(slots))
            .execute(&pool)
            .await?;
        sqlx::raw_sql("CREATE INDEX bare_free ON bare (id) WHERE session IS NULL; ANALYZE bare")
            .execute(&pool)
            .await?;
        Ok(Self { pool })
    }

    pub(crate) async fn take(&self) -> Result<String> {
        let rows = sqlx::query(
            "UPDATE bare SET session = 1 WHERE id = (SELECT id FROM bare WHERE session IS NULL ORDER BY id LIMIT 1 \
             FOR UPDATE SKIP LOCKED) RETURNING id",
        )
        .fetch_all(&self.pool)
        .await?;
        let id: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(id.to_string())
    }
}
