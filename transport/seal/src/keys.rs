//! Agreeing on keys.

use crate::Error;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use ring::aead::{AES_128_GCM, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use std::fmt;

/// A host's key for one session.
pub struct Keypair {
    secret: p256::SecretKey,
}

/// The other side's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(p256::PublicKey);

impl Keypair {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        // Nearly every 256 bits are a key; a system that gives none in this many tries is broken.
        for _ in 0..TRIES {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
            if let Ok(pair) = Self::from_bytes(&bytes) {
                return Ok(pair);
            }
        }
        Err(Error::Random)
    }

    /// With this secret.
    ///
    /// # Errors
    /// [`Error::Key`] when it is none.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let secret = p256::SecretKey::from_slice(bytes).map_err(|_| Error::Key)?;
        Ok(Self { secret })
    }

    /// What the other side is told.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.secret.public_key())
    }

    /// Keys for what the named sides send, in the order `host datagram`, `host control`, `player datagram`, `player control`.
    /// `between`: the points of the host and of the player.
    pub(crate) fn agree(
        &self,
        with: &PublicKey,
        session: &str,
        between: &[Vec<u8>; 2],
        attachment: &AttachmentId,
    ) -> [LessSafeKey; 4] {
        let shared = p256::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), with.0.as_affine());
        let root = Salt::new(HKDF_SHA256, session.as_bytes()).extract(shared.raw_secret_bytes());
        USES.map(|what| {
            let [host, player] = between;
            let info = [PURPOSE, what, &attachment.0, host, player];
            // Only too long an output is refused, and this one is 16 bytes.
            let output = root
                .expand(&info, &AES_128_GCM)
                .expect("invariant: 16 bytes of output");
            LessSafeKey::new(UnboundKey::from(output))
        })
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair").finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Reads base64url of the uncompressed point.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn read(text: &str) -> Result<Self, Error> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Key)?;
        if bytes.len() != POINT_BYTES {
            return Err(Error::Key);
        }
        p256::PublicKey::from_sec1_bytes(&bytes)
            .map(Self)
            .map_err(|_| Error::Key)
    }

    /// Base64url of the uncompressed point.
    #[must_use]
    pub fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.point())
    }

    pub(crate) fn point(&self) -> Vec<u8> {
        self.0.to_encoded_point(false).as_bytes().to_vec()
    }
}

/// Names an attachment: the player draws it at random, and each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttachmentId([u8; 16]);

impl AttachmentId {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(Self(bytes))
    }

    /// This one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads base64url.
    ///
    /// # Errors
    /// [`Error::Attachment`].
    pub fn read(text: &str) -> Result<Self, Error> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| Error::Attachment)?;
        bytes.try_into().map(Self).map_err(|_| Error::Attachment)
    }

    /// Base64url.
    #[must_use]
    pub fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

const TRIES: usize = 16;
const POINT_BYTES: usize = 65;
const PURPOSE: &[u8] = b"firstlight seal 1 ";
const USES: [&[u8]; 4] = [
    b"host datagram",
    b"host control",
    b"player datagram",
    b"player control",
];
