//! Who may attach: single-use tickets the first time, rotating resume secrets afterwards.
//!
//! Pure: the caller hands in the time, what the client presented, and fresh randomness. A refusal says nothing to the
//! client; the [`Refused`] reason is for counters. Secrets are kept as hashes and compared in constant time.

use firstlight_ticket::Verifier;
use firstlight_units::WallTime;
use sha2::{Digest as _, Sha256};

/// What a client presents.
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    Ticket(&'a str),
    Resume(&'a str),
}

impl Credential<'_> {
    /// What it is, for the host.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ticket(_) => "ticket",
            Self::Resume(_) => "resume",
        }
    }
}

/// Why a client is turned away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the ticket is refused")]
    Ticket(#[source] firstlight_ticket::Error),
    #[error("the resume secret is unknown")]
    UnknownSecret,
    #[error("the copy is nobody's yet")]
    Nobodys,
}

/// Which credentials this session honours.
pub(crate) struct Admission {
    /// None: of a copy that is nobody's yet.
    verifier: Option<Verifier>,
    secrets: Secrets,
    /// The player's public key, where the newest ticket names one: what comes of that ticket is sealed.
    key: Option<String>,
}

impl Admission {
    pub(crate) fn new(verifier: Option<Verifier>) -> Self {
        Self {
            verifier,
            secrets: Secrets::default(),
            key: None,
        }
    }

    /// Checks a credential. On success a ticket is spent and `fresh` becomes the newest resume secret.
    pub(crate) fn admit(
        &mut self,
        now: WallTime,
        credential: Credential<'_>,
        fresh: String,
    ) -> Result<Generation, Refused> {
        match credential {
            Credential::Ticket(ticket) => {
                let verifier = self.verifier.as_mut().ok_or(Refused::Nobodys)?;
                let claims = verifier.verify(ticket, now).map_err(Refused::Ticket)?;
                if claims.key != self.key {
                    // A secret of the time before would go on without the key.
                    self.secrets.forget();
                    self.key = claims.key;
                }
            }
            Credential::Resume(secret) => {
                if !self.secrets.redeem(secret) {
                    return Err(Refused::UnknownSecret);
                }
            }
        }
        Ok(self.secrets.issue(fresh))
    }

    /// Whom everything is sealed to from here on; `None`: nothing is sealed.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The client has stored the secret of this generation: the one before is void.
    pub(crate) fn acknowledge(&mut self, generation: u32) {
        self.secrets.acknowledge(generation);
    }

    /// Refuses this ticket from here on.
    pub(crate) fn revoke(&mut self, ticket: &str) {
        if let Some(verifier) = &mut self.verifier {
            verifier.revoke(ticket);
        }
    }
}

/// A secret's number and text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) secret: String,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// The newest secret, and the one that the client is known to hold until it has stored the newest.
#[derive(Default)]
struct Secrets {
    held: Option<[u8; 32]>,
    newest: Option<[u8; 32]>,
    issued: u32,
}

impl Secrets {
    /// `true` when it is honoured: the client holds it, then.
    fn redeem(&mut self, secret: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        // Both are compared whatever the first says, so that the time taken says nothing.
        let known = [self.held, self.newest]
            .iter()
            .flatten()
            .fold(false, |known, hash| known | same(hash, &presented));
        if known {
            self.held = Some(presented);
        }
        known
    }

    fn forget(&mut self) {
        self.held = None;
        self.newest = None;
    }

    fn issue(&mut self, secret: String) -> Generation {
        self.issued = self.issued.wrapping_add(1);
        self.newest = Some(Sha256::digest(secret.as_bytes()).into());
        Generation {
            number: self.issued,
            secret,
        }
    }

    fn acknowledge(&mut self, number: u32) {
        if number == self.issued {
            self.held = self.newest;
        }
    }
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    // The hint keeps the compiler from leaving the loop early.
    a.iter()
        .zip(b)
        .fold(0, |diff, (x, y)| std::hint::black_box(diff | (x ^ y)))
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_ticket::{Claims, Issuer};
    use firstlight_units::Micros;

    const NOW: WallTime = WallTime::from_micros(1_790_000_000_000_000);

    fn fixture() -> (String, Admission) {
        let issuer = Issuer::generate().unwrap();
        let claims = Claims {
            id: "t1".to_owned(),
            player: "anna".to_owned(),
            session: "s1".to_owned(),
            epoch: 7,
            key: None,
            expires: NOW + Micros::from_secs(60),
        };
        let verifier = Verifier::new(issuer.public_key(), "s1".to_owned(), "anna".to_owned(), 7);
        (issuer.issue(&claims).unwrap(), Admission::new(Some(verifier)))
    }

    fn resume(admission: &mut Admission, secret: &str, fresh: &str) -> Option<Generation> {
        admission
            .admit(NOW, Credential::Resume(secret), fresh.to_owned())
            .ok()
    }

    #[test]
    fn a_ticket_works_once_and_not_when_it_was_revoked() {
        let (ticket, mut admission) = fixture();
        let mut admit = || admission.admit(NOW, Credential::Ticket(&ticket), "one".to_owned());
        assert!(admit().is_ok());
        assert!(matches!(admit(), Err(Refused::Ticket(_))));
        let (ticket, mut admission) = fixture();
        admission.revoke("t1");
        assert!(
            admission
                .admit(NOW, Credential::Ticket(&ticket), "one".to_owned())
                .is_err()
        );
    }

    #[test]
    fn a_secret_lost_on_the_way_locks_nobody_out() {
        let (ticket, mut admission) = fixture();
        let first = admission
            .admit(NOW, Credential::Ticket(&ticket), "one".to_owned())
            .unwrap();
        admission.acknowledge(first.number);
        for lost in ["two", "three", "four"] {
            assert!(resume(&mut admission, "one", lost).is_some());
        }
        assert!(
            resume(&mut admission, "two", "x").is_none(),
            "neither held nor the newest"
        );
        let last = resume(&mut admission, "four", "five").unwrap();
        assert!(
            resume(&mut admission, "one", "x").is_none(),
            "the client held a newer one"
        );
        admission.acknowledge(last.number);
        assert!(
            resume(&mut admission, "four", "x").is_none(),
            "void once the newest is stored"
        );
        assert!(resume(&mut admission, "five", "six").is_some());
    }

    #[test]
    fn an_old_acknowledgement_voids_nothing() {
        let (ticket, mut admission) = fixture();
        let first = admission
            .admit(NOW, Credential::Ticket(&ticket), "one".to_owned())
            .unwrap();
        resume(&mut admission, "one", "two").unwrap();
        admission.acknowledge(first.number);
        assert!(resume(&mut admission, "one", "three").is_some());
    }

    #[test]
    fn nobody_gets_into_a_copy_that_is_nobody_s() {
        let (ticket, _) = fixture();
        let mut admission = Admission::new(None);
        admission.revoke("t1");
        let admitted = admission.admit(NOW, Credential::Ticket(&ticket), "one".to_owned());
        assert!(matches!(admitted, Err(Refused::Nobodys)));
        assert!(resume(&mut admission, "one", "two").is_none());
    }

    #[test]
    fn nothing_is_honoured_before_the_first_ticket() {
        let (_, mut admission) = fixture();
        assert!(resume(&mut admission, "", "x").is_none());
    }
}
