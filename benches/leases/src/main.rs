//! Measures durable placements; `./bench leases` runs it and prints a table of what it prints here, one JSON object.

#![allow(clippy::print_stdout, reason = "what it prints is the result")]

mod bare;
mod load;

use anyhow::{Context, Result};
use clap::Parser;
use firstlight_fleet::{Clock, Embedded, Postgres, Store};
use firstlight_test_servers as servers;
use load::{Case, Placer, Size};
use std::sync::Arc;
use std::time::Duration;

/// Measures durable placements through each store.
#[derive(Debug, Parser)]
#[command(name = "leases")]
struct Arguments {
    /// Seconds of each case
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Clients at once, one case each
    #[arg(long, value_delimiter = ',', default_value = "1,4,8,16,32")]
    clients: Vec<u32>,
    /// Requests that each client of the batched case has in flight
    #[arg(long, default_value_t = 16)]
    in_flight: u32,
    /// Slots of the imaginary fleet
    #[arg(long, default_value_t = 1_000_000)]
    slots: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cases = runtime.block_on(measure(&arguments))?;
    let result = serde_json::json!({ "cases": cases });
    println!("{}", serde_json::to_string(&result).context("no JSON")?);
    Ok(())
}

/// The stores take turns, so that whatever else the machine does meets them all.
async fn measure(arguments: &Arguments) -> Result<Vec<Case>> {
    let server = servers::Postgres::start(servers::Safety::Machine)?;
    server.create("fleet")?;
    let postgres: Arc<dyn Store> = Arc::new(Postgres::connect(&server.url("fleet")).await?);
    let bare = bare::Bare::open(&server.url("fleet"), arguments.slots.min(300_000)).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("fleet.redb");
    let redb: Arc<dyn Store> = Arc::new(Embedded::redb(&path, Clock::default())?);
    let for_ = Duration::from_secs_f64(arguments.seconds);
    let stores = |size| {
        [
            ("postgres", Placer::store(Arc::clone(&postgres), size)),
            ("bare update skip locked", Placer::bare(bare.clone(), size)),
            ("redb", Placer::store(Arc::clone(&redb), size)),
        ]
    };
    let mut cases = Vec::new();
    for clients in &arguments.clients {
        let size = Size {
            clients: *clients,
            in_flight: 1,
            slots: arguments.slots,
        };
        for (name, placer) in stores(size) {
            cases.push(load::run(name, placer, size, for_).await?);
        }
    }
    let most = arguments.clients.iter().copied().max().unwrap_or(1);
    let size = Size {
        clients: most,
        in_flight: arguments.in_flight,
        slots: arguments.slots,
    };
    let placer = Placer::store(Arc::clone(&redb), size);
    cases.push(load::run("redb, batched", placer, size, for_).await?);
    Ok(cases)
}
