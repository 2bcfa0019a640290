//! How much the processor works for a title's pictures before they are committed, without the sound.

use crate::clock;
use crate::process::{descendants, stat};
use firstlight_units::{Micros, Timestamp};
use nix::unistd::{SysconfVar, sysconf};
use std::collections::BTreeMap;

/// Counts from call to call. See the module.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// The processes, with the clock ticks that each had used.
    known: BTreeMap<u32, u64>,
    look_again: Timestamp,
}

impl Work {
    /// Processor time that `roots` and what descends from them used since the last call; whoever is new counts from here on.
    pub(crate) fn since(&mut self, roots: &[u32]) -> Micros {
        let now = clock::now();
        let family = if now >= self.look_again {
            self.look_again = now + LOOK_EVERY;
            descendants(roots)
        } else {
            self.known.keys().copied().collect()
        };
        let before = std::mem::take(&mut self.known);
        let mut ticks = 0;
        for pid in family {
            let Some(stat) = stat(pid) else { continue };
            let had = before.get(&pid).copied().unwrap_or(stat.spent);
            ticks += stat.spent.saturating_sub(had);
            self.known.insert(pid, stat.spent);
        }
        Micros::from_secs(ticks).scale(1, ticks_a_second())
    }
}

/// 100 wherever this runs; a kernel may have another.
fn ticks_a_second() -> u64 {
    let said = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    said.and_then(|ticks| u64::try_from(ticks).ok())
        .unwrap_or(100)
        .max(1)
}

/// A look at every process of the machine, for who has been born: a title bears its own when it begins, and on a host of hundreds of titles
/// each look is at thousands.
const LOOK_EVERY: Micros = Micros::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_is_counted_from_the_first_look_on() {
        let own = std::process::id();
        let mut work = Work::default();
        assert_eq!(work.since(&[own]), Micros::ZERO);
        let spent = || stat(own).unwrap().spent;
        let before = spent();
        while spent() < before + 3 {}
        assert!(work.since(&[own]) >= Micros::from_secs(3).scale(1, ticks_a_second()));
        let mut nobody = Work::default();
        assert_eq!(nobody.since(&[u32::MAX]), Micros::ZERO);
    }
}
