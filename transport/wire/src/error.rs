//! Why bytes were not understood.

/// A datagram that is not one of ours, or not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shorter than its layout.
    #[error("{what} has {have} bytes and needs {need}")]
    Truncated {
        /// The layout.
        what: &'static str,
        /// Bytes there.
        have: usize,
        /// Bytes needed, at least.
        need: usize,
    },
    /// Another protocol version.
    #[error("version {0} is not spoken here")]
    Version(u8),
    /// A kind that is unknown or not expected here.
    #[error("kind {0} is not expected here")]
    Kind(u8),
    /// A field holds what it must not.
    #[error("{field} must not be {value}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A control message over the limit.
    #[error("a control message of {length} bytes is over {most}")]
    FrameTooLong {
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        most: usize,
    },
}
