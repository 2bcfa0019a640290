//! A player on a WebSocket.

use crate::frame::{DATAGRAM_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::{Counters, Dropped, Frame, Gate, Outbox, Outgoing, Way};
use firstlight_quic::{CloseCode, ControlReader, ControlWriter, Error, Link};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as SocketCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// A connection that the HTTP server handed over.
#[derive(Debug)]
pub struct WebSocket<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Once the upgrade was answered.
    pub async fn open(stream: S) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX))
            // Nothing waits here: what waits is in the outbox, where it can be dropped.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * MESSAGE_BYTES_MAX);
        Self(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }
}

/// Keeps what the system holds unsent for this connection short, so that a picture does not wait behind old ones in a place
/// where nobody can drop them. What is on its way on the line is not counted.
///
/// # Errors
/// Where the system cannot.
pub fn keep_short(stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)
}

/// Carries packets both ways until one side ends, and tells the other how.
pub async fn carry_websocket<S>(socket: WebSocket<S>, host: Link, counters: Arc<Counters>, gate: impl Gate)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sink, mut source) = socket.0.split();
    let waiting = Waiting::default();
    let (to_host, from_host) = match host.open_control().await {
        Ok(opened) => opened,
        Err(error) => {
            drop(sink.send(Message::Close(Some(farewell(&error)))).await);
            return;
        }
    };
    let down = receive_all(&host, &waiting, &counters, &gate);
    let control = read_control(from_host, &waiting, &gate);
    let up = async {
        let mut to_host = to_host;
        while let Some(Ok(message)) = source.next().await {
            match on_message(&message, &host, &mut to_host, &counters, &gate).await {
                Ok(()) => {}
                Err(close) => return Some(close),
            }
        }
        None
    };
    let out = async {
        while let Some(batch) = waiting.next_batch(&counters).await {
            for message in batch {
                sink.feed(message).await?;
            }
            sink.flush().await?;
        }
        Ok::<(), tokio_tungstenite::tungstenite::Error>(())
    };
    let ended = async {
        let carried = async { tokio::join!(control, down) };
        tokio::pin!(carried);
        tokio::select! {
            _ = &mut carried => host.closed().await,
            error = host.closed() => {
                // What the host said last is still on its way.
                drop(timeout(LAST_WORDS, &mut carried).await);
                error
            }
        }
    };
    tokio::select! {
        error = ended => {
            waiting.close();
            // Until what is left has been taken by the system; a player who takes nothing is not waited for.
            let left = async {
                while let Some(message) = waiting.pop_control() {
                    sink.send(message).await?;
                }
                sink.send(Message::Close(Some(farewell(&error)))).await
            };
            drop(timeout(LAST_WORDS, left).await);
        }
        close = up => {
            let (code, reason) = close.unwrap_or((CloseCode::Bye as u32, String::new()));
            host.close_with(code, &reason);
        }
        result = out => {
            if let Err(error) = result {
                tracing::debug!(%error, "a WebSocket broke");
            }
            host.close_with(CloseCode::Bye as u32, "the path broke");
        }
    }
}

/// Takes one message of the player on; `Err` is how he left, or why he must.
async fn on_message(
    message: &Message,
    host: &Link,
    to_host: &mut ControlWriter,
    counters: &Counters,
    gate: &impl Gate,
) -> Result<(), (u32, String)> {
    match message {
        Message::Binary(bytes) => match Frame::read(bytes) {
            Ok(Frame::Datagram(datagram)) => {
                let size = datagram.len();
                let passed = gate.datagram(Way::ToHost, bytes.slice_ref(datagram));
                if passed.is_some_and(|datagram| host.send(datagram).is_ok()) {
                    Counters::count(&counters.to_hosts, &counters.bytes_to_hosts, size);
                } else {
                    counters.drop_one();
                }
                Ok(())
            }
            Ok(Frame::Control(content)) => match gate.control(Way::ToHost, content.to_vec()) {
                Some(content) => to_host
                    .write(&content)
                    .await
                    .map_err(|_| (CloseCode::Bye as u32, "the path broke".to_owned())),
                None => Ok(()),
            },
            Err(error) => Err((CloseCode::Protocol as u32, error.to_string())),
        },
        Message::Close(frame) => {
            let code = frame.as_ref().map_or(0, |frame| u16::from(frame.code));
            let code = code
                .checked_sub(CLOSE_BASE)
                .map_or(CloseCode::Bye as u32, u32::from);
            let reason = frame.as_ref().map_or("", |frame| frame.reason.as_str());
            Err((code, reason.to_owned()))
        }
        Message::Text(_) => Err((CloseCode::Protocol as u32, "a text message".to_owned())),
        // Answered by the library.
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
    }
}

