//! A case: several checkers judge one [`Matter`], and what they come to can be derived again by anybody.
//!
//! ```text
//! Drawing ──> Showing ──> Committing ──> Opening ──Good──────────────────> Closed: dismissed
//! each of the pool        seven of them     │ Bad, or none
//! commits to a number,    commit to a       └─> Committing ──> Opening ──> Closed: penalised, ranked lower, or dismissed
//! then shows it: beacon   finding, then     thirty-one
//!                         show it
//! ```
//!
//! - The committee follows from a number that none of the pool could choose ([`crate::quorum::beacon`]), made for this case alone.
//! - Every commitment is signed, so that whoever keeps the case cannot speak for a checker; what is shown is bound by the commitment.
//! - Each stage has an end. Whoever is silent until then has said nothing, and counts as a member all the same.
//! - Some cases are controls: whoever opened them knows the answer and has promised, before, that he does. Nobody can tell them from others.
//!
//! Pure: time comes in, and secrets do. A [`Case`] is a document; [`Case::verify`] derives its outcome from what is written in it.

use crate::codec::{from_text, to_text};
use crate::evidence::{Signed, holds};
use crate::hash::{Digest, digest};
use crate::matter::Matter;
use crate::quorum::{Ballot, Checker, Finding, PENALTY, RANKING, Round, Ruling, beacon, committee};
use firstlight_units::{Micros, WallTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The pool commits to numbers.
    Drawing,
    /// It shows them.
    Showing,
    /// The committee commits to findings.
    Committing,
    /// It shows them.
    Opening,
    /// Nothing more is taken.
    Closed,
}

/// What a case came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is held against the host.
    Dismissed,
    /// Seven found it bad, and thirty-one came to nothing: it may be ranked lower.
    RankedLower,
    /// Thirty-one found it bad.
    Penalised,
}

/// What a case was all along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Nobody knew.
    Real,
    /// A control, that is good.
    ControlGood,
    /// A control, that is bad.
    ControlBad,
}

/// What a checker puts into a case. `signed`: by the checker, of [`Case::word_statement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A number will be this digest's.
    Promise(Digest, Signed),
    /// It is this.
    Number(Digest),
    /// A finding will be this commitment's.
    Commit(Digest, Signed),
    /// It is this, with its salt.
    Open(Finding, Digest),
}

/// What a checker is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// [`Word::Promise`].
    Promise,
    /// [`Word::Number`].
    Number,
    /// [`Word::Commit`], in the round of this number.
    Commit(usize),
    /// [`Word::Open`], in the round of this number.
    Open(usize),
}

/// Why something is not taken, or a case does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// It is not this checker's turn.
    #[error("nothing is wanted of this checker now")]
    NotWanted,
    /// It is not signed by whom it names.
    #[error("a word is not signed by the checker that it names")]
    Forged,
    /// It is not what was promised.
    #[error("what is shown is not what was promised")]
    Other,
    /// Text that is none.
    #[error("the case holds a text that cannot be read")]
    Malformed,
    /// The committee is not the one that follows from the numbers.
    #[error("the committee is not the one that follows from the numbers")]
    OtherCommittee,
    /// What it says it came to does not follow.
    #[error("what it came to does not follow from it")]
    OtherOutcome,
}

/// A case, as it is kept and shown. Keys and digests are in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// [`Matter::write`].
    matter: String,
    /// Who opened it.
    opener: String,
    /// [`promise_truth`].
    sealed: String,
    opened_at: u64,
    /// Who is asked for numbers.
    pool: Vec<String>,
    stage: Stage,
    /// When the stage ends, microseconds since 1970.
    until: u64,
    draws: BTreeMap<String, Draw>,
    rounds: Vec<Ballots>,
    /// What it came to, once it is closed.
    pub outcome: Option<Outcome>,
    /// What it was, and the salt of the promise; once it is closed.
    pub truth: Option<(Truth, String)>,
}

/// A checker's part in the beacon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Draw {
    promise: String,
    signed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
}

/// A committee's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ballots {
    members: Vec<String>,
    votes: BTreeMap<String, Vote>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vote {
    commitment: String,
    signed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<(Finding, String)>,
}

/// What is promised of a case's truth when it is opened.
#[must_use]
pub fn promise_truth(truth: Truth, salt: &Digest) -> Digest {
    digest(&[b"firstlight truth\0", &[truth as u8], salt])
}

