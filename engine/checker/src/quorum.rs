//! Many checkers, none trusted alone: who looks at a case, in which order they speak, and what their findings come to.
//!
//! ```text
//! beacon ─> committee (7) ─> commitments ─> reveals ─majority bad─> committee (31) ─> … ─majority bad─> penalty
//!                                                    └ good: nothing                     └ good: nothing, and the seven are looked at
//! ```
//!
//! - Nobody chooses who looks at whom: a committee follows from a beacon that nobody knew before, and everybody can derive it again.
//! - Nobody can copy: all findings are committed to before any is revealed, and a commitment names its checker.
//! - Seven may only rank a host lower, for of seven drawn from checkers of whom a fifth is bought, four are bought 33 times in a thousand;
//!   of thirty-one, sixteen are so nine times in a hundred thousand. Those may penalise.

use crate::hash::{Digest, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A checker's public key.
pub type Checker = [u8; 32];

/// What a checker finds in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Finding {
    /// The host did what it says.
    Good = 1,
    /// It did not.
    Bad = 2,
}

/// What a committee comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// More than half of all its members found this; those who said nothing count as members.
    Found(Finding),
    /// Neither did: a larger one is needed.
    Open,
}

/// A number that nobody could choose: from what each of some checkers had committed to. [`None`]: nobody revealed.
///
/// Whoever reveals last may keep silent, and so choose between two numbers; he cannot choose a third. `round` and `before` keep the
/// numbers of one round from being taken for another's.
#[must_use]
pub fn beacon(round: u64, before: &Digest, reveals: &BTreeMap<Checker, Digest>) -> Option<Digest> {
    if reveals.is_empty() {
        return None;
    }
    let mut parts: Vec<&[u8]> = vec![b"firstlight beacon\0", before];
    let round = round.to_be_bytes();
    parts.push(&round);
    for (checker, reveal) in reveals {
        parts.push(checker);
        parts.push(reveal);
    }
    Some(digest(&parts))
}

/// The `size` of `checkers` that look at `subject`, whatever order they are given in. Fewer, where there are fewer.
#[must_use]
pub fn committee(beacon: &Digest, subject: &[u8], checkers: &[Checker], size: usize) -> Vec<Checker> {
    let place = |checker: &Checker| digest(&[b"firstlight committee\0", beacon, subject, checker]);
    let mut drawn: Vec<(Digest, Checker)> = checkers
        .iter()
        .map(|checker| (place(checker), *checker))
        .collect();
    drawn.sort_unstable();
    drawn.dedup();
    drawn.truncate(size);
    drawn.into_iter().map(|(_, checker)| checker).collect()
}

/// What a checker says of a case, once everybody has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// Who says it.
    pub checker: Checker,
    /// What.
    pub finding: Finding,
    /// Random: without it, a commitment could be guessed.
    pub salt: Digest,
}

impl Ballot {
    /// What is shown before: of this case, by this checker.
    #[must_use]
    pub fn commitment(&self, case: &Digest) -> Digest {
        let Self {
            checker,
            finding,
            salt,
        } = self;
        digest(&[b"firstlight ballot\0", case, checker, &[*finding as u8], salt])
    }
}

/// Why a commitment or a ballot is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BallotError {
    /// He was not drawn.
    #[error("the checker is not of the committee")]
    Stranger,
    /// He has committed, or spoken, before.
    #[error("the checker has spoken before")]
    Twice,
    /// It is not the time for it.
    #[error("commitments come first, and ballots when they are closed")]
    Early,
    /// It is not what he committed to.
    #[error("the ballot is not what the checker committed to")]
    Other,
}

/// A committee at work on one case.
#[derive(Clone, Debug)]
pub struct Round {
    case: Digest,
    members: BTreeMap<Checker, Member>,
    open: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    commitment: Option<Digest>,
    finding: Option<Finding>,
}

impl Round {
    /// Of this committee, on the case with this digest.
    #[must_use]
    pub fn new(case: Digest, committee: &[Checker]) -> Self {
        Self {
            case,
            members: committee
                .iter()
                .map(|checker| (*checker, Member::default()))
                .collect(),
            open: true,
        }
    }

