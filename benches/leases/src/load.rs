//! Clients that place one session after the other.

use crate::bare::Bare;
use anyhow::{Result, bail};
use firstlight_fleet::{Acquire, Acquired, SlotRef, Store};
use firstlight_units::Micros;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    name: String,
    clients: u32,
    in_flight: u32,
    per_s: f64,
    placed_ms: Distribution,
    /// Slots that were given twice.
    double: usize,
}

#[derive(Debug, Serialize)]
struct Distribution {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
    n: usize,
}

/// How many at once, on how large a fleet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) clients: u32,
    pub(crate) in_flight: u32,
    pub(crate) slots: u32,
}

/// Places sessions.
#[derive(Clone)]
pub(crate) enum Placer {
    Store(Arc<dyn Store>, u32),
    Bare(Bare),
}

/// Numbers every session of the run.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

impl Placer {
    pub(crate) fn store(store: Arc<dyn Store>, size: Size) -> Self {
        Self::Store(store, size.slots)
    }

    pub(crate) fn bare(bare: Bare, _size: Size) -> Self {
        Self::Bare(bare)
    }

    /// The slot that a new session has, once that is on disk.
    async fn place(&self) -> Result<String> {
        let (store, slots) = match self {
            Self::Bare(bare) => return bare.take().await,
            Self::Store(store, slots) => (store, *slots),
        };
        let n = SESSIONS.fetch_add(1, Ordering::Relaxed);
        // What an indexer would rank: some slots anywhere in the fleet.
        let first = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let candidates = (0..CANDIDATES).map(|i| {
            let slot = (first + i * 7919) % u64::from(slots);
            Ok(SlotRef {
                host: format!("host{}", slot / SLOTS_PER_HOST).parse()?,
                slot: u32::try_from(slot % SLOTS_PER_HOST)?,
            })
        });
        let wish = Acquire {
            key: format!("player{n} start 1"),
            session: format!("s{n}").parse()?,
            player: format!("player{n}"),
            title: "beacon".parse()?,
            candidates: candidates.collect::<Result<_>>()?,
            ttl: Micros::from_secs(3600),
            decision: DECISION.to_owned(),
        };
        match store.acquire(wish).await? {
            Acquired::Lease { lease, .. } => Ok(lease.slot.to_string()),
            Acquired::NoneFree => bail!("the fleet is full: give it more with --slots"),
        }
    }
}

/// Runs `size.clients` clients for `span`.
pub(crate) async fn run(name: &str, placer: Placer, size: Size, span: Duration) -> Result<Case> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..size.clients * size.in_flight)
        .map(|_| {
            let placer = placer.clone();
            tokio::spawn(async move {
                let mut placed = Vec::new();
                while began.elapsed() < span {
                    let asked = Instant::now();
                    let slot = placer.place().await?;
                    placed.push((slot, asked.elapsed().as_secs_f64() * 1e3));
                }
                anyhow::Ok(placed)
            })
        })
        .collect();
    let mut placed = Vec::new();
    for task in tasks {
        placed.extend(task.await??);
    }
    let seconds = began.elapsed().as_secs_f64();
    let slots: BTreeSet<&str> = placed.iter().map(|(slot, _)| slot.as_str()).collect();
    let double = placed.len() - slots.len();
    let mut millis: Vec<f64> = placed.iter().map(|(_, millis)| *millis).collect();
    millis.sort_by(f64::total_cmp);
    let at = |q: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let i = (q * millis.len() as f64) as usize;
        let value = millis.get(i.min(millis.len().saturating_sub(1))).copied();
        (value.unwrap_or_default() * 1e3).round() / 1e3
    };
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let per_s = (placed.len() as f64 / seconds).round();
    Ok(Case {
        name: name.to_owned(),
        clients: size.clients,
        in_flight: size.in_flight,
        per_s,
        placed_ms: Distribution {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
            n: placed.len(),
        },
        double,
    })
}

const CANDIDATES: u64 = 8;
const SLOTS_PER_HOST: u64 = 8;
/// As long as an explanation is.
const DECISION: &str = r#"{"policy":"best-overall","chosen":{"host":"host17","predicted_ms":31.5,"score":0.93,"warmth":"parked"},"others":[{"host":"host4","predicted_ms":38.1,"why":"further"},{"host":"host9","predicted_ms":33.0,"why":"not parked"}]}"#;
