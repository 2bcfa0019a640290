//! The picture of an X server: taken when it changed.
//!
//! ```text
//! app draws -> DAMAGE event -> coalesce (is the picture whole?) -> pace (is it time?) -> Wait::Damage -> grab: hold the server
//! ```
//!
//! Pixels are never copied: the server's own screen is mapped (see `framebuffer`), and while somebody looks at it the server is
//! grabbed, so that it does nothing for the app. The cursor is never in the picture: this connection hides it.
//!
//! The server tells of a picture when it has drawn it, and the app committed it before that: what the server worked for it (`labour`)
//! is taken off.

use super::address::{Address, Connection};
use super::extent::Extent;
use super::framebuffer::{Framebuffer, Screen};
use super::labour::Labour;
use crate::coalesce::{Coalescer, Verdict};
use crate::pace::Pace;
use crate::{Error, Grab, Wait, Waker, clock};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags};
use std::os::fd::AsFd;
use x11rb::connection::Connection as _;
use x11rb::protocol::damage::{self, ConnectionExt as _, ReportLevel};
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::protocol::{Event, xfixes};
use x11rb::wrapper::ConnectionExt as _;

/// Pixels from the server, over a connection of its own.
#[derive(Debug)]
pub(crate) struct Capture {
    connection: Connection,
    screen: Screen,
    extent: Extent,
    /// The size that was told of or grabbed last.
    known: (u16, u16),
    damage: damage::Damage,
    coalescer: Coalescer,
    pace: Pace,
    labour: Labour,
    /// An event that came while something else was awaited.
    pending: Option<Damaged>,
    /// A whole picture that waits for its time.
    ready: Option<Ready>,
    /// Whether the server will tell of the next damage: it stays silent after each event until that is subtracted.
    armed: bool,
    /// When the picture that is to be grabbed was committed.
    committed: Option<Timestamp>,
    waker: Waker,
}

/// A damage event.
#[derive(Clone, Copy, Debug)]
struct Damaged {
    /// When it was read.
    at: Timestamp,
    /// When the app committed what it tells of.
    committed: Timestamp,
    server_ms: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ready {
    committed: Timestamp,
    due: Timestamp,
}

/// The server works for this connection alone until this is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a Connection);

impl<'a> Held<'a> {
    /// Blocks until it does.
    fn new(connection: &'a Connection) -> Result<Self, Error> {
        connection.grab_server()?;
        let held = Self(connection);
        connection.sync()?;
        Ok(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // An error is a display that is gone, which the next call tells.
        let released = self.0.ungrab_server().and_then(|_| self.0.flush());
        if let Err(error) = released {
            tracing::debug!(%error, "the display was gone before it was let go");
        }
    }
}

impl Capture {
    pub(crate) fn open(
        (address, framebuffer): (&Address, &Framebuffer),
        extent: &Extent,
        fps: u16,
    ) -> Result<Self, Error> {
        let connection = address.connect()?;
        let root = connection.setup().roots.first().ok_or(Error::PixelFormat)?.root;
        connection.damage_query_version(1, 1)?.reply()?;
        xfixes::query_version(&connection, 5, 0)?.reply()?;
        xfixes::hide_cursor(&connection, root)?.check()?;
        let screen = {
            let _held = Held::new(&connection)?;
            framebuffer.open()?
        };
        let damage = connection.generate_id()?;
        connection
            .damage_create(damage, root, ReportLevel::NON_EMPTY)?
            .check()?;
        Ok(Self {
            labour: Labour::of(connection.stream()),
            connection,
            screen,
            extent: extent.clone(),
            known: extent.get(),
            damage,
            coalescer: Coalescer::new(),
            pace: Pace::new(fps),
            pending: None,
            ready: None,
            armed: true,
            committed: None,
            waker: Waker::new()?,
        })
    }

    /// Width and height of the display in pixels.
    pub(crate) fn size(&self) -> (u16, u16) {
        let ((width, height), (w, h)) = (self.extent.get(), self.screen.size());
        (width.min(w), height.min(h))
    }

    /// Something another thread can wake [`Self::wait`] with.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Blocks until the app has committed a picture and it is time for it, `until` passes (`None`: never) or the waker is used.
    /// Damage comes before a wake-up, which then stays pending. Each picture is told of, whether the one before was grabbed or
    /// not.
    ///
    /// # Errors
    /// [`Error::Connection`] when the display is gone.
    pub(crate) fn wait(&mut self, until: Option<Timestamp>) -> Result<Wait, Error> {
        if !self.armed && self.ready.is_none() {
            self.arm()?;
        }
        loop {
            if self.ready.is_none()
                && let Some(damaged) = self.take_damage()?
            {
                let due = self.pace.begin(damaged.at);
                self.gather(damaged)?;
                self.ready = Some(Ready {
                    committed: damaged.committed,
                    due,
                });
            }
            let now = clock::now();
            // A screen of another size is another picture, whether the app has drawn on it or not.
            let size = self.size();
            if std::mem::replace(&mut self.known, size) != size {
                self.committed.get_or_insert(now);
                return Ok(Wait::Damage { at: now });
            }
            if let Some(ready) = self.ready.take_if(|ready| ready.due <= now) {
                self.committed = Some(ready.committed);
                return Ok(Wait::Damage { at: ready.committed });
            }
            if self.waker.take() {
                return Ok(Wait::Woken);
            }
            if until.is_some_and(|until| until <= now) {
                return Ok(Wait::Timeout);
            }
            let waker = PollFd::new(self.waker.as_fd(), PollFlags::POLLIN);
            if let Some(ready) = self.ready {
                let deadline = until.map_or(ready.due, |until| until.min(ready.due));
                clock::wait_ready(&mut [waker], Some(deadline)).map_err(Error::system("poll"))?;
            } else {
                let display = PollFd::new(self.connection.stream().as_fd(), PollFlags::POLLIN);
                clock::wait_ready(&mut [display, waker], until).map_err(Error::system("poll"))?;
            }
        }
    }

