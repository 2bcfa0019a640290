//! What can be wrong with evidence.

use crate::challenge::Verdict;

/// Why evidence is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It ends before its last field.
    #[error("it ends before its last field")]
    Truncated,
    /// Something follows its last field.
    #[error("{0} bytes follow its last field")]
    Trailing(usize),
    /// It is written in a form of another version.
    #[error("it is written in form {0}, and this engine reads form 1")]
    Format(u8),
    /// A list is longer than any that is written.
    #[error("a list of {given}, at most {most}")]
    TooLong {
        /// Its length.
        given: usize,
        /// The most.
        most: usize,
    },
    /// A field has a value that is never written.
    #[error("{0} cannot be")]
    Absurd(&'static str),
    /// The checker's signature of the challenge does not hold.
    #[error("the challenge is not signed by the checker that it names")]
    ForgedChallenge,
    /// The host's signature of the answer does not hold.
    #[error("the answer is not signed by the host that was challenged")]
    ForgedAnswer,
    /// The checker's signature of the whole does not hold.
    #[error("the record is not signed by the checker that it names")]
    ForgedRecord,
    /// The answer is to another challenge.
    #[error("the answer is to another challenge")]
    OtherChallenge,
    /// The parts to be checked were not chosen as the challenge promised.
    #[error("the parts to be checked are not those that the challenge promised")]
    OtherPicks,
    /// The verdict does not follow from the record.
    #[error("it says {stated}, and its content says {derived}")]
    OtherVerdict {
        /// What it says.
        stated: Verdict,
        /// What follows.
        derived: Verdict,
    },
    /// The record's bitstream could not be decoded here, so that nothing follows from it.
    #[error("its pictures could not be decoded here: {0}")]
    NoDecoder(String),
}
