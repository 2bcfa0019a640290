//! Keeps what players have saved: the record says what is newest, blobs hold it.

use crate::archive::Bounds;
use crate::order::{is_settled, may_write};
use crate::saves::hex;
use crate::shelf::{Kept, Last, Shelf};
use crate::{Error, Held, Newest};
use bytes::{Bytes, BytesMut};
use firstlight_fleet::messages::Written;
use firstlight_fleet::{Blobs, Expect, Lease, PIECE_BYTES_MAX, Record, Roster, Store, Swapped};
use firstlight_units::{HostId, Micros, TitleId};
use ring::digest::{Context, SHA256};
use std::sync::Arc;

/// Keeps saves for a cell. Cheap to clone; several of one store may work at once.
#[derive(Clone, Debug)]
pub struct Keeper {
    store: Arc<dyn Store>,
    roster: Roster,
    blobs: Arc<dyn Blobs>,
    limits: Limits,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one archive.
    pub archive_bytes: u64,
    /// Bytes of all archives of one player, older versions among them.
    pub player_bytes: u64,
}

impl Default for Limits {
    /// What hosts pack at the most, and 1 GiB: three titles whose every version is as large as can be, or some thousand usual ones.
    fn default() -> Self {
        Self {
            archive_bytes: Bounds::default().archive_bytes(),
            player_bytes: 1 << 30,
        }
    }
}