async fn receive_all(host: &Link, waiting: &Waiting, counters: &Counters, gate: &impl Gate) {
    while let Ok(datagram) = host.receive().await {
        let Some(datagram) = gate.datagram(Way::ToPlayer, datagram) else {
            counters.drop_one();
            continue;
        };
        let dropped = waiting.with(|outbox| outbox.push(Instant::now(), datagram));
        counters.dropped.fetch_add(dropped.0, Ordering::Relaxed);
        waiting.filled.notify_one();
    }
}

async fn read_control(mut from_host: ControlReader, waiting: &Waiting, gate: &impl Gate) {
    while let Ok(Some(message)) = from_host.read().await {
        let Some(message) = gate.control(Way::ToPlayer, message) else {
            continue;
        };
        while !waiting.with(|outbox| outbox.has_room_for_control()) {
            waiting.emptied.notified().await;
        }
        waiting.with(|outbox| outbox.push_control(message));
        waiting.filled.notify_one();
    }
}

fn farewell(error: &Error) -> CloseFrame {
    let (code, reason) = error
        .closed_with()
        .unwrap_or_else(|| (CloseCode::Bye as u32, "the path broke".to_owned()));
    let code = u16::try_from(code)
        .ok()
        .and_then(|code| code.checked_add(CLOSE_BASE));
    // A close frame holds 123 bytes of words.
    let end = (0..=reason.len().min(REASON_BYTES_MAX))
        .rev()
        .find(|at| reason.is_char_boundary(*at));
    CloseFrame {
        code: SocketCode::from(code.unwrap_or(CLOSE_BASE)),
        reason: Utf8Bytes::from(reason.get(..end.unwrap_or(0)).unwrap_or_default()),
    }
}

/// An outbox between the tasks of one bridge.
#[derive(Debug, Default)]
struct Waiting {
    outbox: Mutex<Outbox>,
    filled: Notify,
    emptied: Notify,
    closed: std::sync::atomic::AtomicBool,
}

impl Waiting {
    fn with<T>(&self, act: impl FnOnce(&mut Outbox) -> T) -> T {
        act(&mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As much as is handed to the system at once; `None` when it was closed.
    async fn next_batch(&self, counters: &Counters) -> Option<Vec<Message>> {
        loop {
            if self.closed.load(Ordering::Relaxed) {
                return None;
            }
            let batch = self.with(|outbox| take(outbox, counters));
            if !batch.is_empty() {
                self.emptied.notify_one();
                return Some(batch);
            }
            self.filled.notified().await;
        }
    }

    fn pop_control(&self) -> Option<Message> {
        match self.with(|outbox| outbox.pop(Instant::now()).0)? {
            Outgoing::Control(content) => Some(to_message(Frame::Control(&content))),
            Outgoing::Datagram(_) => None,
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.filled.notify_one();
    }
}

fn take(outbox: &mut Outbox, counters: &Counters) -> Vec<Message> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let now = Instant::now();
    while bytes < BATCH_BYTES {
        let (next, Dropped(dropped)) = outbox.pop(now);
        counters.dropped.fetch_add(dropped, Ordering::Relaxed);
        match next {
            None => break,
            Some(Outgoing::Datagram(datagram)) => {
                bytes += datagram.len();
                Counters::count(&counters.to_players, &counters.bytes_to_players, datagram.len());
                batch.push(Message::Binary(datagram));
            }
            Some(Outgoing::Control(content)) => {
                bytes += content.len();
                batch.push(to_message(Frame::Control(&content)));
            }
        }
    }
    batch
}

fn to_message(frame: Frame<'_>) -> Message {
    Message::Binary(frame.to_message().into())
}

/// Close codes of the protocol, on a WebSocket: those from 4000 on are free for such use (RFC 6455, 7.4.2).
const CLOSE_BASE: u16 = 4_000;
const REASON_BYTES_MAX: usize = 123;
/// Ten packets: enough to keep a fast line busy between two wake-ups, 6 ms of a line of 20 Mbit/s.
const UNSENT_BYTES: u32 = 16 << 10;
/// Under what the system takes at once, so that a batch is never held up in the middle for long.
const BATCH_BYTES: usize = 8 * DATAGRAM_BYTES_MAX;
/// For what was said before a close.
const LAST_WORDS: Duration = Duration::from_millis(500);
