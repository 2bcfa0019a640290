//! An imaginary fleet against the checker's own rules; `./bench cheats` runs it and prints a table of what it prints here, one JSON
//! object.

#![allow(clippy::print_stdout, reason = "what it prints is the result")]

mod fleet;
mod random;
mod trial;

use anyhow::Context;
use clap::Parser;
use fleet::{Host, Kind};
use random::Random;
use serde_json::{Value, json};
use trial::{Checkers, Fate};

/// Checks an imaginary fleet.
#[derive(Debug, Parser)]
#[command(name = "cheats")]
struct Arguments {
    /// Hosts: half are honest, half cheat
    #[arg(long, default_value_t = 2_000)]
    hosts: u32,
    /// Checks of each, from when it begins to cheat
    #[arg(long, default_value_t = 100)]
    checks: u32,
    /// Checkers, of which a fifth are bought
    #[arg(long, default_value_t = 200)]
    checkers: usize,
    /// Another imaginary fleet [default: one that nobody has seen]
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = match arguments.seed {
        Some(seed) => seed,
        // Within what JSON's readers keep exactly.
        None => getrandom::u64().context("no random numbers")? >> 12,
    };
    let mut random = Random::new(seed);
    let checkers = Checkers {
        all: (0..arguments.checkers).map(|_| random.bytes()).collect(),
        bought: arguments.checkers / 5,
    };
    let mut runs: Vec<(Kind, f64, Fate)> = Vec::new();
    for number in 0..arguments.hosts {
        let host = Host::new(kind(number), &mut random);
        let fate = trial::run(&host, &checkers, arguments.checks, &mut random);
        runs.push((host.kind, host.part, fate));
        debug_assert_eq!(host.is_honest(), number.is_multiple_of(2));
    }
    let honest = [Kind::Honest, Kind::HonestPoorLines];
    let kinds: Vec<Value> = honest
        .iter()
        .chain(&Kind::CHEATS)
        .map(|kind| row(*kind, &runs))
        .collect();
    let count = |wanted: &dyn Fn(&(Kind, f64, Fate)) -> bool| runs.iter().filter(|run| wanted(run)).count();
    let is_honest = |run: &(Kind, f64, Fate)| honest.contains(&run.0);
    let busy = runs
        .iter()
        .filter(|run| is_honest(run))
        .fold((0, 0), |(busy, all), run| {
            (busy + run.2.busy.0, all + run.2.busy.1)
        });
    let result = json!({
        "seed": seed,
        "kinds": kinds,
        "honest": count(&is_honest),
        "honest_penalised": count(&|run| is_honest(run) && run.2.found_at.is_some()),
        "cheats": count(&|run| !is_honest(run)),
        "cheats_caught": count(&|run| !is_honest(run) && run.2.found_at.is_some()),
        "busy_us": busy.0,
        "of_us": busy.1,
    });
    println!("{}", serde_json::to_string(&result).context("no JSON")?);
    Ok(())
}

/// Every other one is honest, and of those every third has poor lines.
fn kind(number: u32) -> Kind {
    let half = usize::try_from(number / 2).unwrap_or(0);
    match (number % 2, half % 3) {
        (0, 0) => Kind::HonestPoorLines,
        (0, _) => Kind::Honest,
        _ => Kind::CHEATS[half % Kind::CHEATS.len()],
    }
}

fn row(kind: Kind, runs: &[(Kind, f64, Fate)]) -> Value {
    let own = runs.iter().filter(|run| run.0 == kind);
    let mut found: Vec<u32> = own.clone().filter_map(|run| run.2.found_at).collect();
    found.sort_unstable();
    let at = |percent: usize| found.get((found.len() * percent / 100).min(found.len().saturating_sub(1)));
    let rare = |run: &&(Kind, f64, Fate)| run.1 < 0.1;
    json!({
        "name": kind,
        "hosts": own.clone().count(),
        "found": found.len(),
        "rare": own.clone().filter(rare).count(),
        "rare_found": own.filter(rare).filter(|run| run.2.found_at.is_some()).count(),
        "checks": { "p50": at(50), "p95": at(95), "max": found.last() },
    })
}
