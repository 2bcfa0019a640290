//! Measures placement; `./bench placement` runs it and prints a table of what it prints here, one JSON object.

#![allow(clippy::print_stdout, reason = "what it prints is the result")]

mod fleet;
mod quality;
mod random;
mod speed;

use anyhow::Context;
use clap::Parser;

/// Measures placement over an imaginary fleet.
#[derive(Debug, Parser)]
#[command(name = "placement")]
struct Arguments {
    /// Hosts
    #[arg(long, default_value_t = 1_000_000)]
    hosts: u32,
    /// Regions
    #[arg(long, default_value_t = 30)]
    regions: u16,
    /// Titles
    #[arg(long, default_value_t = 2_000)]
    titles: u32,
    /// Decisions that are measured
    #[arg(long, default_value_t = 300_000)]
    decisions: u32,
    /// Of those, how many are made by a plain scan as well
    #[arg(long, default_value_t = 60)]
    scans: u32,
    /// Beats that are measured
    #[arg(long, default_value_t = 2_000_000)]
    beats: u32,
    /// Hosts of the smaller fleet on which every decision is compared with the best there is
    #[arg(long, default_value_t = 5_000)]
    small: u32,
    /// Another imaginary fleet
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let size = fleet::Size {
        hosts: arguments.hosts,
        regions: arguments.regions,
        titles: arguments.titles,
    };
    let speed = speed::measure(
        size,
        speed::Amount {
            decisions: arguments.decisions,
            scans: arguments.scans,
            beats: arguments.beats,
        },
        arguments.seed,
    )?;
    let small = fleet::Size {
        hosts: arguments.small,
        regions: arguments.regions.min(10),
        titles: arguments.titles.min(200),
    };
    let quality = quality::measure(small, arguments.seed);
    let result = serde_json::json!({ "speed": speed, "quality": quality });
    println!("{}", serde_json::to_string(&result).context("no JSON")?);
    Ok(())
}
