//! The cell as a checker: asks hosts to prove what they say, and sends players only where it was proven.
//!
//! ```text
//! due? idle? ─claim (compare and swap)─> challenge ×4 ─bus─> host ─answer─> judge ─> Record ─> store: record, log, Admission
//! ```
//!
//! Cells of one store share the work: whoever writes its claim first checks. A claim is good for [`CLAIMED_FOR`]; a checker that dies in
//! mid-check leaves the host as it was, to be checked by another then. What was recorded before stays recorded.

mod ask;
mod decoder;
mod keep;

pub use decoder::Decoder;
pub(crate) use keep::{Found, chance, evidence, found, looked, read, write};

use crate::inner::{Inner, Life};
use crate::state::HostNotes;
use firstlight_checker::admission::{Admission, Outcome, Standing};
use firstlight_checker::challenge::{Claim, Decode};
use firstlight_fleet::messages::{Ask, Beat, Signer};
use firstlight_units::{ByteCount, HostId, Micros};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How a cell checks its hosts.
#[derive(Clone)]
pub struct Checks {
    /// What challenges and records are signed with.
    pub signer: Arc<Signer>,
    /// Decodes what hosts encoded; off this process ([`Decoder`]).
    pub decoder: Arc<dyn Decode + Send + Sync>,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// What is known of hosts' checks.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) admissions: BTreeMap<HostId, Admission>,
    /// Checks that run.
    places: Arc<Semaphore>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            admissions: BTreeMap::new(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Known {
    /// Of a host that claims so many cores.
    pub(crate) fn standing(&self, host: &HostId, cores: u32) -> Standing {
        let known = self.admissions.get(host);
        known.map_or(Standing::Unproven, |known| known.standing(cores))
    }

    pub(crate) fn why(&self, host: &HostId) -> Option<&str> {
        let why = &self.admissions.get(host)?.why;
        (!why.is_empty()).then_some(why)
    }
}

/// What a host claims, in its own words.
pub(crate) fn claim_of(beat: &Beat) -> Claim {
    Claim {
        cores: beat.spec.cores,
        core_score: beat.spec.core_score,
        memory: ByteCount::new(beat.spec.memory_available_bytes),
    }
}

/// Reads what is known, and begins to check.
pub(crate) async fn run(inner: &Arc<Inner>) -> Result<(), crate::Error> {
    let Some(checks) = inner.settings.checks.clone() else {
        return Ok(());
    };
    keep::load(inner).await?;
    tokio::spawn(tick(Arc::downgrade(inner), checks));
    Ok(())
}

async fn tick(inner: Weak<Inner>, checks: Checks) {
    let mut turn = 0u32;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if *inner.life.borrow() != Life::Open {
            return;
        }
        turn = turn.wrapping_add(1);
        // What other cells of this store have found.
        if turn.is_multiple_of(LOAD_EACH)
            && let Err(error) = keep::load(&inner).await
        {
            tracing::warn!(%error, "what is known of hosts' checks was not read");
        }
        for (host, claim) in due(&inner) {
            let places = Arc::clone(&inner.state().checks.places);
            let Ok(place) = places.try_acquire_owned() else {
                break;
            };
            let (weak, checks) = (Arc::downgrade(&inner), checks.clone());
            tokio::spawn(async move {
                let _place = place;
                if let Some(inner) = weak.upgrade() {
                    check(&inner, &checks, &host, &claim).await;
                }
            });
        }
    }
}

/// Hosts whose check is due, and that have no player.
fn due(inner: &Inner) -> Vec<(HostId, Claim)> {
    let (now, wall) = (inner.now(), inner.wall());
    let judged = inner.judged();
    let state = inner.state();
    let wants = |host: &HostId, notes: &HostNotes| {
        let (at, claim) = notes.claim?;
        let idle = notes.held.is_empty() && notes.granted.is_empty();
        let known = state.checks.admissions.get(host);
        let due = known.is_none_or(|known| known.is_due(wall, claim.cores));
        (idle && due && now.since(at) <= HEARD_WITHIN).then(|| (host.clone(), claim))
    };
    let hosts = state.hosts.iter().filter(|(host, _)| judged(host));
    hosts.filter_map(|(host, notes)| wants(host, notes)).collect()
}

async fn check(inner: &Arc<Inner>, checks: &Checks, host: &HostId, claim: &Claim) {
    let claimed = match keep::claim(inner, host, claim.cores).await {
        Ok(Some(claimed)) => claimed,
        // Another cell is at it, or has just been.
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(%host, %error, "a check was not begun");
            return;
        }
    };
    inner.alive().await;
    let outcome = match ask::all(inner, checks, (host, claimed.failed()), claim).await {
        Ok(outcome) => outcome,
        Err(error) => {
            // Nothing that the host did or left undone: the claim ends, and somebody checks it again.
            tracing::warn!(%host, %error, "a check came to nothing");
            return;
        }
    };
    inner.alive().await;
    match keep::settle(inner, (host, claim.cores), claimed, outcome).await {
        Ok(admission) => tell(inner, host, outcome, &admission).await,
        Err(error) => tracing::warn!(%host, %error, "what a check came to was not written down"),
    }
}

/// Its provider reads it in the host's log and status.
async fn tell(inner: &Arc<Inner>, host: &HostId, outcome: Outcome, admission: &Admission) {
    firstlight_telemetry::host_checked(match outcome {
        Outcome::Proven => "proven",
        Outcome::GaveWay => "gave_way",
        Outcome::Failed(_, failure) if failure.is_wrong() => "wrong",
        Outcome::Failed(..) => "failed",
    });
    tracing::info!(%host, standing = admission.standing.word(), why = admission.why, "a host was checked");
    tell_standing(inner, host, admission).await;
}

/// What a host stands at, for its own log and status.
pub(crate) async fn tell_standing(inner: &Inner, host: &HostId, admission: &Admission) {
    let ask = Ask::Standing {
        standing: admission.standing.word().to_owned(),
        why: admission.why.clone(),
    };
    if let Err(error) = inner.ask(host, ask, TELL_WITHIN).await {
        tracing::debug!(%host, %error, "did not hear what its check came to");
    }
}

const EVERY: Duration = Duration::from_secs(1);
/// Every ten seconds.
const LOAD_EACH: u32 = 10;
/// Judging takes a core some hundred milliseconds, and a host two or three seconds.
const AT_ONCE: usize = 4;
/// Whoever missed some beats is not asked.
const HEARD_WITHIN: Micros = Micros::from_secs(3);
const TELL_WITHIN: Duration = Duration::from_secs(5);