impl Keeper {
    /// Over a cell's store, with archives in `blobs`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, limits: Limits) -> Self {
        Self {
            roster: Roster::new(Arc::clone(&store)),
            store,
            blobs,
            limits,
        }
    }

    /// How much is kept.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// What is newest of a session's player and title.
    ///
    /// # Errors
    /// [`Error::NotHolder`], [`Error::UnknownSession`], or what keeps the store from answering.
    pub async fn open(&self, host: &HostId, held: &Held) -> Result<Newest, Error> {
        let (lease, others) = self.leases(host, held).await?;
        let (shelf, _) = self.shelf(&lease.player, &lease.title).await?;
        let newest = shelf.newest();
        Ok(Newest {
            version: shelf.version,
            sha256: newest.map(|kept| kept.sha256.clone()).unwrap_or_default(),
            bytes: newest.map_or(0, |kept| kept.bytes),
            settled: is_settled(&lease, &others, &shelf.settled),
        })
    }

    /// Begins to read a version of a session's player and title.
    ///
    /// # Errors
    /// As [`Self::open`], and [`Error::UnknownVersion`].
    pub async fn read(&self, host: &HostId, held: &Held, version: u64) -> Result<Reading, Error> {
        let (lease, _) = self.leases(host, held).await?;
        let (shelf, _) = self.shelf(&lease.player, &lease.title).await?;
        let kept = shelf.kept.into_iter().find(|kept| kept.version == version);
        Ok(self.reading(kept.ok_or(Error::UnknownVersion)?))
    }

    /// Begins to write a session's archive.
    ///
    /// # Errors
    /// As [`Self::open`], [`Error::Superseded`], [`Error::TooLarge`].
    pub async fn write(&self, host: &HostId, held: &Held, promised: Written) -> Result<Writing, Error> {
        let (lease, others) = self.leases(host, held).await?;
        at_most("the archive's bytes", promised.bytes, self.limits.archive_bytes)?;
        let (shelf, _) = self.shelf(&lease.player, &lease.title).await?;
        if !may_write(&lease, &others, shelf.last.as_ref()) {
            return Err(Error::Superseded);
        }
        let kept: u64 = self
            .list(&lease.player)
            .await?
            .iter()
            .map(|(_, shelf)| shelf.bytes())
            .sum();
        let sum = kept.saturating_add(promised.bytes);
        at_most(
            "the bytes of all saves of the player",
            sum,
            self.limits.player_bytes,
        )?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(Error::Random)?;
        Ok(Writing {
            keeper: self.clone(),
            host: host.clone(),
            held: held.clone(),
            blob: format!("{}.{}.{}", lease.player, lease.title, hex(&random)),
            promised,
            buffer: BytesMut::new(),
            piece: 0,
            bytes: 0,
            context: Context::new(&SHA256),
        })
    }

    /// Nothing more comes of a session.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn close(&self, host: &HostId, held: &Held) -> Result<(), Error> {
        let (lease, _) = self.leases(host, held).await?;
        self.change(&lease.player, &lease.title, |shelf| {
            shelf.settle(lease.session.as_str());
            Ok(())
        })
        .await
    }

    /// What is kept of a player, by title.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn list(&self, player: &str) -> Result<Vec<(TitleId, Shelf)>, Error> {
        let prefix = format!("{player}/");
        let mut after = prefix.clone();
        let mut found = Vec::new();
        loop {
            let page = self.store.list(BUCKET, Some(&after), PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after.clone_from(&last.key);
            for record in &page {
                let Some(title) = record.key.strip_prefix(&prefix) else {
                    return Ok(found);
                };
                let title = title.parse().map_err(|_| Error::Damaged(record.key.clone()))?;
                found.push((title, parse(record)?));
            }
        }
    }

    /// Begins to read the newest version of a player and title.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`], or what keeps the store from answering.
    pub async fn newest(&self, player: &str, title: &TitleId) -> Result<Reading, Error> {
        let (shelf, _) = self.shelf(player, title).await?;
        let newest = shelf.kept.into_iter().next().ok_or(Error::UnknownVersion)?;
        Ok(self.reading(newest))
    }

    fn reading(&self, kept: Kept) -> Reading {
        Reading {
            blobs: Arc::clone(&self.blobs),
            left: kept.bytes,
            blob: kept.blob,
            piece: 0,
        }
    }

    /// Removes what is kept of a player and title. `false`: there was nothing.
    ///
    /// # Errors
    /// [`Error::InUse`] while a session of theirs goes on, or what keeps the store from answering.
    pub async fn erase(&self, player: &str, title: &TitleId) -> Result<bool, Error> {
        let at = self.idle(player, title).await?;
        let mut blobs = Vec::new();
        self.change(player, title, |shelf| {
            if !shelf.kept.is_empty() {
                blobs = shelf.erase(at);
            }
            Ok(())
        })
        .await?;
        self.drop_all(&blobs).await;
        Ok(!blobs.is_empty())
    }

    /// Makes an older version the newest; returns its new number.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::UnknownVersion`], or what keeps the store from answering.
    pub async fn restore(&self, player: &str, title: &TitleId, version: u64) -> Result<u64, Error> {
        let at = self.idle(player, title).await?;
        let mut restored = 0;
        self.change(player, title, |shelf| {
            restored = shelf.restore(version, at).ok_or(Error::UnknownVersion)?;
            Ok(())
        })
        .await?;
        Ok(restored)
    }

    /// Removes blobs that no record names and that are older than an hour: what was begun and never finished. Returns how many.
    ///
    /// # Errors
    /// What keeps the store or the blobs from answering.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let before = self.blobs.now().await?.before(UNFINISHED_FOR);
        let mut after: Option<String> = None;
        let mut swept = 0;
        loop {
            let page = self.blobs.list(after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after = Some(last.name.clone());
            for entry in page.iter().filter(|entry| entry.written_at < before) {
                if !self.is_named(&entry.name).await? {
                    self.blobs.remove(&entry.name).await?;
                    swept += 1;
                }
            }
        }
    }

    async fn is_named(&self, blob: &str) -> Result<bool, Error> {
        let mut parts = blob.splitn(3, '.');
        let named = parts.next().zip(parts.next());
        let Some((player, title)) = named.and_then(|(p, t)| Some((p, t.parse().ok()?))) else {
            return Ok(false);
        };
        Ok(self.shelf(player, &title).await?.0.has(blob))
    }

    /// The lease that the host has or had, and the other leases of its player for its title.
    async fn leases(&self, host: &HostId, held: &Held) -> Result<(Lease, Vec<Lease>), Error> {
        let lease = self.store.lease(&held.session).await?;
        let lease = lease.ok_or_else(|| Error::UnknownSession(held.session.clone()))?;
        if lease.slot.host != *host || lease.fence != held.fence {
            return Err(Error::NotHolder("another host holds this session"));
        }
        let member = self.roster.member(host).await?;
        if member.is_none_or(|member| member.expelled) {
            return Err(Error::NotHolder("this host is no member of the fleet"));
        }
        let mut others = self.store.of_player(&lease.player).await?;
        others.retain(|other| other.title == lease.title && other.session != lease.session);
        Ok((lease, others))
    }

    /// No session of the player and title goes on, at the time that is returned.
    async fn idle(&self, player: &str, title: &TitleId) -> Result<u64, Error> {
        let leases = self.store.of_player(player).await?;
        let live = leases
            .iter()
            .any(|lease| lease.title == *title && !lease.is_over());
        if live {
            return Err(Error::InUse);
        }
        Ok(self.blobs.now().await?.as_micros())
    }

    async fn shelf(&self, player: &str, title: &TitleId) -> Result<(Shelf, Expect), Error> {
        match self.store.get(BUCKET, &key(player, title)).await? {
            Some(record) => Ok((parse(&record)?, Expect::Revision(record.revision))),
            None => Ok((Shelf::default(), Expect::Absent)),
        }
    }

    /// Changes a record in one step; what is not different is not written.
    async fn change(
        &self,
        player: &str,
        title: &TitleId,
        mut change: impl FnMut(&mut Shelf) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        for _ in 0..ROUNDS_MAX {
            let (before, expect) = self.shelf(player, title).await?;
            let mut shelf = before.clone();
            change(&mut shelf)?;
            if shelf == before || self.swap((player, title), expect, shelf).await? {
                return Ok(());
            }
        }
        Err(Error::Busy)
    }

    /// `false`: somebody else has changed it meanwhile.
    async fn swap(
        &self,
        (player, title): (&str, &TitleId),
        expect: Expect,
        mut shelf: Shelf,
    ) -> Result<bool, Error> {
        shelf.v = FORM;
        let body = serde_json::to_string(&shelf).unwrap_or_default();
        let swapped = self.store.put(BUCKET, &key(player, title), expect, body).await?;
        Ok(matches!(swapped, Swapped::Done(_)))
    }

    /// Those that stay are swept later.
    async fn drop_all(&self, blobs: &[String]) {
        for blob in blobs {
            if let Err(error) = self.blobs.remove(blob).await {
                tracing::warn!(%error, "saves that nobody needs were not removed yet");
            }
        }
    }
}

