//! A compositor, and clients of it in threads of the test: well-behaved ones, and others.

mod client;
mod clipboard;
mod frame_clock;
mod hostile;
mod input;
mod pictures;
mod resize;
mod text;
mod touch;

use super::compositor::{Setup, spawn};
use super::shared::Shared;
use super::{Capture, Cursor, Order, Sink};
use crate::capture::{Grab, Wait};
use crate::clipboard::{Board, Clipboard};
use crate::input::Act;
use crate::{Waker, clock, socket};
use client::Client;
use firstlight_title::Clipboard as Allowed;
use firstlight_units::{Micros, Timestamp};
use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use tempfile::TempDir;

pub(super) const WIDTH: u16 = 320;
pub(super) const HEIGHT: u16 = 180;

/// A compositor without an X server.
struct Stage {
    folder: TempDir,
    shared: Arc<Shared>,
    sink: Sink,
    board: Board,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    fn new() -> Self {
        Self::at(60)
    }

    fn at(fps: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = socket::listen(folder.path(), OsStr::new("wayland-0")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared::new(WIDTH, HEIGHT));
        let (orders, received) = sync_channel(16);
        let bell = Waker::new().unwrap();
        let board = Board::new().unwrap();
        let setup = Setup {
            listener,
            shared: Arc::clone(&shared),
            orders: received,
            bell: bell.clone(),
            board: board.clone(),
            fps,
            xwayland: None,
        };
        let (thread, _) = spawn(setup).unwrap();
        Self {
            folder,
            shared,
            sink: Sink { orders, bell },
            board,
            thread: Some(thread),
        }
    }

    fn stream(&self) -> UnixStream {
        socket::connect(self.folder.path(), OsStr::new("wayland-0")).unwrap()
    }

    fn client(&self) -> Client {
        Client::connect(self.stream())
    }

    fn capture(&self) -> Capture {
        Capture::open(&self.shared).unwrap()
    }

    fn cursor(&self) -> Cursor {
        Cursor::open(&self.shared).unwrap()
    }

    fn clipboard(&self, allowed: Allowed) -> Clipboard {
        Clipboard::wayland(self.board.clone(), self.sink.clone(), None, allowed)
    }

    fn act(&self, act: Act) {
        self.sink.tell(act).unwrap();
    }

    fn resize(&self, width: u16, height: u16) {
        self.sink.resize((width, height)).unwrap();
    }

    /// That the compositor still serves: a new client's picture is seen.
    fn still_works(&self) {
        assert!(
            !self.thread.as_ref().unwrap().is_finished(),
            "the compositor ended"
        );
        let mut capture = self.capture();
        let mut client = self.client();
        let window = client.window();
        client.fill(&window, WIDTH, HEIGHT, 0x00ab_cdef);
        watch(&mut capture, |grab| at(grab, 0, 0) == 0x00ab_cdef);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.sink.order(Order::Stop));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the compositor panicked"
            );
        }
    }
}

/// Far away: reached only when something never comes.
fn deadline() -> Timestamp {
    clock::now() + Micros::from_secs(20)
}

/// Waits until the picture is as `wanted`.
fn watch(capture: &mut Capture, mut wanted: impl FnMut(&Grab<'_>) -> bool) {
    let deadline = deadline();
    loop {
        if wanted(&capture.grab().unwrap()) {
            return;
        }
        assert_ne!(
            capture.wait(Some(deadline)).unwrap(),
            Wait::Timeout,
            "it is never seen"
        );
    }
}

/// A pixel, as `0xRRGGBB`.
fn at(grab: &Grab<'_>, x: usize, y: usize) -> u32 {
    let from = y * grab.stride + x * 4;
    let bytes = grab.pixels[from..from + 4].try_into().unwrap();
    u32::from_le_bytes(bytes) & 0x00ff_ffff
}
