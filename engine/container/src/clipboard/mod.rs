//! The title's clipboard: text that its programs copy, and text that the player pastes.
//!
//! ```text
//! X program ── selection ──> x11::Selection ──┐              ┌──> Clipboard::wait -> Copied
//!                                             ├─> the text ──┤
//! Wayland program ── pipe ──> Taking ─────────┘              └──> the programs of the other kind
//! player ── Paster ─────────────────────────────> programs of both kinds
//! ```
//!
//! Whoever calls [`Clipboard::wait`] is the clipboard: within it the programs are asked and answered. Nobody else waits for a program,
//! so that one that offers a text and never gives it, or never takes what it asked for, holds up the clipboard for
//! [`PATIENCE`] and nothing else.
//!
//! Invariants: a text has at most [`CLIPBOARD_BYTES_MAX`] bytes and is UTF-8; of texts that come faster than [`INTERVAL`] the newest
//! counts; what the manifest forbids is neither asked for nor taken. No text is logged.

mod board;
mod pipes;

pub(crate) use board::Board;
pub use board::Paster;

use crate::x11::Address;
use crate::x11::clipboard::Selection;
use crate::{Error, clock, wayland};
use firstlight_title::Clipboard as Allowed;
use firstlight_units::{Micros, Timestamp};
use nix::poll::{PollFd, PollFlags};
use pipes::{Giving, Taking};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// The text that the title's programs share, and share with the player.
#[derive(Debug)]
pub struct Clipboard {
    allowed: Allowed,
    board: Board,
    x: Server,
    wayland: Option<wayland::Sink>,
    /// What a Wayland program offers, until it is its turn.
    offered: Option<OwnedFd>,
    taking: Option<Taking>,
    giving: Vec<Giving>,
    /// When the next text may be asked for.
    next: Timestamp,
    events: VecDeque<ClipboardEvent>,
}

/// What happened to the clipboard.
#[derive(Clone, PartialEq, Eq)]
pub enum ClipboardEvent {
    /// A program copied this: 1 to [`CLIPBOARD_BYTES_MAX`] bytes.
    Copied(Arc<str>),
    /// A program copied more than that.
    TooLong,
    /// What was pasted under this number is what programs find from here on.
    Pasted(u32),
}

impl std::fmt::Debug for ClipboardEvent {
    /// Without the text, which is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Copied(text) => write!(f, "Copied({} bytes)", text.len()),
            Self::TooLong => f.write_str("TooLong"),
            Self::Pasted(serial) => write!(f, "Pasted({serial})"),
        }
    }
}

/// What came of asking for a text.
#[derive(Debug)]
pub(crate) enum Found {
    Text(Arc<str>),
    TooLong,
    /// No text, no UTF-8, or no answer in time.
    Nothing,
}

impl Found {
    /// Of all that was given.
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        if bytes.len() > CLIPBOARD_BYTES_MAX {
            return Self::TooLong;
        }
        match String::from_utf8(bytes) {
            Ok(text) if !text.is_empty() => Self::Text(text.into()),
            _ => Self::Nothing,
        }
    }
}

/// The X server whose programs take part.
#[derive(Debug)]
enum Server {
    None,
    /// It may not answer yet.
    At(Address),
    Open(Box<Selection>),
}

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    X,
    Wayland,
}

impl Clipboard {
    /// Of an X server that answers.
    pub(crate) fn x11(address: &Address, allowed: Allowed) -> Result<Self, Error> {
        let selection = Selection::open(address, allowed.copies())?;
        Ok(Self::new(
            allowed,
            Board::new()?,
            Server::Open(Box::new(selection)),
            None,
        ))
    }

    /// Of a compositor, and the X server that it has or will have.
    pub(crate) fn wayland(board: Board, sink: wayland::Sink, x: Option<Address>, allowed: Allowed) -> Self {
        Self::new(allowed, board, x.map_or(Server::None, Server::At), Some(sink))
    }

    fn new(allowed: Allowed, board: Board, x: Server, wayland: Option<wayland::Sink>) -> Self {
        board.open();
        Self {
            allowed,
            board,
            x,
            wayland,
            offered: None,
            taking: None,
            giving: Vec::new(),
            next: Timestamp::from_micros(0),
            events: VecDeque::new(),
        }
    }

    /// What another thread pastes with; `None` where the title's manifest takes nothing.
    #[must_use]
    pub fn paster(&self) -> Option<Paster> {
        self.allowed.pastes().then(|| self.board.paster())
    }

    /// Serves the programs until something happened to the clipboard; `None` when `until` passes (`None`: never).
    ///
    /// # Errors
    /// [`Error::Connection`] or [`Error::Closed`] when the display is gone.
    pub fn wait(&mut self, until: Option<Timestamp>) -> Result<Option<ClipboardEvent>, Error> {
        self.connect()?;
        loop {
            self.turn()?;
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if until.is_some_and(|until| until <= clock::now()) {
                return Ok(None);
            }
            self.sleep(until)?;
        }
    }

