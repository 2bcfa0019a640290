//! What only a file has: a disk that fails, files of other engines, and many calls in one commit.

use super::*;
use crate::store::Embedded;
use crate::{Acquire, Acquired, Expect, LeaseStore, Records, Swapped};
use ::redb::StorageBackend;
use ::redb::backends::FileBackend;
use firstlight_units::Micros;
use std::io::Error as BackendIoError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A file whose disk can be made to fail, and that counts fsyncs.
#[derive(Debug)]
struct Failing {
    file: FileBackend,
    disk: Arc<Disk>,
}

#[derive(Debug, Default)]
struct Disk {
    fails: AtomicBool,
    syncs: AtomicUsize,
}

impl Failing {
    fn check(&self) -> Result<(), BackendIoError> {
        if self.disk.fails.load(Ordering::SeqCst) {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, BackendIoError> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), BackendIoError> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), BackendIoError> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), BackendIoError> {
        self.check()?;
        self.disk.syncs.fetch_add(1, Ordering::SeqCst);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), BackendIoError> {
        self.check()?;
        self.file.write(offset, data)
    }
}

fn opener(path: PathBuf, disk: &Arc<Disk>) -> Opener {
    let disk = Arc::clone(disk);
    Box::new(move || {
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)?;
        let file = FileBackend::new(file)?;
        let disk = Arc::clone(&disk);
        Ok(Database::builder().create_with_backend(Failing { file, disk })?)
    })
}

fn wish(n: u32) -> Acquire {
    Acquire {
        key: format!("k{n}"),
        session: format!("s{n}").parse().unwrap(),
        player: "p".into(),
        title: "t".parse().unwrap(),
        candidates: vec![SlotRef {
            host: "h".parse().unwrap(),
            slot: n,
        }],
        ttl: Micros::from_secs(60),
        decision: String::new(),
    }
}

#[tokio::test]
async fn a_disk_that_fails_is_told_and_nothing_answered_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let opener = opener(folder.path().join("fleet.redb"), &disk);
    let store = Embedded::redb_by(opener, Clock::default()).unwrap();
    let Acquired::Lease { lease: first, .. } = store.acquire(wish(1)).await.unwrap() else {
        panic!("no lease");
    };
    disk.fails.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let failed = store.acquire(wish(2)).await.unwrap_err();
        assert!(failed.is_transient(), "{failed:?}");
    }
    disk.fails.store(false, Ordering::SeqCst);
    // The same call, repeated: whether it had been carried out is found out.
    let again = store.acquire(wish(2)).await.unwrap();
    assert!(
        matches!(again, Acquired::Lease { ref lease, .. } if lease.fence == 1),
        "{again:?}"
    );
    assert_eq!(store.lease(&first.session).await.unwrap(), Some(*first));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_share_an_fsync() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let opener = opener(folder.path().join("fleet.redb"), &disk);
    let store = Arc::new(Embedded::redb_by(opener, Clock::default()).unwrap());
    let before = disk.syncs.load(Ordering::SeqCst);
    let calls: Vec<_> = (0..500)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.acquire(wish(n)).await.unwrap() })
        })
        .collect();
    for call in calls {
        assert!(matches!(call.await.unwrap(), Acquired::Lease { fresh: true, .. }));
    }
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs < 500, "{syncs} fsyncs for 500 calls");
}

/// A file as an engine of schema 1 left it.
fn file_of_schema_1(path: &Path) {
    let db = Database::create(path).unwrap();
    step(&db, 1).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(FENCES).unwrap().insert(("h", 1), 41).unwrap();
    txn.commit().unwrap();
}

fn set_schema(path: &Path, schema: u64, oldest: u64) {
    let db = Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut meta = txn.open_table(META).unwrap();
        meta.insert("schema", schema).unwrap();
        meta.insert("oldest", oldest).unwrap();
    }
    txn.commit().unwrap();
}

#[tokio::test]
async fn a_file_of_the_schema_before_is_brought_up_to_date_and_keeps_its_fences() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.redb");
    file_of_schema_1(&path);
    let store = Embedded::redb(&path, Clock::default()).unwrap();
    let done = store.put("b", "k", Expect::Absent, "x".into()).await.unwrap();
    assert!(matches!(done, Swapped::Done(_)));
    let Acquired::Lease { lease, .. } = store.acquire(wish(1)).await.unwrap() else {
        panic!("no lease");
    };
    assert_eq!(lease.fence, 42);
}

#[tokio::test]
async fn a_later_schema_is_used_if_it_allows_and_refused_if_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.redb");
    drop(Embedded::redb(&path, Clock::default()).unwrap());
    set_schema(&path, u64::from(SCHEMA) + 1, u64::from(SCHEMA));
    drop(Embedded::redb(&path, Clock::default()).unwrap());
    set_schema(&path, u64::from(SCHEMA) + 2, u64::from(SCHEMA) + 1);
    let refused = Embedded::redb(&path, Clock::default()).unwrap_err();
    assert!(
        matches!(
            refused,
            Error::SchemaTooNew {
                found: 4,
                oldest: 3,
                ours: 2
            }
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_in_use_or_is_none_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.redb");
    let _held = Embedded::redb(&path, Clock::default()).unwrap();
    assert!(matches!(
        Embedded::redb(&path, Clock::default()),
        Err(Error::Unreachable(_))
    ));
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a store, but long enough to be read as one".repeat(200),
    )
    .unwrap();
    assert!(matches!(
        Embedded::redb(&text, Clock::default()),
        Err(Error::Unreachable(_))
    ));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("not a store"));
}

#[tokio::test]
async fn a_clock_that_was_set_back_prolongs_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.redb");
    let late = WallTime::from_micros(1_700_000_100_000_000);
    {
        let store = Embedded::redb(&path, Clock::standing(late)).unwrap();
        store.acquire(wish(1)).await.unwrap();
    }
    let clock = Clock::standing(late.before(Micros::from_secs(3600)));
    let store = Embedded::redb(&path, clock.clone()).unwrap();
    assert_eq!(clock.now(), late);
    assert!(store.expire(Micros::ZERO, 10).await.unwrap().is_empty());
    clock.pass(Micros::from_secs(60));
    assert_eq!(store.expire(Micros::ZERO, 10).await.unwrap().len(), 1);
}
