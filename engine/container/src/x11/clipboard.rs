//! The clipboard of an X server's programs: the selection `CLIPBOARD`, by ICCCM section 2.
//!
//! XFixes tells that a program owns it. Its text is asked for as `UTF8_STRING`, whole or in parts (`INCR`), and is given to others in the
//! same way as long as it is ours; what is given always fits one request. Programs only ever write properties of a window of ours: none
//! can hold this up, and one that does not answer in time is not asked again.

use super::address::{Address, Connection};
use crate::Error;
use crate::clipboard::{CLIPBOARD_BYTES_MAX, Found};
use firstlight_units::Timestamp;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{
    ConnectionExt as _, SelectionEventMask, SelectionNotifyEvent as SelectionNotify,
};
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, PropMode, Property, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

x11rb::atom_manager! {
    /// Names that programs share.
    Atoms: AtomsCookie {
        CLIPBOARD,
        FIRSTLIGHT_CLIPBOARD,
        INCR,
        TARGETS,
        TEXT,
        TIMESTAMP,
        UTF8_MIME: b"text/plain;charset=utf-8",
        UTF8_STRING,
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Selection {
    x: Connection,
    window: Window,
    atoms: Atoms,
    /// What programs find when it is ours.
    owned: Option<Arc<str>>,
    /// When the server made it ours, on its clock.
    since: u32,
    /// A program owns it since then, and was not asked.
    new: Option<u32>,
    asked: Option<Asked>,
}

/// A text that a program was asked for.
#[derive(Debug)]
struct Asked {
    /// The server's time of that program's copying: answers name it.
    since: u32,
    until: Timestamp,
    /// It comes in parts.
    parts: bool,
    bytes: Vec<u8>,
}

impl Selection {
    /// With `watch`, it says what programs copy.
    pub(crate) fn open(address: &Address, watch: bool) -> Result<Self, Error> {
        let x = address.connect()?;
        let root = x.setup().roots.first().ok_or(Error::PixelFormat)?.root;
        let window = x.generate_id()?;
        let looks = CreateWindowAux::new()
            .override_redirect(1)
            .event_mask(EventMask::PROPERTY_CHANGE);
        let (class, visual) = (WindowClass::INPUT_ONLY, x11rb::COPY_FROM_PARENT);
        x.create_window(0, window, root, -1, -1, 1, 1, 0, class, visual, &looks)?
            .check()?;
        let atoms = Atoms::new(&x)?.reply()?;
        x.xfixes_query_version(5, 0)?.reply()?;
        if watch {
            let events = SelectionEventMask::SET_SELECTION_OWNER;
            x.xfixes_select_selection_input(window, atoms.CLIPBOARD, events)?
                .check()?;
        }
        Ok(Self {
            x,
            window,
            atoms,
            owned: None,
            since: 0,
            new: None,
            asked: None,
        })
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.x.stream().as_fd()
    }

    /// Whether a program waits to be asked.
    pub(crate) fn waits(&self) -> bool {
        self.new.is_some()
    }

    /// When [`Self::hear`] gives up a program though nothing comes.
    pub(crate) fn timeout(&self) -> Option<Timestamp> {
        self.asked.as_ref().map(|asked| asked.until)
    }

    /// Gives this to whoever asks, from here on.
    pub(crate) fn own(&mut self, text: Arc<str>) -> Result<(), Error> {
        (self.owned, self.new, self.asked) = (Some(text), None, None);
        self.x
            .set_selection_owner(self.window, self.atoms.CLIPBOARD, x11rb::CURRENT_TIME)?;
        // When this is answered, that has happened.
        self.x.get_selection_owner(self.atoms.CLIPBOARD)?.reply()?;
        Ok(())
    }

    /// Asks the program that owns it, if it was not asked.
    pub(crate) fn ask(&mut self, until: Timestamp) -> Result<bool, Error> {
        let Some(since) = self.new.take() else {
            return Ok(false);
        };
        let (a, property) = (&self.atoms, self.atoms.FIRSTLIGHT_CLIPBOARD);
        self.x
            .convert_selection(self.window, a.CLIPBOARD, a.UTF8_STRING, property, since)?;
        self.x.flush()?;
        self.asked = Some(Asked {
            since,
            until,
            parts: false,
            bytes: Vec::new(),
        });
        Ok(true)
    }

    /// Takes what came, answers programs, and says what came of the text that was asked for.
    ///
    /// # Errors
    /// When the server is gone.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the server's hundred events these are about selections"
    )]
    pub(crate) fn hear(&mut self, now: Timestamp) -> Result<Option<Found>, Error> {
        let mut found = None;
        while let Some(event) = self.x.poll_for_event()? {
            match event {
                Event::XfixesSelectionNotify(e) => self.on_owner(&e),
                Event::SelectionNotify(e)
                    if self.asked.as_ref().is_some_and(|asked| asked.since == e.time) =>
                {
                    found = if e.property == x11rb::NONE {
                        self.asked = None;
                        Some(Found::Nothing)
                    } else {
                        self.read()?
                    };
                }
                Event::PropertyNotify(e)
                    if e.atom == self.atoms.FIRSTLIGHT_CLIPBOARD
                        && e.state == Property::NEW_VALUE
                        && self.asked.as_ref().is_some_and(|asked| asked.parts) =>
                {
                    found = self.read()?;
                }
                Event::SelectionRequest(e) => self.answer(&e)?,
                Event::Error(error) => {
                    tracing::debug!(?error, "the clipboard's window was refused something")
                }
                _ => {}
            }
        }
        if found.is_none() && self.asked.as_ref().is_some_and(|asked| asked.until <= now) {
            self.asked = None;
            found = Some(Found::Nothing);
        }
        Ok(found)
    }

    /// These come in order, also with what [`Self::own`] did: the last one says whose it is.
    fn on_owner(&mut self, e: &SelectionNotify) {
        self.asked = None;
        let ours = e.owner == self.window;
        if ours {
            self.since = e.selection_timestamp;
        }
        self.new = (!ours && e.owner != x11rb::NONE).then_some(e.selection_timestamp);
    }

    /// Reads what the program has written, all of it or a part, and takes it away, which asks for the next.
    fn read(&mut self) -> Result<Option<Found>, Error> {
        let Some(mut asked) = self.asked.take() else {
            return Ok(None);
        };
        let property = self.atoms.FIRSTLIGHT_CLIPBOARD;
        let said = self
            .x
            .get_property(true, self.window, property, AtomEnum::ANY, 0, WORDS_MAX)?
            .reply()?;
        if said.type_ == self.atoms.INCR && !asked.parts {
            self.asked = Some(Asked { parts: true, ..asked });
            return Ok(None);
        }
        let last = !asked.parts || said.value.is_empty();
        asked.bytes.extend_from_slice(&said.value);
        if said.bytes_after > 0 || asked.bytes.len() > CLIPBOARD_BYTES_MAX {
            self.x.delete_property(self.window, property)?;
            self.x.flush()?;
            return Ok(Some(Found::TooLong));
        }
        if said.format != 8 && !said.value.is_empty() {
            return Ok(Some(Found::Nothing));
        }
        if last {
            return Ok(Some(Found::whole(asked.bytes)));
        }
        self.asked = Some(asked);
        Ok(None)
    }

    /// A program asks for what is ours: the server asks nobody else.
    fn answer(&self, e: &SelectionRequestEvent) -> Result<(), Error> {
        // ICCCM 2.2: programs of before it name no property.
        let property = if e.property == x11rb::NONE {
            e.target
        } else {
            e.property
        };
        let (to, a) = (e.requestor, &self.atoms);
        let texts = [a.UTF8_STRING, a.UTF8_MIME, a.TEXT];
        let given = match &self.owned {
            Some(text) if texts.contains(&e.target) => {
                // TEXT: the owner chooses which.
                let kind = if e.target == a.TEXT {
                    a.UTF8_STRING
                } else {
                    e.target
                };
                self.x
                    .change_property8(PropMode::REPLACE, to, property, kind, text.as_bytes())?;
                true
            }
            Some(_) if e.target == a.TARGETS => {
                let targets = [&[a.TARGETS, a.TIMESTAMP], texts.as_slice()].concat();
                self.x
                    .change_property32(PropMode::REPLACE, to, property, AtomEnum::ATOM, &targets)?;
                true
            }
            Some(_) if e.target == a.TIMESTAMP => {
                let kind = AtomEnum::INTEGER;
                self.x
                    .change_property32(PropMode::REPLACE, to, property, kind, &[self.since])?;
                true
            }
            _ => false,
        };
        let notify = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: e.time,
            requestor: to,
            selection: e.selection,
            target: e.target,
            property: if given { property } else { x11rb::NONE },
        };
        // Programs that are gone by now are the server's business.
        self.x.send_event(false, to, EventMask::NO_EVENT, notify)?;
        self.x.flush()?;
        Ok(())
    }
}

/// In units of four bytes: a text that is too long is seen to be, and no more of it is read.
const WORDS_MAX: u32 = 15 * 1_024 + 1;
const _: () = assert!(WORDS_MAX as usize * 4 > CLIPBOARD_BYTES_MAX);
