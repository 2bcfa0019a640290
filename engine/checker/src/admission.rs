//! Whether players are sent to a host, by what its checks came to. Pure: time and chance come in.
//!
//! ```text
//!            all proven                       wrong: at once; late, silent, cannot: three in a row; not proven for a week
//! Unproven ──────────────> Admitted ────────────────────────────────────────────────────────────> Refused | Unproven
//!     │ wrong, or cannot                                                                               │
//!     └──────────────────────────────────────> Refused <── all proven once, or three times after a wrong ── (Admitted)
//! ```
//!
//! A late answer is a busy machine as often as a small one, so that it is asked again, ever more rarely; a wrong one is a lie. Checks come at
//! random times, so that nobody can be honest by the clock, and never so often that they take more than a hundredth of a host's time.

use crate::challenge::{BUDGET, Failure, Part, Verdict};
use firstlight_units::{Micros, WallTime};
use serde::{Deserialize, Serialize};

/// Whether players are sent to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not shown yet that it can do what it says.
    #[default]
    Unproven,
    /// It has.
    Admitted,
    /// It has shown that it cannot.
    Refused,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Admitted => "admitted",
            Self::Refused => "refused",
        }
    }
}

/// What is known of a host's checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Admission {
    /// Whether players are sent to it.
    pub standing: Standing,
    /// Why not, for its provider; empty while there is nothing to say.
    pub why: String,
    /// When the next check is due, microseconds since 1970.
    pub next_at: u64,
    /// When all was proven last; 0: never.
    pub proven_at: u64,
    /// Cores that were proven then.
    pub cores: u32,
    /// Checks that were late, silent or could not, one after the other.
    pub strikes: u32,
    /// Checks that have to be passed before it is admitted again.
    pub owed: u32,
    /// Checks that were passed.
    pub passed: u64,
    /// Checks that were not.
    pub failed: u64,
}

/// What a check came to: the first challenge that was not proven, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was proven.
    Proven,
    /// It had a player.
    GaveWay,
    /// Something was not.
    Failed(Part, Failure),
}

impl Outcome {
    /// Of challenges in order.
    #[must_use]
    pub fn of(verdicts: &[(Part, Verdict)]) -> Self {
        let short = verdicts.iter().find_map(|(part, verdict)| match verdict {
            Verdict::Proven => None,
            Verdict::GaveWay => Some(Self::GaveWay),
            Verdict::Failed(failure) => Some(Self::Failed(*part, *failure)),
        });
        short.unwrap_or(Self::Proven)
    }
}

impl Admission {
    /// What it is to a host that claims so many cores: whoever claims more than was proven has that still to prove.
    #[must_use]
    pub const fn standing(&self, cores: u32) -> Standing {
        match self.standing {
            Standing::Admitted if cores > self.cores => Standing::Unproven,
            standing @ (Standing::Unproven | Standing::Admitted | Standing::Refused) => standing,
        }
    }

    /// Whether a check is due of a host that claims so many cores.
    #[must_use]
    pub fn is_due(&self, now: WallTime, cores: u32) -> bool {
        let grown = self.standing == Standing::Admitted && cores > self.cores && self.strikes == 0;
        grown || now.as_micros() >= self.next_at
    }

    /// A check of a host that claims so many cores is over. `chance` is uniform in 0 to 1, without 1.
    pub fn on_check(&mut self, now: WallTime, cores: u32, outcome: Outcome, chance: f64) {
        let wait = match outcome {
            Outcome::Proven => {
                self.cores = cores;
                self.on_proven(now, chance)
            }
            Outcome::GaveWay => RETRY_GAVE_WAY,
            Outcome::Failed(part, failure) => self.on_failed(part, failure),
        };
        self.next_at = (now + wait).as_micros();
        self.on_time(now);
    }

    /// Committees have found that it does not do for players what it says.
    pub fn on_penalty(&mut self, now: WallTime, why: String) {
        self.standing = Standing::Refused;
        self.owed = OWED_AFTER_WRONG;
        self.why = why;
        self.next_at = (now + RETRY_LAST).as_micros();
    }

