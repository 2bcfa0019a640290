//! When was a sample recorded? The policy that makes steady times of jittery arrivals.
//!
//! The null sink's clock is the machine's monotonic clock, so sample `n` was recorded at `origin + n / rate`. Arrivals can only be
//! late, never early: the origin is the lower envelope of what they say, and creeps up slowly in case they were wrong.

use firstlight_units::{Micros, Timestamp};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SoundClock {
    origin: Option<Timestamp>,
}

impl SoundClock {
    /// A piece whose first sample is number `first` arrived at `at`. `true`: the stream has jumped (it was suspended, or
    /// began), and what is buffered from before is old.
    pub(crate) fn on_arrival(&mut self, at: Timestamp, first: u64) -> bool {
        let measured = at.before(span(first));
        let Some(origin) = self.origin else {
            self.origin = Some(measured);
            return true;
        };
        let late = measured.since(origin);
        if late > JUMP {
            self.origin = Some(measured);
            return true;
        }
        self.origin = Some(measured.min(origin + late.scale(1, CREEP)));
        false
    }

    /// When sample `number` was recorded.
    pub(crate) fn time_of(&self, number: u64) -> Timestamp {
        self.origin.unwrap_or_default() + span(number)
    }
}

/// How long this many samples (per channel) last.
pub(crate) fn span(samples: u64) -> Micros {
    Micros::new(samples.saturating_mul(1_000_000) / u64::from(RATE))
}

/// Samples per second and channel.
pub(crate) const RATE: u32 = 48_000;
/// Later than any scheduling delay that the buffers would ride out.
const JUMP: Micros = Micros::from_millis(200);
/// A 200th per 5 ms piece: a wrong origin is half corrected in 0.7 s, a 10 ms delay moves the time by 50 us.
const CREEP: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_does_not_show() {
        let mut clock = SoundClock::default();
        let jitter = [0, 0, 3_000, 0, 8_000, 200, 0, 12_000];
        for (n, late) in (0..4_000u64).zip(jitter.into_iter().cycle()) {
            let due = 1_000_000 + n * 5_000;
            clock.on_arrival(Timestamp::from_micros(due + late), n * 240);
            let told = clock.time_of(n * 240).as_micros();
            assert!((due..due + 200).contains(&told), "{n}: {}", told - due);
        }
    }

    #[test]
    fn a_pause_is_a_jump_and_time_goes_on_from_there() {
        let mut clock = SoundClock::default();
        assert!(clock.on_arrival(Timestamp::from_micros(1_000_000), 0));
        assert!(!clock.on_arrival(Timestamp::from_micros(1_005_000), 240));
        assert!(clock.on_arrival(Timestamp::from_micros(9_000_000), 480));
        assert_eq!(clock.time_of(480), Timestamp::from_micros(9_000_000));
    }
}
