//! The attached player: its link and its control stream.

use crate::admission::Generation;
use crate::link::{ControlReader, ControlWriter, Link, LinkError};
use crate::words::Farewell;
use bytes::{Bytes, BytesMut};
use firstlight_quic::CloseCode;
use firstlight_units::Timestamp;
use firstlight_wire::control::{ClientMessage, Ended, ServerMessage, client_message, server_message};
use prost::Message;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a player's control stream brings. `serial` tells attachments apart.
#[derive(Debug)]
pub(crate) struct ControlEvent {
    pub(crate) serial: u64,
    pub(crate) content: ControlContent,
}

/// See [`ControlEvent`].
#[derive(Debug)]
pub(crate) enum ControlContent {
    /// A message; boxed, since most events are datagrams.
    Message(Box<client_message::Message>),
    /// The peer broke the protocol.
    Violation(String),
}

/// An attachment.
pub(crate) struct Player {
    pub(crate) serial: u64,
    pub(crate) link: Link,
    /// The resume secret that was made for it.
    pub(crate) generation: Generation,
    /// The client has said hello.
    pub(crate) greeted: bool,
    /// Where it was when it was last heard.
    pub(crate) remote: Option<SocketAddr>,
    /// What QUIC had received when it was last looked at.
    pub(crate) received: u64,
    /// What the transport had sent again by itself when that was last asked.
    repeated: u64,
    messages: mpsc::Sender<Outgoing>,
}

enum Outgoing {
    Message(Box<ServerMessage>),
    /// The last: answered when the client has everything before it.
    Flush(oneshot::Sender<()>),
}

impl Player {
    /// Takes over a link: control messages flow from here on, in tasks of their own. What cannot be read, or is too much, is
    /// dropped and counted in `malformed`.
    pub(crate) fn new(
        serial: u64,
        link: Link,
        generation: Generation,
        events: mpsc::Sender<ControlEvent>,
        malformed: Arc<AtomicU64>,
    ) -> Self {
        let remote = link.remote();
        let (messages, queue) = mpsc::channel(MESSAGES_MAX);
        tokio::spawn(control(
            link.clone(),
            queue,
            Reading {
                serial,
                events,
                malformed,
            },
        ));
        Self {
            serial,
            link,
            generation,
            greeted: false,
            remote,
            received: 0,
            repeated: 0,
            messages,
        }
    }

    /// Packets that the transport sent again by itself since this was last asked.
    pub(crate) fn take_repeated(&mut self) -> u64 {
        let repeated = self.link.repeated();
        repeated - std::mem::replace(&mut self.repeated, repeated)
    }

    /// Sends a control message. A client that does not read loses the newest.
    pub(crate) fn tell(&self, message: server_message::Message) {
        let message = Outgoing::Message(Box::new(ServerMessage {
            message: Some(message),
        }));
        if self.messages.try_send(message).is_err() {
            tracing::debug!("a control message was dropped: the player does not read");
        }
    }

    /// Sends a datagram; `false` when it does not fit the path any more, and is lost like any other.
    pub(crate) fn send(&self, datagram: Bytes) -> bool {
        fits(self.link.send(datagram))
    }

    /// As [`Self::send`], for the many: see [`Link::send_from`].
    pub(crate) fn send_from(&self, memory: &mut BytesMut, datagram: &[u8]) -> bool {
        fits(self.link.send_from(memory, datagram))
    }

    /// Says why, closes, and waits a moment for both to arrive.
    pub(crate) async fn dismiss(self, farewell: Farewell) {
        let Farewell { code, reason, words } = farewell;
        if code != CloseCode::Bye {
            self.tell(server_message::Message::Ended(Ended {
                reason: reason.into(),
                message: words.to_owned(),
            }));
        }
        self.close(code, words).await;
    }

