//! What a cell writes of a placement.

use anyhow::{Result, bail};
use firstlight_fleet::{Acquire, Acquired, SlotRef, Store};
use firstlight_units::Micros;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a placement is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// The lease is granted.
    Grant,
    /// The lease is granted and confirmed.
    Placement,
}

impl Call {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Placement => "placement",
        }
    }
}

/// Places on an imaginary fleet.
pub(crate) struct Placing {
    store: Arc<dyn Store>,
    slots: u32,
    next: AtomicU64,
}

impl Placing {
    pub(crate) const fn new(store: Arc<dyn Store>, slots: u32) -> Self {
        Self {
            store,
            slots,
            next: AtomicU64::new(0),
        }
    }

    pub(crate) async fn call(&self, call: Call) -> Result<()> {
        for _ in 0..WISHES_MAX {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let Acquired::Lease { lease, .. } = self.store.acquire(self.wish(n)?).await? else {
                continue;
            };
            if call == Call::Placement {
                self.store.confirm(&lease.session, lease.fence, TTL).await?;
            }
            return Ok(());
        }
        bail!("{WISHES_MAX} times {CANDIDATES} slots were taken: give the fleet more with --slots");
    }

    fn wish(&self, n: u64) -> Result<Acquire> {
        let candidates = (0..CANDIDATES).map(|i| {
            let slot = mix(n * CANDIDATES + i) % u64::from(self.slots);
            Ok(SlotRef {
                host: format!("{:032x}", slot / SLOTS_PER_HOST).parse()?,
                slot: u32::try_from(slot % SLOTS_PER_HOST)?,
            })
        });
        Ok(Acquire {
            key: format!("player{n} key#0"),
            session: format!("session{n:013}").parse()?,
            player: format!("player{n:058}"),
            title: "beacon".parse()?,
            candidates: candidates.collect::<Result<_>>()?,
            ttl: TTL,
            decision: "x".repeat(DECISION_BYTES),
        })
    }
}

/// splitmix64: the same numbers in every run, without a pattern.
pub(crate) const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Two hosts' worth, as a cell names them.
const CANDIDATES: u64 = 8;
/// As a cell does where others were faster at every candidate: it names others. In a fleet that is not nearly full, the second time is rare.
const WISHES_MAX: u32 = 4;
const SLOTS_PER_HOST: u64 = 4;
/// Nothing ends while it is measured.
const TTL: Micros = Micros::from_secs(3600);
/// An explanation with six candidates.
const DECISION_BYTES: usize = 900;