/// A version that is read, a piece at a time.
#[derive(Debug)]
pub struct Reading {
    blobs: Arc<dyn Blobs>,
    blob: String,
    piece: u32,
    left: u64,
}

impl Reading {
    /// Bytes that are still to come.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The next piece; none: that was all.
    ///
    /// # Errors
    /// [`Error::Archive`] when one is missing, or what keeps it from being read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let piece = self.blobs.read(&self.blob, self.piece).await?;
        let piece = piece.filter(|piece| !piece.is_empty() && long(piece.len()) <= self.left);
        let piece = piece.ok_or(Error::Archive("a piece of it is missing"))?;
        self.left -= long(piece.len());
        self.piece += 1;
        Ok(Some(piece))
    }
}

/// An archive that is written.
pub struct Writing {
    keeper: Keeper,
    host: HostId,
    held: Held,
    promised: Written,
    blob: String,
    buffer: BytesMut,
    piece: u32,
    bytes: u64,
    context: Context,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing")
            .field("held", &self.held)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Writing {
    /// Takes the next bytes; holds a piece back at the most.
    ///
    /// # Errors
    /// [`Error::Digest`] for more than was promised, or what keeps it from being written.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += long(bytes.len());
        if self.bytes > self.promised.bytes {
            return Err(Error::Digest);
        }
        self.context.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let fits = rest.len().min(PIECE_BYTES_MAX - self.buffer.len());
            let (now, later) = rest.split_at(fits);
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == PIECE_BYTES_MAX {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let bytes = self.buffer.split().freeze();
        self.keeper.blobs.write(&self.blob, self.piece, bytes).await?;
        self.piece += 1;
        Ok(())
    }

    /// It was all: the version becomes the newest. Returns its number.
    ///
    /// # Errors
    /// [`Error::Digest`] when it is not what was promised, [`Error::Superseded`] when a later session has begun meanwhile, or what keeps it
    /// from being written.
    pub async fn finish(mut self) -> Result<u64, Error> {
        let done = self.settle().await;
        // The record may have been swapped though no answer came.
        if done.is_err() && matches!(self.keeper.is_named(&self.blob).await, Ok(false)) {
            self.abandon().await;
        }
        done
    }

    /// It will not be all.
    pub async fn abandon(self) {
        if self.piece > 0 {
            self.keeper.drop_all(std::slice::from_ref(&self.blob)).await;
        }
    }

    async fn settle(&mut self) -> Result<u64, Error> {
        let sha256 = hex(self.context.clone().finish().as_ref());
        if self.bytes != self.promised.bytes || sha256 != self.promised.sha256 || self.bytes == 0 {
            return Err(Error::Digest);
        }
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        let at = self.keeper.blobs.now().await?.as_micros();
        for _ in 0..ROUNDS_MAX {
            if let Some((version, blobs)) = self.become_newest(&sha256, at).await? {
                self.keeper.drop_all(&blobs).await;
                return Ok(version);
            }
        }
        Err(Error::Busy)
    }

    /// Returns its version and the blobs that are not needed any more. None: somebody else has changed the record meanwhile.
    async fn become_newest(&self, sha256: &str, at: u64) -> Result<Option<(u64, Vec<String>)>, Error> {
        // Whoever has begun since the archive was on its way counts.
        let (lease, others) = self.keeper.leases(&self.host, &self.held).await?;
        let (mut shelf, expect) = self.keeper.shelf(&lease.player, &lease.title).await?;
        if !may_write(&lease, &others, shelf.last.as_ref()) {
            return Err(Error::Superseded);
        }
        let session = lease.session.to_string();
        if self.promised.last {
            shelf.settle(&session);
        }
        shelf.last = Some(Last {
            session: session.clone(),
            granted_at: lease.granted_at.as_micros(),
            at,
        });
        let put = shelf.put(Kept {
            version: 0,
            session,
            at,
            bytes: self.bytes,
            sha256: sha256.to_owned(),
            blob: self.blob.clone(),
        });
        let swapped = self
            .keeper
            .swap((&lease.player, &lease.title), expect, shelf)
            .await?;
        Ok(swapped.then_some(put))
    }
}

fn key(player: &str, title: &TitleId) -> String {
    format!("{player}/{title}")
}

fn parse(record: &Record) -> Result<Shelf, Error> {
    let shelf: Shelf = serde_json::from_str(&record.body).map_err(|_| Error::Damaged(record.key.clone()))?;
    if shelf.v > FORM + 1 {
        return Err(Error::Damaged(record.key.clone()));
    }
    Ok(shelf)
}

fn at_most(what: &'static str, given: u64, most: u64) -> Result<(), Error> {
    if given > most {
        return Err(Error::TooLarge { what, given, most });
    }
    Ok(())
}

fn long(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

const BUCKET: &str = "saves";
/// Of a record. Engines read this one and the next.
const FORM: u32 = 1;
const PAGE: usize = 256;
/// Those who change one record at once: a host, its player and an operator.
const ROUNDS_MAX: usize = 8;
/// The slowest transfer takes minutes.
const UNFINISHED_FOR: Micros = Micros::from_secs(3600);
