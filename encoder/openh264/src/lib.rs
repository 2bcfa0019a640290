//! Software H.264 by OpenH264, built in: what stands in where libx264's licence does not suit.
//!
//! ```text
//! Surface -> openh264 -> one access unit -> Reading -> Sink
//! ```
//!
//! Invariants: no picture is skipped, whatever it costs, since one that is skipped never comes out; IDRs where they were asked for and
//! nowhere else; one slice, one unit.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

#[expect(
    unsafe_code,
    reason = "the binding has no safe call for a new rate, nor for silence; this module has nothing else"
)]
mod ffi;

use firstlight_encoder::{
    Abilities, AccessUnit, Backend, Codec, Config, Error, How, Latest, Preset, Reading, Sink, Surface,
    likely_qp, rate,
};
use firstlight_units::FrameId;
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, Level, Profile, QpRange,
    RateControlMode, UsageType,
};
use openh264::formats::YUVSource;
use std::fmt;

/// OpenH264, opened for one stream.
pub struct Openh264 {
    encoder: Encoder,
    reading: Reading,
    codec: String,
    config: Config,
    plan: rate::Plan,
    /// One access unit; kept, so that it is allocated once.
    unit: Vec<u8>,
    latest: Latest,
}

impl fmt::Debug for Openh264 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Openh264")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Openh264 {
    /// Opens an encoder, and has it encode one grey picture: that says what the stream is called.
    ///
    /// # Errors
    /// When the library refuses the configuration.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let unavailable = |words: String| Error::Unavailable { backend: NAME, words };
        let plan = rate::plan(config.bitrate(), config, 1);
        let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), settings(config, plan))
            .map_err(|error| unavailable(error.to_string()))?;
        ffi::silence(&mut encoder);
        let mut reading = Reading::new(Codec::H264);
        let even = |side: u16| usize::from(side.next_multiple_of(2));
        let (width, height) = (even(config.width()), even(config.height()));
        let grey = vec![128; width * height];
        let picture = Planes {
            planes: [&grey, &grey, &grey],
            size: (width, height),
            strides: (width, width / 2),
        };
        let first = encoder
            .encode(&picture)
            .map_err(|error| unavailable(error.to_string()))?
            .to_vec();
        reading
            .read(&first)
            .map_err(|words| unavailable(words.to_owned()))?;
        Ok(Self {
            encoder,
            codec: reading.codec().to_owned(),
            reading,
            config: *config,
            plan,
            unit: Vec::with_capacity(FIRST_CAPACITY),
            latest: Latest::default(),
        })
    }
}

fn settings(config: &Config, plan: rate::Plan) -> EncoderConfig {
    let complexity = match config.preset() {
        Preset::Fastest => Complexity::Low,
        Preset::Fast => Complexity::Medium,
    };
    EncoderConfig::new()
        .bitrate(BitRate::from_bps(ffi::bits(plan)))
        .max_frame_rate(FrameRate::from_hz(f32::from(config.fps())))
        .rate_control_mode(RateControlMode::Bitrate)
        .usage_type(UsageType::CameraVideoRealTime)
        .skip_frames(false)
        .profile(Profile::Baseline)
        // As libx264's: the level that the library would take for the size carries too little, and it refuses what is over it.
        .level(Level::Level_5_0)
        .complexity(complexity)
        .qp(QpRange::new(QP_MIN, QP_MAX))
        .scene_change_detect(false)
        .background_detection(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(0))
        // One slice: more threads would have nothing to do.
        .num_threads(1)
}

/// Planes as the binding takes them.
struct Planes<'a> {
    planes: [&'a [u8]; 3],
    size: (usize, usize),
    strides: (usize, usize),
}

impl YUVSource for Planes<'_> {
    fn dimensions(&self) -> (usize, usize) {
        self.size
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.strides.0, self.strides.1, self.strides.1)
    }

    fn y(&self) -> &[u8] {
        self.planes[0]
    }

    fn u(&self) -> &[u8] {
        self.planes[1]
    }

    fn v(&self) -> &[u8] {
        self.planes[2]
    }
}

impl Backend for Openh264 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> &str {
        &self.codec
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            codec: Codec::H264,
            recovers: false,
            caps: false,
            refines: false,
        }
    }

    fn encode(
        &mut self,
        surface: &Surface,
        frame: FrameId,
        how: How,
        sink: &mut Sink<'_>,
    ) -> Result<AccessUnit, Error> {
        if self.latest.begin(frame, how)? {
            self.encoder.force_intra_frame();
        }
        let picture = Planes {
            planes: surface.planes(),
            size: (surface.width().into(), surface.height().into()),
            strides: surface.strides(),
        };
        let coded = self
            .encoder
            .encode(&picture)
            .map_err(|error| failed(&error.to_string()))?;
        self.unit.clear();
        coded.write_vec(&mut self.unit);
        let said = self.reading.read(&self.unit).map_err(failed)?;
        let (bytes, reference) = self.latest.finish(&self.unit, said.idr, sink);
        let blocks = u64::from(surface.width().div_ceil(16)) * u64::from(surface.height().div_ceil(16));
        Ok(AccessUnit {
            idr: said.idr,
            bytes,
            qp: said.qp.unwrap_or_else(|| likely_qp(bytes, self.plan.cap, blocks)),
            reference,
        })
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        if ffi::set_rate(&mut self.encoder, plan) {
            self.plan = plan;
            Ok(())
        } else {
            Err(failed("it refuses the rate"))
        }
    }

    fn resize(&mut self, config: &Config) -> Result<(), Error> {
        *self = Self {
            latest: self.latest.opened_anew(),
            ..Self::open(config)?
        };
        Ok(())
    }

    /// It predicts from its newest picture: what was lost since the IDR costs another.
    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error> {
        Ok(self.latest.invalidate(first_lost))
    }
}

fn failed(words: &str) -> Error {
    Error::Failed {
        backend: NAME,
        words: words.to_owned(),
    }
}

/// For people, and in errors.
const NAME: &str = "openh264";
/// As the other backends: below it nobody sees a difference, above it parts of a picture would stay as they were.
const QP_MIN: u8 = 12;
const QP_MAX: u8 = 51;
/// More than a picture has at the rates of homes.
const FIRST_CAPACITY: usize = 256 << 10;
