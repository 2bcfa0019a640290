//! The encoders that a session may go on with: opens them, and puts one in another's place.

use crate::Error;
use crate::encoders::Order;
use firstlight_encoder::{Backend, Config, Encoder, Error as EncoderError};

/// Opens a backend by its word.
type Open = fn(&'static str, &Config) -> Result<Box<dyn Backend>, EncoderError>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Lineup {
    order: Order,
    current: &'static str,
    /// Words that failed, and are not asked again.
    broken: Vec<&'static str>,
    open: Open,
}

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Another encodes; else the same goes on.
    pub(crate) changed: bool,
    /// Who failed.
    pub(crate) broken: Option<&'static str>,
}

impl Lineup {
    /// Opens the first of `order` that opens.
    ///
    /// # Errors
    /// What the first of them said, when none opens.
    pub(crate) fn open(config: Config, order: Order) -> Result<(Encoder, Self), Error> {
        Self::open_with(config, order, |word, config| {
            let known = firstlight_backends::find(word).map_err(|_| EncoderError::NoBackend)?;
            known.open(config)
        })
    }

    fn open_with(config: Config, order: Order, open: Open) -> Result<(Encoder, Self), Error> {
        let mut lineup = Self {
            order,
            current: "",
            broken: Vec::new(),
            open,
        };
        let mut first = None;
        for word in order.into_iter().flatten() {
            match open(word, &config) {
                Ok(backend) => {
                    lineup.current = word;
                    return Ok((Encoder::with_backend(config, backend), lineup));
                }
                Err(error) => {
                    tracing::warn!(encoder = word, %error, "an encoder does not open");
                    lineup.broken.push(word);
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or(EncoderError::NoBackend).into())
    }

    /// Goes over to the first of `order`, where that is another and opens.
    pub(crate) fn follow(&mut self, encoder: &mut Encoder, order: Order) -> Option<Change> {
        if std::mem::replace(&mut self.order, order) == order {
            return None;
        }
        let word = order
            .into_iter()
            .flatten()
            .find(|word| !self.broken.contains(word))?;
        if word == self.current {
            return None;
        }
        match encoder.go_on_with(|config| (self.open)(word, config)) {
            Ok(()) => {
                tracing::info!(from = self.current, to = word, "another encoder goes on");
                self.current = word;
                Some(Change {
                    changed: true,
                    broken: None,
                })
            }
            Err(error) => {
                tracing::warn!(encoder = word, %error, "an encoder does not open");
                self.broken.push(word);
                Some(Change {
                    changed: false,
                    broken: Some(word),
                })
            }
        }
    }

    /// The current one failed: goes over to the next that opens.
    ///
    /// # Errors
    /// How it failed, when none is left.
    pub(crate) fn replace(&mut self, encoder: &mut Encoder, failed: EncoderError) -> Result<Change, Error> {
        let failed_word = self.current;
        self.broken.push(failed_word);
        for word in self.order.into_iter().flatten() {
            if self.broken.contains(&word) {
                continue;
            }
            match encoder.go_on_with(|config| (self.open)(word, config)) {
                Ok(()) => {
                    tracing::warn!(from = failed_word, to = word, error = %failed, "an encoder failed; another goes on");
                    self.current = word;
                    return Ok(Change {
                        changed: true,
                        broken: Some(failed_word),
                    });
                }
                Err(error) => {
                    tracing::warn!(encoder = word, %error, "an encoder does not open");
                    self.broken.push(word);
                }
            }
        }
        Err(failed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_encoder::{Abilities, AccessUnit, How, Picture, Sink, Surface, rate};
    use firstlight_units::{Bitrate, FrameId};

    /// A real encoder whose device is lost at its fifth picture.
    #[derive(Debug)]
    struct Lost(Box<dyn Backend>, u32);

    impl Backend for Lost {
        fn name(&self) -> &'static str {
            "lost"
        }

        fn codec(&self) -> &str {
            self.0.codec()
        }

        fn abilities(&self) -> Abilities {
            self.0.abilities()
        }

        fn encode(
            &mut self,
            surface: &Surface,
            frame: FrameId,
            how: How,
            sink: &mut Sink<'_>,
        ) -> Result<AccessUnit, EncoderError> {
            self.1 += 1;
            if self.1 >= 5 {
                return Err(gone());
            }
            self.0.encode(surface, frame, how, sink)
        }

        fn set_rate(&mut self, plan: rate::Plan) -> Result<(), EncoderError> {
            self.0.set_rate(plan)
        }

        fn resize(&mut self, config: &Config) -> Result<(), EncoderError> {
            self.0.resize(config)
        }

        fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, EncoderError> {
            self.0.invalidate(first_lost)
        }
    }

    fn gone() -> EncoderError {
        EncoderError::Failed {
            backend: "lost",
            words: "the device is gone".to_owned(),
        }
    }

    fn open(word: &'static str, config: &Config) -> Result<Box<dyn Backend>, EncoderError> {
        let real = || firstlight_backends::find("openh264").unwrap().open(config);
        match word {
            "lost" => Ok(Box::new(Lost(real()?, 0))),
            "absent" => Err(gone()),
            _ => real(),
        }
    }

    fn order(words: &[&'static str]) -> Order {
        let mut order = Order::default();
        for (place, word) in order.iter_mut().zip(words) {
            *place = Some(word);
        }
        order
    }

    fn config() -> Config {
        Config::builder().size(320, 180).build().unwrap()
    }

    fn encode(encoder: &mut Encoder, frame: u64) -> Result<AccessUnit, EncoderError> {
        let level = u8::try_from(frame * 7 % 256).unwrap();
        let bgrx = vec![level; 320 * 180 * 4];
        encoder.load(Picture {
            bgrx: &bgrx,
            stride: 320 * 4,
        })?;
        encoder.encode(FrameId::new(frame), How::default(), &mut |_| {})
    }

    #[test]
    fn one_that_fails_is_followed_with_one_idr_at_the_same_rate_and_size() {
        let (mut encoder, mut lineup) =
            Lineup::open_with(config(), order(&["lost", "absent", "openh264"]), open).unwrap();
        encoder.set_bitrate(Bitrate::mbps(2)).unwrap();
        let mut idrs = Vec::new();
        for frame in 1..=12 {
            let unit = encode(&mut encoder, frame).or_else(|error| {
                let change = lineup.replace(&mut encoder, error).unwrap();
                let broken = Some("lost");
                assert_eq!(
                    change,
                    Change {
                        changed: true,
                        broken
                    }
                );
                encode(&mut encoder, frame)
            });
            if unit.unwrap().idr {
                idrs.push(frame);
            }
        }
        assert_eq!(idrs, [1, 5]);
        assert_eq!(encoder.config().bitrate(), Bitrate::mbps(2));
        assert_eq!((encoder.backend(), encoder.config().width()), ("openh264", 320));
    }

    #[test]
    fn where_none_is_left_the_failure_is_the_end() {
        let (mut encoder, mut lineup) =
            Lineup::open_with(config(), order(&["lost", "absent"]), open).unwrap();
        let error = lineup.replace(&mut encoder, gone()).unwrap_err();
        assert_eq!(error.to_string(), "lost failed: the device is gone");
    }

    #[test]
    fn another_wish_is_followed_and_one_that_does_not_open_is_asked_once() {
        let (mut encoder, mut lineup) = Lineup::open_with(config(), order(&["openh264"]), open).unwrap();
        let wish = order(&["absent", "openh264"]);
        let broken = Some("absent");
        assert_eq!(
            lineup.follow(&mut encoder, wish),
            Some(Change {
                changed: false,
                broken
            })
        );
        assert_eq!(lineup.follow(&mut encoder, wish), None);
        let change = lineup.follow(&mut encoder, order(&["lost", "openh264"]));
        assert_eq!(
            change,
            Some(Change {
                changed: true,
                broken: None
            })
        );
        assert!(encode(&mut encoder, 1).unwrap().idr);
    }

    #[test]
    fn a_session_begins_with_the_first_that_opens() {
        let (encoder, _) = Lineup::open_with(config(), order(&["absent", "openh264"]), open).unwrap();
        assert_eq!(encoder.backend(), "openh264");
        assert!(Lineup::open_with(config(), order(&["absent"]), open).is_err());
    }
}
