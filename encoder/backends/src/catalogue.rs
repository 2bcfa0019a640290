//! Every backend that this build has, by its word.

use crate::Error;
use firstlight_encoder::{Backend, Codec, Config, Encoder, Error as EncoderError};
#[cfg(feature = "aom")]
use firstlight_encoder_aom::Aom;
#[cfg(feature = "gstreamer")]
use firstlight_encoder_gstreamer::{ELEMENTS, Element, Gstreamer, installed};
use firstlight_encoder_openh264::Openh264;
use firstlight_nvenc::{Driver, Nvenc, Options, free_sessions};

/// A backend of this build; whether it works on this machine shows when it is opened.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What it is called on a command line, in a manifest and in reports.
    pub word: &'static str,
    /// What it encodes to.
    pub codec: Codec,
    /// It is a part of the machine's hardware.
    pub hardware: bool,
    /// A session may get it without anybody asking for it by name.
    pub automatic: bool,
    way: Way,
}

/// How it is opened.
#[derive(Clone, Copy, Debug)]
enum Way {
    Nvenc,
    #[cfg(feature = "x264")]
    X264,
    Openh264,
    #[cfg(feature = "aom")]
    Aom,
    #[cfg(feature = "gstreamer")]
    Gstreamer(&'static Element),
}

impl Known {
    /// Opens it.
    ///
    /// # Errors
    /// Why it does not work here.
    pub fn open(&self, config: &Config) -> Result<Box<dyn Backend>, EncoderError> {
        Ok(match self.way {
            Way::Nvenc => Box::new(nvenc(config).map_err(|error| error.unavailable())?),
            #[cfg(feature = "x264")]
            Way::X264 => firstlight_encoder::software(config)?,
            Way::Openh264 => Box::new(Openh264::open(config)?),
            #[cfg(feature = "aom")]
            Way::Aom => Box::new(Aom::open(config)?),
            #[cfg(feature = "gstreamer")]
            Way::Gstreamer(element) => Box::new(Gstreamer::open(element, config)?),
        })
    }

    /// What is installed of it: cheap, and no promise that it opens.
    ///
    /// # Errors
    /// What is missing.
    pub fn installed(&self) -> Result<(), EncoderError> {
        match self.way {
            #[cfg(feature = "gstreamer")]
            Way::Gstreamer(element) => installed(element),
            Way::Nvenc => Driver::open().map(drop).map_err(|error| error.unavailable()),
            _ => Ok(()),
        }
    }

    /// How many streams more it takes at this moment, counted up to one: each that is counted is opened, which takes a card a tenth of a
    /// second. None: as many as the machine carries.
    #[must_use]
    pub fn slots(&self) -> Option<u32> {
        let Way::Nvenc = self.way else { return None };
        let free = free_sessions(&Driver::open().ok()?, Options::default().ordinal, 1).ok()?;
        u32::try_from(free).ok()
    }
}

/// All of them, in the order in which they are looked at: hardware, then the processor.
#[must_use]
pub fn all() -> Vec<Known> {
    let software = |word, codec, way| Known {
        word,
        codec,
        hardware: false,
        automatic: true,
        way,
    };
    // Before the platforms' own: it recovers from a loss without an IDR.
    let mut known = vec![Known {
        word: "nvenc",
        codec: Codec::H264,
        hardware: true,
        automatic: true,
        way: Way::Nvenc,
    }];
    #[cfg(feature = "gstreamer")]
    known.extend(ELEMENTS.iter().map(|element| Known {
        word: element.word,
        codec: element.codec,
        hardware: element.hardware,
        // Those without hardware are what this build has by itself, with a detour.
        automatic: element.hardware,
        way: Way::Gstreamer(element),
    }));
    #[cfg(feature = "x264")]
    known.push(software("x264", Codec::H264, Way::X264));
    known.push(Known {
        // Beside libx264 it is the slower of the two, and cannot recover without an IDR.
        automatic: !cfg!(feature = "x264"),
        ..software("openh264", Codec::H264, Way::Openh264)
    });
    #[cfg(feature = "aom")]
    known.push(software("aom", Codec::Av1, Way::Aom));
    known.sort_by_key(|known| !known.hardware);
    known
}

fn nvenc(config: &Config) -> Result<Nvenc, firstlight_nvenc::Error> {
    Nvenc::open(&Driver::open()?, config, Options::default())
}

/// The one of this word.
///
/// # Errors
/// When this build has none of it.
pub fn find(word: &str) -> Result<Known, Error> {
    all()
        .into_iter()
        .find(|known| known.word == word)
        .ok_or_else(|| Error::Unknown(word.to_owned()))
}

/// An encoder for a player of whom nothing is known: H.264, by the processor.
///
/// # Errors
/// When it does not open.
pub fn software(config: Config) -> Result<Encoder, EncoderError> {
    let known = all()
        .into_iter()
        .find(|k| k.automatic && !k.hardware && k.codec == Codec::H264)
        .ok_or(EncoderError::NoBackend)?;
    Ok(Encoder::with_backend(config, known.open(&config)?))
}

/// All words, for people.
pub(crate) fn words() -> String {
    let words: Vec<&str> = all().iter().map(|known| known.word).collect();
    format!("{}, or the codecs h264 and av1", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_word_and_none_twice() {
        let all = all();
        for known in &all {
            assert_eq!(find(known.word).unwrap().codec, known.codec);
            assert_eq!(all.iter().filter(|other| other.word == known.word).count(), 1);
        }
        let error = find("libx265").unwrap_err().to_string();
        assert!(
            error.contains("there is no encoder 'libx265'; this build has "),
            "{error}"
        );
        assert!(error.contains("openh264"), "{error}");
    }

    #[test]
    fn a_player_who_decodes_h264_alone_is_served_by_every_build() {
        assert!(
            all()
                .iter()
                .any(|k| k.automatic && !k.hardware && k.codec == Codec::H264)
        );
    }
}
