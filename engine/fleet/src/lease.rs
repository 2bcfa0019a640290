//! Who holds which slot.

use crate::{Error, serde_text};
use async_trait::async_trait;
use firstlight_units::{HostId, Micros, SessionId, TitleId, WallTime};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A slot of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotRef {
    /// The host.
    #[serde(with = "serde_text")]
    pub host: HostId,
    /// Which of its slots, from 0.
    pub slot: u32,
}

impl fmt::Display for SlotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.slot)
    }
}

/// A wish for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquire {
    /// The same key gives the same lease, whatever has become of it. A caller whose lease was refused by the host, and who
    /// wants another, asks with another key: its own key and the number of the attempt.
    pub key: String,
    /// The session's id, if this is the first call with the key.
    pub session: SessionId,
    /// Pseudonym of the player.
    pub player: String,
    /// The title.
    pub title: TitleId,
    /// Slots, the best first. The first that is free is taken.
    pub candidates: Vec<SlotRef>,
    /// How long the host has to confirm.
    pub ttl: Micros,
    /// Why these candidates: kept with the lease, and shown.
    pub decision: String,
}

/// What becomes of an [`Acquire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The lease.
    Lease {
        /// The lease.
        lease: Box<Lease>,
        /// Made by this call; not by an earlier one with the same key.
        fresh: bool,
    },
    /// Each of the candidates is taken.
    NoneFree,
}

/// A time-bounded claim on a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The session that the slot is for. Names the lease.
    #[serde(with = "serde_text")]
    pub session: SessionId,
    /// What it was acquired with.
    pub key: String,
    /// Pseudonym of the player.
    pub player: String,
    /// The title.
    #[serde(with = "serde_text")]
    pub title: TitleId,
    /// The slot.
    #[serde(flatten)]
    pub slot: SlotRef,
    /// Higher than that of every earlier lease of the slot.
    pub fence: u64,
    /// Where it stands.
    #[serde(flatten)]
    pub state: LeaseState,
    /// When it was granted.
    #[serde(with = "serde_text::wall")]
    pub granted_at: WallTime,
    /// When it ends unless it is renewed.
    #[serde(with = "serde_text::wall")]
    pub expires_at: WallTime,
    /// When it ended.
    #[serde(with = "serde_text::wall_option", default)]
    pub ended_at: Option<WallTime>,
    /// Why this slot.
    #[serde(default)]
    pub decision: String,
}

impl Lease {
    /// Neither over nor overdue.
    #[must_use]
    pub fn is_live(&self, now: WallTime) -> bool {
        !self.is_over() && now < self.expires_at
    }

    /// It ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, LeaseState::Ended { .. })
    }
}

/// Where a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LeaseState {
    /// The host has not said yes yet.
    Granted,
    /// The host holds the session.
    Confirmed,
    /// It is over.
    Ended {
        /// Why.
        cause: Cause,
    },
}

/// Why a lease is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its session ended. Of one that was not confirmed this is [`Self::Refused`]: no player was told of it.
    Released,
    /// The host did not take it. Ends no lease that is confirmed: then it did.
    Refused,
    /// It was neither confirmed nor renewed in time.
    Expired,
}

impl Cause {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        [Self::Released, Self::Refused, Self::Expired]
            .into_iter()
            .find(|cause| cause.word() == word)
    }
}

/// One lease that a host says it still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Whose.
    pub session: SessionId,
    /// Under which fence.
    pub fence: u64,
}

/// What becomes of renewals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// How many go on.
    pub kept: usize,
    /// Those that are over, or were never leased so: the host is to end these sessions.
    pub over: Vec<SessionId>,
}

/// The durable record of leases. One of these is shared by all indexers of a cell.
///
/// Every call may be repeated. After [`Error::Gone`] or [`Error::Timeout`] it is not known whether it was carried out, and a
/// repetition finds out.
#[async_trait]
pub trait LeaseStore: Send + Sync + fmt::Debug {
    /// Takes the first free slot among the candidates, in one step with the event that tells of it.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::SessionReused`], values out of range, or what keeps the store from answering.
    async fn acquire(&self, wish: Acquire) -> Result<Acquired, Error>;

