//! Where the age of the picture comes from: episodes over 100 ms that the bound does not have, or a window in steps of 10 ms.
//!
//! `cargo run -p firstlight-bench-abr --example timeline -- TRACE.csv ALGORITHM SEED [FROM_MS TO_MS]`
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use anyhow::Context;
use firstlight_bench_abr::algorithms;
use firstlight_bench_abr::path::{Conditions, START};
use firstlight_bench_abr::source::{Frame, Source};
use firstlight_bench_abr::world::{self, Actor, Outcome};
use firstlight_netem::Trace;
use firstlight_units::Micros;
use std::sync::Arc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, algorithm, seed, window @ ..] = arguments.as_slice() else {
        anyhow::bail!("TRACE.csv ALGORITHM SEED [FROM_MS TO_MS]");
    };
    let trace = Arc::new(Trace::parse(&std::fs::read_to_string(file)?)?);
    let seed = seed.parse()?;
    let ours = run(&trace, algorithm, seed)?;
    if let [from, to] = window {
        print_window(&trace, &ours, from.parse()?, to.parse()?);
    } else {
        let bound = run(&trace, "bound", seed)?;
        print_episodes(&trace, &ours, &bound);
    }
    Ok(())
}

fn run(trace: &Arc<Trace>, algorithm: &str, seed: u64) -> anyhow::Result<Outcome> {
    let conditions = Conditions {
        trace: Arc::clone(trace),
        seed,
        loss_up: false,
        queue: None,
    };
    let flow = algorithms::open(algorithm, 0, trace).context("unknown algorithm")?;
    let source = Source::new(seed);
    Ok(world::run(
        &conditions,
        vec![Actor { flow, source }],
        trace.length(),
    )?)
}

/// Age in milliseconds at each millisecond.
fn ages(frames: &[Frame], end: u64) -> Vec<u64> {
    let mut shown: Vec<(u64, u64)> = frames
        .iter()
        .filter_map(|f| Some((ms(f.decoded_at?.since(START)), ms(f.captured_at.since(START)))))
        .collect();
    shown.sort_unstable();
    let mut shown = shown.into_iter().peekable();
    let mut newest = 0;
    (0..end)
        .map(|now| {
            while let Some((_, captured)) = shown.next_if(|(at, _)| *at <= now) {
                newest = newest.max(captured);
            }
            now - newest
        })
        .collect()
}

fn print_episodes(trace: &Trace, ours: &Outcome, bound: &Outcome) {
    let end = ms(trace.length());
    let empty = Vec::new();
    let mine = ages(ours.frames.first().unwrap_or(&empty), end);
    let best = ages(bound.frames.first().unwrap_or(&empty), end);
    let over = |ages: &[u64], at: u64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| ages.get(at))
            .is_some_and(|a| *a > 100)
    };
    let mut at = 2_000;
    let (mut total, mut total_bound) = (0, 0);
    println!("from_ms  length bound excess  age_max  queue_max mbps: before/least/behind  frames");
    while at < end {
        if !over(&mine, at) {
            total_bound += u64::from(over(&best, at));
            at += 1;
            continue;
        }
        let from = at;
        while at < end && over(&mine, at) {
            at += 1;
        }
        let begun = from - 100;
        let theirs = (from..at).filter(|t| over(&best, *t)).count() as u64;
        total += at - from;
        total_bound += theirs;
        let most = (from..at)
            .filter_map(|t| mine.get(usize::try_from(t).ok()?))
            .max()
            .copied()
            .unwrap_or(0);
        let inside = || ours.samples.iter().filter(|s| ms(s.at) >= begun && ms(s.at) < at);
        let queue = inside().map(|s| ms(s.queueing)).max().unwrap_or(0);
        let rate = |from: u64, to: u64| {
            let sum: u64 = (from..to)
                .map(|t| trace.row(Micros::from_millis(t)).rate.as_kbps())
                .sum();
            sum as f64 / (to - from).max(1) as f64 / 1e3
        };
        let least = (begun..at)
            .map(|t| trace.row(Micros::from_millis(t)).rate.as_kbps())
            .min()
            .unwrap_or(0) as f64
            / 1e3;
        let frames = ours.frames.first().unwrap_or(&empty).iter();
        let captured = frames
            .filter(|f| (begun..at).contains(&ms(f.captured_at.since(START))))
            .count();
        println!(
            "{from:>7} {:>7} {theirs:>5} {:>6} {most:>8} {queue:>10} {:>8.1}/{least:.1}/{:.1} {captured:>10}",
            at - from,
            at - from - theirs,
            rate(begun.saturating_sub(100), begun),
            rate(at, at + 100)
        );
    }
    println!(
        "over 100 ms: {total} ms, the bound {total_bound} ms of {}",
        end - 2_000
    );
}

fn print_window(trace: &Trace, ours: &Outcome, from: u64, to: u64) {
    let empty = Vec::new();
    let frames = ours.frames.first().unwrap_or(&empty);
    let ages = ages(frames, ms(trace.length()));
    println!("   ms  mbps queue target   age  came_kB  captured -> decoded (size)");
    let mut before = 0;
    for sample in &ours.samples {
        let at = ms(sample.at);
        let delivered = sample.delivered.first().map_or(0, |b| b.as_u64());
        let came = delivered - before;
        if !at.is_multiple_of(10) {
            continue;
        }
        before = delivered;
        if at < from || at >= to {
            continue;
        }
        let target = sample.targets.first().map_or(0, |t| t.as_kbps()) as f64 / 1e3;
        let mut line = format!(
            "{at:>6} {:>5.1} {:>4} {target:>6.2} {:>5} {:>6.1} ",
            trace.row(sample.at).rate.as_kbps() as f64 / 1e3,
            ms(sample.queueing),
            usize::try_from(at)
                .ok()
                .and_then(|at| ages.get(at))
                .copied()
                .unwrap_or(0),
            came as f64 / 1e3,
        );
        let captured = frames
            .iter()
            .filter(|f| (at..at + 10).contains(&ms(f.captured_at.since(START))));
        for frame in captured {
            let decoded = frame
                .decoded_at
                .map_or_else(|| "never".to_owned(), |d| ms(d.since(START)).to_string());
            line += &format!(
                " {decoded} ({}{})",
                frame.size.as_u64(),
                if frame.idr { " IDR" } else { "" }
            );
        }
        println!("{line}");
    }
}

fn ms(span: Micros) -> u64 {
    span.as_micros() / 1_000
}
