//! Input datagrams and their acknowledgement (docs/PROTOCOL.md, section 3).

use crate::pad::{PAD_BYTES, PADS_MAX, Pad};
use crate::reader::Reader;
use crate::text::{TEXT_BYTES_MAX, Text};
use crate::touch::{TOUCH_BYTES, Touch};
use crate::{Error, Kind};

/// Most events in one datagram.
pub const INPUT_EVENTS_MAX: usize = 64;
/// Most keys held at once.
pub const INPUT_PRESSED_MAX: usize = 32;
/// Most bytes of an input datagram: a browser's datagram over a relay, sealed, takes some 80 more.
pub const INPUT_BYTES_MAX: usize = 1_100;
/// Before the pressed keys.
const HEADER_BYTES: usize = 20;
/// Of an event, before its body.
const EVENT_BYTES: usize = 6;
/// Of the fingers that are on the screen.
const CONTACTS_BYTES: usize = 2;

/// What a player did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A key went down; a Linux input event code.
    KeyDown(u16),
    /// A key went up.
    KeyUp(u16),
    /// A pointer button went down: 1 left, 2 middle, 3 right, 8 back, 9 forward.
    ButtonDown(u8),
    /// A pointer button went up.
    ButtonUp(u8),
    /// The pointer is at this place: 0 to 65535 over the picture.
    MoveTo {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// The pointer moved by this many pixels of the picture.
    MoveBy {
        /// To the right.
        dx: i16,
        /// Down.
        dy: i16,
    },
    /// The wheel turned, in 120ths of a notch.
    Wheel {
        /// To the right.
        dx: i16,
        /// Down.
        dy: i16,
    },
    /// A gamepad changed, came or went: all of it as it is then.
    Pad(Pad),
    /// A finger came, moved or went.
    Touch(Touch),
    /// Text was typed that no key stands for.
    Text(Text),
    /// An event of a later version: to be acknowledged and skipped.
    Unknown(u8),
}

impl EventKind {
    /// Bytes of its event in a datagram.
    #[must_use]
    pub const fn wire_bytes(&self) -> usize {
        EVENT_BYTES
            + match self {
                Self::KeyDown(_) | Self::KeyUp(_) => 2,
                Self::ButtonDown(_) | Self::ButtonUp(_) => 1,
                Self::MoveTo { .. } | Self::MoveBy { .. } | Self::Wheel { .. } => 4,
                Self::Pad(_) => PAD_BYTES,
                Self::Touch(_) => TOUCH_BYTES,
                Self::Text(text) => text.length(),
                Self::Unknown(_) => 0,
            }
    }
}

/// An event and how long before its datagram it happened, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Microseconds before `sent_at`.
    pub age: u32,
}

/// A parsed input datagram.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The player's page has the input focus.
    pub focused: bool,
    /// More events wait than are in it: the state is ahead of them.
    pub more: bool,
    /// Low 32 bits of the id of the first event.
    pub first_event: u32,
    /// The client's clock at sending, microseconds.
    pub sent_at: u64,
    /// Bit n−1: pointer button n is down.
    pub buttons: u16,
    /// Counts datagrams.
    pub sequence: u16,
    /// Bit n: finger n is on the screen.
    pub contacts: u16,
    /// How many events there are.
    pub event_count: u8,
    pressed: &'a [u8],
    events: &'a [u8],
    pads: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads an input datagram; every event and pad is checked to be whole.
    ///
    /// # Errors
    /// When it is too short, something else, or over a limit.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        Kind::Input.expect(datagram)?;
        let mut r = Reader::new("an input datagram", datagram);
        r.skip(1)?;
        let flags = r.u8()?;
        let (event_count, pressed_count) = (r.u8()?, r.u8()?);
        if usize::from(event_count) > INPUT_EVENTS_MAX {
            return Err(Error::Field {
                field: "event count",
                value: event_count.into(),
            });
        }
        if usize::from(pressed_count) > INPUT_PRESSED_MAX {
            return Err(Error::Field {
                field: "pressed count",
                value: pressed_count.into(),
            });
        }
        let (first_event, sent_at, buttons, sequence) = (r.u32()?, r.u64()?, r.u16()?, r.u16()?);
        let pressed = r.take(usize::from(pressed_count) * 2)?;
        let events = r.rest();
        for _ in 0..event_count {
            read_event(&mut r)?;
        }
        let pads = if flags & 4 == 0 { &[] } else { read_pads(&mut r)? };
        let contacts = if flags & 8 == 0 { 0 } else { r.u16()? };
        Ok(Self {
            focused: flags & 1 != 0,
            more: flags & 2 != 0,
            first_event,
            sent_at,
            buttons,
            sequence,
            contacts,
            event_count,
            pressed,
            events,
            pads,
        })
    }

    /// The gamepads that are plugged in, as they are.
    pub fn pads(&self) -> impl Iterator<Item = Pad> + 'a {
        self.pads
            .chunks_exact(PAD_BYTES)
            .filter_map(|bytes| Pad::read(&mut Reader::new("a pad", bytes)).ok())
    }

    /// The codes of the keys that are down.
    pub fn pressed(&self) -> impl Iterator<Item = u16> + 'a {
        self.pressed
            .chunks_exact(2)
            .filter_map(|code| code.try_into().ok().map(u16::from_be_bytes))
    }

    /// The events, oldest first.
    #[must_use]
    pub fn events(&self) -> Events<'a> {
        Events {
            reader: Reader::new("an input event", self.events),
            left: self.event_count,
        }
    }
}