    /// What was proven long ago is not proven: a host that always gives way is not admitted for ever.
    pub fn on_time(&mut self, now: WallTime) {
        let proven = WallTime::from_micros(self.proven_at);
        if self.standing == Standing::Admitted && now.since(proven) > PROVEN_FOR {
            self.standing = Standing::Unproven;
            "nothing was proven for a week: it gave way to players each time".clone_into(&mut self.why);
        }
    }

    fn on_proven(&mut self, now: WallTime, chance: f64) -> Micros {
        self.passed += 1;
        self.strikes = 0;
        self.owed = self.owed.saturating_sub(1);
        if self.owed > 0 {
            return RETRY_FIRST;
        }
        self.standing = Standing::Admitted;
        self.proven_at = now.as_micros();
        self.why.clear();
        poisson(MEAN, chance).max(SPACING)
    }

    fn on_failed(&mut self, part: Part, failure: Failure) -> Micros {
        self.failed += 1;
        self.strikes = self.strikes.saturating_add(1);
        let admitted = self.standing == Standing::Admitted;
        if failure.is_wrong() {
            self.standing = Standing::Refused;
            self.owed = OWED_AFTER_WRONG;
        } else if self.strikes >= STRIKES || failure == Failure::Cannot && !admitted {
            self.standing = Standing::Refused;
            self.owed = self.owed.max(1);
        }
        if self.standing != Standing::Admitted {
            self.why = format!("{}: {failure}", part.word());
        }
        if failure.is_wrong() {
            return RETRY_LAST;
        }
        let doubled = RETRY_FIRST.as_micros() << self.strikes.saturating_sub(1).min(16);
        Micros::new(doubled).min(RETRY_LAST)
    }
}

/// The time to the next of events that come at random, `mean` apart.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hours in microseconds, and never negative"
)]
pub fn poisson(mean: Micros, chance: f64) -> Micros {
    let rest = 1.0 - chance.clamp(0.0, 1.0 - f64::EPSILON);
    Micros::new((-rest.ln() * mean.as_micros() as f64) as u64)
}

