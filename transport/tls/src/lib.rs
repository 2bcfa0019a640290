//! TLS over TCP: certificates that are made or read, and reread.
//!
//! ```text
//! Choice (self-signed | two files) -> Tls -> accept(TcpStream) -> encrypted stream
//!                                      ^ reread when the files change        \-> plain HTTP gets an answer it can read
//! ```
//!
//! Invariants: no connection is served in the clear; a pair that does not fit is never put to use, also not while running; a
//! private key is written for its owner only and never printed.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod accept;
mod error;
mod files;
mod made;
mod tls;

pub use accept::{Refused, TlsStream};
pub use error::Error;
pub use tls::{Choice, Tls};
