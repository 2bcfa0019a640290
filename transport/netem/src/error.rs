//! Why a link cannot be built.

use crate::Chance;
use firstlight_units::Micros;

/// A configuration that describes no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A schedule without a step.
    #[error("a rate schedule needs at least one step")]
    NoRate,
    /// Steps of a schedule, or windows of outage, that are not in order.
    #[error("what begins at {at} does not come after what is before it")]
    Order {
        /// Where the step or window begins, from the start of the emulation.
        at: Micros,
    },
    /// A period that ends before the last step of its schedule begins.
    #[error("a period of {period} does not hold all steps of the schedule")]
    Period {
        /// The period.
        period: Micros,
    },
    /// A probability over one.
    #[error("{chance} is no probability")]
    Chance {
        /// The probability.
        chance: Chance,
    },
}
