//! Which sizes and rates this machine encodes in time, by what its encoders were measured to take.

use crate::encoders::{THICK, Tried, chosen, player};
use firstlight_backends::{Candidate, Codecs, Wanted, pixels_max};
use firstlight_units::Micros;

/// A size and a rate that titles ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    width: u16,
    height: u16,
    fps: u16,
}

/// What publishers ask for first, and what players with large or fast screens do.
pub(crate) const MODES: [Mode; 6] = [
    Mode::new(1280, 720, 60),
    Mode::new(1920, 1080, 60),
    Mode::new(2560, 1440, 60),
    Mode::new(1280, 720, 120),
    Mode::new(1920, 1080, 120),
    Mode::new(2560, 1440, 120),
];

impl Mode {
    const fn new(width: u16, height: u16, fps: u16) -> Self {
        Self { width, height, fps }
    }

    /// Whether a player who says nothing of himself gets it whole, and what it takes, for people.
    pub(crate) fn judge(self, tried: &[Tried]) -> (bool, String) {
        let wanted = Wanted {
            width: self.width,
            height: self.height,
            fps: self.fps,
            ..player(Codecs::UNKNOWN, THICK)
        };
        let name = format!("{}p{}", self.height, self.fps);
        let first = chosen(tried, &wanted).map(|choice| choice.first());
        let took = first.ok().and_then(|word| {
            let speeds = tried.iter().filter_map(|one| one.outcome.as_ref().ok());
            speeds.into_iter().find(|speed| speed.backend == word)
        });
        let Some(speed) = took else {
            return (false, format!("{name}: nothing encodes"));
        };
        let candidates: Vec<Candidate> = tried.iter().map(Tried::candidate).collect();
        let area = u64::from(self.width) * u64::from(self.height);
        let share = area.saturating_mul(100) / pixels_max(&candidates, &wanted).max(1);
        let millis = self.millis(speed.picture);
        let carried = share <= 100;
        let words = if carried {
            format!(
                "{name}: {}, {millis:.1} ms a picture, {share} % of what that may take",
                speed.backend
            )
        } else {
            format!(
                "{name}: {} takes {millis:.1} ms a picture, {share} % of what that may take: such a title is coded smaller",
                speed.backend
            )
        };
        (carried, words)
    }

    /// Of a picture that takes so long in 1280 by 720.
    fn millis(self, measured: Micros) -> f64 {
        let area = u64::from(self.width) * u64::from(self.height);
        measured.scale(area, 1280 * 720).as_millis_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_backends::{Speed, find};

    fn x264(ms: u64) -> Tried {
        Tried {
            known: find("x264").unwrap(),
            outcome: Ok(Speed {
                backend: "x264",
                codec: "avc1.42E02A".to_owned(),
                picture: Micros::from_millis(ms),
            }),
            slots: None,
        }
    }

    #[test]
    fn a_machine_says_which_modes_it_carries_and_what_becomes_of_the_others() {
        // 3 ms for 720p: of 10 ms at 60 a second, of 5 at 120.
        let carried = MODES.map(|mode| mode.judge(&[x264(3)]).0);
        assert_eq!(carried, [true, true, false, true, false, false]);
        assert_eq!(
            MODES[1].judge(&[x264(3)]).1,
            "1080p60: x264, 6.8 ms a picture, 67 % of what that may take"
        );
        assert_eq!(
            MODES[2].judge(&[x264(3)]).1,
            "1440p60: x264 takes 12.0 ms a picture, 120 % of what that may take: such a title is coded smaller"
        );
        assert_eq!(MODES[0].judge(&[]), (false, "720p60: nothing encodes".to_owned()));
    }
}
