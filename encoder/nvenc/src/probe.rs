//! What the machine's cards can encode.

use crate::driver::Driver;
use crate::session::Session;
use crate::{Error, context};
use firstlight_nvenc_sys as sys;
use std::sync::Arc;

/// A codec that a card encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264, which this crate uses.
    H264,
    /// HEVC.
    Hevc,
    /// AV1.
    Av1,
}

impl Codec {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
        }
    }
}

/// What a card can do with H.264.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Pixels.
    pub width_min: u32,
    /// Pixels.
    pub height_min: u32,
    /// Pixels.
    pub width_max: u32,
    /// Pixels.
    pub height_max: u32,
    /// Another bitrate while it runs.
    pub bitrate_change: bool,
    /// Another size while it runs.
    pub size_change: bool,
    /// A VBV of our size.
    pub own_vbv: bool,
    /// To predict from what came before a loss.
    pub invalidation: bool,
    /// To keep more than one picture to predict from.
    pub several_references: bool,
    /// To mend a loss by bands of intra blocks.
    pub intra_refresh: bool,
    /// To hand out slices before the picture is done.
    pub slices_as_ready: bool,
    /// Ten bits a sample.
    pub ten_bits: bool,
    /// Chroma as fine as luma.
    pub full_chroma: bool,
    /// Long-term references at most.
    pub long_term: u32,
}

/// A card with an encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// CUDA's number of it.
    pub ordinal: i32,
    /// What it calls itself.
    pub name: String,
    /// What it encodes.
    pub codecs: Vec<Codec>,
    /// What it can do with H.264.
    pub abilities: Abilities,
}

impl Device {
    /// One line for people.
    #[must_use]
    pub fn words(&self) -> String {
        let codecs: Vec<&str> = self.codecs.iter().map(|codec| codec.name()).collect();
        let also = [
            (self.abilities.invalidation, "reference invalidation"),
            (self.abilities.intra_refresh, "intra refresh"),
            (self.abilities.ten_bits, "10 bits"),
            (self.abilities.full_chroma, "4:4:4"),
        ];
        let also: Vec<&str> = also
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect();
        format!(
            "{} encodes {} up to {}x{} with {}",
            self.name,
            codecs.join(", "),
            self.abilities.width_max,
            self.abilities.height_max,
            if also.is_empty() {
                "nothing more".to_owned()
            } else {
                also.join(", ")
            }
        )
    }
}

/// The cards that can encode what this crate makes, by CUDA's numbers. Opens a session on each for a moment.
///
/// # Errors
/// When there is none: why the first card has no encoder.
pub fn probe(driver: &Arc<Driver>) -> Result<Vec<Device>, Error> {
    let mut devices = Vec::new();
    let mut why = Error::NoDevice;
    for ordinal in (0..context::count(driver)?).rev() {
        match device(driver, ordinal) {
            Ok(device) => devices.insert(0, device),
            Err(error) => why = error,
        }
    }
    if devices.is_empty() { Err(why) } else { Ok(devices) }
}

/// How many sessions more the card takes, `most` at most: opened, counted and closed again.
///
/// # Errors
/// When the card fails in another way than that it is full.
pub fn free_sessions(driver: &Arc<Driver>, ordinal: i32, most: usize) -> Result<usize, Error> {
    let mut open = Vec::new();
    while open.len() < most {
        match Session::open(driver, ordinal) {
            Ok(session) => open.push(session),
            Err(Error::OutOfSessions { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(open.len())
}

fn device(driver: &Arc<Driver>, ordinal: i32) -> Result<Device, Error> {
    let session = Session::open(driver, ordinal)?;
    let found = session.codecs()?;
    let known = [
        (sys::CODEC_H264, Codec::H264),
        (sys::CODEC_HEVC, Codec::Hevc),
        (sys::CODEC_AV1, Codec::Av1),
    ];
    let codecs: Vec<Codec> = known
        .into_iter()
        .filter_map(|(guid, codec)| found.contains(&guid).then_some(codec))
        .collect();
    if !codecs.contains(&Codec::H264) {
        return Err(Error::NoEngine {
            device: session.device().to_owned(),
            detail: "no H.264 among what it encodes".to_owned(),
        });
    }
    Ok(Device {
        ordinal,
        name: session.device().to_owned(),
        codecs,
        abilities: session.abilities(sys::CODEC_H264)?,
    })
}
