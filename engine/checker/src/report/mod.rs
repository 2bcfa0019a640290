//! What happened in a session, from its player's click to its end, and why it scores as it does.
//!
//! ```text
//! second, attach, wait, start, end -> Chronicle (bounded) -> Report -> JSON, trace::write
//! ```
//!
//! The parts of a delay sum to the whole by construction: a report holds no whole beside them. What no stage owns is
//! [`Stage::Unattributed`](firstlight_units::Stage), as the client measured it, and may be less than nothing where the two
//! clocks disagree.

mod chronicle;
pub mod otlp;
mod quantiles;
mod timeline;
pub mod trace;
mod view;
mod words;

pub use chronicle::{Chronicle, Event, MINUTES_MAX, Of};
pub use view::{
    Click, Delay, Display, Ended, Frames, Happened, Reason, Report, Scores, Started, Timeline, VERSION,
};

use crate::quality::Second;
use firstlight_units::{Bitrate, Micros, Stage};

/// A second as its player saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What it is judged by.
    pub second: Second,
    /// The player's page could not be seen: nothing is judged.
    pub hidden: bool,
    /// Pictures that answer an input.
    pub clicks: u32,
    /// Round trip.
    pub rtt: Micros,
    /// What the offset between the two clocks can be wrong by: as much can be between `input` and `network`, and in the age of a
    /// picture; the time from an input to its picture is of one clock.
    pub clock_error: Micros,
    /// What the player got.
    pub received: Bitrate,
    /// What the rate rule allowed.
    pub target: Bitrate,
    /// Pixels of the picture as decoded.
    pub size: (u32, u32),
    /// Frames that never came.
    pub lost: u32,
    /// Frames that came too late.
    pub late: u32,
    /// Frames that the client discarded.
    pub dropped: u32,
    /// Means over all pictures shown.
    pub picture: Option<Parts>,
    /// Means over those that answer an input.
    pub click: Option<Parts>,
}

/// Microseconds in each [`Stage`], in the order of [`Stage::ALL`].
pub type Parts = [i32; STAGES];

/// How many stages there are.
pub const STAGES: usize = Stage::ALL.len();
