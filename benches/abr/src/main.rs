//! `./bench abr`.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use clap::Parser;
use firstlight_bench_abr::{algorithms, cases};
use std::path::PathBuf;

/// Simulates algorithms over recorded paths.
#[derive(Debug, Parser)]
#[command(name = "./bench abr")]
struct Arguments {
    /// Folder of .csv files (`t_ms,capacity_kbps,rtt_ms,loss`); without it the project's own
    #[arg(long)]
    traces: Option<PathBuf>,
    /// Which, by comma
    #[arg(long, value_delimiter = ',')]
    algorithms: Option<Vec<String>>,
    /// Runs of each, with other losses and pictures
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Recorded loss takes feedback too
    #[arg(long)]
    loss_up: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/traces"));
    let traces = cases::read_folder(&arguments.traces.unwrap_or(own))?;
    let names = arguments
        .algorithms
        .unwrap_or_else(|| algorithms::ALL.iter().map(|name| (*name).to_owned()).collect());
    let options = cases::Options {
        seeds: arguments.seeds.max(1),
        loss_up: arguments.loss_up,
    };
    let cases = cases::run_all(&traces, &names, options)?;
    println!(
        "trace                  algorithm        frame p50/p95/p99 ms    >100    missed   age p95/p99   age>100   util   overhead"
    );
    for case in &cases {
        println!(
            "{:22} {:16} {:6.0} {:6.0} {:6.0} {:8.2}% {:7.2}% {:6.0} {:6.0} {:8.2}% {:6.2} {:8.1}%",
            case.trace,
            case.algorithm,
            case.frame_delay_ms.p50,
            case.frame_delay_ms.p95,
            case.frame_delay_ms.p99,
            case.frames_over_100ms * 100.0,
            case.frames_missed * 100.0,
            case.age_ms.p95,
            case.age_ms.p99,
            case.age_over_100ms * 100.0,
            case.utilisation,
            case.overhead * 100.0
        );
    }
    Ok(())
}
