//! Software AV1 by libaom, as it is made for calls: one picture in, one temporal unit out.
//!
//! ```text
//! Surface -> ffi::Handle::encode -> one temporal unit -> Reading -> Sink
//! ```
//!
//! Why libaom and not SVT-AV1: `docs/decisions/0031-av1-by-libaom.md`.
//!
//! Invariants: real-time usage without lookahead, so nothing is kept back; key frames where they were asked for and nowhere else; a
//! sequence header in each; the rate is changed in the running encoder.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

#[expect(
    unsafe_code,
    reason = "libaom is a C library; all calls to it are in this module"
)]
mod ffi;

use firstlight_encoder::{
    Abilities, AccessUnit, Backend, Codec, Config, Error, How, Latest, Reading, Sink, Surface, rate,
};
use firstlight_units::FrameId;

/// libaom, opened for one stream.
#[derive(Debug)]
pub struct Aom {
    handle: ffi::Handle,
    reading: Reading,
    codec: String,
    latest: Latest,
}

impl Aom {
    /// Opens an encoder.
    ///
    /// # Errors
    /// When the library refuses the configuration.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let mut handle = ffi::Handle::open(config)?;
        let mut reading = Reading::new(Codec::Av1);
        // Its first key frame says what the stream is called; it goes nowhere.
        reading.read(handle.grey()?).map_err(failed)?;
        Ok(Self {
            handle,
            codec: reading.codec().to_owned(),
            reading,
            latest: Latest::default(),
        })
    }
}

impl Backend for Aom {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> &str {
        &self.codec
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            codec: Codec::Av1,
            recovers: false,
            caps: false,
            refines: true,
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
        self.handle.hold_to_quality(how.refine.map(|refine| refine.qp))?;
        let nals = self.handle.encode(surface.planes(), surface.strides(), asked)?;
        let said = self.reading.read(nals).map_err(failed)?;
        let (bytes, reference) = self.latest.finish(nals, said.idr, sink);
        Ok(AccessUnit {
            idr: said.idr,
            bytes,
            qp: self.handle.quantizer()?,
            reference,
        })
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        self.handle.set_rate(plan)
    }

    fn resize(&mut self, config: &Config) -> Result<(), Error> {
        *self = Self {
            latest: self.latest.opened_anew(),
            ..Self::open(config)?
        };
        Ok(())
    }

    /// Its references are its own affair: what was lost since the IDR costs another.
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
const NAME: &str = "libaom";
