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

/// The names of a list, or of [`ALL`]; `without-all` stands for each idea of ours left out in turn.
#[must_use]
pub fn expand(list: Option<&[String]>) -> Vec<String> {
    let Some(list) = list else {
        return ALL.iter().map(|name| (*name).to_owned()).collect();
    };
    let mut names = Vec::new();
    for name in list {
        if name == "without-all" {
            names.extend(Features::NAMES.iter().map(|idea| format!("without-{idea}")));
        } else {
            names.push(name.clone());
        }
    }
    names
}

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