    /// An X server beside a compositor listens before it answers, so it is waited for here, where nobody else waits.
    fn connect(&mut self) -> Result<(), Error> {
        if let Server::At(address) = &self.x {
            // Wayland programs hear of what X programs copy, whatever the player does.
            self.x = match Selection::open(address, true) {
                Ok(selection) => Server::Open(Box::new(selection)),
                Err(error) => {
                    tracing::debug!(%error, "X programs have a clipboard of their own");
                    Server::None
                }
            };
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Error> {
        let now = clock::now();
        self.hear_board(now)?;
        self.hear_x(now)?;
        self.ask(now)?;
        if let Some(found) = self.taking.as_mut().and_then(|taking| taking.turn(now)) {
            self.taking = None;
            self.found(found, Side::Wayland)?;
        }
        self.giving.retain_mut(|giving| !giving.turn(now));
        // What came with an answer is not seen by who waits for the socket.
        self.hear_x(now)
    }

    fn hear_board(&mut self, now: Timestamp) -> Result<(), Error> {
        let news = self.board.take();
        if let Some((serial, text)) = news.pasted {
            // It is newer than what anybody was asked for.
            (self.offered, self.taking) = (None, None);
            if let Server::Open(x) = &mut self.x {
                x.own(Arc::clone(&text))?;
            }
            if let Some(wayland) = &self.wayland {
                wayland.set_clipboard(text)?;
            }
            self.events.push_back(ClipboardEvent::Pasted(serial));
        }
        if news.offered.is_some() {
            (self.offered, self.taking) = (news.offered, None);
        }
        for (pipe, text) in news.asked {
            if self.giving.len() < GIVING_MAX {
                self.giving.push(Giving::new(pipe, text, now + PATIENCE));
            }
        }
        Ok(())
    }

    fn hear_x(&mut self, now: Timestamp) -> Result<(), Error> {
        let Server::Open(x) = &mut self.x else {
            return Ok(());
        };
        match x.hear(now) {
            Ok(Some(found)) => self.found(found, Side::X),
            Ok(None) => Ok(()),
            // With a compositor there is a clipboard without it.
            Err(error) if self.wayland.is_some() => {
                tracing::debug!(%error, "the X server's clipboard is gone");
                self.x = Server::None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the newest program that copied something, when it is time.
    fn ask(&mut self, now: Timestamp) -> Result<(), Error> {
        if now < self.next {
            return Ok(());
        }
        if let Some(pipe) = self.offered.take() {
            self.taking = Some(Taking::new(pipe, now + PATIENCE));
            self.next = now + INTERVAL;
        }
        if let Server::Open(x) = &mut self.x
            && x.ask(now + PATIENCE)?
        {
            self.next = now + INTERVAL;
        }
        Ok(())
    }

    fn found(&mut self, found: Found, side: Side) -> Result<(), Error> {
        let event = match found {
            Found::Nothing => return Ok(()),
            Found::TooLong => ClipboardEvent::TooLong,
            Found::Text(text) => {
                match (side, &mut self.x, &self.wayland) {
                    (Side::Wayland, Server::Open(x), _) => x.own(Arc::clone(&text))?,
                    (Side::X, _, Some(wayland)) => wayland.set_clipboard(Arc::clone(&text))?,
                    _ => {}
                }
                ClipboardEvent::Copied(text)
            }
        };
        if self.allowed.copies() {
            self.events.push_back(event);
        }
        Ok(())
    }

    fn sleep(&self, until: Option<Timestamp>) -> Result<(), Error> {
        let x = match &self.x {
            Server::Open(x) => Some(x),
            Server::None | Server::At(_) => None,
        };
        let waits = self.offered.is_some() || x.is_some_and(|x| x.waits());
        let due = [
            until,
            waits.then_some(self.next),
            x.and_then(|x| x.timeout()),
            self.taking.as_ref().map(Taking::timeout),
        ];
        let giving = self.giving.iter().map(Giving::timeout);
        let due = due.into_iter().flatten().chain(giving).min();
        let mut fds = vec![PollFd::new(self.board.bell.as_fd(), PollFlags::POLLIN)];
        fds.extend(x.map(|x| PollFd::new(x.socket(), PollFlags::POLLIN)));
        fds.extend(
            self.taking
                .iter()
                .map(|t| PollFd::new(t.as_fd(), PollFlags::POLLIN)),
        );
        fds.extend(
            self.giving
                .iter()
                .map(|g| PollFd::new(g.as_fd(), PollFlags::POLLOUT)),
        );
        clock::wait_ready(&mut fds, due).map_err(Error::system("poll"))
    }
}

/// The most text that is carried either way: with its number it fits a control message of 64 KiB, and it is a long article.
pub const CLIPBOARD_BYTES_MAX: usize = 60 << 10;
/// How long a program may take with a text, from when it was asked: one that is busy loading needs a second.
const PATIENCE: Micros = Micros::from_secs(3);
/// A program that copies all the time costs the player's line no more than a megabit a second.
const INTERVAL: Micros = Micros::from_millis(500);
/// Programs that take the text at the same time; what is too much finds it empty.
const GIVING_MAX: usize = 16;
