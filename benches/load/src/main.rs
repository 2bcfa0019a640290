//! Measures a fleet of two cells under load; `./bench load` runs it and prints a table of what it prints here, one JSON object.
//!
//! ```text
//! requests, one every few milliseconds ──HTTP──> firstlight indexer ──> PostgreSQL (on disk)      a cell
//!     │ 503 with `elsewhere`, or no answer             └──> NATS <── simulated hosts
//!     └──────────────────────────────────> firstlight indexer ──> ...                             the other
//! ```
//!
//! Players ask the first cell. In the middle of the run it loses its store and its bus, and then its gateway as well; everything is
//! killed, and started again on what it left.

#![allow(clippy::print_stdout, reason = "what it prints is the result")]

mod cell;
mod client;
mod hosts;
mod load;

use anyhow::{Context, Result};
use cell::Cell;
use clap::Parser;
use load::{Fleet, Stage};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Measures a fleet of two cells under load.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    /// The engine's program
    #[arg(long, value_name = "FILE")]
    engine: PathBuf,
    /// Simulated hosts, of two slots each: half of them in each cell
    #[arg(long, default_value_t = 5_000)]
    hosts: u32,
    /// Requests for a session, a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Seconds, of which the first cell is away for the middle ones
    #[arg(long, default_value_t = 90)]
    seconds: u64,
    /// Seconds that the first cell is away: the first half without its store and its bus, the second without its gateway, too
    #[arg(long, default_value_t = 30)]
    outage: u64,
    /// Milliseconds that a simulated host takes for a claim
    #[arg(long, default_value_t = 3)]
    host_ms: u64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    cases: Vec<load::Case>,
    /// From a cell's failure to the first session in the other one that was asked for after it, milliseconds.
    elsewhere_after_ms: Vec<load::Elsewhere>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("firstlight-load-").tempdir()?;
    let second = Cell::start("second", folder.path(), &arguments.engine, &[]).await?;
    let mut first = Cell::start("first", folder.path(), &arguments.engine, &[second.origin()]).await?;
    let each = arguments.hosts / 2;
    let claim = Duration::from_millis(arguments.host_ms);
    let _hosts = [
        hosts::employ(&first, each, claim).await?,
        hosts::employ(&second, each, claim).await?,
    ];
    for cell in [&first, &second] {
        cell.await_hosts(each).await?;
    }
    let fleet = Fleet::start(&[first.origin(), second.origin()], arguments.rate)?;
    let calm = Duration::from_secs(arguments.seconds.saturating_sub(arguments.outage) / 2);
    let half = Duration::from_secs(arguments.outage) / 2;
    fleet.pass(Stage::Calm, calm).await;
    first.lose_services();
    fleet.pass(Stage::WithoutServices, half).await;
    first.lose_gateway();
    fleet.pass(Stage::WithoutGateway, half).await;
    first.restore()?;
    fleet.pass(Stage::Back, SETTLED).await;
    fleet.pass(Stage::After, calm.saturating_sub(SETTLED)).await;
    let (cases, elsewhere_after_ms) = fleet.finish().await.context("the load was not carried")?;
    println!(
        "{}",
        serde_json::to_string(&Outcome {
            cases,
            elsewhere_after_ms
        })?
    );
    drop((first, second));
    Ok(())
}

/// A cell that comes back hears its hosts, and ends what ended meanwhile, within a lease.
const SETTLED: Duration = Duration::from_secs(10);
