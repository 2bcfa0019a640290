//! Certificates that browsers accept by their hash.
//!
//! A browser pins at most 14 days of validity and an ECDSA P-256 key. The one after the present one is made and announced
//! early, so that a client that learnt the fingerprints before a renewal can still attach after it.

use crate::Error;
use firstlight_units::{Micros, WallTime};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::sync::Arc;
use time::OffsetDateTime;

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Lower-case hex.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// A new identity, valid from [`BACKDATED`] before `from` for [`VALIDITY`].
    ///
    /// # Errors
    /// [`Error::Certificate`] when the library cannot make one.
    pub fn generate(from: WallTime) -> Result<Self, Error> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(Error::Certificate)?;
        let names = vec!["localhost".to_owned(), "firstlight.invalid".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).map_err(Error::Certificate)?;
        params.not_before = utc(from.before(BACKDATED));
        params.not_after = utc(from.before(BACKDATED) + VALIDITY);
        let certificate = params.self_signed(&key).map_err(Error::Certificate)?;
        let provider = rustls::crypto::ring::default_provider();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone()];
        let key = CertifiedKey::from_der(chain, secret, &provider).map_err(Error::Tls)?;
        Ok(Self::certified(Arc::new(key)))
    }

    /// One that somebody else certified.
    #[must_use]
    pub fn certified(key: Arc<CertifiedKey>) -> Self {
        let fingerprint = key.cert.first().map(fingerprint_of).unwrap_or_default();
        Self { key, fingerprint }
    }

    /// The hash that a page pins.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn tls(&self) -> Result<rustls::ServerConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(Error::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&self.key))));
        tls.alpn_protocols = vec![web_transport_quinn::ALPN.as_bytes().to_vec()];
        Ok(tls)
    }
}

pub(crate) fn fingerprint_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let digest = web_transport_quinn::crypto::sha256(&provider, certificate);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest.as_ref());
    Fingerprint(fingerprint)
}

/// The certificate in use and the one that follows it.
#[derive(Debug)]
pub struct Certificates {
    current: Identity,
    next: Identity,
    renew_at: WallTime,
}

impl Certificates {
    /// Two certificates: one to use from `now`, one for after the first renewal.
    ///
    /// # Errors
    /// As [`Identity::generate`].
    pub fn generate(now: WallTime) -> Result<Self, Error> {
        Ok(Self {
            current: Identity::generate(now)?,
            next: Identity::generate(now + RENEW_AFTER)?,
            renew_at: now + RENEW_AFTER,
        })
    }

    /// Moves on to the next certificate if it is time; `true` if it did, and the listener must be told.
    ///
    /// # Errors
    /// As [`Identity::generate`]; the present certificate stays in use then.
    pub fn renew(&mut self, now: WallTime) -> Result<bool, Error> {
        if now < self.renew_at {
            return Ok(false);
        }
        let after_next = Identity::generate(now + RENEW_AFTER)?;
        self.current = std::mem::replace(&mut self.next, after_next);
        self.renew_at = now + RENEW_AFTER;
        Ok(true)
    }

    /// The certificate in use.
    #[must_use]
    pub const fn current(&self) -> &Identity {
        &self.current
    }

    /// What a page pins: the present fingerprint first, then the coming one.
    #[must_use]
    pub const fn fingerprints(&self) -> [Fingerprint; 2] {
        [self.current.fingerprint, self.next.fingerprint]
    }
}

fn utc(at: WallTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A player's clock may run behind ours by up to a day.
pub const BACKDATED: Micros = Micros::from_secs(24 * 3_600);
/// Chromium refuses more than 14 days; an hour less leaves room for rounding.
pub const VALIDITY: Micros = Micros::from_secs(14 * 24 * 3_600 - 3_600);
/// The next certificate is made valid from its own renewal minus [`BACKDATED`], so both overlap for days.
pub const RENEW_AFTER: Micros = Micros::from_secs(5 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    const START: WallTime = WallTime::from_micros(1_790_000_000_000_000);

    #[test]
    fn the_next_fingerprint_is_announced_before_it_is_used() {
        let mut certificates = Certificates::generate(START).unwrap();
        let [first, second] = certificates.fingerprints();
        assert!(!certificates.renew(START + Micros::from_secs(60)).unwrap());
        assert!(certificates.renew(START + RENEW_AFTER).unwrap());
        assert_ne!(first, second);
        assert_eq!(certificates.fingerprints()[0], second);
        assert_eq!(certificates.current().fingerprint(), second);
    }

    #[test]
    fn a_certificate_in_use_is_valid_all_the_time_and_never_longer_than_browsers_allow() {
        // In use from `from` until the renewal after; the next one is dated from the renewal.
        assert!(BACKDATED + RENEW_AFTER < VALIDITY);
        assert!(VALIDITY < Micros::from_secs(14 * 24 * 3_600));
    }
}
