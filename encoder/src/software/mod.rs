//! Software H.264 by libx264.
//!
//! ```text
//! Surface -> ffi::Handle::encode -> NAL units (from x264's threads) -> gather -> Sink
//! ```
//!
//! Invariants: constant quality held under a VBV of one frame, so nothing is looked ahead at and nothing is kept back;
//! POC type 2, so a decoder shows each picture at once; one reference out of a buffer of sixteen, so a lost picture
//! costs a longer motion vector and no IDR; parameter sets in the same unit as an IDR's first slice.

#[expect(
    unsafe_code,
    reason = "libx264 is a C library; all calls to it are in this module"
)]
mod ffi;
mod gather;
mod settings;

use crate::h264::{SliceHeader, Sps};
use crate::references::References;
use crate::{Abilities, AccessUnit, Backend, Codec, Config, Error, How, Sink, Surface, rate};
use firstlight_units::FrameId;

/// libx264, opened for one stream.
#[derive(Debug)]
pub(crate) struct Software {
    handle: ffi::Handle,
    sps: Sps,
    init_qp: i32,
    codec: String,
    references: References,
    plan: rate::Plan,
    newest: FrameId,
}

impl Software {
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let settings = settings::Settings::of(config);
        let (sps, init_qp) = ffi::parameter_sets(config, &settings)?;
        let handle = ffi::Handle::open(config, &settings)?;
        let references = References::default();
        Ok(Self {
            handle,
            sps,
            init_qp,
            codec: sps.codec(),
            references,
            plan: rate::plan(config.bitrate, config, 1),
            newest: FrameId::default(),
        })
    }
}

impl Backend for Software {
    fn name(&self) -> &'static str {
        "libx264"
    }

    fn codec(&self) -> &str {
        &self.codec
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            codec: Codec::H264,
            recovers: true,
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
    ) -> Result<AccessUnit, Error> {
        if frame <= self.newest {
            return Err(Error::Order {
                frame,
                newest: self.newest,
            });
        }
        self.newest = frame;
        // The library takes a smaller VBV at once, and refills it within the picture after.
        let own = self.plan.for_one(how);
        if own != self.plan {
            self.handle.set_rate(own)?;
        }
        let made = self.handle.encode(surface, frame, how, sink)?;
        let slice = SliceHeader::parse(made.first_slice(), &self.sps)
            .ok_or(Error::Contract("an unreadable slice"))?;
        let reference = if slice.idr {
            frame
        } else {
            let back = usize::try_from(slice.back).unwrap_or(usize::MAX);
            self.references
                .back(back)
                .ok_or(Error::Contract("a reference that was never encoded"))?
        };
        self.references.push(frame, slice.idr);
        let bytes = made.bytes.into();
        if own != self.plan {
            self.handle.set_rate(self.plan)?;
        }
        let qp = u8::try_from(self.init_qp.saturating_add(slice.qp_delta)).unwrap_or(0);
        Ok(AccessUnit {
            idr: slice.idr,
            bytes,
            qp,
            reference,
        })
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        self.handle.set_rate(plan)?;
        self.plan = plan;
        Ok(())
    }

    fn resize(&mut self, config: &Config) -> Result<(), Error> {
        *self = Self {
            newest: self.newest,
            ..Self::open(config)?
        };
        Ok(())
    }

    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error> {
        self.handle.invalidate(first_lost)?;
        Ok(self.references.invalidate(first_lost))
    }
}
