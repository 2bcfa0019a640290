//! Medians and means over traces, and the bars that they are held to.

use crate::metrics::{Case, round};
use crate::scenarios::{Share, Step};
use serde::Serialize;

/// An algorithm over all traces.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// By name.
    pub algorithm: String,
    /// Traces.
    pub traces: usize,
    /// Median of the traces' medians.
    pub frame_delay_p50_ms_median: f64,
    /// Median over the traces.
    pub frame_delay_p95_ms_median: f64,
    /// Median over the traces.
    pub frame_delay_p99_ms_median: f64,
    /// Mean over the traces.
    pub frames_over_100ms_mean: f64,
    /// Mean over the traces.
    pub frames_missed_mean: f64,
    /// Median over the traces.
    pub age_p95_ms_median: f64,
    /// Median over the traces.
    pub age_p99_ms_median: f64,
    /// Mean over the traces.
    pub age_over_100ms_mean: f64,
    /// Mean over the traces, less the bound's; where the bound was run.
    pub age_over_100ms_excess: Option<f64>,
    /// Mean over the traces.
    pub utilisation_mean: f64,
    /// Mean over the traces.
    pub overhead_mean: f64,
}

/// A bar of the project.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    /// What is measured.
    pub name: String,
    /// What came out; `None` where a part of it was not run.
    pub value: Option<f64>,
    /// What it is held to.
    pub bound: f64,
    /// Of both.
    pub unit: &'static str,
    /// The bound is a lower one.
    pub at_least: bool,
    /// Whether it holds; `None` where there is no value.
    pub holds: Option<bool>,
}

/// One summary for each algorithm, in the order of the cases.
#[must_use]
pub fn summarise(cases: &[Case]) -> Vec<Summary> {
    let mut names: Vec<&str> = Vec::new();
    for case in cases {
        if !names.contains(&case.algorithm.as_str()) {
            names.push(&case.algorithm);
        }
    }
    let bound = of(cases, BOUND).map(|case| case.age_over_100ms);
    let bound = mean(&bound.collect::<Vec<_>>());
    names
        .into_iter()
        .map(|name| summary(cases, name, bound))
        .collect()
}

fn summary(cases: &[Case], name: &str, bound: Option<f64>) -> Summary {
    let values = |pick: fn(&Case) -> f64| of(cases, name).map(pick).collect::<Vec<_>>();
    let median = |pick| round(median(values(pick)).unwrap_or(f64::NAN), 2);
    let mean = |pick| round(mean(&values(pick)).unwrap_or(f64::NAN), 5);
    let stale = mean(|case| case.age_over_100ms);
    Summary {
        algorithm: name.to_owned(),
        traces: of(cases, name).count(),
        frame_delay_p50_ms_median: median(|case| case.frame_delay_ms.p50),
        frame_delay_p95_ms_median: median(|case| case.frame_delay_ms.p95),
        frame_delay_p99_ms_median: median(|case| case.frame_delay_ms.p99),
        frames_over_100ms_mean: mean(|case| case.frames_over_100ms),
        frames_missed_mean: mean(|case| case.frames_missed),
        age_p95_ms_median: median(|case| case.age_ms.p95),
        age_p99_ms_median: median(|case| case.age_ms.p99),
        age_over_100ms_mean: stale,
        age_over_100ms_excess: bound.map(|bound| round(stale - bound, 5)),
        utilisation_mean: mean(|case| case.utilisation),
        overhead_mean: mean(|case| case.overhead),
    }
}

/// What ours is held to.
#[must_use]
pub fn bars(cases: &[Case], steps: &[Step], shares: &[Share]) -> Vec<Bar> {
    let summaries = summarise(cases);
    let ours = summaries.iter().find(|summary| summary.algorithm == OURS);
    let over = |pick: fn(&Summary) -> f64| ours.map(pick);
    let excess = ours.and_then(|summary| summary.age_over_100ms_excess);
    let mut bars = vec![
        at_most(
            "median frame delay p95",
            over(|s| s.frame_delay_p95_ms_median),
            40.0,
            "ms",
        ),
        at_most(
            "median frame delay p99",
            over(|s| s.frame_delay_p99_ms_median),
            100.0,
            "ms",
        ),
        at_most(
            "time with age over 100 ms, over the bound's",
            excess.map(|e| e * 100.0),
            1.0,
            "points",
        ),
        at_least("mean utilisation", over(|s| s.utilisation_mean), 0.75, ""),
        at_most("mean overhead", over(|s| s.overhead_mean * 100.0), 10.0, "%"),
    ];
    let lossy: Vec<_> = of(cases, OURS).filter(|case| case.path_loss >= LOSSY).collect();
    let worst = |pick: fn(&Case) -> f64| lossy.iter().map(|case| pick(case) * 100.0).reduce(f64::max);
    bars.push(at_most(
        "loss traces: misses of a 50 ms deadline",
        worst(|case| case.frames_over_50ms),
        0.5,
        "%",
    ));
    bars.push(at_most(
        "loss traces: overhead",
        worst(|case| case.overhead),
        15.0,
        "%",
    ));
    bars.push(at_least(
        "traces with GCC's utilisation and the age p99 of GCC with skip, at once",
        beaten(cases),
        90.0,
        "%",
    ));
    bars.extend(step_bars(steps));
    bars.extend(share_bars(shares));
    bars
}

