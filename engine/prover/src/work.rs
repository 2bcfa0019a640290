//! Integers and memory, on all cores.

use crate::Error;
use firstlight_checker::Digest;
use firstlight_checker::challenge::work::{
    LANE_WORDS, LINES, chain, chain_start, fill, walk_at, walk_on, walk_start,
};
use std::thread::{available_parallelism, scope};

/// The value of each chain after each of its segments; a thread for each chain.
pub(crate) fn compute(seed: &Digest, (chains, segments): (u16, u16), rounds: u32) -> Vec<u64> {
    let segments = usize::from(segments);
    let mut ends = vec![0; usize::from(chains) * segments];
    scope(|threads| {
        for (number, ends) in (0u16..).zip(ends.chunks_mut(segments)) {
            threads.spawn(move || {
                let mut x = chain_start(seed, number);
                for end in ends {
                    x = chain(x, rounds);
                    *end = x;
                }
            });
        }
    });
    ends
}

/// Where the walk is at each stop.
pub(crate) fn memory(seed: &Digest, lanes: u32, (stops, steps): (u16, u16)) -> Result<Vec<u64>, Error> {
    let held = hold(seed, lanes)?;
    let mut x = walk_start(seed);
    let mut at = Vec::with_capacity(stops.into());
    for _ in 0..stops {
        for _ in 0..steps {
            let (lane, line) = walk_at(x, lanes);
            let words = usize::try_from(lane).ok().and_then(|lane| held.get(lane));
            x = walk_on(x, words.map_or(&[], Vec::as_slice), line);
        }
        at.push(x);
    }
    Ok(at)
}

fn hold(seed: &Digest, lanes: u32) -> Result<Vec<Vec<u64>>, Error> {
    // The kernel promises more than it has, and takes it back from whoever it likes.
    if available_mib().is_some_and(|mib| mib < u64::from(lanes)) {
        return Err(Error::Memory(lanes));
    }
    let mut held = Vec::new();
    for _ in 0..lanes {
        let mut lane = Vec::new();
        lane.try_reserve_exact(LANE_WORDS)
            .map_err(|_| Error::Memory(lanes))?;
        held.push(lane);
    }
    let cores = available_parallelism().map_or(1, usize::from);
    let share = held.len().div_ceil(cores).max(1);
    scope(|threads| {
        for (share_number, lanes) in held.chunks_mut(share).enumerate() {
            threads.spawn(move || {
                for (at, words) in lanes.iter_mut().enumerate() {
                    let number = u32::try_from(share_number * share + at).unwrap_or(u32::MAX);
                    words.resize(LANE_WORDS, 0);
                    fill(seed, number, LINES - 1, words);
                }
            });
        }
    });
    Ok(held)
}

/// `MemAvailable` of `/proc/meminfo`.
fn available_mib() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}
