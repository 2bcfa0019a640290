//! Blobs in PostgreSQL, a row for each piece.

use super::{BlobEntry, Blobs, check, check_piece};
use crate::{Error, Postgres};
use async_trait::async_trait;
use bytes::Bytes;
use firstlight_units::WallTime;
use sqlx::Row;

/// Blobs in PostgreSQL, over connections of their own: whoever is placed waits for no transfer.
#[derive(Clone, Debug)]
pub struct PostgresBlobs {
    store: Postgres,
}

impl PostgresBlobs {
    /// Connects, and brings the schema up to date.
    ///
    /// # Errors
    /// As [`Postgres::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let store = Postgres::connect_with(url, 0, CONNECTIONS_MAX).await?;
        Ok(Self { store })
    }
}

#[async_trait]
impl Blobs for PostgresBlobs {
    async fn write(&self, blob: &str, piece: u32, bytes: Bytes) -> Result<(), Error> {
        check_piece(blob, &bytes)?;
        let number = i32::try_from(piece).map_err(|_| Error::Invalid { what: "the piece" })?;
        let written = self.store.repeat(|| {
            sqlx::query(
                "INSERT INTO firstlight.blobs VALUES ($1, $2, firstlight.now_us(), $3) \
                 ON CONFLICT (blob, piece) DO UPDATE SET written_at = excluded.written_at, body = excluded.body",
            )
            .bind(blob)
            .bind(number)
            .bind(bytes.as_ref())
            .execute(self.store.pool())
        });
        written.await.map(drop)
    }

    async fn read(&self, blob: &str, piece: u32) -> Result<Option<Bytes>, Error> {
        check(blob)?;
        let number = i32::try_from(piece).map_err(|_| Error::Invalid { what: "the piece" })?;
        let row = self.store.repeat(|| {
            sqlx::query("SELECT body FROM firstlight.blobs WHERE blob = $1 AND piece = $2")
                .bind(blob)
                .bind(number)
                .fetch_optional(self.store.pool())
        });
        let body = row.await?.map(|row| row.try_get::<Vec<u8>, _>("body"));
        body.transpose()
            .map(|body| body.map(Bytes::from))
            .map_err(|error| Error::Damaged(error.to_string()))
    }

    async fn remove(&self, blob: &str) -> Result<(), Error> {
        check(blob)?;
        let removed = self.store.repeat(|| {
            sqlx::query("DELETE FROM firstlight.blobs WHERE blob = $1")
                .bind(blob)
                .execute(self.store.pool())
        });
        removed.await.map(drop)
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.store.repeat(|| {
            sqlx::query(
                "SELECT blob, max(written_at) AS written_at FROM firstlight.blobs WHERE blob > $1 \
                 GROUP BY blob ORDER BY blob LIMIT $2",
            )
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(self.store.pool())
        });
        let damaged = |error: sqlx::Error| Error::Damaged(error.to_string());
        let rows = rows.await?;
        let entries = rows.iter().map(|row| {
            let at: i64 = row.try_get("written_at").map_err(damaged)?;
            Ok(BlobEntry {
                name: row.try_get("blob").map_err(damaged)?,
                written_at: WallTime::from_micros(u64::try_from(at).unwrap_or_default()),
            })
        });
        entries.collect()
    }

    async fn now(&self) -> Result<WallTime, Error> {
        let row = self
            .store
            .repeat(|| sqlx::query("SELECT firstlight.now_us() AS now_us").fetch_one(self.store.pool()));
        let now: Result<i64, _> = row.await?.try_get("now_us");
        let now = now.map_err(|error| Error::Damaged(error.to_string()))?;
        Ok(WallTime::from_micros(u64::try_from(now).unwrap_or_default()))
    }
}

/// A transfer waits for one piece at a time.
const CONNECTIONS_MAX: u32 = 8;
