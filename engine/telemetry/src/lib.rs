//! The only place that names metrics and spans.
//!
//! ```text
//! host, gateway -> functions here -> metrics crate -> the exporter that the binary installed -> GET /metrics
//! worker -> link::Stats -> host -> Stream::record
//! ```
//!
//! Every metric is defined once, in [`METRICS`], with its unit, labels and buckets, and listed in `docs/metrics.md`; a test
//! holds the two together. Labels are closed sets: no session, player, title or address is ever one. Without an exporter
//! every function is a no-op.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod catalogue;
mod cell;
mod engine;
mod relay;
mod saves;
mod session;
pub mod span;
mod stream;

pub use catalogue::{Kind, METRICS, Metric, Unit, buckets, describe};
pub use cell::{
    Placed, case_closed, copies_asked, host_checked, host_lost, message_refused, placed_seconds, placement,
    queue_waiting, sent_elsewhere,
};
pub use engine::{
    Attach, Carrier, End, StartStep, copies_parked, first_picture_seconds, http_request, second_on,
    session_attached, session_ended, session_placed, session_refused, session_started, sessions_active,
    sessions_waiting, stage_seconds, start_step,
};
pub use relay::{RelayRefused, RelayTraffic, relay_attached, relay_refused, relay_sessions, relay_traffic};
pub use saves::{SaveBrought, SavePut, saves_brought, saves_put};
pub use session::{Lacking, click_to_photon_seconds, second_judged, session_score};
pub use stream::{Second, Stream};

#[cfg(test)]
mod deployed;
#[cfg(test)]
mod tests;
