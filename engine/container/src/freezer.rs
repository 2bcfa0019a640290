//! Stopping a session's processes where they are, and letting them go on.

use crate::cgroup::Cgroup;
use crate::process::{descendants, stat};
use crate::{Error, clock};
use firstlight_units::Micros;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::time::Duration;

/// Stops `roots` and all their descendants, through the cgroup where there is one.
pub(crate) fn freeze(cgroup: Option<&Cgroup>, roots: &[u32]) -> Result<(), Error> {
    cgroup.map_or_else(|| stop_each(roots), Cgroup::freeze)
}

/// The reverse of [`freeze`].
pub(crate) fn thaw(cgroup: Option<&Cgroup>, roots: &[u32]) -> Result<(), Error> {
    if let Some(cgroup) = cgroup {
        return cgroup.thaw();
    }
    // Children first, so that a parent that watches them never sees them stopped.
    for pid in descendants(roots).into_iter().rev() {
        signal(pid, Signal::SIGCONT)?;
    }
    Ok(())
}

/// Parents first: a stopped parent bears no more children, so the rounds end.
fn stop_each(roots: &[u32]) -> Result<(), Error> {
    let deadline = clock::now() + STOP_MAX;
    let mut stopped = BTreeSet::new();
    loop {
        let family = descendants(roots);
        for pid in &family {
            if stopped.insert(*pid) {
                signal(*pid, Signal::SIGSTOP)?;
            }
        }
        let runs = |pid: &u32| stat(*pid).is_some_and(|s| !matches!(s.state, 'T' | 't' | 'Z' | 'X'));
        let all_stopped = !descendants(roots)
            .iter()
            .any(|pid| !stopped.contains(pid) || runs(pid));
        if all_stopped {
            return Ok(());
        }
        if clock::now() >= deadline {
            return Err(Error::Freezer {
                what: "freeze",
                within: STOP_MAX.into(),
            });
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn signal(pid: u32, signal: Signal) -> Result<(), Error> {
    let Ok(pid) = i32::try_from(pid) else {
        return Ok(());
    };
    match kill(Pid::from_raw(pid), signal) {
        // It ended by itself in the meantime.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(Error::system("kill")(error)),
    }
}

/// As for the cgroup.
const STOP_MAX: Micros = Micros::from_secs(2);
/// A signal takes effect when its target is scheduled; there is nothing to wait on.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
