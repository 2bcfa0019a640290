//! What cells record.

use crate::catalogue::{
    CASES_CLOSED, COPIES_ASKED, HOSTS_CHECKED, HOSTS_LOST, MESSAGES_REFUSED, PLACED_SECONDS, PLACEMENTS,
    QUEUE_WAITING, SECOND_ON, SENT_ELSEWHERE,
};
use metrics::{counter, gauge, histogram};

/// What became of a request for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It runs.
    Started,
    /// It waits.
    Queued,
    /// There was no room.
    Refused,
    /// Something broke.
    Failed,
}

impl Placed {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Started, Self::Queued, Self::Refused, Self::Failed];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Queued => "queued",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A request for a session was answered.
pub fn placement(outcome: Placed) {
    counter!(PLACEMENTS.name, "outcome" => outcome.name()).increment(1);
}

/// How long a session took until it had a lease, and until it took its player's ticket.
pub fn placed_seconds(lease: f64, ready: f64, parked: bool) {
    histogram!(PLACED_SECONDS.name).record(lease);
    histogram!(SECOND_ON.name, "warmth" => if parked { "parked" } else { "cold" }).record(ready);
}

/// So many wait for a slot.
pub fn queue_waiting(entries: usize) {
    gauge!(QUEUE_WAITING.name).set(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
}

/// Hosts were asked for so many parked copies beyond what they keep by themselves.
pub fn copies_asked(copies: u32) {
    gauge!(COPIES_ASKED.name).set(f64::from(copies));
}

/// A player was sent to another cell.
pub fn sent_elsewhere() {
    counter!(SENT_ELSEWHERE.name).increment(1);
}

/// A host missed its beats.
pub fn host_lost() {
    counter!(HOSTS_LOST.name).increment(1);
}

/// A message of a host was not taken.
pub fn message_refused(why: &'static str) {
    counter!(MESSAGES_REFUSED.name, "why" => why).increment(1);
}

/// A host was checked: `proven`, `gave_way`, `failed` or `wrong`.
pub fn host_checked(outcome: &'static str) {
    counter!(HOSTS_CHECKED.name, "outcome" => outcome).increment(1);
}

/// A case is over: `dismissed`, `ranked_lower`, `penalised`, `doubted` (by players, which costs nothing), or `control`, of which the answer
/// was known.
pub fn case_closed(outcome: &'static str) {
    counter!(CASES_CLOSED.name, "outcome" => outcome).increment(1);
}
