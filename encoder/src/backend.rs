//! What an encoder implementation must be able to do.

use crate::{Config, Error, Surface, rate};
use firstlight_units::{ByteCount, FrameId};
use std::fmt::Debug;

/// Takes the units of an access unit as they are ready, in order.
///
/// `Send`, since a backend with threads of its own may call it from one of them, while the caller waits.
pub type Sink<'a> = dyn FnMut(Unit<'_>) + Send + 'a;

/// An encoder implementation. The contract (`encoder/contract`) says what each must do.
pub trait Backend: Send + Debug {
    /// Which implementation this is, for people.
    fn name(&self) -> &'static str;

    /// The codec string (RFC 6381) of the stream.
    fn codec(&self) -> &str;

    /// What it can do beyond what all must.
    fn abilities(&self) -> Abilities;

    /// Encodes `surface` as access unit `frame` and hands each unit to `sink` as soon as it is ready.
    ///
    /// `frame` rises from call to call.
    ///
    /// # Errors
    /// When the implementation fails or `frame` does not rise; the encoder is then to be opened anew.
    fn encode(
        &mut self,
        surface: &Surface,
        frame: FrameId,
        how: How,
        sink: &mut Sink<'_>,
    ) -> Result<AccessUnit, Error>;

    /// Holds to `plan` from the next access unit on.
    ///
    /// # Errors
    /// When the implementation refuses the rate.
    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error>;

    /// Goes on with pictures of this size; the next access unit is an IDR. On an error it goes on as before.
    ///
    /// # Errors
    /// When the implementation refuses the size.
    fn resize(&mut self, config: &Config) -> Result<(), Error>;

    /// Predicts from nothing that depends on `first_lost` or came after it. False: nothing older is left, the next
    /// access unit is an IDR.
    ///
    /// # Errors
    /// When the implementation fails.
    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error>;
}

/// A family of bitstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// H.264, in Annex B form.
    H264,
    /// AV1, as OBUs in the low-overhead form: a temporal unit for each access unit.
    Av1,
}

impl Codec {
    /// As it is called on a command line and in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Av1 => "av1",
        }
    }

    /// The family of a codec string (RFC 6381), where it is one that this crate knows.
    #[must_use]
    pub fn of(string: &str) -> Option<Self> {
        let family = string.split('.').next().unwrap_or_default();
        match family.to_ascii_lowercase().as_str() {
            "avc1" | "avc3" | "avc" | "h264" => Some(Self::H264),
            "av01" | "av1" => Some(Self::Av1),
            _ => None,
        }
    }
}

/// What a backend can do beyond what all must; what it cannot do is done without, as each field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// What it encodes to.
    pub codec: Codec,
    /// [`Backend::invalidate`] finds an older access unit to predict from. Without: each loss costs an IDR.
    pub recovers: bool,
    /// An access unit is held to [`How::bytes_max`]. Without: to the plan's cap, on average.
    pub caps: bool,
    /// A step of [`How::refine`] reaches the QP it asks for. Without: the kept picture is coded again as it comes.
    pub refines: bool,
}

/// How to encode one access unit; the default is an ordinary one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// As an IDR, where a decoder can start.
    pub idr: bool,
    /// As a step towards a sharp still picture.
    pub refine: Option<Refine>,
    /// Most bytes it may have, where that is less than the plan's cap. What cannot be coded with so few is larger all the same.
    pub bytes_max: Option<ByteCount>,
}

/// A step towards a sharp still picture, as [`still::Still`](crate::still::Still) decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refine {
    /// The QP to reach; rows go above it where the access unit would grow past the rate's cap.
    pub qp: u8,
    /// How many caps of the rate to reckon with, 1 to 4: more where little is left and each row is to have the QP.
    pub room: u8,
}

/// A part of an access unit that can be sent: one or more whole NAL units, or a whole temporal unit of AV1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    /// NAL units in Annex B form, each with its start code; of AV1: OBUs, each with its size.
    pub nals: &'a [u8],
    /// Which unit of the access unit, from 0.
    pub index: u8,
    /// The last of its access unit.
    pub last: bool,
}

/// One encoded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// A decoder can start here.
    pub idr: bool,
    /// All units together.
    pub bytes: ByteCount,
    /// QP that the rate control chose for the picture, on the scale of H.264 (0 to 51) whatever the codec; rows may differ where
    /// the cap demands it.
    pub qp: u8,
    /// The newest access unit it needs; itself for an IDR.
    pub reference: FrameId,
}
