//! What a host is asked to prove, and what follows from its answer. Pure: whoever judges the same again comes to the same.
//!
//! ```text
//! Claim -> plan -> Task (four) -> Challenge (seed, deadline, promise) -> host -> Answer (Proof)
//!                                                                                  |
//!             reveal -> which parts are computed again (nobody knew before) -> judge -> Verdict
//! ```
//!
//! - The seed is the checker's and fresh: nothing can be worked out before the challenge is there.
//! - The checker computes a small part again. Which, follows from a number of which the challenge holds only the digest: the host
//!   cannot know it before it answers, and the checker cannot choose it afterwards.
//! - Time is the checker's own, from its ask to its answer, so a slow way counts against the host: deadlines have room for one.
//!
//! A disk's speed is told by the time alone: a host that keeps the file in memory passes.

mod judge;
mod picture;
mod plan;
mod verdict;
pub mod work;

pub use judge::{Decode, Plane, judge};
pub use picture::{BYTES_PER_PIXEL, Scene};
pub use plan::{BUDGET, Claim, plan};
pub use verdict::{Failure, Part, Verdict};

use crate::Error;
use crate::codec::{Reader, Writer};
use crate::hash::{Digest, digest};
use firstlight_units::{Micros, WallTime};

/// One thing to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Chains of integers, one for each core, with their value after each segment.
    Compute {
        /// One per core.
        chains: u16,
        /// Of each chain.
        segments: u16,
        /// Of each segment.
        rounds: u32,
    },
    /// Lanes of a MiB, filled and held together, and a walk that looks at them in an order which only their content tells.
    Memory {
        /// How many.
        lanes: u32,
        /// How often the walk says where it is.
        stops: u16,
        /// Looks between two stops.
        steps: u16,
    },
    /// Chunks of a MiB, written to a file, forced to the disk and read back.
    Disk {
        /// How many.
        chunks: u16,
    },
    /// Seeded pictures through the encoder that players get theirs from.
    Encode {
        /// Pixels across.
        width: u16,
        /// Pixels down.
        height: u16,
        /// Pictures a second that it is set to.
        fps: u16,
        /// How many.
        frames: u16,
    },
}

impl Task {
    /// What it proves.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            Self::Compute { .. } => Part::Compute,
            Self::Memory { .. } => Part::Memory,
            Self::Disk { .. } => Part::Disk,
            Self::Encode { .. } => Part::Encode,
        }
    }

    fn write(&self, to: &mut Writer) {
        to.u8(self.part() as u8);
        match *self {
            Self::Compute {
                chains,
                segments,
                rounds,
            } => to.u16(chains).u16(segments).u32(rounds),
            Self::Memory { lanes, stops, steps } => to.u32(lanes).u16(stops).u16(steps),
            Self::Disk { chunks } => to.u16(chunks),
            Self::Encode {
                width,
                height,
                fps,
                frames,
            } => to.u16(width).u16(height).u16(fps).u16(frames),
        };
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let task = match Part::read(from.u8()?)? {
            Part::Compute => Self::Compute {
                chains: from.u16()?,
                segments: from.u16()?,
                rounds: from.u32()?,
            },
            Part::Memory => Self::Memory {
                lanes: from.u32()?,
                stops: from.u16()?,
                steps: from.u16()?,
            },
            Part::Disk => Self::Disk { chunks: from.u16()? },
            Part::Encode => Self::Encode {
                width: from.u16()?,
                height: from.u16()?,
                fps: from.u16()?,
                frames: from.u16()?,
            },
        };
        task.check()?;
        Ok(task)
    }

    /// What nobody asks is not worked on either: a host is not to be kept busy for an hour.
    fn check(&self) -> Result<(), Error> {
        let fine = match *self {
            Self::Compute {
                chains,
                segments,
                rounds,
            } => {
                let words = usize::from(chains) * usize::from(segments);
                (1..=WORDS_MAX).contains(&words) && rounds > 0 && rounds <= ROUNDS_MAX
            }
            Self::Memory { lanes, stops, steps } => {
                lanes > 0 && lanes <= LANES_MAX && stops > 0 && usize::from(stops) <= WORDS_MAX && steps > 0
            }
            Self::Disk { chunks } => (1..=CHUNKS_MAX).contains(&chunks),
            Self::Encode {
                width,
                height,
                fps,
                frames,
            } => {
                let side = |pixels: u16| (16..=4096).contains(&pixels);
                side(width)
                    && side(height)
                    && (1..=240).contains(&fps)
                    && (1..=UNITS_MAX).contains(&frames.into())
            }
        };
        if fine {
            Ok(())
        } else {
            Err(Error::Absurd("the task"))
        }
    }
}

