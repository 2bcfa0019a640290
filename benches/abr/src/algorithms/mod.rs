//! The algorithms, by the names that the result has.

mod bound;
mod copa;
mod firstlight;
mod fixed;
mod goog;

pub use bound::Bound;
pub use firstlight::Firstlight;

use crate::control::Bbr;
use crate::flow::Flow;
use crate::rtp::{Repair, Skip, Stream};
use firstlight_netem::Trace;
use firstlight_proto::rate::Features;
use firstlight_proto::send::SenderConfig;
use std::sync::Arc;

/// Those that run by default, in the order of the tables.
pub const ALL: &[&str] = &[
    "firstlight",
    "fixed-rs",
    "goog_cc",
    "goog_cc+skip",
    "copa",
    "bbr",
    "bound",
];

/// The flow of that name, as flow number `flow` of its path.
#[must_use]
pub fn open(name: &str, flow: usize, trace: &Arc<Trace>) -> Option<Box<dyn Flow>> {
    Some(match name {
        "firstlight" => Box::new(Firstlight::new(flow, trace, Firstlight::config())),
        "fixed-rs" => fixed::open(flow),
        "goog_cc" => goog::open(flow, Skip::Never),
        "goog_cc+skip" => goog::open(flow, Skip::Starved),
        "copa" => copa::open(flow),
        "bbr" => Box::new(Stream::new(
            flow,
            Box::new(Bbr::new()),
            Skip::Queued,
            Repair::Again,
        )),
        "bound" => Box::new(Bound::new(trace)),
        _ => {
            let features = Features::without(name.strip_prefix("without-")?)?;
            let config = SenderConfig {
                features,
                ..Firstlight::config()
            };
            Box::new(Firstlight::new(flow, trace, config))
        }
    })
}
