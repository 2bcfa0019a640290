//! The platforms' own encoders, through GStreamer.
//!
//! ```text
//! Surface -> one buffer -> appsrc ! element ! appsink -> Reading -> Sink
//! ```
//!
//! One pipeline for each open encoder, and one picture in it at a time: what went in is waited for before the next goes in, so that
//! nothing queues. `elements` is the table of what is known, `pipeline` the mechanism, this file the backend.
//!
//! Invariants: an element is used only with settings under which it was seen, or is documented, to give out a picture before it
//! takes the next; its first access unit is made when it is opened, so that one without its hardware is refused there and not in
//! mid-session; a picture that does not come in time is an error, and never waited for twice.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod elements;
mod pipeline;

pub use elements::{ELEMENTS, Element, Knob, RateKnob, Value};

use firstlight_encoder::{
    Abilities, AccessUnit, Backend, Config, Error, How, Latest, Reading, Sink, Surface, likely_qp, rate,
};
use firstlight_units::FrameId;
use pipeline::Pipeline;

/// What is installed of an element; opening it says whether it works.
///
/// # Errors
/// Why it is not there.
pub fn installed(element: &'static Element) -> Result<(), Error> {
    pipeline::factory(element).map(drop)
}

/// An element, opened for one stream.
#[derive(Debug)]
pub struct Gstreamer {
    element: &'static Element,
    pipeline: Pipeline,
    config: Config,
    reading: Reading,
    codec: String,
    plan: rate::Plan,
    latest: Latest,
}

impl Gstreamer {
    /// Opens an element of [`ELEMENTS`], and has it encode one grey picture.
    ///
    /// # Errors
    /// When it is not installed, refuses the size or a setting, or gives nothing out.
    pub fn open(element: &'static Element, config: &Config) -> Result<Self, Error> {
        let mut pipeline = Pipeline::open(element, config)?;
        let mut reading = Reading::new(element.codec);
        let plan = rate::plan(config.bitrate(), config, 1);
        pipeline.set_rate(plan)?;
        let first = pipeline.grey()?;
        let unavailable = |words: &str| Error::Unavailable {
            backend: element.word,
            words: words.to_owned(),
        };
        let said = reading.read(first.as_slice()).map_err(unavailable)?;
        if !said.idr {
            return Err(unavailable("its first picture is no IDR"));
        }
        Ok(Self {
            element,
            codec: reading.codec().to_owned(),
            pipeline,
            config: *config,
            reading,
            plan,
            latest: Latest::default(),
        })
    }

    fn blocks(&self) -> u64 {
        u64::from(self.config.width().div_ceil(16)) * u64::from(self.config.height().div_ceil(16))
    }
}

impl Backend for Gstreamer {
    fn name(&self) -> &'static str {
        self.element.word
    }

    fn codec(&self) -> &str {
        &self.codec
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            codec: self.element.codec,
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
        let asked = self.latest.begin(frame, how)?;
        if asked && self.element.reopens {
            self.pipeline = Pipeline::open(self.element, &self.config)?;
            self.pipeline.set_rate(self.plan)?;
        }
        let unit = self.pipeline.encode(surface, asked && !self.element.reopens)?;
        let nals = unit.as_slice();
        let failed = |words: &str| Error::Failed {
            backend: self.element.word,
            words: words.to_owned(),
        };
        let said = self.reading.read(nals).map_err(failed)?;
        if asked && !said.idr {
            return Err(failed("it gave no IDR where one was asked for"));
        }
        let (bytes, reference) = self.latest.finish(nals, said.idr, sink);
        Ok(AccessUnit {
            idr: said.idr,
            bytes,
            qp: said
                .qp
                .unwrap_or_else(|| likely_qp(bytes, self.plan.cap, self.blocks())),
            reference,
        })
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        if plan != self.plan {
            self.pipeline.set_rate(plan)?;
            self.plan = plan;
        }
        Ok(())
    }

    fn resize(&mut self, config: &Config) -> Result<(), Error> {
        *self = Self {
            latest: self.latest.opened_anew(),
            ..Self::open(self.element, config)?
        };
        Ok(())
    }

    /// An element predicts from its newest picture: what was lost since the IDR costs another.
    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error> {
        Ok(self.latest.invalidate(first_lost))
    }
}
