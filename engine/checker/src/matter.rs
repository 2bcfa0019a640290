//! What a case is about: one session, as its host accounts for it and as somebody saw it whom the host did not choose.
//!
//! ```text
//! host: Account ────── signed by its key ──┐
//! witness: Account, Service ────── signed ──┼─> Matter ─> compare ─> Difference, or none
//! cell: which host the session was on, signed ┘
//! ```
//!
//! A matter names the session by a digest and holds nothing of its player. Whoever has one comes to the same finding.

use crate::Error;
use crate::accounts::{Account, Difference, Service, compare};
use crate::codec::{Reader, Writer};
use crate::evidence::{Signed, holds, pseudonym};
use crate::hash::{Digest, digest};

/// Whose eyes saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Witness {
    /// A checker that played on the host like anybody.
    Checker = 1,
    /// Its player, as a cell was told by him and not by the host.
    Player = 2,
}

/// One session, told twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// The host's public key.
    pub host: [u8; 32],
    /// [`session_digest`] of its id.
    pub session: Digest,
    /// The public key of the cell that placed it.
    pub cell: [u8; 32],
    /// By that cell, of [`placed_statement`].
    pub placed: Signed,
    /// The host's account, and its signature of [`told_statement`]; none: it gave none.
    pub told: Option<(Account, Signed)>,
    /// Who saw it.
    pub by: Witness,
    /// The public key of the checker who saw it, or of the cell that a player told.
    pub witness: [u8; 32],
    /// What was seen.
    pub seen: Account,
    /// What it was like.
    pub service: Service,
    /// The witness's signature of [`Matter::statement`].
    pub signed: Signed,
}

/// Names a session in evidence.
#[must_use]
pub fn session_digest(id: &str) -> Digest {
    digest(&[b"firstlight session\0", id.as_bytes()])
}

/// What a host signs of its account of a session.
#[must_use]
pub fn told_statement(session: &Digest, told: &Account) -> Vec<u8> {
    let mut to = Writer::default();
    to.bytes(b"firstlight account 1\0").bytes(session);
    write_account(&mut to, told);
    to.done()
}

/// What a cell signs of where it placed a session.
#[must_use]
pub fn placed_statement(session: &Digest, host: &[u8; 32]) -> Vec<u8> {
    [b"firstlight placed 1\0".as_slice(), session, host].concat()
}

impl Matter {
    /// The one way to write it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(FORMAT)
            .bytes(&self.host)
            .bytes(&self.session)
            .bytes(&self.cell)
            .bytes(&self.placed);
        match &self.told {
            None => to.u8(0),
            Some((told, signed)) => {
                to.u8(1);
                write_account(&mut to, told);
                to.bytes(signed)
            }
        };
        self.write_seen(&mut to);
        to.bytes(&self.signed);
        to.done()
    }

    /// Reads it; whether it holds says [`Self::difference`].
    ///
    /// # Errors
    /// Whatever [`Self::write`] would not write.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        let format = from.u8()?;
        if format != FORMAT {
            return Err(Error::Format(format));
        }
        let matter = Self {
            host: from.array()?,
            session: from.array()?,
            cell: from.array()?,
            placed: from.array()?,
            told: match from.u8()? {
                0 => None,
                1 => Some((read_account(&mut from)?, from.array()?)),
                _ => return Err(Error::Absurd("the account's mark")),
            },
            by: match from.u8()? {
                1 => Witness::Checker,
                2 => Witness::Player,
                _ => return Err(Error::Absurd("the witness's mark")),
            },
            witness: from.array()?,
            seen: read_account(&mut from)?,
            service: read_service(&mut from)?,
            signed: from.array()?,
        };
        from.end()?;
        Ok(matter)
    }

    /// What the witness signs. Who plays is not told on which host, and the host's own account may come later: they are no part of it.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.bytes(b"firstlight testimony 1\0").bytes(&self.session);
        self.write_seen(&mut to);
        to.done()
    }

    /// What it comes to. Where the host gave no account, what was seen stands for it.
    ///
    /// # Errors
    /// [`Error::ForgedAnswer`]: the account is not the host's; [`Error::ForgedRecord`]: the rest is not the witness's, or the cell's.
    pub fn difference(&self) -> Result<Option<Difference>, Error> {
        if !holds(
            &self.cell,
            &placed_statement(&self.session, &self.host),
            &self.placed,
        ) {
            return Err(Error::ForgedRecord);
        }
        if !holds(&self.witness, &self.statement(), &self.signed) {
            return Err(Error::ForgedRecord);
        }
        let told = match &self.told {
            None => self.seen,
            Some((told, signed)) => {
                if !holds(&self.host, &told_statement(&self.session, told), signed) {
                    return Err(Error::ForgedAnswer);
                }
                *told
            }
        };
        Ok(compare(&told, &self.seen, None, &self.service))
    }

    /// Names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&[b"firstlight matter\0", &self.write()])
    }

    /// The id of the host.
    #[must_use]
    pub fn host_id(&self) -> String {
        pseudonym(&self.host)
    }

    fn write_seen(&self, to: &mut Writer) {
        to.u8(self.by as u8).bytes(&self.witness);
        write_account(to, &self.seen);
        for field in self.service.fields() {
            to.u64(field);
        }
    }
}

