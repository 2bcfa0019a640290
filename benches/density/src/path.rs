//! What a session sends over, as the worker's link.

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use firstlight_proto::send::Reports;
use firstlight_seal::{AttachmentId, DATAGRAM_OVERHEAD_BYTES, Keypair, Seal, Side};
use firstlight_wire::Kind;

pub(crate) enum Path {
    Quic(firstlight_quic::Link),
    /// Everything sealed to the player; beside it the sealed datagram.
    Sealed(firstlight_quic::Link, Box<Seal>, Vec<u8>),
    Rtc(firstlight_rtc::Link),
}

impl Path {
    /// Who reports what came.
    pub(crate) const fn reports(&self) -> Reports {
        match self {
            Self::Quic(_) | Self::Sealed(..) => Reports::Client,
            Self::Rtc(_) => Reports::Browser,
        }
    }

    pub(crate) fn datagram_max(&self) -> usize {
        match self {
            Self::Quic(link) => link.datagram_max(),
            Self::Sealed(link, ..) => link.datagram_max().saturating_sub(DATAGRAM_OVERHEAD_BYTES),
            Self::Rtc(link) => link.datagram_max(),
        }
    }

    /// `false` when it is lost.
    pub(crate) fn send(&mut self, memory: &mut BytesMut, datagram: &[u8]) -> bool {
        match self {
            Self::Quic(link) => link.send_from(memory, datagram).is_ok(),
            Self::Sealed(link, seal, scratch) => {
                seal.seal_datagram(datagram, scratch).is_ok() && link.send_from(memory, scratch).is_ok()
            }
            Self::Rtc(link) => {
                memory.extend_from_slice(datagram);
                link.send(memory.split().freeze()).is_ok()
            }
        }
    }

    /// The next datagram as it came; `None` when the link is gone.
    pub(crate) async fn receive(&self) -> Option<Bytes> {
        match self {
            Self::Quic(link) | Self::Sealed(link, ..) => link.receive().await.ok(),
            Self::Rtc(link) => link.receive().await.ok(),
        }
    }

    /// What was in it, where it is feedback.
    pub(crate) fn feedback(&mut self, datagram: Bytes) -> Option<Bytes> {
        let plain = match self {
            Self::Quic(_) | Self::Rtc(_) => datagram,
            Self::Sealed(_, seal, _) => {
                let mut bytes = BytesMut::from(datagram);
                let at = seal.open_datagram(&mut bytes).ok()?;
                bytes.freeze().slice(at)
            }
        };
        matches!(Kind::of(&plain), Ok(Kind::Feedback)).then_some(plain)
    }
}

/// One end's seal of the bench's session of that number: both ends know all keys.
pub(crate) fn seal(side: Side, session: usize) -> Result<Box<Seal>> {
    let pair = |secret| Keypair::from_bytes(&[secret; 32]).context("a key");
    let (host, player) = (pair(1)?, pair(2)?);
    let (own, other) = match side {
        Side::Host => (&host, player.public()),
        Side::Player => (&player, host.public()),
    };
    let attachment = AttachmentId::from_bytes([u8::try_from(session)?; 16]);
    Ok(Box::new(Seal::new(side, own, &other, "bench", &attachment)))
}
