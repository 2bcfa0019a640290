//! Made-up paths that ask one question each: how fast a rate falls and comes back, and what is left for others.

use crate::algorithms;
use crate::bulk::Bulk;
use crate::flow::Flow;
use crate::metrics::round;
use crate::path::{Conditions, START};
use crate::source::Source;
use crate::world::{self, Actor, Outcome, SAMPLE, Sample};
use anyhow::Context;
use firstlight_netem::{Chance, Row, Trace};
use firstlight_units::{Bitrate, ByteCount, Micros};
use serde::Serialize;
use std::sync::Arc;

/// A step down by 80 % and up again, at 15 ms.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Step {
    /// By name.
    pub algorithm: String,
    /// From the step down to a target below the new capacity; mean over the runs.
    pub rate_below_ms: f64,
    /// The same in the worst run.
    pub rate_below_worst_ms: f64,
    /// From the step down to a queue that falls below 10 ms between frames and stays so; mean over the runs.
    pub queue_drained_ms: f64,
    /// The same in the worst run.
    pub queue_drained_worst_ms: f64,
    /// From the step up to 90 % of the target that was held before the step down; mean over the runs.
    pub rate_back_ms: f64,
    /// The same in the worst run.
    pub rate_back_worst_ms: f64,
    /// The target held before, in Mbit/s.
    pub held_mbps: f64,
    /// The most that was held back at the bottleneck behind the step.
    pub queue_max_ms: f64,
}

/// A stream beside another flow, 30 Mbit/s at 40 ms.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Share {
    /// By name.
    pub algorithm: String,
    /// What it competes with.
    pub against: String,
    /// What the bottleneck holds.
    pub queue_ms: u64,
    /// Bits that came through, of half of the path: 1 is fair. Of several streams the one that got least.
    pub share: f64,
    /// The one that got most.
    pub share_most: f64,
    /// The bottleneck's queue, by time.
    pub queue_p50_ms: f64,
    /// The bottleneck's queue, by time.
    pub queue_p95_ms: f64,
    /// The smallest queue of each 100 ms, by time: what stands.
    pub standing_p95_ms: f64,
}

/// The step of [`Step`] for an algorithm.
///
/// # Errors
/// When the algorithm is unknown.
pub fn step(algorithm: &str, seeds: u64) -> anyhow::Result<Step> {
    let mut result = Step {
        algorithm: algorithm.to_owned(),
        ..Step::default()
    };
    let mut times = [const { Vec::new() }; 5];
    for seed in 1..=seeds {
        // Where in a frame's time the step falls must not matter.
        let down = Micros::new(DOWN.as_micros() + 3_700 * seed);
        let trace = Arc::new(steps(
            &[(Micros::ZERO, HIGH), (down, LOW), (UP, HIGH)],
            Micros::from_millis(15),
        ));
        let outcome = alone(&trace, algorithm, seed, END)?;
        let held = mean_target(&outcome.samples, down.saturating_sub(Micros::from_secs(2)), down);
        let behind = || outcome.samples.iter().filter(|s| s.at >= down && s.at < UP);
        let below = behind().find(|s| target(s) <= LOW).map_or(UP, |s| s.at);
        let back = held.scale(9, 10);
        let risen = outcome
            .samples
            .iter()
            .find(|s| s.at >= UP && target(s) >= back)
            .map_or(END, |s| s.at);
        let most = behind().take(400).map(|s| s.queueing).max().unwrap_or_default();
        let values = [
            below.saturating_sub(down),
            drained(&outcome.samples, down).saturating_sub(down),
            risen.saturating_sub(UP),
            most,
        ];
        for (times, value) in times.iter_mut().zip(values) {
            times.push(value.as_millis_f64());
        }
        times[4].push(mbps(held));
    }
    let mean = |values: &[f64]| round(values.iter().sum::<f64>() / count(values.len()), 1);
    let worst = |values: &[f64]| round(values.iter().copied().fold(0.0, f64::max), 1);
    let [below, drained, back, most, held] = &times;
    (result.rate_below_ms, result.rate_below_worst_ms) = (mean(below), worst(below));
    (result.queue_drained_ms, result.queue_drained_worst_ms) = (mean(drained), worst(drained));
    (result.rate_back_ms, result.rate_back_worst_ms) = (mean(back), worst(back));
    (result.queue_max_ms, result.held_mbps) = (worst(most), mean(held));
    Ok(result)
}

/// The names of what an algorithm competes with in [`share`].
pub const AGAINST: &[&str] = &["nothing", "cubic", "bbr", "itself"];

