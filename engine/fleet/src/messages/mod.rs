//! What hosts and indexers say to each other. Each message carries a version; unknown fields are skipped, and N and N−1
//! understand each other.
//!
//! ```text
//! host ──Beat (1 s), Report (each change)──> every indexer        sealed by the host's key, never twice
//! indexer ──Ask──> host ──Reply──> indexer                        sealed by the cell's key, and by the host's
//! host ──Enrol (HTTP)──> gateway ──Enrolled──> host
//! host ──SaveAsk (HTTP, each)──> gateway                          signed by the host's key
//! gateway <──Summary (HTTP, 1 s)── gateways of other cells
//! ```

mod ask;
mod beat;
mod caller;
mod enrol;
mod envelope;
mod guard;
mod report;
mod save;
mod summary;

pub use ask::{Ask, Asked, Claim, Claimed, Refused, Replied, Reply};
pub use beat::{Beat, Held, HostState, Installed, Position, Spec};
pub use caller::{AskError, Caller};
pub use enrol::{Enrol, Enrolled};
pub use envelope::{Channel, Signer};
pub use guard::{Guard, Looked, Opened, Proven, Refusal};
pub use report::{Quality, Report, SessionState, SessionView, Told};
pub use save::{SaveAsk, SaveVerb, Written};
pub use summary::{RegionSummary, Summary, TitleSummary};

/// The version of the messages. A receiver takes this one and the one before.
pub const VERSION: u32 = 1;

/// Whether a message of this version is understood.
pub(crate) const fn understood(version: u32) -> bool {
    version.abs_diff(VERSION) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_versions_are_understood_and_no_number_is_too_large_to_be_refused() {
        assert!(understood(VERSION) && understood(VERSION + 1) && understood(VERSION - 1));
        assert!(!understood(VERSION + 2) && !understood(u32::MAX));
    }
}
