//! Rate policy: from a target to what a backend is told. Pure.
//!
//! ```text
//! target ─┬─ divisor: which pictures are worth their bits ─┐
//!         └────────────── plan ────────────────────────────┴─> Plan { asked, cap, deblock } -> Backend
//! ```

use crate::{Config, How};
use firstlight_units::{Bitrate, ByteCount, Micros};

/// What a backend holds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the stream shall come to.
    pub target: Bitrate,
    /// What to ask the rate control for, at the configured frame rate.
    pub asked: Bitrate,
    /// Most that one access unit may hold: the size of the VBV, one frame of `asked`.
    pub cap: ByteCount,
    /// Whether smoothing block edges is worth its time.
    pub deblock: bool,
}

impl Plan {
    /// The plan for one access unit: less than usual where it must be small, more where a still picture is to be sharp.
    #[must_use]
    pub fn for_one(self, how: How) -> Self {
        // Within its VBV a rate control raises the QP of rows whose bits it cannot foresee, which it cannot in a still.
        let room = how.refine.map_or(1, |r| u64::from(r.room.clamp(1, 4)));
        let roomy = self.cap.as_u64().saturating_mul(room);
        // Less by a hair is not worth telling an encoder.
        let least = self.cap.as_u64().saturating_mul(CAP_WORTH) / 100;
        let cap = match how.bytes_max.map(ByteCount::as_u64) {
            Some(most) if most < least => most.max(1),
            Some(_) | None => roomy,
        };
        Self {
            asked: self.asked.scale(cap, self.cap.as_u64().max(1)),
            cap: ByteCount::new(cap),
            ..self
        }
    }

    /// The plan for a rate control that fills its VBV, as those in hardware do: what [`plan`] asks for beyond the target is
    /// what libx264 leaves empty.
    #[must_use]
    pub fn to_fill(self) -> Self {
        let (more, whole) = HEADROOM;
        Self {
            asked: self.asked.scale(whole, more),
            cap: ByteCount::new(self.cap.as_u64() * whole / more),
            ..self
        }
    }
}

/// Per cent of the plan's cap.
const CAP_WORTH: u64 = 95;

/// The plan for `target`, when only each `divisor`th picture is encoded (0 counts as 1).
#[must_use]
pub fn plan(target: Bitrate, config: &Config, divisor: u8) -> Plan {
    let divisor = u64::from(divisor.max(1));
    let asked = target.scale(HEADROOM.0 * divisor, HEADROOM.1);
    let cap = asked.bytes_in(frame_time(config));
    Plan {
        target,
        asked,
        cap,
        deblock: milli_bits_per_block(target, config) < DEBLOCK_BELOW * divisor,
    }
}

/// Of how many pictures one should be encoded, so that each gets bits enough to be worth showing: 1 to 4.
///
/// `before` is the answer before this one: coming back takes a quarter more than going down, so that a target that
/// swings about the border does not.
#[must_use]
pub fn divisor(target: Bitrate, config: &Config, before: u8) -> u8 {
    let have = milli_bits_per_block(target, config);
    let needed = |enough: u64| u8::try_from(enough.div_ceil(have.max(1)).clamp(1, DIVISOR_MAX)).unwrap_or(1);
    let (down, back) = (needed(WORTH_SHOWING), needed(WORTH_SHOWING * 5 / 4));
    before.clamp(down, back)
}

/// Thousandths of a bit for each block of 16×16 pixels of each picture.
fn milli_bits_per_block(rate: Bitrate, config: &Config) -> u64 {
    let blocks = u64::from(config.width.div_ceil(16)) * u64::from(config.height.div_ceil(16));
    rate.scale(1000, blocks * u64::from(config.fps.max(1))).as_bps()
}

fn frame_time(config: &Config) -> Micros {
    Micros::new(1_000_000 / u64::from(config.fps.max(1)))
}

/// x264 under a VBV of one frame fills 78 to 82 % of it, from 0.5 to 20 Mbit/s alike (99 % of all access units: under
/// 97 %). Asked for 6/5 the stream comes to 94 to 98 % of the target, and no access unit needs more than 1.2 frame
/// times of the target's rate. Measured on Freedoom at 720p60 with `examples/measure.rs`.
const HEADROOM: (u64, u64) = (6, 5);
/// Deblocking costs 15 to 30 % of the encoder's time and some of the decoder's, and gives 0.4 dB at 37 bits a block.
/// Below 12 (720p60: 2.6 Mbit/s) blocks show, and it is worth it.
const DEBLOCK_BELOW: u64 = 12_000;
/// Below 4 bits a block (720p60: 0.86 Mbit/s) a moving picture is coded with QP above 45: mush that moves smoothly.
const WORTH_SHOWING: u64 = 4_000;
/// At 60 Hz one picture in 66 ms: slower is no game.
const DIVISOR_MAX: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(width: u16, height: u16, fps: u16) -> Config {
        Config::builder().size(width, height).fps(fps).build().unwrap()
    }

    #[test]
    fn the_vbv_is_one_frame_of_what_is_asked() {
        let plan = plan(Bitrate::mbps(8), &config(1280, 720, 60), 1);
        assert_eq!(plan.asked, Bitrate::kbps(9_600));
        assert_eq!(plan.cap, ByteCount::new(19_999));
        assert!(!plan.deblock);
    }

    #[test]
    fn what_fills_its_vbv_is_asked_for_the_target() {
        let full = plan(Bitrate::mbps(8), &config(1280, 720, 60), 1).to_fill();
        assert_eq!((full.asked, full.cap), (Bitrate::mbps(8), ByteCount::new(16_665)));
    }

    #[test]
    fn a_picture_in_two_gets_twice_the_bits() {
        let c = config(1280, 720, 60);
        let (one, two) = (plan(Bitrate::kbps(500), &c, 1), plan(Bitrate::kbps(500), &c, 2));
        assert_eq!(two.asked, one.asked.scale(2, 1));
        assert_eq!(two.target, one.target);
        assert!(one.deblock);
    }

    #[test]
    fn every_picture_is_worth_its_bits_until_there_are_few() {
        let c = config(1280, 720, 60);
        assert_eq!(divisor(Bitrate::mbps(8), &c, 1), 1);
        assert_eq!(divisor(Bitrate::kbps(900), &c, 1), 1);
        assert_eq!(divisor(Bitrate::kbps(500), &c, 1), 2);
        assert_eq!(divisor(Bitrate::kbps(250), &c, 1), 4);
        assert_eq!(divisor(Bitrate::kbps(500), &config(1280, 720, 30), 1), 1);
        assert_eq!(divisor(Bitrate::kbps(1_000), &config(1920, 1080, 60), 1), 2);
    }

    #[test]
    fn the_divisor_does_not_swing_with_the_target() {
        let c = config(1280, 720, 60);
        assert_eq!(divisor(Bitrate::kbps(850), &c, 1), 2);
        assert_eq!(divisor(Bitrate::kbps(900), &c, 2), 2, "stays");
        assert_eq!(divisor(Bitrate::kbps(1_100), &c, 2), 1, "comes back");
    }
}
