//! The header of video, audio, padding and parity (docs/PROTOCOL.md, 2.1 and 2.5).

use crate::reader::Reader;
use crate::{Error, Kind};

/// Bytes of the media header.
pub const MEDIA_HEADER_BYTES: usize = 40;
/// Most fragments of a unit: a 1.2 MB unit, many times the largest IDR.
pub const FRAGMENTS_MAX: u16 = 1024;

/// Most fragments of a unit that has parity.
pub const PARITY_DATA_MAX: u16 = 200;
/// Most parity packets of a unit: with the fragments they are the 255 elements of the field.
pub const PARITY_MAX: u16 = 55;
/// Bytes of a parity packet between the header and the shard.
pub const PARITY_PREFIX_BYTES: usize = 4;

/// Which of a session's streams a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Track {
    /// The picture.
    Video = 0,
    /// The sound.
    Audio = 1,
}

/// The flags of a media packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Part of an IDR.
    pub idr: bool,
    /// Part of the last unit of its access unit.
    pub last_unit: bool,
    /// Predicts only from an access unit that the client has acknowledged.
    pub recovery: bool,
    /// Sent before under another packet seq.
    pub repeat: bool,
    /// Video: refines a picture that did not change. Audio: digital silence, of which the rest may not be sent.
    pub still: bool,
}

impl Flags {
    const fn to_byte(self) -> u8 {
        self.idr as u8
            | (self.last_unit as u8) << 1
            | (self.recovery as u8) << 2
            | (self.repeat as u8) << 3
            | (self.still as u8) << 4
    }

    const fn from_byte(byte: u8) -> Self {
        Self {
            idr: byte & 1 != 0,
            last_unit: byte & 2 != 0,
            recovery: byte & 4 != 0,
            repeat: byte & 8 != 0,
            still: byte & 16 != 0,
        }
    }
}

/// The header of a media packet. Counters are the low 32 bits; times are microseconds of the sender's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHeader {
    /// [`Kind::Video`], [`Kind::Audio`], [`Kind::Padding`] or [`Kind::Parity`].
    pub kind: Kind,
    /// See [`Flags`].
    pub flags: Flags,
    /// Player in a party; 0 so far.
    pub participant: u8,
    /// See [`Track`].
    pub track: u8,
    /// Counts every media packet of the attachment.
    pub packet_seq: u32,
    /// When the packet was handed to the socket.
    pub sent_at: u64,
    /// The access unit, or the audio frame.
    pub frame: u32,
    /// The newest access unit this one needs; itself for an IDR and for audio.
    pub reference: u32,
    /// When the picture was committed, or the first sample recorded.
    pub captured_at: u64,
    /// Key of the payload's seal; 0: none.
    pub key_epoch: u16,
    /// Which unit of the access unit.
    pub unit: u8,
    /// Which fragment of the unit; of parity: which of its parity packets.
    pub fragment: u16,
    /// How many fragments the unit has, 1 to 1024.
    pub fragments: u16,
}

impl MediaHeader {
    /// Splits a datagram into header and payload.
    ///
    /// # Errors
    /// When it is too short, of another version or kind, or its fragment counts are impossible.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), Error> {
        let kind = match Kind::of(datagram)? {
            kind @ (Kind::Video | Kind::Audio | Kind::Padding | Kind::Parity) => kind,
            other @ (Kind::ClockReply
            | Kind::InputAck
            | Kind::Sealed
            | Kind::Input
            | Kind::Feedback
            | Kind::ClockRequest) => return Err(Error::Kind(other as u8)),
        };
        let mut r = Reader::new("a media header", datagram);
        r.skip(1)?;
        let flags = Flags::from_byte(r.u8()?);
        let (participant, track, packet_seq) = (r.u8()?, r.u8()?, r.u32()?);
        let (sent_at, frame, reference, captured_at) = (r.u64()?, r.u32()?, r.u32()?, r.u64()?);
        let (key_epoch, unit) = (r.u16()?, r.u8()?);
        r.skip(1)?;
        let (fragment, fragments) = (r.u16()?, r.u16()?);
        let (fragments_max, fragment_max) = if kind == Kind::Parity {
            (PARITY_DATA_MAX, PARITY_MAX)
        } else {
            (FRAGMENTS_MAX, fragments)
        };
        if fragments == 0 || fragments > fragments_max {
            return Err(Error::Field {
                field: "fragment count",
                value: fragments.into(),
            });
        }
        if fragment >= fragment_max {
            return Err(Error::Field {
                field: "fragment index",
                value: fragment.into(),
            });
        }
        let header = Self {
            kind,
            flags,
            participant,
            track,
            packet_seq,
            sent_at,
            frame,
            reference,
            captured_at,
            key_epoch,
            unit,
            fragment,
            fragments,
        };
        Ok((header, r.rest()))
    }

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; MEDIA_HEADER_BYTES] {
        let mut out = [0; MEDIA_HEADER_BYTES];
        out[0] = self.kind.first_byte();
        out[1] = self.flags.to_byte();
        out[2] = self.participant;
        out[3] = self.track;
        out[4..8].copy_from_slice(&self.packet_seq.to_be_bytes());
        out[8..16].copy_from_slice(&self.sent_at.to_be_bytes());
        out[16..20].copy_from_slice(&self.frame.to_be_bytes());
        out[20..24].copy_from_slice(&self.reference.to_be_bytes());
        out[24..32].copy_from_slice(&self.captured_at.to_be_bytes());
        out[32..34].copy_from_slice(&self.key_epoch.to_be_bytes());
        out[34] = self.unit;
        out[36..38].copy_from_slice(&self.fragment.to_be_bytes());
        out[38..40].copy_from_slice(&self.fragments.to_be_bytes());
        out
    }
}

/// What a parity packet holds after its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parity<'a> {
    /// Bytes of the unit.
    pub unit_bytes: u32,
    /// As long as each of the unit's fragments but the last.
    pub shard: &'a [u8],
}

impl<'a> Parity<'a> {
    /// Reads the payload of a parity packet of a unit of `fragments` fragments.
    ///
    /// # Errors
    /// When it is too short, or its shard has another length than the unit's fragments.
    pub fn parse(payload: &'a [u8], fragments: u16) -> Result<Self, Error> {
        let mut r = Reader::new("a parity payload", payload);
        let unit_bytes = r.u32()?;
        let shard = r.rest();
        let count = u32::from(fragments.max(1));
        if unit_bytes < count || usize::try_from(unit_bytes.div_ceil(count)) != Ok(shard.len()) {
            return Err(Error::Field {
                field: "unit length",
                value: unit_bytes.into(),
            });
        }
        Ok(Self { unit_bytes, shard })
    }
}
