//! What a challenge came to, in words that a provider can do something with.

use crate::Error;
use crate::codec::{Reader, Writer};
use std::fmt;

/// What a challenge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Part {
    /// Cores.
    Compute = 1,
    /// Memory.
    Memory = 2,
    /// The disk.
    Disk = 3,
    /// The encoder.
    Encode = 4,
}

impl Part {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Self; 4] = [Self::Compute, Self::Memory, Self::Disk, Self::Encode];

    pub(super) fn read(byte: u8) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|part| *part as u8 == byte);
        found.ok_or(Error::Absurd("the kind of task"))
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Encode => "encode",
        }
    }
}

/// What a challenge came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The host can do what was asked.
    Proven,
    /// It had a player: neither proven nor failed.
    GaveWay,
    /// It is not proven.
    Failed(Failure),
}

/// Why something is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer, or none that the host signed.
    Silent,
    /// The answer came too late.
    Late {
        /// When it came, milliseconds after it was asked for.
        took_ms: u32,
        /// When it should have.
        within_ms: u32,
    },
    /// The host says that it cannot.
    Cannot,
    /// The answer has not as many parts as were asked for.
    Shape {
        /// How many it has.
        given: u32,
        /// How many it should have.
        wanted: u32,
    },
    /// A part that was computed again is another one.
    Wrong {
        /// Which.
        part: u32,
    },
    /// The bitstream has fewer pictures than were asked for.
    Undecodable {
        /// Pictures that came out.
        pictures: u32,
        /// How many should have.
        wanted: u32,
    },
    /// A picture is not the one that was to be encoded, or is coded far too coarsely.
    Picture {
        /// Which.
        frame: u32,
        /// Mean error of its worst cell, in hundredths of a level of 255.
        error: u32,
        /// The largest that is taken.
        most: u32,
    },
}

impl Failure {
    /// Whether it is a lie, rather than a slow or a poor machine: time and luck excuse a late answer, nothing excuses a wrong one.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        match self {
            Self::Silent | Self::Late { .. } | Self::Cannot => false,
            Self::Shape { .. } | Self::Wrong { .. } | Self::Undecodable { .. } | Self::Picture { .. } => true,
        }
    }
}

impl Verdict {
    pub(crate) fn write(&self, to: &mut Writer) {
        let (kind, [a, b, c]) = match *self {
            Self::Proven => (1, [0; 3]),
            Self::GaveWay => (2, [0; 3]),
            Self::Failed(failure) => match failure {
                Failure::Silent => (3, [0; 3]),
                Failure::Late { took_ms, within_ms } => (4, [took_ms, within_ms, 0]),
                Failure::Cannot => (5, [0; 3]),
                Failure::Shape { given, wanted } => (6, [given, wanted, 0]),
                Failure::Wrong { part } => (7, [part, 0, 0]),
                Failure::Undecodable { pictures, wanted } => (8, [pictures, wanted, 0]),
                Failure::Picture { frame, error, most } => (9, [frame, error, most]),
            },
        };
        to.u8(kind).u32(a).u32(b).u32(c);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let kind = from.u8()?;
        let (a, b, c) = (from.u32()?, from.u32()?, from.u32()?);
        let verdict = match kind {
            1 => Self::Proven,
            2 => Self::GaveWay,
            3 => Self::Failed(Failure::Silent),
            4 => Self::Failed(Failure::Late {
                took_ms: a,
                within_ms: b,
            }),
            5 => Self::Failed(Failure::Cannot),
            6 => Self::Failed(Failure::Shape { given: a, wanted: b }),
            7 => Self::Failed(Failure::Wrong { part: a }),
            8 => Self::Failed(Failure::Undecodable {
                pictures: a,
                wanted: b,
            }),
            9 => Self::Failed(Failure::Picture {
                frame: a,
                error: b,
                most: c,
            }),
            _ => return Err(Error::Absurd("the verdict")),
        };
        // A field that the kind has no use for is a second way to write it.
        let mut again = Writer::default();
        verdict.write(&mut again);
        let mut given = Writer::default();
        given.u8(kind).u32(a).u32(b).u32(c);
        if again.done() == given.done() {
            Ok(verdict)
        } else {
            Err(Error::Absurd("the verdict"))
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("proven"),
            Self::GaveWay => f.write_str("gave way to a player"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Silent => f.write_str("no answer"),
            Self::Late { took_ms, within_ms } => {
                write!(f, "the answer took {took_ms} ms, and {within_ms} ms were given")
            }
            Self::Cannot => f.write_str("the host says that it cannot"),
            Self::Shape { given, wanted } => {
                write!(f, "the answer has {given} parts, and {wanted} were asked for")
            }
            Self::Wrong { part } => write!(f, "part {part} of the answer is wrong"),
            Self::Undecodable { pictures, wanted } => {
                write!(f, "{pictures} of {wanted} pictures can be decoded")
            }
            Self::Picture { frame, error, most } => write!(
                f,
                "picture {frame} is off by {}.{:02} levels in its worst cell, and {}.{:02} are taken",
                error / 100,
                error % 100,
                most / 100,
                most % 100
            ),
        }
    }
}
