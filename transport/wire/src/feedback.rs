//! Feedback datagrams (docs/PROTOCOL.md, section 4).

use crate::reader::Reader;
use crate::{Error, Kind};

/// Most packets in one report.
pub const FEEDBACK_PACKETS_MAX: usize = 512;
/// Most nacks in one report.
pub const FEEDBACK_NACKS_MAX: usize = 64;
/// Arrivals are told in steps of this many microseconds.
const TICK_US: u64 = 32;
const NOT_ARRIVED: u16 = u16::MAX;

/// What a client asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedbackFlags {
    /// Nothing can be decoded without an IDR.
    pub want_idr: bool,
    /// Frames after `decoded` were lost: predict from one that is acknowledged.
    pub want_recovery: bool,
}

/// A parsed feedback datagram.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// Requests.
    pub flags: FeedbackFlags,
    /// Counts feedback datagrams.
    pub report: u16,
    /// Low 32 bits of the first packet seq reported.
    pub base_seq: u32,
    /// The client's clock at the first arrival in the list, microseconds; 0: none.
    pub base_time: u64,
    /// Low 32 bits of the newest frame that was decoded undamaged; 0: none.
    pub decoded: u32,
    /// Bit n: frame `decoded − 1 − n` as well.
    pub decoded_set: u32,
    /// Access units in the decoder.
    pub decode_queue: u8,
    /// Packets that never came, so far.
    pub lost: u32,
    /// Frames that came whole after their turn, so far.
    pub late: u32,
    /// Frames the client discarded, so far.
    pub dropped: u32,
    arrivals: &'a [u8],
    nacks: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// Reads a feedback datagram.
    ///
    /// # Errors
    /// When it is too short, something else, or over a limit.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        Kind::Feedback.expect(datagram)?;
        let mut r = Reader::new("a feedback datagram", datagram);
        r.skip(1)?;
        let flags = r.u8()?;
        let (report, base_seq, base_time) = (r.u16()?, r.u32()?, r.u64()?);
        let (decoded, decoded_set) = (r.u32()?, r.u32()?);
        let (packets, nacks, decode_queue) = (r.u16()?, r.u8()?, r.u8()?);
        if usize::from(packets) > FEEDBACK_PACKETS_MAX {
            return Err(Error::Field {
                field: "packet count",
                value: packets.into(),
            });
        }
        if usize::from(nacks) > FEEDBACK_NACKS_MAX {
            return Err(Error::Field {
                field: "nack count",
                value: nacks.into(),
            });
        }
        let (lost, late, dropped) = (r.u32()?, r.u32()?, r.u32()?);
        Ok(Self {
            flags: FeedbackFlags {
                want_idr: flags & 1 != 0,
                want_recovery: flags & 2 != 0,
            },
            report,
            base_seq,
            base_time,
            decoded,
            decoded_set,
            decode_queue,
            lost,
            late,
            dropped,
            arrivals: r.take(usize::from(packets) * 2)?,
            nacks: r.take(usize::from(nacks) * 8)?,
        })
    }

    /// For each packet from `base_seq` on: microseconds from `base_time` to its arrival, `None` if it has not arrived.
    #[must_use]
    pub const fn arrivals(&self) -> Arrivals<'a> {
        Arrivals { bytes: self.arrivals }
    }

    /// What the client wants again.
    #[must_use]
    pub const fn nacks(&self) -> Nacks<'a> {
        Nacks { bytes: self.nacks }
    }
}

/// Iterates over arrivals, see [`Feedback::arrivals`].
#[derive(Clone, Copy, Debug)]
pub struct Arrivals<'a> {
    bytes: &'a [u8],
}

impl Iterator for Arrivals<'_> {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Option<u64>> {
        let (&first, rest) = self.bytes.split_first_chunk::<2>()?;
        self.bytes = rest;
        let ticks = u16::from_be_bytes(first);
        Some((ticks != NOT_ARRIVED).then(|| u64::from(ticks) * TICK_US))
    }
}

/// A packet that a client wants again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack {
    /// Low 32 bits of the access unit.
    pub frame: u32,
    /// The unit; [`Nack::ALL_UNITS`]: every one.
    pub unit: u8,
    /// The track.
    pub track: u8,
    /// The fragment; [`Nack::ALL_FRAGMENTS`]: every one.
    pub fragment: u16,
}

impl Nack {
    /// The whole access unit.
    pub const ALL_UNITS: u8 = u8::MAX;
    /// The whole unit.
    pub const ALL_FRAGMENTS: u16 = u16::MAX;
}

/// Iterates over nacks, see [`Feedback::nacks`].
#[derive(Clone, Copy, Debug)]
pub struct Nacks<'a> {
    bytes: &'a [u8],
}

impl Iterator for Nacks<'_> {
    type Item = Nack;

    fn next(&mut self) -> Option<Nack> {
        let (entry, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        let [a, b, c, d, unit, track, e, f] = *entry;
        Some(Nack {
            frame: u32::from_be_bytes([a, b, c, d]),
            unit,
            track,
            fragment: u16::from_be_bytes([e, f]),
        })
    }
}

/// A feedback datagram to be written. Fields are those of [`Feedback`].
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of Feedback")]
pub struct WriteFeedback<'a> {
    pub flags: FeedbackFlags,
    pub report: u16,
    pub base_seq: u32,
    pub base_time: u64,
    pub decoded: u32,
    pub decoded_set: u32,
    pub decode_queue: u8,
    pub lost: u32,
    pub late: u32,
    pub dropped: u32,
    /// At most 512; the rest is left out. Spans over 2.09 s are written as 2.09 s.
    pub arrivals: &'a [Option<u64>],
    /// At most 64; the rest is left out.
    pub nacks: &'a [Nack],
}

impl WriteFeedback<'_> {
    /// Appends the datagram's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let arrivals = self
            .arrivals
            .get(..self.arrivals.len().min(FEEDBACK_PACKETS_MAX))
            .unwrap_or_default();
        let nacks = self
            .nacks
            .get(..self.nacks.len().min(FEEDBACK_NACKS_MAX))
            .unwrap_or_default();
        out.push(Kind::Feedback.first_byte());
        out.push(u8::from(self.flags.want_idr) | u8::from(self.flags.want_recovery) << 1);
        out.extend_from_slice(&self.report.to_be_bytes());
        out.extend_from_slice(&self.base_seq.to_be_bytes());
        out.extend_from_slice(&self.base_time.to_be_bytes());
        out.extend_from_slice(&self.decoded.to_be_bytes());
        out.extend_from_slice(&self.decoded_set.to_be_bytes());
        out.extend_from_slice(&u16::try_from(arrivals.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.push(u8::try_from(nacks.len()).unwrap_or(u8::MAX));
        out.push(self.decode_queue);
        for counter in [self.lost, self.late, self.dropped] {
            out.extend_from_slice(&counter.to_be_bytes());
        }
        for arrival in arrivals {
            let ticks = arrival.map_or(NOT_ARRIVED, |us| {
                u16::try_from(us / TICK_US)
                    .unwrap_or(u16::MAX)
                    .min(NOT_ARRIVED - 1)
            });
            out.extend_from_slice(&ticks.to_be_bytes());
        }
        for nack in nacks {
            out.extend_from_slice(&nack.frame.to_be_bytes());
            out.extend_from_slice(&[nack.unit, nack.track]);
            out.extend_from_slice(&nack.fragment.to_be_bytes());
        }
    }
}
