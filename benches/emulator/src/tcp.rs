//! TCP: both ends of a connection end here, and what they say crosses the path in segments with a window.

use crate::driver::Event;
use crate::path::Way;
use bytes::Bytes;
use firstlight_units::{Micros, Timestamp};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// A connection.
pub(crate) struct TcpFlow {
    pub(crate) to: SocketAddr,
    /// The client's end, until the path has said that it is open.
    client: Option<OwnedReadHalf>,
    up: Half,
    down: Half,
    tasks: Vec<JoinHandle<()>>,
}

/// One direction.
struct Half {
    expected: u64,
    early: BTreeMap<u64, Bytes>,
    out: Option<mpsc::Sender<Bytes>>,
    window: Arc<Window>,
}

/// How much may be under way: grows with what arrives, halves with loss (RFC 5681).
struct Window {
    permits: Semaphore,
    state: Mutex<WindowState>,
}

struct WindowState {
    size: usize,
    threshold: usize,
    /// Taken away while it was in use.
    debt: usize,
    halved: Timestamp,
}

/// Accepts for ever.
pub(crate) async fn listen(to: SocketAddr, inbox: mpsc::Sender<Event>) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            if inbox.send(Event::Accepted { to, stream }).await.is_err() {
                break;
            }
        }
    });
    Ok(port)
}

impl TcpFlow {
    pub(crate) fn new(to: SocketAddr, stream: TcpStream) -> Self {
        // What is small must not wait for an acknowledgement; a stream that refuses works all the same.
        drop(stream.set_nodelay(true));
        let (read, write) = stream.into_split();
        let mut flow = Self {
            to,
            client: Some(read),
            up: Half::new(),
            down: Half::new(),
            tasks: Vec::new(),
        };
        flow.write(Way::Down, write);
        flow
    }

    /// The target's end is there.
    pub(crate) fn connected(&mut self, flow: u64, stream: TcpStream, inbox: &mpsc::Sender<Event>) {
        drop(stream.set_nodelay(true));
        let (read, write) = stream.into_split();
        self.write(Way::Up, write);
        self.read(flow, Way::Down, read, inbox);
    }

    /// The client has heard that it is open.
    pub(crate) fn opened(&mut self, flow: u64, inbox: &mpsc::Sender<Event>) {
        if let Some(read) = self.client.take() {
            self.read(flow, Way::Up, read, inbox);
        }
    }

    pub(crate) fn on_segment(&mut self, way: Way, number: u64, bytes: Bytes) {
        let half = self.half(way);
        if number < half.expected {
            return;
        }
        half.early.insert(number, bytes);
        while let Some(bytes) = half.early.remove(&half.expected) {
            half.expected += 1;
            let last = bytes.is_empty();
            // The window bounds what waits; a reader that is gone takes nothing.
            if let Some(out) = &half.out {
                drop(out.try_send(bytes));
            }
            if last {
                half.out = None;
            }
        }
    }

    pub(crate) fn on_lost(&mut self, now: Timestamp, way: Way) {
        self.half(way).window.halve(now);
    }

    const fn half(&mut self, way: Way) -> &mut Half {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    fn write(&mut self, way: Way, mut write: OwnedWriteHalf) {
        let (out, mut waiting) = mpsc::channel::<Bytes>(WINDOW_MAX / SEGMENT_COST_MIN);
        let half = self.half(way);
        half.out = Some(out);
        let window = Arc::clone(&half.window);
        self.tasks.push(tokio::spawn(async move {
            while let Some(bytes) = waiting.recv().await {
                if bytes.is_empty() || write.write_all(&bytes).await.is_err() {
                    break;
                }
                window.arrived(cost(bytes.len()));
            }
            drop(write.shutdown().await);
        }));
    }

    fn read(&mut self, flow: u64, way: Way, mut read: OwnedReadHalf, inbox: &mpsc::Sender<Event>) {
        let inbox = inbox.clone();
        let window = Arc::clone(&self.half(way).window);
        self.tasks.push(tokio::spawn(async move {
            let mut buffer = vec![0; SEGMENT_BYTES];
            for number in 0.. {
                // An error ends it like an end does: the other end hears no more.
                let size = read.read(&mut buffer).await.unwrap_or(0);
                let bytes = Bytes::copy_from_slice(buffer.get(..size).unwrap_or_default());
                window.take(cost(size)).await;
                let event = Event::Segment {
                    flow,
                    way,
                    number,
                    bytes,
                };
                if inbox.send(event).await.is_err() || size == 0 {
                    break;
                }
            }
        }));
    }
}

impl Drop for TcpFlow {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Half {
    fn new() -> Self {
        Self {
            expected: 0,
            early: BTreeMap::new(),
            out: None,
            window: Arc::new(Window {
                permits: Semaphore::new(WINDOW_START),
                state: Mutex::new(WindowState {
                    size: WINDOW_START,
                    threshold: WINDOW_MAX,
                    debt: 0,
                    halved: Timestamp::default(),
                }),
            }),
        }
    }
}

impl Window {
    async fn take(&self, size: usize) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        // Never closed.
        if let Ok(permit) = self.permits.acquire_many(size).await {
            permit.forget();
        }
    }

    fn arrived(&self, size: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let growth = if state.size < state.threshold {
            size
        } else {
            (size * SEGMENT_BYTES).checked_div(state.size).unwrap_or(0)
        };
        let growth = growth.min(WINDOW_MAX.saturating_sub(state.size));
        state.size += growth;
        let paid = state.debt.min(size + growth);
        state.debt -= paid;
        self.permits.add_permits(size + growth - paid);
    }

    fn halve(&self, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Losses of one window are one sign of congestion.
        if now.since(state.halved) < HALVE_GAP {
            return;
        }
        state.halved = now;
        let to = (state.size / 2).max(WINDOW_MIN);
        state.debt += state.size.saturating_sub(to);
        (state.size, state.threshold) = (to, to);
    }
}

/// Small segments cost more than they hold, so that the number of those that wait is bounded.
fn cost(size: usize) -> usize {
    size.max(SEGMENT_COST_MIN)
}

/// Of Ethernet.
const SEGMENT_BYTES: usize = 1_448;
const SEGMENT_COST_MIN: usize = 512;
/// Ten segments (RFC 6928).
const WINDOW_START: usize = 10 * SEGMENT_BYTES;
const WINDOW_MIN: usize = 2 * SEGMENT_BYTES;
const WINDOW_MAX: usize = 1 << 20;
const HALVE_GAP: Micros = Micros::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_window_doubles_then_halves_then_creeps() {
        let Half { window, .. } = Half::new();
        window.take(WINDOW_START).await;
        assert_eq!(window.permits.available_permits(), 0);
        window.arrived(WINDOW_START);
        assert_eq!(window.permits.available_permits(), 2 * WINDOW_START);
        window.take(2 * WINDOW_START).await;
        let now = Timestamp::from_micros(1_000_000);
        window.halve(now);
        window.halve(now);
        window.arrived(2 * WINDOW_START);
        let left = window.permits.available_permits();
        assert!(
            (WINDOW_START..WINDOW_START + 3 * SEGMENT_BYTES).contains(&left),
            "{left}"
        );
    }
}
