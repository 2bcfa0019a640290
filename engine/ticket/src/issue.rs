//! The side that makes tickets.

use crate::claims::{PURPOSE, TOKEN_BYTES_MAX, UNWRITABLE};
use crate::{Claims, Error, Route, route};
use ed25519_compact::{KeyPair, Seed};
use pasetors::keys::AsymmetricSecretKey;
use pasetors::version4::{PublicToken, V4};
use std::fmt;

/// Holds the private key.
pub struct Issuer {
    secret: AsymmetricSecretKey<V4>,
    seed: [u8; 32],
    public: [u8; 32],
}

impl Issuer {
    /// With a new key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| Error::Random)?;
        Self::from_seed(&seed)
    }

    /// With the key that [`Issuer::seed`] gave.
    ///
    /// # Errors
    /// [`Error::Seed`] if the seed is all zeros, which is an empty file and no key.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let pair = KeyPair::try_from_seed(Seed::new(*seed)).map_err(|_| Error::Seed)?;
        let secret = AsymmetricSecretKey::from(pair.sk.as_ref()).map_err(|_| Error::Seed)?;
        Ok(Self {
            secret,
            seed: *seed,
            public: *pair.pk,
        })
    }

    /// The private key, to be stored where only the engine reads it.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.seed
    }

    /// What a [`crate::Verifier`] needs.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public
    }

    /// Makes a ticket.
    ///
    /// # Errors
    /// [`Error::Claims`] if they are too long, or expire past the year 9999.
    pub fn issue(&self, claims: &Claims) -> Result<String, Error> {
        self.sign(&claims.to_json()?, PURPOSE)
    }

    /// Makes a route token.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_route(&self, route: &Route) -> Result<String, Error> {
        self.sign(&route.to_json()?, route::PURPOSE)
    }

    fn sign(&self, payload: &[u8], purpose: &[u8]) -> Result<String, Error> {
        PublicToken::sign(&self.secret, payload, None, Some(purpose))
            .ok()
            .filter(|token| token.len() <= TOKEN_BYTES_MAX)
            .ok_or(UNWRITABLE)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}
