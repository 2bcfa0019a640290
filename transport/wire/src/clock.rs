//! Clock requests and replies (docs/PROTOCOL.md, 2.4). Times are microseconds.

use crate::reader::Reader;
use crate::{Error, Kind};

/// Asks for the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRequest {
    /// Comes back in the reply.
    pub id: u32,
    /// The client's clock at sending.
    pub t0: u64,
}

impl ClockRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// When it is too short or something else.
    pub fn parse(datagram: &[u8]) -> Result<Self, Error> {
        Kind::ClockRequest.expect(datagram)?;
        let mut r = Reader::new("a clock request", datagram);
        r.skip(4)?;
        Ok(Self {
            id: r.u32()?,
            t0: r.u64()?,
        })
    }

    /// The datagram.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[0] = Kind::ClockRequest.first_byte();
        out[4..8].copy_from_slice(&self.id.to_be_bytes());
        out[8..16].copy_from_slice(&self.t0.to_be_bytes());
        out
    }
}

/// Answers a [`ClockRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReply {
    /// Of the request.
    pub id: u32,
    /// Of the request.
    pub t0: u64,
    /// The host's clock at the request's arrival.
    pub t1: u64,
    /// The host's clock at sending.
    pub t2: u64,
}

impl ClockReply {
    /// Reads a reply.
    ///
    /// # Errors
    /// When it is too short or something else.
    pub fn parse(datagram: &[u8]) -> Result<Self, Error> {
        Kind::ClockReply.expect(datagram)?;
        let mut r = Reader::new("a clock reply", datagram);
        r.skip(4)?;
        Ok(Self {
            id: r.u32()?,
            t0: r.u64()?,
            t1: r.u64()?,
            t2: r.u64()?,
        })
    }

    /// The datagram.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out[0] = Kind::ClockReply.first_byte();
        out[4..8].copy_from_slice(&self.id.to_be_bytes());
        out[8..16].copy_from_slice(&self.t0.to_be_bytes());
        out[16..24].copy_from_slice(&self.t1.to_be_bytes());
        out[24..32].copy_from_slice(&self.t2.to_be_bytes());
        out
    }
}
