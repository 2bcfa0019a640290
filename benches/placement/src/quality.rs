//! How good decisions are, beside the best that a scan over everybody finds at each.
//!
//! Two worlds begin alike and see the same players and the same ends of sessions. In one the index decides, in the other the
//! scan. After some thousands of sessions they are compared: how far players are from their games, and how many machines carry
//! them.

use crate::fleet::{Fleet, Size};
use firstlight_indexer::{Query, Ranking, Registry};
use firstlight_units::{Micros, TitleId};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What was compared.
#[derive(Debug, Serialize)]
pub(crate) struct Quality {
    hosts: u32,
    decisions: u32,
    latency_ms: f64,
    latency_ms_optimum: f64,
    latency_excess: f64,
    cost_ms: f64,
    cost_ms_optimum: f64,
    hosts_used: usize,
    hosts_used_optimum: usize,
    packing_excess: f64,
}

struct World {
    fleet: Fleet,
    playing: VecDeque<Arc<str>>,
    latency_us: u64,
    cost_us: u64,
    placed: u64,
}

impl World {
    fn new(size: Size, seed: u64) -> Self {
        let mut fleet = Fleet::empty(size, seed);
        fleet.fill(size.hosts);
        Self {
            fleet,
            playing: VecDeque::new(),
            latency_us: 0,
            cost_us: 0,
            placed: 0,
        }
    }

    fn place(&mut self, decide: impl FnOnce(&Registry, &Query<'_>) -> Ranking) {
        let title: TitleId = self.fleet.title();
        let rtts = self.fleet.rtts();
        let query = Query {
            title: Some(&title),
            rtts: &rtts,
            rtt_unknown: Micros::from_millis(200),
            ..Query::default()
        };
        let ranking = decide(&self.fleet.registry, &query);
        if let Some(first) = ranking.candidates.first() {
            self.latency_us += first.latency.as_micros();
            self.cost_us += u64::from(first.terms.sum());
            self.placed += 1;
            self.fleet.registry.promise(&first.host, &title);
            self.fleet.registry.settle(&first.host, true);
            self.playing.push_back(Arc::clone(&first.host));
        }
        // Half of the fleet's size at once.
        if self.playing.len() * 2 > self.fleet.beats.len()
            && let Some(host) = self.playing.pop_front()
        {
            self.fleet.registry.vacated(&host);
        }
    }

    fn hosts_used(&self) -> usize {
        let mut sessions: BTreeMap<&str, u32> = BTreeMap::new();
        for host in &self.playing {
            *sessions.entry(host).or_default() += 1;
        }
        sessions.len()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of some thousand sessions"
    )]
    fn mean_ms(&self, sum_us: u64) -> f64 {
        sum_us as f64 / 1e3 / self.placed.max(1) as f64
    }
}

pub(crate) fn measure(size: Size, seed: u64) -> Quality {
    let mut index = World::new(size, seed);
    let mut optimum = World::new(size, seed);
    let decisions = size.hosts.saturating_mul(2);
    for _ in 0..decisions {
        index.place(Registry::place);
        optimum.place(Registry::scan);
    }
    let (latency, best) = (
        index.mean_ms(index.latency_us),
        optimum.mean_ms(optimum.latency_us),
    );
    let (used, used_best) = (index.hosts_used(), optimum.hosts_used());
    #[expect(clippy::cast_precision_loss, reason = "counts of hosts")]
    let packing_excess = used as f64 / used_best.max(1) as f64 - 1.0;
    Quality {
        hosts: size.hosts,
        decisions,
        latency_ms: latency,
        latency_ms_optimum: best,
        latency_excess: latency / best.max(f64::MIN_POSITIVE) - 1.0,
        cost_ms: index.mean_ms(index.cost_us),
        cost_ms_optimum: optimum.mean_ms(optimum.cost_us),
        hosts_used: used,
        hosts_used_optimum: used_best,
        packing_excess,
    }
}