/// What an algorithm gets beside another flow that begins five seconds later.
///
/// # Errors
/// When a name is unknown.
pub fn share(algorithm: &str, against: &str, queue: Micros, seeds: u64) -> anyhow::Result<Share> {
    let mut result = Share {
        algorithm: algorithm.to_owned(),
        against: against.to_owned(),
        queue_ms: queue.as_micros() / 1_000,
        ..Share::default()
    };
    let trace = Arc::new(steps(&[(Micros::ZERO, FAIR)], Micros::from_millis(40)));
    let (mut least, mut most) = (0.0, 0.0);
    let (mut queues, mut standing) = (Vec::new(), Vec::new());
    for seed in 1..=seeds {
        let conditions = Conditions {
            trace: Arc::clone(&trace),
            seed,
            loss_up: false,
            queue: Some(FAIR.bytes_in(queue)),
        };
        let begins = START + Micros::from_secs(5) + Micros::new(seed * 4_321);
        let first = algorithms::open(algorithm, 0, &trace)
            .with_context(|| format!("unknown algorithm: {algorithm}"))?;
        let mut flows: Vec<Box<dyn Flow>> = vec![first];
        match against {
            "nothing" => {}
            "cubic" => flows.push(Box::new(Bulk::cubic(1, begins))),
            "bbr" => flows.push(Box::new(Bulk::bbr(1, begins))),
            _ => flows.push(algorithms::open(algorithm, 1, &trace).context("the same again")?),
        }
        let actors = (1..).zip(flows).map(|(n, flow)| Actor {
            flow,
            source: Source::new(seed * 10 + n),
        });
        let outcome = world::run(&conditions, actors.collect(), END)?;
        let shares = shares(&outcome);
        let streams = if against == "itself" {
            &shares[..]
        } else {
            shares.get(..1).unwrap_or_default()
        };
        least += streams.iter().copied().fold(f64::MAX, f64::min);
        most += streams.iter().copied().fold(0.0, f64::max);
        let settled = outcome.samples.iter().filter(|s| s.at >= FAIR_FROM);
        queues.extend(settled.map(|s| s.queueing.as_millis_f64()));
        standing.extend(minima(&outcome.samples));
    }
    queues.sort_by(f64::total_cmp);
    standing.sort_by(f64::total_cmp);
    let at = |values: &[f64], percent: usize| {
        let index = values.len() * percent / 100;
        round(values.get(index).copied().unwrap_or(0.0), 1)
    };
    let runs = count(usize::try_from(seeds).unwrap_or(1)).max(1.0);
    (result.share, result.share_most) = (round(least / runs, 3), round(most / runs, 3));
    (result.queue_p50_ms, result.queue_p95_ms) = (at(&queues, 50), at(&queues, 95));
    result.standing_p95_ms = at(&standing, 95);
    Ok(result)
}

/// What each flow got of half of the path, from [`FAIR_FROM`] on.
fn shares(outcome: &Outcome) -> Vec<f64> {
    let at = |from: Micros| outcome.samples.iter().find(|s| s.at >= from);
    let (Some(first), Some(last)) = (at(FAIR_FROM), outcome.samples.last()) else {
        return Vec::new();
    };
    let half = FAIR.bytes_in(last.at.saturating_sub(first.at)).as_u64() / 2;
    let pairs = first.delivered.iter().zip(&last.delivered);
    pairs
        .map(|(before, behind)| bytes(behind.saturating_sub(*before)) / bytes(ByteCount::new(half)))
        .collect()
}

/// The smallest queue of each 100 ms: a frame's own packets come and go, what stays longer stands.
fn minima(samples: &[Sample]) -> Vec<f64> {
    let settled: Vec<_> = samples
        .iter()
        .filter(|s| s.at >= FAIR_FROM)
        .map(|s| s.queueing.as_millis_f64())
        .collect();
    settled
        .chunks(20)
        .map(|chunk| chunk.iter().copied().fold(f64::MAX, f64::min))
        .collect()
}

/// From when on the queue is below 10 ms in each 20 ms of the next 200: between frames, since one frame may take longer than that.
fn drained(samples: &[Sample], from: Micros) -> Micros {
    let behind: Vec<_> = samples.iter().filter(|s| s.at >= from && s.at < UP).collect();
    let low = |window: &[&Sample]| window.iter().any(|s| s.queueing < Micros::from_millis(10));
    behind
        .windows(40)
        .find(|window| {
            window
                .first()
                .is_some_and(|s| s.queueing < Micros::from_millis(10))
                && window.chunks(4).all(low)
        })
        .and_then(|window| window.first())
        .map_or(UP, |sample| sample.at)
}

fn alone(trace: &Arc<Trace>, algorithm: &str, seed: u64, end: Micros) -> anyhow::Result<Outcome> {
    let conditions = Conditions {
        trace: Arc::clone(trace),
        seed,
        loss_up: false,
        queue: None,
    };
    let flow =
        algorithms::open(algorithm, 0, trace).with_context(|| format!("unknown algorithm: {algorithm}"))?;
    let source = Source::new(seed);
    Ok(world::run(&conditions, vec![Actor { flow, source }], end)?)
}

fn steps(steps: &[(Micros, Bitrate)], rtt: Micros) -> Trace {
    let rows = steps.iter().map(|&(at, rate)| Row {
        at,
        rate,
        rtt,
        loss: Chance::NEVER,
    });
    Trace::from_rows(rows.collect(), END)
}

fn target(sample: &Sample) -> Bitrate {
    sample.targets.first().copied().unwrap_or(Bitrate::MAX)
}

fn mean_target(samples: &[Sample], from: Micros, to: Micros) -> Bitrate {
    let inside: Vec<_> = samples
        .iter()
        .filter(|s| s.at >= from && s.at < to)
        .map(|s| target(s).as_bps())
        .collect();
    Bitrate::bps(
        inside
            .iter()
            .sum::<u64>()
            .checked_div(inside.len() as u64)
            .unwrap_or(0),
    )
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn mbps(rate: Bitrate) -> f64 {
    rate.as_bps() as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn bytes(bytes: ByteCount) -> f64 {
    bytes.as_u64() as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

const HIGH: Bitrate = Bitrate::mbps(40);
const LOW: Bitrate = Bitrate::mbps(8);
const DOWN: Micros = Micros::from_secs(20);
const UP: Micros = Micros::from_secs(30);
const END: Micros = Micros::from_secs(45);
const FAIR: Bitrate = Bitrate::mbps(30);
/// Start and slow start are over.
const FAIR_FROM: Micros = Micros::from_secs(15);
const _: () = assert!(SAMPLE.as_micros() == 5_000, "windows above count samples of 5 ms");
