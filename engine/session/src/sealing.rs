//! The seal of one attachment, shared by whatever sends and receives on it.
//!
//! ```text
//! ticket: the player's key -+
//! this session's key -------+-> Keyring -> Sealing (one per attachment) -> Link
//! attach URL: its id -------+
//! ```
//!
//! Invariant: an id is taken once in the life of a session's key. Two attachments never have a key in common, whoever asked
//! for them, so no counter is ever used twice under a key.

use crate::link::LinkError;
use bytes::{Bytes, BytesMut};
use firstlight_seal::{AttachmentId, DATAGRAM_OVERHEAD_BYTES, Error, Keypair, PublicKey, Seal, Side};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// This session's key, and the ids that were used with it.
#[derive(Debug)]
pub(crate) struct Keyring {
    own: Keypair,
    used: BTreeSet<AttachmentId>,
    forged: Arc<AtomicU64>,
}

impl Keyring {
    /// A new key; it lives as long as the worker.
    pub(crate) fn generate() -> Result<Self, Error> {
        Ok(Self {
            own: Keypair::generate()?,
            used: BTreeSet::new(),
            forged: Arc::default(),
        })
    }

    /// What players are told.
    pub(crate) fn public(&self) -> String {
        self.own.public().text()
    }

    /// What came and did not open, so far.
    pub(crate) fn forged(&self) -> u64 {
        self.forged.load(Ordering::Relaxed)
    }

    /// Whether an id may still be used; past the bound none may, and the session takes no sealed attachment any more.
    pub(crate) fn is_fresh(&self, id: &AttachmentId) -> bool {
        self.used.len() < ATTACHMENTS_MAX && !self.used.contains(id)
    }

    /// The seal of a new attachment of the player with this key; `None` where the id was used.
    pub(crate) fn seal(
        &mut self,
        player: &PublicKey,
        session: &str,
        id: AttachmentId,
    ) -> Option<Arc<Sealing>> {
        if !self.is_fresh(&id) {
            return None;
        }
        self.used.insert(id);
        let seal = Seal::new(Side::Host, &self.own, player, session, &id);
        let scratch = Vec::with_capacity(DATAGRAM_BYTES + DATAGRAM_OVERHEAD_BYTES);
        Some(Arc::new(Sealing {
            state: Mutex::new(State { seal, scratch }),
            forged: Arc::clone(&self.forged),
        }))
    }
}

/// The seal of an attachment.
#[derive(Debug)]
pub(crate) struct Sealing {
    state: Mutex<State>,
    forged: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    seal: Seal,
    /// One sealed datagram, on its way into the link.
    scratch: Vec<u8>,
}

impl Sealing {
    /// Hands a datagram on, sealed.
    pub(crate) fn sealed(
        &self,
        datagram: &[u8],
        send: impl FnOnce(&[u8]) -> Result<(), LinkError>,
    ) -> Result<(), LinkError> {
        self.with(|State { seal, scratch }| {
            seal.seal_datagram(datagram, scratch)?;
            send(scratch)
        })
    }

    /// `None` for what the player did not seal for this attachment, or what came before: it is counted, and as good as lost.
    pub(crate) fn opened(&self, datagram: Bytes) -> Option<Bytes> {
        let mut datagram = datagram
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        match self.with(|state| state.seal.open_datagram(&mut datagram)) {
            Ok(at) => Some(datagram.freeze().slice(at)),
            Err(_) => {
                self.forged.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    pub(crate) fn sealed_control(&self, message: &[u8]) -> Result<Vec<u8>, LinkError> {
        Ok(self.with(|state| state.seal.seal_control(message))?)
    }

    /// A message that does not open was changed, left out or put in by whoever carries it: nothing after it can be trusted.
    pub(crate) fn opened_control(&self, mut message: Vec<u8>) -> Result<Vec<u8>, LinkError> {
        self.with(|state| state.seal.open_control(&mut message))
            .map_err(|error| {
                self.forged.fetch_add(1, Ordering::Relaxed);
                LinkError::Violation(format!("a control message: {error}"))
            })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One a second for an hour. Each is 16 bytes, and is kept for as long as the session lives.
const ATTACHMENTS_MAX: usize = 3_600;
/// The largest datagram there is.
const DATAGRAM_BYTES: usize = 1_500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_once_whatever_the_key() {
        let mut ring = Keyring::generate().unwrap();
        let id = AttachmentId::from_bytes([1; 16]);
        let [one, two] = [Keypair::generate().unwrap(), Keypair::generate().unwrap()];
        assert!(ring.seal(&one.public(), "s", id).is_some());
        assert!(ring.seal(&one.public(), "s", id).is_none());
        assert!(ring.seal(&two.public(), "s", id).is_none());
        assert!(
            ring.seal(&one.public(), "s", AttachmentId::from_bytes([2; 16]))
                .is_some()
        );
    }
}
