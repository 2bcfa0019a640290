//! Measures durable placements; `./bench leases` runs it and prints a table of what it prints here, one JSON object.

#![allow(clippy::print_stdout, reason = "what it prints is the result")]

mod bare;
mod load;
mod placing;

use anyhow::{Context, Result};
use bare::Bare;
use clap::Parser;
use firstlight_fleet::{Clock, Embedded, Postgres, Store};
use firstlight_test_servers as servers;
use load::{Load, Measured};
use placing::{Call, Placing};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Measures durable placements.
#[derive(Debug, Parser)]
#[command(name = "leases")]
struct Arguments {
    /// Clients at once, one case each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16, 32])]
    clients: Vec<usize>,
    /// Calls that each client of the batched case has under way
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Seconds per case and round
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds; each runs every case once, so that a busy moment of the machine meets all alike
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Slots of the imaginary fleet
    #[arg(long, default_value_t = 1_000_000)]
    slots: u32,
}

#[derive(Debug, Serialize)]
struct Case {
    store: &'static str,
    /// `grant`: the slot is the session's, on disk. `placement`: and its host's word is, too: all that a placement writes.
    call: &'static str,
    clients: usize,
    /// Calls at once of each client.
    batch: usize,
    #[serde(flatten)]
    measured: Measured,
}

/// What is measured.
#[derive(Clone, Copy)]
struct Plan {
    contender: usize,
    call: Call,
    clients: usize,
    batch: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("firstlight-leases-").tempdir()?;
    // What is acknowledged is on the disk of this machine.
    let server = servers::Postgres::start(servers::Safety::Machine)?;
    let contenders = contenders(&arguments, folder.path(), &server).await?;
    let plans = plans(&arguments, contenders.len());
    let mut loads: Vec<Load> = plans.iter().map(|_| Load::default()).collect();
    for _ in 0..arguments.rounds {
        for (plan, load) in plans.iter().zip(&mut loads) {
            let (_, contender) = contenders
                .get(plan.contender)
                .context("a plan without a contender")?;
            load.run(contender, *plan, Duration::from_secs_f64(arguments.seconds))
                .await?;
        }
    }
    let mut cases = Vec::new();
    for (plan, load) in plans.iter().zip(loads) {
        let (store, _) = contenders
            .get(plan.contender)
            .context("a plan without a contender")?;
        cases.push(Case {
            store,
            call: plan.call.word(),
            clients: plan.clients,
            batch: plan.batch,
            measured: load.finish(),
        });
    }
    println!("{}", serde_json::json!({ "cases": cases }));
    Ok(())
}

/// Whatever takes a call.
enum Contender {
    Store(Placing),
    Bare(Bare),
}

impl Contender {
    async fn call(&self, call: Call) -> Result<()> {
        match self {
            Self::Store(placing) => placing.call(call).await,
            Self::Bare(bare) => bare.take().await,
        }
    }
}

async fn contenders(
    arguments: &Arguments,
    folder: &Path,
    server: &servers::Postgres,
) -> Result<Vec<(&'static str, Contender)>> {
    for database in ["fleet", "bare"] {
        server.create(database)?;
    }
    let redb: Arc<dyn Store> = Arc::new(Embedded::redb(&folder.join("fleet.redb"), Clock::default())?);
    let postgres: Arc<dyn Store> = Arc::new(Postgres::connect(&server.url("fleet")).await?);
    let placing = |store| Contender::Store(Placing::new(store, arguments.slots));
    Ok(vec![
        ("redb", placing(redb)),
        ("postgres", placing(postgres)),
        (
            "bare",
            Contender::Bare(Bare::connect(&server.url("bare"), arguments.slots).await?),
        ),
    ])
}

/// Contenders take turns within each number of clients.
fn plans(arguments: &Arguments, contenders: usize) -> Vec<Plan> {
    let mut plans = Vec::new();
    for clients in &arguments.clients {
        for contender in 0..contenders {
            // The bare loop writes one row, which is less than either.
            let calls: &[Call] = if contender == BARE {
                &[Call::Grant]
            } else {
                &[Call::Grant, Call::Placement]
            };
            plans.extend(calls.iter().map(|call| Plan {
                contender,
                call: *call,
                clients: *clients,
                batch: 1,
            }));
        }
    }
    let most = arguments.clients.iter().copied().max().unwrap_or(1);
    plans.extend([Call::Grant, Call::Placement].map(|call| Plan {
        contender: REDB,
        call,
        clients: most,
        batch: arguments.batch,
    }));
    plans
}

const REDB: usize = 0;
const BARE: usize = 2;
