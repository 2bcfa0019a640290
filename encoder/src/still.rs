//! Still policy: when to refine a picture that stopped changing, and when to fall silent. Pure.
//!
//! ```text
//! changed ──80 ms──> step, step, … (lower QP each, or the same where the rate's cap cut one short) ──> sharp: silence
//!    ^                   |                                                       1.4 s at the latest: silence
//!    └── any change ─────┘
//! ```
//!
//! Each step encodes the kept surface again, at a QP forced on it. What is sharp already costs nothing, so a blinking
//! cursor costs one small step a blink, and a whole screen is spread over as many steps as the rate needs.
//!
//! The caller tells what it encoded ([`Still::on_changed`], [`Still::on_refined`]), waits until [`Still::poll_timeout`]
//! and encodes what [`Still::poll`] gives.

use crate::{AccessUnit, Config, Refine, rate};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// A picture that may have stopped changing.
#[derive(Clone, Debug)]
pub struct Still {
    /// Between steps, at least: a frame time.
    step: Micros,
    config: Config,
    next: Option<Next>,
}

/// The step that comes next.
#[derive(Clone, Copy, Debug)]
struct Next {
    at: Timestamp,
    qp: u8,
    /// Nothing was refined since the picture changed.
    first: bool,
    /// Steps taken at the last QP that were not cut short.
    sharp: u8,
    /// When the picture changed last.
    changed_at: Timestamp,
}

impl Still {
    /// Nothing seen so far.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            step: Micros::new(1_000_000 / u64::from(config.fps.max(1))),
            config: *config,
            next: None,
        }
    }

    /// A picture that differs from the one before was encoded, or one was encoded that had been asked for (an IDR, a
    /// recovery).
    pub fn on_changed(&mut self, now: Timestamp, unit: &AccessUnit, target: Bitrate) {
        let at = now + QUIET;
        self.next = Some(Next {
            at,
            qp: self.lower(unit.qp, unit.bytes, target),
            first: true,
            sharp: 0,
            changed_at: now,
        });
    }

    /// A step that [`Self::poll`] gave was encoded.
    pub fn on_refined(&mut self, now: Timestamp, unit: &AccessUnit, target: Bitrate) {
        let Some(done) = self.next else { return };
        let cap = rate::plan(target, &self.config, 1).cap.as_u64();
        let bytes = unit.bytes.as_u64();
        // The cap cut it short: the same again, for the rows that had to do with less.
        let short = bytes * 10 > cap * CUT_SHORT;
        let sharp = done.sharp + u8::from(done.qp <= QP_SHARP && !short);
        let little = bytes * LITTLE < cap;
        let enough = if done.first { 1 } else { SHARP_STEPS };
        if sharp >= enough && little {
            self.next = None;
            return;
        }
        let qp = if short {
            done.qp
        } else {
            self.lower(done.qp, unit.bytes, target)
        };
        let at = now + self.step.max(target.time_for(unit.bytes));
        let next = Next {
            at,
            qp,
            sharp,
            first: false,
            ..done
        };
        self.next = (at.since(done.changed_at) <= GIVE_UP).then_some(next);
    }

    /// The step that is due, if one is.
    #[must_use]
    pub fn poll(&self, now: Timestamp) -> Option<Refine> {
        let room = |sharp| match sharp {
            0 => 1,
            1..4 => 2,
            _ => 4,
        };
        self.next.filter(|n| n.at <= now).map(|n| Refine {
            qp: n.qp,
            room: room(n.sharp),
        })
    }

    /// When the next step is due; `None`: silence until the picture changes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next.map(|n| n.at)
    }

    /// The QP after `qp`, which came to `bytes`: six lower doubles the precision, and about the bytes.
    fn lower(&self, qp: u8, bytes: ByteCount, target: Bitrate) -> u8 {
        let cap = rate::plan(target, &self.config, 1).cap.as_u64();
        let room = cap / bytes.as_u64().max(1);
        let down = match room {
            0..4 => 6,
            4..16 => 12,
            _ => u8::MAX,
        };
        qp.saturating_sub(down).max(QP_SHARP)
    }
}

