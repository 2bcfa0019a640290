//! The kept surface and the backend that encodes it.

use crate::config::{BITRATE_MAX, BITRATE_MIN};
use crate::{Abilities, AccessUnit, Backend, Config, Error, How, Scale, Sink, Surface, rate};
use firstlight_units::{Bitrate, FrameId};

/// A raw picture as the display holds it.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Four bytes a pixel: blue, green, red, unused.
    pub bgrx: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// An encoder of one stream: the surface it keeps, and a backend.
#[derive(Debug)]
pub struct Encoder {
    surface: Surface,
    backend: Box<dyn Backend>,
    /// Of what is coded.
    config: Config,
    /// As drawn.
    drawn: (u16, u16),
    scale: Scale,
    rate: (Bitrate, u8),
}

/// This crate's own backend, opened.
///
/// # Errors
/// When it refuses, or the build has none.
pub fn software(config: &Config) -> Result<Box<dyn Backend>, Error> {
    #[cfg(feature = "x264")]
    return Ok(Box::new(crate::software::Software::open(config)?));
    #[cfg(not(feature = "x264"))]
    {
        let Config { .. } = config;
        Err(Error::NoBackend)
    }
}

impl Encoder {
    /// Opens this crate's own backend.
    ///
    /// # Errors
    /// When the backend refuses, or the build has none.
    pub fn open(config: Config) -> Result<Self, Error> {
        Ok(Self::with_backend(config, software(&config)?))
    }

    /// An encoder on a backend opened elsewhere.
    #[must_use]
    pub fn with_backend(config: Config, backend: Box<dyn Backend>) -> Self {
        Self {
            surface: Surface::new(config.width, config.height),
            backend,
            drawn: (config.width, config.height),
            scale: Scale::Whole,
            rate: (config.bitrate, 1),
            config,
        }
    }

    /// Which backend encodes, for people.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.backend.name()
    }

    /// The codec string (RFC 6381) of the stream.
    #[must_use]
    pub fn codec(&self) -> &str {
        self.backend.codec()
    }

    /// What the backend can do beyond what all must.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.backend.abilities()
    }

    /// Goes on with another backend, which `open` opens for what is coded at this moment: the kept surface, the size and the rate stay, and
    /// the next access unit is an IDR. On an error it goes on as before.
    ///
    /// # Errors
    /// When the backend cannot be opened, or refuses the rate.
    pub fn go_on_with(
        &mut self,
        open: impl FnOnce(&Config) -> Result<Box<dyn Backend>, Error>,
    ) -> Result<(), Error> {
        let (target, divisor) = self.rate;
        let config = Config {
            bitrate: target,
            ..self.config
        };
        let mut backend = open(&config)?;
        backend.set_rate(rate::plan(target, &config, divisor))?;
        (self.backend, self.config) = (backend, config);
        Ok(())
    }

    /// Takes a picture into the kept surface. False: it is identical to the one before, and nothing was done.
    ///
    /// # Errors
    /// When the picture does not cover the configured size.
    pub fn load(&mut self, picture: Picture<'_>) -> Result<bool, Error> {
        self.surface.load(picture)
    }

    /// Encodes the kept surface, new or not, as access unit `frame`, and hands its units to `sink` in order, each as
    /// soon as it is ready; perhaps from another thread, while the caller waits.
    ///
    /// # Errors
    /// Before the first picture, when `frame` does not rise, and when the backend fails.
    pub fn encode(&mut self, frame: FrameId, how: How, sink: &mut Sink<'_>) -> Result<AccessUnit, Error> {
        if self.surface.is_empty() {
            return Err(Error::NoPicture);
        }
        self.backend.encode(&self.surface, frame, how, sink)
    }

    /// Holds to this target from the next access unit on.
    ///
    /// # Errors
    /// When the target is out of the range of [`Builder::bitrate`](crate::Builder::bitrate).
    pub fn set_bitrate(&mut self, target: Bitrate) -> Result<(), Error> {
        self.set_rate(target, 1)
    }

    /// As [`Self::set_bitrate`], for a caller that encodes only each `divisor`th picture (see [`rate::divisor`]).
    ///
    /// # Errors
    /// When the target is out of range.
    pub fn set_rate(&mut self, target: Bitrate, divisor: u8) -> Result<(), Error> {
        if !(BITRATE_MIN..=BITRATE_MAX).contains(&target) {
            return Err(Error::Bitrate(target));
        }
        self.backend.set_rate(rate::plan(target, &self.config, divisor))?;
        self.rate = (target, divisor);
        Ok(())
    }

    /// What is coded: its size is what the scale makes of the drawn one.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Width and height of the pictures that [`Self::load`] takes, in pixels.
    #[must_use]
    pub const fn drawn(&self) -> (u16, u16) {
        self.drawn
    }

    /// How much smaller than drawn pictures are coded.
    #[must_use]
    pub const fn scale(&self) -> Scale {
        self.scale
    }

    /// Codes pictures of another size from here on; the next access unit is an IDR. On an error it goes on as before.
    ///
    /// # Errors
    /// When the backend refuses the size.
    pub fn set_scale(&mut self, scale: Scale) -> Result<(), Error> {
        if scale == self.scale {
            return Ok(());
        }
        self.recode(self.drawn, scale)?;
        self.surface.set_scale(scale);
        Ok(())
    }

    /// Takes pictures of another size from here on, and codes them at `scale`; the next access unit is an IDR. Holds no picture until one
    /// is loaded. On an error it goes on as before.
    ///
    /// # Errors
    /// When a side is out of the range of [`Builder::size`](crate::Builder::size), or the backend refuses the size.
    pub fn set_drawn(&mut self, (width, height): (u16, u16), scale: Scale) -> Result<(), Error> {
        Config {
            width,
            height,
            ..self.config
        }
        .check()?;
        self.recode((width, height), scale)?;
        self.surface = Surface::new(width, height);
        self.surface.set_scale(scale);
        Ok(())
    }

    fn recode(&mut self, drawn: (u16, u16), scale: Scale) -> Result<(), Error> {
        let (target, divisor) = self.rate;
        let config = Config {
            width: scale.side(drawn.0),
            height: scale.side(drawn.1),
            bitrate: target,
            ..self.config
        };
        self.backend.resize(&config)?;
        self.backend.set_rate(rate::plan(target, &config, divisor))?;
        (self.drawn, self.scale, self.config) = (drawn, scale, config);
        Ok(())
    }

    /// Predicts from nothing that depends on `first_lost` or came after it. False: nothing older is left to predict
    /// from, and the next access unit is an IDR.
    ///
    /// # Errors
    /// When the backend fails.
    pub fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error> {
        self.backend.invalidate(first_lost)
    }
}
