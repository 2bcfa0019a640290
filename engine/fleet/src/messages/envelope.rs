//! A sealed message: whose it is, and that it is no copy.
//!
//! ```text
//! format 1 | channel 1 | public key 32 | boot 8 | sequence 8 | microseconds since 1970 8 | signature 64 | body (JSON)
//! ```
//!
//! Numbers are big-endian. The signature (Ed25519) covers a fixed prefix, everything before it, and the body.

use super::Refusal;
use crate::identity::{PUBLIC_BYTES, SIGNATURE_BYTES};
use crate::{Key, PublicKey};
use bytes::Bytes;
use firstlight_units::{HostId, WallTime};
use std::sync::atomic::{AtomicU64, Ordering};

/// What kind of message is sealed. One kind is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Channel {
    /// A host's beat.
    Beat = 1,
    /// A host's report.
    Report = 2,
    /// An indexer's ask.
    Ask = 3,
    /// A host's reply.
    Reply = 4,
    /// What a cell tells other cells.
    Summary = 5,
}

impl Channel {
    const fn read(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Beat,
            2 => Self::Report,
            3 => Self::Ask,
            4 => Self::Reply,
            5 => Self::Summary,
            _ => return None,
        })
    }
}

/// Seals messages: one per process.
#[derive(Debug)]
pub struct Signer {
    key: Key,
    boot: u64,
    sequence: AtomicU64,
}

impl Signer {
    /// For a process that is the `boot`th with this key: higher than every one before.
    #[must_use]
    pub const fn new(key: Key, boot: u64) -> Self {
        Self {
            key,
            boot,
            sequence: AtomicU64::new(0),
        }
    }

    /// The id that goes with the key.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.key.public().id()
    }

    /// Whose seal it is.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Which process of this key.
    #[must_use]
    pub const fn boot(&self) -> u64 {
        self.boot
    }

    /// Seals `body` at `now`.
    #[must_use]
    pub fn seal(&self, channel: Channel, body: &[u8], now: WallTime) -> Bytes {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let mut sealed = Vec::with_capacity(HEADER_BYTES + body.len());
        sealed.push(FORMAT);
        sealed.push(channel as u8);
        sealed.extend_from_slice(self.key.public().as_bytes());
        sealed.extend_from_slice(&self.boot.to_be_bytes());
        sealed.extend_from_slice(&sequence.to_be_bytes());
        sealed.extend_from_slice(&now.as_micros().to_be_bytes());
        let signature = self.key.sign(&covered(&sealed, body));
        sealed.extend_from_slice(&signature);
        sealed.extend_from_slice(body);
        sealed.into()
    }
}

/// A message whose form is right; whether its signature is shows [`Self::is_genuine`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    pub(crate) channel: Channel,
    pub(crate) key: PublicKey,
    pub(crate) boot: u64,
    pub(crate) sequence: u64,
    pub(crate) at: WallTime,
    pub(crate) body: &'a [u8],
    head: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Sealed<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let (&format, _) = bytes.split_first().ok_or(Refusal::Malformed)?;
        if format != FORMAT {
            return Err(Refusal::Format(format));
        }
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES).ok_or(Refusal::Malformed)?;
        let (signature, body) = rest.split_at_checked(SIGNATURE_BYTES).ok_or(Refusal::Malformed)?;
        let (names, numbers) = head.split_at(2 + PUBLIC_BYTES);
        let (kind, key) = names.split_at(2);
        let channel = kind
            .get(1)
            .copied()
            .and_then(Channel::read)
            .ok_or(Refusal::Malformed)?;
        let mut public = [0; PUBLIC_BYTES];
        public.copy_from_slice(key);
        let number = |i: usize| {
            let bytes = numbers.chunks_exact(8).nth(i).and_then(|b| b.try_into().ok());
            bytes.map(u64::from_be_bytes).ok_or(Refusal::Malformed)
        };
        Ok(Self {
            channel,
            key: PublicKey::from_bytes(public),
            boot: number(0)?,
            sequence: number(1)?,
            at: WallTime::from_micros(number(2)?),
            body,
            head,
            signature,
        })
    }

    pub(crate) fn is_genuine(&self) -> bool {
        self.key.verify(&covered(self.head, self.body), self.signature)
    }
}

fn covered(head: &[u8], body: &[u8]) -> Vec<u8> {
    [PURPOSE, head, body].concat()
}

const FORMAT: u8 = 1;
/// So that no other signature of the same key is taken for a seal.
const PURPOSE: &[u8] = b"firstlight bus 1\0";
const HEAD_BYTES: usize = 2 + PUBLIC_BYTES + 3 * 8;
const HEADER_BYTES: usize = HEAD_BYTES + SIGNATURE_BYTES;
