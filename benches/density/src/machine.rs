//! The clock, and what this process used of the machine.

use anyhow::{Context, Result};
use firstlight_units::Timestamp;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::io::Write;

pub(crate) fn now() -> Timestamp {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Timestamp::from_micros(0), |t| {
        let seconds = u64::try_from(t.tv_sec()).unwrap_or(0);
        let nanos = u64::try_from(t.tv_nsec()).unwrap_or(0);
        Timestamp::from_micros(seconds * 1_000_000 + nanos / 1_000)
    })
}

/// What a process used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    user_us: i64,
    system_us: i64,
    at: Timestamp,
}

/// What it used between two moments.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Used {
    pub(crate) wall_s: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
}

impl Usage {
    pub(crate) fn read() -> Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).context("getrusage")?;
        Ok(Self {
            user_us: usage.user_time().num_microseconds(),
            system_us: usage.system_time().num_microseconds(),
            at: now(),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of a bench")]
    pub(crate) fn until(self, later: Self) -> Used {
        Used {
            wall_s: later.at.since(self.at).as_secs_f64(),
            user_s: (later.user_us - self.user_us) as f64 / 1e6,
            system_s: (later.system_us - self.system_us) as f64 / 1e6,
        }
    }
}

/// Bytes of this process that are in memory.
pub(crate) fn resident() -> Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").context("/proc/self/statm")?;
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .context("statm has no second field")?
        .parse()?;
    Ok(pages * PAGE_BYTES)
}

/// Writes one line of JSON for whoever started this process.
pub(crate) fn tell(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(value)?)?;
    Ok(out.flush()?)
}

const PAGE_BYTES: u64 = 4_096;