    /// Closes once everything that was told has arrived, and waits a moment for both.
    pub(crate) async fn close(self, code: CloseCode, words: &str) {
        let flushing = async {
            let (flushed, wait) = oneshot::channel();
            if self.messages.send(Outgoing::Flush(flushed)).await.is_ok() && wait.await.is_err() {
                tracing::debug!("the player left before the last words");
            }
        };
        // A client without a control stream, or one that does not read it, gets the code alone.
        if tokio::time::timeout(LAST_WORDS, flushing).await.is_err() {
            tracing::debug!("the player did not read the last words");
        }
        if tokio::time::timeout(GOODBYE, self.link.close(code, words))
            .await
            .is_err()
        {
            tracing::debug!("the player did not acknowledge the close");
        }
    }
}

fn fits(sent: Result<(), LinkError>) -> bool {
    let Err(error) = sent else { return true };
    tracing::trace!(%error, "a datagram was not sent");
    !matches!(error, LinkError::TooLarge)
}

/// Where what is read goes.
struct Reading {
    serial: u64,
    events: mpsc::Sender<ControlEvent>,
    malformed: Arc<AtomicU64>,
}

async fn control(link: Link, queue: mpsc::Receiver<Outgoing>, reading: Reading) {
    match link.control().await {
        Ok((writer, reader)) => {
            tokio::spawn(write_all(writer, queue));
            reading.read_all(reader).await;
        }
        Err(error) => tracing::debug!(%error, "no control stream"),
    }
}

async fn write_all(mut writer: ControlWriter, mut queue: mpsc::Receiver<Outgoing>) {
    while let Some(outgoing) = queue.recv().await {
        match outgoing {
            Outgoing::Message(message) => {
                if writer.write(&message.encode_to_vec()).await.is_err() {
                    break;
                }
            }
            Outgoing::Flush(flushed) => {
                if let Err(error) = writer.finish().await {
                    tracing::debug!(%error, "the player left before the last words");
                }
                if flushed.send(()).is_err() {
                    tracing::debug!("the last words took too long");
                }
                break;
            }
        }
    }
}

impl Reading {
    /// Reads until the stream ends.
    async fn read_all(&self, mut reader: ControlReader) {
        let mut budget = Budget::default();
        loop {
            let content = match reader.read().await {
                Ok(Some(bytes)) => {
                    let decoded = budget
                        .take(crate::clock::now())
                        .then(|| ClientMessage::decode(bytes.as_slice()));
                    match decoded {
                        Some(Ok(ClientMessage {
                            message: Some(message),
                        })) => ControlContent::Message(Box::new(message)),
                        // A message of a later version.
                        Some(Ok(ClientMessage { message: None })) => continue,
                        Some(Err(_)) | None => {
                            self.malformed.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                    }
                }
                Err(LinkError::Violation(words)) => ControlContent::Violation(words),
                // The stream is gone; whether the player is, the link says.
                Ok(None) | Err(_) => return,
            };
            let last = matches!(content, ControlContent::Violation(_));
            let event = ControlEvent {
                serial: self.serial,
                content,
            };
            if self.events.send(event).await.is_err() || last {
                return;
            }
        }
    }
}

/// Control messages a client may send in a second.
#[derive(Default)]
struct Budget {
    second: u64,
    used: u32,
}

impl Budget {
    fn take(&mut self, now: Timestamp) -> bool {
        let second = now.as_micros() / 1_000_000;
        if second != self.second {
            *self = Self { second, used: 0 };
        }
        self.used = self.used.saturating_add(1);
        self.used <= MESSAGES_PER_SECOND_MAX
    }
}

/// A slow reader may lag by this many messages.
const MESSAGES_MAX: usize = 64;
/// A client sends a report a second and little else.
const MESSAGES_PER_SECOND_MAX: u32 = 100;
/// How long the last message may take to the player.
const LAST_WORDS: Duration = Duration::from_millis(150);
/// How long a close may take.
const GOODBYE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_floods_is_read_at_a_walk() {
        let mut budget = Budget::default();
        let at = |ms: u64| Timestamp::from_micros(5_000_000 + ms * 1_000);
        assert_eq!((0..999).filter(|ms| budget.take(at(*ms))).count(), 100);
        assert!(budget.take(at(1_000)));
    }
}