/// Something a checker asks of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The host's public key: its pseudonym.
    pub host: [u8; 32],
    /// The checker's.
    pub checker: [u8; 32],
    /// When it was made, by the checker's clock.
    pub at: WallTime,
    /// What the work is seeded with: random.
    pub seed: Digest,
    /// [`promise`] of the number that says which parts are computed again.
    pub promise: Digest,
    /// What is to be done.
    pub task: Task,
    /// When the answer is to be there, from when it was asked for.
    pub within: Micros,
}

impl Challenge {
    /// The one way to write it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(FORMAT)
            .bytes(&self.host)
            .bytes(&self.checker)
            .u64(self.at.as_micros())
            .bytes(&self.seed)
            .bytes(&self.promise)
            .u64(self.within.as_micros());
        self.task.write(&mut to);
        to.done()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Whatever [`Self::write`] would not write, and tasks that no checker sets.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        let format = from.u8()?;
        if format != FORMAT {
            return Err(Error::Format(format));
        }
        let (host, checker) = (from.array()?, from.array()?);
        let at = WallTime::from_micros(from.u64()?);
        let (seed, promise) = (from.array()?, from.array()?);
        let within = Micros::new(from.u64()?);
        if within > BUDGET {
            return Err(Error::Absurd("the deadline"));
        }
        let task = Task::read(&mut from)?;
        from.end()?;
        Ok(Self {
            host,
            checker,
            at,
            seed,
            promise,
            task,
            within,
        })
    }

    /// What its answer names it by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&[b"firstlight challenge\0", &self.write()])
    }

    /// What the checker signs: no other signature of its key is taken for this one.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        [b"firstlight challenge 1\0".as_slice(), &self.write()].concat()
    }
}

/// What a host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// [`Challenge::digest`].
    pub challenge: Digest,
    /// What it has to show.
    pub proof: Proof,
}

/// What a host has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Of a chain after each of its segments, one chain after the other; where the walk was at each stop; or of each chunk.
    Words(Vec<u64>),
    /// Access units (H.264, Annex B), one per picture.
    Units(Vec<Vec<u8>>),
    /// A player came, or is there.
    GaveWay,
    /// The host cannot do it: it has not the memory, the disk or the encoder.
    Cannot,
    /// The host has given up: the time is long over, and it is at it still.
    Unfinished,
}

impl Answer {
    /// The one way to write it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(FORMAT).bytes(&self.challenge);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match &self.proof {
            Proof::Words(words) => {
                to.u8(1).u32(count(words.len()));
                for word in words {
                    to.u64(*word);
                }
            }
            Proof::Units(units) => {
                to.u8(2).u32(count(units.len()));
                for unit in units {
                    to.list(unit);
                }
            }
            Proof::GaveWay => {
                to.u8(3);
            }
            Proof::Cannot => {
                to.u8(4);
            }
            Proof::Unfinished => {
                to.u8(5);
            }
        }
        to.done()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Whatever [`Self::write`] would not write, and more than [`PROOF_BYTES_MAX`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        let format = from.u8()?;
        if format != FORMAT {
            return Err(Error::Format(format));
        }
        let challenge = from.array()?;
        let proof = match from.u8()? {
            1 => {
                let count = from.length(WORDS_MAX)?;
                Proof::Words((0..count).map(|_| from.u64()).collect::<Result<_, _>>()?)
            }
            2 => {
                let count = from.length(UNITS_MAX)?;
                let unit = |_| from.list(PROOF_BYTES_MAX).map(<[u8]>::to_vec);
                Proof::Units((0..count).map(unit).collect::<Result<_, _>>()?)
            }
            3 => Proof::GaveWay,
            4 => Proof::Cannot,
            5 => Proof::Unfinished,
            _ => return Err(Error::Absurd("the kind of proof")),
        };
        from.end()?;
        if bytes.len() > PROOF_BYTES_MAX + 64 {
            return Err(Error::TooLong {
                given: bytes.len(),
                most: PROOF_BYTES_MAX + 64,
            });
        }
        Ok(Self { challenge, proof })
    }

    /// What the host signs.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        [b"firstlight answer 1\0".as_slice(), &self.write()].concat()
    }
}

/// What a challenge holds of the number that is revealed with the verdict.
#[must_use]
pub fn promise(reveal: &Digest) -> Digest {
    digest(&[b"firstlight promise\0", reveal])
}

const FORMAT: u8 = 1;
/// 32 KiB: a record of it, as text, is what an event of the store may hold.
pub const WORDS_MAX: usize = 4_096;
/// Pictures of an encode proof.
pub const UNITS_MAX: usize = 64;
/// Of an answer: a record, with what is around it and as text, is less than the 64 KiB of a store's event.
pub const PROOF_BYTES_MAX: usize = 40 * 1024;
/// Five seconds of the fastest core there is.
const ROUNDS_MAX: u32 = 1 << 31;
/// A TiB.
const LANES_MAX: u32 = 1 << 20;
const CHUNKS_MAX: u16 = 1_024;
