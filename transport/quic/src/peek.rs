//! Who answers at an address.

use crate::Error;
use crate::dial::{ANSWER_WITHIN, local_for, open_endpoint, tls_with};
use crate::identity::{Fingerprint, fingerprint_of};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
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
    let seen = Arc::new(Seen {
        certificate: Mutex::default(),
        provider: Arc::clone(&provider),
    });
    let config = tls_with(provider, Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)?;
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
    let seen = seen.certificate.lock().unwrap_or_else(PoisonError::into_inner);
    (*seen).ok_or(Error::Unreachable(None))
}

/// Notes what it is shown.
#[derive(Debug)]
struct Seen {
    certificate: Mutex<Option<Shown>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut seen = self.certificate.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(Shown {
            fingerprint: fingerprint_of(end_entity),
            is_pinned: is_short_lived(end_entity),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
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
