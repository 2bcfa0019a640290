//! What may pass.

use bytes::Bytes;

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the player.
    ToHost,
    /// To the player.
    ToPlayer,
}

/// Everything that is carried passes through one. What it does not give back is dropped.
pub trait Gate: Send + Sync {
    /// A datagram.
    fn datagram(&self, way: Way, datagram: Bytes) -> Option<Bytes>;

    /// A control message.
    fn control(&self, _way: Way, message: Vec<u8>) -> Option<Vec<u8>> {
        Some(message)
    }
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

impl Gate for Open {
    fn datagram(&self, _way: Way, datagram: Bytes) -> Option<Bytes> {
        Some(datagram)
    }
}