fn write_account(to: &mut Writer, account: &Account) {
    to.u64(account.seconds).u64(account.units).u64(account.bytes);
}

fn read_account(from: &mut Reader<'_>) -> Result<Account, Error> {
    Ok(Account {
        seconds: bounded(from)?,
        units: bounded(from)?,
        bytes: bounded(from)?,
    })
}

fn read_service(from: &mut Reader<'_>) -> Result<Service, Error> {
    let mut fields = [0; Service::FIELDS];
    for field in &mut fields {
        *field = bounded(from)?;
    }
    Ok(Service::of(fields))
}

/// No counter of a session is as large as this, and sums of them do not overflow.
fn bounded(from: &mut Reader<'_>) -> Result<u64, Error> {
    let value = from.u64()?;
    if value > COUNTER_MAX {
        return Err(Error::Absurd("a counter"));
    }
    Ok(value)
}

const FORMAT: u8 = 1;
/// 2^56: a petabyte, 2 000 years.
const COUNTER_MAX: u64 = 1 << 56;

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_compact::{KeyPair, Seed};
    use proptest::prelude::*;

    fn keys(n: u8) -> KeyPair {
        KeyPair::from_seed(Seed::new([n; 32]))
    }

    fn matter(told: Account, seen: Account) -> Matter {
        let (host, witness) = (keys(1), keys(2));
        let session = session_digest("abc");
        let signed = *host.sk.sign(told_statement(&session, &told), None);
        let cell = keys(3);
        let placed = placed_statement(&session, &host.pk);
        let mut matter = Matter {
            host: *host.pk,
            session,
            cell: *cell.pk,
            placed: *cell.sk.sign(placed, None),
            told: Some((told, signed)),
            by: Witness::Checker,
            witness: *witness.pk,
            seen,
            service: Service::default(),
            signed: [0; 64],
        };
        matter.signed = *witness.sk.sign(matter.statement(), None);
        matter
    }

    const SEEN: Account = Account {
        seconds: 600,
        units: 36_000,
        bytes: 400_000_000,
    };

    #[test]
    fn it_says_the_same_to_whoever_reads_it() {
        let inflated = Account { seconds: 900, ..SEEN };
        for (told, finds) in [(SEEN, None), (inflated, Some(Difference::Seconds))] {
            let matter = matter(told, SEEN);
            let read = Matter::read(&matter.write()).unwrap();
            assert_eq!(read, matter);
            assert_eq!(read.difference(), Ok(finds));
        }
    }

    #[test]
    fn an_account_that_the_host_did_not_sign_is_none() {
        let mut forged = matter(SEEN, SEEN);
        forged.told.as_mut().unwrap().0.seconds = 900;
        assert_eq!(forged.difference(), Err(Error::ForgedAnswer));
        let mut forged = matter(SEEN, SEEN);
        forged.seen.seconds = 1;
        assert_eq!(forged.difference(), Err(Error::ForgedRecord));
    }

    proptest! {
        #[test]
        fn nothing_that_was_changed_is_believed(at in 0usize..800, by in 1u8..) {
            let genuine = matter(SEEN, SEEN);
            let mut bytes = genuine.write();
            let at = at % bytes.len();
            bytes[at] ^= by;
            if let Ok(changed) = Matter::read(&bytes) {
                prop_assert!(changed.difference().is_err());
            }
        }

        #[test]
        fn any_bytes_may_come(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(read) = Matter::read(&bytes) {
                prop_assert_eq!(read.write(), bytes);
            }
        }
    }
}
