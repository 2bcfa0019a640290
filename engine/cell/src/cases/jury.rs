//! Who judges: the checkers of a store, how right they were where the answer was known, and whose testimony is taken.

use crate::checks::{Checks, read, write};
use crate::error::Error;
use crate::inner::Inner;
use firstlight_checker::accounts::{Account, Service};
use firstlight_checker::case::Case;
use firstlight_checker::quorum::{Checker, Controls};
use firstlight_fleet::{Expect, PublicKey, Swapped};
use firstlight_units::{Micros, SessionId, WallTime};
use serde::{Deserialize, Serialize};

/// What somebody saw of a session whom its host did not choose.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of which session.
    pub session: SessionId,
    /// What was counted.
    pub seen: Account,
    /// What it was like.
    pub service: Service,
}

/// A checker of this store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Sits {
    /// When it was last there, microseconds since 1970.
    #[serde(default)]
    seen_at: u64,
    #[serde(default)]
    controls: Controls,
}

/// This checker is there, and may be drawn.
pub(super) async fn appear(inner: &Inner, checks: &Checks) -> Result<(), Error> {
    let key = checks.signer.key().public().to_hex();
    let now = inner.wall().as_micros();
    change(inner, &key, |sits| sits.seen_at = now).await
}

/// Who may be drawn: was there lately, and knew what was known.
pub(super) async fn known(inner: &Inner) -> Result<Vec<Checker>, Error> {
    let now = inner.wall();
    let mut known = Vec::new();
    for record in inner.settings.store.list(CHECKERS, None, CHECKERS_MAX).await? {
        let sits: Sits = read(&record)?;
        let there = now.since(WallTime::from_micros(sits.seen_at)) < THERE_FOR;
        if there
            && sits.controls.is_drawn()
            && let Some(key) = PublicKey::from_hex(&record.key)
        {
            known.push(*key.as_bytes());
        }
    }
    Ok(known)
}

/// Counts for each member of a control's committee whether he was right.
pub(super) async fn mark(inner: &Inner, case: &Case) -> Result<(), Error> {
    for (checker, right) in case.marks().map_err(Error::Case)? {
        let key = PublicKey::from_bytes(checker).to_hex();
        change(inner, &key, |sits| sits.controls.on_control(right)).await?;
    }
    Ok(())
}

async fn change(inner: &Inner, key: &str, how: impl Fn(&mut Sits)) -> Result<(), Error> {
    let store = &inner.settings.store;
    for _ in 0..ROUNDS_MAX {
        let there = store.get(CHECKERS, key).await?;
        let (mut sits, expect) = match &there {
            Some(record) => (read::<Sits>(record)?, Expect::Revision(record.revision)),
            None => (Sits::default(), Expect::Absent),
        };
        how(&mut sits);
        if let Swapped::Done(_) = store.put(CHECKERS, key, expect, write(&sits)).await? {
            return Ok(());
        }
    }
    Err(Error::Store(firstlight_fleet::Error::Busy))
}

const CHECKERS: &str = "checkers";
/// A store has as many cells at most.
const CHECKERS_MAX: usize = 256;
/// Whoever is there says so every ten seconds.
const THERE_FOR: Micros = Micros::from_secs(60);
const ROUNDS_MAX: usize = 16;
