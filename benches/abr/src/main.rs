//! `./bench abr`.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use anyhow::Context;
use clap::Parser;
use firstlight_bench_abr::report::{self, Report};
use firstlight_bench_abr::scenarios::{AGAINST, Share, Step};
use firstlight_bench_abr::{algorithms, cases, made, plot, scenarios, summary};
use firstlight_units::Micros;
use std::path::PathBuf;

/// Simulates algorithms over recorded paths: ours, others, and what nobody can beat.
#[derive(Debug, Parser)]
#[command(name = "./bench abr")]
struct Arguments {
    /// Folder of .csv files (`t_ms,capacity_kbps,rtt_ms,loss`); without it the project's own
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Takes so many paths that are made from seeds instead
    #[arg(long, value_name = "N", conflicts_with = "traces")]
    made: Option<u64>,
    /// The first of those seeds
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    made_from: u64,
    /// Which, by comma: firstlight, fixed-rs, goog_cc, goog_cc+skip, copa, bbr, bound (the default), without-IDEA, without-all
    /// (every idea of ours left out in turn)
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    algorithms: Option<Vec<String>>,
    /// Runs of each, with other losses and pictures
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Recorded loss takes feedback too
    #[arg(long)]
    loss_up: bool,
    /// Leaves out the steps and the fairness, of which the traces say nothing
    #[arg(long)]
    traces_only: bool,
    /// Writes the result as one JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a picture
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/traces"));
    let traces = match arguments.made {
        Some(count) => made::paths(arguments.made_from, count.clamp(1, 1_000)),
        None => cases::read_folder(arguments.traces.as_ref().unwrap_or(&own))?,
    };
    let names = algorithms::expand(arguments.algorithms.as_deref());
    let seeds = arguments.seeds.max(1);
    let options = cases::Options {
        seeds,
        loss_up: arguments.loss_up,
    };
    let cases = cases::run_all(&traces, &names, options)?;
    let (steps, fairness) = if arguments.traces_only {
        (Vec::new(), Vec::new())
    } else {
        run_scenarios(&names, seeds)?
    };
    let report = Report {
        bench: "abr",
        commit: commit(),
        seeds,
        loss_up: arguments.loss_up,
        summary: summary::summarise(&cases),
        bars: summary::bars(&cases, &steps, &fairness),
        cases,
        steps,
        fairness,
    };
    println!("{}", report::tables(&report));
    if let Some(file) = arguments.json {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(file) = arguments.plot {
        let text = plot::svg(&report.cases, &report.summary);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Buffers of one round trip, which the bars are about, and of the 250 ms that the traces' bottlenecks have.
const QUEUES: [Micros; 2] = [Micros::from_millis(40), Micros::from_millis(250)];

/// Whose fairness is looked at.
const FAIR: [&str; 2] = [summary::OURS, "goog_cc"];

fn run_scenarios(names: &[String], seeds: u64) -> anyhow::Result<(Vec<Step>, Vec<Share>)> {
    let feeling: Vec<_> = names.iter().filter(|name| *name != summary::BOUND).collect();
    let step = |index: usize| scenarios::step(feeling.get(index).context("a name")?, seeds);
    let steps = cases::parallel(feeling.len(), step)?;
    let mut pairs = Vec::new();
    for queue in QUEUES {
        for name in feeling.iter().filter(|name| FAIR.contains(&name.as_str())) {
            pairs.extend(AGAINST.iter().map(|against| (*name, *against, queue)));
        }
    }
    let share = |index: usize| {
        let (name, against, queue) = *pairs.get(index).context("a pair")?;
        scenarios::share(name, against, queue, seeds)
    };
    Ok((steps, cases::parallel(pairs.len(), share)?))
}

fn commit() -> String {
    let output = std::process::Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"])
        .output();
    output.ok().filter(|output| output.status.success()).map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
