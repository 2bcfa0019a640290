//! Records of what hosts were asked and answered, which anybody can judge again without asking anybody.
//!
//! ```text
//! challenge ─signed by the checker─┐
//! answer ────signed by the host────┼─ times, reveal, verdict ─signed by the checker─> Record ─> log: root per epoch
//! ```
//!
//! A record names a host and a checker by their public keys and holds nothing of a player. [`Record::verify`] needs nothing but the
//! record (and a decoder, where it holds a bitstream): it checks the signatures, and derives the verdict again.
//!
//! What a record cannot prove: when the answer came, and that none came, is the checker's word alone. What rests on that is decided by
//! several checkers ([`crate::quorum`]).

mod log;

pub use log::{Epoch, Inclusion, Log};

use crate::Error;
use crate::challenge::{Answer, Challenge, Decode, PROOF_BYTES_MAX, Verdict, judge, promise};
use crate::codec::{Reader, Writer, from_text, to_text};
use crate::hash::{Digest, digest};
use ed25519_compact::{PublicKey, Signature};
use firstlight_units::Micros;

/// An Ed25519 signature (RFC 8032).
pub type Signed = [u8; 64];

/// What was asked, what was answered, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was asked.
    pub challenge: Challenge,
    /// By the checker, of [`Challenge::statement`].
    pub challenge_signed: Signed,
    /// What was answered; none: nothing that the host had signed.
    pub answer: Option<(Answer, Signed)>,
    /// How long the answer took, by the checker's clock.
    pub took: Micros,
    /// What the challenge promised.
    pub reveal: Digest,
    /// What follows.
    pub verdict: Verdict,
    /// By the checker, of [`Record::statement`].
    pub signed: Signed,
}

impl Record {
    /// The one way to write it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.bytes(&self.unsigned()).bytes(&self.signed);
        to.done()
    }

    /// Reads it; whether it holds says [`Self::verify`].
    ///
    /// # Errors
    /// Whatever [`Self::write`] would not write.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        let format = from.u8()?;
        if format != FORMAT {
            return Err(Error::Format(format));
        }
        let challenge = Challenge::read(from.list(CHALLENGE_BYTES_MAX)?)?;
        let challenge_signed = from.array()?;
        let answer = match from.u8()? {
            0 => None,
            1 => {
                let answer = Answer::read(from.list(ANSWER_BYTES_MAX)?)?;
                Some((answer, from.array()?))
            }
            _ => return Err(Error::Absurd("the answer's mark")),
        };
        let record = Self {
            challenge,
            challenge_signed,
            answer,
            took: Micros::new(from.u64()?),
            reveal: from.array()?,
            verdict: Verdict::read(&mut from)?,
            signed: from.array()?,
        };
        from.end()?;
        Ok(record)
    }

    /// Checks it, and derives its verdict again.
    ///
    /// # Errors
    /// What is wrong with it. [`Error::NoDecoder`] says nothing about the record.
    pub fn verify(&self, decoder: &dyn Decode) -> Result<Verdict, Error> {
        let Self {
            challenge, answer, ..
        } = self;
        if !holds(&challenge.checker, &challenge.statement(), &self.challenge_signed) {
            return Err(Error::ForgedChallenge);
        }
        if !holds(&challenge.checker, &self.statement(), &self.signed) {
            return Err(Error::ForgedRecord);
        }
        if promise(&self.reveal) != challenge.promise {
            return Err(Error::OtherPicks);
        }
        if let Some((answer, signed)) = answer {
            check_answer(challenge, answer, signed)?;
        }
        let answer = answer.as_ref().map(|(answer, _)| answer);
        let derived = judge(challenge, answer, self.took, &self.reveal, decoder)?;
        if derived != self.verdict {
            return Err(Error::OtherVerdict {
                stated: self.verdict,
                derived,
            });
        }
        Ok(derived)
    }

    /// What the checker signs of the whole.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        [b"firstlight record 1\0".as_slice(), &self.unsigned()].concat()
    }

    /// What the log holds of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&[b"firstlight record\0", &self.write()])
    }

    /// The id of the host: that of its key, as everywhere in the fleet.
    #[must_use]
    pub fn host(&self) -> String {
        pseudonym(&self.challenge.host)
    }

    /// The id of the checker.
    #[must_use]
    pub fn checker(&self) -> String {
        pseudonym(&self.challenge.checker)
    }

    /// As a line of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{TEXT}{}", to_text(&self.write()))
    }

    /// From a line of text.
    ///
    /// # Errors
    /// As [`Self::read`]; [`Error::Absurd`] for what is no line of a record.
    pub fn from_text(line: &str) -> Result<Self, Error> {
        let text = line
            .strip_prefix(TEXT)
            .ok_or(Error::Absurd("a line without the mark of a record"))?;
        Self::read(&from_text(text, TEXT_BYTES_MAX)?)
    }

    fn unsigned(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(FORMAT)
            .list(&self.challenge.write())
            .bytes(&self.challenge_signed);
        match &self.answer {
            None => to.u8(0),
            Some((answer, signed)) => to.u8(1).list(&answer.write()).bytes(signed),
        };
        to.u64(self.took.as_micros()).bytes(&self.reveal);
        self.verdict.write(&mut to);
        to.done()
    }
}

/// Whether an answer is the challenged host's, to this challenge.
///
/// # Errors
/// [`Error::OtherChallenge`], [`Error::ForgedAnswer`].
pub fn check_answer(challenge: &Challenge, answer: &Answer, signed: &Signed) -> Result<(), Error> {
    if answer.challenge != challenge.digest() {
        return Err(Error::OtherChallenge);
    }
    if !holds(&challenge.host, &answer.statement(), signed) {
        return Err(Error::ForgedAnswer);
    }
    Ok(())
}

/// Whether the signature of this key is of this statement.
#[must_use]
pub fn holds(key: &[u8; 32], statement: &[u8], signed: &Signed) -> bool {
    PublicKey::new(*key)
        .verify(statement, &Signature::new(*signed))
        .is_ok()
}

/// The id that goes with a key: 128 bits of its digest, in hexadecimal digits.
#[must_use]
pub fn pseudonym(key: &[u8; 32]) -> String {
    digest(&[key])
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const FORMAT: u8 = 1;
/// What a line of text begins with.
const TEXT: &str = "flv1.";
const CHALLENGE_BYTES_MAX: usize = 256;
const ANSWER_BYTES_MAX: usize = PROOF_BYTES_MAX + 64;
/// The largest record, in base64.
const TEXT_BYTES_MAX: usize = (ANSWER_BYTES_MAX + 1_024) * 4 / 3;
