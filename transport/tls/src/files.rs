//! A certificate and its key, as they lie in files.

use crate::Error;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Two files in PEM; they may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// When both files were written, as far as the system says.
pub(crate) type Stamp = (Option<SystemTime>, Option<SystemTime>);

impl Pair {
    pub(crate) fn load(&self) -> Result<CertifiedKey, Error> {
        let chain = certificates(&read(&self.certificate)?);
        if chain.is_empty() {
            return Err(Error::NoCertificate(self.certificate.clone()));
        }
        let key = private_key(&read(&self.key)?).ok_or_else(|| Error::NoKey(self.key.clone()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        CertifiedKey::from_der(chain, key, &provider).map_err(|source| {
            let certificate = self.certificate.clone();
            if matches!(source, rustls::Error::InconsistentKeys(_)) {
                Error::Mismatch {
                    certificate,
                    key: self.key.clone(),
                }
            } else {
                Error::Unusable { certificate, source }
            }
        })
    }

    pub(crate) fn stamp(&self) -> Stamp {
        let written = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
        (written(&self.certificate), written(&self.key))
    }
}

/// Every certificate in the text, in its order; none when one of them is damaged.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.unwrap_or_default()
}

fn private_key(pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).ok()
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_refused(text in "(-----BEGIN [A-Z ]{0,20}-----\n?)?[A-Za-z0-9+/=\n -]{0,200}") {
            certificates(text.as_bytes());
            private_key(text.as_bytes());
        }
    }
}
