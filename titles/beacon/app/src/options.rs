//! What can be asked of the beacon.

use clap::{Parser, ValueEnum};

/// Draws a barcode with the time, the frame's number and the count of input events into every frame.
#[derive(Clone, Debug, Parser)]
#[command(name = "beacon", version)]
pub struct Options {
    /// Frames per second, with up to six decimals; 0 draws only when input arrived
    #[arg(long, env = "BEACON_FPS", default_value = "60", value_parser = parse_rate)]
    pub fps: MicroHertz,
    /// Whose clock says when to draw: its own at that rate, or the display's (Wayland's frame callbacks)
    #[arg(long, env = "BEACON_CLOCK", default_value = "own")]
    pub clock: Clock,
    /// What to be seen on; Wayland where WAYLAND_DISPLAY names one, if not given
    #[arg(long, env = "BEACON_DISPLAY")]
    pub display: Option<Kind>,
    /// What moves beside the barcode
    #[arg(long, env = "BEACON_MOTION", default_value = "low")]
    pub motion: Motion,
    /// Pixels; the whole screen if not given
    #[arg(long, env = "BEACON_WIDTH")]
    pub width: Option<u16>,
    /// Pixels; the whole screen if not given
    #[arg(long, env = "BEACON_HEIGHT")]
    pub height: Option<u16>,
    /// A tone of 880 Hz on each key and button press
    #[arg(long, env = "BEACON_BEEP", default_value = "on")]
    pub beep: Switch,
}

/// What the beacon is seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// An X server.
    X11,
    /// A Wayland compositor.
    Wayland,
}

/// Whose clock says when to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// The beacon's.
    Own,
    /// The display's.
    Display,
}

/// What moves beside the barcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Motion {
    /// Nothing.
    None,
    /// A few sprites over a still background, as in a 2D game.
    Low,
    /// A rippling texture over the whole window, which no motion search follows.
    High,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Millionths of a frame per second: any decimal rate is exact, so that the tick never drifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroHertz(pub u64);

impl MicroHertz {
    /// When tick `n` is due, nanoseconds after tick 0.
    pub(crate) fn tick(self, n: u64) -> u64 {
        let ns = u128::from(n) * 1_000_000_000_000_000 / u128::from(self.0.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// The first tick that is due after `ns`.
    pub(crate) fn next_after(self, ns: u64) -> u64 {
        // tick(n) > ns  <=>  n * period >= ns + 1
        let n = (u128::from(ns) + 1) * u128::from(self.0);
        u64::try_from(n.div_ceil(1_000_000_000_000_000)).unwrap_or(u64::MAX)
    }
}

fn parse_rate(text: &str) -> Result<MicroHertz, String> {
    let expected = || format!("expected 0, or 1 to {FPS_MAX} with at most six decimals");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 6 || whole.len() > 4 {
        return Err(expected());
    }
    let whole: u64 = whole.parse().map_err(|_| expected())?;
    let decimals: u64 = format!("{decimals:0<6}").parse().map_err(|_| expected())?;
    let rate = whole * 1_000_000 + decimals;
    if rate == 0 || (1_000_000..=FPS_MAX * 1_000_000).contains(&rate) {
        return Ok(MicroHertz(rate));
    }
    Err(expected())
}

/// Above that the drawing itself would not keep up.
const FPS_MAX: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_decimal_rate_is_exact() {
        assert_eq!(parse_rate("59.83"), Ok(MicroHertz(59_830_000)));
        assert_eq!(parse_rate("60"), Ok(MicroHertz(60_000_000)));
        assert_eq!(parse_rate("0"), Ok(MicroHertz(0)));
        let hour = parse_rate("59.83").unwrap();
        assert_eq!(
            hour.tick(59_830_000),
            1_000_000 * 1_000_000_000,
            "59,830,000 frames take 1,000,000 s"
        );
    }

    #[test]
    fn other_rates_are_refused() {
        for text in [
            "",
            ".",
            "60.",
            ".5",
            "0.5",
            "-1",
            "1e3",
            "1001",
            "60.0000001",
            "fast",
            "99999999999999999999",
        ] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_next_tick_is_always_ahead_and_never_skipped() {
        let rate = MicroHertz(59_830_000);
        for n in [0, 1, 2, 59, 1_000_000, 123_456_789] {
            let at = rate.tick(n);
            assert_eq!(rate.next_after(at), n + 1);
            assert_eq!(rate.next_after(at + 1), n + 1);
            if n > 0 {
                assert_eq!(rate.next_after(at - 1), n);
            }
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
