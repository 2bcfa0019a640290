//! Why a host was chosen, and why the others were not.

use crate::cost::{Policy, Terms};
use crate::index::Warmth;
use serde::{Deserialize, Serialize};

/// The reasons of a decision, to be stored with it and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the publisher wants.
    pub policy: Policy,
    /// Candidates in the order in which they are asked; the first is the choice.
    pub candidates: Vec<RunnerUp>,
    /// How many hosts were out of the question, by what kept them out.
    pub filtered: Filtered,
    /// Hosts looked at one by one.
    pub looked_at: u32,
    /// Regions that no host of could have been better.
    pub regions_farther: u32,
}

/// A candidate and its terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    /// Its id.
    pub host: String,
    /// Its region.
    pub region: String,
    /// How soon the title runs there.
    pub warmth: Warmth,
    /// What speaks for and against it.
    pub terms: Terms,
    /// The sum.
    pub cost_us: u32,
}

/// Hosts that were out of the question. Each counts once, under the first filter that it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    /// Have the title, but every slot is taken or promised.
    pub full: u32,
    /// Have the title, but are draining or cordoned.
    pub closed: u32,
    /// Measured to be weaker than the title needs.
    pub weak: u32,
    /// Above the price cap.
    pub dear: u32,
    /// In regions farther than the title allows.
    pub far: u32,
    /// Refused this session before.
    pub refused: u32,
}
