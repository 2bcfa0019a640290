//! Where a cell can die in the middle of a placement. For tests; nothing happens otherwise.

use std::fmt;
use std::sync::Arc;

/// A step of a placement that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Candidates are ranked.
    Ranked,
    /// The lease is in the store.
    Acquired,
    /// The host has the session.
    Claimed,
    /// The store knows that it has.
    Confirmed,
    /// A refused lease was released.
    Released,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ranked,
        Self::Acquired,
        Self::Claimed,
        Self::Confirmed,
        Self::Released,
    ];
}

/// Decides whether the cell dies after a step.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<dyn Fn(Step) -> bool + Send + Sync>>);

impl Faults {
    /// Dies where `dies` says so.
    pub fn new(dies: impl Fn(Step) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(dies)))
    }

    pub(crate) fn dies(&self, step: Step) -> bool {
        self.0.as_ref().is_some_and(|dies| dies(step))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}
