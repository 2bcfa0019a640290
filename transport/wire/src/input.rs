//! Input datagrams and their acknowledgement (docs/PROTOCOL.md, section 3).

use crate::reader::Reader;
use crate::{Error, Kind};

/// Most events in one datagram.
pub const INPUT_EVENTS_MAX: usize = 64;
/// Most keys held at once.
pub const INPUT_PRESSED_MAX: usize = 32;

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
    /// An event of a later version: to be acknowledged and skipped.
    Unknown(u8),
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
    /// Low 32 bits of the id of the first event.
    pub first_event: u32,
    /// The client's clock at sending, microseconds.
    pub sent_at: u64,
    /// Bit n−1: pointer button n is down.
    pub buttons: u16,
    /// Counts datagrams.
    pub sequence: u16,
    /// How many events there are.
    pub event_count: u8,
    pressed: &'a [u8],
    events: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads an input datagram; every event is checked to be whole.
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
        Ok(Self {
            focused: flags & 1 != 0,
            first_event,
            sent_at,
            buttons,
            sequence,
            event_count,
            pressed,
            events,
        })
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
}

impl WriteInput<'_> {
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
        let count = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        out.extend_from_slice(&[
            Kind::Input.first_byte(),
            u8::from(self.focused),
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
    }
}

fn write_event(event: Event, out: &mut Vec<u8>) {
    let pair = |a: [u8; 2], b: [u8; 2]| [a[0], a[1], b[0], b[1]];
    let (kind, body, length) = match event.kind {
        EventKind::KeyDown(code) => (1, pair(code.to_be_bytes(), [0; 2]), 2),
        EventKind::KeyUp(code) => (2, pair(code.to_be_bytes(), [0; 2]), 2),
        EventKind::ButtonDown(button) => (3, [button, 0, 0, 0], 1),
        EventKind::ButtonUp(button) => (4, [button, 0, 0, 0], 1),
        EventKind::MoveTo { x, y } => (5, pair(x.to_be_bytes(), y.to_be_bytes()), 4),
        EventKind::MoveBy { dx, dy } => (6, pair(dx.to_be_bytes(), dy.to_be_bytes()), 4),
        EventKind::Wheel { dx, dy } => (7, pair(dx.to_be_bytes(), dy.to_be_bytes()), 4),
        EventKind::Unknown(kind) => (kind, [0; 4], 0),
    };
    out.push(kind);
    out.push(length);
    out.extend_from_slice(&event.age.to_be_bytes());
    out.extend_from_slice(body.get(..length.into()).unwrap_or_default());
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
