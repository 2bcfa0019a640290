//! NVENC as a [`Backend`].

use crate::Error;
use crate::driver::Driver;
use crate::probe::Abilities;
use crate::session::{Running, Session};
use crate::settings::Settings;
use firstlight_encoder::h264::Stream;
use firstlight_encoder::still::QP_SHARP;
use firstlight_encoder::{AccessUnit, Backend, Codec, Config, How, Preset as Time, Sink, Surface, rate};
use firstlight_nvenc_sys as sys;
use firstlight_units::FrameId;
use std::sync::Arc;

/// What [`Backend::name`] says.
pub(crate) const NAME: &str = "NVENC";

/// How a stream is encoded, beside its configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// CUDA's number of the card; 0, the fastest, by default.
    pub ordinal: i32,
    /// Time against quality; by default what the configuration's preset asks for.
    pub preset: Option<Preset>,
    /// How pictures reach the card.
    pub input: Input,
    /// Mends losses by bands of intra blocks over this many pictures, again and again; 0, none, by default. Each picture then
    /// has fewer bits for what moves.
    pub intra_refresh: u16,
}

/// NVIDIA's presets, as far as they suit a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The fastest.
    P1,
    /// Slower.
    P2,
    /// Slower.
    P3,
    /// About twice the time of [`Self::P1`].
    P4,
}

/// How pictures reach the card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// Written into memory that the driver gives out and copies from.
    #[default]
    Locked,
    /// Copied to memory of the device that is registered with the encoder: the way of pictures that are there already.
    Registered,
}

/// An encoder on an NVIDIA card.
#[derive(Debug)]
pub struct Nvenc {
    driver: Arc<Driver>,
    options: Options,
    running: Running,
    abilities: Abilities,
    stream: Stream,
    plan: rate::Plan,
    /// What the encoder holds to: the plan, and its lowest QP.
    held: (rate::Plan, u8),
    newest: FrameId,
    idr_due: bool,
}

impl Nvenc {
    /// Opens a session.
    ///
    /// # Errors
    /// When the card takes no further session, cannot do what a stream needs, or the driver fails.
    pub fn open(driver: &Arc<Driver>, config: &Config, options: Options) -> Result<Self, Error> {
        let session = Session::open(driver, options.ordinal)?;
        if !session.codecs()?.contains(&sys::CODEC_H264) {
            return Err(Error::NoEngine {
                device: session.device().to_owned(),
                detail: "no H.264 among what it encodes".to_owned(),
            });
        }
        let abilities = session.abilities(sys::CODEC_H264)?;
        needed(&abilities, config)?;
        let preset = options.preset.unwrap_or_else(|| match config.preset() {
            Time::Fastest => Preset::P1,
            Time::Fast => Preset::P4,
        });
        let plan = rate::plan(config.bitrate(), config, 1);
        let held = (plan.to_fill(), QP_SHARP);
        let settings = Settings::of(config, preset as usize, &abilities, options.intra_refresh);
        let running = Running::start(session, config, settings, held.0, held.1, options.input)?;
        let mut stream = Stream::new(usize::try_from(settings.references).unwrap_or(1));
        stream
            .read_parameters(&running.parameters()?)
            .map_err(|_| UNREADABLE)?;
        if stream.codec().is_empty() {
            return Err(UNREADABLE);
        }
        Ok(Self {
            driver: Arc::clone(driver),
            options,
            running,
            abilities,
            stream,
            plan,
            held,
            newest: FrameId::default(),
            idr_due: false,
        })
    }

    fn hold_to(&mut self, plan: rate::Plan, qp_min: u8) -> Result<(), Error> {
        if self.held != (plan, qp_min) {
            self.running.set_rate(plan, qp_min)?;
            self.held = (plan, qp_min);
        }
        Ok(())
    }
}

/// What a stream cannot do without.
fn needed(abilities: &Abilities, config: &Config) -> Result<(), Error> {
    let (width, height) = (u32::from(config.width()), u32::from(config.height()));
    let within = (abilities.width_min..=abilities.width_max).contains(&width)
        && (abilities.height_min..=abilities.height_max).contains(&height);
    if !within {
        return Err(Error::Lacks("encode pictures of this size"));
    }
    if !abilities.bitrate_change {
        return Err(Error::Lacks("change its bitrate while it runs"));
    }
    if !abilities.own_vbv {
        return Err(Error::Lacks("hold each picture to one frame's time"));
    }
    Ok(())
}

const UNREADABLE: Error = Error::Contract("parameter sets that cannot be read");

impl Backend for Nvenc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> &str {
        self.stream.codec()
    }

    fn abilities(&self) -> firstlight_encoder::Abilities {
        firstlight_encoder::Abilities {
            codec: Codec::H264,
            recovers: self.abilities.invalidation && self.abilities.several_references,
            caps: true,
            refines: true,
        }
    }

    fn encode(
        &mut self,
        surface: &Surface,
        frame: FrameId,
        how: How,
        sink: &mut Sink<'_>,
    ) -> Result<AccessUnit, firstlight_encoder::Error> {
        if frame <= self.newest {
            return Err(firstlight_encoder::Error::Order {
                frame,
                newest: self.newest,
            });
        }
        self.newest = frame;
        let qp_min = how.refine.map_or(QP_SHARP, |refine| refine.qp);
        self.hold_to(self.plan.for_one(how).to_fill(), qp_min)?;
        let idr = how.idr || self.idr_due;
        let (stream, mut seen) = (&mut self.stream, None);
        let made = self.running.encode(surface, frame.get(), idr, &mut |bytes| {
            seen = Some(stream.read(frame, bytes))
        })?;
        let seen = seen.ok_or(Error::Contract("a picture without bytes"))??;
        if idr && !seen.idr {
            return Err(Error::Contract("no IDR where one was asked for").into());
        }
        self.idr_due = false;
        self.stream.units(sink);
        Ok(AccessUnit {
            idr: seen.idr,
            bytes: seen.bytes,
            qp: u8::try_from(made.qp).unwrap_or(u8::MAX),
            reference: seen.reference,
        })
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), firstlight_encoder::Error> {
        self.hold_to(plan.to_fill(), QP_SHARP)?;
        self.plan = plan;
        Ok(())
    }

    fn resize(&mut self, config: &Config) -> Result<(), firstlight_encoder::Error> {
        if self.abilities.size_change && self.running.resize(config)? {
            self.stream
                .read_parameters(&self.running.parameters()?)
                .map_err(|_| UNREADABLE)?;
            self.idr_due = true;
        } else {
            let newest = self.newest;
            *self = Self {
                newest,
                ..Self::open(&self.driver, config, self.options)?
            };
        }
        Ok(())
    }

    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, firstlight_encoder::Error> {
        let lost: Vec<FrameId> = self.stream.since(first_lost).collect();
        let possible = self.abilities.invalidation && self.stream.invalidate(first_lost);
        if !possible {
            self.idr_due = true;
            return Ok(false);
        }
        for frame in lost {
            self.running.invalidate(frame.get())?;
        }
        Ok(true)
    }
}
