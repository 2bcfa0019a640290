//! The HTTP API, tickets and the embedded client.
//!
//! ```text
//! request -> measure -> dress -> guard (Host, Origin) -> bound (size, time) -> route -> cell -> host
//!                                   |                                           └-> embedded client
//!                                   v
//!                             problem details
//! ```
//!
//! Invariants: no answer to a page of another site; no session shown or ended but by its player or the operator; no secret kept
//! (players are pseudonyms) or logged; every error is problem details.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod access;
mod api;
mod error;
mod extract;
mod fleet;
mod gateway;
mod keys;
mod media;
mod metrics;
mod neighbours;
mod operate;
mod pages;
mod picture;
mod problem;
mod queue;
mod relays;
mod report;
mod routes;
mod saves;
mod seat;
mod serve;
mod testify;
mod throttle;
mod titles;
mod whep;

pub use error::Error;
pub use gateway::{Gateway, Settings};
pub use keys::OperatorKey;
pub use metrics::Metrics;
pub use neighbours::Neighbours;
pub use pages::has_client;
pub use relays::{RelayUrl, Relays};
pub use routes::api_paths;
pub use serve::{listen, serve, serve_metrics};
pub use throttle::PeerAddress;
