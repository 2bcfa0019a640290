//! The contract of all backends, on NVENC against its double, by both ways to the card.
//!
//! What breaks a rule of the driver's fails the test that it was found in.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{Abilities, AccessUnit, Backend, Config, Encoder, Error, How, Sink, Surface, rate};
use firstlight_encoder_contract::{Terms, contract};
use firstlight_nvenc::{Driver, Input, Nvenc, Options};
use firstlight_nvenc_double::Folder;
use firstlight_units::FrameId;
use std::sync::{Arc, OnceLock};

/// The contract asks for pictures that are smaller than cards of today take, and opens more than they take at once.
const CONTROL: &str = "least = 16x16\nsessions = 64";

fn folder() -> &'static Folder {
    Folder::of_process(CONTROL).unwrap()
}

fn driver() -> &'static Arc<Driver> {
    static DRIVER: OnceLock<Arc<Driver>> = OnceLock::new();
    DRIVER.get_or_init(|| Driver::open_in(folder().path()).unwrap())
}

fn open(config: Config, input: Input) -> Encoder {
    let options = Options {
        input,
        ..Options::default()
    };
    let nvenc = Nvenc::open(driver(), &config, options).unwrap();
    Encoder::with_backend(config, Box::new(Watched(Some(nvenc))))
}

fn terms() -> Terms {
    Terms {
        // The double fills a VBV as libx264 does, to four fifths; a card fills it.
        rate_percent: 70..=110,
        // So a picture has a sixth fewer bits here than libx264 gives it at the same target.
        clean_db: 28.0,
        ..Terms::full()
    }
}

contract!(locked_input, terms(), |config| open(config, Input::Locked));
contract!(registered_memory, terms(), |config| open(
    config,
    Input::Registered
));

/// NVENC, and a look at the double's report when it is closed.
#[derive(Debug)]
struct Watched(Option<Nvenc>);

impl Watched {
    fn inner(&mut self) -> &mut Nvenc {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.0.take());
        if !std::thread::panicking() {
            assert_eq!(folder().report(), "");
        }
    }
}

impl Backend for Watched {
    fn name(&self) -> &'static str {
        self.0.as_ref().unwrap().name()
    }

    fn codec(&self) -> &str {
        self.0.as_ref().unwrap().codec()
    }

    fn abilities(&self) -> Abilities {
        self.0.as_ref().unwrap().abilities()
    }

    fn encode(
        &mut self,
        surface: &Surface,
        frame: FrameId,
        how: How,
        sink: &mut Sink<'_>,
    ) -> Result<AccessUnit, Error> {
        self.inner().encode(surface, frame, how, sink)
    }

    fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        self.inner().set_rate(plan)
    }

    fn resize(&mut self, config: &Config) -> Result<(), Error> {
        self.inner().resize(config)
    }

    fn invalidate(&mut self, first_lost: FrameId) -> Result<bool, Error> {
        self.inner().invalidate(first_lost)
    }
}
