//! Messages between indexers and hosts: at most once, and never the authority.

mod local;
mod nats;
mod subject;

pub use local::LocalBus;
pub use nats::NatsBus;
pub use subject::Subject;

use crate::BusError;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A bus. What is published while nobody listens, or while the bus is away, is lost.
#[async_trait]
pub trait Bus: Send + Sync + fmt::Debug {
    /// Sends to whoever listens.
    ///
    /// # Errors
    /// [`BusError::Disconnected`], [`BusError::TooLarge`].
    async fn publish(&self, to: &Subject, body: Bytes) -> Result<(), BusError>;

    /// Listens from here on, also after the bus was away and came back. Whoever has heard something that was published here after this was
    /// called is heard; what others send meanwhile may come to a server before the subscription does.
    ///
    /// # Errors
    /// [`BusError::Disconnected`].
    async fn subscribe(&self, to: &Subject) -> Result<Subscription, BusError>;

    /// Sends to one who listens, and waits for his answer.
    ///
    /// # Errors
    /// [`BusError::NobodyListens`] at once, [`BusError::Timeout`], [`BusError::Disconnected`], [`BusError::Busy`].
    async fn request(&self, to: &Subject, body: Bytes, within: Duration) -> Result<Bytes, BusError>;

    /// Whether it is connected as far as it knows.
    fn is_connected(&self) -> bool;

    /// Waits until what was sent has left this process.
    ///
    /// # Errors
    /// [`BusError::Disconnected`].
    async fn flush(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// Opens the bus that `url` names: `local`, or `nats://HOST:PORT`. A bus that is away is waited for in the background.
///
/// # Errors
/// [`BusError::Url`].
pub async fn open_bus(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    match url {
        "local" => Ok(Arc::new(LocalBus::default())),
        _ if url.starts_with("nats://") || url.starts_with("tls://") => {
            Ok(Arc::new(NatsBus::connect(url).await?))
        }
        _ => Err(BusError::Url(crate::error::shown(url))),
    }
}

/// What was heard on a subject; heard no longer when dropped.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) heard: Heard,
}

/// Where it comes from.
#[derive(Debug)]
pub(crate) enum Heard {
    Local(mpsc::Receiver<Message>),
    Nats(async_nats::Subscriber, async_nats::Client),
}

impl Subscription {
    /// The next message. `None`: the bus is closed.
    pub async fn next(&mut self) -> Option<Message> {
        match &mut self.heard {
            Heard::Local(heard) => heard.recv().await,
            Heard::Nats(heard, client) => {
                let message = heard.next().await?;
                Some(nats::message(message, client))
            }
        }
    }

    /// The next message, if there is one already.
    pub fn try_next(&mut self) -> Option<Message> {
        self.next().now_or_never().flatten()
    }
}

/// A message.
#[derive(Debug)]
pub struct Message {
    /// What it was sent to.
    pub subject: String,
    /// The content.
    pub body: Bytes,
    pub(crate) reply: Option<Reply>,
}

/// How to answer.
#[derive(Debug)]
pub(crate) enum Reply {
    Local(oneshot::Sender<Bytes>),
    Nats(async_nats::Client, async_nats::Subject),
}

impl Message {
    /// Whether somebody waits for an answer.
    #[must_use]
    pub const fn wants_answer(&self) -> bool {
        self.reply.is_some()
    }

    /// Answers. Nothing happens where nobody waits.
    ///
    /// # Errors
    /// [`BusError::Disconnected`], [`BusError::TooLarge`].
    pub async fn answer(self, body: Bytes) -> Result<(), BusError> {
        match self.reply {
            Some(Reply::Local(waiting)) => {
                // Whoever asked has gone.
                drop(waiting.send(body));
                Ok(())
            }
            Some(Reply::Nats(client, to)) => nats::answer(&client, to, body).await,
            None => Ok(()),
        }
    }
}

/// Larger ones are refused by every bus: a message is a beat or an SDP, not a file. NATS's own limit is a MiB.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Waiting for one who listens; a host's asks or a second of beats of a thousand hosts. The newest is dropped.
pub(crate) const HEARD_MAX: usize = 4096;

pub(crate) fn check_size(body: &Bytes) -> Result<(), BusError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BusError::TooLarge {
            given: body.len(),
            most: BODY_BYTES_MAX,
        });
    }
    Ok(())
}