    /// A member commits.
    ///
    /// # Errors
    /// [`BallotError::Stranger`], [`BallotError::Twice`], [`BallotError::Early`] once ballots are taken.
    pub fn commit(&mut self, checker: &Checker, commitment: Digest) -> Result<(), BallotError> {
        if !self.open {
            return Err(BallotError::Early);
        }
        let member = self.members.get_mut(checker).ok_or(BallotError::Stranger)?;
        if member.commitment.is_some() {
            return Err(BallotError::Twice);
        }
        member.commitment = Some(commitment);
        Ok(())
    }

    /// No more commitments: whoever has not committed has nothing to say.
    pub const fn close(&mut self) {
        self.open = false;
    }

    /// A member speaks.
    ///
    /// # Errors
    /// [`BallotError`].
    pub fn reveal(&mut self, ballot: &Ballot) -> Result<(), BallotError> {
        if self.open {
            return Err(BallotError::Early);
        }
        let member = self
            .members
            .get_mut(&ballot.checker)
            .ok_or(BallotError::Stranger)?;
        if member.finding.is_some() {
            return Err(BallotError::Twice);
        }
        if member.commitment != Some(ballot.commitment(&self.case)) {
            return Err(BallotError::Other);
        }
        member.finding = Some(ballot.finding);
        Ok(())
    }

    /// What they come to.
    #[must_use]
    pub fn ruling(&self) -> Ruling {
        let of = |wanted| {
            self.members
                .values()
                .filter(|member| member.finding == Some(wanted))
                .count()
        };
        let majority = |count: usize| count * 2 > self.members.len();
        [Finding::Good, Finding::Bad]
            .into_iter()
            .find(|finding| majority(of(*finding)))
            .map_or(Ruling::Open, Ruling::Found)
    }

    /// Members whose finding was not the ruling's: each is a mark against the checker, where the case can be judged again.
    pub fn apart(&self) -> impl Iterator<Item = &Checker> {
        let ruling = self.ruling();
        let apart = move |member: &Member| matches!((ruling, member.finding), (Ruling::Found(found), Some(finding)) if found != finding);
        self.members
            .iter()
            .filter(move |(_, member)| apart(member))
            .map(|(checker, _)| checker)
    }
}

/// A checker's own record: cases of which the answer was known before, hidden among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Controls {
    right: u64,
    all: u64,
}

impl Controls {
    /// He was given a case that is known to be good or bad.
    pub fn on_control(&mut self, is_right: bool) {
        self.all += 1;
        self.right += u64::from(is_right);
    }

    /// Whether he is drawn into committees: not when it is proven (Wilson, 95 %) that he errs more often than one time in ten.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        let wrong = crate::host::wilson(self.all - self.right, self.all);
        wrong <= crate::Score::new(ERRS_MAX)
    }
}