/// A QP at which nobody sees a difference.
pub const QP_SHARP: u8 = 12;
/// Longer than between two pictures of anything that moves: a game at 15 fps is not taken for a still.
const QUIET: Micros = Micros::from_millis(80);
/// A rate that could not sharpen it until then won't; silence is due two seconds after the change.
const GIVE_UP: Micros = Micros::from_millis(1_400);
/// Tenths of the cap above which an access unit was cut short (x264 fills 6 to 10 tenths of it then).
const CUT_SHORT: u64 = 5;
/// A first step under one part in so many of the cap was all there was to sharpen: a cursor, a clock.
const LITTLE: u64 = 16;
/// x264 is careful with a picture whose bits it cannot foresee, and raises the QP of rows although there is room, the
/// more so with threads. After one step at the last QP Freedoom is at 45 dB, after eight, with growing room, at 49. A
/// last step that still sends something is followed by another.
const SHARP_STEPS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_units::FrameId;

    const TARGET: Bitrate = Bitrate::mbps(8);

    fn config() -> Config {
        Config::builder().build().unwrap()
    }

    fn unit(qp: u8, bytes: u64) -> AccessUnit {
        AccessUnit {
            idr: false,
            bytes: ByteCount::new(bytes),
            qp,
            reference: FrameId::new(1),
        }
    }

    fn ms(n: u64) -> Timestamp {
        Timestamp::from_micros(n * 1_000)
    }

    /// Runs a picture that stops at 0 until silence: when each step came, and its QP. `size` says what a QP costs, from
    /// nothing, with everything above it still to be sent.
    fn steps(size: impl Fn(u8) -> u64, target: Bitrate) -> Vec<(u64, u8)> {
        let mut still = Still::new(&config());
        still.on_changed(ms(0), &unit(30, 10_000), target);
        let cap = rate::plan(target, &config(), 1).cap.as_u64();
        let (mut out, mut sent) = (Vec::new(), size(30));
        while let Some(at) = still.poll_timeout() {
            let refine = still.poll(at).unwrap();
            let bytes = size(refine.qp).saturating_sub(sent).min(cap);
            sent += bytes;
            out.push((at.as_micros() / 1_000, refine.qp));
            still.on_refined(at, &unit(refine.qp, bytes.max(60)), target);
        }
        out
    }

    /// Bytes of a busy 720p picture at a QP: doubles each 6.
    fn busy(qp: u8) -> u64 {
        20_000 << ((51 - u64::from(qp)) / 6).saturating_sub(3)
    }

    #[test]
    fn a_busy_picture_is_sharp_within_a_second_in_steps_the_rate_allows() {
        let steps = steps(busy, TARGET);
        assert_eq!(steps.last().map(|s| s.1), Some(QP_SHARP));
        assert!(steps.last().unwrap().0 <= 1_000, "{steps:?}");
        assert!(steps[0].0 >= 80);
    }

    #[test]
    fn what_costs_little_is_sharp_at_once() {
        let mut still = Still::new(&config());
        still.on_changed(ms(0), &unit(28, 200), TARGET);
        assert_eq!(
            still.poll(ms(80)),
            Some(Refine {
                qp: QP_SHARP,
                room: 1
            })
        );
        still.on_refined(ms(80), &unit(QP_SHARP, 300), TARGET);
        assert_eq!(still.poll_timeout(), None);
    }

    #[test]
    fn a_moving_picture_is_never_refined() {
        let mut still = Still::new(&config());
        for n in 0..100 {
            still.on_changed(ms(n * 66), &unit(30, 9_000), TARGET);
            assert_eq!(still.poll(ms(n * 66 + 66)), None);
        }
    }

    #[test]
    fn a_blinking_cursor_stays_under_30_kbit_a_second() {
        let mut still = Still::new(&config());
        let mut bytes = 0;
        for blink in 0..20 {
            let at = ms(blink * 500);
            still.on_changed(at, &unit(24, 250), TARGET);
            bytes += 250;
            while let Some(at) = still.poll_timeout() {
                let refine = still.poll(at).unwrap();
                still.on_refined(at, &unit(refine.qp, 400), TARGET);
                bytes += 400;
            }
        }
        assert!(bytes * 8 / 10 <= 30_000, "{bytes} bytes in 10 s");
    }

    #[test]
    fn a_rate_too_low_for_it_gives_up_before_two_seconds() {
        let steps = steps(busy, Bitrate::kbps(300));
        assert!(steps.last().unwrap().0 <= 1_400, "{steps:?}");
    }

    #[test]
    fn a_change_begins_it_anew() {
        let mut still = Still::new(&config());
        still.on_changed(ms(0), &unit(30, 9_000), TARGET);
        still.on_refined(ms(80), &unit(24, 15_000), TARGET);
        still.on_changed(ms(100), &unit(32, 9_000), TARGET);
        assert_eq!(still.poll_timeout(), Some(ms(180)));
    }
}
