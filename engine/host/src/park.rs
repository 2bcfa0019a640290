//! Keeps copies parked: looks at the titles' folder, boots what is short when there is room, ends what is too much.

use crate::admission::Cost;
use crate::host::{self, Inner};
use crate::pool::Installed;
use crate::session::Ended;
use crate::start::{Birth, give_way, spawn};
use crate::{Error, folders, load};
use firstlight_container::now;
use firstlight_link::End;
use firstlight_title::{MANIFEST, Title, catalogue};
use firstlight_units::{Micros, SessionId, Timestamp, TitleId};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::timeout;

/// Runs until the host is gone or stops.
pub(crate) async fn keep(host: Weak<Inner>, folder: PathBuf) {
    let mut looked: Option<Timestamp> = None;
    let mut idle = Idle::new();
    loop {
        let Some(inner) = host.upgrade() else { return };
        if inner.table().is_closed() {
            return;
        }
        if looked.is_none_or(|at| now().since(at) >= LOOK_EVERY) {
            looked = Some(now());
            let folder = folder.clone();
            if let Ok(Some(found)) = tokio::task::spawn_blocking(move || installed(&folder)).await {
                inner.pool().install(found);
            }
        }
        idle.look();
        work(&inner, idle.millicores).await;
        // An early call comes when something changed; a late one, to look whether there is room by now.
        if timeout(TICK, inner.pool_changed.notified()).await.is_ok() {
            tracing::trace!("the pool changed");
        }
    }
}

/// One step towards what is wanted.
async fn work(inner: &Arc<Inner>, idle: u32) {
    inner.record_sessions();
    let plan = {
        let table = inner.table();
        let copies = table.copies();
        // With nobody there, nobody is in the way.
        let quiet = table.live_ids().is_empty() || idle >= IDLE_MIN;
        let pool = inner.pool();
        let mut plan = pool.plan(now(), &copies, quiet);
        let fits = |of: &Installed| table.may_park(Cost::of(&of.title.display), &inner.config, now());
        plan.boot = plan.boot.filter(fits);
        plan
    };
    prepare_slots(inner).await;
    give_way(inner, &plan.end).await;
    if let Some(of) = plan.boot {
        tracing::info!(title = %of.title.id, "a copy is booted to be parked");
        if let Err(error) = boot(inner, &of) {
            tracing::warn!(title = %of.title.id, %error, "no copy could be booted");
            inner.pool().on_failed(&of.title.id, now());
        }
    }
}

/// Whoever claims a parked copy waits for no disk: a busy one takes a tenth of a second.
async fn prepare_slots(inner: &Arc<Inner>) {
    let slots = {
        let table = inner.table();
        let parked = table.copies().iter().filter(|copy| !copy.booting).count();
        table.next_slots(parked)
    };
    for slot in slots {
        if let Err(error) = host::blocking(inner, move |inner| inner.leases().prepare(slot)).await {
            tracing::warn!(slot, %error, "the slot's next epoch is not on disk ahead of its claim");
        }
    }
}

fn boot(inner: &Arc<Inner>, of: &Installed) -> Result<(), Error> {
    let id = host::random_session()?;
    let home = inner.data.parked().join(id.as_str());
    folders::private(&home)?;
    let reservation = inner
        .table()
        .reserve_copy(id.clone(), of, &inner.config, now())
        .inspect_err(|_| folders::remove(&home))?;
    let birth = Birth {
        home: home.clone(),
        title_dir: &of.dir,
        player: "",
        origins: &[],
        epoch: 0,
        parked: true,
    };
    spawn(inner, reservation, birth).inspect_err(|_| {
        inner.table().cancel(&id);
        folders::remove(&home);
    })
}

/// A copy can be claimed from here on.
pub(crate) fn on_copy_parked(inner: &Inner, copy: &SessionId, after: Duration) {
    let title = inner.table().copy_of(copy);
    if let Some(title) = title {
        tracing::info!(%title, ?after, "a copy is parked");
        inner.pool().on_parked(&title, Micros::from(after));
    }
    inner.pool_changed.notify_one();
}

