//! Saves of a host that is in one process with the keeper.

use crate::archive::Packed;
use crate::{Error, Held, Keeper, Newest, Saves};
use async_trait::async_trait;
use firstlight_fleet::PIECE_BYTES_MAX;
use firstlight_fleet::messages::Written;
use firstlight_units::HostId;
use std::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// See the module.
#[derive(Clone, Debug)]
pub struct Near {
    keeper: Keeper,
    host: HostId,
}

impl Near {
    /// For the host with this id.
    #[must_use]
    pub const fn new(keeper: Keeper, host: HostId) -> Self {
        Self { keeper, host }
    }
}

#[async_trait]
impl Saves for Near {
    async fn open(&self, held: &Held) -> Result<Newest, Error> {
        self.keeper.open(&self.host, held).await
    }

    async fn fetch(&self, held: &Held, newest: &Newest, to: &Path) -> Result<(), Error> {
        let mut reading = self.keeper.read(&self.host, held, newest.version).await?;
        let mut file = File::create(to).await.map_err(Error::path(to))?;
        while let Some(piece) = reading.next().await? {
            file.write_all(&piece).await.map_err(Error::path(to))?;
        }
        file.flush().await.map_err(Error::path(to))
    }

    async fn store(&self, held: &Held, archive: &Path, packed: &Packed, last: bool) -> Result<u64, Error> {
        let promised = Written {
            bytes: packed.bytes,
            sha256: packed.sha256.clone(),
            last,
        };
        let mut file = File::open(archive).await.map_err(Error::path(archive))?;
        let mut writing = self.keeper.write(&self.host, held, promised).await?;
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        loop {
            let read = file.read(&mut buffer).await.map_err(Error::path(archive))?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return writing.finish().await;
            }
            if let Err(error) = writing.push(bytes).await {
                writing.abandon().await;
                return Err(error);
            }
        }
    }

    async fn close(&self, held: &Held) -> Result<(), Error> {
        self.keeper.close(&self.host, held).await
    }
}
