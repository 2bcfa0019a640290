//! What a server proves itself with, and how long.

use crate::files::{Pair, Stamp};
use crate::{Error, made};
use firstlight_units::WallTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Made once and kept in `file` with its key, which only the owner can read; for these names.
    SelfSigned {
        /// Where it is kept.
        file: PathBuf,
        /// Names and addresses that the server is reached by.
        names: Vec<String>,
    },
    /// Files in PEM that somebody else made.
    Files {
        /// The server's certificate, then those above it.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// A server's certificate. Clones share it.
#[derive(Clone)]
pub struct Tls {
    pair: Pair,
    current: Arc<Current>,
    pub(crate) config: Arc<rustls::ServerConfig>,
}

impl Tls {
    /// Reads or makes the certificate.
    ///
    /// # Errors
    /// One variant for each thing that can be wrong with it; names the file.
    pub fn open(choice: &Choice, now: WallTime) -> Result<Self, Error> {
        let pair = match choice {
            Choice::SelfSigned { file, names } => made::open(file, names, now)?,
            Choice::Files { certificate, key } => Pair {
                certificate: certificate.clone(),
                key: key.clone(),
            },
        };
        let stamp = pair.stamp();
        let current = Arc::new(Current(RwLock::new((Arc::new(pair.load()?), stamp))));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| Error::Unusable {
                certificate: pair.certificate.clone(),
                source,
            })?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            pair,
            current,
            config: Arc::new(config),
        })
    }

    /// SHA-256 of the certificate in use, lower-case hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = self.current.key().cert.first().map(Sha256::digest);
        digest
            .iter()
            .flatten()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Reads the files again if they have changed; `true` if new connections get another certificate from here on. Blocks.
    ///
    /// # Errors
    /// As [`Self::open`]; the certificate in use stays then, and nothing is said again before the files change again.
    pub fn refresh(&self) -> Result<bool, Error> {
        let stamp = self.pair.stamp();
        if stamp == self.current.stamp() {
            return Ok(false);
        }
        let loaded = self.pair.load().map(Arc::new);
        let mut current = self.current.0.write().unwrap_or_else(PoisonError::into_inner);
        current.1 = stamp;
        let loaded = loaded?;
        let is_other = loaded.cert != current.0.cert;
        current.0 = loaded;
        Ok(is_other)
    }

    /// The certificate and those above it, and the key: for a server that is not over TCP.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        self.current.key()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("pair", &self.pair)
            .finish_non_exhaustive()
    }
}

struct Current(RwLock<(Arc<CertifiedKey>, Stamp)>);

impl Current {
    fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn stamp(&self) -> Stamp {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    const NOW: WallTime = WallTime::from_micros(1_790_000_000_000_000);

    fn make(file: &Path) -> Tls {
        let choice = Choice::SelfSigned {
            file: file.to_owned(),
            names: vec!["localhost".into()],
        };
        Tls::open(&choice, NOW).unwrap()
    }

    fn open(certificate: &Path, key: &Path) -> Result<Tls, Error> {
        Tls::open(
            &Choice::Files {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            },
            NOW,
        )
    }

    #[test]
    fn each_thing_that_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two, none, empty) = (
            dir.path().join("one"),
            dir.path().join("two"),
            dir.path().join("none"),
            dir.path().join("empty"),
        );
        make(&one);
        make(&two);
        fs::write(&empty, "").unwrap();
        assert!(open(&one, &one).is_ok());
        let says = |certificate, key| open(certificate, key).unwrap_err().to_string();
        assert!(matches!(open(&one, &two), Err(Error::Mismatch { .. })));
        assert!(says(&none, &one).contains("none") && says(&one, &none).contains("none"));
        assert!(
            says(&empty, &one).contains("no certificate") && says(&one, &empty).contains("no private key")
        );
    }

    #[test]
    fn changed_files_are_reread_and_a_bad_pair_is_not_put_to_use() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("tls"), dir.path().join("other"));
        make(&file);
        let served = open(&file, &file).unwrap();
        let (first, second) = (served.fingerprint(), make(&other).fingerprint());
        assert!(first.len() == 64 && first != second && !served.refresh().unwrap());
        // Each write is told from the one before by its time, which a test need not wait for.
        let mut written = SystemTime::now();
        let mut put = |text: &[u8]| {
            fs::write(&file, text).unwrap();
            written += Duration::from_secs(2);
            fs::File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_modified(written)
                .unwrap();
        };
        put(b"half a file");
        assert!(served.refresh().is_err() && !served.refresh().unwrap());
        assert_eq!(served.fingerprint(), first);
        put(&fs::read(&other).unwrap());
        assert!(served.refresh().unwrap());
        assert_eq!(served.fingerprint(), second);
    }
}