/// A copy that was nobody's is gone.
pub(crate) fn on_copy_gone(inner: &Inner, title: &TitleId, ended: &Ended) {
    let reason = ended.reason;
    match reason {
        End::GaveWay | End::EngineStopping | End::ByOperator => {
            tracing::info!(%title, "a parked copy ended");
        }
        End::TitleExited | End::TitleCrashed | End::ByPlayer | End::EngineFault | End::NotResumed => {
            tracing::warn!(%title, ?reason, detail = ended.detail, tail = ?ended.tail, "a parked copy failed");
            inner.pool().on_failed(title, now());
        }
    }
}

/// How much of the machine was idle of late.
struct Idle {
    at: Timestamp,
    ticks: u64,
    millicores: u32,
}

impl Idle {
    fn new() -> Self {
        Self {
            at: now(),
            ticks: load::idle_ticks(),
            millicores: 0,
        }
    }

    fn look(&mut self) {
        let millis = now().since(self.at).as_micros() / 1000;
        if millis < IDLE_OVER_MS {
            return;
        }
        let ticks = load::idle_ticks();
        self.millicores = load::millicores(ticks.saturating_sub(self.ticks), millis);
        (self.at, self.ticks) = (now(), ticks);
    }
}

/// The titles of a folder as they are. `None`: it cannot be read, and what is known of it stands.
fn installed(folder: &Path) -> Option<Vec<Installed>> {
    let entries = match catalogue(&folder.canonicalize().ok()?) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(%error, "the titles' folder cannot be read");
            return None;
        }
    };
    let known = entries.into_iter().filter_map(|entry| {
        let title = entry.title.ok()?;
        let stamp = stamp(&title, &entry.dir);
        Some(Installed {
            title,
            dir: entry.dir,
            stamp,
        })
    });
    Some(known.collect())
}

/// Changes when a file of the title does, or its program. Of a huge title the first [`FILES_MAX`] files are looked at, and its manifest.
fn stamp(title: &Title, dir: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let program = title.run.command.first().map(PathBuf::from).unwrap_or_default();
    for path in [dir.join(MANIFEST), dir.join(program)] {
        hash_file(&path, &mut hasher);
    }
    let mut folders = vec![dir.to_owned()];
    let mut left = FILES_MAX;
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .take(left)
            .collect();
        paths.sort_unstable();
        left -= paths.len();
        for path in paths {
            hash_file(&path, &mut hasher);
            if fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir()) {
                folders.push(path);
            }
        }
    }
    hasher.finish()
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    if let Ok(found) = fs::metadata(path) {
        (found.ino(), found.len(), found.mtime(), found.mtime_nsec()).hash(hasher);
    }
}

/// Between two looks whether there is room, where nothing happens.
const TICK: Duration = Duration::from_secs(2);
/// A publisher who replaces a title waits this long, at most, for copies of the new one.
const LOOK_EVERY: Micros = Micros::from_secs(5);
/// A boot takes about half a core for some seconds; with less than that to spare, it would come out of a player's.
const IDLE_MIN: u32 = 500;
/// Ticks are hundredths of a second: over less than this, they say little.
const IDLE_OVER_MS: u64 = 1_000;
/// Looking at a file takes a microsecond or two.
const FILES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_any_file_of_the_title() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a");
        fs::create_dir_all(dir.join("deep/er")).unwrap();
        let manifest = "id = \"a\"\nname = \"x\"\nversion = \"1\"\n[run]\ncommand = [\"app\"]\n";
        for (path, text) in [(MANIFEST, manifest), ("app", "one"), ("deep/er/level", "one")] {
            fs::write(dir.join(path), text).unwrap();
        }
        let read = || installed(root.path()).unwrap().pop().unwrap().stamp;
        let mut before = read();
        assert_eq!(read(), before);
        for path in ["app", "deep/er/level", "deep/new"] {
            fs::write(dir.join(path), "another").unwrap();
            assert_ne!(read(), before, "{path}");
            before = read();
        }
        fs::remove_file(dir.join("deep/new")).unwrap();
        assert_ne!(read(), before);
        assert_eq!(installed(&root.path().join("nowhere")), None);
    }
}