    /// The host has said yes: the lease is good for `ttl` from here. Confirming again renews.
    ///
    /// # Errors
    /// [`Error::UnknownLease`], [`Error::LeaseOver`], [`Error::StaleFence`].
    async fn confirm(&self, session: &SessionId, fence: u64, ttl: Micros) -> Result<Lease, Error>;

    /// A host still holds these. A lease that is overdue, and whose slot nobody else has taken, goes on.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn renew(&self, host: &HostId, held: Vec<Renewal>, ttl: Micros) -> Result<Renewed, Error>;

    /// Whether the last call found nobody, so that the next is likely to wait in vain.
    fn is_away(&self) -> bool {
        false
    }

    /// Ends a lease. One that is over stays as it is.
    ///
    /// # Errors
    /// [`Error::UnknownLease`], [`Error::StaleFence`].
    async fn release(&self, session: &SessionId, fence: u64, cause: Cause) -> Result<Lease, Error>;

    /// Ends up to `limit` leases that are overdue by `grace` or more and returns them, oldest first. Of several callers, one
    /// gets each.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn expire(&self, grace: Micros, limit: usize) -> Result<Vec<Lease>, Error>;

    /// The lease of a session, also one that is over, until it is forgotten.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn lease(&self, session: &SessionId) -> Result<Option<Lease>, Error>;

    /// The lease that was acquired with a key.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn lease_of_key(&self, key: &str) -> Result<Option<Lease>, Error>;

    /// A player's leases, newest first, also those that are over.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn of_player(&self, player: &str) -> Result<Vec<Lease>, Error>;

    /// A host's leases that are not over.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn live(&self, host: &HostId) -> Result<Vec<Lease>, Error>;

    /// All leases that are not over, in the order of their sessions, from the one after `after`.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn all_live(&self, after: Option<&SessionId>, limit: usize) -> Result<Vec<Lease>, Error>;

    /// Forgets leases that ended, and events that happened, longer than `kept` ago, and returns how many of both; some
    /// thousands at most per call. Fences are kept for ever.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn sweep(&self, kept: Micros) -> Result<usize, Error>;
}

impl Acquire {
    /// Refuses what no caller means.
    pub(crate) fn check(&self) -> Result<(), Error> {
        at_most("the key's bytes", self.key.len(), KEY_BYTES_MAX)?;
        at_most("the player's bytes", self.player.len(), PLAYER_BYTES_MAX)?;
        at_most("the candidates", self.candidates.len(), CANDIDATES_MAX)?;
        at_most("the decision's bytes", self.decision.len(), DECISION_BYTES_MAX)?;
        plain("the key", &self.key)?;
        plain("the player", &self.player)?;
        if self.decision.contains('\0') {
            return Err(Error::Invalid { what: "the decision" });
        }
        check_ttl(self.ttl)
    }
}

pub(crate) fn check_ttl(ttl: Micros) -> Result<(), Error> {
    let seconds = usize::try_from(ttl.as_micros() / 1_000_000).unwrap_or(usize::MAX);
    at_most("the lease's seconds", seconds, TTL_SECS_MAX)
}

pub(crate) fn at_most(what: &'static str, given: usize, most: usize) -> Result<(), Error> {
    if given > most {
        return Err(Error::TooLarge { what, given, most });
    }
    Ok(())
}

/// Visible characters of ASCII and spaces: nothing that a log, a terminal or a database could trip over.
pub(crate) fn plain(what: &'static str, text: &str) -> Result<(), Error> {
    let fine = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    fine.then_some(()).ok_or(Error::Invalid { what })
}

/// A client's `Idempotency-Key` (255), its player and the number of the attempt.
const KEY_BYTES_MAX: usize = 512;
const PLAYER_BYTES_MAX: usize = 128;
/// A caller with more asks again.
const CANDIDATES_MAX: usize = 64;
/// An explanation with each candidate's figures.
const DECISION_BYTES_MAX: usize = 16 * 1024;
/// A day: whoever wants a slot for ever does not want a lease.
const TTL_SECS_MAX: usize = 86_400;
