//! Sans-IO placement: which machine a player's session goes to, who waits for one, and how many copies are kept warm.
//!
//! ```text
//! beats --> Registry --(buckets by title, region, warmth)--> place(query) -> Ranking (candidates + why)
//! expire(now) -> hosts lost                                       | nobody free
//!                                                                 v
//! sessions that end --> Lengths (hazard) --> Forecast --> Queue: place, estimate, whose turn
//! sessions that begin ---> Warm, Pools: copies to park per title, region and host
//! round trips they saw --> Paths: how far a network is from a region
//! what other cells said of themselves --> elsewhere: which of them has room
//! ```
//!
//! Invariants: a host that is draining, cordoned, lost or full is in no bucket; a beat that is not newer than the last one of its
//! host changes nothing; a decision looks at a bounded number of hosts; nothing here reads a clock, and the same inputs give the
//! same decisions.
//!
//! What it does not do: it grants nothing. A ranking is advice; the store's record and the host's own lease decide.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod beat;
mod bucket;
mod cost;
mod elsewhere;
mod explain;
mod file;
mod forecast;
mod host;
mod index;
mod lengths;
mod numbers;
mod paths;
mod place;
mod pools;
mod queue;
mod registry;
#[cfg(test)]
mod tests;
mod warm;
mod wheel;

pub use beat::{Beat, BeatTitle, Refusal, Refusals, Spec, State};
pub use cost::{Policy, Terms};
pub use elsewhere::{Other, elsewhere};
pub use explain::{Explanation, Filtered, RunnerUp};
pub use forecast::Forecast;
pub use host::HostView;
pub use index::{RegionId, TitleTerms, Warmth};
pub use lengths::Lengths;
pub use paths::{Paths, predict};
pub use place::{Candidate, Query, Ranking};
pub use pools::{PLAN_EVERY, Park, Pool, Pools};
pub use queue::{Alternative, Asked, Entry, Full, Place, Queue, QueueState};
pub use registry::{RegionView, Registry, Settings};
pub use warm::Bounds;
