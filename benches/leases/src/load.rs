//! Clients that call without a pause, and how long each call took.

use crate::{Contender, Plan};
use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Serialize;
use std::time::{Duration, Instant};

/// What was measured over some rounds.
#[derive(Debug, Default)]
pub(crate) struct Load {
    took: Vec<Duration>,
    span: Duration,
}

#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) per_s: f64,
    pub(crate) took_ms: Distribution,
}

#[derive(Debug, Serialize)]
pub(crate) struct Distribution {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
    n: usize,
}

impl Load {
    /// Runs all clients for `span`; calls under way at its end are waited for and count.
    pub(crate) async fn run(&mut self, contender: &Contender, plan: Plan, span: Duration) -> Result<()> {
        let began = Instant::now();
        let client = async || -> Result<Vec<Duration>> {
            let mut took = Vec::new();
            while began.elapsed() < span {
                let called = Instant::now();
                contender.call(plan.call).await?;
                took.push(called.elapsed());
            }
            Ok(took)
        };
        let clients = (0..plan.clients * plan.batch).map(|_| client());
        for took in try_join_all(clients).await? {
            self.took.extend(took);
        }
        self.span += began.elapsed();
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "some millions at most")]
    pub(crate) fn finish(mut self) -> Measured {
        self.took.sort_unstable();
        let n = self.took.len();
        let at = |per_mille: usize| {
            let took = self.took.get((n * per_mille / 1000).min(n.saturating_sub(1)));
            took.map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
        };
        Measured {
            per_s: n as f64 / self.span.as_secs_f64(),
            took_ms: Distribution {
                p50: at(500),
                p95: at(950),
                p99: at(990),
                max: at(1000),
                n,
            },
        }
    }
}