/// Iterates over the events of an [`Input`].
pub struct Events<'a> {
    reader: Reader<'a>,
    left: u8,
}

impl std::fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.left = self.left.checked_sub(1)?;
        read_event(&mut self.reader).ok()
    }
}

fn read_pads<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let count = r.u8()?;
    if usize::from(count) > PADS_MAX {
        return Err(Error::Field {
            field: "pad count",
            value: count.into(),
        });
    }
    r.take(usize::from(count) * PAD_BYTES)
}

fn read_event(r: &mut Reader<'_>) -> Result<Event, Error> {
    let (kind, length, age) = (r.u8()?, r.u8()?, r.u32()?);
    let mut body = Reader::new("an input event", r.take(length.into())?);
    let kind = match kind {
        1 => EventKind::KeyDown(body.u16()?),
        2 => EventKind::KeyUp(body.u16()?),
        3 => EventKind::ButtonDown(body.u8()?),
        4 => EventKind::ButtonUp(body.u8()?),
        5 => EventKind::MoveTo {
            x: body.u16()?,
            y: body.u16()?,
        },
        6 => EventKind::MoveBy {
            dx: body.i16()?,
            dy: body.i16()?,
        },
        7 => EventKind::Wheel {
            dx: body.i16()?,
            dy: body.i16()?,
        },
        8 => EventKind::Pad(Pad::read(&mut body)?),
        9 => Touch::read(&mut body)?.map_or(EventKind::Unknown(9), EventKind::Touch),
        10 => Text::read(body.rest()).map_or(EventKind::Unknown(10), EventKind::Text),
        other => EventKind::Unknown(other),
    };
    Ok(Event { kind, age })
}

/// An input datagram to be written.
#[derive(Clone, Copy, Debug)]
pub struct WriteInput<'a> {
    /// See [`Input`].
    pub focused: bool,
    /// See [`Input`].
    pub more: bool,
    /// See [`Input`].
    pub first_event: u32,
    /// See [`Input`].
    pub sent_at: u64,
    /// See [`Input`].
    pub buttons: u16,
    /// See [`Input`].
    pub sequence: u16,
    /// At most 32; the rest is left out.
    pub pressed: &'a [u16],
    /// At most 64; the rest is left out.
    pub events: &'a [Event],
    /// At most 4; the rest is left out.
    pub pads: &'a [Pad],
    /// See [`Input`].
    pub contacts: u16,
}

