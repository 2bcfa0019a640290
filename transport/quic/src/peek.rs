//! Who answers at an address.

use crate::Error;
use crate::dial::{ANSWER_WITHIN, local_for, open_endpoint, tls_with};
use crate::identity::{Fingerprint, fingerprint_of};
use crate::trust::Trust;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A server's certificate, as it showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What a page would pin.
    pub fingerprint: Fingerprint,
    /// Whether a browser takes it by its hash: no other is that short-lived.
    pub is_pinned: bool,
}

/// The certificate that a WebTransport server at `address` proves itself with to clients that ask for `name`. It is not judged
/// whose it is: what is sent there must be of no use to anybody else.
///
/// # Errors
/// [`Error::Unreachable`] when nobody answers in time.
pub async fn peek(address: SocketAddr, name: &str) -> Result<Shown, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let trust = Trust::new(Arc::clone(&provider), move |end_entity: &CertificateDer<'_>| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown {
            fingerprint: fingerprint_of(end_entity),
            is_pinned: is_short_lived(end_entity),
        });
        Ok(())
    });
    let config = tls_with(provider, Arc::new(trust))?;
    let endpoint = open_endpoint(local_for(address), false)?;
    let connecting = endpoint
        .connect_with(config, address, name)
        .map_err(|error| Error::Unreachable(Some(error.into())))?;
    let connection = tokio::time::timeout(ANSWER_WITHIN, connecting)
        .await
        .map_err(|_| Error::Unreachable(None))?
        .map_err(|error| Error::Unreachable(Some(error.into())))?;
    connection.close(0u32.into(), b"");
    endpoint.wait_idle().await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    (*seen).ok_or(Error::Unreachable(None))
}

fn is_short_lived(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate).is_ok_and(|(_, parsed)| {
        let validity = parsed.validity();
        let seconds = validity
            .not_after
            .timestamp()
            .checked_sub(validity.not_before.timestamp());
        seconds.is_some_and(|seconds| seconds <= PINNED_SECONDS_MAX)
    })
}

/// 14 days: what browsers take by its hash (WebTransport, "custom certificate requirements").
const PINNED_SECONDS_MAX: i64 = 14 * 86_400;