fn step_bars(steps: &[Step]) -> Vec<Bar> {
    let step = steps.iter().find(|step| step.algorithm == OURS);
    let from = |pick: fn(&Step) -> f64| step.map(pick);
    vec![
        at_most(
            "step of -80 % at 15 ms: rate below the new capacity",
            from(|s| s.rate_below_ms),
            50.0,
            "ms",
        ),
        at_most(
            "step of -80 % at 15 ms: queue under 10 ms",
            from(|s| s.queue_drained_ms),
            250.0,
            "ms",
        ),
        at_most("step up: back to 90 %", from(|s| s.rate_back_ms), 2_000.0, "ms"),
    ]
}

fn share_bars(shares: &[Share]) -> Vec<Bar> {
    let mut bars = Vec::new();
    for against in ["cubic", "bbr", "itself"] {
        let share = shares
            .iter()
            .find(|s| s.algorithm == OURS && s.against == against);
        bars.push(at_least(
            &format!("fair share against {against}, least"),
            share.map(|s| s.share),
            0.5,
            "",
        ));
        bars.push(at_most(
            &format!("fair share against {against}, most"),
            share.map(|s| s.share_most),
            1.5,
            "",
        ));
    }
    for against in ["nothing", "itself"] {
        let share = shares
            .iter()
            .find(|s| s.algorithm == OURS && s.against == against);
        // Beside a download that fills the buffer, nobody can tell whose queue it is.
        let name = format!("own added queue p95 against {against}");
        bars.push(at_most(&name, share.map(|s| s.queue_p95_ms), 30.0, "ms"));
    }
    bars
}

/// Share of traces, in per cent.
fn beaten(cases: &[Case]) -> Option<f64> {
    let of_trace = |name: &str, trace: &str| of(cases, name).find(|case| case.trace == trace).cloned();
    let verdicts: Option<Vec<f64>> = of(cases, OURS)
        .map(|ours| {
            let gcc = of_trace("goog_cc", &ours.trace)?;
            let skip = of_trace("goog_cc+skip", &ours.trace)?;
            let holds = ours.utilisation >= gcc.utilisation && ours.age_ms.p99 <= skip.age_ms.p99;
            Some(if holds { 100.0 } else { 0.0 })
        })
        .collect();
    mean(&verdicts?)
}

fn of<'a>(cases: &'a [Case], name: &'a str) -> impl Iterator<Item = &'a Case> {
    cases.iter().filter(move |case| case.algorithm == name)
}

fn at_most(name: &str, value: Option<f64>, bound: f64, unit: &'static str) -> Bar {
    bar(name, value, bound, unit, false)
}

fn at_least(name: &str, value: Option<f64>, bound: f64, unit: &'static str) -> Bar {
    bar(name, value, bound, unit, true)
}

fn bar(name: &str, value: Option<f64>, bound: f64, unit: &'static str, at_least: bool) -> Bar {
    let value = value
        .filter(|value| value.is_finite())
        .map(|value| round(value, 3));
    let holds = value.map(|value| if at_least { value >= bound } else { value <= bound });
    Bar {
        name: name.to_owned(),
        value,
        bound,
        unit,
        at_least,
        holds,
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let count = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied();
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) {
        Some(f64::midpoint(at(half.checked_sub(1)?)?, at(half)?))
    } else {
        at(half)
    }
}

/// Ours by name.
pub const OURS: &str = "firstlight";
/// The omniscient one by name.
pub const BOUND: &str = "bound";
/// From this mean loss on, a trace is one of loss.
const LOSSY: f64 = 0.005;