impl WriteInput<'_> {
    /// How many of `events` fit a datagram with that many keys down and pads plugged in.
    pub fn fitting(pressed: usize, pads: usize, events: impl Iterator<Item = EventKind>) -> usize {
        let pads = 1 + pads.min(PADS_MAX) * PAD_BYTES;
        let state = HEADER_BYTES + pressed.min(INPUT_PRESSED_MAX) * 2 + pads + CONTACTS_BYTES;
        let mut left = INPUT_BYTES_MAX - state;
        events
            .take(INPUT_EVENTS_MAX)
            .take_while(|kind| {
                let rest = left.checked_sub(kind.wire_bytes());
                left = rest.unwrap_or(0);
                rest.is_some()
            })
            .count()
    }

    /// Appends the datagram's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let events = self
            .events
            .get(..self.events.len().min(INPUT_EVENTS_MAX))
            .unwrap_or_default();
        let pressed = self
            .pressed
            .get(..self.pressed.len().min(INPUT_PRESSED_MAX))
            .unwrap_or_default();
        let pads = self.pads.get(..self.pads.len().min(PADS_MAX)).unwrap_or_default();
        let count = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        out.extend_from_slice(&[
            Kind::Input.first_byte(),
            u8::from(self.focused)
                | u8::from(self.more) << 1
                | u8::from(!pads.is_empty()) << 2
                | u8::from(self.contacts != 0) << 3,
            count(events.len()),
            count(pressed.len()),
        ]);
        out.extend_from_slice(&self.first_event.to_be_bytes());
        out.extend_from_slice(&self.sent_at.to_be_bytes());
        out.extend_from_slice(&self.buttons.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        for code in pressed {
            out.extend_from_slice(&code.to_be_bytes());
        }
        for event in events {
            write_event(*event, out);
        }
        if !pads.is_empty() {
            out.push(count(pads.len()));
            for pad in pads {
                out.extend_from_slice(&pad.to_bytes());
            }
        }
        if self.contacts != 0 {
            out.extend_from_slice(&self.contacts.to_be_bytes());
        }
    }
}

fn write_event(event: Event, out: &mut Vec<u8>) {
    let mut body = [0; TEXT_BYTES_MAX];
    let mut put = |at: usize, value: [u8; 2]| {
        if let Some(place) = body.get_mut(at..at + 2) {
            place.copy_from_slice(&value);
        }
    };
    let kind = match event.kind {
        EventKind::KeyDown(code) => {
            put(0, code.to_be_bytes());
            1
        }
        EventKind::KeyUp(code) => {
            put(0, code.to_be_bytes());
            2
        }
        EventKind::ButtonDown(button) => {
            put(0, [button, 0]);
            3
        }
        EventKind::ButtonUp(button) => {
            put(0, [button, 0]);
            4
        }
        EventKind::MoveTo { x, y } => {
            put(0, x.to_be_bytes());
            put(2, y.to_be_bytes());
            5
        }
        EventKind::MoveBy { dx, dy } => {
            put(0, dx.to_be_bytes());
            put(2, dy.to_be_bytes());
            6
        }
        EventKind::Wheel { dx, dy } => {
            put(0, dx.to_be_bytes());
            put(2, dy.to_be_bytes());
            7
        }
        EventKind::Pad(pad) => {
            body[..PAD_BYTES].copy_from_slice(&pad.to_bytes());
            8
        }
        EventKind::Touch(touch) => {
            body[..TOUCH_BYTES].copy_from_slice(&touch.to_bytes());
            9
        }
        EventKind::Text(text) => {
            body = *text.bytes();
            10
        }
        EventKind::Unknown(kind) => kind,
    };
    let length = event.kind.wire_bytes() - EVENT_BYTES;
    out.push(kind);
    out.push(u8::try_from(length).unwrap_or(0));
    out.extend_from_slice(&event.age.to_be_bytes());
    out.extend_from_slice(body.get(..length).unwrap_or_default());
}

/// Acknowledges input (docs/PROTOCOL.md, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputAck {
    /// Low 32 bits of the highest id up to which every event was injected or skipped.
    pub acknowledged: u32,
    /// The host's clock at the last injection, microseconds.
    pub at: u64,
    /// `sent_at` of the newest input datagram.
    pub echo: u64,
}

impl InputAck {
    /// Reads an acknowledgement.
    ///
    /// # Errors
    /// When it is too short or something else.
    pub fn parse(datagram: &[u8]) -> Result<Self, Error> {
        Kind::InputAck.expect(datagram)?;
        let mut r = Reader::new("an input ack", datagram);
        r.skip(4)?;
        Ok(Self {
            acknowledged: r.u32()?,
            at: r.u64()?,
            echo: r.u64()?,
        })
    }

    /// The datagram.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 24] {
        let mut out = [0; 24];
        out[0] = Kind::InputAck.first_byte();
        out[4..8].copy_from_slice(&self.acknowledged.to_be_bytes());
        out[8..16].copy_from_slice(&self.at.to_be_bytes());
        out[16..24].copy_from_slice(&self.echo.to_be_bytes());
        out
    }
}
