//! The result as one JSON object, and as tables.

use crate::metrics::Case;
use crate::scenarios::{Share, Step};
use crate::summary::{Bar, Summary};
use serde::Serialize;
use std::fmt::Write;

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The bench's name.
    pub bench: &'static str,
    /// The commit that was run.
    pub commit: String,
    /// Runs of each.
    pub seeds: u64,
    /// The recorded loss took feedback too.
    pub loss_up: bool,
    /// One for each trace and algorithm.
    pub cases: Vec<Case>,
    /// One for each algorithm.
    pub summary: Vec<Summary>,
    /// A step down and up.
    pub steps: Vec<Step>,
    /// Beside other flows.
    pub fairness: Vec<Share>,
    /// What ours is held to.
    pub bars: Vec<Bar>,
}

/// Everything, as text.
#[must_use]
pub fn tables(report: &Report) -> String {
    let mut rows = vec![row([
        "trace",
        "algorithm",
        "p50",
        "p95",
        "p99",
        ">50 ms",
        "missed",
        "age p99",
        "age>100",
        "use",
        "extra",
        "fps",
        "IDR/min",
    ])];
    for case in &report.cases {
        rows.push(row([
            &case.trace,
            &case.algorithm,
            &format!("{:.0}", case.frame_delay_ms.p50),
            &format!("{:.0}", case.frame_delay_ms.p95),
            &format!("{:.0}", case.frame_delay_ms.p99),
            &percent(case.frames_over_50ms),
            &percent(case.frames_missed),
            &format!("{:.0}", case.age_ms.p99),
            &percent(case.age_over_100ms),
            &format!("{:.2}", case.utilisation),
            &percent(case.overhead),
            &format!("{:.1}", case.fps),
            &format!("{:.1}", case.idrs_per_minute),
        ]));
    }
    let mut out = table(&rows);
    let mut rows = vec![row([
        "over all traces",
        "p50",
        "p95",
        "p99",
        ">100 ms",
        "missed",
        "age p95",
        "age p99",
        "age>100",
        "excess",
        "use",
        "extra",
    ])];
    for s in &report.summary {
        rows.push(row([
            &s.algorithm,
            &format!("{:.0}", s.frame_delay_p50_ms_median),
            &format!("{:.0}", s.frame_delay_p95_ms_median),
            &format!("{:.0}", s.frame_delay_p99_ms_median),
            &percent(s.frames_over_100ms_mean),
            &percent(s.frames_missed_mean),
            &format!("{:.0}", s.age_p95_ms_median),
            &format!("{:.0}", s.age_p99_ms_median),
            &percent(s.age_over_100ms_mean),
            &s.age_over_100ms_excess
                .map_or_else(|| "-".to_owned(), |e| format!("{:+.2}", e * 100.0)),
            &format!("{:.2}", s.utilisation_mean),
            &percent(s.overhead_mean),
        ]));
    }
    out.push('\n');
    out.push_str(&table(&rows));
    out.push_str(&scenarios(report));
    out.push_str(&bars(&report.bars));
    out
}

fn scenarios(report: &Report) -> String {
    let mut out = String::new();
    if !report.steps.is_empty() {
        let mut rows = vec![row([
            "40 -> 8 -> 40 Mbit/s",
            "below ms",
            "worst",
            "drained ms",
            "worst",
            "queue max",
            "back ms",
            "worst",
            "held Mbit/s",
        ])];
        for s in &report.steps {
            let numbers = [
                s.rate_below_ms,
                s.rate_below_worst_ms,
                s.queue_drained_ms,
                s.queue_drained_worst_ms,
                s.queue_max_ms,
                s.rate_back_ms,
                s.rate_back_worst_ms,
                s.held_mbps,
            ];
            rows.push(
                [s.algorithm.clone()]
                    .into_iter()
                    .chain(numbers.map(|n| format!("{n:.0}")))
                    .collect(),
            );
        }
        out.push('\n');
        out.push_str(&table(&rows));
    }
    if !report.fairness.is_empty() {
        let mut rows = vec![row([
            "30 Mbit/s, 40 ms",
            "against",
            "queue",
            "share",
            "most",
            "queue p50",
            "p95",
            "standing p95",
        ])];
        for s in &report.fairness {
            rows.push(row([
                &s.algorithm,
                &s.against,
                &format!("{} ms", s.queue_ms),
                &format!("{:.2}", s.share),
                &format!("{:.2}", s.share_most),
                &format!("{:.0}", s.queue_p50_ms),
                &format!("{:.0}", s.queue_p95_ms),
                &format!("{:.0}", s.standing_p95_ms),
            ]));
        }
        out.push('\n');
        out.push_str(&table(&rows));
    }
    out
}

fn bars(bars: &[Bar]) -> String {
    let mut out = "\nBars\n".to_owned();
    for bar in bars {
        let word = match bar.holds {
            Some(true) => "holds  ",
            Some(false) => "MISSED ",
            None => "unknown",
        };
        let value = bar
            .value
            .map_or_else(|| "-".to_owned(), |value| format!("{value}"));
        let side = if bar.at_least { "at least" } else { "at most" };
        let line = format_args!(
            "  {word}  {}: {value} {} ({side} {})\n",
            bar.name, bar.unit, bar.bound
        )
        .to_string();
        out.push_str(&line);
    }
    out
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// The first column is left-aligned, and the second where it holds names.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(String::len)
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        for ((column, cell), width) in row.iter().enumerate().zip(&widths) {
            let name = column == 0 || cell.starts_with(char::is_alphabetic);
            let text = if name {
                write!(out, "{cell:<width$}  ")
            } else {
                write!(out, "{cell:>width$}  ")
            };
            text.expect("invariant: a string takes all that is written");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}
