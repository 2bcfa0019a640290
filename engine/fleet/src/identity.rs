//! Who a host is: an Ed25519 key of its own, and an id made from it.

use crate::Error;
use firstlight_units::HostId;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A private key.
pub struct Key {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Of a [`Key`]: 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        Ok(Self::from_seed(&random_seed()?))
    }

    /// Reads the key from a file, or makes one there that only this user can read.
    ///
    /// # Errors
    /// [`Error::KeyFile`] when the file cannot be read or written, or holds no key.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::KeyFile {
            path: path.to_owned(),
            source,
        };
        let seed = match fs::read_to_string(path) {
            Ok(text) => {
                // Somebody who copied the folder may have opened it to others.
                fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
                unhex(text.trim()).ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let seed = random_seed()?;
                create(path, &seed).map_err(failed)?;
                seed
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Self::from_seed(&seed))
    }

    /// The key that is made from these bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("invariant: every 32 bytes are a seed");
        let mut public = [0; PUBLIC_BYTES];
        public.copy_from_slice(pair.public_key().as_ref());
        Self {
            pair,
            public: PublicKey(public),
        }
    }

    /// What others know it by.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// An Ed25519 signature. Every kind of message begins with a purpose of its own, so that none is taken for another.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key of {}", self.public.id())
    }
}

impl PublicKey {
    /// From its bytes; whether they are a key shows when a signature is checked.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; PUBLIC_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_BYTES] {
        &self.0
    }

    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// The id of the host with this key: 128 bits of its digest, so that nobody can have somebody else's.
    #[must_use]
    pub fn id(&self) -> HostId {
        let digest = digest(&SHA256, &self.0);
        let name = hex(digest.as_ref().get(..16).unwrap_or_default());
        name.parse().expect("invariant: hexadecimal digits are an id")
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

fn random_seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(Error::Random)?;
    Ok(seed)
}

fn create(path: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", hex(seed))?;
    file.sync_all()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

pub(crate) const PUBLIC_BYTES: usize = 32;
pub(crate) const SIGNATURE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.key");
        let first = Key::open(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let second = Key::open(&path).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "secret").unwrap();
        assert!(matches!(Key::open(&path), Err(Error::KeyFile { .. })));
    }

    #[test]
    fn hexadecimal_is_read_back_and_nothing_else_is() {
        let public = Key::from_seed(&[7; 32]).public();
        assert_eq!(PublicKey::from_hex(&public.to_hex()), Some(public));
        assert_eq!(public.id().as_str().len(), 32);
        for text in ["", "zz", &"+1".repeat(32), &"é".repeat(32)] {
            assert_eq!(PublicKey::from_hex(text), None);
        }
    }
}
