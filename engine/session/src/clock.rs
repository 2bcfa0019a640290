//! The clocks of this room that the container does not read: UTC, and the processor's.

use firstlight_units::{Micros, WallTime};
use nix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use firstlight_container::now;

/// Now, in UTC.
pub(crate) fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Processor time the calling thread has used.
pub(crate) fn thread_cpu() -> Micros {
    cpu(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time this process has used.
pub(crate) fn process_cpu() -> Micros {
    cpu(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Processor time of the threads that carry `name`, but for the one with id `but`: a codec's own threads inherit the
/// name of the thread that opened it.
pub(crate) fn threads_cpu(name: &str, but: i32) -> Micros {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Micros::ZERO;
    };
    tasks.flatten().fold(Micros::ZERO, |sum, task| {
        let path = task.path();
        let other = task.file_name().to_str().is_some_and(|id| id.parse() != Ok(but));
        let named = || std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
        if !other || !named() {
            return sum;
        }
        // `schedstat`: nanoseconds on the processor, nanoseconds waiting, time slices.
        let nanos = std::fs::read_to_string(path.join("schedstat"))
            .ok()
            .and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
        sum + Micros::new(nanos.unwrap_or(0) / 1_000)
    })
}

fn cpu(clock: ClockId) -> Micros {
    clock_gettime(clock).map_or(Micros::ZERO, |t| {
        let seconds = Micros::from_secs(u64::try_from(t.tv_sec()).unwrap_or(0));
        seconds + Micros::new(u64::try_from(t.tv_nsec()).unwrap_or(0) / 1_000)
    })
}