    /// Shows what the display shows now: one round trip.
    ///
    /// # Errors
    /// [`Error::Connection`] when the display is gone.
    pub(crate) fn grab(&mut self) -> Result<Grab<'_>, Error> {
        let begun = clock::now();
        // Damage from here on is reported again: what is drawn between the two requests causes a grab too many, never one
        // too few.
        self.armed = true;
        let armed = self
            .connection
            .damage_subtract(self.damage, x11rb::NONE, x11rb::NONE)?
            .sequence_number();
        self.connection.grab_server()?;
        self.connection.sync()?;
        let grabbed_at = clock::now();
        self.labour.begin(grabbed_at);
        let waiting = self.ready.take().map(|ready| ready.committed);
        let stale = self.drop_stale(armed)?;
        let committed = self.committed.take().or(waiting).or(stale);
        let (width, height) = self.size();
        self.known = (width, height);
        Ok(Grab {
            pixels: self.screen.pixels(height),
            stride: self.screen.stride(),
            width,
            height,
            committed_at: committed.unwrap_or(begun),
            grabbed_at,
            _held: Some(Held(&self.connection)),
        })
    }

    /// Waits until the picture is whole, as the policy sees it.
    fn gather(&mut self, first: Damaged) -> Result<(), Error> {
        let mut verdict = self.coalescer.begin(first.at, first.server_ms);
        while let Verdict::WaitUntil(until) = verdict {
            self.arm()?;
            let Some(next) = self.damage_until(until)? else {
                break;
            };
            verdict = self.coalescer.more(next.at);
        }
        Ok(())
    }

    /// Asks for the next event.
    fn arm(&mut self) -> Result<(), Error> {
        self.connection
            .damage_subtract(self.damage, x11rb::NONE, x11rb::NONE)?;
        self.connection.flush()?;
        self.armed = true;
        Ok(())
    }

    fn damage_until(&mut self, until: Timestamp) -> Result<Option<Damaged>, Error> {
        loop {
            if let Some(damaged) = self.take_damage()? {
                return Ok(Some(damaged));
            }
            if clock::now() >= until {
                return Ok(None);
            }
            let mut fds = [PollFd::new(self.connection.stream().as_fd(), PollFlags::POLLIN)];
            clock::wait_ready(&mut fds, Some(until)).map_err(Error::system("poll"))?;
        }
    }

    /// A damage event that has come, without waiting.
    fn take_damage(&mut self) -> Result<Option<Damaged>, Error> {
        if let Some(damaged) = self.pending.take() {
            self.armed = false;
            return Ok(Some(damaged));
        }
        while let Some(event) = self.connection.poll_for_event()? {
            if let Some((damaged, _)) = self.damaged(&event) {
                self.armed = false;
                return Ok(Some(damaged));
            }
        }
        Ok(None)
    }

    /// Forgets events from before the request `armed`: the grab holds what they tell of. A later one must be kept: the server
    /// reports nothing more until it is subtracted. Returns when the app committed what the first of the forgotten ones tells of.
    fn drop_stale(&mut self, armed: u64) -> Result<Option<Timestamp>, Error> {
        let mut stale = self.pending.take().map(|damaged| damaged.committed);
        while let Some(event) = self.connection.poll_for_event()? {
            match self.damaged(&event) {
                Some((damaged, after)) if is_at_or_after(after, armed) => self.pending = Some(damaged),
                Some((damaged, _)) => stale = stale.or(Some(damaged.committed)),
                None => {}
            }
        }
        Ok(stale)
    }

    /// The damage event and the low bits of the last request the server had seen before it.
    fn damaged(&mut self, event: &Event) -> Option<(Damaged, u16)> {
        if let Event::DamageNotify(e) = event {
            let at = clock::now();
            let damaged = Damaged {
                at,
                committed: self.labour.end(at),
                server_ms: e.timestamp,
            };
            return Some((damaged, e.sequence));
        }
        if let Event::Error(error) = event {
            tracing::debug!(?error, "the display refused a capture request");
        }
        None
    }
}

/// Whether the request with these low bits is `request` or a later one.
fn is_at_or_after(low: u16, request: u64) -> bool {
    let request = u16::try_from(request & 0xffff).unwrap_or(0);
    low.wrapping_sub(request) < 0x8000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_numbers_wrap() {
        assert!(is_at_or_after(7, 7) && is_at_or_after(8, 7) && !is_at_or_after(6, 7));
        assert!(is_at_or_after(2, 0x1_ffff) && !is_at_or_after(0xffff, 0x2_0002));
    }
}
