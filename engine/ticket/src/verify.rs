//! The side that takes tickets.

use crate::claims::{PURPOSE, open};
use crate::{Claims, Error};
use firstlight_units::WallTime;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Takes the tickets of one session.
pub struct Verifier {
    key: [u8; 32],
    session: String,
    player: String,
    epoch: u64,
    /// Used tickets and when each expires; at most [`USED_MAX`], none dropped before its time.
    used: BTreeMap<String, WallTime>,
    /// The latest expiry among what was forgotten. A clock that is set back brings none of it to life.
    forgotten: WallTime,
    /// At most [`REVOKED_MAX`], the oldest dropped.
    revoked: VecDeque<String>,
}

impl Verifier {
    /// For one player of one session under one lease.
    #[must_use]
    pub fn new(public_key: [u8; 32], session: String, player: String, epoch: u64) -> Self {
        Self {
            key: public_key,
            session,
            player,
            epoch,
            used: BTreeMap::new(),
            forgotten: WallTime::from_micros(0),
            revoked: VecDeque::new(),
        }
    }

    /// Redeems a ticket: the same one is refused from here on.
    ///
    /// # Errors
    /// One variant for each reason to refuse it. A ticket that is refused is not used up.
    pub fn verify(&mut self, token: &str, now: WallTime) -> Result<Claims, Error> {
        let claims = Claims::from_json(&open(&self.key, token, PURPOSE)?)?;
        self.require_ours(&claims)?;
        if claims.expires <= now || claims.expires <= self.forgotten {
            return Err(Error::Expired);
        }
        if self.revoked.contains(&claims.id) {
            return Err(Error::Revoked);
        }
        if self.used.contains_key(&claims.id) {
            return Err(Error::Reused);
        }
        self.forget(now);
        if self.used.len() >= USED_MAX {
            return Err(Error::TooMany { most: USED_MAX });
        }
        self.used.insert(claims.id.clone(), claims.expires);
        Ok(claims)
    }

    /// Refuses the ticket with this id from here on.
    pub fn revoke(&mut self, id: impl Into<String>) {
        if self.revoked.len() >= REVOKED_MAX {
            self.revoked.pop_front();
        }
        self.revoked.push_back(id.into());
    }

    fn require_ours(&self, claims: &Claims) -> Result<(), Error> {
        if claims.session != self.session {
            return Err(Error::WrongSession);
        }
        if claims.player != self.player {
            return Err(Error::WrongPlayer);
        }
        if claims.epoch != self.epoch {
            return Err(Error::WrongEpoch);
        }
        Ok(())
    }

    fn forget(&mut self, now: WallTime) {
        let expired = self
            .used
            .values()
            .copied()
            .filter(|expires| *expires <= now)
            .max();
        self.forgotten = self.forgotten.max(expired.unwrap_or_default());
        self.used.retain(|_, expires| *expires > now);
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("session", &self.session)
            .field("epoch", &self.epoch)
            .field("used", &self.used.len())
            .field("revoked", &self.revoked.len())
            .finish_non_exhaustive()
    }
}

/// A player needs one ticket per page it opens; four a second for all of a ticket's life is no player.
const USED_MAX: usize = 256;
/// Cancelled tickets come from the engine itself, one per ticket it gave out in vain.
const REVOKED_MAX: usize = 256;
