//! What an encoder is opened with.

use crate::Error;
use firstlight_units::Bitrate;

/// What an encoder is opened with; made by [`Config::builder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) fps: u16,
    pub(crate) bitrate: Bitrate,
    pub(crate) threads: u8,
    pub(crate) slices: u8,
    pub(crate) preset: Preset,
}

/// How much time an access unit may take, for what quality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// The fastest there is.
    #[default]
    Fastest,
    /// About twice the time.
    Fast,
}

impl Config {
    /// A builder that holds the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Pixels across.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub const fn height(&self) -> u16 {
        self.height
    }

    /// Pictures a second.
    #[must_use]
    pub const fn fps(&self) -> u16 {
        self.fps
    }

    /// Target to begin with.
    #[must_use]
    pub const fn bitrate(&self) -> Bitrate {
        self.bitrate
    }

    /// Threads that work on one picture.
    #[must_use]
    pub const fn threads(&self) -> u8 {
        self.threads
    }

    /// Slices of a picture when one thread makes it.
    #[must_use]
    pub const fn slices(&self) -> u8 {
        self.slices
    }

    /// Time against quality.
    #[must_use]
    pub const fn preset(&self) -> Preset {
        self.preset
    }
}

/// Builds a [`Config`]; the defaults suit a 720p60 game on home Wi-Fi.
#[derive(Clone, Copy, Debug)]
pub struct Builder(Config);

impl Default for Builder {
    fn default() -> Self {
        Self(Config {
            width: 1280,
            height: 720,
            fps: 60,
            bitrate: Bitrate::mbps(8),
            threads: 2,
            slices: 2,
            preset: Preset::default(),
        })
    }
}

impl Builder {
    /// Pixels across and down, 16 to 4096 each; 1280×720 by default. Time and memory grow with the area.
    #[must_use]
    pub fn size(mut self, width: u16, height: u16) -> Self {
        (self.0.width, self.0.height) = (width, height);
        self
    }

    /// Pictures a second at most, 1 to 240; 60 by default. The bits of one picture are the bitrate over this.
    #[must_use]
    pub fn fps(mut self, fps: u16) -> Self {
        self.0.fps = fps;
        self
    }

    /// Target to begin with, 0.1 to 200 Mbit/s; 8 Mbit/s by default.
    #[must_use]
    pub fn bitrate(mut self, bitrate: Bitrate) -> Self {
        self.0.bitrate = bitrate;
        self
    }

    /// Threads that work on one picture, 1 to 16; 2 by default. More than one makes as many slices.
    #[must_use]
    pub fn threads(mut self, threads: u8) -> Self {
        self.0.threads = threads;
        self
    }

    /// Slices of a picture when one thread makes it, 1 to 16; 2 by default. Each is handed on when it is ready, and
    /// costs some bits.
    #[must_use]
    pub fn slices(mut self, slices: u8) -> Self {
        self.0.slices = slices;
        self
    }

    /// Time against quality.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.0.preset = preset;
        self
    }

    /// Checks it all.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn build(self) -> Result<Config, Error> {
        self.0.check()
    }
}

impl Config {
    /// Itself, if every value is within its range.
    pub(crate) fn check(self) -> Result<Self, Error> {
        let Self {
            width,
            height,
            fps,
            bitrate,
            threads,
            slices,
            ..
        } = self;
        if !SIDE.contains(&width) || !SIDE.contains(&height) {
            return Err(Error::Size { width, height });
        }
        if !(1..=240).contains(&fps) {
            return Err(Error::Fps(fps));
        }
        if !(BITRATE_MIN..=BITRATE_MAX).contains(&bitrate) {
            return Err(Error::Bitrate(bitrate));
        }
        if !(1..=16).contains(&threads) {
            return Err(Error::Threads(threads));
        }
        if !(1..=16).contains(&slices) || u16::from(slices) > height.div_ceil(16) {
            return Err(Error::Slices(slices));
        }
        Ok(self)
    }
}

/// Below 16 there is not one whole block; above 4096 lies no level that browsers decode in software in time.
const SIDE: std::ops::RangeInclusive<u16> = 16..=4096;
pub(crate) const BITRATE_MIN: Bitrate = Bitrate::kbps(100);
pub(crate) const BITRATE_MAX: Bitrate = Bitrate::mbps(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_refused_by_name() {
        let b = Config::builder;
        assert_eq!(
            b().size(8, 720).build(),
            Err(Error::Size {
                width: 8,
                height: 720
            })
        );
        assert_eq!(
            b().size(1280, 5000).build(),
            Err(Error::Size {
                width: 1280,
                height: 5000
            })
        );
        assert_eq!(b().fps(0).build(), Err(Error::Fps(0)));
        assert_eq!(
            b().bitrate(Bitrate::ZERO).build(),
            Err(Error::Bitrate(Bitrate::ZERO))
        );
        assert_eq!(b().threads(0).build(), Err(Error::Threads(0)));
        assert_eq!(b().size(64, 16).slices(2).build(), Err(Error::Slices(2)));
        assert!(b().build().is_ok());
    }
}
