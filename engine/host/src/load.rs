//! What the machine has and what each session uses of it.

use crate::admission::Machine;
use firstlight_units::ByteCount;
use std::collections::BTreeMap;
use std::fs;

/// Cores and memory as they are right now.
pub(crate) fn machine(slots: Option<u32>) -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Machine {
        millicores: u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(1000),
        memory_available: memory_available(&meminfo),
        slots,
    }
}

/// Cores of this machine and memory that is available.
#[must_use]
pub fn machine_size() -> (u32, ByteCount) {
    let machine = machine(None);
    (machine.millicores / 1000, machine.memory_available)
}

/// `MemAvailable` of `/proc/meminfo`; 0 where there is none.
fn memory_available(meminfo: &str) -> ByteCount {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    ByteCount::new(kib.unwrap_or(0).saturating_mul(1024))
}

/// Ticks that all cores together were idle since the boot; 0 where the kernel does not say.
pub(crate) fn idle_ticks() -> u64 {
    parse_idle(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// What waits for a disk counts as idle: the processor is free.
fn parse_idle(stat: &str) -> u64 {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let fields = all.unwrap_or_default().split_ascii_whitespace().skip(3).take(2);
    fields
        .filter_map(|field| field.parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

/// CPU time used so far by each process: pid to parent and ticks.
pub(crate) type Processes = BTreeMap<u32, Usage>;

/// One process of [`Processes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    parent: u32,
    ticks: u64,
}

/// Reads every process of the machine; blocks for about a millisecond per hundred of them.
pub(crate) fn processes() -> Processes {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        Some((
            pid,
            parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?,
        ))
    })
    .collect()
}

/// Parent, user and system time of a `/proc/<pid>/stat`. The name in it may hold anything, parentheses too.
fn parse_stat(stat: &str) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |i: usize| fields.get(i).and_then(|field| field.parse::<u64>().ok());
    Some(Usage {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)?.saturating_add(number(12)?),
    })
}

/// Ticks used by `root` and everything below it.
pub(crate) fn ticks_of_family(processes: &Processes, root: u32) -> u64 {
    processes
        .iter()
        .filter(|(pid, _)| descends(processes, **pid, root))
        .map(|(_, usage)| usage.ticks)
        .sum()
}

fn descends(processes: &Processes, pid: u32, root: u32) -> bool {
    let mut at = pid;
    // Pids are reused while the table is read, so what looks like a chain may be a ring.
    for _ in 0..DEPTH_MAX {
        if at == root {
            return true;
        }
        match processes.get(&at) {
            Some(usage) if usage.parent != 0 => at = usage.parent,
            _ => return false,
        }
    }
    false
}

/// Thousandths of a core that `ticks` within `millis` are.
pub(crate) fn millicores(ticks: u64, millis: u64) -> u32 {
    let used = ticks.saturating_mul(1000 * 1000 / TICKS_PER_SECOND);
    u32::try_from(used.checked_div(millis).unwrap_or(0)).unwrap_or(u32::MAX)
}

/// Linux shows times to programs in hundredths of a second on every machine (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;
/// A worker's family is five deep.
const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_family_is_summed_and_strangers_are_not() {
        let usage = |parent, ticks| Usage { parent, ticks };
        let processes = BTreeMap::from([
            (10, usage(1, 5)),
            (11, usage(10, 7)),
            (12, usage(11, 1)),
            (20, usage(1, 90)),
        ]);
        assert_eq!(ticks_of_family(&processes, 10), 13);
        assert_eq!(millicores(13, 1000), 130);
        assert_eq!(millicores(13, 0), 0);
    }

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let stat = "7 (a) b) c) S 3 7 7 0 -1 0 1 2 3 4 50 6 0 0 20 0 1 0 99 1 1";
        assert_eq!(parse_stat(stat), Some(Usage { parent: 3, ticks: 56 }));
    }

    #[test]
    fn idle_is_idle_or_waiting_for_a_disk() {
        let stat = "cpu  10 20 30 400 5 6 7 8 9 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        assert_eq!(parse_idle(stat), 405);
        assert!(idle_ticks() > 0);
    }

    #[test]
    fn this_machine_has_memory_and_this_process_runs() {
        assert!(machine(None).memory_available.as_u64() > 0);
        assert!(processes().contains_key(&std::process::id()));
    }

    proptest! {
        #[test]
        fn anything_may_be_in_proc(text in ".{0,200}") {
            let _usage = parse_stat(&text);
            let _bytes = memory_available(&text);
            let _ticks = parse_idle(&text);
        }
    }
}
