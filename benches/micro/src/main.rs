//! Prints what the calls of the hot path take, as JSON; `micro.mjs` makes a table of it.

use anyhow::Result;
use clap::Parser;
use firstlight_bench_micro::{Counting, Line, Meter, Op, play_input, play_media};
use serde::Serialize;
use std::io::Write;

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the calls of the hot path take; started by micro.mjs.
#[derive(Debug, Parser)]
struct Options {
    /// Seconds of simulated stream
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

#[derive(Serialize)]
struct Case {
    line: &'static str,
    call: &'static str,
    calls: u64,
    ns_per_call: f64,
    ns_per_packet: Option<f64>,
    allocations: u64,
    allocations_per_packet: Option<f64>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut cases = Vec::new();
    for (name, line) in [
        ("clean", Line { lose_every: 0 }),
        ("2 % lost", Line { lose_every: 50 }),
    ] {
        let mut meter = Meter::default();
        play_media(&mut meter, line, options.seconds);
        cases.extend(
            Op::ALL
                .into_iter()
                .filter(|op| *op != Op::Input)
                .map(|op| case(name, &meter, op)),
        );
    }
    let mut meter = Meter::default();
    play_input(&mut meter, options.seconds * 100);
    cases.push(case("clean", &meter, Op::Input));
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&cases)?)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
fn case(line: &'static str, meter: &Meter, op: Op) -> Case {
    let taken = meter.taken(op);
    let net = taken.time.as_nanos() as f64 - Meter::overhead().as_nanos() as f64 * taken.calls as f64;
    let packets = (meter.packets > 0).then_some(meter.packets as f64);
    Case {
        line,
        call: op.name(),
        calls: taken.calls,
        ns_per_call: net / taken.calls.max(1) as f64,
        ns_per_packet: packets.map(|packets| net / packets),
        allocations: taken.allocations,
        allocations_per_packet: packets.map(|packets| taken.allocations as f64 / packets),
    }
}