/// Three checks of ten are missed by chance where one of two is.
const STRIKES: u32 = 3;
/// Whoever lied once has to be right three times, an hour apart.
const OWED_AFTER_WRONG: u32 = 3;
/// Between two checks of an honest host, on average.
const MEAN: Micros = Micros::from_secs(3_600);
/// A check takes [`BUDGET`] at most: a hundredth of this.
const SPACING: Micros = Micros::new(BUDGET.as_micros() * 100);
/// It may be a short visit.
const RETRY_GAVE_WAY: Micros = Micros::from_secs(60);
const RETRY_FIRST: Micros = Micros::from_secs(5);
const RETRY_LAST: Micros = Micros::from_secs(3_600);
const PROVEN_FOR: Micros = Micros::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);
    const LATE: Outcome = Outcome::Failed(
        Part::Compute,
        Failure::Late {
            took_ms: 2_000,
            within_ms: 1_000,
        },
    );
    const WRONG: Outcome = Outcome::Failed(Part::Encode, Failure::Wrong { part: 3 });

    fn after(outcomes: &[Outcome]) -> Admission {
        let mut admission = Admission::default();
        for outcome in outcomes {
            admission.on_check(NOW, 4, *outcome, 0.5);
        }
        admission
    }

    #[test]
    fn a_host_is_admitted_by_proof_and_by_nothing_else() {
        assert!(Admission::default().is_due(NOW, 4));
        assert_eq!(after(&[]).standing, Standing::Unproven);
        assert_eq!(after(&[Outcome::GaveWay; 9]).standing, Standing::Unproven);
        assert_eq!(after(&[Outcome::Proven]).standing, Standing::Admitted);
        assert_eq!(after(&[LATE, Outcome::Proven]).standing, Standing::Admitted);
        let wait = after(&[Outcome::Proven]).next_at - NOW.as_micros();
        assert!(wait >= SPACING.as_micros(), "{wait}");
    }

    #[test]
    fn a_busy_machine_is_asked_again_and_a_liar_is_not_believed_at_once() {
        let busy = after(&[Outcome::Proven, LATE, LATE]);
        assert_eq!((busy.standing, busy.why.as_str()), (Standing::Admitted, ""));
        let slow = after(&[Outcome::Proven, LATE, LATE, LATE]);
        assert_eq!(slow.standing, Standing::Refused);
        assert_eq!(
            slow.why,
            "compute: the answer took 2000 ms, and 1000 ms were given"
        );
        let liar = after(&[Outcome::Proven, WRONG]);
        assert_eq!((liar.standing, liar.owed), (Standing::Refused, 3));
        assert_eq!(
            after(&[WRONG, Outcome::Proven, Outcome::Proven]).standing,
            Standing::Refused
        );
        assert_eq!(
            after(&[WRONG, Outcome::Proven, Outcome::Proven, Outcome::Proven]).standing,
            Standing::Admitted
        );
        assert_eq!(
            after(&[LATE, LATE, LATE, Outcome::Proven]).standing,
            Standing::Admitted
        );
    }

    #[test]
    fn a_host_that_always_gives_way_is_not_admitted_for_ever() {
        let mut admission = after(&[Outcome::Proven]);
        admission.on_check(NOW + Micros::from_secs(86_400), 4, Outcome::GaveWay, 0.5);
        assert_eq!(admission.standing, Standing::Admitted);
        admission.on_check(NOW + Micros::from_secs(8 * 86_400), 4, Outcome::GaveWay, 0.5);
        assert_eq!(admission.standing, Standing::Unproven);
    }

    #[test]
    fn whoever_claims_more_than_was_proven_has_that_still_to_prove() {
        let small = after(&[Outcome::Proven]);
        assert_eq!(small.standing(4), Standing::Admitted);
        assert_eq!(small.standing(3), Standing::Admitted);
        assert_eq!(small.standing(64), Standing::Unproven);
        assert!(small.is_due(NOW, 64) && !small.is_due(NOW, 4));
    }

    #[test]
    fn a_penalty_is_worked_off_like_a_lie() {
        let mut admission = after(&[Outcome::Proven]);
        admission.on_penalty(NOW, "sessions: throttled".to_owned());
        assert_eq!((admission.standing, admission.owed), (Standing::Refused, 3));
        assert!(!admission.is_due(NOW, 4));
        (0..2).for_each(|_| admission.on_check(NOW, 4, Outcome::Proven, 0.5));
        assert_eq!(admission.standing, Standing::Refused);
        admission.on_check(NOW, 4, Outcome::Proven, 0.5);
        assert_eq!(
            (admission.standing, admission.why.as_str()),
            (Standing::Admitted, "")
        );
    }

    #[test]
    fn checks_come_at_random() {
        let mut stream = crate::hash::Stream::of(&[b"test"]);
        let waits: Vec<u64> = (0..20_000)
            .map(|_| poisson(MEAN, stream.unit()).as_micros() / 1_000_000)
            .collect();
        let mean = waits.iter().sum::<u64>() / 20_000;
        assert!((3_500..3_700).contains(&mean), "{mean}");
        let long = waits.iter().filter(|wait| **wait > 7_200).count();
        assert!(
            (2_400..3_000).contains(&long),
            "e^-2 of them wait twice the mean: {long}"
        );
    }

    proptest! {
        #[test]
        fn an_admitted_host_spends_a_hundredth_of_its_time_at_most(chance in 0.0f64..1.0) {
            let mut admission = after(&[Outcome::Proven]);
            admission.on_check(NOW, 4, Outcome::Proven, chance);
            prop_assert!(admission.next_at - NOW.as_micros() >= BUDGET.as_micros() * 100);
        }
    }
}
