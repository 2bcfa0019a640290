//! A backend that breaks the contract: it gives out what it was given one call ago.

use super::software;
use firstlight_encoder::{
    Abilities, AccessUnit, Backend, Config, Encoder, Error, How, Sink, Surface, Unit, rate,
};
use firstlight_units::FrameId;

/// An encoder that holds each picture back until the next.
pub(crate) fn late(config: Config) -> Encoder {
    Encoder::with_backend(
        config,
        Box::new(Late {
            real: software(config),
            config,
            before: None,
        }),
    )
}

/// A real encoder whose pictures pass through a queue of one.
#[derive(Debug)]
struct Late {
    real: Encoder,
    config: Config,
    before: Option<Vec<u8>>,
}

impl Backend for Late {
    fn name(&self) -> &'static str {
        "late"
    }

    fn codec(&self) -> &str {
        self.real.codec()
    }

    fn abilities(&self) -> Abilities {
        self.real.abilities()
    }

    fn encode(
        &mut self,
        surface: &Surface,
        frame: FrameId,
        how: How,
        sink: &mut Sink<'_>,
    ) -> Result<AccessUnit, Error> {
        // The luma plane as a grey picture: enough to tell pictures apart.
        let (stride, _) = surface.strides();
        let (width, height) = (
            usize::from(self.config.width()),
            usize::from(self.config.height()),
        );
        let mut grey = Vec::with_capacity(width * height * 4);
        for row in surface.planes()[0].chunks_exact(stride).take(height) {
            grey.extend(row[..width].iter().flat_map(|&y| [y, y, y, 0]));
        }
        let shown = self.before.replace(grey.clone()).unwrap_or(grey);
        self.real.load(firstlight_encoder::Picture {
            bgrx: &shown,
            stride: width * 4,
        })?;
        self.real.encode(frame, how, &mut |unit: Unit<'_>| sink(unit))
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        self.real.set_bitrate(plan.target)
    }

    fn resize(&mut self, config: &Config) -> Result<(), Error> {
        self.real = software(*config);
        self.config = *config;
        Ok(())
    }

    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error> {
        self.real.invalidate(first_lost)
    }
}
