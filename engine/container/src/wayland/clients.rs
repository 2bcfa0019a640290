//! Who may connect, and how much one may have.

use nix::sys::socket::{setsockopt, sockopt};
use smithay::reexports::wayland_server::backend::{ClientData, ClientId, DisconnectReason};
use smithay::reexports::wayland_server::{Client, DisplayHandle};
use smithay::wayland::compositor::CompositorClientState;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the compositor knows of a client.
#[derive(Debug, Default)]
pub(super) struct ClientState {
    pub(super) compositor: CompositorClientState,
    /// It is the session's X server.
    is_x: bool,
    /// How many surfaces it has.
    surfaces: AtomicUsize,
    /// As long as it lives.
    _seat: Arc<()>,
}

impl ClientData for ClientState {
    fn initialized(&self, _client: ClientId) {}

    fn disconnected(&self, _client: ClientId, reason: DisconnectReason) {
        if let DisconnectReason::ProtocolError(error) = reason {
            tracing::warn!(%error, "a client was disconnected");
        }
    }
}

impl ClientState {
    /// The session's X server.
    pub(super) fn of_x() -> Self {
        Self {
            is_x: true,
            ..Self::default()
        }
    }

    /// Notes a new surface; `false` if those are too many.
    pub(super) fn takes_surface(&self) -> bool {
        self.surfaces.fetch_add(1, Ordering::Relaxed) < SURFACES_MAX
    }

    /// One of them is gone.
    pub(super) fn on_surface_gone(&self) {
        self.surfaces.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether this is the session's X server.
pub(super) fn is_x(client: &Client) -> bool {
    client.get_data::<ClientState>().is_some_and(|state| state.is_x)
}

/// Lets clients in.
#[derive(Debug, Default)]
pub(super) struct Clients {
    seats: Arc<()>,
}

impl Clients {
    /// Lets in whoever waits at the door.
    pub(super) fn accept(&self, listener: &UnixListener, display: &DisplayHandle) {
        loop {
            match listener.accept() {
                // Too many: it finds its connection closed.
                Ok(_) if Arc::strong_count(&self.seats) > CLIENTS_MAX => {
                    tracing::warn!("a client too many was turned away");
                }
                Ok((stream, _)) => {
                    let state = ClientState {
                        _seat: Arc::clone(&self.seats),
                        ..ClientState::default()
                    };
                    if let Err(error) = insert(stream, state, display) {
                        tracing::warn!(%error, "a client was not let in");
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "a client went before it was let in");
                    return;
                }
            }
        }
    }
}

/// Makes whoever is at the other end a client.
pub(super) fn insert(stream: UnixStream, state: ClientState, display: &DisplayHandle) -> io::Result<Client> {
    // Where the kernel allows less, less it is.
    if let Err(error) = setsockopt(&stream, sockopt::SndBuf, &SEND_BUFFER) {
        tracing::debug!(%error, "a client's socket keeps its size");
    }
    display.clone().insert_client(stream, Arc::new(state))
}

/// A title is a handful of programs at most.
const CLIENTS_MAX: usize = 64;
/// Desktop programs have dozens; a client with more is out of its mind or out to harm.
const SURFACES_MAX: usize = 1_024;
/// An app that is busy with loading does not read; the library disconnects who has more to read than fits. The kernel counts hundreds
/// of bytes for each move of the mouse: this is for some seconds of them.
const SEND_BUFFER: usize = 4 << 20;