/// May rank a host lower.
pub const RANKING: usize = 7;
/// May penalise it.
pub const PENALTY: usize = 31;
/// One in ten, in ten-thousandths.
const ERRS_MAX: u16 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checkers(count: u8) -> Vec<Checker> {
        (0..count).map(|n| [n; 32]).collect()
    }

    fn ballot(n: u8, finding: Finding) -> Ballot {
        Ballot {
            checker: [n; 32],
            finding,
            salt: [n ^ 0x55; 32],
        }
    }

    fn vote(findings: &[Option<Finding>]) -> Round {
        let members = checkers(u8::try_from(findings.len()).unwrap());
        let mut round = Round::new([1; 32], &members);
        let ballots = (0u8..)
            .zip(findings)
            .filter_map(|(n, finding)| Some(ballot(n, (*finding)?)));
        let ballots: Vec<Ballot> = ballots.collect();
        for ballot in &ballots {
            round
                .commit(&ballot.checker, ballot.commitment(&[1; 32]))
                .unwrap();
        }
        round.close();
        ballots.iter().for_each(|ballot| round.reveal(ballot).unwrap());
        round
    }

    #[test]
    fn who_copies_a_commitment_has_nothing_to_reveal() {
        let mut round = Round::new([1; 32], &checkers(3));
        let own = ballot(0, Finding::Bad);
        round.commit(&[0; 32], own.commitment(&[1; 32])).unwrap();
        round.commit(&[1; 32], own.commitment(&[1; 32])).unwrap();
        assert_eq!(round.reveal(&own), Err(BallotError::Early));
        round.close();
        assert_eq!(round.commit(&[2; 32], [0; 32]), Err(BallotError::Early));
        round.reveal(&own).unwrap();
        let copied = Ballot {
            checker: [1; 32],
            ..own
        };
        assert_eq!(round.reveal(&copied), Err(BallotError::Other));
        assert_eq!(round.reveal(&own), Err(BallotError::Twice));
        assert_eq!(round.reveal(&ballot(9, Finding::Bad)), Err(BallotError::Stranger));
        assert_eq!(round.ruling(), Ruling::Open);
    }

    #[test]
    fn silence_is_no_vote_and_makes_no_majority() {
        let (good, bad) = (Some(Finding::Good), Some(Finding::Bad));
        assert_eq!(vote(&[bad, bad, None, None, None]).ruling(), Ruling::Open);
        assert_eq!(
            vote(&[bad, bad, bad, None, None]).ruling(),
            Ruling::Found(Finding::Bad)
        );
        let split = vote(&[bad, bad, good, good, good]);
        assert_eq!(split.ruling(), Ruling::Found(Finding::Good));
        assert_eq!(split.apart().count(), 2);
    }

    #[test]
    fn a_committee_is_as_seldom_bought_as_the_sizes_promise() {
        let all = checkers(200);
        let bought = |checker: &&Checker| checker[0] < 40;
        let majorities = |size: usize| {
            let rounds = 20_000u32;
            let held = (0..rounds).filter(|round| {
                let drawn = committee(&[3; 32], &round.to_be_bytes(), &all, size);
                drawn.iter().filter(bought).count() * 2 > size
            });
            held.count() * 10_000 / 20_000
        };
        let seven = majorities(RANKING);
        assert!((250..=400).contains(&seven), "{seven} of 10,000");
        assert!(majorities(PENALTY) <= 3);
    }

    #[test]
    fn a_checker_that_fails_controls_is_not_drawn_and_one_slip_is_forgiven() {
        let mut controls = Controls::default();
        assert!(controls.is_drawn());
        (0..20).for_each(|_| controls.on_control(true));
        controls.on_control(false);
        assert!(controls.is_drawn());
        (0..8).for_each(|_| controls.on_control(false));
        assert!(!controls.is_drawn());
    }

    proptest! {
        #[test]
        fn a_committee_is_the_same_whoever_derives_it(seed: [u8; 32], subject in prop::collection::vec(any::<u8>(), 0..40), size in 0usize..40, turn in 0usize..60) {
            let mut all = checkers(60);
            let first = committee(&seed, &subject, &all, size);
            all.rotate_left(turn);
            all.push(all[0]);
            prop_assert_eq!(&first, &committee(&seed, &subject, &all, size));
            prop_assert_eq!(first.len(), size);
            // A larger one has the smaller in it: nobody is sent home when a case grows.
            prop_assert!(committee(&seed, &subject, &all, size + 1).starts_with(&first));
        }

        #[test]
        fn never_both(findings in prop::collection::vec(prop::option::of(prop::bool::ANY), 1..40)) {
            let findings: Vec<Option<Finding>> = findings
                .iter()
                .map(|found| found.map(|good| if good { Finding::Good } else { Finding::Bad }))
                .collect();
            let bad = findings.iter().filter(|found| **found == Some(Finding::Bad)).count();
            let good = findings.iter().filter(|found| **found == Some(Finding::Good)).count();
            let wanted = match (bad * 2 > findings.len(), good * 2 > findings.len()) {
                (true, _) => Ruling::Found(Finding::Bad),
                (_, true) => Ruling::Found(Finding::Good),
                _ => Ruling::Open,
            };
            prop_assert_eq!(vote(&findings).ruling(), wanted);
        }

        #[test]
        fn a_beacon_depends_on_everybody(round: u64, reveals in prop::collection::btree_map(any::<[u8; 32]>(), any::<[u8; 32]>(), 1..8), which in 0usize..8) {
            let first = beacon(round, &[0; 32], &reveals).unwrap();
            prop_assert_ne!(Some(first), beacon(round.wrapping_add(1), &[0; 32], &reveals));
            let mut other = reveals.clone();
            let key = *other.keys().nth(which % reveals.len()).unwrap();
            other.get_mut(&key).unwrap()[0] ^= 1;
            prop_assert_ne!(Some(first), beacon(round, &[0; 32], &other));
        }
    }
}
