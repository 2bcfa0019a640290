//! What happened, in order.

use crate::lease::{at_most, plain};
use crate::{Cause, Error, Lease, LeaseState, SlotRef, serde_text};
use async_trait::async_trait;
use firstlight_units::{SessionId, TitleId, WallTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The topic of [`LeaseChange`]s; the store writes them itself.
pub const TOPIC_LEASE: &str = "lease";

/// A place between two events. Places of one store compare as its events happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// Of the transaction, where the store has several at a time.
    pub(crate) batch: u64,
    pub(crate) number: u64,
}

impl Cursor {
    /// Before the first event that is kept.
    pub const START: Self = Self { batch: 0, number: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.batch, self.number)
    }
}

impl FromStr for Cursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('.');
        let read = parts.and_then(|(batch, number)| Some((batch.parse().ok()?, number.parse().ok()?)));
        let (batch, number) = read.ok_or(Error::Invalid { what: "the cursor" })?;
        Ok(Self { batch, number })
    }
}

/// Something to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// What kind: 1 to 64 visible characters. [`TOPIC_LEASE`] is the store's own.
    pub topic: String,
    /// What it is about: 1 to 128 visible characters.
    pub key: String,
    /// What happened; JSON, by custom.
    pub body: String,
    /// Appending the same again does nothing.
    pub dedupe: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The place after it: read on from here.
    pub cursor: Cursor,
    /// When it was written.
    pub at: WallTime,
    /// What kind.
    pub topic: String,
    /// What it is about: a session, in [`TOPIC_LEASE`].
    pub key: String,
    /// What happened; a [`LeaseChange`] in [`TOPIC_LEASE`].
    pub body: String,
}

/// A lease that was granted, was confirmed or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseChange {
    /// Whose.
    #[serde(with = "serde_text")]
    pub session: SessionId,
    /// The slot.
    #[serde(flatten)]
    pub slot: SlotRef,
    /// The lease's.
    pub fence: u64,
    /// What it is from here on.
    #[serde(flatten)]
    pub state: LeaseState,
    /// Pseudonym of the player.
    pub player: String,
    /// The title.
    #[serde(with = "serde_text")]
    pub title: TitleId,
}

impl LeaseChange {
    /// Reads an event of [`TOPIC_LEASE`].
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn read(event: &Event) -> Result<Self, Error> {
        serde_json::from_str(&event.body)
            .map_err(|error| Error::Damaged(format!("event {}: {error}", event.cursor)))
    }

    /// What became of `lease`.
    #[must_use]
    pub fn of(lease: &Lease) -> Self {
        Self {
            session: lease.session.clone(),
            slot: lease.slot.clone(),
            fence: lease.fence,
            state: lease.state,
            player: lease.player.clone(),
            title: lease.title.clone(),
        }
    }

    /// Why it ended, if it did.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        match self.state {
            LeaseState::Ended { cause } => Some(cause),
            LeaseState::Granted | LeaseState::Confirmed => None,
        }
    }
}

/// The durable record of what happened. Readers get each event at least once, in order.
#[async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Writes an event down.
    ///
    /// # Errors
    /// Values out of range, or what keeps the store from answering.
    async fn append(&self, event: NewEvent) -> Result<(), Error>;

    /// Up to `limit` events after `after`. None: there are none yet.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn read(&self, after: Cursor, limit: usize) -> Result<Vec<Event>, Error>;
}

impl NewEvent {
    pub(crate) fn check(&self) -> Result<(), Error> {
        at_most("the topic's bytes", self.topic.len(), 64)?;
        at_most("the event's key's bytes", self.key.len(), 128)?;
        at_most("the event's bytes", self.body.len(), BODY_BYTES_MAX)?;
        plain("the topic", &self.topic)?;
        plain("the event's key", &self.key)?;
        if self.topic == TOPIC_LEASE || self.body.contains('\0') {
            return Err(Error::Invalid { what: "the event" });
        }
        if let Some(dedupe) = &self.dedupe {
            at_most("the event's name's bytes", dedupe.len(), 128)?;
            plain("the event's name", dedupe)?;
        }
        Ok(())
    }
}

const BODY_BYTES_MAX: usize = 64 * 1024;
