//! The encoder that every algorithm gets: what it makes of a target, frame by frame, and what became of each frame.

use crate::encoder::{Encoder, What};
use crate::path::START;
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// A picture's time: 60 a second.
pub const INTERVAL: Micros = Micros::new(16_667);
/// The range that an encoder of any algorithm has.
pub const BITRATE_MIN: Bitrate = Bitrate::mbps(1);
/// See [`BITRATE_MIN`].
pub const BITRATE_MAX: Bitrate = Bitrate::mbps(50);
/// What everybody begins with.
pub const BITRATE_START: Bitrate = Bitrate::mbps(8);

/// How the next picture is to be encoded.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The target.
    pub bitrate: Bitrate,
    /// A decoder can start here.
    pub idr: bool,
    /// Most bytes that it may have; without one the encoder's buffer bounds it.
    pub most: Option<ByteCount>,
    /// Predict from this one instead of the one before; ignored where it is out of the encoder's buffer (then it is an IDR).
    pub reference: Option<u64>,
}

/// An access unit, as sizes go.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    /// Counts from 1.
    pub frame: u64,
    /// What it needs; itself for an IDR.
    pub reference: u64,
    /// A decoder can start here.
    pub idr: bool,
    /// It predicts from something older than the one before.
    pub recovery: bool,
    /// NAL bytes.
    pub size: ByteCount,
}

/// What became of an access unit.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// When its picture was committed.
    pub captured_at: Timestamp,
    /// NAL bytes.
    pub size: ByteCount,
    /// When the player could decode it.
    pub decoded_at: Option<Timestamp>,
    /// It was an IDR.
    pub idr: bool,
}

/// Draws pictures and encodes them.
#[derive(Debug)]
pub struct Source {
    encoder: Encoder,
    frames: Vec<Frame>,
}

impl Source {
    /// A source whose pictures and sizes follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            encoder: Encoder::new(seed),
            frames: Vec::new(),
        }
    }

    /// Encodes the picture of `now`.
    pub fn encode(&mut self, now: Timestamp, order: Order) -> Encoded {
        let frame = self.frames.len() as u64 + 1;
        let kept = order.reference.filter(|r| frame.saturating_sub(*r) <= DPB);
        let idr = order.idr || frame == 1 || (order.reference.is_some() && kept.is_none());
        let recovery = !idr && kept.is_some_and(|r| r + 1 != frame);
        let reference = if idr { frame } else { kept.unwrap_or(frame - 1) };
        let what = match (idr, recovery) {
            (true, _) => What::Idr,
            (false, true) => What::Recovery,
            (false, false) => What::Ordinary,
        };
        // The clip goes on while pictures are left out.
        let picture = now.since(START).as_micros() / INTERVAL.as_micros();
        let picture = usize::try_from(picture).unwrap_or(0);
        let size = self.encoder.encode(
            picture,
            order.bitrate.clamp(BITRATE_MIN, BITRATE_MAX),
            what,
            order.most,
        );
        self.frames.push(Frame {
            captured_at: now,
            size,
            decoded_at: None,
            idr,
        });
        Encoded {
            frame,
            reference,
            idr,
            recovery,
            size,
        }
    }

    /// The player could decode this access unit.
    pub fn on_decoded(&mut self, now: Timestamp, frame: u64) {
        let index = usize::try_from(frame).unwrap_or(0).wrapping_sub(1);
        if let Some(frame) = self.frames.get_mut(index) {
            frame.decoded_at.get_or_insert(now);
        }
    }

    /// All access units so far.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

/// Pictures that an encoder keeps to predict from.
const DPB: u64 = 16;