impl Case {
    /// Opens one. `known`: all checkers that may be drawn; the opener looks at it only where there is nobody else.
    #[must_use]
    pub fn open(
        matter: &Matter,
        opener: &Checker,
        sealed: &Digest,
        known: &[Checker],
        now: WallTime,
    ) -> Self {
        let others: Vec<Checker> = known.iter().filter(|one| *one != opener).copied().collect();
        let pool = if others.is_empty() {
            vec![*opener]
        } else {
            committee(&matter.digest(), b"pool", &others, POOL_MAX)
        };
        Self {
            matter: to_text(&matter.write()),
            opener: to_text(opener),
            sealed: to_text(sealed),
            opened_at: now.as_micros(),
            pool: pool.iter().map(|one| to_text(one)).collect(),
            stage: Stage::Drawing,
            until: (now + STAGE).as_micros(),
            draws: BTreeMap::new(),
            rounds: Vec::new(),
            outcome: None,
            truth: None,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// When its stage ends or, of a closed one, when it was closed: microseconds since 1970.
    #[must_use]
    pub const fn until(&self) -> u64 {
        self.until
    }

    /// Whether this is what its opener promised.
    #[must_use]
    pub fn is_sealed(&self, promise: &Digest) -> bool {
        to_text(promise) == self.sealed
    }

    /// Names it; does not change as it goes on.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let at = self.opened_at.to_be_bytes();
        let pool = self.pool.concat();
        let parts = [&self.matter, &self.opener, &self.sealed, &pool];
        let [matter, opener, sealed, pool] = parts.map(|text| text.as_bytes());
        digest(&[
            b"firstlight case\0",
            matter,
            b".",
            opener,
            b".",
            sealed,
            b".",
            pool,
            &at,
        ])
    }

    /// What it is about.
    ///
    /// # Errors
    /// [`CaseError::Malformed`].
    pub fn matter(&self) -> Result<Matter, CaseError> {
        let bytes = from_text(&self.matter, MATTER_CHARS_MAX).map_err(|_| CaseError::Malformed)?;
        Matter::read(&bytes).map_err(|_| CaseError::Malformed)
    }

    /// Who opened it.
    ///
    /// # Errors
    /// [`CaseError::Malformed`].
    pub fn opener(&self) -> Result<Checker, CaseError> {
        bytes(&self.opener)
    }

    /// What an honest checker finds: evidence that does not hold is held against nobody.
    ///
    /// # Errors
    /// [`CaseError::Malformed`].
    pub fn finding(&self) -> Result<Finding, CaseError> {
        Ok(match self.matter()?.difference() {
            Ok(Some(_)) => Finding::Bad,
            Ok(None) | Err(_) => Finding::Good,
        })
    }

    /// What is wanted of a checker now.
    #[must_use]
    pub fn wanted(&self, of: &Checker) -> Option<Wanted> {
        let key = to_text(of);
        let round = self.rounds.len().saturating_sub(1);
        match self.stage {
            Stage::Drawing => {
                (self.pool.contains(&key) && !self.draws.contains_key(&key)).then_some(Wanted::Promise)
            }
            Stage::Showing => self.draws.get(&key)?.number.is_none().then_some(Wanted::Number),
            Stage::Committing => {
                let last = self.rounds.last()?;
                let drawn = last.members.contains(&key) && !last.votes.contains_key(&key);
                drawn.then_some(Wanted::Commit(round))
            }
            Stage::Opening => {
                let vote = self.rounds.last()?.votes.get(&key)?;
                vote.shown.is_none().then_some(Wanted::Open(round))
            }
            Stage::Closed => None,
        }
    }

    /// What is signed with a promise (`round`: none) or a commitment.
    #[must_use]
    pub fn word_statement(&self, round: Option<usize>, what: &Digest) -> Vec<u8> {
        let round = round.map_or(0xff, |round| u8::try_from(round).unwrap_or(0xfe));
        [b"firstlight word 1\0".as_slice(), &self.digest(), &[round], what].concat()
    }

    /// The promise of a number.
    #[must_use]
    pub fn promise(&self, checker: &Checker, number: &Digest) -> Digest {
        digest(&[b"firstlight draw\0", &self.digest(), checker, number])
    }

    /// The commitment to a finding.
    #[must_use]
    pub fn commitment(&self, round: usize, checker: &Checker, finding: Finding, salt: &Digest) -> Digest {
        let ballot = Ballot {
            checker: *checker,
            finding,
            salt: *salt,
        };
        ballot.commitment(&self.round_digest(round))
    }

    /// A checker speaks.
    ///
    /// # Errors
    /// [`CaseError`]; then nothing has changed.
    pub fn hear(&mut self, from: &Checker, word: Word) -> Result<(), CaseError> {
        let wanted = self.wanted(from).ok_or(CaseError::NotWanted)?;
        let key = to_text(from);
        match (wanted, word) {
            (Wanted::Promise, Word::Promise(promise, signed)) => {
                self.check_word(from, None, &promise, &signed)?;
                self.draws.insert(
                    key,
                    Draw {
                        promise: to_text(&promise),
                        signed: to_text(&signed),
                        number: None,
                    },
                );
            }
            (Wanted::Number, Word::Number(number)) => {
                let promised = to_text(&self.promise(from, &number));
                let draw = self.draws.get_mut(&key).ok_or(CaseError::NotWanted)?;
                if draw.promise != promised {
                    return Err(CaseError::Other);
                }
                draw.number = Some(to_text(&number));
            }
            (Wanted::Commit(round), Word::Commit(commitment, signed)) => {
                self.check_word(from, Some(round), &commitment, &signed)?;
                let last = self.rounds.last_mut().ok_or(CaseError::NotWanted)?;
                last.votes.insert(
                    key,
                    Vote {
                        commitment: to_text(&commitment),
                        signed: to_text(&signed),
                        shown: None,
                    },
                );
            }
            (Wanted::Open(round), Word::Open(finding, salt)) => {
                let bound = to_text(&self.commitment(round, from, finding, &salt));
                let last = self.rounds.last_mut().ok_or(CaseError::NotWanted)?;
                let vote = last.votes.get_mut(&key).ok_or(CaseError::NotWanted)?;
                if vote.commitment != bound {
                    return Err(CaseError::Other);
                }
                vote.shown = Some((finding, to_text(&salt)));
            }
            _ => return Err(CaseError::NotWanted),
        }
        Ok(())
    }

    /// Goes on where everybody has spoken, or the stage is over. Whether it did.
    ///
    /// # Errors
    /// [`CaseError::Malformed`], where the case was not written by this module.
    pub fn on_time(&mut self, now: WallTime) -> Result<bool, CaseError> {
        if self.stage == Stage::Closed || !(self.is_complete() || now.as_micros() >= self.until) {
            return Ok(false);
        }
        self.until = (now + STAGE).as_micros();
        self.stage = match self.stage {
            Stage::Drawing => Stage::Showing,
            Stage::Showing => self.begin_round(RANKING)?,
            Stage::Committing => Stage::Opening,
            Stage::Opening => {
                let first = self.rounds.len() < 2;
                let dismissed =
                    self.ruling(self.rounds.len().saturating_sub(1))? == Ruling::Found(Finding::Good);
                if first && !dismissed && self.pool.len() > RANKING {
                    self.begin_round(PENALTY)?
                } else {
                    self.outcome = Some(self.derive()?);
                    Stage::Closed
                }
            }
            Stage::Closed => Stage::Closed,
        };
        if self.stage == Stage::Closed {
            self.until = now.as_micros();
        }
        Ok(true)
    }

    /// Derives what it came to again, from its words and nothing else.
    ///
    /// # Errors
    /// [`CaseError`].
    pub fn verify(&self) -> Result<Outcome, CaseError> {
        let stated = self.outcome.ok_or(CaseError::OtherOutcome)?;
        for (key, draw) in &self.draws {
            let checker = bytes(key)?;
            self.check_word(&checker, None, &bytes(&draw.promise)?, &bytes(&draw.signed)?)?;
            if let Some(number) = &draw.number
                && self.promise(&checker, &bytes(number)?) != bytes::<32>(&draw.promise)?
            {
                return Err(CaseError::Other);
            }
            if !self.pool.contains(key) {
                return Err(CaseError::NotWanted);
            }
        }
        for (at, ballots) in self.rounds.iter().enumerate() {
            let size = if at == 0 { RANKING } else { PENALTY };
            if ballots.members != self.drawn(size)? {
                return Err(CaseError::OtherCommittee);
            }
            for (key, vote) in &ballots.votes {
                let (checker, commitment) = (bytes(key)?, bytes(&vote.commitment)?);
                self.check_word(&checker, Some(at), &commitment, &bytes(&vote.signed)?)?;
                if !ballots.members.contains(key) {
                    return Err(CaseError::NotWanted);
                }
                if let Some((finding, salt)) = &vote.shown
                    && self.commitment(at, &checker, *finding, &bytes(salt)?) != commitment
                {
                    return Err(CaseError::Other);
                }
            }
        }
        if let Some((truth, salt)) = &self.truth
            && to_text(&promise_truth(*truth, &bytes(salt)?)) != self.sealed
        {
            return Err(CaseError::Other);
        }
        if self.derive()? != stated {
            return Err(CaseError::OtherOutcome);
        }
        Ok(stated)
    }

    /// How each member of the last committee did, where the answer was known before: right, or wrong or silent.
    ///
    /// # Errors
    /// [`CaseError::Malformed`].
    pub fn marks(&self) -> Result<Vec<(Checker, bool)>, CaseError> {
        let known = match self.truth {
            Some((Truth::ControlGood, _)) => Finding::Good,
            Some((Truth::ControlBad, _)) => Finding::Bad,
            Some((Truth::Real, _)) | None => return Ok(Vec::new()),
        };
        let Some(last) = self.rounds.last() else {
            return Ok(Vec::new());
        };
        let mark = |key: &String| -> Result<(Checker, bool), CaseError> {
            let shown = last.votes.get(key).and_then(|vote| vote.shown.as_ref());
            Ok((bytes(key)?, shown.is_some_and(|(finding, _)| *finding == known)))
        };
        last.members.iter().map(mark).collect()
    }

    fn is_complete(&self) -> bool {
        let last = self.rounds.last();
        match self.stage {
            Stage::Drawing => self.pool.iter().all(|key| self.draws.contains_key(key)),
            Stage::Showing => self.draws.values().all(|draw| draw.number.is_some()),
            Stage::Committing => {
                last.is_some_and(|last| last.members.iter().all(|key| last.votes.contains_key(key)))
            }
            Stage::Opening => last.is_some_and(|last| last.votes.values().all(|vote| vote.shown.is_some())),
            Stage::Closed => false,
        }
    }

    fn begin_round(&mut self, size: usize) -> Result<Stage, CaseError> {
        let members = self.drawn(size)?;
        if members.is_empty() {
            // Nobody showed a number: nobody judges.
            self.outcome = Some(Outcome::Dismissed);
            return Ok(Stage::Closed);
        }
        self.rounds.push(Ballots {
            members,
            votes: BTreeMap::new(),
        });
        Ok(Stage::Committing)
    }

    /// The committee of a size that follows from the numbers. Only who showed one may be in it.
    fn drawn(&self, size: usize) -> Result<Vec<String>, CaseError> {
        let mut shown: BTreeMap<Checker, Digest> = BTreeMap::new();
        for (key, draw) in &self.draws {
            if let Some(number) = &draw.number {
                shown.insert(bytes(key)?, bytes(number)?);
            }
        }
        let case = self.digest();
        let Some(beacon) = beacon(0, &case, &shown) else {
            return Ok(Vec::new());
        };
        let all: Vec<Checker> = shown.into_keys().collect();
        Ok(committee(&beacon, &case, &all, size)
            .iter()
            .map(|one| to_text(one))
            .collect())
    }

    fn ruling(&self, at: usize) -> Result<Ruling, CaseError> {
        let Some(ballots) = self.rounds.get(at) else {
            return Ok(Ruling::Open);
        };
        let case = self.round_digest(at);
        let mut members = Vec::new();
        for key in &ballots.members {
            members.push(bytes(key)?);
        }
        let mut round = Round::new(case, &members);
        let mut shown = Vec::new();
        for (key, vote) in &ballots.votes {
            let checker = bytes(key)?;
            round
                .commit(&checker, bytes(&vote.commitment)?)
                .map_err(|_| CaseError::NotWanted)?;
            if let Some((finding, salt)) = &vote.shown {
                shown.push(Ballot {
                    checker,
                    finding: *finding,
                    salt: bytes(salt)?,
                });
            }
        }
        round.close();
        for ballot in &shown {
            round.reveal(ballot).map_err(|_| CaseError::Other)?;
        }
        Ok(round.ruling())
    }

    fn derive(&self) -> Result<Outcome, CaseError> {
        let bad = Ruling::Found(Finding::Bad);
        let last = self.rounds.len().saturating_sub(1);
        Ok(if self.rounds.is_empty() {
            Outcome::Dismissed
        } else if self.ruling(last)? == bad && (last == 1 || self.pool.len() <= RANKING) {
            Outcome::Penalised
        } else if last == 1 && self.ruling(0)? == bad && self.ruling(1)? == Ruling::Open {
            Outcome::RankedLower
        } else {
            Outcome::Dismissed
        })
    }

    fn round_digest(&self, round: usize) -> Digest {
        let round = u8::try_from(round).unwrap_or(u8::MAX);
        digest(&[b"firstlight round\0", &self.digest(), &[round]])
    }

    fn check_word(
        &self,
        from: &Checker,
        round: Option<usize>,
        what: &Digest,
        signed: &Signed,
    ) -> Result<(), CaseError> {
        if holds(from, &self.word_statement(round, what), signed) {
            Ok(())
        } else {
            Err(CaseError::Forged)
        }
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], CaseError> {
    let read = from_text(text, 128).map_err(|_| CaseError::Malformed)?;
    read.try_into().map_err(|_| CaseError::Malformed)
}

/// As many are asked for numbers: twice the largest committee, and the document stays below what a store takes.
pub const POOL_MAX: usize = 64;
/// Whoever is up looks once a second. A checker that restarts is back within this.
pub const STAGE: Micros = Micros::from_secs(20);
/// Three hundred bytes, in base64.
const MATTER_CHARS_MAX: usize = 1_024;

#[cfg(test)]
mod tests;
