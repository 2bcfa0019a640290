//! What a client says of its screen, and the title's clock that goes by it.

use crate::script::Script;
use firstlight_proto::phase::{PhaseLock, Screen};
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::control::ScreenReport;
use prost::Message;
use std::time::Duration;

/// Whatever a client says, its title's clock keeps the title's rate and never jumps.
pub(crate) fn screen(bytes: &[u8]) {
    play(bytes);
}

/// How often there were ticks to follow.
fn play(bytes: &[u8]) -> u32 {
    let mut script = Script::new(bytes);
    let fps = u16::from(script.u8()).clamp(1, 240);
    let interval = Duration::from_secs(1) / u32::from(fps);
    let mut lock = PhaseLock::new(fps);
    let mut now = Timestamp::from_micros(1_000_000_000);
    let mut followed = 0;
    while !script.is_over() {
        match script.u8() % 8 {
            0 => now += Micros::new(u64::from(script.u16()) * 64),
            1 => lock.handle_timeout(now),
            2 => lock.forget(),
            3 => {
                if let Ok(report) = ScreenReport::decode(script.bytes()) {
                    tell(&mut lock, now, &report, script.u8());
                }
            }
            _ => {
                now += Micros::from_secs(1);
                let report = report(&mut script, now, interval);
                tell(&mut lock, now, &report, script.u8());
            }
        }
        if let Some(ticks) = lock.ticks() {
            followed += 1;
            assert!(ticks.period().abs_diff(interval) <= interval / 25, "another rate");
            let planned = now + Micros::from(interval);
            let moved = ticks.approach(planned).as_micros().abs_diff(planned.as_micros());
            assert!(
                u128::from(moved) <= ticks.period().as_micros() / 200 + 1,
                "a jump"
            );
        }
    }
    followed
}

fn tell(lock: &mut PhaseLock, now: Timestamp, report: &ScreenReport, answered: u8) {
    if let Some(screen) = Screen::read(now, report) {
        lock.on_screen(now, &screen, (answered != 255).then_some(u64::from(answered)));
    }
}

/// A report that may well be one: pictures at the title's rate, on a screen of that rate.
fn report(script: &mut Script<'_>, now: Timestamp, interval: Duration) -> ScreenReport {
    let (count, jitter, wait, off) = (script.u8() % 80, script.u8(), script.u16(), script.u8());
    let step = u32::try_from(interval.as_micros()).unwrap_or(u32::MAX);
    let nanos = u32::try_from(interval.as_nanos()).unwrap_or(u32::MAX);
    let before = |n: u8| u32::from(n).saturating_mul(step);
    let waited = |n: u8| u32::from(wait) / 2 + u32::from(n) * u32::from(jitter);
    ScreenReport {
        refresh_ns: nanos.saturating_add(u32::from(off) * 256),
        captured_at_us: now.before(Micros::new(u64::from(script.u16()))).as_micros(),
        before_us: (0..count).rev().map(before).collect(),
        waits_us: (0..count).map(waited).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_a_clock_that_is_followed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/screen");
        let followed: u32 = std::fs::read_dir(folder)
            .expect("the corpus")
            .map(|entry| play(&std::fs::read(entry.expect("an entry").path()).expect("an input")))
            .sum();
        assert!(followed > 3, "{followed}");
    }
}
